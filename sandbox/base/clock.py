"""The sandbox's clock, which a test may move and speed up."""

import threading
import time
from datetime import UTC, datetime


class Clock:
    """Wall time plus an offset in seconds, running at a rate.

    Token and secret expiry, service protection limits and the expiry of delta tokens follow it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Sandbox time was _base_s (without the offset) when wall time was _base_wall_s.
        self._base_wall_s = time.time()
        self._base_s = self._base_wall_s
        self.offset_s = 0.0
        self.rate = 1.0

    def now(self) -> float:
        """Return the sandbox's time in seconds since 1970."""
        return self._base_s + (time.time() - self._base_wall_s) * self.rate + self.offset_s

    def set(self, offset_s: float | None = None, rate: float | None = None) -> None:
        """Set the offset against wall time, or how fast the clock runs from now on (1 is real time)."""
        with self._lock:
            if rate is not None:
                wall_s = time.time()
                self._base_s += (wall_s - self._base_wall_s) * self.rate
                self._base_wall_s = wall_s
                self.rate = rate
            if offset_s is not None:
                self.offset_s = offset_s

    def reset(self) -> None:
        """Go back to wall time."""
        with self._lock:
            self._base_wall_s = self._base_s = time.time()
            self.offset_s = 0.0
            self.rate = 1.0

    def moment(self) -> datetime:
        """Return the sandbox's time in UTC, to the second (the service shows no fractions)."""
        return datetime.fromtimestamp(self.now(), UTC).replace(microsecond=0)

    def stamp(self) -> str:
        """Return the sandbox's time as the Web API writes it."""
        return self.moment().strftime("%Y-%m-%dT%H:%M:%SZ")
