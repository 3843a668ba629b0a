"""How many rows one writing request carries: by the time a row was measured to take, so that no request is cut off.

A client waits for an answer as long as its time-outs say (`http_session.Timeouts`); a request that takes longer is cut
off, and nobody knows what became of its rows. So the first part is small, and the others are sized by what the rows
before them took. What a row takes differs from table to table, and between creating and changing.
"""

import threading
import weakref
from dataclasses import dataclass, field
from math import ceil

FIRST_ROWS = 25
"""Rows of the first part, while it is not known what a row takes."""
GROWTH = 4
"""A part has at most so many times the rows of the largest that was answered."""
EVENED = 1.5
"""How many times the rows that are wanted a part may have so that parts are even."""
AIM_S = 2.0
"""How long a request is to take where its rows are many and quick enough."""
LONGEST_SHARE = 2 / 7
"""The share of the client's read time-out that a request may be expected to take: 10 of 35 seconds."""
_FADING = 0.5
"""The weight of all that was measured before, when something new is measured."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Within which bounds parts are sized.

    least: parts are not smaller for being quick, only where they would take too long; most: rows of a part, whatever
    they take; spread_from: rows from which a part is worth a request slot of its own.
    """

    least: int
    most: int
    spread_from: int


CHANGES = Bounds(least=100, most=250, spread_from=100)
"""Each row of a $batch is a request of its own to the service: larger ones gain nothing and hold up the others."""
CREATIONS = Bounds(least=100, most=1000, spread_from=1000)
"""CreateMultiple is quicker per row the more rows it has."""


def rows_for(row_s: float, bounds: Bounds, *, longest_s: float) -> int:
    """Return the rows of a part whose rows take `row_s` seconds each, so that it takes at most `longest_s`."""
    wanted = bounds.most if row_s * bounds.most <= AIM_S else max(bounds.least, int(AIM_S / row_s))
    if wanted * row_s > longest_s:
        return max(1, int(longest_s / row_s))
    return min(wanted, bounds.most)


def even_rows(rows: int, wanted: int, slots: int, bounds: Bounds) -> int:
    """Return the rows of parts that keep all slots busy to the end: up to half as many again as `wanted`.

    Ten parts of 100 by four slots would leave two of them idle in the third round; eight parts of 125 do not.
    """
    rounds = max(1, ceil(rows / (wanted * EVENED * slots)))
    return min(bounds.most, max(min(bounds.spread_from, wanted), ceil(rows / (rounds * slots))))


@dataclass(slots=True)
class PartSize:
    """The size of parts of one kind of writing to one table, learned from those that were sent. Thread-safe."""

    longest_s: float
    row_s: float | None = None
    """Seconds a row takes; None while no part was answered."""
    _largest: int = 0
    _rows: float = 0.0
    _seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wanted(self, bounds: Bounds) -> int:
        """Return how many rows parts are to have, by what is known of them."""
        with self._lock:
            if self.row_s is None:
                return min(FIRST_ROWS, bounds.most)
            return rows_for(self.row_s, bounds, longest_s=self.longest_s)

    def rows(self, bounds: Bounds) -> int:
        """Return how many rows the next part may have: not many times more than one that was answered."""
        return min(self.wanted(bounds), self._reached)

    def most_rows(self, bounds: Bounds) -> int:
        """Return how many rows the next part may have where parts are evened out."""
        return min(int(self.wanted(bounds) * EVENED), self._reached)

    @property
    def _reached(self) -> int:
        return max(FIRST_ROWS, GROWTH * self._largest)

    def answered(self, rows: int, seconds: float) -> None:
        """Learn from a part that was answered. Parts with many rows count for more than those with few."""
        with self._lock:
            self._rows = self._rows * _FADING + rows
            self._seconds = self._seconds * _FADING + seconds
            self.row_s = self._seconds / self._rows
            self._largest = max(self._largest, rows)

    def cut_off(self, rows: int, seconds: float) -> None:
        """Learn from a part that got no answer within so many seconds: it takes twice as long, for all that is known.

        A connection that broke at once says nothing about the rows.
        """
        with self._lock:
            if 2 * seconds / rows > (self.row_s or 0.0):
                self._rows, self._seconds = rows, 2 * seconds
                self.row_s, self._largest = self._seconds / self._rows, min(self._largest, rows)


class PartSizes:
    """The part sizes of one user. Thread-safe."""

    def __init__(self) -> None:
        self._sizes: dict[tuple[str, str, float], PartSize] = {}
        self._lock = threading.Lock()

    def of(self, kind: str, table: str, *, read_timeout_s: float) -> PartSize:
        """Return the part size of one kind of writing to a table, for a client that waits so long for an answer."""
        with self._lock:
            key = (kind, table, read_timeout_s)
            if key not in self._sizes:
                self._sizes[key] = PartSize(read_timeout_s * LONGEST_SHARE)
            return self._sizes[key]


_known: weakref.WeakKeyDictionary[object, PartSizes] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def sizes_for(user: object) -> PartSizes:
    """Return the sizes shared by all who send as this user (the process's one token source of it)."""
    with _lock:
        return _known.setdefault(user, PartSizes())


def forget() -> None:
    """Forget what was learned about every user, as a new process would."""
    with _lock:
        _known.clear()
