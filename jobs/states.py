"""What may happen to a job, as data: no clock, no database.

    queued -> in_process -> finished | failed | cancelled
    in_process -> postponed (throttled) -> in_process
    in_process -> queued (yields to a job that is in a hurry)

A job between two slices stays in process without a lease, so that it keeps its exclusive key.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from jobs.models import State

MAX_LOST_WORKERS = 10
"""Workers in a row that may be lost without a checkpoint between them; then the job fails."""


class Event(StrEnum):
    """What happens to a job."""

    CLAIM = "claim"
    CHECKPOINT = "checkpoint"
    SLICE_END = "slice_end"
    WAIT = "wait"
    YIELD = "yield"
    POSTPONE = "postpone"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.QUEUED, Event.CLAIM): State.IN_PROCESS,
    (State.QUEUED, Event.CANCEL): State.CANCELLED,
    (State.POSTPONED, Event.CLAIM): State.IN_PROCESS,
    (State.POSTPONED, Event.WAIT): State.QUEUED,  # due, but another job of its key is in process
    (State.POSTPONED, Event.CANCEL): State.CANCELLED,
    (State.IN_PROCESS, Event.CLAIM): State.IN_PROCESS,  # the next slice, or after a lost worker
    (State.IN_PROCESS, Event.CHECKPOINT): State.IN_PROCESS,
    (State.IN_PROCESS, Event.SLICE_END): State.IN_PROCESS,
    (State.IN_PROCESS, Event.YIELD): State.QUEUED,
    (State.IN_PROCESS, Event.POSTPONE): State.POSTPONED,
    (State.IN_PROCESS, Event.FINISH): State.FINISHED,
    (State.IN_PROCESS, Event.FAIL): State.FAILED,
    (State.IN_PROCESS, Event.CANCEL): State.CANCELLED,
}


def state_after(state: str, event: Event) -> State:
    """Return the state that follows. Raises ValueError where the event cannot happen."""
    try:
        return TRANSITIONS[State(state), event]
    except KeyError:
        raise ValueError(
            f"A job that is {State(state).label.lower()} cannot {event.value.replace('_', ' ')}."
        ) from None


class Claim(StrEnum):
    """What a worker that got a job's message may do with it."""

    RUN = "run"
    RUN_AFTER_LOSS = "run_after_loss"
    CANCEL = "cancel"
    GIVE_UP = "give_up"
    HELD = "held"
    NOT_DUE = "not_due"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The columns that decide a claim."""

    state: str
    lease_until: datetime | None
    not_before: datetime | None
    attempts: int
    cancel_requested: bool


def decide_claim(job: Snapshot, now: datetime) -> Claim:
    """Return what may be done with a job at this moment."""
    if (State(job.state), Event.CLAIM) not in TRANSITIONS:
        return Claim.ENDED
    held = job.state == State.IN_PROCESS and job.lease_until is not None
    if held and job.lease_until is not None and job.lease_until >= now:
        return Claim.HELD
    if job.cancel_requested:
        return Claim.CANCEL
    if job.state == State.POSTPONED and job.not_before is not None and job.not_before > now:
        return Claim.NOT_DUE
    if held:
        return Claim.GIVE_UP if job.attempts + 1 >= MAX_LOST_WORKERS else Claim.RUN_AFTER_LOSS
    return Claim.RUN
