"""Schedules on Job Queue Entries and on a mapping's card, and the page where one is changed."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from connection_setup.connection.organization import HOLD_CHANGED as ENVIRONMENT_CHANGED
from connection_setup.connection.state import connection_for_request, know_connection
from connection_setup.web_hook import page as web_hook
from core.roles import Can, may
from coupling import local_records
from coupling.models import IntegrationTableMapping
from coupling.page_parts import mapping_url
from jobs import display
from jobs.registry import Schedule as QueueLine
from masterdata.models import Company
from sync.schedules import reading, runs
from sync.schedules.forms import ScheduleForm
from sync.schedules.reading import Line
from sync.schedules.rules import LABELS, MAX_ATTEMPTS, Status
from ui.cells import text_of
from ui.kit import Action, FastTab, Field, Link, Page, State
from ui.kit import Status as Word
from ui.links import company_url

EDIT = "Edit Schedule"
_LOOKS: dict[Status, State] = {
    Status.READY: "ok", Status.ON_HOLD: "hold", Status.ON_HOLD_INACTIVE: "hold", Status.IN_PROCESS: "run",
    Status.LATE: "late", Status.ERROR: "bad",
}  # fmt: skip


def queue_lines(request: HttpRequest, company: Company) -> Iterable[QueueLine]:
    """Yield a line of Job Queue Entries for each mapping that has a schedule."""
    found = reading.lines(company, timezone.now())
    for connection in (getattr(line.mapping.company, "connection", None) for line in found[:1]):
        if connection is not None:
            know_connection(request, connection)
    drawn = runs.strips(company, [line.mapping for line in found])
    operates, maps = may(request.user, Can.OPERATE, company), may(request.user, Can.MAP, company)
    for line in found:
        mapping = line.mapping
        yield QueueLine(
            mapping.name,
            mapping=mapping.name,
            tables=_tables(mapping),
            state=word(line).text,
            look=word(line).state,
            next_run=None if line.held else mapping.next_run_at,
            every=f"{mapping.every_minutes:,} min",
            url=mapping_url("mapping", mapping),
            reason=reason(line),
            reason_url=_decided_on(line) if line.held else "",
            last_success=line.entry.last_success,
            attempts=f"{line.schedule.attempts} of {MAX_ATTEMPTS}",
            runs=drawn[mapping.name],
            key=mapping.name if operates else "",
            on=mapping.scheduled,
            buttons=[*(_buttons(line, company) if operates else ()), *(_edit(line, company) if maps else ())],
        )


def wakes_from_dataverse(request: HttpRequest, company: Company) -> str:
    """Return whether a change in Dataverse wakes its mappings, as a sentence."""
    return web_hook.changes_there(connection_for_request(request, company))


def _decided_on(line: Line) -> str:
    """Return where it is settled what holds all schedules."""
    changed = line.held == ENVIRONMENT_CHANGED
    return company_url("sync:environment" if changed else "connection_setup:setup", line.mapping.company)


def word(line: Line) -> Word:
    """Return how a schedule stands, as a word with a look."""
    text, look = LABELS[line.status], _LOOKS[line.status]
    return Word(f"{text}, late", "late") if line.late and line.status is not Status.LATE else Word(text, look)


def reason(line: Line) -> str:
    """Return why a schedule stands as it does, where its word alone does not say it."""
    kept, mapping, job = line.schedule, line.mapping, line.schedule.job
    if line.held:
        return line.held
    if line.status is Status.ON_HOLD_INACTIVE:
        return "It runs when a record here changes."
    if kept.error:
        return kept.error
    if line.late and job is None:
        planned = text_of(line.entry.owed_since or mapping.next_run_at)
        return f"It should have begun at {planned}. It waits for another job, or for a worker to run."
    if line.late and job is not None:
        return f"{display.title(job)}, job {job.pk}, has not succeeded yet."
    if line.status is Status.ON_HOLD and kept.held_by is not None and kept.held_at is not None:
        return f"By {kept.held_by}, {text_of(kept.held_at)}"
    return ""


def _tables(mapping: IntegrationTableMapping) -> str:
    try:
        here = local_records.get_table(mapping).caption_plural
    except local_records.Unusable:
        here = mapping.table
    between = {"to_integration_table": "to", "from_integration_table": "from"}.get(mapping.direction, "and")
    return f"{here} {between} {mapping.integration_table}"


def _buttons(line: Line, company: Company) -> Sequence[Action]:
    run = Action("Run Now", company_url("sync:schedules-run", company), "post", "sync")
    ready = Action("Set Ready", company_url("sync:schedules-ready", company), "post", "check")
    held = Action("Hold", company_url("sync:schedules-hold", company), "post", "hold")
    stopped = not line.mapping.scheduled or line.schedule.failed_at is not None
    return (run, ready if stopped else held)


def _edit(line: Line, company: Company) -> Sequence[Action]:
    url = company_url("sync:schedule", company, mapping=line.mapping.name)
    return (Action("Edit", url, "get", "edit"),)


def queue_actions(request: HttpRequest, company: Company) -> Iterable[Action]:
    """Yield what can be done with several schedules at once."""
    if not may(request.user, Can.OPERATE, company):
        return
    for label, name, icon in (
        ("Run Now", "run", "sync"), ("Set On Hold", "hold", "hold"), ("Set Ready", "ready", "check"),
    ):  # fmt: skip
        yield Action(label, company_url(f"sync:schedules-{name}", company), "post", icon=icon, selection=True)


def card_fields(mapping: IntegrationTableMapping) -> list[Field]:
    """Return how a mapping's schedule stands, for its card, with what can be done about it."""
    line = reading.line_of(mapping, timezone.now())
    strip = runs.strips(mapping.company, [line.mapping])[mapping.name]
    kept = line.schedule
    return [
        Field("Status", word(line), hint=reason(line)),
        Field("Last success", line.entry.last_success or "never"),
        Field("Attempts", f"{kept.attempts} of {MAX_ATTEMPTS}"),
        Field("Late after", f"{mapping.late_after_minutes:,} min"),
        Field("Last runs", strip),
    ]


