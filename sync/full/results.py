"""What runs took: of the lines of a review, and of the last jobs, by which the next ones are estimated."""

from collections.abc import Iterator
from typing import Any

from jobs.models import Job, State, Type
from sync.full.estimate import Estimate, Rates, Run, Work, rates
from sync.models import FullSynchReviewLine

_JOBS = 100
"""Jobs of a company, the newest, among which the rates are looked for."""


def rates_of(company: Any) -> Rates:
    """Return the rates of the company's last runs."""
    kinds = (Type.SYNCHRONIZATION, Type.COUPLING)
    newest = Job.objects.filter(company=company, type__in=kinds, state=State.FINISHED).order_by("-pk")
    found = newest.only("counters", "breakdown", "processed", "active_s", "direction")[:_JOBS]
    return rates(Run(_work_of(job), job.active_s) for job in found)


def _work_of(job: Job) -> Work:
    """Return what a job did. What it created or changed counts for the side that its direction names, or Dataverse."""
    counters = job.counters
    changed = sum(int(counters.get(name, 0)) for name in ("inserted", "modified", "deleted"))
    read = max(0, job.processed - changed)
    here = job.direction == "from_integration_table"
    return Work(read, 0 if here else changed, changed if here else 0)


def family_of(job: Job) -> Iterator[Job]:
    """Yield a job and all that followed it."""
    yield job
    for follow_up in job.followups.all():
        yield from family_of(follow_up)


def result_of(line: FullSynchReviewLine) -> Estimate | None:
    """Return what a line's run took, with what followed it; None before it has ended."""
    if line.job is None:
        return None
    found = Estimate()
    for job in family_of(line.job):
        if not job.ended:
            return None
        changed = sum(int(job.counters.get(name, 0)) for name in ("inserted", "modified", "deleted"))
        found += Estimate(job.processed, job.requests, changed, job.active_s)
    return found
