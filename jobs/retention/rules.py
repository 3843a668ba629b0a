"""What retention removes and what stays, as decisions over plain data. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from core.words import counted

AT = time(2, 45, tzinfo=UTC)
"""When a company's run is due each day: after the nightly comparison of deleted records."""
_NOTHING = frozenset({"total", "unchanged"})
"""Counters of a run in which nothing happened to any record."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How long jobs are kept, with what became of their records; None: for ever, or any number of them.

    days: from their end; idle_days: those in which nothing happened; most: so many of a company, the newest;
    history_days: of what they wrote, the values before and after; None: as long as the jobs.
    """

    days: int | None
    idle_days: int | None
    most: int | None
    history_days: int | None = None

    @property
    def removes_nothing(self) -> bool:
        """Whether everything is kept."""
        return self.days is None and self.idle_days is None and self.most is None and self.history_days is None

    def youngest(self, now: datetime) -> datetime | None:
        """Return the moment after which no job that ended is removed for its age; None: none is at any age."""
        ages = [days for days in (self.days, self.idle_days) if days is not None]
        return now - timedelta(days=min(ages)) if ages else None


class Stays(StrEnum):
    """Why a job that is old enough stays."""

    LAST = "last"
    UNSETTLED = "unsettled"
    FOLLOWS = "follows"
    """It follows a job that stays: together they tell what was done."""


@dataclass(frozen=True, slots=True)
class EndedJob:
    """What is known of a job that has ended."""

    id: int
    ended_at: datetime
    counters: Mapping[str, int]
    failed: bool = False
    """Whether the job as a whole failed or was cancelled."""
    parent: int | None = None
    """The job that it follows."""


def is_idle(job: EndedJob) -> bool:
    """Return whether nothing happened in a job: no record was changed, failed or left out, and it finished."""
    return not job.failed and not any(count for name, count in job.counters.items() if name not in _NOTHING)


def is_old(job: EndedJob, policy: Policy, now: datetime, too_many: int) -> bool:
    """Return whether a job is to go. too_many: the number of the newest job that is one too many, 0 for none."""
    if job.id <= too_many:
        return True
    ages = [policy.days, policy.idle_days if is_idle(job) else None]
    return any(days is not None and job.ended_at < now - timedelta(days=days) for days in ages)


def why_it_stays(
    job: EndedJob, last: Collection[int], unsettled: Collection[int], gone: Collection[int] = ()
) -> Stays | None:
    """Return why an old job stays; None where it goes.

    last: the last jobs of each mapping and kind, the last that finished too; unsettled: those of which a person still
    has something to settle; gone: those that go.
    """
    if job.id in last:
        return Stays.LAST
    if job.id in unsettled:
        return Stays.UNSETTLED
    return Stays.FOLLOWS if job.parent is not None and job.parent not in gone else None


def next_run(after: datetime) -> datetime:
    """Return when the daily run is due next, later than a moment."""
    today = datetime.combine(after.astimezone(UTC).date(), AT)
    return today if today > after else today + timedelta(days=1)


def told(jobs: int, outcomes: int, last: int, unsettled: int, lines: int = 0, follows: int = 0, alerts: int = 0) -> str:
    """Return what a run removed and what it left, in sentences. lines: of the Synchronization History by itself.

    alerts: those that were over.
    """
    if not jobs and not lines and alerts:
        removed = f"{counted(alerts, 'past alert')} {'was' if alerts == 1 else 'were'} removed."
    elif not jobs and lines:
        removed = f"{counted(lines, 'line')} of the Synchronization History {'was' if lines == 1 else 'were'} removed."
    elif not jobs:
        removed = "Nothing is old enough to be removed."
    else:
        of_records = f", with what became of {counted(outcomes, 'record')}" if outcomes else ""
        beside = f", and {counted(lines, 'line')} of the Synchronization History" if lines else ""
        removed = f"{counted(jobs, 'job')} {'was' if jobs == 1 else 'were'} removed{of_records}{beside}."
    if alerts and (jobs or lines):
        removed = f"{removed[:-1]}, and {counted(alerts, 'past alert')}."
    stay = [
        (last, "the last of its mapping and kind", "the last of their mapping and kind"),
        (unsettled, "still has something to settle", "still have something to settle"),
        (follows, "follows a job that stays", "follow jobs that stay"),
    ]
    for count, one, several in stay:
        if count and one.startswith("the"):
            removed += f" {counted(count, 'older job')} stayed as {one if count == 1 else several}."
        elif count:
            removed += f" {counted(count, 'older job')} stayed, which {one if count == 1 else several}."
    return removed
