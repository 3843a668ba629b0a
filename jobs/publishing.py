"""Messages to the workers: a job's id, sent after commit.

A lost one costs time, never a job: the sweep sends it again.
"""

import logging
from functools import partial

from celery import current_app
from django.db import transaction
from django.db.models import OuterRef, QuerySet
from django.utils import timezone

from core.database_outage import reaches_database
from jobs.models import Job, State
from jobs.registry import registry

logger = logging.getLogger(__name__)


def publish_on_commit(job_id: int, *, countdown: float = 0) -> None:
    """Publish once the transaction around is committed (at once when there is none). A dead broker fails nothing."""
    transaction.on_commit(partial(publish, job_id, countdown=countdown), robust=True)


def publish(job_id: int, *, countdown: float = 0) -> bool:
    """Send the job's id to the workers, to arrive after `countdown` seconds. Whether the broker took it.

    `published_at` was set with the row; where the broker does not answer it is emptied, so that the next tick tries
    again instead of waiting for the message to be overdue.
    """
    try:
        current_app.send_task("jobs.tasks.run_job", (job_id,), countdown=countdown, retry=False)
    except Exception as error:
        logger.warning("job %s: the broker did not take its message (%s); the sweep will send it", job_id, error)
        Job.objects.filter(pk=job_id).update(published_at=None)
        return False
    return True


def publish_waiting(exclusive_key: str) -> None:
    """Publish the job that is next on a key whose holder ended, and tell those who asked for it."""
    if not exclusive_key:
        return
    following = next_job_on_key(exclusive_key)
    if following is not None:
        Job.objects.filter(pk=following).update(published_at=timezone.now())
        publish(following)
    for work in registry.ended:
        where = f"end of a job on {exclusive_key}, {getattr(work, '__qualname__', work)}"
        try:
            reaches_database(where, partial(work, exclusive_key))
        except Exception:
            logger.exception("%s failed", where)


def running_holders() -> QuerySet[Job]:
    """Return, for Exists(), the job in process on the key of the job outside, which therefore waits."""
    return Job.objects.filter(exclusive_key=OuterRef("exclusive_key"), state=State.IN_PROCESS).exclude(exclusive_key="")


def next_job_on_key(exclusive_key: str) -> int | None:
    """Return the id of the job whose turn on a key is next: one-record jobs first, then in the order they were asked
    for.
    """
    waiting = Job.objects.filter(exclusive_key=exclusive_key, state=State.QUEUED, cancel_requested=False)
    return waiting.order_by("-one_record", "pk").values_list("pk", flat=True).first()
