"""Who may work on a job: claim by conditional UPDATE, lease, heartbeat, and giving it back.

Every claim makes `fence` one greater; every later write of the worker names its fence, so that a worker that was
thought dead cannot write over its successor.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from core.refusals import joined
from jobs.errors import LOST_FIX, LOST_WHAT, LeaseLost
from jobs.models import Job, Reason, State
from jobs.publishing import next_job_on_key, publish_waiting
from jobs.states import MAX_LOST_WORKERS, Claim, Event, Snapshot, decide_claim, state_after

logger = logging.getLogger(__name__)

stopping = threading.Event()
"""Set when this process was asked to stop: slices end at their next checkpoint."""


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """Why a job was not claimed: `why` is one of Claim's words or "waiting"; `waits_for` names the job before it."""

    why: str
    waits_for: int | None = None
    until: datetime | None = None


def worker_name() -> str:
    """Return this thread, as the job card names it."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{threading.get_ident() & 0xFFFF:x}"


def lease_end(now: datetime) -> datetime:
    """Return when a lease taken now expires."""
    return now + timedelta(seconds=settings.JOB_LEASE_S)


def claim(job_id: int) -> Job | NotClaimed:
    """Take the job for this thread, or say why not. The returned row is fresh and its `fence` is this claim's."""
    now = timezone.now()
    job = Job.objects.select_related("company").filter(pk=job_id).first()
    if job is None:
        return NotClaimed(Claim.ENDED)
    snapshot = Snapshot(job.state, job.lease_until, job.not_before, job.attempts, job.cancel_requested)
    decision = decide_claim(snapshot, now)
    if decision in (Claim.ENDED, Claim.HELD, Claim.NOT_DUE):
        return NotClaimed(decision, until=job.not_before if decision == Claim.NOT_DUE else job.lease_until)
    if decision == Claim.CANCEL:
        end_unheld(job, State.CANCELLED, message=job.message or "Cancelled.")
        return NotClaimed(Claim.ENDED)
    if decision == Claim.GIVE_UP:
        end_unheld(
            job, State.FAILED, reason=Reason.INTERNAL, message=LOST_WHAT.format(times=MAX_LOST_WORKERS), fix=LOST_FIX,
            detail=f"Last worker: {job.worker}. Phase: {job.phase or 'none'}.",
        )  # fmt: skip
        return NotClaimed(Claim.ENDED)
    if job.exclusive_key and job.state == State.QUEUED:
        first = next_job_on_key(job.exclusive_key)
        if first is not None and first != job.pk:
            return NotClaimed("waiting", first)
    lost = decision == Claim.RUN_AFTER_LOSS
    try:
        with transaction.atomic():
            taken = _unchanged_row(job).update(
                state=State.IN_PROCESS, fence=F("fence") + 1, worker=worker_name(), lease_until=lease_end(now),
                under_way=0,
                not_before=None, message="", failure_reason="", failure_message="", failure_fix="",
                started_at=Coalesce("started_at", now),
                attempts=F("attempts") + 1 if lost else F("attempts"),
            )  # fmt: skip
    except IntegrityError:
        # Another job of this key is in process, perhaps since this instant: that means "wait", not "fail".
        if job.state == State.POSTPONED:
            _unchanged_row(job).update(state=state_after(job.state, Event.WAIT), not_before=None, phase="")
        return NotClaimed("waiting", holder_of(job.exclusive_key))
    if not taken:
        return NotClaimed(Claim.HELD)
    if lost:
        logger.warning("job %s: its worker %s was lost; going on from its checkpoint", job.pk, job.worker)
    job.refresh_from_db()
    return job


def holder_of(exclusive_key: str) -> int | None:
    """Return the job in process on a key."""
    return Job.objects.filter(exclusive_key=exclusive_key, state=State.IN_PROCESS).values_list("pk", flat=True).first()


def end_unheld(job: Job, state: State, *, message: str, fix: str = "", reason: str = "", detail: str = "") -> bool:
    """End a job nobody works on, as it was read: whether it still was so. The fence grows: a late worker stops.

    message: what happened and why; fix: what to do next.
    """
    ended = _unchanged_row(job).update(
        state=state, fence=F("fence") + 1, ended_at=timezone.now(), detail=detail,
        message=joined(message, fix), failure_reason=reason, failure_message=message if reason else "", failure_fix=fix,
        lease_until=None, not_before=None, phase="",
    )  # fmt: skip
    if ended:
        publish_waiting(job.exclusive_key)
    return bool(ended)


