"""Waits that Dataverse asked for, and who shares its limits: for all processes and machines of this installation.

A service protection limit is a user's: what one worker is told holds for all that send as the same application user.
One row a user; it is read before each request is sent, and written when Dataverse asks to wait. Times are the
database's own, so that the machines' clocks need not agree.

What Dataverse recommends to send at once is a user's, too. Each process that goes on sending has a row that says when
it did last; whoever counts them knows its share (dataverse.concurrency.share).
"""

import hashlib
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeVar

from django.db import Error, connection
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from connection_setup.models import ServiceProcess, ServiceWait

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_SENDS = timedelta(seconds=35)
"""A process that has not said so for this long sends no more: it says so every COUNTED_EVERY_S seconds."""
_FORGOTTEN = timedelta(hours=1)
_PATIENCE_MS = 100


class UserWaits:
    """The stored waits of one user of one environment: dataverse.throttle.StoredWaits.

    Requests are sent by many threads that soon end. So that each needs no database connection of its own, one thread
    of the process reads and writes for all of them.
    """

    def __init__(self, origin: str, user: str) -> None:
        self.key = hashlib.sha256(f"{origin}\n{user}".encode()).hexdigest()

    def seconds_left(self) -> float:
        """Return the seconds that the user has still to wait; 0 where there are none, or where nobody can tell."""
        return _in_own_thread(self._read, 0.0)

    def begin_wait(self, seconds: float) -> None:
        """Store that the user has to wait, unless a wait is stored that lasts longer."""
        _in_own_thread(lambda: self._write(timedelta(seconds=seconds)), None)

    def count_processes(self) -> int:
        """Store that this process sends as the user; return how many do, 0 where nobody can tell."""
        return _in_own_thread(self._count, 0)

    def _count(self) -> int:
        with _giving_up_soon():
            return self._note_and_count()

    def _note_and_count(self) -> int:
        mine = ServiceProcess.objects.filter(key=self.key, process=_own_thread.name)
        if not mine.update(seen=Now()):
            ServiceProcess.objects.filter(seen__lt=Now() - _FORGOTTEN).delete()
            made = ServiceProcess(key=self.key, process=_own_thread.name, seen=Now())
            ServiceProcess.objects.bulk_create([made], ignore_conflicts=True)
        return ServiceProcess.objects.filter(key=self.key, seen__gt=Now() - _SENDS).count()

    def _read(self) -> float:
        with connection.cursor() as cursor:
            cursor.execute(_seconds_left(connection.vendor), [self.key])
            found = cursor.fetchone()
        if found is None:
            return 0.0
        (left,) = found  # as the database has it: SQLite knows no intervals
        return max(0.0, left.total_seconds() if isinstance(left, timedelta) else left / 1_000_000)

    def _write(self, wait: timedelta) -> None:
        row = ServiceWait.objects.filter(key=self.key)
        if not row.exists():
            ServiceWait.objects.bulk_create([ServiceWait(key=self.key, until=_LONG_AGO)], ignore_conflicts=True)
        row.filter(until__lt=Now() + wait).update(until=Now() + wait)


@cache
def _seconds_left(vendor: str) -> str:  # noqa: ARG001 - each has SQL of its own
    """Return the query for what is left of a user's wait, written once: every request asks it before it is sent."""
    left = ExpressionWrapper(F("until") - Now(), output_field=DurationField())
    sql, parameters = ServiceWait.objects.filter(key="").values_list(left).query.sql_with_params()
    assert list(parameters) == [""]
    return str(sql)


@contextmanager
def _giving_up_soon() -> Iterator[None]:
    """Wait for no other writer of SQLite's, or hardly: no request is held up so that its sender is counted."""
    if connection.vendor != "sqlite":
        yield
        return
    usual_ms = round(1000 * float(connection.settings_dict.get("OPTIONS", {}).get("timeout", 5)))
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {usual_ms}")


class _OwnThread:
    """The thread of this process that reads and writes, with its connection; another process makes its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = 0
        self._thread: ThreadPoolExecutor | None = None
        self.name = ""
        """What this process is told apart by, on all machines."""

    def run(self, work: Callable[[], Result]) -> Result:
        with self._lock:
            if self._thread is None or self._process != os.getpid():
                if self._process != os.getpid():
                    self.name = uuid.uuid4().hex
                self._process, self._thread = os.getpid(), ThreadPoolExecutor(1, "service-waits")
            thread = self._thread
        return thread.submit(work).result()

    def close(self) -> None:
        """End the thread and close its connection."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and self._process == os.getpid():
            thread.submit(lambda: connection.close()).result()
            thread.shutdown()


_own_thread = _OwnThread()


def close() -> None:
    """Close the database connection of the thread that reads and writes; it opens another when it needs one."""
    _own_thread.close()


def _in_own_thread(work: Callable[[], Result], otherwise: Result) -> Result:
    """Return what `work` returns; `otherwise` where the database does not answer.

    Requests go on then: what the service refuses is waited for in this process all the same.
    """

    def attempt() -> Result:
        # SQLite's file stays where it is: to open it anew before every request takes longer than what is asked of it.
        if connection.errors_occurred or connection.vendor != "sqlite":
            connection.close_if_unusable_or_obsolete()
        return work()

    try:
        return _own_thread.run(attempt)
    except Error as error:
        logger.warning("the waits of Dataverse's limits can be neither read nor stored now (%s)", error)
        return otherwise
