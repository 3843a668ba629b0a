"""Which jobs left something that a person has yet to settle: retention leaves them (jobs.registry.unsettled)."""

from collections.abc import Iterator, Sequence
from typing import Any

from coupling.models import CouplingBase, FailedRecord, IntegrationTableMapping, UndoneRecord


def unsettled_jobs(company: Any, ids: Sequence[int]) -> Iterator[int]:
    """Yield those of a company's jobs with failed records, records left out or conflicts that stand."""
    standing = FailedRecord.objects.filter(job_id__in=ids, ignored_at=None)
    left_out = UndoneRecord.objects.filter(company=company, settled_at=None, job_id__in=ids)
    mappings = IntegrationTableMapping.objects.filter(company=company)
    conflicts = CouplingBase.objects.filter(mapping__in=mappings, conflict__isnull=False, last_job_id__in=ids)
    for rows, name in ((standing, "job_id"), (left_out, "job_id"), (conflicts, "last_job_id")):
        yield from rows.order_by().values_list(name, flat=True).distinct()
