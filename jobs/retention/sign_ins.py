"""Sign-in records and sessions belong to no company: once a day the tick removes what is too old or too many."""

from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from jobs.elections import SIGN_INS, elect
from jobs.retention.rules import next_run

MOST = 100_000
"""Sign-in records of a kind that are kept at most, the newest."""
_AT_ONCE = 5000


def remove_old_sign_ins(now: datetime) -> None:
    """Remove what is old where the day's time for it has come; work for the tick, of which one does it."""
    last_night = next_run(now) - timedelta(days=1)
    if elect(SIGN_INS, now, before=last_night, at_first=False):
        remove(now)


def remove(now: datetime) -> dict[str, int]:
    """Remove sessions that ended, and records of sign-ins that are too old or too many. Returns how many of each."""
    before = now - timedelta(days=settings.SIGN_IN_RECORD_DAYS)
    records = [
        _delete(model.objects.filter(attempt_time__lt=before)) + _delete(_beyond(model.objects.all()))
        for model in (AccessFailureLog, AccessLog)
    ]
    return {"sessions": _delete(Session.objects.filter(expire_date__lt=now)), "sign_ins": sum(records)}


def old(now: datetime) -> dict[str, int]:
    """Return how many would be removed."""
    before = now - timedelta(days=settings.SIGN_IN_RECORD_DAYS)
    records = [
        (model.objects.filter(attempt_time__lt=before) | _beyond(model.objects.all())).count()
        for model in (AccessFailureLog, AccessLog)
    ]
    return {"sessions": Session.objects.filter(expire_date__lt=now).count(), "sign_ins": sum(records)}


def _beyond(records: "QuerySet[Any]") -> "QuerySet[Any]":
    """Return the records that are too many: all but the newest."""
    newest = next(iter(records.order_by("-pk").values_list("pk", flat=True)[MOST - 1 : MOST]), 0)
    return records.filter(pk__lt=newest)


def _delete(rows: "QuerySet[Any]") -> int:
    """Delete rows in parts, each a transaction of its own. Returns how many."""
    deleted = 0
    while found := list(rows.order_by().values_list("pk", flat=True)[:_AT_ONCE]):
        rows.model._base_manager.filter(pk__in=found).delete()
        deleted += len(found)
    return deleted
