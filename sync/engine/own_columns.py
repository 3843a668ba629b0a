"""What a new Dataverse row gets beside the mapped columns: the mapping's own values, the owner, the company."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

from connection_setup.models import DataverseConnection
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from dataverse.types import ColumnInfo


def own_columns(
    mapping: IntegrationTableMapping,
    known: Mapping[str, ColumnInfo],
    connection: DataverseConnection,
    company_row_id: UUID | None,
) -> dict[str, Any]:
    """Return the columns, lookups as (table, id). known: those that the table has."""
    columns = {name: value for name, value in mapping.insert_values.items() if name in known}
    owner = connection.owning_team_id
    if owner is not None and "team" in (known["ownerid"].binds if "ownerid" in known else {}):
        columns["ownerid"] = ("team", str(owner))
    company = known.get(mapping.company_column)
    if company_row_id is not None and company is not None and company.binds:
        columns[mapping.company_column] = (next(iter(company.binds)), str(company_row_id))
    return columns


class OwnColumns:
    """What a mapping's new rows get beside the mapped columns."""

    def __init__(self, mapping: IntegrationTableMapping, gateway: Gateway, known: Mapping[str, ColumnInfo]) -> None:
        self.mapping, self._gateway, self._known = mapping, gateway, known

    @cached_property
    def columns(self) -> dict[str, Any]:
        """The columns of a new row, lookups as (table, id)."""
        gateway = self._gateway
        return own_columns(self.mapping, self._known, gateway.connection, gateway.company_row_id)

    @cached_property
    def mark(self) -> dict[str, Any]:
        """The column that marks a row as this company's; none where rows are everybody's."""
        column = self.mapping.company_column
        marks = column in self.columns and not self.mapping.multi_company
        return {column: self.columns[column]} if marks else {}
