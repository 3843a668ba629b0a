"""Whether our own database is away: not reachable, shutting down, full or too busy. What was asked may be right."""

import logging
import sqlite3
from collections.abc import Callable

from django.db import OperationalError, connection

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 30
"""When whoever met an outage should try again."""

_SQLITE = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
}  # fmt: skip
_POSTGRESQL = ("08", "53", "57P")
"""Beginnings of SQLSTATE, from the manual's appendix A: connection exception, insufficient resources, and the server's
operators stop or start it. An error without any comes from the connection itself.
"""


def is_database_outage(error: BaseException | None) -> bool:
    """Return whether an error, or what led to it, says that the database is away now."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OperationalError) and _is_away(error.__cause__):
            return True
        error = error.__cause__ or error.__context__
    return False


def reaches_database(who: str, work: Callable[[], object]) -> bool:
    """Do the work. Return False, with a line in the log, where the database is away: whoever asks later goes on."""
    try:
        work()
    except Exception as error:
        if not is_database_outage(error):
            raise
        logger.warning("%s: The database cannot be reached (%s); waiting for it.", who, str(error).strip())
        if not connection.in_atomic_block:
            connection.close()  # it may be broken; the next statement opens a new one
        return False
    return True


def _is_away(driver: BaseException | None) -> bool:
    """Return what the driver's error says of it."""
    if isinstance(driver, sqlite3.Error):
        return (getattr(driver, "sqlite_errorcode", 0) & 0xFF) in _SQLITE
    sqlstate = getattr(driver, "sqlstate", "")  # of psycopg's errors, which nobody with SQLite has to load
    return sqlstate is None or str(sqlstate).startswith(_POSTGRESQL)
