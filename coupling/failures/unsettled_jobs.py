"""Which jobs left something that a person has yet to settle, or that is needed still: retention leaves them.

See jobs.registry.unsettled.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from coupling.models import CouplingBase, CouplingPreview, FailedRecord, UndoneRecord
from jobs.models import OPEN_STATES, Job, Type
from masterdata.files.kept import KEPT_S


def unsettled_jobs(company: Any, ids: Sequence[int]) -> Iterator[int]:
    """Yield those of a company's jobs with failed records, records left out or conflicts that stand; and previews that
    are kept for a while or carried out now, with the jobs that carried them out.
    """
    failed = FailedRecord.objects.filter(job_id__in=ids)  # an ignored one stands again once its record changes
    left_out = UndoneRecord.objects.filter(company=company, settled_at=None, job_id__in=ids)
    conflicts = CouplingBase.objects.filter(company=company, conflict__isnull=False, last_job_id__in=ids)
    for rows, name in ((failed, "job_id"), (left_out, "job_id"), (conflicts, "last_job_id")):
        yield from rows.order_by().values_list(name, flat=True).distinct()
    now = timezone.now()
    kept = Q(kept_until__gte=now) | Q(carried_out_by__state__in=OPEN_STATES)
    previews = CouplingPreview.objects.filter(kept).filter(Q(job__in=ids) | Q(carried_out_by__in=ids))
    for preview, carries_out in previews.values_list("job_id", "carried_out_by_id"):
        yield preview
        if carries_out is not None:
            yield carries_out
    read = Job.objects.filter(pk__in=ids, type=Type.IMPORT, ended_at__gte=now - timedelta(seconds=KEPT_S))
    yield from read.values_list("pk", flat=True)
