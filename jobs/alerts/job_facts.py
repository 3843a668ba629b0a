"""The facts that this room knows: jobs that failed, and workers that nobody has seen."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Max, OuterRef, Q, Subquery
from django.utils import timezone

from jobs import display
from jobs.alerts import kinds
from jobs.alerts.decisions import Fact
from jobs.models import IS_FAILED, Job, Reason, State, Tick, Trigger, Type
from masterdata.models import Company
from ui.cells import text_of
from ui.links import company_url

FAILURE, NOT_SEEN, BRAKE = "failure", "not_seen", "brake"
LATE_AFTER = timedelta(minutes=15)
"""How long neither worker nor beat is seen before somebody is told."""
WITHOUT_NEXT = timedelta(days=7)
"""How long is told of a failed job that no later one makes good, such as an import."""
_TOLD_ELSEWHERE = (Reason.WRONG_ENVIRONMENT, Reason.NOT_ENABLED)
"""Another kind tells of the one; the other follows from what somebody did."""
_LOOKED_AT = (Type.PREVIEW, Type.SUGGESTION, Type.UNDO_PREVIEW, Type.FULL_PREVIEW)
"""Kinds of jobs that somebody waits for, on whose page it stands."""

started_at = timezone.now()
"""When this process began: since then it has seen no tick where there never was one."""


def register() -> None:
    """Name the kinds of this room and their sources; called while the app loads."""
    kinds.add(
        FAILURE, "Failure",
        "A job failed, or records failed in one. Over once a later run succeeds and the records are settled.",
    )  # fmt: skip
    kinds.add(
        NOT_SEEN, "Worker not seen",
        f"Neither a worker nor the beat was seen for {LATE_AFTER.seconds // 60} minutes. Over once they are.",
    )  # fmt: skip
    kinds.add(
        BRAKE, "Stopped by a brake",
        "More records were to be created, coupled or deleted than a brake lets through, so a run left them to a "
        "person. Over once they are settled, or a later run is not stopped.",
    )  # fmt: skip
    kinds.add_source(FAILURE, failed_jobs)
    kinds.add_source(BRAKE, stopped_jobs)
    kinds.add_source(NOT_SEEN, not_seen)


def failed_jobs(now: datetime) -> Iterable[Fact]:
    """Yield each mapping and kind of job whose newest ended job failed, other than at a brake."""
    return (_fact(job, "failed") for job in _standing(now) if job.failure_reason != Reason.BRAKE)


def stopped_jobs(now: datetime) -> Iterable[Fact]:
    """Yield each mapping and kind of job whose newest ended job stopped at a brake."""
    return (_fact(job, "stopped at a brake") for job in _standing(now) if job.failure_reason == Reason.BRAKE)


def _standing(now: datetime) -> list[Job]:
    """Return the newest failed job of each mapping and kind that no later one made good."""
    newest = _newest_failed(now)
    succeeded = Job.objects.filter(
        company=OuterRef("company_id"), mapping_name=OuterRef("mapping_name"), type=OuterRef("type"),
        state=State.FINISHED,
    )  # fmt: skip
    found = Job.objects.filter(pk__in=newest).select_related("company").defer("resume", "parameters", "detail")
    standing = [
        job
        for job in found.annotate(succeeded=Subquery(succeeded.order_by("-pk").values("pk")[:1]))
        if (job.succeeded or 0) < job.pk
    ]
    known = kinds.mappings_of({job.company_id for job in standing}) if standing else set()
    # Where its mapping is gone, no later job can make it good.
    return [job for job in standing if not job.mapping_name or (job.company_id, job.mapping_name) in known]


def _fact(job: Job, what: str) -> Fact:
    url = company_url("jobs:job", job.company, pk=job.pk)
    said = job.failure_message or job.message
    message = f"{display.title(job)}, job {job.pk}, {what}. {said}".strip()
    return Fact(job.company_id, f"job:{job.type}:{job.mapping_name}", message, url, job.mapping_name, job.failure_fix)


def _newest_failed(now: datetime) -> list[int]:
    """Return the newest failed job of each mapping and kind; an index has those that failed alone."""
    failed = Job.objects.filter(Q(IS_FAILED)).exclude(failure_reason__in=_TOLD_ELSEWHERE)
    # One of several attempts: the schedule tells when it gives up.
    failed = failed.exclude(trigger=Trigger.SCHEDULE, type=Type.SYNCHRONIZATION)
    failed = failed.exclude(type__in=_LOOKED_AT).filter(~Q(mapping_name="") | Q(ended_at__gte=now - WITHOUT_NEXT))
    newest = failed.order_by().values("company_id", "mapping_name", "type").annotate(newest=Max("pk"))
    return [row["newest"] for row in newest]


def not_seen(now: datetime) -> Iterable[Fact]:
    """Yield, for each company, that nothing is synchronized because neither worker nor beat is there."""
    last = last_seen()
    if now - last < LATE_AFTER:
        return
    since = f"Neither a worker nor the beat was seen since {text_of(last)}"
    message = f"{since}, so no job starts, and none that was begun goes on."
    for company in Company.objects.all():
        yield Fact(
            company.pk, "worker", message, company_url("jobs:queue", company),
            fix="Start them again; manage.py serve starts both. Jobs go on from their last checkpoint.",
        )  # fmt: skip


def last_seen() -> datetime:
    """Return when a tick was last worked on; where there never was one, when this process began."""
    return Tick.objects.filter(pk=1).values_list("last_at", flat=True).first() or started_at
