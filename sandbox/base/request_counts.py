"""Counts of the requests to the Web API."""

import threading
from collections import Counter
from typing import Any


class RequestCounts:
    """Counts outer requests and parts of $batch by shape, writes, committed rows, refusals and early retries.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self.writers: Counter[str] = Counter()
        self.clear()

    def clear(self) -> None:
        """Start all counts at zero."""
        with self._lock:
            self.total = self.writes = self.rows_written = self.throttled = self.before_retry_after = 0
            self.max_concurrency = self._running
            self.by_shape: Counter[str] = Counter()
            self.parts: Counter[str] = Counter()

    def begin_request(self, method: str, shape: str) -> None:
        """Count a request in."""
        with self._lock:
            self.total += 1
            self.by_shape[f"{method} {shape}"] += 1
            self._running += 1
            self.max_concurrency = max(self.max_concurrency, self._running)

    def end_request(self) -> None:
        """Count a request out that was answered or dropped."""
        with self._lock:
            self._running -= 1

    def count_part(self, method: str, shape: str) -> None:
        """Count an executed part of a $batch."""
        with self._lock:
            self.parts[f"{method} {shape}"] += 1

    def begin_write(self, entity_set: str) -> int:
        """Count a request in that writes rows of a set; return how many do so now."""
        with self._lock:
            self.writers[entity_set] += 1
            return self.writers[entity_set]

    def end_write(self, entity_set: str) -> None:
        """Count such a request out."""
        with self._lock:
            self.writers[entity_set] -= 1

    def count_rows_written(self, rows: int) -> None:
        """Count the rows that a transaction committed."""
        with self._lock:
            self.rows_written += rows

    def increment(self, name: str) -> None:
        """Increment `writes`, `throttled` or `before_retry_after`."""
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)

    def to_json(self) -> dict[str, Any]:
        """Return the counts as the control call lists them."""
        with self._lock:
            return {
                "total": self.total,
                "by": dict(sorted(self.by_shape.items())),
                "parts": dict(sorted(self.parts.items())),
                "writes": self.writes,
                "rows_written": self.rows_written,
                "throttled": self.throttled,
                "before_retry_after": self.before_retry_after,
                "max_concurrency": self.max_concurrency,
            }
