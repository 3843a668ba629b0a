"""What this room adds to the shell: Tell Me entries, cues and the latest jobs on the role center."""

from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest

from jobs import display
from jobs.alerts import job_facts, work
from jobs.models import OPEN_STATES, Job, State
from jobs.pages import lists as listings
from jobs.registry import on_tick
from jobs.registry import register as register_kind
from jobs.retention import job as retention_job
from jobs.retention import services as retention
from jobs.retention.sign_ins import remove_old_sign_ins
from ui.kit import Cue, Link, Table
from ui.links import company_url
from ui.registry import Entry, cues, role_center_table, tell_me


def register() -> None:
    """Fill the shell's registries; called while the app loads."""
    entries = (
        Entry("Integration Synchronization Jobs", "jobs:list", also=("Job log", "Synchronization log"), navigation=60),
        Entry("Integration Coupling Jobs", "jobs:list", also=("Integration Coupling Job Log",), query="type=coupling"),
        Entry("Integration Uncoupling Jobs", "jobs:list", also=("Uncoupling log",), query="type=uncoupling"),
        Entry("Job Queue Entries", "jobs:queue", also=("Queue", "Scheduled jobs", "Background jobs")),
        Entry("Retention Policies", "jobs:retention", also=("Clean up", "Delete old jobs", "Keep jobs")),
        Entry("Alerts", "jobs:alerts", also=("Notifications", "Mail", "Webhook", "Receivers of alerts")),
    )
    for entry in entries:
        tell_me(entry)
    cues("Synchronization", _cues, position=20)
    role_center_table("Latest jobs", _latest, position=20)
    job_facts.register()
    register_kind(retention_job.TYPE, retention_job.remove, label="removing old jobs")
    on_tick(retention.run_due)
    on_tick(remove_old_sign_ins)
    on_tick(work.work, last=True)


def _cues(_: HttpRequest, company: Any) -> list[Cue]:
    """Failed jobs today, and jobs in process."""
    today = Q(state=State.FAILED, ended_at__gte=display.since_midnight())
    states = Job.objects.filter(Q(state__in=OPEN_STATES) | today, company=company).order_by().values_list("state")
    counted = dict(states.annotate(count=Count("pk")))
    failed, running = counted.get(State.FAILED, 0), counted.get(State.IN_PROCESS, 0)
    waiting = counted.get(State.QUEUED, 0) + counted.get(State.POSTPONED, 0)
    log = company_url("jobs:list", company)
    return [
        Cue(f"{failed:,}", "Failed jobs today", f"{log}?state=failed", "bad" if failed else "ok"),
        Cue(f"{running:,}", "Jobs in process", f"{log}?state=in_process", "run" if running else ""),
        Cue(f"{waiting:,}", "Jobs waiting", company_url("jobs:queue", company)),
    ]


def _latest(_: HttpRequest, company: Any) -> Table:
    """Return the five newest jobs, with what came of them."""
    newest = Job.objects.filter(company=company).defer("parameters", "resume", "detail")[:5]
    rows = [
        (
            Link(display.title(job), listings.job_url(job, company)),
            job.started_at or "Not started",
            display.status(job),
            int(job.counters.get("coupled", 0) + job.counters.get("inserted", 0) + job.counters.get("modified", 0)),
            Link(f"{failed:,}", listings.outcomes_url(job, company, outcome="failed"), "bad")
            if (failed := int(job.counters.get("failed", 0)))
            else 0,
        )
        for job in newest
    ]
    head = ("Job", "Start", "State", "Done", "Failed")
    empty = "No jobs yet. Couple records, or start a full synchronization."
    return Table("Latest jobs", head, rows, numeric=frozenset({3, 4}), empty=empty)
