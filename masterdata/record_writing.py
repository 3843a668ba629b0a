"""Records written in bulk, by jobs and imports: by the table's own columns, and beside it where it has none for them.

Whoever calls names the records by their ids; in the caller's transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import TextField
from django.db.models.functions import Cast

from core import bulk
from masterdata.catalog import LocalTable
from masterdata.models import ChangedBy, Company, RecordIdentity

_PART = 500
"""Keys in one query."""
_KEPT = ("table", "record_key", "system_id", "modified_at", "changed_by")


def insert_records(
    table: LocalTable,
    company: Company,
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    now: datetime,
    changed_by: ChangedBy,
) -> None:
    """Insert records: each row holds the new record's id, then the values of `names`, among which is the key.

    Raises NotUsable where the company can have no records of the table, IntegrityError where a value is taken.
    """
    if table.columns is None:
        columns = ("company_id", "system_id", "created_at", "modified_at", "changed_by", *names)
        stamped = [(company.pk, row_id, now, now, changed_by.value, *values) for row_id, *values in rows]
        bulk.insert(table.model, columns, stamped)
        return
    if not rows:
        return
    own = table.columns.of_new_record(company, table.caption_plural)
    if table.columns.modified:
        own[table.columns.modified] = now
    fixed = tuple(own.values())
    bulk.insert(table.model, (*own, *names), [(*fixed, *values) for _, *values in rows])
    ids = {row[1 + names.index(table.key)]: row[0] for row in rows}
    kept = [(table.name, pk, ids[key], now, changed_by.value) for key, pk in _primary_keys(table, company, list(ids))]
    for start in range(0, len(kept), _PART):  # of records deleted in SQL, which had the same primary keys
        gone = [row[1] for row in kept[start : start + _PART]]
        RecordIdentity.objects.filter(table=table.name, record_key__in=gone).delete()
    bulk.insert(RecordIdentity, _KEPT, kept)


def update_records(
    table: LocalTable,
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    now: datetime,
    changed_by: ChangedBy,
) -> None:
    """Update records: each row holds the record's id, then the values of `names`.

    Raises IntegrityError where a value is taken.
    """
    if table.columns is None:
        stamped = [(*row, now, changed_by.value) for row in rows]
        bulk.update(table.model, "system_id", (*names, "modified_at", "changed_by"), stamped)
        return
    keys = _keys_of(table, [row[0] for row in rows])
    written = [name for name in names if name != table.fixed_field]
    places = [1 + names.index(name) for name in written]
    modified = [table.columns.modified] if table.columns.modified else []
    found = [(keys[row[0]], *(row[at] for at in places), *[now for _ in modified]) for row in rows if row[0] in keys]
    bulk.update(table.model, table.model._meta.pk.attname, (*written, *modified), found)
    bulk.update(
        RecordIdentity, "system_id", ("modified_at", "changed_by"), [(row[0], now, changed_by.value) for row in rows]
    )


def _primary_keys(table: LocalTable, company: Company, keys: Sequence[Any]) -> list[tuple[Any, str]]:
    """Return key and primary key, as text, of the company's records with these keys."""
    found: list[tuple[Any, str]] = []
    for start in range(0, len(keys), _PART):
        part = table.stored(company).filter(**{f"{table.key}__in": keys[start : start + _PART]})
        found += part.values_list(table.key, Cast("pk", TextField()))
    return found


def _keys_of(table: LocalTable, ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Return the primary keys of the records with these ids."""
    found: dict[UUID, Any] = {}
    for start in range(0, len(ids), _PART):
        part = table.everywhere().filter(system_id__in=ids[start : start + _PART])
        found |= dict(part.values_list("system_id", "pk"))
    return found
