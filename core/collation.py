"""Texts in the database's own order: PostgreSQL goes by the collation it was made with, not by code points."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from django.db import connections, models
from django.db.models.expressions import RawSQL


@lru_cache(maxsize=64)
def sort_as_database(texts: frozenset[str], using: str) -> tuple[str, ...]:
    """Return the texts as an ORDER BY of that database would have them.

    Asked once per process, so for closed lists only.
    """
    if len(texts) < 2:
        return tuple(texts)
    rows = ", ".join(["(%s)"] * len(texts))
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT column1 FROM (VALUES {rows}) AS texts ORDER BY column1", list(texts))  # nosec B608
        return tuple(text for (text,) in cursor.fetchall())


def ranks(texts: Collection[str], using: str) -> dict[str, int]:
    """Return each text's place in that order."""
    return {text: at for at, text in enumerate(sort_as_database(frozenset(texts), using))}


def distinct_values(rows: "models.QuerySet[Any]", name: str) -> list[str]:
    """Return the different values of a text column in rows that were filtered to one value of others, in order.

    SELECT DISTINCT reads an index from end to end. This leaps from each value to the next, in as many steps as there
    are values; it needs an index on the other columns and then this one.
    """
    with connections[rows.db].cursor() as cursor:
        cursor.execute(*distinct_values_sql(rows, name))
        return [value for (value,) in cursor.fetchall()]


def distinct_values_sql(rows: "models.QuerySet[Any]", name: str) -> tuple[str, list[Any]]:
    """Return the statement of `different`, and its parameters."""
    first = rows.order_by(name).values(name)
    following = first.filter(**{f"{name}__gt": RawSQL("leaps.value", ())})
    (head, given), (step, more) = (one[:1].query.get_compiler(rows.db).as_sql() for one in (first, following))
    return (
        f"WITH RECURSIVE leaps(value) AS (SELECT * FROM ({head}) AS head UNION ALL "  # nosec B608
        f"SELECT ({step}) FROM leaps WHERE value IS NOT NULL) SELECT value FROM leaps WHERE value IS NOT NULL",
        [*given, *more],
    )
