"""What a change of filters meant: how many couplings are outside, and what else left or entered.

Couplings outside stay, and runs leave them out.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from connection_setup.connection.state import unavailable_reason
from core.refusals import NotUsable
from coupling import local_records
from coupling.gateway import Gateway
from coupling.mappings import filter_counts
from coupling.models import Coupling, IntegrationTableMapping
from dataverse.errors import Invalid

MAX_PAGES = 20
"""Pages of rows outside the filter that are read to count the coupled ones among them."""
_FILTERS = {"table_filter", "integration_filter", "multi_company"}
_WHAT_NOW = "stay, are left out of runs, and stand on Coupled Data Synchronization Errors with the condition"


def sentences(mapping: IntegrationTableMapping, before: Mapping[str, Any]) -> list[str]:
    """Return what a change of filters means for the mapping's couplings, and for what is not coupled.

    before: the model's fields that changed, with what they were. Asks Dataverse where it can be asked. Raises
    DataverseError.
    """
    told: list[str] = []
    old = copy.copy(mapping)
    for name in _FILTERS & before.keys():
        setattr(old, name, before[name])
    if "table_filter" in before:
        told.append(count_outside_table_filter(mapping).sentence("Table Filter"))
        told.append(_uncoupled("Table Filter", lambda: filter_counts.uncoupled_records_moved(old, mapping)))
    if before.keys() & (_FILTERS - {"table_filter"}) and not unavailable_reason(mapping.company):
        gateway = Gateway(mapping.company)
        told.append(count_outside_integration_filter(mapping, gateway).sentence("Integration Table Filter"))
        told.append(
            _uncoupled("Integration Table Filter", lambda: filter_counts.uncoupled_rows_moved(old, mapping, gateway))
        )
    return [one for one in told if one]


def _uncoupled(name: str, count: Callable[[], filter_counts.Uncoupled]) -> str:
    """Return what else left or entered a filter, "" for nothing and where the filter that was did not fit."""
    try:
        return count().sentence(f"left the {name}", f"entered the {name}")
    except (NotUsable, Invalid):
        return ""


@dataclass(frozen=True, slots=True)
class OutsideCount:
    """How many couplings are outside a filter; at_least: there may be more, of which Dataverse was not asked."""

    count: int
    at_least: bool = False

    def sentence(self, filter_name: str) -> str:
        """Return it as a sentence. filter_name: its caption."""
        if not self.count:
            return f"No coupling is outside the {filter_name}{' so far' if self.at_least else ''}."
        number = f"{'At least ' if self.at_least else ''}{self.count:,}"
        if self.count == 1:
            singular = (
                _WHAT_NOW.replace("stay,", "stays,").replace("are left", "is left").replace("stand on", "stands on")
            )
            return f"{number} coupling is outside the {filter_name}: it {singular}."
        return f"{number} couplings are outside the {filter_name}: they {_WHAT_NOW}."


def couplings_outside_table_filter(mapping: IntegrationTableMapping) -> "QuerySet[Coupling]":
    """Return the couplings whose record is there, but outside the table filter."""
    table = local_records.get_table(mapping)
    same = table.records(mapping.company).filter(system_id=OuterRef("local_id"))
    inside = local_records.filtered_records(mapping).filter(system_id=OuterRef("local_id"))
    return Coupling.objects.filter(Exists(same), ~Exists(inside), mapping=mapping)


def count_outside_table_filter(mapping: IntegrationTableMapping) -> OutsideCount:
    """Return how many couplings have a record outside the table filter."""
    return OutsideCount(couplings_outside_table_filter(mapping).count())


def count_outside_integration_filter(mapping: IntegrationTableMapping, gateway: Gateway) -> OutsideCount:
    """Return how many couplings have a row outside the integration table filter. Asks Dataverse for such rows."""
    couplings = Coupling.objects.filter(mapping=mapping, company=mapping.company_id, table=mapping.table)
    if not couplings.exists():
        return OutsideCount(0)
    found = pages = 0
    for page in gateway.scan_outside(mapping, [], MAX_PAGES):
        pages += 1
        ids = [UUID(row_id) for row_id in page.ids]
        for start in range(0, len(ids), 500):
            found += couplings.filter(integration_id__in=ids[start : start + 500]).count()
    return OutsideCount(found, at_least=pages == MAX_PAGES)
