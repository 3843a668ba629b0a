"""Whether the rows of a page exist in Dataverse now: asked for the page shown, a request for each mapping on it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from connection_setup.models import DataverseConnection
from core.roles import Can, may
from coupling import live
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping, UndoneRecord
from masterdata.models import Company

MOST_MAPPINGS = 5
"""Mappings that are asked about at once; the rows of more are told as the last run found them."""
DEADLINE_S = 4.0
"""Seconds that the page waits for Dataverse, for all mappings together; then rows are told as the last run found."""


def asked_by(
    user: Any, company: Company, connection: DataverseConnection, unavailable: str
) -> DataverseConnection | None:
    """Return by which connection Dataverse is asked; None for those who may not have it asked, or while it is not."""
    return connection if not unavailable and may(user, Can.PREVIEW, company) else None


def existing_rows(
    company: Company, connection: DataverseConnection | None, rows: Sequence[UndoneRecord]
) -> set[UUID] | None:
    """Return which of the lines' rows exist; None where Dataverse is not asked, or does not answer."""
    wanted: dict[IntegrationTableMapping, set[UUID]] = {}
    for row in rows:
        if row.integration_id is not None and row.mapping.uid_kind == "guid":
            wanted.setdefault(row.mapping, set()).add(row.integration_id)
    if connection is None or not wanted or len(wanted) > MOST_MAPPINGS:
        return None

    def ask(gateway: Gateway) -> set[UUID]:
        return {row_id for mapping, ids in wanted.items() for row_id in gateway.read(mapping, [], ids)}

    try:
        return live.ask(company, ask, connection=connection, deadline_s=DEADLINE_S)
    except live.NotAnswered:
        return None
