"""The database after a test that commits: as it was when the run began, in the time that its few rows take.

Django's own way empties every table, which takes PostgreSQL long however little is in them, and has all content types
and permissions made anew.
"""

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import transaction


class Beginning:
    """What the tables held at first."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        tables = sorted(connection.introspection.django_table_names(only_existing=True, include_views=False))
        quoted = [connection.ops.quote_name(table) for table in tables]
        self._which = " UNION ALL ".join(f"SELECT '{one}' WHERE EXISTS (SELECT 1 FROM {one})" for one in quoted)
        with connection.cursor() as cursor:
            self._rows = {table: self._all(cursor, table) for table in self._filled(cursor)}

    def _filled(self, cursor: Any) -> list[str]:
        cursor.execute(self._which)
        return [table for (table,) in cursor.fetchall()]

    def _all(self, cursor: Any, table: str) -> list[tuple[Any, ...]]:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
        return list(cursor.fetchall())

    def restore(self) -> None:
        """Take out what came since, and put back what went or was changed."""
        # All in one transaction: only at its end is looked for rows that name others which are gone.
        with transaction.atomic(using=self._connection.alias), self._connection.cursor() as cursor:
            filled = self._filled(cursor)
            changed = [table for table, rows in self._rows.items() if self._all(cursor, table) != rows]
            for table in filled:
                if table not in self._rows or table in changed:
                    cursor.execute(f"DELETE FROM {table}")
            for table in changed:
                rows = self._rows[table]
                values = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f"INSERT INTO {table} VALUES ({values})", rows)
        ContentType.objects.clear_cache()
