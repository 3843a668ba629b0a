"""How many records a list of coupled, or of uncoupled, ones has; stored for a minute where the table is large."""

from collections.abc import Mapping
from typing import Any

from django.core.cache import cache
from django.db.models import QuerySet

from masterdata.catalog import LocalTable
from masterdata.models import Company
from ui import paging
from ui.listing import RowCounter

LARGE = 20_000
"""From this number of records on, the number is stored: counting a million of them takes a second or two."""
STORED_S = 60
"""Seconds for which the number of a large table is stored."""
SIZE_STORED_S = 600
"""Seconds for which it is stored whether a table is large."""


def row_counter(company: Company, table: LocalTable, given: Mapping[str, str]) -> RowCounter | None:
    """Return how a list narrowed by these filters is counted; None where none is about being coupled or on a column.

    Where another filter or a search narrows it as well, its number is counted each time.
    """
    if "coupled" not in given and not any("." in name for name in given):
        return None
    if set(given) != {"coupled"}:
        return paging.counted

    records = f"coupling.records.counts.{company.pk}.{table.name}"
    key = f"{records}.{given['coupled']}"

    def counted(rows: "QuerySet[Any]") -> tuple[int, bool]:
        stored: tuple[int, bool] | None = cache.get(key)
        if stored is not None:
            return stored
        found = paging.counted(rows)
        more = table.records(company).order_by()[LARGE : LARGE + 1]
        if cache.get_or_set(f"{records}.large", more.exists, SIZE_STORED_S):
            cache.set(key, found, STORED_S)
        return found

    return counted
