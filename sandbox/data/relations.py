"""Collections: the rows whose lookup leads to a row, by the name the relationship has on that side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.base.values import plain
from sandbox.data.store import Store
from sandbox.metadata.describe import relation_name
from sandbox.metadata.model import LOOKUPS, Column, Table


@dataclass(frozen=True, slots=True)
class Collection:
    """A one-to-many relationship seen from the one side."""

    name: str
    other: Table
    column: Column


def collections(tables: Mapping[str, Table], table: Table) -> dict[str, Collection]:
    """The collections of a table's rows, by name."""
    made = {}
    for other in tables.values():
        for column in other.columns.values():
            if column.type in LOOKUPS and column.type != "Owner" and table.name in column.targets:
                name = relation_name(other, column, table.name)
                made[name] = Collection(name, other, column)
    return made


def members(store: Store, table: Table, found: Collection) -> dict[str, list[int]]:
    """Positions of the rows on the other side, by the id of the row they lead to."""
    rows = store.rows[found.other.name]
    made: dict[str, list[int]] = {}
    values: list[Any] = rows.values(found.column.name)
    several = len(found.column.targets) > 1
    for place in rows.live():
        value = values[place]
        if value is None or (several and plain(rows.fragment(place, f"{found.column.name}type")) != table.name):
            continue
        made.setdefault(value, []).append(place)
    return made
