"""Claims: a Dataverse row belongs to the company whose record was coupled to it first.

A coupling claims its row at once, before anything is written to it; other companies of this installation are refused
it, by name to those who have a role in the company that holds it (jobs.mentions). Of the tables that all companies
share (currencies, users, units of measure, choices) no row is claimed, nor through a mapping of which Multi-Company
Synchronization is enabled. The unit group of an item or a resource, and the units in it, go with that record: their
rows are claimed as its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, QuerySet

from connection_setup.models import DataverseConnection
from coupling import local_records
from coupling.models import Coupling, IntegrationTableMapping
from jobs.mentions import HIDDEN, Mention, Text

_IDS_PER_QUERY = 500
_OWN = frozenset({"unit_group", "item_unit_of_measure", "resource_unit_of_measure"})
"""Tables here whose records are of one item or resource, and so their rows."""
MAX_LISTED = 20
"""Rows that an upgrade lists one by one."""


class Holder(NamedTuple):
    """The company that a row belongs to, and the record there that it is coupled to ("S1 Shared Works")."""

    company_id: int
    record: str

    @property
    def mention(self) -> Mention:
        """Return what stands for the company and its record in a text that others read, too."""
        return Mention(self.company_id, self.record)


def claims_rows(mapping: IntegrationTableMapping) -> bool:
    """Return whether the mapping's couplings claim their rows: its table has a column for their company, or its records
    are of one item or resource.
    """
    shared = mapping.multi_company or mapping.uid_kind == "option"
    return not shared and (bool(mapping.company_column) or mapping.table in _OWN)


def ways_out(mapping: IntegrationTableMapping) -> str:
    """Return what to do where another company holds a row that is wanted through the mapping."""
    return f"delete the coupling there, or switch Multi-Company Synchronization Enabled on for {mapping.name}."


def belongs(row: str, holder: Holder) -> Text:
    """Return the sentence that says whose a row is. row: how it begins, such as "The row"."""
    return Text(f"{row} belongs to {HIDDEN}.", (holder.mention,))


def refusal(mapping: IntegrationTableMapping, holder: Holder) -> Text:
    """Return why a row cannot be coupled through the mapping, and what to do, as one text."""
    whose = belongs("The row", holder)
    return whose._replace(text=f"{whose.text} To couple it here, {ways_out(mapping)}")


def claim(mapping: IntegrationTableMapping, organization_id: UUID, row_ids: Iterable[UUID]) -> dict[UUID, Holder]:
    """Claim rows that are about to be coupled in this transaction. Returns those that belong to other companies.

    Until the transaction ends nobody else claims rows of the organization: who finds a row free is the first one. Where
    no other company could hold any, the rows are not gone through.
    """
    if not _claiming(mapping, organization_id):
        return {}
    connections = DataverseConnection.objects.filter(organization_id=organization_id).order_by("pk")
    list(connections.select_for_update().values_list("pk"))
    return find_holders(mapping, organization_id, list(row_ids))


def find_holders(
    mapping: IntegrationTableMapping, organization_id: UUID | None, row_ids: Sequence[UUID]
) -> dict[UUID, Holder]:
    """Return those of the rows that belong to other companies, with their holders; none where nothing is claimed."""
    held = _held(mapping, organization_id, row_ids)
    return _holders(held) if held else {}


def find_held(mapping: IntegrationTableMapping, organization_id: UUID | None, row_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the rows that belong to other companies."""
    return {coupling.integration_id for coupling in _held(mapping, organization_id, row_ids)}


def _held(mapping: IntegrationTableMapping, organization_id: UUID | None, row_ids: Sequence[UUID]) -> list[Coupling]:
    """Return the couplings by which other companies hold some of the rows, in the order they were made."""
    others = _claiming(mapping, organization_id) if row_ids else []
    if not others:
        return []
    # The index by a row's id begins with the company.
    companies = {other.company_id for other in others}
    known = Coupling.objects.filter(company_id__in=companies, mapping__in=others, organization_id=organization_id)
    found: list[Coupling] = []
    for start in range(0, len(row_ids), _IDS_PER_QUERY):
        found += known.filter(integration_id__in=row_ids[start : start + _IDS_PER_QUERY])
    return sorted(found, key=lambda coupling: coupling.pk)


def _claiming(mapping: IntegrationTableMapping, organization_id: UUID | None) -> list[IntegrationTableMapping]:
    """Return the mappings of other companies on the organization that claim rows of the mapping's Dataverse table."""
    if organization_id is None or not claims_rows(mapping):
        return []
    connected = DataverseConnection.objects.filter(organization_id=organization_id).values("company")
    others = IntegrationTableMapping.objects.filter(
        company__in=connected, integration_table=mapping.integration_table
    ).exclude(company=mapping.company_id)
    return [other for other in others if claims_rows(other)]


def _holders(held: Iterable[Coupling]) -> dict[UUID, Holder]:
    """Return the holders of couplings by row, the first of each row."""
    by_mapping: dict[int, list[Coupling]] = defaultdict(list)
    first: dict[UUID, Coupling] = {}
    for coupling in held:
        if coupling.integration_id not in first:
            first[coupling.integration_id] = coupling
            by_mapping[coupling.mapping_id].append(coupling)
    mappings = IntegrationTableMapping.objects.select_related("company").in_bulk(list(by_mapping))
    holders: dict[UUID, Holder] = {}
    for mapping_id, couplings in by_mapping.items():
        named = local_records.read_named(mappings[mapping_id], [coupling.local_id for coupling in couplings])
        company = mappings[mapping_id].company_id
        holders |= {coupling.integration_id: Holder(company, named[coupling.local_id]) for coupling in couplings}
    return holders


# -- upgrades ------------------------------------------------------------------------------------------------------


def rows_of_several_companies() -> list[str]:
    """Return a sentence for each row that several companies hold, made before rows were claimed.

    They go on as they are until a person decides; beyond MAX_LISTED there is one sentence with their number.
    """
    mappings = [one for one in IntegrationTableMapping.objects.select_related("company") if claims_rows(one)]
    if len({mapping.company_id for mapping in mappings}) < 2:
        return []
    couplings = Coupling.objects.filter(mapping__in=mappings).order_by()
    counted = couplings.values("organization_id", "integration_id").annotate(companies=Count("company", distinct=True))
    row_ids = list(counted.filter(companies__gt=1).order_by("integration_id").values_list("integration_id", flat=True))
    sentences = [_sentence(mappings, couplings, row_id) for row_id in row_ids[:MAX_LISTED]]
    more = len(row_ids) - len(sentences)
    return [*sentences, f"{more:,} more rows are held by several companies."] if more else sentences


def _sentence(mappings: Sequence[IntegrationTableMapping], couplings: "QuerySet[Coupling]", row_id: UUID) -> str:
    by_id = {mapping.pk: mapping for mapping in mappings}
    held = list(couplings.filter(integration_id=row_id).order_by("pk"))
    holders = [next(iter(_holders([coupling]).values())).record for coupling in held]
    where = [f"{record} in {by_id[one.mapping_id].company}" for record, one in zip(holders, held, strict=True)]
    table = by_id[held[0].mapping_id].integration_table
    return f"The {table} {row_id} is coupled to {' and to '.join(where)}."
