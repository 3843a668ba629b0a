"""Records that were deleted here: noted when they are deleted, and looked for at night.

A run looks at the pairs it is told of, not at all of them. So whoever deletes a record of a registered table tells it
(masterdata.catalog.records_deleted), and the pairs become due. What was deleted past the application, in SQL, is found
by `find_deleted_records`.

A run that creates rows need not look at all records again either, once one has found none to create a row for, until a
coupling is deleted: whoever deletes one is heard here as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Model
from django.utils import timezone

from coupling.models import Coupling, IntegrationTableMapping, couplings_of_table
from masterdata import catalog
from sync.models import DuePair, SynchState, Waits

AT_NIGHT = time(2, 15)
"""When all couplings are read, in UTC; later the same day where nobody could at that hour."""
_RECORDS_PER_LOOK = 500
_PAIRS_PER_LOOK = 5000


def note_deleted(*, sender: type[Model], ids: Sequence[UUID], names: Mapping[UUID, tuple[str, str]], **_: Any) -> None:
    """Have the next run of each mapping compare the pairs of deleted records; receives catalog.records_deleted.

    It runs in the transaction of the deletion, with one look-up for all records deleted together, and one for what
    people know the coupled ones by.
    """
    table = catalog.table_of(sender)
    for start in range(0, len(ids), _RECORDS_PER_LOOK):
        part = ids[start : start + _RECORDS_PER_LOOK]
        couplings = couplings_of_table(None, table.name).filter(local_id__in=part)
        pairs = list(couplings.values_list("pk", "mapping_id", "local_id"))
        unnamed = [local_id for _, _, local_id in pairs if local_id not in names]
        known = {**names, **_read_names(table, unnamed)}
        _make_due((pk, mapping_id, *known.get(local_id, ("", ""))) for pk, mapping_id, local_id in pairs)


def _read_names(table: catalog.LocalTable, ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return what people know these records by."""
    if not ids:
        return {}
    rows = table.everywhere().filter(system_id__in=ids).values_list("system_id", table.key, table.title)
    return {row_id: (str(key), str(title or "")) for row_id, key, title in rows}


def note_uncoupled(*, sender: type[Coupling], instance: Coupling, origin: Any, **_: Any) -> None:
    """Have the next run look at all records of the mapping: a coupling was deleted; receives post_delete.

    Not where its mapping or company is deleted, with all that it has.
    """
    if getattr(origin, "model", type(origin)) is sender:
        _look_at_all_records([instance.mapping_id])


def note_uncoupled_in_bulk(*, sender: type[Coupling], key: str, values: Sequence[Any], **_: Any) -> None:
    """Have the next runs look at all records of the mappings whose couplings core.bulk deletes; receives deleting."""
    found: set[int] = set()
    for start in range(0, len(values), _RECORDS_PER_LOOK):
        part = sender.objects.filter(**{f"{key}__in": values[start : start + _RECORDS_PER_LOOK]})
        found.update(part.values_list("mapping_id", flat=True))
    _look_at_all_records(found)


def _look_at_all_records(mapping_ids: Iterable[int]) -> None:
    SynchState.objects.filter(mapping__in=list(mapping_ids)).update(uncoupled=F("uncoupled") + 1)


def last_night(now: datetime) -> datetime:
    """Return the last moment, now or before, at which all couplings should have been read."""
    tonight = datetime.combine(now.date(), AT_NIGHT, now.tzinfo)
    return tonight if tonight <= now else tonight - timedelta(days=1)


def find_deleted_records(since: datetime | None = None) -> int:
    """Have the next runs compare pairs whose record is gone and of which nobody said so; return how many there are.

    since: leave out the mappings whose couplings were read since then. All others are read, in parts, each in a
    transaction of its own; a mapping counts as read at its end. A pair that waits for a person is left out. Runs look
    at all records without a coupling and for all pending couplings again, too: what is stored about them may have been
    changed in SQL as well.
    """
    for table in catalog.tables():
        table.give_ids()
    tables = [table.name for table in catalog.tables()]
    mappings = IntegrationTableMapping.objects.filter(table__in=tables).select_related("company").order_by("pk")
    if since is not None:
        mappings = mappings.exclude(synch_state__compared_at__gte=since)
    return sum(_find_deleted_of(mapping) for mapping in mappings)


def _find_deleted_of(mapping: IntegrationTableMapping) -> int:
    began_at = timezone.now()
    SynchState.objects.filter(mapping=mapping).update(none_left_at=None, creating=True)
    records = catalog.table(mapping.table).rows(mapping.company)
    couplings = Coupling.objects.filter(mapping=mapping).order_by("pk")
    found, last = 0, 0
    while part := list(couplings.filter(pk__gt=last).values_list("pk", "local_id", "base__skipped")[:_PAIRS_PER_LOOK]):
        last = part[-1][0]
        ids = [local_id for _, local_id, _ in part]
        existing = set(records.filter(system_id__in=ids).values_list("system_id", flat=True))
        gone = [pk for pk, local_id, skipped in part if local_id not in existing and not skipped]
        known = set(DuePair.objects.filter(pk__in=gone, waits=Waits.DELETED).values_list("pk", flat=True))
        found += _make_due((pk, mapping.pk, "", "") for pk in gone if pk not in known)
    SynchState.objects.update_or_create(mapping=mapping, defaults={"compared_at": began_at})
    return found


def _make_due(pairs: Iterable[tuple[int, int, str, str]]) -> int:
    """Store pairs as due because their record was deleted; return how many there are.

    Each by its coupling, its mapping, and the key and name that people knew the record by.
    """
    due = [
        DuePair(coupling_id=pk, mapping_id=mapping_id, waits=Waits.DELETED, local_key=key[:80], local_name=name[:200])
        for pk, mapping_id, key, name in pairs
    ]
    if due:
        DuePair.objects.bulk_create(
            due, update_conflicts=True, unique_fields=["coupling"],
            update_fields=["waits", "local_key", "local_name"],
        )  # fmt: skip
    return len(due)
