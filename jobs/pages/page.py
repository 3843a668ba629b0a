"""The pages of this room as data: the job card and the lists of outcomes."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from core.roles import Can, may
from jobs import display, services
from jobs.mentions import PersonReading
from jobs.models import Job, Outcome, State, Trigger
from jobs.pages import lists as listings
from jobs.registry import registry
from masterdata.models import Company
from ui.cells import text_of
from ui.kit import Action, Cue, FastTab, Field, Link, Notice, Page, Table
from ui.kit import State as Look
from ui.links import company_url

WHAT_IT_MEANS = "What it means"
"""Leads to the help on a reason."""


def list_link(job: Job, company: Company) -> Link:
    """Return the log the job is listed in: "Integration Coupling Jobs"."""
    url = company_url("jobs:list", company)
    return Link(display.LIST_TITLES.get(job.type, display.LIST_TITLES[""]), f"{url}?type={job.type}")


def card_link(job: Job, company: Company) -> Link:
    """Return the job's card, by when it started."""
    return Link(text_of(job.started_at or job.created_at), listings.job_url(job, company))


def card(request: HttpRequest, job: Job, company: Company) -> Page:
    """Return the job card: progress while it runs, counters that drill down, both texts of an error, its failed
    records.
    """
    waits_for = services.waits_for(job)
    url = listings.job_url(job, company)
    failed = listings.total(job, Outcome.FAILED)
    on_failed = _outcome_actions(request, job, Outcome.FAILED) if failed else []
    return Page(
        title=display.title(job),
        company=company,
        crumbs=(list_link(job, company), Link(text_of(job.started_at or job.created_at), "")),
        state=display.status(job),
        help="jobs",
        actions=[*on_failed, *_of_other_rooms(request, job), *_actions(request, job, company)],
        notices=_notices(job, company, waits_for),
        progress=display.progress(job, poll_url=url, waits_for=waits_for),
        cues=counters(job, company),
        fast_tabs=_tabs(job, company),
        listing=listings.outcomes(job, Outcome.FAILED, reader=PersonReading(request.user), selectable=bool(on_failed))
        if failed
        else None,
    )


_LOOKS: dict[str, Look] = {"failed": "bad", "conflicts": "warn", "skipped": "warn", "coupled": "ok"}
"""How a counter with records looks."""


def counters(job: Job, company: Company) -> list[Cue]:
    """Return one cue per counter that matters for the kind of job; those without records lead nowhere."""
    always = display.ALWAYS_SHOWN.get(job.type, ())
    found = []
    for name, label in display.COUNTER_LABELS.items():
        count = int(job.counters.get(name, 0))
        if not count and name not in always:
            continue
        outcome = display.OUTCOME_OF_COUNTER[name]
        url = listings.outcomes_url(job, company, outcome=outcome) if job.breakdown.get(outcome) else ""
        found.append(Cue(f"{count:,}", label, url, _LOOKS.get(name, "") if count else ""))
    return found


def outcomes(request: HttpRequest, job: Job, company: Company, outcome: str, reason: str | None) -> Page:
    """Return what became of the job's records, with its reasons and how often each occurred."""
    errors = outcome == Outcome.FAILED
    label = str(Outcome(outcome).label) if outcome else "All records"
    page_title = display.ERRORS_TITLE if errors else f"{label} in {display.title(job)}"
    export = company_url("jobs:export", company, pk=job.pk)
    query = request.GET.urlencode()
    actions = _outcome_actions(request, job, outcome)
    reader = PersonReading(request.user)
    listing = listings.outcomes(job, outcome, reason, reader=reader, selectable=bool(actions))
    return Page(
        title=page_title,
        company=company,
        crumbs=(list_link(job, company), card_link(job, company), Link(label, "")),
        help="jobs",
        actions=[
            *actions,
            Action("Job", listings.job_url(job, company), icon="job"),
            Action("Export", f"{export}?{query}" if query else export, icon="export"),
        ],
        notices=_notices(job, company, None) if errors else (),
        cues=_reasons(job, company, outcome, reason),
        listing=listing,
    )


def _outcome_actions(request: HttpRequest, job: Job, outcome: str) -> list[Any]:
    """Return what upper rooms offer to do with a job's outcomes."""
    return [action for provider in registry.outcome_actions for action in provider(request, job, outcome)]


def _of_other_rooms(request: HttpRequest, job: Job) -> list[Any]:
    """Return what upper rooms offer on the card of a job."""
    return [action for provider in registry.job_actions for action in provider(request, job)]


def _reasons(job: Job, company: Company, outcome: str, reason: str | None) -> list[Cue]:
    """Return the outcomes of the job, or the reasons of one outcome, each with its number of records."""
    if not outcome:
        return [
            Cue(f"{sum(by.values()):,}", str(Outcome(name).label), listings.outcomes_url(job, company, outcome=name))
            for name, by in job.breakdown.items()
            if name in Outcome.values
        ]
    by = job.breakdown.get(outcome, {})
    if set(by) <= {""}:
        return []
    everything = Cue(f"{sum(by.values()):,}", f"All {str(Outcome(outcome).label).lower()}", _url(job, company, outcome))
    found = [_marked(everything, reason is None)]
    for name, count in sorted(by.items(), key=lambda item: (-item[1], item[0])):
        cue = Cue(f"{count:,}", listings.reason_label(name) or "Without a reason", _url(job, company, outcome, name))
        found.append(_marked(cue, reason == name))
    return found


