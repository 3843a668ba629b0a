"""Who changed a record here before synchronization took it to Dataverse: a person, or an import; from the audit log."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

MOST = 200
"""Entries of a record that are looked at, the newest."""


class Editors:
    """The changes of one record here, newest first. One query."""

    def __init__(self, record: Any) -> None:
        kind = ContentType.objects.get_for_model(type(record))
        own = LogEntry.objects.filter(content_type=kind, object_pk=str(record.pk))
        changed = own.filter(action__in=(LogEntry.Action.CREATE, LogEntry.Action.UPDATE))
        self.entries = list(changed.select_related("actor").order_by("-timestamp", "-pk")[:MOST])

    def notes(self, at: datetime, names: Collection[str]) -> list[str]:
        """Return who changed these fields last before a moment, and when: "Ada Lindqvist changed it here at 18:31"."""
        found: dict[str, None] = {}
        for name in dict.fromkeys(names):
            entry = next((one for one in self.entries if one.timestamp <= at and name in _changes(one)), None)
            if entry is not None and (note := _note(entry, at)):
                found[note] = None
        return list(found)


def _changes(entry: LogEntry) -> Mapping[str, Any]:
    return entry.changes or {}


def _note(entry: LogEntry, at: datetime) -> str:
    """Return who made a change, and when; "" where nobody is known to have."""
    about = entry.additional_data if isinstance(entry.additional_data, dict) else {}
    when = _when(entry.timestamp, at)
    if file := about.get("file"):
        return f"import of {file} {when}"
    return f"{entry.actor} changed it here {when}" if entry.actor is not None else ""


def _when(moment: datetime, at: datetime) -> str:
    """Return a moment with its day, where that is not the day of what is told."""
    local = timezone.localtime(moment)
    day = "" if local.date() == timezone.localtime(at).date() else f"on {local.day} {local:%b %Y} "
    return f"{day}at {local:%H:%M}"
