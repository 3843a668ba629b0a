"""The tick: one process is elected by a conditional UPDATE, then restores what messages and workers lost."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, Q
from django.utils import timezone

from core.database_outage import is_database_outage
from jobs.elections import SWEEP, elect
from jobs.models import Job, State
from jobs.publishing import publish, running_holders
from jobs.registry import registry

logger = logging.getLogger(__name__)

_AT_ONCE = 200
"""Messages a sweep sends at most; the rest follows with the next one."""


def acquire_tick(now: datetime) -> bool:
    """Return whether this tick is the one that counts: of several beats' ticks, one per JOB_TICK_S."""
    return elect(SWEEP, now, before=now - timedelta(seconds=settings.JOB_TICK_S * 0.8))


def sweep(now: datetime) -> list[int]:
    """Publish every job that could run and whose message seems lost. Returns their ids.

    - queued ones that were never published, or so long ago that the message is lost, unless they wait for their key;
    - postponed ones that are due;
    - ones in process whose worker's lease expired, or which wait between slices for too long.
    """
    overdue = now - timedelta(seconds=settings.JOB_LEASE_S)
    unsent = Q(published_at=None) | Q(published_at__lt=overdue)
    could_run = (
        (Q(state=State.QUEUED) & unsent & ~Exists(running_holders()))
        | (Q(state=State.POSTPONED, not_before__lte=now) & (unsent | Q(published_at__lt=F("not_before"))))
        | Q(state=State.IN_PROCESS, lease_until__lt=now)
        | (Q(state=State.IN_PROCESS, lease_until=None) & unsent)
    )
    found = list(Job.objects.filter(could_run).order_by("-one_record", "pk").values_list("pk", flat=True)[:_AT_ONCE])
    Job.objects.filter(pk__in=found).update(published_at=now)
    for position, job_id in enumerate(found):
        if not publish(job_id):  # the broker is down: the rest is left unpublished for the next tick
            Job.objects.filter(pk__in=found[position:]).update(published_at=None)
            return found[:position]
    return found


def tick() -> bool:
    """Sweep and do the upper rooms' work for the tick, if this one is elected. Whether it was."""
    now = timezone.now()
    if not acquire_tick(now):
        return False
    sweep(now)
    for work in (*registry.ticks, *registry.last_ticks):
        try:
            work(now)
        except Exception as error:
            if is_database_outage(error):
                raise  # whatever is next would meet it too: the task says it once, without a traceback
            logger.exception("tick: %s failed", getattr(work, "__qualname__", work))
    return True
