"""The nightly task: compare all couplings with the records there are."""

import logging

from celery import shared_task

from sync.deletions.services import find_deleted_records as find

logger = logging.getLogger(__name__)


@shared_task(name="sync.tasks.find_deleted_records", ignore_result=True)
def find_deleted_records() -> None:
    """Find records that were deleted past the application. Run twice, or not at all one night, it does no harm."""
    if found := find():
        logger.info("%s coupled records were deleted here by other means; the next runs deal with their pairs", found)
