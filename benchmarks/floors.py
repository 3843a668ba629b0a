"""Floors that get slower from one release to the next: a ratio to such a floor would hide what Tandem lost, too. Pure.

What a floor took is kept in loops: processor seconds as a multiple of a fixed piece of work on the same machine, so
that machines can be compared about. `python -m benchmarks --keep-floors` keeps what this run measured.
"""

from collections.abc import Mapping, Sequence

from benchmarks.telling import Line

MOST = 1.25
"""How many times as long as it was kept a floor may take."""


def name_of(line: Line) -> str:
    """Return by what a line's floor is kept: floors of the same name do other work for other things."""
    return f"{line.what}: {line.floor}"


def slower(lines: Sequence[Line], kept: Mapping[str, float]) -> list[str]:
    """Return a sentence for each floor that takes longer than it was kept; of void runs none."""
    found = []
    for line in lines:
        before = kept.get(name_of(line), 0.0)
        if before and not line.void and line.floor_loops > MOST * before:
            found.append(
                f"The floor of {name_of(line)} takes {line.floor_loops / before:.2f} times as long as when it was "
                "kept. Find out why, or keep it as it is now with --keep-floors."
            )
    return found


def kept_now(lines: Sequence[Line], kept: Mapping[str, float]) -> dict[str, float]:
    """Return what is to be kept after this run: measured floors anew, but those of void runs, and the others still."""
    measured = {name_of(line): round(line.floor_loops, 2) for line in lines if line.floor_loops and not line.void}
    return dict(sorted({**kept, **measured}.items()))
