"""The lists of this room, declared once: pages show them, actions above them find their selection in them."""

from collections.abc import Sequence
from functools import lru_cache, partial, reduce
from operator import or_
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet

from core import collation
from jobs import display
from jobs import outcomes as outcomes_read
from jobs.mentions import NOBODY, Reader
from jobs.models import OPEN_STATES, Job, JobOutcome, Outcome, Reason, State, Trigger, Type
from jobs.outcomes import SEARCHED, JobOutcomes, has_parts
from jobs.registry import MOST_RECORDS, registry
from masterdata.models import Company
from ui.cells import mark
from ui.kit import Cell, Changes, Link, Notice, Status
from ui.kit import State as Look
from ui.links import company_url, help_url
from ui.listing import MAX_SEARCH, Column, Filter, Listing, day_begins, is_day

RUN_MARKS = (
    (mark("finished"), "finished"), (mark("idle"), "finished, nothing to do"),
    (mark("errors"), "finished with failed records"), (mark("failed"), "failed"), (mark("run"), "in process"),
    (mark("stopped"), "cancelled"),
)  # fmt: skip
"""The shapes of a strip of runs, and what they stand for."""
_HEAVY = ("parameters", "resume", "detail", "breakdown", "reasons")


def job_url(job: Job, company: Company) -> str:
    """Return the job's card."""
    return company_url("jobs:job", company, pk=job.pk)


def outcomes_url(job: Job, company: Company, **query: str) -> str:
    """Return the job's outcomes, narrowed by outcome and reason."""
    url = company_url("jobs:outcomes", company, pk=job.pk)
    return f"{url}?{urlencode(query)}" if query else url


def jobs(company: Company, type: str = "") -> Listing:  # noqa: A002 - the word of the model
    """Return the job log, newest first; which columns show at first depends on the type it is filtered by."""
    shown = set(display.ALWAYS_SHOWN.get(type, ("coupled", "inserted", "modified", "unchanged", "failed", "skipped")))

    def counter(name: str) -> Column:
        def cell(job: Job) -> Cell:
            count = int(job.counters.get(name, 0))
            if not count:
                return count
            looks: dict[str, Look] = {"failed": "bad", "conflicts": "warn"}
            url = outcomes_url(job, company, outcome=display.OUTCOME_OF_COUNTER[name])
            return Link(f"{count:,}", url, looks.get(name, ""))

        return Column(name, display.COUNTER_LABELS[name], cell, numeric=True, default=name in shown)

    @lru_cache
    def named(text: str) -> frozenset[UUID]:
        """Return the ids of the records of a number or name; asked for by the filter, its problem and the page."""
        text = "" if "\x00" in text else text[:MAX_SEARCH]
        return frozenset(one for finder in registry.record_finders for one in finder(company, text))

    rows = Job.objects.filter(company=company).select_related("requested_by").defer(*_HEAVY)
    filters = [
        Filter("type", "Type", lambda found, value: found.filter(type=value), display.type_choices()),
        Filter("mapping", "Mapping", lambda found, value: found.filter(mapping_name=value), _mappings(company)),
        Filter("state", "State", _by_state, [*State.choices, ("open", "Not ended"), ("errors", "With errors")]),
        Filter(
            "of",
            "Record",
            lambda found, value: _of_records(company, found, named(value)),
            kind="text",
            problem=lambda text: _too_many(text, named(text)),
        ),
        Filter("by", "Requested By", lambda found, value: found.filter(_requested_by(value)), kind="text"),
        Filter("since", "From", lambda found, value: found.filter(created_at__gte=day_begins(value)), kind="date"),
        Filter("until", "To", lambda found, value: found.filter(created_at__lt=day_begins(value, 1)), kind="date"),
        Filter(
            "ended",
            "Ended Since",
            lambda found, value: found.filter(ended_at__gte=day_begins(value)),
            kind="hidden",
            problem=lambda text: "" if is_day(text) else "A day is written as 2026-11-28.",
        ),
        Filter("record", "Record", lambda found, value: _of_record(company, found, value), kind="hidden"),
    ]
    return Listing(
        id=f"jobs-{type}" if type in Type.values else "jobs",
        caption="Jobs",
        rows=rows,
        columns=[
            Column("start", "Start", lambda job: job.started_at or "Not started", sort="pk"),
            Column("finish", "Finish", lambda job: job.ended_at, default=False),
            Column("duration", "Duration", display.duration_of, numeric=True),
            Column("mapping", "Mapping", "mapping_name", sort="mapping_name"),
            *map(counter, display.COUNTER_LABELS),
            Column("direction", "Direction", display.direction, default=type == Type.SYNCHRONIZATION),
            Column("type", "Type", lambda job: display.type_label(job.type), default=type not in Type.values),
            Column("state", "State", display.status, sort="state"),
            Column("message", "Message", "message", wrap=True),
            Column("job", "Job", lambda job: str(job.pk), default=False),
            Column("by", "Requested By", display.started_by, default=False),
            Column("requests", "Requests", "requests", numeric=True, default=False),
        ],
        filters=filters,
        search=("message__icontains", "description__icontains", "mapping_name__icontains"),
        key="pk",
        row_url=lambda job: job_url(job, company),
        row_label=lambda job: f"{display.title(job)}, job {job.pk}",
        cards=True,
        empty=Notice(
            "Couple or synchronize records, or start a full synchronization: each run is listed here with its outcome.",
            title="No jobs yet",
        ),
    )


