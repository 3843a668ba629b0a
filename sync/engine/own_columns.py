"""What a new Dataverse row gets beside the mapped columns: the mapping's own values, the owner, the company. Pure."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from connection_setup.models import DataverseConnection
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
