"""What wakes schedules: records that are saved, deleted or imported here have their mappings run within seconds; so
does a call of Dataverse's web hook, where one is registered.

Many changes in a row start one run: what is due within moments already is left alone.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Model, Q
from django.utils import timezone

from core.vocabulary import Direction
from coupling.models import IntegrationTableMapping, couplings_of_table
from masterdata import catalog

_IDS_PER_LOOK = 500

logger = logging.getLogger(__name__)


def note_record_saved(*, sender: type[Model], instance: Any, raw: bool = False, **_: Any) -> None:
    """Wake the mappings of a record's table once what saves it is committed; receives post_save of every model."""
    if not settings.JOB_WAKE_S or raw:
        return
    table = next((one for one in catalog.tables() if one.model is sender), None)
    company = getattr(instance, "company_id", None)
    if table is not None and company is not None:
        transaction.on_commit(partial(wake, company, table.name), robust=True)


def note_records_deleted(*, sender: type[Model], ids: Sequence[UUID], **_: Any) -> None:
    """Wake the mappings by which deleted records are coupled, once that is committed; see catalog.records_deleted."""
    if not settings.JOB_WAKE_S:
        return
    table = catalog.table_of(sender)
    companies: set[int] = set()
    for start in range(0, len(ids), _IDS_PER_LOOK):
        couplings = couplings_of_table(None, table.name).filter(local_id__in=ids[start : start + _IDS_PER_LOOK])
        companies.update(couplings.order_by().values_list("company_id", flat=True).distinct())
    for company_id in companies:
        transaction.on_commit(partial(wake, company_id, table.name), robust=True)


def note_import_ended(exclusive_key: str) -> None:
    """Wake the mappings of a table into which records were imported: the hook of jobs.registry.on_ended."""
    what, _, about = exclusive_key.partition(":")
    company_id, _, table = about.partition(":")
    if settings.JOB_WAKE_S and what == "import" and company_id.isdigit():
        wake(int(company_id), table)


def wake(company_id: int, table: str) -> int:
    """Have the mappings of a table that go to Dataverse run in JOB_WAKE_S seconds. Return how many that changes.

    Not those on hold, in Error or between two attempts, nor while the connection is not enabled.
    """
    return _wake(company_id, Q(table=table) & ~Q(direction=Direction.FROM), table)


def wake_by_dataverse(company_id: int, table: str) -> int:
    """Have the mappings that take from a table in Dataverse run in JOB_WAKE_S seconds, as `wake` does.

    table: its logical name; "" for all that take anything. It comes from outside: a name of none wakes none.
    """
    if not settings.JOB_WAKE_S or "\x00" in table:
        return 0
    takes = Q(uid_kind="guid") & ~Q(direction=Direction.TO)
    return _wake(company_id, takes & Q(integration_table=table) if table else takes, table)


def _wake(company_id: int, which: Q, what: str) -> int:
    now = timezone.now()
    soon = now + timedelta(seconds=settings.JOB_WAKE_S)
    later = Q(next_run_at__gt=soon) | Q(next_run_at=None, on_hold_since__isnull=False)
    found = IntegrationTableMapping.objects.filter(
        later, which, company=company_id, scheduled=True, company__connection__enabled=True,
    ).exclude(schedule__attempts__gt=0)  # fmt: skip
    # Asked once more by what changes them: a run may fail, or somebody set one on hold, in between.
    if not (count := found.update(next_run_at=soon, on_hold_since=None)):
        return 0
    try:
        current_app.send_task("sync.tasks.start_due", countdown=settings.JOB_WAKE_S, retry=False)
    except Exception as error:
        logger.warning("the broker did not take what wakes %s (%s); the tick starts it", what, error)
    return count
