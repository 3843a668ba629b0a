"""Locks that every process of an installation shares: by the database, and for as long as a transaction."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Open a transaction that no other one of the same name runs beside; keep it short.

    SQLite's transactions that write wait for each other anyway (they begin IMMEDIATE, see settings).
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [zlib.crc32(name.encode())])
        yield
