"""Jobs in words: titles, progress, durations. Data in, text out; nothing here asks the database."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import timezone

from jobs.models import ENDED_STATES, Job, Outcome, State, Trigger, Type
from jobs.registry import registry
from masterdata import catalog
from ui.kit import Progress, Status
from ui.kit import State as Look

LIST_TITLES = {
    "": "Integration Synchronization Jobs",
    Type.SYNCHRONIZATION: "Integration Synchronization Jobs",
    Type.COUPLING: "Integration Coupling Jobs",
    Type.UNCOUPLING: "Integration Uncoupling Jobs",
    Type.IMPORT: "Import Jobs",
    Type.ENVIRONMENT: "Environment Change Jobs",
    Type.PREVIEW: "Coupling Previews",
    Type.RESTORE: "Put Back Jobs",
    Type.SUGGESTION: "Suggestions of Criteria",
    Type.UNDO: "Undo Jobs",
    Type.UNDO_PREVIEW: "Undo Previews",
    Type.FULL_PREVIEW: "Previews of Full Synchronization",
    Type.PREPARATION: "Preparations of Environments",
}
ERRORS_TITLE = "Integration Synchronization Errors"
QUEUE_TITLE = "Job Queue Entries"

DIRECTIONS = {
    "bidirectional": "Bidirectional",
    "to_integration_table": "To integration table",
    "from_integration_table": "From integration table",
}
"""A job names its direction as text; the words are those of the mappings."""

COUNTER_LABELS = {
    "coupled": "Coupled",
    "uncoupled": "Uncoupled",
    "inserted": "Inserted",
    "modified": "Modified",
    "deleted": "Deleted",
    "unchanged": "Unchanged",
    "failed": "Failed",
    "skipped": "Skipped",
    "conflicts": "Conflicts",
}
OUTCOME_OF_COUNTER = {**{name: name for name in COUNTER_LABELS}, "conflicts": Outcome.CONFLICT.value}
ALWAYS_SHOWN: dict[str, tuple[str, ...]] = {
    Type.COUPLING: ("coupled", "failed", "skipped"),
    Type.UNCOUPLING: ("uncoupled", "modified", "failed", "skipped"),
    Type.SYNCHRONIZATION: ("inserted", "modified", "unchanged", "failed", "skipped", "conflicts"),
    Type.IMPORT: ("inserted", "modified", "unchanged", "failed"),
    Type.ENVIRONMENT: ("unchanged", "uncoupled"),
    Type.PREVIEW: (),
    Type.RESTORE: ("modified", "unchanged", "failed", "skipped"),
    Type.SUGGESTION: (),
    Type.UNDO: ("uncoupled", "skipped", "failed"),
    Type.UNDO_PREVIEW: (),
    Type.RETENTION: ("deleted",),
    Type.FULL_PREVIEW: (),
    Type.PREPARATION: (),
}
"""The counters a kind of job always shows; others show once they count something."""

_LOOKS: dict[str, Look] = {
    State.QUEUED: "",
    State.IN_PROCESS: "run",
    State.POSTPONED: "warn",
    State.FINISHED: "ok",
    State.FAILED: "bad",
    State.CANCELLED: "warn",
}


def kind_label(job: Job) -> str:
    """Return the kind's own words: "match-based coupling"."""
    kind = registry.kinds.get(job.type)
    if kind is None:
        return type_label(job.type).lower()
    return (kind.label_of(job) if kind.label_of is not None else "") or kind.label


def type_label(type: str) -> str:  # noqa: A002 - the word of the model
    """Return a kind of job as lists name it: a built-in type's own word, else the label it was registered with."""
    if type in Type.values:
        return str(Type(type).label)
    kind = registry.kinds.get(type)
    label = kind.label if kind else type.replace("_", " ")
    return label[:1].upper() + label[1:]


def type_choices() -> list[tuple[str, str]]:
    """Return (type, caption) of every kind of job that runs here."""
    return [(name, type_label(name)) for name in dict.fromkeys([*Type.values, *registry.kinds])]


def title(job: Job) -> str:
    """Return what the job is called: "CUSTOMER, match-based coupling"."""
    label = kind_label(job)
    return f"{job.mapping_name}, {label}" if job.mapping_name else label[:1].upper() + label[1:]


def status(job: Job) -> Status:
    """Return the job's state as a word with a look; a job that finished with failed records says so."""
    if job.state == State.FINISHED and job.counters.get("failed"):
        return Status("Finished with errors", "warn")
    return Status(str(job.get_state_display()), _LOOKS[job.state])


COMMAND_LINE = "Command line"


def started_by(job: Job) -> str:
    """Return who or what asked for the job."""
    if job.requested_by is not None:
        return str(job.requested_by)
    return COMMAND_LINE if job.trigger == Trigger.USER else str(job.get_trigger_display())


