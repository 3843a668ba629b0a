"""Table metadata of each environment, cached for a minute for the whole process.

A job makes a client per slice and a page one per request; without the cache each would read the same metadata. It is
dropped early when the service refuses something that outdated metadata may have caused, and when metadata is changed
from here.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from dataverse.errors import DataverseError
from dataverse.types import TableInfo

LIFETIME_S = 60.0
STALE_REASONS = frozenset({"unknown_column", "unknown_choice", "value_too_long", "configuration"})
"""Refusals that newer metadata could have avoided."""


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A table that was read, or is being read, since `read_at` (seconds of the cache's clock)."""

    read_at: float
    table: Future[TableInfo]


class TableCache:
    """One environment's tables. Thread-safe; several threads that ask for the same table at once cause one read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def get(self, name: str, read: Callable[[], TableInfo]) -> TableInfo:
        """Return the table, read by `read` unless it is cached. Raises what `read` raises; that is not cached."""
        with self._lock:
            entry = self._entries.get(name)
            reads = entry is None or (entry.table.done() and self._clock() - entry.read_at >= LIFETIME_S)
            if reads or entry is None:
                entry = _Entry(self._clock(), Future())
                self._entries[name] = entry
        if not reads:
            return entry.table.result()
        try:
            table = read()
        except BaseException as error:
            with self._lock:
                if self._entries.get(name) is entry:
                    del self._entries[name]
            entry.table.set_exception(error)
            raise
        entry.table.set_result(table)
        return table

    def forget(self) -> None:
        """Drop every table: it is read again when it is asked for next."""
        with self._lock:
            self._entries.clear()

    def forget_after(self, error: Exception | None) -> None:
        """Drop every table after a refusal that outdated metadata may have caused."""
        if isinstance(error, DataverseError) and error.reason in STALE_REASONS:
            self.forget()


_caches: dict[str, TableCache] = {}
_lock = threading.Lock()
_MAX_CACHES = 64


def cache_for(origin: str) -> TableCache:
    """Return the process's cache for the environment at an origin."""
    with _lock:
        if origin not in _caches and len(_caches) >= _MAX_CACHES:
            _caches.clear()
        return _caches.setdefault(origin, TableCache())


def forget() -> None:
    """Drop the tables of every environment, as a new process would."""
    with _lock:
        for cache in _caches.values():
            cache.forget()
