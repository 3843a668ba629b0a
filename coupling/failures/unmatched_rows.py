"""What is ignored although nothing matched it: rows that a run reads and that hold the values it was matched by.

The values are compared as plain text, without case: what the criteria know beyond that (phone numbers, company names)
is found by the next coupling job alone.

What is ignored is read again only once something else is: a process keeps what it read of the last mappings.
"""

import threading
import unicodedata
from array import array
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Count, Max, QuerySet

from coupling import local_records
from coupling.models import FailedRecord, IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs import outcomes
from jobs.models import Reason

_PART = 500
MOST = 100_000
"""Ignored records of a mapping that are looked for among the rows read: the newest, where there are more."""
_KEPT = 16
"""Mappings of which a process keeps what it read: 16 bytes for each ignored record and priority."""
Columns = tuple[str, ...]
Numbers = np.ndarray[Any, Any]
Keys = dict[Columns, tuple[Numbers, Numbers]]
"""The hashes of the values, and the failed records, by the columns compared."""
_kept: "OrderedDict[int, tuple[object, Keys]]" = OrderedDict()
_lock = threading.Lock()


class UnmatchedRows:
    """The values by which ignored records without a match were searched: 16 bytes for each, since they may be many."""

    def __init__(self, mapping: IntegrationTableMapping, ignored: "QuerySet[FailedRecord]") -> None:
        self.mapping, self.ignored = mapping, ignored.filter(reason=Reason.NO_MATCH)

    def find(self, rows: Sequence[RemoteRow]) -> dict[UUID, list[int]]:
        """Return the failed records of which each row holds the values, by the row's id."""
        found: dict[UUID, list[int]] = {}
        for columns, (keys, pks) in self._keys.items() if rows else ():
            held = [(row.id, key) for row in rows if (key := key_of(columns, row.values)) is not None]
            met = np.isin(keys, np.fromiter((key for _, key in held), np.uint64, len(held)))
            by_key: dict[int, list[int]] = {}
            for key, pk in zip(keys[met].tolist(), pks[met].tolist(), strict=True):
                by_key.setdefault(key, []).append(pk)
            for row_id, key in held:
                if key in by_key:
                    found.setdefault(row_id, []).extend(by_key[key])
        return found

    @cached_property
    def _keys(self) -> Keys:
        """What is ignored, as it was read before or is now; one query where nothing else is ignored since."""
        if self.mapping.uid_kind == "option":
            return {}
        found = self.ignored.aggregate(count=Count("pk"), since=Max("ignored_at"), job=Max("job_id"), last=Max("pk"))
        if not found["count"]:
            return {}
        # A job that tries them again may tell of other values, and so do other field mappings.
        state = (*found.values(), tuple(sorted(self._columns.items())))
        with _lock:
            known = _kept.get(self.mapping.pk)
        if known is not None and known[0] == state:
            return known[1]
        keys = self._read_keys(found["count"])
        with _lock:
            _kept[self.mapping.pk] = (state, keys)
            _kept.move_to_end(self.mapping.pk)
            while len(_kept) > _KEPT:
                _kept.popitem(last=False)
        return keys

    def _read_keys(self, count: int) -> Keys:
        arrays: dict[Columns, tuple[array[int], array[int]]] = {}
        ignored, last = self.ignored.order_by("pk"), 0
        if count > MOST:
            last = ignored.reverse().values_list("pk", flat=True)[MOST]
        while part := list(ignored.filter(pk__gt=last)[:_PART]):
            last = part[-1].pk
            for pk, columns, key in self._searched(part):
                keys, pks = arrays.setdefault(columns, (array("Q"), array("q")))
                keys.append(key)
                pks.append(pk)
        return {
            columns: (np.array(keys, np.uint64), np.array(pks, np.int64)) for columns, (keys, pks) in arrays.items()
        }

    def _searched(self, part: Sequence[FailedRecord]) -> Iterator[tuple[int, Columns, int]]:
        """Yield what each record was searched by, priority by priority: the columns, and the hash of its values."""
        try:
            table = local_records.get_table(self.mapping)
        except local_records.Unusable:  # its app is gone
            return
        known = {field.name for field in table.fields}
        told = outcomes.failures_of({one.job_id for one in part}, [one.local_id for one in part])
        groups: dict[int, list[list[str]]] = {}
        for one in part:
            outcome = told.get((one.job_id, one.local_id))
            trail = (outcome.detail or {}).get("trail", ()) if outcome is not None else ()
            groups[one.pk] = [step["fields"] for step in trail if set(step["fields"]) <= known & self._columns.keys()]
        fields = sorted({name for steps in groups.values() for step in steps for name in step})
        records = table.records(self.mapping.company)
        values = local_records.read_by_ids(records, table, fields, [one.local_id for one in part]) if fields else {}
        for one in part:
            row = values.get(one.local_id.bytes)
            here = {} if row is None else dict(zip(fields, row[3:], strict=True))
            for step in groups[one.pk]:
                columns = tuple(self._columns[name] for name in step)
                key = key_of(columns, {self._columns[name]: here.get(name) for name in step})
                if key is not None:
                    yield one.pk, columns, key

    @cached_property
    def _columns(self) -> dict[str, str]:
        """The columns of the mapping by their local fields."""
        return {one.field: one.integration_field for one in self.mapping.fields.all() if one.field}


def key_of(columns: Collection[str], values: Mapping[str, Any]) -> int | None:
    """Return a hash of the values in these columns; None where one of them is blank or was not read."""
    if not columns:
        return None
    texts = [plain(values.get(column)) for column in columns]
    if not all(texts):
        return None
    return int.from_bytes(blake2b("\0".join(texts).encode(), digest_size=8).digest(), "big")


def plain(value: Any) -> str:
    """Return a value as it is compared: without case, in one composed form, without blanks at its ends."""
    return "" if value is None else unicodedata.normalize("NFC", str(value)).casefold().strip()