def at_work(job: Job) -> str:
    """Return who started a job that others wait for, and since when: "started by ada, at work since 14:03"."""
    if job.requested_by is not None:
        who = f"started by {job.requested_by}"
    elif job.trigger == Trigger.USER:
        who = "started from the command line"
    else:
        who = "started by the schedule" if job.trigger == Trigger.SCHEDULE else "a follow-up of another job"
    begun = job.started_at is not None and job.state != State.QUEUED
    return f"{who}, {'at work' if begun else 'queued'} since {clock(job.started_at if begun else job.created_at)}"


def direction(job: Job) -> str:
    """Return the direction in words; blank for coupling and uncoupling."""
    return DIRECTIONS.get(job.direction, job.direction)


def duration(seconds: float | None) -> str:
    """Return a duration in words: "0.4 s", "42 s", "3 min 12 s", "2 h 05 min"; blank for None."""
    if seconds is None or seconds < 0:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def duration_of(job: Job) -> str:
    """Return how long a job took, blank while it is not finished."""
    if job.started_at is None or job.ended_at is None:
        return ""
    return duration((job.ended_at - job.started_at).total_seconds())


def done(job: Job) -> int:
    """Return how many records are processed, with those of the batch in hand that Dataverse has taken."""
    return job.processed + (job.under_way if job.state == State.IN_PROCESS else 0)


def rate(job: Job) -> float:
    """Return records a second over the time workers worked on it."""
    return done(job) / job.active_s if job.active_s > 0.05 else 0.0


def time_left(job: Job) -> float | None:
    """Return seconds until the total is reached at the present rate; None when that cannot be told."""
    pace = rate(job)
    if job.total is None or pace <= 0 or done(job) <= 0 or done(job) >= job.total:
        return None
    return (job.total - done(job)) / pace


def percent(job: Job) -> int | None:
    """Return how much of the total is done, never 100 before the end; None without a total."""
    if not job.total:
        return None
    return min(99 if job.state not in ENDED_STATES else 100, int(done(job) * 100 / job.total))


def lost(job: Job, now: datetime | None = None) -> bool:
    """Return whether the job's worker has stopped responding."""
    return job.state == State.IN_PROCESS and job.lease_until is not None and job.lease_until < (now or timezone.now())


def silent_since(job: Job, now: datetime | None = None) -> datetime | None:
    """Return when the job's worker last reported, where two of its reports are missing; None where none is."""
    if job.state != State.IN_PROCESS or job.lease_until is None:
        return None
    heard = job.lease_until - timedelta(seconds=settings.JOB_LEASE_S)
    missing = (now or timezone.now()) - heard > timedelta(seconds=2 * settings.JOB_HEARTBEAT_S)
    return heard if missing else None


def progress(job: Job, *, poll_url: str, waits_for: Job | None = None) -> Progress | None:
    """Return how far an open job is; None once it ended."""
    if job.ended:
        return None
    silent = silent_since(job)
    details = ["" if silent else _pace(job), _requests(job)]  # without a worker, no time is left to be told
    if job.state == State.QUEUED:
        text = (
            f"Waits for {title(waits_for)}, job {waits_for.pk}, {at_work(waits_for)}"
            if waits_for
            else "Starts as soon as a worker is free"
        )
        if job.processed:
            text += f". {_amount(job)} are done"
        return Progress("Queued", text, percent(job), poll_url=poll_url)
    if job.state == State.POSTPONED:
        when = clock(job.not_before)
        why = job.message or "Waiting for Dataverse."
        return Progress(f"Waiting until {when}" if when else "Waiting", why, percent(job), _some(details), poll_url)
    if job.cancel_requested:
        phase = "Cancelling"
        details.insert(0, "Stops after the batch in hand")
    elif lost(job):
        phase = job.phase or "In process"
        details.insert(0, "The worker stopped responding. Another will resume from the last checkpoint.")
    elif silent:
        phase = job.phase or "In process"
        details.insert(0, f"The worker has not reported since {clock(silent)}")
    else:
        phase = job.phase or "In process"
    return Progress(phase, _amount(job), percent(job), _some(details), poll_url)


def clock(moment: datetime | None) -> str:
    """Return the time of day, with the date where it is not today's."""
    if moment is None:
        return ""
    local, today = timezone.localtime(moment), timezone.localdate()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local.day} {local:%b %H:%M}"


