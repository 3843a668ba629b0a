"""Couplings whose row in Dataverse a job may still be creating."""

from coupling.models import Coupling
from jobs.models import OPEN_STATES, Job


def is_being_created(coupling: Coupling) -> bool:
    """Return whether a job that has not ended may still be creating the row of a coupling."""
    if not coupling.pending or coupling.job_id is None:
        return False
    return Job.objects.filter(pk=coupling.job_id, state__in=OPEN_STATES).exists()
