"""Run a job: claim it, work through slices, and bring each slice to exactly one end."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, F, Q
from django.utils import timezone

from core.refusals import joined
from jobs import lease as leases
from jobs.display import duration
from jobs.errors import (
    Cancelled,
    Ended,
    Failure,
    JobFailed,
    LeaseLost,
    Postponed,
    SliceEnded,
    SliceSignal,
    Yielded,
    failure_of,
    is_outage,
    person_wait,
    retry_after,
)
from jobs.lease import Lease, NotClaimed, claim
from jobs.models import Job, Reason, State
from jobs.publishing import publish, publish_on_commit, publish_waiting, running_holders
from jobs.registry import kind
from jobs.running import garbage
from jobs.running.context import Checkpoint, JobContext, OutcomeRow, end_columns, failure_columns
from jobs.states import MAX_LOST_WORKERS, Event, state_after

__all__ = ["Checkpoint", "JobContext", "OutcomeRow", "run"]

logger = logging.getLogger(__name__)

_SHORT_WAIT_S = 600
"""Up to here a postponed job's message is sent along with a delay; the sweep alone would add a tick to every wait."""
_FIRST_OUTAGE_WAIT_S = 15.0
_LONGEST_OUTAGE_WAIT_S = 120.0
_KEPT_S = 300
_FREE_WORKERS_TAKE_S = 3


def run(job_id: int, *, on_progress: Callable[[Job], None] | None = None) -> NotClaimed | None:
    """Claim the job and work on it, slice after slice, as long as nobody else waits for this worker.

    Returns why the job could not be claimed; None when at least one slice was done. Errors of the handler end the job,
    they do not escape; a KeyboardInterrupt or SystemExit does, once the lease is given back.
    """
    first = True
    garbage.freeze_loaded_objects()
    while True:
        claimed = claim(job_id)
        if isinstance(claimed, NotClaimed):
            return claimed if first else None
        first = False
        goes_on = _slice(claimed, on_progress)
        if not goes_on or leases.stopping.is_set():
            break
        if _other_jobs_wait(job_id):
            publish(job_id)
            break
    return None


def _other_jobs_wait(job_id: int) -> bool:
    """Return whether another job needs this worker: it could run, and for a moment already no other worker has taken
    it.

    Going on here instead of by way of the broker spares the handler what it would have to read again.
    """
    overlooked = Job.objects.exclude(pk=job_id).filter(
        published_at__lt=timezone.now() - timedelta(seconds=_FREE_WORKERS_TAKE_S), cancel_requested=False
    )
    return overlooked.filter(
        (Q(state=State.QUEUED) & ~Exists(running_holders())) | Q(state=State.IN_PROCESS, lease_until=None)
    ).exists()


def _slice(job: Job, on_progress: Callable[[Job], None] | None) -> bool:
    """Work on a claimed job for one slice. Whether the job is to go on at once."""
    with Lease(job.pk, job.fence) as lease:
        context = JobContext(job, lease, kept=_kept.take(job), on_progress=on_progress)
        try:
            goes_on = _run_handler(context)
        except LeaseLost as lost:
            logger.warning("%s", lost)
            goes_on = False
        except (OperationalError, InterfaceError) as error:
            goes_on = _on_database_error(context, error)
        except BaseException:
            # Where it cannot be given back it runs out by itself; what stops this process goes on in any case.
            with contextlib.suppress(LeaseLost, DatabaseError):
                _give_back(context)
                publish(job.pk)
            raise
    if goes_on:
        _kept.put(job, context.kept)
    return goes_on


def _run_handler(context: JobContext) -> bool:
    """Call the handler and write the slice's end. Whether the job is to go on at once."""
    job = context.job
    try:
        kind(job.type).handler(context)
    except Ended:
        return False
    except SliceEnded:
        _give_back(context)
        if leases.stopping.is_set():
            publish(job.pk)
        return True
    except Yielded:
        _write(context, state=state_after(State.IN_PROCESS, Event.YIELD), lease_until=None, worker="", phase=job.phase)
        publish_waiting(job.exclusive_key)
        return False
    except Cancelled:
        message = Job.objects.values_list("message", flat=True).get(pk=job.pk) or "Cancelled."
        _end(context, Event.CANCEL, message=message)
        return False
    except Postponed as postponed:
        _postpone(context, postponed.seconds, postponed.why)
        return False
    except JobFailed as failed:
        _end(context, Event.FAIL, message=failed.failure.message, failure=failed.failure)
        return False
    except (SliceSignal, OperationalError, InterfaceError):
        raise
    except Exception as error:
        _on_error(context, error)
        return False
    _end(context, Event.FINISH, message="")
    return False