def _of_record(company: Company, found: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    try:
        return found.filter(pk__in=outcomes_read.jobs_of_record(company, UUID(value)))
    except ValueError:
        return found.none()


def _too_many(text: str, found: frozenset[UUID]) -> str:
    if len(found) <= MOST_RECORDS:
        return ""
    return f"More than {MOST_RECORDS} records have “{text}” in their name. Type the number, or more of the name."


def _of_records(company: Company, found: "QuerySet[Any]", ids: frozenset[UUID]) -> "QuerySet[Any]":
    """Return the jobs that are known to have dealt with records."""
    known = {job for local_id in ids for job in outcomes_read.jobs_of_record(company, local_id)}
    return found.filter(pk__in=known)


def _requested_by(text: str) -> Q:
    """Return the condition on who asked for a job: a person, by name, or what did, as the column says it."""
    triggers = [value for value, label in Trigger.choices if text.casefold() in str(label).casefold()]
    named = [f"requested_by__{name}__icontains" for name in ("username", "first_name", "last_name")]
    condition = Q(requested_by=None, trigger__in=[one for one in triggers if one != Trigger.USER])
    if text.casefold() in display.COMMAND_LINE.casefold():
        condition |= Q(requested_by=None, trigger=Trigger.USER)
    return reduce(or_, (Q(**{name: text}) for name in named), condition)


def queue(company: Company, *, selectable: bool = False, states: Sequence[str] = OPEN_STATES) -> Listing:
    """Return what is in process, queued or postponed, in the order it was asked for; selectable: for an action;
    states: those shown.
    """
    rows = Job.objects.filter(company=company, state__in=states).select_related("requested_by").order_by("pk")

    def waiting(found: list[Any]) -> None:
        keys = {job.exclusive_key for job in found if job.state == State.QUEUED and job.exclusive_key}
        before: dict[str, int] = {}
        if keys:
            ahead = Job.objects.filter(exclusive_key__in=keys, state__in=(State.IN_PROCESS, State.QUEUED))
            for key, state, pk in ahead.order_by("pk").values_list("exclusive_key", "state", "pk"):
                if state == State.IN_PROCESS or key not in before:
                    before[key] = pk
        for job in found:
            job.ahead = before.get(job.exclusive_key) if job.state == State.QUEUED else None

    def ahead(job: Any) -> Cell:
        if job.ahead in (None, job.pk):
            return ""
        return Link(f"Job {job.ahead}", company_url("jobs:job", company, pk=job.ahead))

    return Listing(
        id="queue",
        caption="Job queue entries",
        rows=rows.defer(*_HEAVY),
        columns=[
            Column("description", "Description", lambda job: job.description or display.title(job)),
            Column("state", "Status", _queue_status),
            Column("requested", "Requested", "created_at"),
            Column("earliest", "Earliest Start", "not_before"),
            Column("waits", "Waits For", ahead),
            Column("by", "Requested By", display.started_by),
            Column(
                "progress",
                "Progress",
                lambda job: f"{percent} %" if (percent := display.percent(job)) else "",
                numeric=True,
            ),
            Column("attempts", "Lost Workers", "attempts", numeric=True, default=False),
            Column("worker", "Worker", "worker", default=False),
        ],
        filters=[
            Filter(
                "state",
                "Status",
                lambda found, value: found.filter(state=value),
                [(s.value, s.label) for s in OPEN_STATES],
            )
        ],
        key="id",
        selectable=selectable,
        row_url=lambda job: job_url(job, company),
        row_label=lambda job: f"{display.title(job)}, job {job.pk}",
        decorate=waiting,
        empty=Notice("Nothing is queued, in process or postponed now.", title="The queue is empty")
        if len(states) == len(OPEN_STATES)
        else Notice("Choose All to see every schedule and job.", title="No job has this status now"),
    )


def outcomes(
    job: Job, outcome: str = "", reason: str | None = None, *, reader: Reader = NOBODY, selectable: bool = False
) -> Listing:
    """Return what became of a job's records: all, those of one outcome, or of one reason within it.

    reader: who reads what they say of other companies; selectable: whether there are actions on selected ones.
    """
    open_question = outcome in ("", Outcome.FAILED, Outcome.CONFLICT)
    coupling, imported = job.type == Type.COUPLING, job.type == Type.IMPORT
    writes = outcome in ("", Outcome.MODIFIED) and not coupling and not imported
    rows_known = not (coupling and outcome == Outcome.FAILED) and not imported

    def prepare(found: list[Any]) -> None:
        reader.read_rows(found)
        addresses: dict[Any, str] = {}
        for provider in registry.record_links:
            addresses.update(provider(job, found))
        for row in found:
            row.address = addresses.get(row.local_id, "")
        if writes:
            changes_of(job, found)

    def number(row: Any) -> Cell:
        of_job = not (row.local_id or row.integration_id or imported)
        text = row.local_key or ("(the job)" if of_job else "")
        return Link(text, row.address) if text and row.address else text

    return Listing(
        id=f"outcomes-{outcome}" if outcome else "outcomes",
        caption="Errors" if outcome == Outcome.FAILED else "Records",
        rows=outcomes_read.rows_in_order(job, outcome, reason),
        columns=[
            Column("no", "No.", number),
            Column("name", "Name", "local_name"),
            Column("integration", "Dataverse Row", "integration_name", wrap=True, default=rows_known),
            *([] if outcome else [Column("outcome", "Outcome", outcome_status)]),
            Column("reason", "Reason", reason_status, default=outcome != Outcome.COUPLED),
            Column("why", "Why", "message", wrap=True),
            Column(
                "fields",
                "Fields" if imported else "Compared Fields",
                lambda row: display.fields_text(row.detail),
                wrap=True,
                default=open_question or (coupling and outcome == Outcome.COUPLED),
            ),
            *(
                [Column("changes", "Before and After", lambda row: row.changes, wrap=True, default=bool(outcome))]
                if writes
                else []
            ),
            Column(
                "candidates",
                "Candidates",
                lambda row: display.candidates_text(row.detail),
                wrap=True,
                default=open_question and coupling,
            ),
            Column("trail", "Priorities Tried", lambda row: display.trail_text(row.detail), wrap=True, default=False),
            Column("support", "Details", lambda row: display.support_text(row.detail), wrap=True, default=False),
            Column("integration_id", "Dataverse Row ID", "integration_id", default=False),
            Column("local_id", "Record ID", "local_id", default=False),
        ],
        search=SEARCHED,
        search_label="Search by number or name",
        key="id",
        selectable=selectable,
        total=total(job, outcome, reason),
        place=partial(_place, job, outcome, reason),
        source=JobOutcomes(job, outcome, reason) if has_parts(job) else None,
        decorate=prepare,
        row_label=lambda row: row.local_key or row.integration_name or str(row.pk),
        empty=Notice("No record had this outcome in this job.", title="Nothing here"),
    )


def changes_of(job: Job, rows: Sequence[Any]) -> None:
    """Give outcomes what the job changed of their records; older jobs tell it by the values they compared."""
    known: dict[Any, list[tuple[str, str, str]]] = {}
    modified = [row for row in rows if row.outcome == Outcome.MODIFIED]
    for provider in registry.changed_fields if modified else ():
        known |= provider(job, modified)
    for row in rows:
        told = known.get(row.local_id) or (
            display.written_fields(row.detail) if row.outcome == Outcome.MODIFIED else []
        )
        row.changes = Changes(tuple(told))


def total(job: Job, outcome: str = "", reason: str | None = None) -> int:
    """Return how many outcomes a list of them has, from the job's own counts."""
    if not outcome:
        return sum(sum(by.values()) for by in job.breakdown.values())
    by = job.breakdown.get(outcome, {})
    return int(sum(by.values()) if reason is None else by.get(reason, 0))


def _place(job: Job, outcome: str, reason: str | None, number: int) -> dict[str, Any] | None:
    """Return where the first so many outcomes of such a list end; None past the last one."""
    groups = [
        ((one, why), count)
        for one, by in job.breakdown.items()
        for why, count in by.items()
        if outcome in ("", one) and reason in (None, why)
    ]
    names = {*Outcome.values, *Reason.values, *(name for group, _ in groups for name in group)}
    rank = collation.ranks(names, Job.objects.db)
    for (one, why), count in sorted(groups, key=lambda group: (rank[group[0][0]], rank[group[0][1]])):
        if number <= count:
            return {"outcome": one, "reason": why, "position": number}
        number -= count
    return None


def reason_label(reason: str) -> str:
    """Return the reason in words; the plain case has none."""
    return str(Reason(reason).label) if reason in Reason.values and reason else ""


def reason_link(reason: str, look: Look = "") -> Cell:
    """Return the reason in words, leading to what it means and what to do; "" for the plain case."""
    text = reason_label(reason)
    return Link(text, reason_help(reason), look) if text else ""


def reason_help(reason: str) -> str:
    """Return where help tells what a reason means, why, and what to do."""
    return help_url(f"troubleshooting.md#{reason.replace('_', '-')}")


def outcome_status(row: JobOutcome) -> Cell:
    """Return the outcome as a word with a look."""
    looks: dict[str, Look] = {Outcome.FAILED: "bad", Outcome.CONFLICT: "warn", Outcome.SKIPPED: "warn"}
    caption = str(row.get_outcome_display())
    return Status(caption, looks[row.outcome]) if row.outcome in looks else caption


def reason_status(row: JobOutcome) -> Cell:
    """Return the reason, leading to its help; ambiguous cases look different from plain failures."""
    if row.outcome == Outcome.FAILED:
        open_question = row.reason in (Reason.MULTIPLE_MATCHES, Reason.ALREADY_COUPLED)
        return reason_link(row.reason, "warn" if open_question else "bad")
    return reason_link(row.reason, "warn" if row.outcome in (Outcome.CONFLICT, Outcome.SKIPPED) else "")


def _by_state(found: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    if value == "open":
        return found.filter(state__in=OPEN_STATES)
    if value == "errors":
        return outcomes_read.with_errors(found)
    return found.filter(state=value)


def _mappings(company: Company) -> list[tuple[str, str]]:
    return [
        (name, name) for name in collation.distinct_values(Job.objects.filter(company=company), "mapping_name") if name
    ]


def _queue_status(job: Job) -> Cell:
    if job.cancel_requested and not job.ended:
        return Status("Cancelling", "warn")
    return display.status(job)
