"""The verb of undo: undo a coupling job."""

from typing import Any

from core.refusals import NotUsable, Refusal
from coupling.couplings.services import description
from coupling.mappings.services import exclusive_key, get_mapping, require_enabled
from coupling.models import IntegrationTableMapping
from jobs import services as jobs
from jobs.models import Job, Type
from sync.undo.choices import choices_there
from sync.undo.parameters import UndoParameters
from sync.undo.reading import MadeByJob


def start_undo(*, job: Job, values: bool = True, user: Any = None) -> Job:
    """Queue a job that ends the couplings that a coupling job made and nobody touched since.

    values: what synchronization wrote of those pairs goes back, where it still is what was written. Raises Refusal: it
    is no coupling job, or has not ended, its mapping is gone, nothing is left to undo, the connection is not enabled.
    """
    mapping = undoable(job)
    require_enabled(job.company)
    return jobs.start(
        company=job.company,
        type=Type.UNDO,
        mapping_name=mapping.name,
        exclusive_key=exclusive_key(mapping),
        direction=mapping.direction,
        description=f"{description(mapping)}, undo job {job.pk}"[:200],
        parameters=UndoParameters(job=job.pk, values=values).dump(),
        user=user,
    )


def undoable(job: Job) -> IntegrationTableMapping:
    """Return the mapping of a job that can be undone. Raises Refusal where it cannot, or where nothing is left."""
    if job.type != Type.COUPLING:
        raise NotUsable(
            f"Job {job.pk} did not couple records, so it cannot be undone.",
            "Name a coupling job. What a synchronization wrote is put back on Synchronization History.",
        )
    if not job.ended:
        raise Refusal(
            "not_ready", f"Job {job.pk} has not ended, so nothing was undone.", "Wait for its end, or cancel it first."
        )
    open_one = job.followups.exclude(type=Type.UNDO).filter(ended_at__isnull=True).first()
    if open_one is not None:
        raise Refusal(
            "not_ready", f"Job {open_one.pk}, which follows job {job.pk}, has not ended, so nothing was undone.",
            "Wait for its end, or cancel it first.",
        )  # fmt: skip
    mapping = get_mapping(job.company, job.mapping_name)
    if not is_left(job, mapping):
        raise Refusal(
            "nothing_left",
            f"Nothing is left of job {job.pk}: none of the couplings that it made is there any more, so nothing was "
            "undone.",
            "Couple the records anew, if that is what you want.",
        )
    return mapping


def is_left(job: Job, mapping: IntegrationTableMapping) -> bool:
    """Return whether any coupling that the job made is there still."""
    if mapping.uid_kind == "option":
        return bool(choices_there(job, mapping))
    return bool(MadeByJob(job, mapping).there.exists())