def _url(job: Job, company: Company, outcome: str, reason: str | None = None) -> str:
    query = {"outcome": outcome} if reason is None else {"outcome": outcome, "reason": reason or "none"}
    return listings.outcomes_url(job, company, **query)


def _marked(cue: Cue, here: bool) -> Cue:
    return Cue(cue.number, f"{cue.label}, shown", "", "run") if here else cue


def _actions(request: HttpRequest, job: Job, company: Company) -> list[Action]:
    kwargs = {"company": company.slug, "pk": job.pk}
    actions = []
    if not job.ended and may(request.user, Can.OPERATE, job.company):
        off = "stops after the batch in hand" if job.cancel_requested else ""
        actions.append(Action("Cancel", reverse("jobs:cancel", kwargs=kwargs), icon="cancel", off=off, dialog=not off))
    if any(job.breakdown.values()):
        actions.append(Action("All Records", listings.outcomes_url(job, company), icon="list"))
        actions.append(Action("Export", reverse("jobs:export", kwargs=kwargs), icon="export"))
    return actions


def _notices(job: Job, company: Company, waits_for: Job | None) -> list[Notice]:
    notices = []
    if waits_for is not None:
        open_it = Action("Open it", listings.job_url(waits_for, company))
        text = (
            f"It starts when {display.title(waits_for)} (job {waits_for.pk}, {display.at_work(waits_for)}) has ended: "
            "both work on the same records."
        )
        notices.append(Notice(text, title="Waits for another job", actions=(open_it,)))
    if job.state == State.FAILED:
        title = listings.reason_label(job.failure_reason) or "The job failed"
        stays = " What was done until then stays." if job.processed else ""
        means = [Action(WHAT_IT_MEANS, listings.reason_help(job.failure_reason))] if job.failure_reason else []
        notices.append(Notice(f"{job.message or 'The job failed.'}{stays}", "bad", title, means))
    elif job.state == State.CANCELLED:
        notices.append(Notice(f"{job.message or 'Cancelled.'} What was done until then stays.", "warn"))
    elif job.state == State.FINISHED and job.message:
        notices.append(Notice(job.message))
    return notices


def _tabs(job: Job, company: Company) -> list[FastTab]:
    tabs = [tab for provider in registry.job_tabs for tab in provider(job)]
    if by := job.breakdown.get(Outcome.FAILED.value):
        reasons = sorted(by.items(), key=lambda item: (-item[1], item[0]))
        named = [(listings.reason_label(reason) or "Without a reason", reason, count) for reason, count in reasons]
        fields = [
            Field(text, Link(f"{count:,}", _url(job, company, Outcome.FAILED, reason))) for text, reason, count in named
        ]
        gist = ", ".join(f"{text} {count:,}" for text, _, count in named)
        tabs.append(FastTab("reasons", "Failed by reason", fields, gist=gist))
    tabs.append(FastTab("general", "General", _general(job, company), gist=_run_summary(job), open=False))
    if job.detail:
        tabs.append(FastTab("details", "Details for support", (Field("Details", job.detail, copy=True),), open=False))
    followups = list(job.followups.order_by("pk")) if job.ended or job.breakdown else []
    if followups:
        rows = [
            (
                Link(display.title(one), listings.job_url(one, company)),
                display.status(one),
                _counted(one),
                display.duration_of(one),
            )
            for one in followups
        ]
        table = Table("Follow-up jobs", ("Job", "State", "Records", "Duration"), rows)
        tabs.append(FastTab("followups", "Follow-up jobs", gist=f"{len(followups)}", table=table))
    return tabs


def _records_of(job: Job) -> str:
    """Return which records a job is about; blank for one that is about no mapping."""
    if job.selection_only:
        return "Selected ones"
    return "All of the mapping" if job.mapping_name else ""


def _general(job: Job, company: Company) -> list[Field]:
    fields = [
        Field("Job", str(job.pk), copy=True),
        Field("Type", display.type_label(job.type)),
        *([Field("Description", job.description)] if job.description else []),
        Field("Mapping", job.mapping_name),
        Field("Direction", display.direction(job)),
        Field("Requested", job.created_at),
        Field("Start", job.started_at),
        Field("Finish", job.ended_at),
        Field("Duration", display.duration_of(job)),
        Field("Worked on for", display.duration(job.active_s) if job.active_s else ""),
        Field("Started by", display.started_by(job)),
        Field("Records", _records_of(job)),
        Field("Plan", _PLANS.get(job.plan, job.plan)),
        # While it is open, its progress tells them, as they grow.
        *([Field("Requests to Dataverse", job.requests), Field("Throttled", job.throttled)] if job.ended else []),
        Field("Worker", job.worker),
        Field("Lost workers", job.attempts or ""),
    ]
    if job.parent is not None:
        fields.append(Field("Follows", Link(display.title(job.parent), listings.job_url(job.parent, company))))
    elif job.trigger == Trigger.FOLLOW_UP:
        fields.append(Field("Follows", "A job that was deleted"))
    return [field for field in fields if field.value not in ("", None)]


_PLANS = {"scan": "Download all rows and compare here", "probe": "Ask Dataverse for the selected records"}


def _run_summary(job: Job) -> str:
    parts = [text_of(job.started_at), display.duration_of(job), f"{job.requests:,} requests" if job.requests else ""]
    return ", ".join(part for part in parts if part)


def _counted(job: Job) -> str:
    counted = [(label, job.counters.get(name, 0)) for name, label in display.COUNTER_LABELS.items()]
    return ", ".join(f"{count:,} {label.lower()}" for label, count in counted if count)
