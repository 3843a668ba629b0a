"""How many requests are under way at once: as many as the service bears, found out by trying.

It begins with one request, jumps to the parallelism the service recommends (x-ms-dop-hint), grows by one whenever all
lanes were used and nothing was refused, and halves when a limit was met. A limit is a user's, so the lanes are shared
by all clients of one user in this process; see `patience` for the waits.
"""

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 32
"""More lanes than connections are kept open would open one per request."""


class Lane:
    """One request's place. Say `throttled` on it when the service refused the request for a limit."""

    __slots__ = ("age", "refused")

    def __init__(self, age: int) -> None:
        self.age = age
        self.refused = False

    def throttled(self) -> None:
        """The service refused this request for a limit."""
        self.refused = True


class RequestSlots:
    """The lanes of one user. Thread-safe."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._free = threading.Condition()
        self._width = 1
        self._hint: int | None = None
        self._busy = 0
        self._full = False
        self._calm = 0
        self._age = 0

    @property
    def width(self) -> int:
        """How many requests may be under way now."""
        with self._free:
            return self._width

    @property
    def hint(self) -> int | None:
        """What the service recommends; None before it said so."""
        return self._hint

    def hinted(self, number: int) -> None:
        """The service recommends this many requests at once; from where experience began it is only remembered."""
        with self._free:
            first, self._hint = self._hint is None, max(1, min(number, self._most))
            if first and self._age == 0 and self._width < self._hint:
                self._width = self._hint
                self._free.notify_all()

    @contextmanager
    def lane(self) -> Iterator[Lane]:
        """Wait for a free lane and keep it for the block."""
        with self._free:
            while self._busy >= self._width:
                self._full = True
                self._free.wait()
            self._busy += 1
            mine = Lane(self._age)
        try:
            yield mine
        finally:
            with self._free:
                self._busy -= 1
                self._learn(mine)
                self._free.notify_all()

    def _learn(self, lane: Lane) -> None:
        if lane.refused:
            # Requests that were under way together are refused together: that is one meeting with the limit.
            if lane.age == self._age:
                self._age += 1
                self._width = max(1, self._width // 2)
            self._calm, self._full = 0, False
            return
        self._calm += 1
        if self._calm >= self._width and self._full and self._width < self._most:
            self._width += 1
            self._calm, self._full = 0, False


_known: "weakref.WeakKeyDictionary[object, RequestSlots]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def lanes_of(user: object) -> RequestSlots:
    """The lanes shared by all who send as this user (the process's one token source of it)."""
    with _lock:
        return _known.setdefault(user, RequestSlots())


def forget() -> None:
    """Begin anew with every user, as a new process would."""
    with _lock:
        _known.clear()
