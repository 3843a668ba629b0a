"""Several sets of rows counted by one query, each up to a limit."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet


def count_each(sets: "Mapping[str, QuerySet[Any]]", most: int) -> dict[str, int]:
    """Return how many rows each of the sets has, all of one database, `most` for more; one query."""
    counts = dict.fromkeys(sets, 0)
    parts: dict[str, str] = {}
    given: list[Any] = []
    using = "default"
    for name, rows in sets.items():
        using = rows.db
        try:
            part, values = rows.order_by().values("pk")[:most].query.get_compiler(using).as_sql()
        except EmptyResultSet:  # the conditions exclude each other
            continue
        parts[name] = f"(SELECT COUNT(*) FROM ({part}) AS counted)"  # noqa: S608 - written by Django  # nosec B608
        given += values
    if not parts:
        return counts
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts.values())}", given)  # nosec B608
        return counts | dict(zip(parts, cursor.fetchone(), strict=True))