def end_waiting(jobs: "QuerySet[Job]", state: State, *, message: str) -> list[Job]:
    """End those of the jobs that wait, which nobody works on. Returns them as they were."""
    with transaction.atomic():
        found = list(
            jobs.filter(state__in=(State.QUEUED, State.POSTPONED)).order_by("pk").select_for_update(of=("self",))
        )
        for start in range(0, len(found), 1000):
            Job.objects.filter(pk__in=[job.pk for job in found[start : start + 1000]]).update(
                state=state, fence=F("fence") + 1, ended_at=timezone.now(), message=message, not_before=None, phase="",
            )  # fmt: skip
    for key in dict.fromkeys(job.exclusive_key for job in found):
        publish_waiting(key)
    return found


def _unchanged_row(job: Job) -> Any:
    """Return the row exactly as it was read. It changes once only, since every change by others moves one of these."""
    return Job.objects.filter(pk=job.pk, fence=job.fence, state=job.state, lease_until=job.lease_until)


_TELL_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Told:
    """How far the batch in hand is: columns of the job, and what was processed when it began."""

    processed: int
    columns: dict[str, Any]


class Lease:
    """The right to work on a claimed job, kept alive by a thread with a connection of its own.

    `held()` is cheap and asked before every request to Dataverse: Dataverse knows no fences, so a worker whose
    heartbeat fails has to stop sending by itself, before somebody else starts.
    """

    def __init__(self, job_id: int, fence: int) -> None:
        self.job_id, self.fence = job_id, fence
        self.tell: Callable[[], Told | None] | None = None
        """What of the batch in hand to tell, asked once a second; None where there is nothing new."""
        self._stop = threading.Event()
        self._lost = False
        self._good_until = time.monotonic() + settings.JOB_LEASE_S
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{job_id}", daemon=True)

    def __enter__(self) -> "Lease":
        """Start the heartbeat."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the heartbeat; giving the lease back is the runner's."""
        self._stop.set()
        self._thread.join(timeout=settings.JOB_LEASE_S)

    def held(self) -> bool:
        """Return whether this worker may still write and send."""
        return not self._lost and time.monotonic() < self._good_until

    def seconds_left(self) -> float:
        """Return the seconds for which this worker surely has no successor; 0 when the lease is lost."""
        return 0.0 if self._lost else max(0.0, self._good_until - time.monotonic())

    def ensure(self) -> None:
        """Raise LeaseLost unless the lease is held."""
        if not self.held():
            raise LeaseLost(f"The lease of job {self.job_id} expired or was taken over.")

    def renew(self) -> None:
        """Lengthen the lease by a conditional UPDATE (also the first statement of every fenced transaction)."""
        self.ensure()
        asked = time.monotonic()
        # A heartbeat that waited for the database must not take back a lease that was given back meanwhile.
        mine = Job.objects.filter(pk=self.job_id, fence=self.fence, state=State.IN_PROCESS, lease_until__isnull=False)
        if not mine.update(lease_until=lease_end(timezone.now())):
            self._lost = True
            raise LeaseLost(f"Job {self.job_id} was given back, taken over or ended elsewhere.")
        # A transaction that is rolled back takes the longer lease with it.
        transaction.on_commit(lambda: self._extend(asked))

    def _tell(self) -> None:
        """Store how far the batch in hand is, for who looks; a checkpoint that was saved meanwhile knows better."""
        told = self.tell() if self.tell is not None else None
        if told is None:
            return
        mine = Job.objects.filter(pk=self.job_id, fence=self.fence, state=State.IN_PROCESS, lease_until__isnull=False)
        mine.filter(processed=told.processed).update(**told.columns)

    def _extend(self, asked: float) -> None:
        self._good_until = max(self._good_until, asked + settings.JOB_LEASE_S)

    def _beat(self) -> None:
        try:
            renewed = time.monotonic()
            while not self._stop.wait(min(_TELL_EVERY_S, settings.JOB_HEARTBEAT_S)):
                try:
                    if time.monotonic() - renewed >= settings.JOB_HEARTBEAT_S - _TELL_EVERY_S / 2:
                        renewed = time.monotonic()
                        self.renew()
                    self._tell()
                except LeaseLost as lost:
                    logger.info("%s", lost)  # the slice says so when it still needs the lease
                    return
                except Exception as error:
                    logger.warning("job %s: heartbeat failed (%s)", self.job_id, error)
                    connection.close()
        finally:
            connection.close()
