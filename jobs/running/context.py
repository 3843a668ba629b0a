"""What a handler gets: the job, its selection, and checkpoints that save data, outcomes and progress together."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core.refusals import Refusal
from dataverse.types import Usage
from jobs import lease as leases
from jobs import services
from jobs.errors import Cancelled, Ended, Failure, JobFailed, Postponed, SliceEnded, Yielded
from jobs.lease import Lease, Told
from jobs.models import COUNTERS, Job, JobRecord, Outcome, OutcomePart, Reason, State, Trigger
from jobs.publishing import publish_waiting
from jobs.registry import note_failed
from jobs.running.outcome_rows import DerivedRows, OutcomeRow, OutcomeWriter, parts
from jobs.states import Event, state_after

__all__ = ["Checkpoint", "GuardedUsage", "JobContext", "OutcomeRow", "end_columns", "failure_columns"]

_COUNTER_OF = {outcome.value: outcome.value for outcome in Outcome} | {Outcome.CONFLICT.value: "conflicts"}


class GuardedUsage(Usage):
    """Counts what the client sends, and refuses to count a request that must not be sent.

    The client counts a request before it sends it. So a worker that may have a successor stops sending, and nothing is
    sent inside a checkpoint, where the answer's delay would hold the database's write lock.
    """

    _lease: Lease
    _writing: int | None
    """The thread that is inside a checkpoint; others may read ahead meanwhile."""

    def __init__(self, lease: Lease) -> None:
        object.__setattr__(self, "_lease", lease)
        object.__setattr__(self, "_writing", None)
        super().__init__()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "requests" and value:
            self._lease.ensure()
            if self._writing == threading.get_ident():
                raise RuntimeError("A request was about to be sent inside a checkpoint; send it before.")
        object.__setattr__(self, name, value)

    def seconds_left(self) -> float:
        """Return when a request must have ended: before anybody else can start on the job, since Dataverse knows no
        fences.
        """
        return max(0.01, self._lease.seconds_left())

    @contextmanager
    def without_guard(self) -> Iterator[None]:
        """Promise that nothing is sent from this thread inside the block."""
        object.__setattr__(self, "_writing", threading.get_ident())
        try:
            yield
        finally:
            object.__setattr__(self, "_writing", None)


@dataclass(slots=True)
class Checkpoint:
    """What one checkpoint saves beside the handler's own writes, all in one fenced transaction.

    `outcomes` raise the counters and reasons by themselves; `count` is for what has no outcome rows, and for `total`.
    """

    outcomes: list[OutcomeRow] = field(default_factory=list)
    derived: list[DerivedRows] = field(default_factory=list)
    resume: dict[str, Any] = field(default_factory=dict)
    phase: str = ""
    total: int | None = None
    plan: str = ""
    done: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    follow_ups: list[dict[str, Any]] = field(default_factory=list)
    end: tuple[Event, str, Failure | None] | None = None

    def derive(self, outcome: str, numbers: Sequence[int], notes: Sequence[Any] = ()) -> None:
        """Add outcomes without rows: registry.derived_outcomes finds their records by these numbers.

        notes: what is noted of each, as JSON has it; none where there is nothing to note of any.
        """
        if numbers:
            self.derived.append(DerivedRows(outcome, numbers, notes or [None] * len(numbers)))

    def processed(self, n: int) -> None:
        """Move the progress on by `n` records."""
        self.done += n

    def count(self, name: str, n: int = 1) -> None:
        """Raise a counter for something without an outcome row. Raises ValueError for a name outside the list."""
        if name not in COUNTERS:
            raise ValueError(f"There is no counter {name!r}; there are {', '.join(COUNTERS)}.")
        self.counts[name] = self.counts.get(name, 0) + n

    def follow_up(
        self,
        *,
        type: str,  # noqa: A002 - the word of the model
        parameters: Mapping[str, Any] | None = None,
        selection: Iterable[UUID] | None = None,
        selection_side: str = "local",
        **other: Any,
    ) -> None:
        """Queue a job in this transaction; company, mapping, key, user are this job's unless given (services.start)."""
        self.follow_ups.append(
            {"type": type, "parameters": parameters, "selection": selection, "selection_side": selection_side, **other}
        )

    def finish(self, message: str = "") -> None:
        """End the job as finished with this checkpoint."""
        self.end = (Event.FINISH, message, None)

    def fail(self, refusal: Refusal, reason: Reason | None = None) -> None:
        """End the job as failed with this checkpoint. reason: of the closed list, where it is not the refusal's own."""
        failure = Failure.of_parts(Reason(reason or refusal.reason), refusal.message, refusal.fix, refusal.detail)
        self.end = (Event.FAIL, failure.message, failure)


