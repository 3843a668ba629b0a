"""What is known of an environment's tables, kept for a minute for the whole process.

A job makes a client per slice and a page one per request; without this each would ask for the same descriptions. An
entry is dropped early when the service refuses something that the description may have misled us to, and when the
metadata is changed from here.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from dataverse.errors import DataverseError
from dataverse.types import TableInfo

LIFE_S = 60.0
STALE_REASONS = frozenset({"unknown_column", "unknown_choice", "value_too_long", "configuration"})
"""Refusals that a newer description could have avoided."""


class TableCache:
    """One environment's tables. Thread-safe; several who ask for the same table at once cause one read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Future[TableInfo]]] = {}

    def get(self, name: str, read: Callable[[], TableInfo]) -> TableInfo:
        """The table, read by `read` unless it is known. An error is for everybody who waited, and is not kept."""
        with self._lock:
            found = self._known.get(name)
            mine = found is None or (found[1].done() and self._clock() - found[0] >= LIFE_S)
            if mine or found is None:
                found = (self._clock(), Future())
                self._known[name] = found
        future = found[1]
        if not mine:
            return future.result()
        try:
            made = read()
        except BaseException as error:
            with self._lock:
                if self._known.get(name) is found:
                    del self._known[name]
            future.set_exception(error)
            raise
        future.set_result(made)
        return made

    def forget(self) -> None:
        """Read every table anew when it is asked for next."""
        with self._lock:
            self._known.clear()

    def learn(self, error: Exception | None) -> None:
        """Forget the tables when a refusal says that what is known of them may be old."""
        if isinstance(error, DataverseError) and error.reason in STALE_REASONS:
            self.forget()


_caches: dict[str, TableCache] = {}
_lock = threading.Lock()
_MOST = 64


def cache_of(origin: str) -> TableCache:
    """The process's cache for the environment at an origin."""
    with _lock:
        if origin not in _caches and len(_caches) >= _MOST:
            _caches.clear()
        return _caches.setdefault(origin, TableCache())


def forget() -> None:
    """Begin anew with every environment, as a new process would."""
    with _lock:
        for cache in _caches.values():
            cache.forget()
