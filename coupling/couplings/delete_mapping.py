"""Delete a mapping: its couplings are released first, by a job; without couplings it goes at once."""

from typing import Any

from django.db import transaction

from core.refusals import NotUsable, Refusal
from coupling.couplings.services import description
from coupling.job_parameters import UncouplingParameters
from coupling.mappings.services import exclusive_key, require_enabled
from coupling.models import Coupling, IntegrationTableMapping, OptionMapping
from jobs import services as jobs
from jobs.models import OPEN_STATES, Job, Type


def count_couplings(mapping: IntegrationTableMapping) -> int:
    """Return how many couplings, with rows or with choices, go with a mapping."""
    choices = OptionMapping.objects.filter(mapping=mapping).count()
    return Coupling.objects.filter(mapping=mapping).count() + choices


def dependents(mapping: IntegrationTableMapping) -> list[str]:
    """Return the names of the mappings that are synchronized after this one, since their records refer to its."""
    others = IntegrationTableMapping.objects.filter(company=mapping.company_id).exclude(pk=mapping.pk)
    return [name for name, names in others.values_list("name", "dependencies") if mapping.name in names]


@transaction.atomic
def delete_mapping(*, mapping: IntegrationTableMapping, user: Any = None) -> Job | None:
    """Delete a mapping with all that belongs to it. Return the job that releases its rows first; None where it has
    none, and is gone already.

    Raises Refusal: a job of it has not ended, or its rows cannot be released since the connection is off.
    """
    IntegrationTableMapping.objects.select_for_update().filter(pk=mapping.pk).first()
    running = Job.objects.filter(company=mapping.company_id, mapping_name=mapping.name, state__in=OPEN_STATES).first()
    if running is not None:
        raise NotUsable(
            f"{mapping.name} cannot be deleted: job {running.pk} of it has not ended.",
            "Wait for its end, or cancel it.",
        )
    couplings = Coupling.objects.filter(mapping=mapping)
    if not couplings.exists():
        mapping.delete()
        return None
    try:
        require_enabled(mapping.company)
    except Refusal as off:
        raise Refusal(
            off.reason,
            f"The rows of {couplings.count():,} couplings cannot be released while the connection is off, so "
            f"{mapping.name} was kept.",
            off.user_message,
        ) from off
    return jobs.start(
        company=mapping.company,
        type=Type.UNCOUPLING,
        mapping_name=mapping.name,
        exclusive_key=exclusive_key(mapping),
        direction=mapping.direction,
        description=f"Delete the mapping: {description(mapping)}",
        parameters=UncouplingParameters(all=True, delete_mapping=True).dump(),
        user=user,
    )
