"""Partners: which record a Dataverse row that is taken is coupled to, for outcomes and previews."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from coupling import claims, local_records
from coupling.matching.decisions import Candidate, Decision, Result
from coupling.matching.run_matching import MatchingRun
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import DELETED_HERE

_IDS_PER_QUERY = 500

Partner = str | claims.Holder
"""A record of the company ("10000 Adatum"), or the holder of a row that belongs to another company."""


def candidate_to_json(candidate: Candidate, partners: Mapping[UUID, Partner]) -> dict[str, Any]:
    """Return a candidate as outcomes and previews show it. partners: see partner_names."""
    partner = partners.get(candidate.id)
    return {"id": str(candidate.id), "name": candidate.name, "coupled_to": None if partner is None else str(partner)}


def partner_names(
    mapping: IntegrationTableMapping, matching: MatchingRun, decisions: Iterable[Decision]
) -> dict[UUID, Partner]:
    """Return whom coupled candidates of the decisions belong to, by Dataverse row."""
    coupled_now: dict[UUID, UUID] = {}
    coupled_before: list[UUID] = []
    for decision in decisions:
        if decision.result is Result.COUPLED:
            continue
        for candidate in decision.candidates:
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