def card_actions(request: HttpRequest, mapping: IntegrationTableMapping) -> list[Action]:
    """Return what can be done with a mapping's schedule from its card."""
    company = mapping.company
    off = "" if may(request.user, Can.OPERATE, company) else "Your role may look, not change."
    no_edit = "" if may(request.user, Can.MAP, company) else "Your role may look, not change."
    values = {"only": mapping.name, "card": "1"}
    line = reading.line_of(mapping, timezone.now())
    stopped = not mapping.scheduled or line.schedule.failed_at is not None
    change = ("Set Ready", "ready", "check") if stopped else ("Set On Hold", "hold", "hold")
    return [
        *(
            Action(label, company_url(f"sync:schedules-{name}", company), "post", icon, off=off, values=values)
            for label, name, icon in (("Run Now", "run", "sync"), change)
        ),
        Action(EDIT, company_url("sync:schedule", company, mapping=mapping.name), icon="edit", off=no_edit),
    ]


def edit_page(mapping: IntegrationTableMapping, form: ScheduleForm) -> Page:
    """Return the page where a schedule is changed."""
    company = mapping.company
    queue = company_url("jobs:queue", company)
    line = reading.line_of(mapping, timezone.now())
    fields = [
        Field("Status", word(line), hint=reason(line)),
        Field("Next run", mapping.next_run_at or "not scheduled"),
        *(Field(form_field=form[name]) for name in form.fields),
    ]
    return Page(
        EDIT,
        company=company,
        crumbs=(Link(display.QUEUE_TITLE, queue), Link(mapping.name, mapping_url("mapping", mapping))),
        help="jobs#queue",
        fast_tabs=(FastTab("schedule", mapping.name, fields),),
        form_url=company_url("sync:schedule", company, mapping=mapping.name),
        submit=Action("Save", icon="save", primary=True),
        cancel=Link("Cancel", queue),
    )


def initial(mapping: IntegrationTableMapping) -> dict[str, Any]:
    """Return what the form shows of a schedule as it is."""
    return {"every": mapping.every_minutes, "late_after": mapping.late_after_minutes}
