"""The verbs of jobs: start, cancel, tell what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from auditlog.models import LogEntry
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from core import bulk
from core.locks import locked
from jobs import audit, same_jobs
from jobs.errors import EmptySelection
from jobs.lease import end_unheld, end_waiting, holder_of
from jobs.models import COUNTERS, OPEN_STATES, Job, JobRecord, State, Trigger
from jobs.publishing import next_job_on_key, publish_on_commit
from jobs.registry import kind

__all__ = ["EmptySelection", "cancel", "cancel_all", "hurry", "start", "stop_all", "summary", "waits_for"]


def start(
    *,
    company: Any,
    type: str,  # noqa: A002 - the word of the model
    mapping_name: str = "",
    exclusive_key: str = "",
    parameters: Mapping[str, Any] | None = None,
    direction: str = "",
    description: str = "",
    user: Any = None,
    trigger: str = Trigger.USER,
    parent: Job | None = None,
    selection: Iterable[UUID] | None = None,
    selection_side: str = "local",
    one_record: bool = False,
) -> Job:
    """Queue a job: its row and its selection in one transaction, its message after commit.

    `selection`: ids of the records asked for (`selection_side`: "local" or "integration"), None for all of the
    mapping; a query of one column of ids is stored inside the database, so that it may be long. `parameters` are kept
    as JSON and never hold a secret. `one_record` lets it go before long jobs of the same key. Raises EmptySelection
    for a selection without records, LookupError for an unknown kind.

    Where a job already waits for the same of a mapping, that one is returned, marked as `already_waiting`; a follow-up
    is always a job of its own.
    """
    kind(type)
    if selection_side not in ("local", "integration"):
        raise ValueError(f"A selection is of local or integration records, not {selection_side!r}.")
    job = Job(
        company=company, type=type, mapping_name=mapping_name, exclusive_key=exclusive_key,
        parameters=dict(parameters or {}), direction=direction, description=description[:200],
        requested_by=user if user is not None and user.pk else None, trigger=trigger, parent=parent,
        selection_only=selection is not None, one_record=one_record, published_at=timezone.now(),
    )  # fmt: skip
    if not mapping_name or parent is not None:
        with transaction.atomic():
            return _queue(job, selection, selection_side, user)
    # Of two who ask at once, the second waits and finds the first one's job.
    with locked(f"jobs of company {company.pk}"), transaction.atomic():
        _queue(job, selection, selection_side, user)
        waiting = same_jobs.waiting_twin(job)
        if waiting is not None:
            transaction.set_rollback(True)  # of the inner block alone: the new job goes again
    if waiting is None:
        return job
    waiting.already_waiting = True
    return waiting


def _queue(job: Job, selection: Iterable[UUID] | None, side: str, user: Any) -> Job:
    """Insert a job with its selection and its audit entry, and publish it. Raises EmptySelection."""
    job.save(force_insert=True)
    if selection is not None and not _insert_selection(job, selection, side):
        raise EmptySelection
    if job.trigger == Trigger.USER and job.parent is None:
        values = {
            "type": job.type, "mapping": job.mapping_name, "direction": job.direction,
            "parameters": job.parameters or None,
        }  # fmt: skip
        changes = {name: (None, value) for name, value in values.items() if value}
        audit.record_audit_entry(job, LogEntry.Action.CREATE, changes, user=user)
    publish_on_commit(job.pk)
    return job


def _insert_selection(job: Job, selection: Iterable[UUID], side: str) -> int:
    """Store the distinct ids of a selection. Returns how many there are."""
    if isinstance(selection, QuerySet):
        return bulk.insert_from(JobRecord, {"job_id": job.pk}, f"{side}_id", selection)
    distinct = dict.fromkeys(selection)
    keys = iter(distinct)
    while part := list(islice(keys, bulk.MAX_ROWS)):
        bulk.insert(JobRecord, ("job_id", f"{side}_id"), [(job.pk, key) for key in part])
    return len(distinct)


def hurry(*, job: Job) -> None:
    """Have a postponed job go on now: what it waited for has come. Others stay as they are."""
    waiting = Job.objects.filter(pk=job.pk, state=State.POSTPONED)
    if waiting.update(not_before=timezone.now(), published_at=timezone.now()):
        publish_on_commit(job.pk)


def cancel(*, job: Job, user: Any = None, why: str = "") -> Job:
    """End a job: at once when no worker has it, else at its next checkpoint. Ended jobs stay as they are.

    why: what the job says then; that somebody cancelled it, unless given.
    """
    message = why or _cancelled_by(user)
    job.refresh_from_db()
    if not job.ended:
        audit.record_audit_entry(job, LogEntry.Action.UPDATE, {"state": (job.state, State.CANCELLED.value)}, user=user)
        unheld = job.state != State.IN_PROCESS or job.lease_until is None
        if not (unheld and end_unheld(job, State.CANCELLED, message=message)):
            asked = Job.objects.filter(pk=job.pk, state__in=OPEN_STATES)
            asked.update(cancel_requested=True, message=message)
            publish_on_commit(job.pk)  # in case its worker is gone
        job.refresh_from_db()
    return job


def cancel_all(*, jobs: "QuerySet[Job]", user: Any = None) -> tuple[int, int]:
    """End jobs, as cancel() does one. Returns how many have ended, and how many end at their next checkpoint."""
    chosen = Job.objects.filter(pk__in=list(jobs.values_list("pk", flat=True)))
    ended = end_waiting(chosen, State.CANCELLED, message=_cancelled_by(user))
    for job in ended:
        audit.record_audit_entry(job, LogEntry.Action.UPDATE, {"state": (job.state, State.CANCELLED.value)}, user=user)
    others = [cancel(job=job, user=user) for job in chosen.filter(state__in=OPEN_STATES)]
    stopped = sum(job.state == State.CANCELLED for job in others)
    return len(ended) + stopped, sum(not job.ended for job in others)


def _cancelled_by(user: Any) -> str:
    return f"Cancelled by {user.get_username()}." if user is not None and user.pk else "Cancelled."


def stop_all(*, company: Any, user: Any = None, why: str, reason: str, types: Sequence[str] | None = None) -> int:
    """End every open job of a company; how many. Those nobody works on fail at once, others end at a checkpoint.

    why: what they say then; reason: a word of the closed list, why those that fail do; types: only jobs of these kinds.
    """
    open_ones = Job.objects.filter(company=company, state__in=OPEN_STATES)
    if types is not None:
        open_ones = open_ones.filter(type__in=types)
    stopped = list(open_ones)
    for job in stopped:
        unheld = job.state != State.IN_PROCESS or job.lease_until is None
        if not (unheld and end_unheld(job, State.FAILED, message=why, reason=reason)):
            cancel(job=job, user=user, why=why)
    return len(stopped)


def waits_for(job: Job) -> Job | None:
    """Return the job that a queued job waits for: the holder of its key, or the one whose turn is before."""
    if job.state != State.QUEUED or not job.exclusive_key:
        return None
    before = holder_of(job.exclusive_key) or next_job_on_key(job.exclusive_key)
    return Job.objects.filter(pk=before).first() if before not in (None, job.pk) else None


def failure_of(job: Job) -> dict[str, str]:
    """Return why a job failed or was cancelled, or waits for a person, in the shape of a refusal."""
    reason, message = job.failure_reason or "cancelled", job.failure_message or job.message
    return {"reason": reason, "message": message, "fix": job.failure_fix}


def summary(job: Job, *, followups: bool = True) -> dict[str, Any]:
    """Return what came of a job and its follow-ups, in the shape the commands print."""
    return {
        **({"error": failure_of(job)} if job.state == State.FAILED or job.needs_person else {}),
        "job": job.pk,
        "type": job.type,
        "mapping": job.mapping_name,
        "state": job.state,
        "plan": job.plan,
        "counters": {name: int(job.counters.get(name, 0)) for name in COUNTERS},
        "reasons": dict(sorted(job.reasons.items())),
        "requests": job.requests,
        "seconds": seconds(job),
        "message": job.message,
        "followups": [summary(one) for one in job.followups.order_by("pk")] if followups else [],
    }


def seconds(job: Job) -> float:
    """Return seconds from its start to its end, or to now."""
    if job.started_at is None:
        return 0.0
    return round(((job.ended_at or timezone.now()) - job.started_at).total_seconds(), 3)
