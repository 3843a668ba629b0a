"""Numbers and codes for records that are created here."""

import re
from collections.abc import Iterable
from typing import Any

from masterdata.catalog import LocalTable

_SERIES = {
    "salesperson": ("SP NO. ", 5),
    "customer": ("C", 5),
    "vendor": ("V", 5),
    "contact": ("CT", 6),
    "item": ("I", 5),
}
"""By table: what new numbers begin with, and how many digits follow at least."""


def taken_keys(company: Any, table: LocalTable, keys: Iterable[str]) -> set[str]:
    """Return those of the keys that records of the company have, in upper case."""
    records = table.stored(company)
    return {
        str(key).upper() for key in records.filter(**{f"{table.key}__in": list(keys)}).values_list(table.key, flat=True)
    }


def next_free_keys(company: Any, table: LocalTable, count: int, *, first: str = "") -> list[str]:
    """Return `count` new keys in order: the table's prefix and numbers above all that are taken.

    first: the key that a series of its own begins with, blank for the table's. Call it in the transaction that inserts
    the records.
    """
    prefix, digits = _SERIES.get(table.name, (f"{table.name[:3].upper()}-", 5))
    lowest = 1
    if first:
        number = first[len(first.rstrip("0123456789")) :]
        prefix, digits, lowest = first.removesuffix(number), len(number), int(number)
    records = table.stored(company)
    pattern = re.compile(re.escape(prefix) + r"(\d+)$", re.IGNORECASE)
    highest = lowest - 1
    for key in records.filter(**{f"{table.key}__istartswith": prefix}).values_list(table.key, flat=True).iterator():
        if found := pattern.match(str(key)):
            highest = max(highest, int(found[1]))
    return [f"{prefix}{number:0{digits}d}" for number in range(highest + 1, highest + count + 1)]


def room_for(table: LocalTable, key: str) -> int | None:
    """Return how many characters the table's key holds, where this one is longer: its series has come to its end."""
    most = table.field(table.key).max_length
    return most if most is not None and len(key) > most else None
