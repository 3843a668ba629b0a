"""Waits that Dataverse asked for, stored for all processes and machines of this installation.

A service protection limit is a user's: what one worker is told holds for all that send as the same application user.
One row a user; it is read before each request is sent, and written when Dataverse asks to wait. Times are the
database's own, so that the machines' clocks need not agree.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from django.db import Error, connection
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from connection_setup.models import ServiceWait

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


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

    def _read(self) -> float:
        left = ExpressionWrapper(F("until") - Now(), output_field=DurationField())
        found = ServiceWait.objects.filter(key=self.key).values_list(left, flat=True).first()
        return 0.0 if found is None else max(0.0, found.total_seconds())

    def _write(self, wait: timedelta) -> None:
        row = ServiceWait.objects.filter(key=self.key)
        if not row.exists():
            ServiceWait.objects.bulk_create([ServiceWait(key=self.key, until=_LONG_AGO)], ignore_conflicts=True)
        row.filter(until__lt=Now() + wait).update(until=Now() + wait)


class _OwnThread:
    """The thread of this process that reads and writes, with its connection; another process makes its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = 0
        self._thread: ThreadPoolExecutor | None = None

    def run(self, work: Callable[[], Result]) -> Result:
        with self._lock:
            if self._thread is None or self._process != os.getpid():
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
        connection.close_if_unusable_or_obsolete()
        return work()

    try:
        return _own_thread.run(attempt)
    except Error as error:
        logger.warning("the waits of Dataverse's limits can be neither read nor stored now (%s)", error)
        return otherwise
