"""Integration table filters as they count: with values as the columns have them, and the condition on the company."""

from collections.abc import Mapping
from uuid import UUID

from coupling import filters
from coupling.filters import Condition, FilterField, Kind, Node, Operator
from coupling.models import IntegrationTableMapping
from dataverse.errors import Invalid
from dataverse.types import ColumnInfo

LOOKUPS = frozenset({"Lookup", "Customer", "Owner"})
"""Types of columns that are read as `_column_value`."""


def row_filter(
    mapping: IntegrationTableMapping, columns: Mapping[str, ColumnInfo], company_row_id: UUID | None
) -> Node:
    """Return the filter of a mapping's rows. columns: of its Dataverse table; company_row_id: of the company there.

    Unless Multi-Company is on, rows of other companies are outside, where the table has the column and the company its
    row. Raises Invalid (unknown_column), BadFilter.
    """

    def field_of(name: str) -> FilterField:
        if name not in columns:
            raise _unknown_column(mapping, name)
        return filters.of_column(columns[name])

    wanted = filters.resolve(filters.parse(mapping.integration_filter), field_of)
    if mapping.multi_company or company_row_id is None or mapping.company_column not in columns:
        return wanted
    own = Condition(mapping.company_column, Operator.IN, [company_row_id, None], kind=Kind.ROW)
    return filters.all_of(wanted, own)


def lookups(columns: Mapping[str, ColumnInfo]) -> frozenset[str]:
    """Return the columns that are read as `_column_value`."""
    return frozenset(name for name, column in columns.items() if column.type in LOOKUPS)


def _unknown_column(mapping: IntegrationTableMapping, name: str) -> Invalid:
    return Invalid(
        f"The integration table filter of {mapping.name} names {name!r}, a column that Dataverse does not have in the "
        f"table {mapping.integration_table}.",
        "Change the filter on the mapping's card, or by: manage.py mapping set",
        reason="unknown_column",
        said=f"{mapping.integration_table}.{name}",
    )
