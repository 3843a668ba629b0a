"""What jobs show on the role center: those that failed today, the latest ones, and what is in process."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Aggregate, Case, Count, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone

from core.words import counted
from jobs import display
from jobs.models import OPEN_STATES, Job, State
from jobs.pages import lists
from ui.cells import time_ago
from ui.kit import Cue, FactBox, Link, Table
from ui.links import company_url
from ui.registry import RoleCenterPart

_LATEST = 5
_SHOWN_OPEN = 4
_MOST = 100
"""Open jobs looked at."""


def part(request: HttpRequest, company: Any) -> RoleCenterPart:
    """Return the part of jobs on the role center."""
    found = _asked_once(request, company)
    failed, requests, throttled = (
        (found[0].failed_today, found[0].requests_today, found[0].throttled_today) if found else (0, 0, 0)
    )
    return RoleCenterPart(
        [_failed_today(company, failed)],
        [("Latest jobs", _latest(company, sorted(found, key=lambda job: -job.pk)[:_LATEST]))],
        [_in_process(company, found, requests, throttled)],
    )


def last_answer(request: HttpRequest, company: Any) -> str:
    """Return how long Dataverse took to answer a job last, and when: "84 ms, 2 minutes ago"; "" where none knows."""
    for job in sorted(_asked_once(request, company), key=lambda job: -job.pk):
        if job.answer_ms:
            return f"{job.answer_ms:,} ms, {time_ago(job.ended_at or job.started_at)}"
    return ""


def _asked_once(request: HttpRequest, company: Any) -> list[Any]:
    """Return the jobs that the role center tells of; asked for once in a request."""
    cache = vars(request)
    if "_role_center_jobs" not in cache:
        cache["_role_center_jobs"] = _jobs(company)
    found: list[Any] = cache["_role_center_jobs"]
    return found


def _jobs(company: Any) -> list[Any]:
    """Return the newest jobs and those that are open, those at work first, each with what is counted of today's."""
    own = Job.objects.filter(company=company)
    # The last one of the days before is found from the newest on, by the index that lists take.
    before = own.filter(created_at__lt=display.since_midnight()).order_by("-pk").values("pk")[:1]
    today = own.filter(pk__gt=Coalesce(Subquery(before), 0)).order_by().values("company_id")

    def of_today(number: Aggregate) -> Coalesce:
        return Coalesce(Subquery(today.annotate(_number=number).values("_number")), 0)

    newest = own.order_by("-pk").values("pk")[:_LATEST]
    failed = own.filter(state=State.FAILED, ended_at__gte=display.since_midnight()).order_by().values("company_id")
    shown = own.filter(Q(pk__in=newest) | Q(state__in=OPEN_STATES)).defer("parameters", "resume", "detail")
    counted_too = shown.annotate(
        failed_today=Coalesce(Subquery(failed.annotate(_number=Count("pk")).values("_number")), 0),
        requests_today=of_today(Sum("requests")),
        throttled_today=of_today(Sum("throttled")),
    )
    # Those at work may be the oldest: they come first, so that no number of waiting ones cuts them off.
    return list(counted_too.order_by(Case(When(state=State.IN_PROCESS, then=0), default=1), "-pk")[:_MOST])


def _failed_today(company: Any, failed: int) -> Cue:
    return Cue(
        f"{failed:,}", "Failed jobs today",
        company_url("jobs:list", company, query={"state": "failed", "ended": f"{timezone.localdate()}"}),
        "bad" if failed else "ok", "Failed", "Each says why, and what to do", "Look at them", "No job failed today",
    )  # fmt: skip


def _latest(company: Any, newest: Sequence[Job]) -> Table:
    """Return the newest jobs, with what came of them."""
    rows = [
        (
            Link(display.title(job), lists.job_url(job, company)),
            job.started_at or "Not started",
            display.status(job),
            int(job.counters.get("coupled", 0)),
            int(job.counters.get("inserted", 0)),
            int(job.counters.get("modified", 0)),
            Link(f"{failed:,}", lists.outcomes_url(job, company, outcome="failed"), "bad")
            if (failed := int(job.counters.get("failed", 0)))
            else 0,
        )
        for job in newest
    ]
    head = ("Job", "Start", "State", "Coupled", "Inserted", "Modified", "Failed")
    empty = "No jobs yet. Couple records, or start a full synchronization."
    return Table(
        "Latest jobs", head, rows, numeric=frozenset({3, 4, 5, 6}), empty=empty, cards=True, halves=frozenset({1, 2})
    )


def _in_process(company: Any, found: Sequence[Job], requests: int, throttled: int) -> FactBox:
    """Return the jobs at work, each with how far it is, and how many wait."""
    at_work = [job for job in found if job.state == State.IN_PROCESS]
    waiting = sum(1 for job in found if job.state in OPEN_STATES) - len(at_work)
    told = f"{waiting:,} or more" if len(found) == _MOST else f"{waiting:,}"
    lines = [(job, lists.job_url(job, company), display.progress(job, poll_url="")) for job in at_work[:_SHOWN_OPEN]]
    facts: list[tuple[str, Any]] = [
        ("Waiting", Link(told, company_url("jobs:queue", company)) if waiting else 0),
        (
            "Requests of today's jobs",
            f"{requests:,}, {counted(throttled, 'time')} throttled" if throttled else f"{requests:,}",
        ),
    ]
    context = {"jobs": [(display.title(job), url, progress) for job, url, progress in lines]}
    return FactBox("In process", facts, template="jobs/role_center/in_process.html", context=context)
