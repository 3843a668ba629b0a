"""Rows of tables that no mapping describes: which of their columns are there, and rows of those columns alone. Pure."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from coupling import row_filters
from coupling.rows import RemoteRow
from dataverse import odata
from dataverse.types import Row, TableInfo


def known_columns(info: TableInfo, columns: Iterable[str]) -> dict[str, str]:
    """Return the columns that a table has, each with the property it is read by."""
    known = info.columns
    return {
        name: odata.lookup(name) if known[name].type in row_filters.LOOKUPS else name
        for name in columns
        if name in known
    }


def unnamed_row(info: TableInfo, row: Row, read: Mapping[str, str]) -> RemoteRow:
    """Return a row of which columns alone are known; `read`: the property that each is read by."""
    return RemoteRow(UUID(row[info.primary_id]), "", {name: row.get(wire) for name, wire in read.items()}, "")
