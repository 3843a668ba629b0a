"""Waits shared by a user's requests: a service protection limit is a user's, so the user's other requests wait too.

Within a process all who send as a user share one `SharedThrottle`. Whoever makes the client may also give it a place
where other processes read and write the same user's waits (`StoredWaits`). There they also say that they send as the
user, so that each knows how many share what the service grants it.
"""

import math
import threading
import time
import weakref
from typing import Protocol

from dataverse.error_rules import error_for
from dataverse.errors import Throttled

SAME_WAIT_S = 0.5
"""A wait that ends so shortly after the one that was stored is the same one, told again."""
COUNTED_AFTER_S = 1.0
"""A process that sends for so long counts as one of those that share the user's slots; a page's few requests do not."""
COUNTED_EVERY_S = 10.0
IDLE_S = 30.0
"""A process that has not sent for so long shares no more; it begins anew."""


class StoredWaits(Protocol):
    """Where all processes store until when one user has to wait. Thread-safe; never raises."""

    def seconds_left(self) -> float:
        """Return the seconds that the user has still to wait, as any process was told; 0 where there are none."""

    def begin_wait(self, seconds: float) -> None:
        """Store that the user has to wait, unless a wait is stored that lasts longer."""

    def count_processes(self) -> int:
        """Store that this process sends as the user; return how many do, 0 where nobody can tell."""


class Counting:
    """When a process that sends counts itself and the others (pure but for what it remembers)."""

    def __init__(self) -> None:
        self._began = self._sent = -math.inf
        self._counts_at = -math.inf

    def is_due(self, now: float) -> bool:
        """Say that a request is sent now; return whether to count first."""
        if now - self._sent >= IDLE_S:
            self._began, self._counts_at = now, now + COUNTED_AFTER_S
        self._sent = now
        if now < self._counts_at:
            return False
        self._counts_at = now + COUNTED_EVERY_S
        return True


class SharedThrottle:
    """Until when the service asked one user to wait. Thread-safe."""

    def __init__(self) -> None:
        self.stored: StoredWaits | None = None
        self._lock = threading.Lock()
        self._until = 0.0
        self._stored_until = 0.0
        self._error: Throttled | None = None
        self._counting = Counting()

    def count_processes(self) -> int:
        """Return how many processes send as this user, where they are to be counted now; otherwise 0."""
        if self.stored is None:
            return 0
        with self._lock:
            due = self._counting.is_due(time.monotonic())
        return self.stored.count_processes() if due else 0

    def begin_wait(self, error: Throttled, seconds: float) -> float:
        """Have all requests of the user wait; return when the wait ends, on the monotonic clock, for `end_wait`."""
        with self._lock:
            until = time.monotonic() + seconds
            if until > self._until:
                self._until, self._error = until, error
            new = seconds > 0 and until > self._stored_until + SAME_WAIT_S
            if new:
                self._stored_until = until
        if new and self.stored is not None:
            self.stored.begin_wait(seconds)
        return until

    def end_wait(self, until: float) -> None:
        """End the wait that ends at `until`, unless a longer one began meanwhile."""
        with self._lock:
            if until == self._until:
                self._until = 0.0

    def remaining(self) -> tuple[float, Throttled | None]:
        """Return the seconds still to wait, and the refusal that asked for them."""
        with self._lock:
            return max(0.0, self._until - time.monotonic()), self._error

    def must_wait(self) -> bool:
        """Return whether a request must not be sent now; looks at what other processes were told, too."""
        if self.remaining()[0] > 0:
            return True
        seconds = self.stored.seconds_left() if self.stored is not None else 0.0
        if seconds <= 0:
            return False
        with self._lock:
            self._until = self._stored_until = time.monotonic() + seconds
            self._error = _told_elsewhere(seconds)
        return True


def _told_elsewhere(seconds: float) -> Throttled:
    said = "Another process of this installation was told to wait."
    error = error_for(429, "", said, retry_after=seconds)
    assert isinstance(error, Throttled)
    return error


_known: weakref.WeakKeyDictionary[object, SharedThrottle] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def throttle_for(user: object, stored: StoredWaits | None = None) -> SharedThrottle:
    """Return the throttle shared by all who send as this user (the process's one token source of it).

    stored: where other processes find the same user's waits.
    """
    with _lock:
        throttle = _known.setdefault(user, SharedThrottle())
        throttle.stored = stored or throttle.stored
        return throttle
