"""Lines of results: a ratio to a floor, measured several times, and the goal it is held to."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Line:
    """One thing measured. `ratios`: one per repeat; `least`: whether the goal is to reach it, not to stay below.

    processor: the same ratios of processor time; void: why the ratios of seconds on the clock say nothing, or "";
    floor_loops: what the floor took, in loops of effort.loop (benchmarks.floors), 0 where nobody said.
    """

    what: str
    floor: str
    ratios: list[float]
    goal: float | None = None
    least: bool = False
    note: str = ""
    processor: list[float] = field(default_factory=list)
    void: str = ""
    floor_loops: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    @property
    def met(self) -> str:
        if self.goal is None:
            return ""
        if self.void:
            return f"void: {self.void}"
        return "yes" if (self.median >= self.goal if self.least else self.median <= self.goal) else "no"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def table(lines: Sequence[Line]) -> str:
    """Return the lines as a Markdown table."""
    rows = [("Measured", "Floor", "Median", "Min", "Max", "Processor", "Goal", "Met")]
    for line in lines:
        goal = "" if line.goal is None else f"{'>=' if line.least else '<='} {shown(line.goal)}"
        what = f"{line.what} ({line.note})" if line.note else line.what
        spread = (shown(line.median), shown(min(line.ratios)), shown(max(line.ratios)))
        processor = shown(statistics.median(line.processor)) if line.processor else ""
        rows.append((what, line.floor, *spread, processor, goal, line.met))
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    ruled = [rows[0], tuple("-" * width for width in widths), *rows[1:]]
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in ruled
    )


def shown(value: float) -> str:
    """Return a ratio as people read it."""
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}"
