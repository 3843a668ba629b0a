"""Alerts that are over, and the messages about them: they go by age, as jobs do."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from core import bulk
from jobs.models import Alert, AlertMessage, AlertNotice


def count(company: Any, before: datetime) -> int:
    """Return how many alerts of a company were over before a moment."""
    return _alerts(company, before).count()


def any_old(company: Any, before: datetime) -> bool:
    """Return whether anything was over, or was sent, before a moment."""
    return _alerts(company, before).exists() or _messages(company, before).exists()


def drop(*, company: Any, before: datetime, most: int) -> tuple[int, int]:
    """Delete alerts that were over before a moment with what was sent of them, at most so many of each.

    Return how many alerts and how many messages. A message of which an alert still stands stays, whatever its age.
    """
    alerts = list(_alerts(company, before).values_list("pk", flat=True)[:most])
    AlertNotice.objects.filter(alert__in=alerts).delete()
    bulk.delete(Alert, "id", alerts)
    messages = list(_messages(company, before).values_list("pk", flat=True)[:most])
    bulk.delete(AlertMessage, "id", messages)
    return len(alerts), len(messages)


def _alerts(company: Any, before: datetime) -> "QuerySet[Alert]":
    return Alert.objects.filter(company=company, over_at__lt=before).order_by("pk")


def _messages(company: Any, before: datetime) -> "QuerySet[AlertMessage]":
    ended = (AlertMessage.State.SENT, AlertMessage.State.GIVEN_UP)
    found = AlertMessage.objects.filter(receiver__company=company, state__in=ended, created_at__lt=before)
    return found.filter(notices=None).order_by("pk")
