"""What a piece of work took: seconds on the clock, and processor seconds, which a busy machine stretches far less."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUIET_LOAD = 1.0
"""A run that begins while more than this wants to run says nothing about seconds on the clock."""
STEADY = 1.5
"""So far apart may the slowest and the quickest run of a floor be."""


@dataclass
class Effort:
    """Seconds. wall: on the clock; own: of this process, SQLite in it; database: of PostgreSQL's process for it."""

    wall: float = 0.0
    own: float = 0.0
    database: float = 0.0

    @property
    def processor(self) -> float:
        """Processor seconds of Tandem and its database; the sandbox's are another's."""
        return self.own + self.database

    def __sub__(self, other: "Effort") -> "Effort":
        return Effort(self.wall - other.wall, self.own - other.own, self.database - other.database)


@contextmanager
def effort(database: Any) -> Iterator[Effort]:
    """Measure what the block takes. database: the connection that it writes through."""
    found, before = Effort(), _now(database)
    yield found
    after = _now(database) - before
    found.wall, found.own, found.database = after.wall, after.own, after.database


def loop() -> float:
    """Return the processor seconds of a fixed piece of work, the least of a few: how quick the machine is."""

    def seconds() -> float:
        began = time.process_time()
        numbers = [str(n * 7919 % 100_003) for n in range(100_000)]
        assert len(dict.fromkeys(sorted(numbers))) > 90_000
        return time.process_time() - began

    return min(seconds() for _ in range(5))


def in_loops(floors: list[Effort]) -> float:
    """Return what a floor took, in loops: of its runs the least, which other work beside has stretched least."""
    return min(one.processor for one in floors) / loop()


def load() -> float:
    """Return how many processes wanted to run, on average over the last minute."""
    return os.getloadavg()[0]


def void(load_before: float, floors: list[float]) -> str:
    """Return why seconds on the clock say nothing, or ""."""
    if load_before > QUIET_LOAD:
        return f"load {load_before:.1f}"
    spread = max(floors) / min(floors)
    return f"the floor took {spread:.1f} times as long at its slowest" if spread > STEADY else ""


def _now(database: Any) -> Effort:
    backend = _processor_of(_backend(database)) if database.vendor == "postgresql" else 0.0
    return Effort(time.perf_counter(), time.process_time(), backend)


def _backend(database: Any) -> int:
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _processor_of(process: int) -> float:
    """Return the processor seconds of another process of this machine; 0 where it cannot be seen."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0
