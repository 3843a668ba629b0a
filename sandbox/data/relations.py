"""Collections: the rows whose lookup leads to a row, by the name of the relationship on that side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.base.values import from_json
from sandbox.data.store import Store
from sandbox.metadata.describe import relationship_name
from sandbox.metadata.model import LOOKUPS, Column, Table


@dataclass(frozen=True, slots=True)
class Collection:
    """A one-to-many relationship seen from its one side; `column` is the lookup of the table `other`."""

    name: str
    other: Table
    column: Column


def collections(tables: Mapping[str, Table], table: Table) -> dict[str, Collection]:
    """Return the collections of a table's rows, by name."""
    found = {}
    for other in tables.values():
        for column in other.columns.values():
            if column.type in LOOKUPS and column.type != "Owner" and table.name in column.targets:
                name = relationship_name(other, column, table.name)
                found[name] = Collection(name, other, column)
    return found


def member_positions(store: Store, table: Table, collection: Collection) -> dict[str, list[int]]:
    """Return the positions of a collection's rows, by the id of the row they lead to."""
    rows = store.rows[collection.other.name]
    positions: dict[str, list[int]] = {}
    values: list[Any] = rows.column_values(collection.column.name)
    several = len(collection.column.targets) > 1
    for position in rows.live_positions():
        value = values[position]
        if value is None or (
            several and from_json(rows.fragment(position, f"{collection.column.name}type")) != table.name
        ):
            continue
        positions.setdefault(value, []).append(position)
    return positions