class JobContext:
    """One slice of one job. The handler is entered again for each slice and goes on from `resume`."""

    def __init__(
        self, job: Job, lease: Lease, *, kept: dict[str, Any], on_progress: Callable[[Job], None] | None = None
    ) -> None:
        self.job = job
        self.company = job.company
        self.parameters: dict[str, Any] = dict(job.parameters)
        self.resume: dict[str, Any] = dict(job.resume)
        self.usage = GuardedUsage(lease)
        self.kept = kept
        """Whatever the handler wants to find again if the next slice runs in this process; it may always be empty."""
        self._lease = lease
        self._on_progress = on_progress
        self._began = self._saved = time.monotonic()
        self._requests, self._throttled = job.requests, job.throttled
        self._outcome_writer = OutcomeWriter(job)
        self._written_before = self._told = 0
        lease.tell = self._under_way

    # -- reading ----------------------------------------------------------------------------------------------------

    def selection(self, *, after: UUID | None = None) -> Iterator[list[UUID]]:
        """Yield the ids of the job's selection in id order, in chunks of 1000, beginning behind `after`."""
        column = f"{self.selection_side}_id"
        while True:
            records = JobRecord.objects.filter(job=self.job, **{f"{column}__isnull": False})
            if after is not None:
                records = records.filter(**{f"{column}__gt": after})
            chunk = list(records.order_by(column).values_list(column, flat=True)[:1000])
            if chunk:
                yield chunk
                after = chunk[-1]
            if len(chunk) < 1000:
                return

    @property
    def selection_side(self) -> str:
        """Whether the selection holds "local" or "integration" ids."""
        first = JobRecord.objects.filter(job=self.job).values_list("local_id", flat=True).first()
        return "integration" if first is None and self.job.selection_only else "local"

    @property
    def due(self) -> bool:
        """Whether the slice ends at the next checkpoint; a handler with long steps may cut them short."""
        return leases.stopping.is_set() or time.monotonic() - self._began >= settings.JOB_SLICE_S

    # -- writing ----------------------------------------------------------------------------------------------------

    @contextmanager
    def checkpoint(self) -> Iterator[Checkpoint]:
        """Open a fenced transaction: the handler's writes inside the block, and the Checkpoint's, are saved together or
        not.

        Raises LeaseLost before anything is written when this worker has been replaced. Leaving the block commits, then
        ends the slice (SliceEnded, Cancelled, Yielded, Ended) when that is due. Keep each below bulk.MAX_ROWS rows,
        and send nothing inside.
        """
        self._lease.ensure()
        point = Checkpoint(resume=dict(self.resume), phase=self.job.phase, total=self.job.total, plan=self.job.plan)
        with self.usage.without_guard(), transaction.atomic(durable=True):
            self._lease.renew()
            yield point
            signal = self._save(point)
        self._committed(signal)

    def finish(
        self,
        message: str = "",
        *,
        outcomes: Iterable[OutcomeRow] = (),
        follow_ups: Iterable[Mapping[str, Any]] = (),
        total: int | None = None,
        processed: int = 0,
    ) -> NoReturn:
        """End the job as finished, with a last checkpoint in the same transaction. Does not return."""
        with self.checkpoint() as point:
            point.outcomes += outcomes
            for follow_up in follow_ups:
                point.follow_up(**follow_up)
            point.processed(processed)
            if total is not None:
                point.total = total
            point.finish(message)
        raise Ended

    def fail(self, reason: Reason | str, message: str, detail: str = "", *, fix: str = "") -> NoReturn:
        """End the job as failed. Does not return.

        reason: of the closed list; message: what happened and why; detail: for support; fix: what to do next.
        """
        raise JobFailed(Failure.of_parts(Reason(reason), message, fix, detail))

    def postpone(self, seconds: float, why: str) -> NoReturn:
        """Give the worker back and go on, from the last checkpoint, in `seconds`. Does not return."""
        raise Postponed(seconds, why)

    # -- saving -----------------------------------------------------------------------------------------------------

    def progress_columns(self) -> dict[str, Any]:
        """Return the columns of usage and working time, as they stand now."""
        now = time.monotonic()
        worked, self._saved = now - self._saved, now
        return {
            "requests": self._requests + self.usage.requests,
            "throttled": self._throttled + self.usage.throttled,
            "active_s": self.job.active_s + worked,
            **({"answer_ms": self.usage.last_ms} if self.usage.last_ms else {}),
        }

    def _under_way(self) -> Told | None:
        """Return how far the batch in hand is, by what Dataverse has taken of it; None where that is not new.

        Called by the heartbeat's thread: it changes nothing that the checkpoints go by.
        """
        job, saved = self.job, self._saved
        taken = self.usage.rows_written - self._written_before
        if job.total is not None:
            taken = min(taken, max(0, job.total - job.processed))  # a record may take several rows
        if taken <= 0 or taken == self._told:
            return None
        self._told = taken
        return Told(
            job.processed,
            {
                "under_way": taken, "requests": self._requests + self.usage.requests,
                "throttled": self._throttled + self.usage.throttled,
                "active_s": job.active_s + time.monotonic() - saved,
            },
        )  # fmt: skip

    def _save(self, point: Checkpoint) -> BaseException | None:
        """Write the checkpoint's part of the transaction; the signal to raise once it is committed."""
        job = self.job
        counters, reasons = dict(job.counters), dict(job.reasons)
        breakdown = {outcome: dict(by) for outcome, by in job.breakdown.items()}
        for name, n in point.counts.items():
            counters[name] = counters.get(name, 0) + n
        added = Counter((row.outcome, row.reason) for row in point.outcomes)
        for derived in point.derived:
            added[derived.outcome, Reason.NONE.value] += len(derived.numbers)
        for (outcome, reason), n in added.items():
            counter = _COUNTER_OF[outcome]
            counters[counter] = counters.get(counter, 0) + n
            by = breakdown.setdefault(str(outcome), {})
            by[str(reason)] = by.get(str(reason), 0) + n
            if reason:
                reasons[str(reason)] = reasons.get(str(reason), 0) + n
        if point.total is not None:  # a total said beforehand may turn out too small
            point.total = max(point.total, job.processed + point.done)
            counters["total"] = point.total
        if point.outcomes:
            self._outcome_writer.insert(point.outcomes)
            note_failed(job, [row for row in point.outcomes if row.outcome == Outcome.FAILED and row.local_id])
        if point.derived:
            OutcomePart.objects.bulk_create(parts(job, point.outcomes, point.derived))
        for follow_up in point.follow_ups:
            services.start(
                **{
                    "company": job.company, "mapping_name": job.mapping_name, "exclusive_key": job.exclusive_key,
                    "user": job.requested_by, "direction": job.direction, "trigger": Trigger.FOLLOW_UP, "parent": job,
                    **follow_up,
                }
            )  # fmt: skip
        columns: dict[str, Any] = {
            "counters": counters, "reasons": reasons, "breakdown": breakdown, "resume": point.resume,
            "phase": point.phase[:60], "total": point.total, "plan": point.plan, "attempts": 0,
            "outage_since": None, "under_way": 0,
            "processed": job.processed + point.done, **self.progress_columns(),
        }  # fmt: skip
        signal = self._signal(point, columns)
        Job.objects.filter(pk=job.pk).update(**columns)
        self._columns = columns
        return signal

    def _signal(self, point: Checkpoint, columns: dict[str, Any]) -> BaseException | None:
        if point.end is not None:
            event, message, failure = point.end
            columns |= end_columns(self.job, event, message=message, failure=failure)
            return Ended()
        if Job.objects.filter(pk=self.job.pk, cancel_requested=True).exists():
            return Cancelled()
        if self._urgent_job_waits():
            return Yielded()
        return SliceEnded() if self.due else None

    def _urgent_job_waits(self) -> bool:
        """Return whether a one-record job of the same key waits for this one."""
        if not self.job.exclusive_key or self.job.one_record:
            return False
        return Job.objects.filter(
            state=State.QUEUED, exclusive_key=self.job.exclusive_key, one_record=True, cancel_requested=False
        ).exists()

    def _committed(self, signal: BaseException | None) -> None:
        for name, value in self._columns.items():
            setattr(self.job, name, value)
        self.resume = dict(self.job.resume)
        self._written_before, self._told = self.usage.rows_written, 0
        if self._on_progress:
            self._on_progress(self.job)
        if isinstance(signal, Ended):
            publish_waiting(self.job.exclusive_key)
        if signal is not None:
            raise signal


def failure_columns(failure: Failure | None) -> dict[str, Any]:
    """Return the columns that say why a job failed, or waits for a person."""
    if failure is None:
        return {"failure_reason": Reason.NONE, "failure_message": "", "failure_fix": ""}
    return {"failure_reason": failure.reason, "failure_message": failure.what, "failure_fix": failure.fix}


def end_columns(job: Job, event: Event, *, message: str, failure: Failure | None = None) -> dict[str, Any]:
    """Return the columns that end a job in process by an event (finish, fail, cancel)."""
    return {
        "state": state_after(State.IN_PROCESS, event),
        "ended_at": timezone.now(), "lease_until": None, "not_before": None,
        "message": message, "phase": "",
        "detail": failure.detail if failure else job.detail,
        **failure_columns(failure),
    }  # fmt: skip
