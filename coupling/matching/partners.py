"""Whom a taken Dataverse row is coupled to, for outcomes and previews."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from coupling import local_records
from coupling.matching.match import Candidate, Decision, Result
from coupling.matching.run_matching import MatchingRun
from coupling.models import Coupling, IntegrationTableMapping


def candidate_to_json(candidate: Candidate, told: dict[UUID, str]) -> dict[str, Any]:
    """A candidate as outcomes and previews show it."""
    return {"id": str(candidate.id), "name": candidate.name, "coupled_to": told.get(candidate.id)}


def partner_names(
    mapping: IntegrationTableMapping, matching: MatchingRun, decisions: Iterable[Decision]
) -> dict[UUID, str]:
    """Whom the coupled candidates of the decisions are coupled to: "10000 Adatum", by the id of the Dataverse row."""
    in_run: dict[UUID, UUID] = {}
    elsewhere: list[UUID] = []
    for decision in decisions:
        if decision.result is Result.COUPLED:
            continue
        for candidate in decision.candidates:
            if candidate.partner is not None:
                in_run[candidate.id] = UUID(bytes=matching.decisions.id_at(candidate.partner))
            elif candidate.coupled:
                elsewhere.append(candidate.id)
    named = local_records.read_keys_and_names(mapping, in_run.values()) if in_run else {}
    told = {row_id: " ".join(named[local_id]).strip() for row_id, local_id in in_run.items() if local_id in named}
    for start in range(0, len(elsewhere), 500):
        couplings = Coupling.objects.filter(
            company=mapping.company, integration_id__in=elsewhere[start : start + 500]
        ).select_related("mapping")
        by_mapping: dict[IntegrationTableMapping, dict[UUID, UUID]] = {}
        for coupling in couplings:
            by_mapping.setdefault(coupling.mapping, {})[coupling.integration_id] = coupling.local_id
        for other, rows in by_mapping.items():
            known = local_records.read_keys_and_names(other, rows.values())
            caption = "" if other.pk == mapping.pk else f"{local_records.get_table(other).caption} "
            told |= {
                row_id: caption + " ".join(known[local_id]).strip()
                if local_id in known
                else "a record that was deleted here"
                for row_id, local_id in rows.items()
            }
    return told
