"""The sandbox's own time, which a test may move."""

import threading
import time
from datetime import UTC, datetime


class Clock:
    """Wall time plus an offset, running at a rate. Token and secret expiry, limits and delta expiry follow it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._real = time.time()
        self._shown = self._real
        self.offset_s = 0.0
        self.rate = 1.0

    def now(self) -> float:
        """Seconds since 1970 as the sandbox sees them."""
        return self._shown + (time.time() - self._real) * self.rate + self.offset_s

    def set(self, offset_s: float | None = None, rate: float | None = None) -> None:
        """Move the clock to wall time plus `offset_s`, or change how fast it runs from here on."""
        with self._lock:
            if rate is not None:
                real = time.time()
                self._shown += (real - self._real) * self.rate
                self._real = real
                self.rate = rate
            if offset_s is not None:
                self.offset_s = offset_s

    def reset(self) -> None:
        """Back to wall time."""
        with self._lock:
            self._real = self._shown = time.time()
            self.offset_s = 0.0
            self.rate = 1.0

    def moment(self) -> datetime:
        """The present, in UTC, to the second (the service shows no fractions)."""
        return datetime.fromtimestamp(self.now(), UTC).replace(microsecond=0)

    def stamp(self) -> str:
        """The present as the Web API writes it."""
        return self.moment().strftime("%Y-%m-%dT%H:%M:%SZ")
