"""What a record is coupled with, as its card and the Dataverse menu ask: a row, or a choice of a column."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from connection_setup.connection.state import connection_for_request
from connection_setup.setup.menus import row_url
from coupling.models import Coupling, OptionMapping, couplings_of_table
from masterdata.catalog import LocalTable
from masterdata.models import Company


@dataclass(frozen=True, slots=True)
class Partner:
    """The coupling of a record, if it has one. url: the row in Dataverse; "" where there is none to open."""

    pair: Coupling | None = None
    option: OptionMapping | None = None
    url: str = ""

    @property
    def coupled(self) -> bool:
        """Whether it is coupled, and Dataverse has confirmed it."""
        return self.option is not None or (self.pair is not None and not self.pair.pending)

    @property
    def why_not_open(self) -> str:
        """Why Dataverse has no page to open; "" where it has one."""
        if self.url:
            return ""
        if self.option is not None:
            return "Coupled with a choice of a column, which has no page of its own."
        if self.pair is None:
            return "Not coupled."
        return "Being created in Dataverse." if self.pair.pending else "The connection has no environment."


def partner_of(request: HttpRequest, company: Company, table: LocalTable, record: Any) -> Partner:
    """Return what a record is coupled with, with the mapping and what both sides agreed on; at most two queries."""
    known = couplings_of_table(company, table.name).filter(local_id=record.system_id)
    pair = known.select_related("mapping", "base").first()
    if pair is None:
        options = OptionMapping.objects.filter(company=company, mapping__table=table.name, local_id=record.system_id)
        return Partner(option=options.select_related("mapping").first())
    connection = connection_for_request(request, company)
    if pair.pending or not connection.environment_url:
        return Partner(pair)
    mapping = pair.mapping
    return Partner(pair, url=row_url(connection, mapping.integration_table, mapping.entity_set, pair.integration_id))