def _on_error(context: JobContext, error: Exception) -> None:
    """Handle an error that left the handler: wait where it says when to come back, or for a person who settles what
    stops it; else fail with its reason and its two texts.
    """
    failure = failure_of(error)
    if (wait := person_wait(error)) is not None:
        later = "It goes on by itself then."
        if failure.what:
            failure = Failure.of_parts(failure.reason, failure.what, joined(failure.fix, later))
        else:
            failure = failure.going_on(later)
        _postpone(context, wait, failure.message, **failure_columns(failure))
        return
    wait = retry_after(error)
    if is_outage(error):
        failure, wait, since = _retry_during_outage(context, failure, wait)
        if wait is not None:
            _postpone(context, wait, failure.message, outage_since=since)
            return
    if wait is not None:
        _postpone(context, wait, failure.message if failure.reason != Reason.INTERNAL else "Waiting for Dataverse.")
        return
    if failure.reason == Reason.INTERNAL:
        logger.error("job %s failed inside: %s", context.job.pk, failure.detail)
    _end(context, Event.FAIL, message=failure.message, failure=failure)


def _retry_during_outage(
    context: JobContext, failure: Failure, named: float | None
) -> tuple[Failure, float | None, datetime]:
    """Return whether a job waits for a Dataverse that does not answer: what is told, the wait or None, and since when.

    The first contact fails at once, since somebody waits for the answer; what was under way waits, longer each time,
    up to JOB_OUTAGE_S since the last checkpoint.
    """
    job, now = context.job, timezone.now()
    since = job.outage_since or now
    contact = job.outage_since or context.usage.answered or job.processed or job.resume or named is not None
    gone = (now - since).total_seconds()
    limit = settings.JOB_OUTAGE_S
    if not contact or gone >= limit:
        asked = f"Dataverse was asked again for {duration(gone)}; what was done until then is saved."
        return failure.going_on(asked) if gone else failure, None, since
    wait = max(min(_FIRST_OUTAGE_WAIT_S, limit / 8), min(gone, _LONGEST_OUTAGE_WAIT_S), named or 0.0)
    until = f"{timezone.localtime(since + timedelta(seconds=limit)):%H:%M}"
    text = f"{failure.message} The job goes on by itself when Dataverse answers again; it asks until {until}."
    return Failure(failure.reason, text, failure.detail), wait, since


def _on_database_error(context: JobContext, error: Exception) -> bool:
    """Our own database did not answer or was busy: give the job back; after MAX_LOST times in a row it fails."""
    job = context.job
    logger.warning("job %s: the database refused (%s)", job.pk, error)
    if not connection.in_atomic_block:
        connection.close()  # it may be broken; the next statement opens a new one
    try:
        if job.attempts + 1 >= MAX_LOST_WORKERS:
            failure = failure_of(error)
            _end(context, Event.FAIL, message=failure.message, failure=replace(failure, reason=Reason.INTERNAL))
        else:
            _postpone(context, 2.0, "Waiting for the database", attempts=F("attempts") + 1)
    except (OperationalError, InterfaceError, LeaseLost) as again:
        logger.warning("job %s: its lease runs out by itself (%s)", job.pk, again)
    return False


def _write(context: JobContext, **columns: Any) -> None:
    """Change the job in one fenced transaction. Raises LeaseLost."""
    job = context.job
    with transaction.atomic():
        mine = Job.objects.filter(pk=job.pk, fence=job.fence, state=State.IN_PROCESS)
        if not mine.update(**context.progress_columns(), published_at=timezone.now(), **columns):
            raise LeaseLost(f"Job {job.pk} was taken over or ended elsewhere.")


def _give_back(context: JobContext) -> None:
    """End the slice: the job stays in process, with its key, for whoever claims it next."""
    _write(context, state=state_after(State.IN_PROCESS, Event.SLICE_END), lease_until=None, worker="")


def _end(context: JobContext, event: Event, *, message: str, failure: Failure | None = None) -> None:
    _write(context, **end_columns(context.job, event, message=message, failure=failure))
    publish_waiting(context.job.exclusive_key)


def _postpone(context: JobContext, wait: float, why: str, **columns: Any) -> None:
    until = timezone.now() + timedelta(seconds=wait)
    _write(
        context, state=state_after(State.IN_PROCESS, Event.POSTPONE), not_before=until, lease_until=None, worker="",
        message=why, **columns,
    )  # fmt: skip
    publish_waiting(context.job.exclusive_key)
    if wait <= _SHORT_WAIT_S:
        publish_on_commit(context.job.pk, countdown=wait + 0.05)


class _Kept:
    """What handlers keep from slice to slice within this process: used only when nobody had the job in between.

    It may be large, so two are kept at most, and none for long: a job that was cancelled meanwhile never asks for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_job: dict[int, tuple[int, float, dict[str, Any]]] = {}

    def take(self, job: Job) -> dict[str, Any]:
        with self._lock:
            fence, _, kept = self._by_job.pop(job.pk, (0, 0.0, {}))
            self._forget(2)
        return kept if fence == job.fence - 1 else {}

    def put(self, job: Job, kept: dict[str, Any]) -> None:
        if not kept:
            return
        with self._lock:
            self._forget(1)
            self._by_job[job.pk] = (job.fence, time.monotonic(), kept)

    def _forget(self, most: int) -> None:
        old = time.monotonic() - _KEPT_S
        for pk in [pk for pk, (_, since, _) in self._by_job.items() if since < old]:
            del self._by_job[pk]
        while len(self._by_job) > most:
            del self._by_job[next(iter(self._by_job))]


_kept = _Kept()