def since_midnight() -> datetime:
    """Return the moment today began here."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def _amount(job: Job) -> str:
    what = "steps" if job.type == Type.PREPARATION else "records"
    if job.total is None:
        return f"{done(job):,} {what}" if done(job) else "Getting ready"
    return f"{done(job):,} of {job.total:,} {what}"


def _pace(job: Job) -> str:
    if job.type == Type.PREPARATION:  # of steps none takes as long as another
        return ""
    pace, left = rate(job), time_left(job)
    if pace <= 0 or done(job) <= 0:
        return ""
    text = f"{pace:,.0f} a second" if pace >= 10 else f"{pace:,.1f} a second"
    return text if left is None else f"{text}, about {_roughly(left)} left"


def _roughly(seconds: float) -> str:
    """Whole seconds at least, for a guess."""
    return f"{max(1, round(seconds))} s" if seconds < 59.5 else duration(seconds)


def _requests(job: Job) -> str:
    if not job.requests:
        return ""
    throttled = f"{job.throttled:,} throttled" if job.throttled else "none throttled"
    return f"{job.requests:,} request{'s' if job.requests != 1 else ''}, {throttled}"


def _some(details: list[str]) -> list[str]:
    return [detail for detail in details if detail]


def fields_text(detail: Any) -> str:
    """Return the compared fields of an outcome: "Phone No.: 0121 555 0100 | City: London"."""
    return " | ".join(f"{caption_of_field(field)}: {_value(field)}" for field in _listed(detail, "fields"))


def written_fields(detail: Any) -> list[tuple[str, str, str]]:
    """Return caption, value before and after of each field that an outcome says was written."""
    found = []
    for one in _listed(detail, "fields"):
        here, there = _plain(one.get("local_value")), _plain(one.get("integration_value"))
        if one.get("written") == "local":
            found.append((caption_of_field(one), here, there))
        elif one.get("written") == "integration":
            found.append((f"{caption_of_field(one)} in Dataverse", there, here))
    return found


def caption_of_field(field: Mapping[str, Any]) -> str:
    """Return what people call a local field; where the outcome does not say, the first table that has such a field
    does.
    """
    if caption := _plain(field.get("caption")):
        return caption
    name = _plain(field.get("local"))
    return (_caption_of(name) if name else "") or name or _plain(field.get("integration"))


@lru_cache(maxsize=1000)
def _caption_of(name: str) -> str:
    for table in catalog.tables():
        with suppress(LookupError):
            return table.field(name).caption
    return ""


def candidates_text(detail: Any, shown: int = 3) -> str:
    """Return the Dataverse rows that came into question: "3: Fabrikam, Fabrikam Ltd. (coupled to 10000), ..."."""
    found = _listed(detail, "candidates")
    if not found:
        return ""
    names = []
    for candidate in found[:shown]:
        partner = candidate.get("coupled_to")
        if isinstance(partner, dict):
            partner = partner.get("key") or partner.get("name")
        name = _plain(candidate.get("name")) or _plain(candidate.get("id"))
        notes = [f"coupled to {partner}"] if partner else []
        if nearly := candidate.get("nearly"):
            notes.append(f"nearly, {nearly} % alike")
        names.append(f"{name} ({', '.join(notes)})" if notes else name)
    rest = f" and {len(found) - shown} more" if len(found) > shown else ""
    return f"{', '.join(names)}{rest}"


def trail_text(detail: Any) -> str:
    """Return every priority that was tried: "1: Phone No., 3 rows | 2: Name + City, none"."""
    tried = []
    for step in _listed(detail, "trail"):
        names = step.get("fields")
        fields = " + ".join(_caption_of(str(name)) or str(name) for name in names) if isinstance(names, list) else ""
        rows = step.get("rows")
        found = {None: "", 0: "none", 1: "1 row"}.get(rows, f"{rows:,} rows") if isinstance(rows, int) else ""
        if step.get("result") == "blank":
            found = "blank here"
        tried.append(f"{_plain(step.get('priority'))}: {', '.join(part for part in (fields, found) if part)}")
    return " | ".join(tried)


def support_text(detail: Any) -> str:
    """Return what support needs to know of a record's failure."""
    if not isinstance(detail, dict):
        return ""
    parts = [_plain(detail.get("support"))]
    parts += [f"{label}: {detail[name]}" for name, label in _SUPPORT if detail.get(name)]
    return "; ".join(part for part in parts if part)


_SUPPORT = (("code", "Code"), ("status", "Status"), ("request_id", "Request id"))


def _value(field: dict[str, Any]) -> str:
    parts = [_plain(field.get("local_value")) or "(blank)"]
    if "rewritten_value" in field:
        parts.append(f"by its rules: {_plain(field['rewritten_value']) or '(blank)'}")
    if "before" in field:
        parts.append(f"before: {_plain(field['before']) or '(blank)'}")
    if "integration_value" in field:
        parts.append(f"Dataverse: {_plain(field['integration_value']) or '(blank)'}")
    if "base" in field:
        parts.append(f"last: {_plain(field['base']) or '(blank)'}")
    return ", ".join(parts)


def _listed(detail: Any, name: str) -> list[dict[str, Any]]:
    found = detail.get(name) if isinstance(detail, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def jobs_in_words(number: int) -> str:
    """Return "1 job", "30 jobs"."""
    return "1 job" if number == 1 else f"{number:,} jobs"
