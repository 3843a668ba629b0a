"""How large tables are expected to grow, told to SQLite's planner beforehand.

SQLite plans by statistics that only ANALYZE makes; without them it takes every index for about equally good, and reads
all of a company's million couplings in order to find fifty. Statistics made of a small table would be worse still once
it has grown. So each database is told, once, of the sizes that the plans have to be good for: they do for small tables
too, and never change while a job fills a table. PostgreSQL keeps statistics by itself.

A model takes part by a class attribute: `expected_rows`, and `few_values` for columns that hold the same few values
over and over (foreign keys, choices and yes-or-no are known to).
"""

from typing import Any

from django.apps import apps
from django.db import connections, models

GROUP = 100_000
"""Rows that share a value of a foreign key, about: records of a company, couplings of a mapping, outcomes of a job.

Jobs name up to 5,000 rows by their ids at once. Were a company expected to be a tenth of this, SQLite would look for
2,000 ids by reading all that the company has, each time.
"""
ROWS_PER_CHOICE = 200_000
"""Rows that share a choice, or a yes or no."""


def write_statistics(using: str, **_: Any) -> None:
    """Write the expected sizes of all tables, where they are not written yet. A receiver of post_migrate."""
    connection = connections[using]
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        wanted = set(_statistics(connection, cursor))
        # Makes the table of statistics, which nothing else may; a small table is there, except in a test.
        small = {"django_migrations"} & set(connection.introspection.table_names(cursor))
        for table in small or {min(table for table, _, _ in wanted)}:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(table)}")
        cursor.execute("SELECT tbl, idx, stat FROM sqlite_stat1")
        known = set(cursor.fetchall())
        if wanted <= known:
            return
        cursor.executemany("DELETE FROM sqlite_stat1 WHERE tbl = %s", sorted({(table,) for table, _, _ in wanted}))
        cursor.executemany("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (%s, %s, %s)", sorted(wanted, key=str))
        cursor.execute("ANALYZE sqlite_master")  # has this connection read them; others do when they open


def _statistics(connection: Any, cursor: Any) -> list[tuple[str, str | None, str]]:
    """Return a line for each index: the table's rows, how many share the first column, the first two, and so on."""
    lines: list[tuple[str, str | None, str]] = []
    present = set(connection.introspection.table_names(cursor))
    for model in apps.get_models():
        rows = getattr(model, "expected_rows", 0)
        table = model._meta.db_table
        if not rows or table not in present:
            continue
        lines.append((table, None, str(rows)))
        cursor.execute(f"PRAGMA index_list({connection.ops.quote_name(table)})")
        for _, index, unique, _, partial in cursor.fetchall():
            cursor.execute(f"PRAGMA index_info({connection.ops.quote_name(index)})")
            columns = [name for _, _, name in cursor.fetchall()]
            shared = _shared(model, columns, rows, bool(unique))
            if partial:  # what it leaves out is nearly everything
                shared = [max(1, number // 100) for number in shared]
            lines.append((table, index, " ".join(map(str, shared))))
    return lines


def _shared(model: type[models.Model], columns: list[str], rows: int, unique: bool) -> list[int]:
    numbers, left = [rows], rows
    for column in columns:
        left = max(1, left * _sharing(model, column, rows) // rows)
        numbers.append(left)
    if unique:
        numbers[-1] = 1
    return numbers


def _sharing(model: type[models.Model], column: str, rows: int) -> int:
    """Return how many of the rows have the same value in a column."""
    field = next(one for one in model._meta.concrete_fields if one.column == column)
    if field.unique:
        return 1
    if field.choices or isinstance(field, models.BooleanField) or field.name in getattr(model, "few_values", ()):
        return min(ROWS_PER_CHOICE, rows)
    return min(GROUP, rows) if field.is_relation else 1
