"""The verbs of Suggest Criteria: measure, take what was suggested."""

from typing import Any

from django.db import transaction

from core.refusals import Refusal
from coupling.couplings.services import description
from coupling.mappings import services as mappings_services
from coupling.mappings.services import exclusive_key, require_usable
from coupling.matching.measurement import Measurement
from coupling.models import CriteriaMeasurement, IntegrationTableMapping
from coupling.rows import Criterion
from jobs import services as jobs
from jobs.models import Job, Type


def start_suggestion(*, mapping: IntegrationTableMapping, user: Any = None) -> Job:
    """Queue the job. It waits for no other job of the mapping, and none waits for it. Raises Refusal."""
    require_usable(mapping)
    return jobs.start(
        company=mapping.company,
        type=Type.SUGGESTION,
        mapping_name=mapping.name,
        exclusive_key=f"suggestion:{exclusive_key(mapping)}",
        direction=mapping.direction,
        description=description(mapping),
        user=user,
    )


def suggested(*, mapping: IntegrationTableMapping, number: int, place: int) -> list[Criterion] | None:
    """Return suggested criteria, by the job that measured and their place; None where they are no longer kept."""
    kept = CriteriaMeasurement.objects.filter(mapping=mapping, job_id=number).first()
    suggestions = Measurement.load(kept.measured).suggestions if kept is not None else []
    return suggestions[place].criteria if 0 <= place < len(suggestions) else None


@transaction.atomic
def take(*, mapping: IntegrationTableMapping, number: int, place: int) -> list[Criterion]:
    """Store suggested criteria as the mapping's, with its other settings as they are. Returns them.

    number: of the job that measured; place: the suggestion's, from 0. Raises Refusal where it is no longer kept,
    BadCriteria where a field mapping is gone.
    """
    criteria = suggested(mapping=mapping, number=number, place=place)
    if criteria is None:
        raise Refusal(
            "expired", "Somebody has measured once more, so nothing was taken.", "Choose among the new suggestions."
        )
    mappings_services.store_criteria(mapping=mapping, criteria=criteria)
    return criteria
