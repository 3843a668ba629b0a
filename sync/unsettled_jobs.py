"""Which jobs others need that have not ended: retention leaves them (jobs.registry.unsettled)."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.utils import timezone

from jobs.models import OPEN_STATES, Job, Type
from sync.history.parameters import PutBackParameters
from sync.models import SynchronizedValue, UndoPreview
from sync.undo.parameters import UndoParameters, UndoPreviewParameters


def needed_jobs(company: Any, ids: Sequence[int]) -> Iterator[int]:
    """Yield the jobs that are being undone, those whose values are being put back, and previews of undo kept still."""
    open_ones = Job.objects.filter(company=company, state__in=OPEN_STATES)
    for given in open_ones.filter(type=Type.UNDO).values_list("parameters", flat=True):
        asked = UndoParameters.load(given)
        yield from filter(None, (asked.job, asked.preview))
    for given in open_ones.filter(type=Type.UNDO_PREVIEW).values_list("parameters", flat=True):
        yield UndoPreviewParameters.load(given).job
    previews = UndoPreview.objects.filter(kept_until__gte=timezone.now(), job__in=ids)
    for preview, undone in previews.values_list("job_id", "undone_id"):
        yield from (preview, undone)
    for given in open_ones.filter(type=Type.RESTORE).values_list("parameters", flat=True):
        lines = SynchronizedValue.objects.filter(pk__in=PutBackParameters.load(given).lines, job__in=ids)
        yield from lines.order_by().values_list("job", flat=True).distinct()
