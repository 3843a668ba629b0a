"""What a full synchronization will take, before it begins: records, requests, rows to write and time. No Django.

Rates are those of the last runs in the same environment; where there were none, those that Dataverse is known for.
However quick the rows, requests take as long as Dataverse's limit for a user makes them: 6,000 in five minutes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from math import ceil
from statistics import median
from typing import Any, Self

from core.words import counted

PAGE = 5000
"""Rows of a page that is read."""
CREATED_AT_ONCE = 1000
"""Rows of one request that creates."""
FIXED_REQUESTS = 4
"""Requests of any run: the organization, the table, the changes."""
REQUESTS_A_SECOND = 6000 / 300
_RUNS = 5
"""Of each kind of work, the last runs whose rate counts."""
_LEAST_ROWS = 200
"""With fewer rows, starting up is most of a run."""
_MOSTLY = 0.8


@dataclass(frozen=True, slots=True)
class Work:
    """Rows of a run: read (here or in Dataverse, whichever are more), written in Dataverse, stored here."""

    read: int = 0
    written: int = 0
    stored: int = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.read + other.read, self.written + other.written, self.stored + other.stored)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that ended: what it did, and the seconds a worker worked on it."""

    work: Work
    seconds: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Rows a second of each kind of work. The defaults: 40 ms for a row that is written, four requests at once."""

    read: float = 4000.0
    written: float = 100.0
    stored: float = 500.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a line or a whole run takes; also what one took, once it has ended."""

    records: int = 0
    requests: int = 0
    rows: int = 0
    """Rows written, on either side."""
    seconds: float = 0.0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            self.records + other.records, self.requests + other.requests, self.rows + other.rows,
            self.seconds + other.seconds,
        )  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> Self | None:
        """Return what `dump` gave; None where nothing was kept."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in known}) if kept else None

    @property
    def short(self) -> str:
        """The rows and the time, as a cell has room for: "1,204 rows, 3 min"."""
        return f"{counted(self.rows, 'row')}, {briefly(self.seconds)}"

    def __str__(self) -> str:
        """Return it in words: "1,204 rows, 12 requests, about 3 minutes"."""
        return f"{counted(self.rows, 'row')}, {counted(self.requests, 'request')}, {in_words(self.seconds)}"


def rates(runs: Iterable[Run]) -> Rates:
    """Return the rates of runs, the newest first. A run counts for the kind that nearly all of its rows are of."""
    found: dict[str, list[float]] = {"read": [], "written": [], "stored": []}
    for run in runs:
        total = run.work.read + run.work.written + run.work.stored
        for name, known in found.items():
            rows = getattr(run.work, name)
            if rows >= max(_LEAST_ROWS, _MOSTLY * total) and run.seconds > 0 and len(known) < _RUNS:
                known.append(rows / run.seconds)
    return Rates(**{name: median(known) for name, known in found.items() if known})


def estimate(work: Work, known: Rates) -> Estimate:
    """Return what so much work takes at these rates."""
    requests = FIXED_REQUESTS + ceil(work.read / PAGE) + ceil(work.written / CREATED_AT_ONCE)
    seconds = work.read / known.read + work.written / known.written + work.stored / known.stored
    records = max(work.read, work.written, work.stored)
    return Estimate(records, requests, work.written + work.stored, max(seconds, requests / REQUESTS_A_SECOND))


def in_words(seconds: float) -> str:
    """Return a time as people say it: "under a minute", "about 9 minutes", "about 2.5 hours"."""
    if seconds < 60:
        return "under a minute"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {counted(minutes, 'minute')}"
    hours = round(seconds / 1800) / 2
    return f"about {hours:g} hours"


def briefly(seconds: float) -> str:
    """Return the same in few letters: "under 1 min", "9 min", "2.5 h"."""
    words = in_words(seconds).removeprefix("about ").replace("a minute", "1 min")
    return words.replace(" minutes", " min").replace(" minute", " min").replace(" hours", " h")
