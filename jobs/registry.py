"""What upper rooms bring while their apps load: kinds of jobs, work for the tick, lines for the queue page."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from jobs.models import Job, JobOutcome
from ui.kit import Action, FastTab, State, Strip

Handler = Callable[[Any], None]
"""`def run(context: JobContext) -> None`. The context's type stands above this file, so it is not named here."""


MOST_RECORDS = 5
"""Records whose runs the job list shows together."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job: the word it goes by, and the handler that is re-entered from its checkpoint."""

    type: str
    handler: Handler
    label: str
    """What a job's card says after the mapping: "CUSTOMER, match-based coupling"."""
    label_of: Callable[[Job], str] | None = None
    """Says instead what a job of the kind does that is another thing than the others; "" for the others."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One line of Job Queue Entries that is no job: what runs by itself, when, and how that stands."""

    description: str
    mapping: str = ""
    state: str = "Ready"
    next_run: datetime | None = None
    every: str = ""
    url: str = ""
    reason: str = ""
    """Why it stands so."""
    reason_url: str = ""
    """Where that is settled."""
    look: State = ""
    tables: str = ""
    """What it synchronizes, in words."""
    last_success: datetime | None = None
    attempts: str = ""
    runs: Strip | None = None
    key: str = ""
    """What a ticked line is known by; "" where there are no actions on it."""
    on: bool = True
    """Whether it runs by itself once nothing holds it."""
    buttons: Sequence[Action] = ()
    """What can be done with this line alone; the addresses get its key as `only`."""


ScheduleProvider = Callable[[Any, Any], Iterable[Schedule]]


ChangedFields = Callable[[Job, Sequence[JobOutcome]], dict[Any, list[tuple[str, str, str]]]]


Unsettled = Callable[[Any, Sequence[int]], Iterable[int]]


class Aged(Protocol):
    """Drops what jobs wrote and what may be older or younger than they are."""

    def __call__(self, *, company: Any, before: datetime, most: int) -> int:
        """Delete what a company has of it from before a moment, the oldest first, at most so many. Return how many."""


class DerivedOutcomes(Protocol):
    """Finds what a kind of job keeps no rows of, by the numbers that its handler gave (Checkpoint.derive)."""

    def rows(self, job: Job, numbers: Sequence[int], notes: Sequence[Any]) -> list[JobOutcome]:
        """Return the outcomes of these numbers, in their order, not saved; they need no job, outcome and position."""

    def find(self, job: Job, text: str) -> Iterable[int]:
        """Return the numbers, of this job or others, whose records' number begins with a text or whose name has it."""

    def newest_of(self, company: Any, local_id: UUID) -> tuple[int, int] | None:
        """Return the newest job that may have told of a record without a row, and its number there; None for none."""

    def note_matches(self, note: Any, text: str) -> bool:
        """Return whether what is noted of an outcome has a text in it; given in lower case."""


@dataclass(slots=True)
class _Registry:
    kinds: dict[str, Kind] = field(default_factory=dict)
    ticks: list[Callable[[datetime], None]] = field(default_factory=list)
    last_ticks: list[Callable[[datetime], None]] = field(default_factory=list)
    ended: list[Callable[[str], None]] = field(default_factory=list)
    schedules: list[ScheduleProvider] = field(default_factory=list)
    schedule_actions: list[Callable[[Any, Any], Iterable[Action]]] = field(default_factory=list)
    schedule_notes: list[Callable[[Any, Any], str]] = field(default_factory=list)
    record_links: list[Callable[[Job, list[JobOutcome]], dict[Any, str]]] = field(default_factory=list)
    record_finders: list[Callable[[Any, str], Iterable[UUID]]] = field(default_factory=list)
    outcome_actions: list[Callable[[Any, Job, str], Iterable[Any]]] = field(default_factory=list)
    derived: dict[str, DerivedOutcomes] = field(default_factory=dict)
    failed: list[Callable[[Job, Sequence[Any]], None]] = field(default_factory=list)
    error_pages: list[Callable[[Any, Job | None], str]] = field(default_factory=list)
    job_actions: list[Callable[[Any, Job], Iterable[Any]]] = field(default_factory=list)
    job_tabs: list[Callable[[Job], Iterable[FastTab]]] = field(default_factory=list)
    changed_fields: list[ChangedFields] = field(default_factory=list)
    unsettled: list[Unsettled] = field(default_factory=list)
    aged: list[Aged] = field(default_factory=list)


registry = _Registry()


def register(
    type: str,  # noqa: A002 - the word of the model
    handler: Handler,
    *,
    label: str = "",
    label_of: Callable[[Job], str] | None = None,
) -> None:
    """Let jobs of a type run. `label` is what the job's card shows after the mapping's name; label_of: see Kind."""
    registry.kinds[type] = Kind(type, handler, label or type.replace("_", " "), label_of)


