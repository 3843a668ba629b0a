"""Waits shared by a user's requests: a service protection limit is a user's, so the user's other requests wait too."""

import threading
import time
import weakref

from dataverse.errors import Throttled


class SharedThrottle:
    """Until when the service asked one user to wait. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._error: Throttled | None = None

    def begin_wait(self, error: Throttled, seconds: float) -> float:
        """Have all requests of the user wait; return when the wait ends, on the monotonic clock, for `end_wait`."""
        with self._lock:
            until = time.monotonic() + seconds
            if until > self._until:
                self._until, self._error = until, error
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


_known: weakref.WeakKeyDictionary[object, SharedThrottle] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def throttle_for(user: object) -> SharedThrottle:
    """Return the throttle shared by all who send as this user (the process's one token source of it)."""
    with _lock:
        return _known.setdefault(user, SharedThrottle())
