"""When a mapping runs by itself and how its schedule stands. No Django, no clock: facts in, decision out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

LEAST_MINUTES, MOST_MINUTES = 1, 1440
"""How often a mapping may run by itself: every minute to once a day."""
MAX_ATTEMPTS = 10
"""Failed runs in a row after which a schedule is in Error."""
LATE_AFTER = 15
"""Minutes past its time after which a schedule is Late, unless its mapping says otherwise."""
MOST_LATE_MINUTES = 10_080
"""The most that may be allowed: a week."""
FARTHEST = timedelta(minutes=MOST_MINUTES + 60)
"""A run planned farther ahead was planned by a clock that was wrong."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
_CHANGES = ("inserted", "modified", "deleted", "failed", "conflicts")
"""Counters that count as activity; unchanged, skipped, coupled and uncoupled do not."""


class Status(StrEnum):
    """How a schedule stands, by the words of programs."""

    READY = "ready"
    ON_HOLD = "on_hold"
    ON_HOLD_INACTIVE = "on_hold_inactive"
    IN_PROCESS = "in_process"
    LATE = "late"
    ERROR = "error"


LABELS = {
    Status.READY: "Ready", Status.ON_HOLD: "On Hold", Status.ON_HOLD_INACTIVE: "On Hold with Inactivity Timeout",
    Status.IN_PROCESS: "In Process", Status.LATE: "Late", Status.ERROR: "Error",
}  # fmt: skip


class Result(StrEnum):
    """What came of a run, as far as the schedule is concerned."""

    ACTIVE = "active"
    IDLE = "idle"
    FAILED = "failed"
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Entry:
    """The facts of one schedule.

    every, inactivity_timeout, late_after: minutes. owed_since: the time of the first run that has not succeeded yet;
    None where none is owed. held: the company's schedules are on hold. running: a worker has its job, or had it last.
    last_success: when a run of the whole mapping ended well, whoever asked for it.
    """

    scheduled: bool = True
    every: int = 30
    inactivity_timeout: int = 720
    late_after: int = LATE_AFTER
    next_run_at: datetime | None = None
    on_hold_since: datetime | None = None
    owed_since: datetime | None = None
    attempts: int = 0
    failed: bool = False
    held: bool = False
    running: bool = False
    last_success: datetime | None = None


def is_late(entry: Entry, now: datetime) -> bool:
    """Return whether its run has not begun, or not succeeded, `late_after` minutes past its time."""
    if not entry.scheduled or entry.failed or entry.held:
        return False
    since = entry.owed_since or entry.next_run_at
    if since is None or (entry.last_success is not None and entry.last_success >= since):
        return False
    return now - since > timedelta(minutes=entry.late_after)


def status_of(entry: Entry, now: datetime) -> Status:
    """Return how a schedule stands. A run in process is said to be so, late or not."""
    if entry.running:
        return Status.IN_PROCESS
    if not entry.scheduled or entry.held:
        return Status.ON_HOLD
    if entry.failed:
        return Status.ERROR
    if is_late(entry, now):
        return Status.LATE
    return Status.ON_HOLD_INACTIVE if entry.on_hold_since is not None else Status.READY


def is_due(entry: Entry, now: datetime, *, woken: bool = False) -> bool:
    """Return whether a run may begin now. woken: something changed here since it is on hold due to inactivity."""
    if not entry.scheduled or entry.failed or entry.held:
        return False
    if entry.next_run_at is None:
        return entry.on_hold_since is None or woken
    too_far = entry.on_hold_since is None and entry.next_run_at > now + FARTHEST
    return entry.next_run_at <= now or too_far or (entry.on_hold_since is not None and woken)


def next_run(now: datetime, every: int) -> datetime:
    """Return when a run that begins now is followed by the next; every: minutes."""
    return now + timedelta(minutes=max(LEAST_MINUTES, every))


def pause_before(attempt: int) -> timedelta:
    """Return how long to wait after so many failed runs in a row: 30 s, then twice as long each time, up to 1 h."""
    return min(_FIRST_PAUSE * (1 << min(max(attempt, 1) - 1, 16)), _LONGEST_PAUSE)


def result_of(state: str, reason: str, counters: dict[str, int]) -> Result:
    """Return what came of an ended job. reason: why it failed, a word of the closed list.

    Where Dataverse as a whole does not serve, it is no attempt of this mapping's; nor where a person ended it.
    """
    if state == "finished":
        return Result.ACTIVE if any(counters.get(name) for name in _CHANGES) else Result.IDLE
    if state != "failed" or reason in ("not_enabled", "wrong_environment"):
        return Result.STOPPED
    return Result.PAUSED if reason in ("unreachable", "throttled") else Result.FAILED


def after_run(entry: Entry, result: Result, now: datetime, *, began: datetime, may_rest: bool = False) -> Entry:
    """Return the schedule after a run.

    began: since when changes may have been missed by it. may_rest: what it synchronizes changes here alone, so that a
    change wakes it: after a run without activity it is on hold until then, or until its inactivity timeout ends (0:
    only a change wakes it).
    """
    done = replace(entry, running=False)
    if result is Result.PAUSED:
        return replace(done, next_run_at=now, on_hold_since=None)
    if result is Result.FAILED:
        attempts = entry.attempts + 1
        if attempts >= MAX_ATTEMPTS:
            return replace(done, attempts=attempts, failed=True, next_run_at=None, on_hold_since=None)
        return replace(done, attempts=attempts, next_run_at=now + pause_before(attempts), on_hold_since=None)
    done = replace(done, owed_since=None)
    if done.next_run_at is None and done.on_hold_since is None:
        done = replace(done, next_run_at=next_run(now, entry.every))
    if result is Result.STOPPED:
        return done
    done = replace(done, attempts=0, failed=False)
    if entry.failed:
        done = replace(done, next_run_at=next_run(now, entry.every))
    if result is Result.IDLE and may_rest and entry.scheduled:
        timeout = timedelta(minutes=entry.inactivity_timeout)
        return replace(done, on_hold_since=began, next_run_at=now + timeout if timeout else None)
    return done