def kind(name: str) -> Kind:
    """Return the kind of that name. Raises LookupError with a sentence."""
    try:
        return registry.kinds[name]
    except KeyError:
        raise LookupError(
            f"There is no kind of job {name!r}; there are {', '.join(sorted(registry.kinds)) or 'none'}."
        ) from None


def on_tick(work: Callable[[datetime], None], *, last: bool = False) -> Callable[[datetime], None]:
    """Have `work(now)` called at every elected tick; it must be short. An error in it is logged and stops nothing.

    last: after all others, for what may wait for somebody else's server.
    """
    ticks = registry.last_ticks if last else registry.ticks
    if work not in ticks:
        ticks.append(work)
    return work


def on_ended(work: Callable[[str], None]) -> Callable[[str], None]:
    """Have `work(exclusive_key)` called when a job with a key has ended (or waits, and another may go first).

    It runs after the commit, in whatever process saw the end, and may be called more than once or, when that process
    is killed, not at all: what must not be missed is looked after by the tick as well. An error in it is logged.
    """
    if work not in registry.ended:
        registry.ended.append(work)
    return work


def schedules(provider: ScheduleProvider) -> None:
    """Show lines on Job Queue Entries; the provider gets the request and the company."""
    registry.schedules.append(provider)


def schedule_actions(provider: Callable[[Any, Any], Iterable[Action]]) -> None:
    """Add actions on ticked lines to Job Queue Entries; the provider gets the request and the company.

    The lines are known by what comes back as `schedule`.
    """
    registry.schedule_actions.append(provider)


def schedule_notes(provider: Callable[[Any, Any], str]) -> None:
    """Tell something of all schedules on Job Queue Entries; the provider gets the request and the company, and answers
    a sentence, "" where there is nothing to tell.
    """
    registry.schedule_notes.append(provider)


def record_links(provider: Callable[[Job, list[JobOutcome]], dict[Any, str]]) -> None:
    """Lead from outcomes to records: the provider gets a job and a page of outcomes, answers local_id -> address."""
    registry.record_links.append(provider)


def record_finder(provider: Callable[[Any, str], Iterable[UUID]]) -> None:
    """Let the job list find the runs of a record: the provider gets a company and a text, and answers the ids of the
    records of that number, else of those that have it in their name; of more than MOST_RECORDS, one more than that.
    """
    registry.record_finders.append(provider)


def outcome_actions(provider: Callable[[Any, Job, str], Iterable[Any]]) -> None:
    """Add actions above a job's outcomes: the provider gets the request, the job and the outcome shown."""
    registry.outcome_actions.append(provider)


def job_actions(provider: Callable[[Any, Job], Iterable[Any]]) -> None:
    """Add actions to a job's card: the provider gets the request and the job."""
    registry.job_actions.append(provider)


def job_tabs(provider: Callable[[Job], Iterable[FastTab]]) -> None:
    """Add FastTabs to a job's card, before its own: the provider gets the job."""
    registry.job_tabs.append(provider)


def changed_fields(provider: ChangedFields) -> None:
    """Tell what jobs changed of records: the provider gets a job and a page of its outcomes, and answers local_id ->
    caption, value before and after of each field.
    """
    registry.changed_fields.append(provider)


def unsettled(provider: Unsettled) -> None:
    """Keep jobs of which a person still has something to settle: the provider gets a company and numbers of its jobs,
    and answers those among them that retention must leave.
    """
    registry.unsettled.append(provider)


def aged(drop: Aged) -> None:
    """Have retention drop what is too old of something beside the jobs, such as the Synchronization History."""
    registry.aged.append(drop)


def derived_outcomes(type: str, source: DerivedOutcomes) -> None:  # noqa: A002 - the word of the model
    """Let jobs of a type save outcomes without rows."""
    registry.derived[type] = source


def on_failed(note: Callable[[Job, Sequence[Any]], None]) -> Callable[[Job, Sequence[Any]], None]:
    """Have `note(job, rows)` called for the records (OutcomeRow) that fail, in the transaction that saves them."""
    if note not in registry.failed:
        registry.failed.append(note)
    return note


def note_failed(job: Job, rows: Sequence[Any]) -> None:
    """Tell those who keep a list of them which records failed in a job."""
    for note in registry.failed if rows else ():
        note(job, rows)


def error_page(provider: Callable[[Any, Job | None], str]) -> None:
    """Lead to where failed records are settled: the provider gets the company and the job, None for all of them.

    It answers an address, or "" where the job left nothing that can be settled there.
    """
    registry.error_pages.append(provider)


def error_url(company: Any, job: Job | None = None) -> str:
    """Return where a job's failed records are settled, or a company's; "" where there is no such page."""
    return next((url for provider in registry.error_pages if (url := provider(company, job))), "")
