"""The database between tests that commit: as it was when the run began, in the time that its few rows take.

Django's own way empties every table, which takes PostgreSQL long however little is in them, and has all content types
and permissions made anew.
"""

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connections, transaction

Rows = dict[str, list[tuple[Any, ...]]]
"""Rows as the database has them, by table."""


def one_migration_behind(state: Path, migrated: Path) -> None:
    """Give a state folder a database in which one migration is still to be made, of those that `migrated` has."""
    with contextlib.closing(sqlite3.connect(shutil.copy(migrated, state))) as database, database:
        database.execute("DROP TABLE ui_userpreference")
        assert database.execute("DELETE FROM django_migrations WHERE app = 'ui'").rowcount == 1


def is_migrated(state: Path) -> bool:
    """Return whether that migration has been made."""
    with contextlib.closing(sqlite3.connect(state / "tandem.sqlite3")) as database:
        return bool(database.execute("SELECT 1 FROM sqlite_master WHERE name = 'ui_userpreference'").fetchall())


class Tables:
    """All tables of the application, looked at and filled as they are."""

    def __init__(self, connection: Any) -> None:
        self._alias = connection.alias
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        quoted = [connection.ops.quote_name(table) for table in tables]
        self._which = " UNION ALL ".join(f"SELECT '{one}' WHERE EXISTS (SELECT 1 FROM {one})" for one in quoted)
        self._first = self.rows()

    @property
    def _connection(self) -> Any:
        """The one of now: within the loop of a browser's driver it is another than the one that the run began with."""
        return connections[self._alias]

    def rows(self) -> Rows:
        """Everything there is."""
        with self._connection.cursor() as cursor:
            return {table: self._all(cursor, table) for table in self._filled(cursor)}

    def since(self, before: Rows) -> Rows:
        """Return what there is now and was not before."""
        now = {table: [row for row in rows if row not in before.get(table, [])] for table, rows in self.rows().items()}
        return {table: rows for table, rows in now.items() if rows}

    def put(self, rows: Rows) -> None:
        """Put rows in."""
        with transaction.atomic(using=self._alias), self._connection.cursor() as cursor:
            for table, its in rows.items():
                values = ", ".join(["%s"] * len(its[0]))
                cursor.executemany(f"INSERT INTO {table} VALUES ({values})", its)

    def restore(self) -> None:
        """Take out what came since the run began, and put back what went or was changed."""
        # All in one transaction: only at its end is looked for rows that name others which are gone.
        with transaction.atomic(using=self._alias), self._connection.cursor() as cursor:
            filled = self._filled(cursor)
            changed = [table for table, rows in self._first.items() if self._all(cursor, table) != rows]
            for table in filled:
                if table not in self._first or table in changed:
                    cursor.execute(f"DELETE FROM {table}")
            self.put({table: self._first[table] for table in changed})
        ContentType.objects.clear_cache()

    def _filled(self, cursor: Any) -> list[str]:
        cursor.execute(self._which)
        return [table for (table,) in cursor.fetchall()]

    def _all(self, cursor: Any, table: str) -> list[tuple[Any, ...]]:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
        return list(cursor.fetchall())
