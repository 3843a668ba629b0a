"""The verbs of undo: preview what undoing a coupling job would do, undo it as previewed, undo it."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from core.refusals import NotUsable, Refusal
from coupling.couplings.services import description
from coupling.mappings.services import exclusive_key, get_mapping, require_enabled
from coupling.models import IntegrationTableMapping
from jobs import services as jobs
from jobs.models import Job, Type
from sync.models import UndoPreview
from sync.undo.choices import choices_there
from sync.undo.parameters import UndoParameters, UndoPreviewParameters
from sync.undo.reading import MadeByJob

KEPT = timedelta(hours=24)
"""How long a preview is kept."""


@transaction.atomic
def start_preview(*, job: Job, user: Any = None) -> Job:
    """Queue a job that says what undoing a coupling job would do. Raises Refusal, as start_undo does."""
    mapping = undoable(job)
    require_enabled(job.company)
    started = jobs.start(
        company=job.company,
        type=Type.UNDO_PREVIEW,
        mapping_name=mapping.name,
        exclusive_key=exclusive_key(mapping),
        direction=mapping.direction,
        description=f"{description(mapping)}, preview of undoing job {job.pk}"[:200],
        parameters=UndoPreviewParameters(job=job.pk).dump(),
        user=user,
    )
    UndoPreview.objects.get_or_create(job=started, defaults={"undone": job, "kept_until": timezone.now() + KEPT})
    return started


@transaction.atomic
def undo_as_previewed(*, preview: UndoPreview, values: bool = True, user: Any = None) -> Job:
    """Queue a job that ends exactly the couplings that a preview told of, and puts back exactly its values.

    values: as in start_undo. Raises Refusal: it is not complete, no longer kept, or carried out already.
    """
    # Without joins: who waited for the lock on PostgreSQL would be given what is joined as it was before.
    found = UndoPreview.objects.select_for_update().filter(pk=preview.pk).first()
    if found is None or (found.complete and found.kept_until < timezone.now()):
        raise Refusal("expired", "The preview is no longer kept, so nothing was undone.", "Preview again.")
    if not found.complete:
        raise Refusal("not_ready", "The preview is not complete, so nothing was undone.", "Wait for its end.")
    if found.is_carried_out:
        raise Refusal(
            "carried_out", f"Job {found.carried_out_by_id} undoes this already, so nothing was done.",
            "Look at that job, or preview again to see what is left.",
        )  # fmt: skip
    found.carried_out_by = start_undo(job=found.undone, values=values, preview=found.pk, user=user)
    found.save(update_fields=["carried_out_by"])
    return found.carried_out_by


def start_undo(*, job: Job, values: bool = True, preview: int = 0, user: Any = None) -> Job:
    """Queue a job that ends the couplings that a coupling job made and nobody touched since.

    values: what synchronization wrote of those pairs goes back, where it still is what was written; preview: the job
    of a preview that is carried out. Raises Refusal: it is no coupling job, or has not ended, its mapping is gone,
    nothing is left to undo, the connection is not enabled.
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
        parameters=UndoParameters(job=job.pk, values=values, preview=preview).dump(),
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
    open_one = job.followups.exclude(type__in=(Type.UNDO, Type.UNDO_PREVIEW)).filter(ended_at__isnull=True).first()
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
