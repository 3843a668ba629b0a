"""A limit is a user's, not a request's: whoever was told to wait, the others of that user in this process wait too."""

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

    def told(self, error: Throttled, seconds: float) -> float:
        """The service asked for a wait; the moment it ends, for `over`."""
        with self._lock:
            until = time.monotonic() + seconds
            if until > self._until:
                self._until, self._error = until, error
            return until

    def over(self, until: float) -> None:
        """The wait that was to end then has been waited for."""
        with self._lock:
            if until == self._until:
                self._until = 0.0

    def left(self) -> tuple[float, Throttled | None]:
        """The seconds still to wait, and the refusal that asked for them."""
        with self._lock:
            return max(0.0, self._until - time.monotonic()), self._error


_known: "weakref.WeakKeyDictionary[object, SharedThrottle]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def patience_of(user: object) -> SharedThrottle:
    """The patience shared by all who send as this user (the process's one token source of it)."""
    with _lock:
        return _known.setdefault(user, SharedThrottle())
