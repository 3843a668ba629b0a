"""A preview of an undo that is complete, made without a run."""

import uuid
from datetime import timedelta

from django.utils import timezone

from coupling.models import IntegrationTableMapping
from jobs.models import Job, State, Type
from masterdata.models import Customer
from sync.models import UndoPreview, UndoPreviewPart
from sync.undo.parameters import UndoPreviewParameters
from sync.undo.previewed import ENDS, PreviewedPair, PreviewedValue, pack_pairs


def undo_preview(undone: Job, mapping: IntegrationTableMapping, record: Customer) -> Job:
    """Return the job of a preview: one coupling ends, one of its values goes back and one stays, one coupling stays."""
    job = Job.objects.create(
        company=undone.company, type=Type.UNDO_PREVIEW, state=State.FINISHED, mapping_name=mapping.name,
        parameters=UndoPreviewParameters(job=undone.pk).dump(), started_at=timezone.now(), ended_at=timezone.now(),
    )  # fmt: skip
    numbers = {"total": 2, ENDS: 1, f"{ENDS}:back": 1, f"{ENDS}:kept": 1, "here": 1, "not_coupled": 1}
    preview = UndoPreview.objects.create(
        job=job, undone=undone, complete=True, numbers=numbers, kept_until=timezone.now() + timedelta(days=1)
    )
    values = [
        PreviewedValue("city:address1_city", "City", True, "Bonn", f"{record.name} city"),
        PreviewedValue("phone_no:telephone1", "Phone No.", False, "555", None, "It was changed in Dataverse since."),
    ]
    named = (record.system_id.bytes, uuid.uuid4().bytes, record.no, record.name)
    pairs = {
        ENDS: PreviewedPair(1, *named, f"{record.name} row", values=values),
        "not_coupled": PreviewedPair(2, *named, message=f"{record.name} was uncoupled already."),
    }
    for kind, pair in pairs.items():
        back, kept = len(pair.back), len(pair.kept)
        UndoPreviewPart.objects.create(
            preview=preview, kind=kind, chunk=1, first=0, count=1, first_back=0, back=back, first_kept=0, kept=kept,
            packed=pack_pairs([pair]),
        )  # fmt: skip
    return job
