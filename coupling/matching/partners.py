"""Partners: which record a Dataverse row that is taken is coupled to, for outcomes and previews."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from coupling import claims, local_records
from coupling.matching.choice_rows import row_id_of, value_of
from coupling.matching.decisions import Candidate, Decision, Result
from coupling.matching.run_matching import MatchingRun
from coupling.models import Coupling, IntegrationTableMapping, pairs_of
from coupling.rows import DELETED_HERE
from jobs.mentions import HIDDEN

_IDS_PER_QUERY = 500

Partner = str | claims.Holder
"""A record of the company ("10000 Adatum"), or the holder of a row that belongs to another company."""


def candidate_to_json(candidate: Candidate, partners: Mapping[UUID, Partner]) -> dict[str, Any]:
    """Return a candidate as outcomes keep it (jobs.mentions.Reader reads it). partners: see partner_names."""
    partner = partners.get(candidate.id)
    row_id = str(value_of(candidate.id)) if candidate.id.int < 1 << 32 else str(candidate.id)
    found: dict[str, Any] = {"id": row_id, "name": candidate.name, "coupled_to": partner}
    if isinstance(partner, claims.Holder):
        found |= {"coupled_to": HIDDEN, "mention": partner.mention.to_json()}
    return found


def nearly_to_json(matching: MatchingRun, decision: Decision, partners: Mapping[UUID, Partner]) -> list[dict[str, Any]]:
    """Return the rows that a record nearly has as outcomes keep them: nearly is per cent, by says what is alike."""
    return [
        candidate_to_json(candidate, partners) | {"nearly": row.alike, "by": row.by}
        for candidate, row in matching.nearly(decision)
    ]


def partner_names(
    mapping: IntegrationTableMapping, matching: MatchingRun, decisions: Iterable[Decision]
) -> dict[UUID, Partner]:
    """Return whom coupled candidates of the decisions belong to, by Dataverse row."""
    coupled_now: dict[UUID, UUID] = {}
    coupled_before: list[UUID] = []
    for decision in decisions:
        if decision.result is Result.COUPLED:
            continue
        for candidate in (*decision.candidates, *(row for row, _ in matching.nearly(decision))):
            if candidate.partner is not None:
                coupled_now[candidate.id] = UUID(bytes=matching.decisions.id_at(candidate.partner))
            elif candidate.coupled:
                coupled_before.append(candidate.id)
    known = local_records.read_keys_and_names(mapping, coupled_now.values()) if coupled_now else {}
    names: dict[UUID, Partner] = {
        row_id: " ".join(known[local_id]).strip() for row_id, local_id in coupled_now.items() if local_id in known
    }
    for start in range(0, len(coupled_before), _IDS_PER_QUERY):
        names |= _stored_partners(mapping, coupled_before[start : start + _IDS_PER_QUERY])
    elsewhere = [row_id for row_id in coupled_before if row_id not in names]
    return names | claims.find_holders(mapping, matching.organization_id, elsewhere)


def _stored_partners(mapping: IntegrationTableMapping, row_ids: list[UUID]) -> dict[UUID, str]:
    """Return the company's records of any table that these Dataverse rows are coupled to."""
    if mapping.uid_kind == "option":
        pairs = pairs_of(mapping).filter(value__in=[value_of(row_id) for row_id in row_ids])
        holders = {row_id_of(value): local_id for value, local_id in pairs.values_list("value", "local_id")}
        named = local_records.read_named(mapping, holders.values())
        return {row_id: named[local_id] for row_id, local_id in holders.items()}
    couplings = Coupling.objects.filter(company=mapping.company, integration_id__in=row_ids).select_related("mapping")
    by_mapping: dict[IntegrationTableMapping, dict[UUID, UUID]] = {}
    for coupling in couplings:
        by_mapping.setdefault(coupling.mapping, {})[coupling.integration_id] = coupling.local_id
    names: dict[UUID, str] = {}
    for other, rows in by_mapping.items():
        known = local_records.read_named(other, rows.values())
        caption = "" if other.pk == mapping.pk else f"{local_records.get_table(other).caption} "
        for row_id, local_id in rows.items():
            name = known[local_id]
            names[row_id] = name if name == DELETED_HERE else caption + name
    return names
