"""Which jobs others need that have not ended: retention leaves them (jobs.registry.unsettled)."""

from collections.abc import Iterator, Sequence
from typing import Any

from jobs.models import OPEN_STATES, Job, Type
from sync.history.parameters import PutBackParameters
from sync.models import SynchronizedValue
from sync.undo.parameters import UndoParameters, UndoPreviewParameters


def needed_jobs(company: Any, ids: Sequence[int]) -> Iterator[int]:
    """Yield the jobs that are being undone, and those whose values are being put back."""
    open_ones = Job.objects.filter(company=company, state__in=OPEN_STATES)
    for given in open_ones.filter(type=Type.UNDO).values_list("parameters", flat=True):
        asked = UndoParameters.load(given)
        yield from filter(None, (asked.job, asked.preview))
    for given in open_ones.filter(type=Type.UNDO_PREVIEW).values_list("parameters", flat=True):
        yield UndoPreviewParameters.load(given).job
    for given in open_ones.filter(type=Type.RESTORE).values_list("parameters", flat=True):
        lines = SynchronizedValue.objects.filter(pk__in=PutBackParameters.load(given).lines, job__in=ids)
        yield from lines.order_by().values_list("job", flat=True).distinct()
