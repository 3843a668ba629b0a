"""What an import changed, in the audit log: old and new values record by record, as where a person types them."""

from collections.abc import Iterable, Mapping
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from core import bulk
from masterdata.catalog import LocalTable
from masterdata.files.importing import RowResult

_ACTIONS = {"inserted": LogEntry.Action.CREATE, "modified": LogEntry.Action.UPDATE}
_COLUMNS = (
    "content_type_id", "object_pk", "object_id", "object_repr", "action", "changes", "actor_id", "timestamp",
    "additional_data",
)  # fmt: skip


def record_changes(
    *, table: LocalTable, results: Iterable[RowResult], user_id: int | None, about: Mapping[str, Any]
) -> None:
    """Write an entry for each record that an import's part made or changed, inside the caller's transaction.

    user_id: who asked for the import; about: what led to it, kept with each entry.
    """
    changed = {one.system_id: one for one in results if one.outcome in _ACTIONS}
    if not changed:
        return
    records = table.everywhere().filter(system_id__in=list(changed))
    kind, now = ContentType.objects.get_for_model(table.model).pk, timezone.now()
    entries = []
    for pk, system_id in records.values_list("pk", "system_id"):
        one = changed[system_id]
        shown = table.text_of(key=one.key, title=one.title)
        new = one.outcome == "inserted"
        values = {change.field: [None if new else str(change.before), str(change.after)] for change in one.changes}
        number = pk if isinstance(pk, int) else None
        entries.append((kind, str(pk), number, shown, _ACTIONS[one.outcome], values, user_id, now, dict(about)))
    bulk.insert(LogEntry, _COLUMNS, entries)
