"""What was asked of the Web API."""

import threading
from collections import Counter
from typing import Any


class Traffic:
    """Counts outer requests by shape, writes (outer ones and parts of $batch), committed rows and impatience."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self.clear()

    def clear(self) -> None:
        """Begin counting anew."""
        with self._lock:
            self.total = self.writes = self.rows_written = self.throttled = self.before_retry_after = 0
            self.max_concurrency = self._running
            self.by: Counter[str] = Counter()
            self.parts: Counter[str] = Counter()

    def enter(self, method: str, shape: str) -> None:
        """A request has come."""
        with self._lock:
            self.total += 1
            self.by[f"{method} {shape}"] += 1
            self._running += 1
            self.max_concurrency = max(self.max_concurrency, self._running)

    def leave(self) -> None:
        """A request was answered, or given up."""
        with self._lock:
            self._running -= 1

    def part(self, method: str, shape: str) -> None:
        """A part inside $batch was executed."""
        with self._lock:
            self.parts[f"{method} {shape}"] += 1

    def wrote(self, rows: int) -> None:
        """A transaction was committed."""
        with self._lock:
            self.rows_written += rows

    def count(self, name: str) -> None:
        """Raise `writes`, `throttled` or `before_retry_after` by one."""
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)

    def shown(self) -> dict[str, Any]:
        """The counts as the control call gives them."""
        with self._lock:
            return {
                "total": self.total,
                "by": dict(sorted(self.by.items())),
                "parts": dict(sorted(self.parts.items())),
                "writes": self.writes,
                "rows_written": self.rows_written,
                "throttled": self.throttled,
                "before_retry_after": self.before_retry_after,
                "max_concurrency": self.max_concurrency,
            }
