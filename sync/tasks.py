"""What workers do beside jobs and the tick: start what a change here has woken, compare couplings with records every
night, look at columns every day.
"""

import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from core.database_outage import reaches_database
from coupling.failures.standing import drop_settled
from coupling.mappings import daily_look
from sync.deletions.services import find_deleted_records as find
from sync.deletions.services import last_night
from sync.schedules.services import run_due

logger = logging.getLogger(__name__)


@shared_task(name="sync.tasks.find_deleted_records", ignore_result=True)
def find_deleted_records() -> None:
    """Find records that were deleted past the application, where that was not done since last night.

    Failures that were settled are forgotten with it. Asked for every hour, so that a night without a database or a
    broker is made up for. Run twice it does no harm.
    """
    if not reaches_database("find deleted records", _find):
        find_deleted_records.apply_async(countdown=settings.JOB_TICK_S)


def _find() -> None:
    drop_settled()
    if found := find(since=last_night(timezone.now())):
        logger.info("%s coupled records were deleted here by other means; the next runs deal with their pairs", found)


@shared_task(name="sync.tasks.start_due", ignore_result=True)
def start_due() -> None:
    """Start what is due by schedule, between two ticks: a change here has woken it. Run twice, it does no harm."""
    reaches_database("start what is due", _start_due)


def _start_due() -> None:
    run_due(timezone.now())


@shared_task(name="sync.tasks.look_at_columns", ignore_result=True)
def look_at_columns() -> None:
    """Look at the columns of mappings that were not looked at for a day. Run twice, it does no harm."""
    for drift in daily_look.look_at_columns(timezone.now()):
        logger.warning("%s of %s: %s", drift.mapping, drift.mapping.company, drift.text)
