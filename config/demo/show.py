"""What the demo prints: progress bars on a terminal, plain lines elsewhere, and tables."""

import shutil
import time
from collections.abc import Sequence
from typing import Protocol

from jobs.models import Job

_WIDTH = 28


class Out(Protocol):
    """What a screen needs of a stream."""

    def write(self, text: str, /) -> object: ...  # noqa: D102
    def flush(self) -> object: ...  # noqa: D102
    def isatty(self) -> bool: ...  # noqa: D102


class Screen:
    """Lines and bars on one stream."""

    def __init__(self, out: Out) -> None:
        self.out = out
        self.live = out.isatty()
        self._bar = False
        self._said = time.monotonic()

    def line(self, text: str = "") -> None:
        """Print a line that stays."""
        self._clear()
        self.out.write(f"{text}\n")
        self.out.flush()

    def heading(self, text: str) -> None:
        """Print a line that begins a step."""
        self.line()
        self.line(text)
        self._said = time.monotonic()

    def progress(self, job: Job) -> None:
        """Print how far a job is: one bar that moves on a terminal, elsewhere a line every five seconds."""
        if self.live:
            self.out.write("\r\x1b[2K" + self._fitting(_bar(job)))
            self.out.flush()
            self._bar = True
        elif not job.ended and time.monotonic() - self._said > 5:
            self._said = time.monotonic()
            self.line(f"  {_named(job)}: {_far(job)}")

    def done(self, job: Job) -> None:
        """Print the line that stays of a job that has ended."""
        self._said = time.monotonic()
        counted = ", ".join(f"{n:,} {word}" for word, n in job.counters.items() if n and word != "total")
        self.line(f"  {_named(job):32} {job.get_state_display():10} {counted or 'nothing to do'}")
        if job.message and job.state != "finished":
            self.line(f"    {job.message}")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print columns in line: text to the left, numbers to the right."""
        cells = [[f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in rows]
        widths = [max(len(str(row[n])) for row in (header, *cells)) for n in range(len(header))]
        right = [all(isinstance(row[n], int | float) for row in rows) for n in range(len(header))]
        for row in ([*header], *cells):
            parts = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
            self.line("  " + "  ".join(parts).rstrip())

    def _clear(self) -> None:
        if self._bar:
            self.out.write("\r\x1b[2K")
            self._bar = False

    def _fitting(self, text: str) -> str:
        return text[: max(20, shutil.get_terminal_size().columns - 1)]


def _named(job: Job) -> str:
    return f"{job.get_type_display()} of {job.mapping_name}"


def _far(job: Job) -> str:
    total = f" of {job.total:,}" if job.total else ""
    failed = f", {job.counters['failed']:,} failed" if job.counters.get("failed") else ""
    return f"{job.phase or job.get_state_display()}, {job.processed:,}{total}{failed}"


def _bar(job: Job) -> str:
    share = min(1.0, job.processed / job.total) if job.total else (1.0 if job.ended else 0.0)
    full = round(share * _WIDTH)
    return f"  {_named(job):32} [{'#' * full}{'.' * (_WIDTH - full)}] {_far(job)}"
