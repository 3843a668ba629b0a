"""Ignored failures whose rows in question change in Dataverse: a run that reads the changes lists them again.

A record that matched nothing has no such row: one that holds the values it was searched by lists it again
(coupling.failures.unmatched_rows), or what a coupling job finds later (coupling.failures.standing).
"""

from array import array
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from core.moments import read_moment
from coupling.failures import services
from coupling.failures.standing import candidates_of
from coupling.failures.unmatched_rows import UnmatchedRows
from coupling.gateway import Gateway
from coupling.models import FailedRecord, IntegrationTableMapping
from coupling.rows import ScanPage
from jobs import outcomes
from jobs.errors import EmptySelection

_PART = 500
"""Ignored failures that are read, or listed again, at once."""
_Rows = dict[UUID, list[tuple[int, datetime]]]
"""Rows in question, with the failed records that are ignored and since when."""


class IgnoredRows:
    """The rows that came into question for what people ignore of a mapping, as one slice of a run reads changes."""

    def __init__(self, mapping: IntegrationTableMapping, gateway: Gateway) -> None:
        self.mapping, self.gateway = mapping, gateway

    def list_again(self, page: ScanPage) -> None:
        """List again what is ignored and had a row in question that a page of changes tells of. Raises DataverseError.

        Changes from before somebody ignored it are none: they were to be seen.
        """
        told = {row.id for row in page.rows} | set(page.deleted)
        by_row = self._read_rows_of(self._ignored_with(told)) if told else {}
        for row_id, failed in self._read_unmatched(self._unmatched.find(page.rows)).items():
            by_row.setdefault(row_id, []).extend(failed)
        met = by_row.keys() & told
        if not met:
            return
        changed_at = self._changed_at(met.difference(page.deleted))
        again = {
            pk for row_id in met for pk, ignored_at in by_row[row_id]
            if row_id in page.deleted or ((at := changed_at.get(row_id)) is not None and at > ignored_at)
        }  # fmt: skip
        ids = sorted(again)
        for start in range(0, len(ids), _PART):
            with suppress(EmptySelection):  # somebody else was faster
                services.stop_ignoring(failed=FailedRecord.objects.filter(pk__in=ids[start : start + _PART]))

    @cached_property
    def _unmatched(self) -> UnmatchedRows:
        return UnmatchedRows(self.mapping, self._ignored)

    def _read_unmatched(self, found: Mapping[UUID, Sequence[int]]) -> _Rows:
        """Return since when records are ignored that rows match by now, by the row."""
        pks = sorted({pk for failed in found.values() for pk in failed})
        since: dict[int, datetime | None] = {}
        for start in range(0, len(pks), _PART):
            part = self._ignored.filter(pk__in=pks[start : start + _PART])
            since.update(part.values_list("pk", "ignored_at"))
        return {
            row_id: [(pk, at) for pk in failed if (at := since.get(pk)) is not None] for row_id, failed in found.items()
        }

    def _changed_at(self, ids: Collection[UUID]) -> dict[UUID, datetime]:
        """Return when rows were changed last; one request."""
        column = self.mapping.modified_on_column
        if not ids or not column:
            return {}
        rows = self.gateway.read(self.mapping, [column], ids).values()
        return {row.id: at for row in rows if (at := read_moment(row.values.get(column))) is not None}

    def _ignored_with(self, row_ids: Collection[UUID]) -> list[int]:
        """Return the ids of what is ignored and may have one of the rows in question: all that have, few others."""
        keys, pks = self._keys
        found = pks[np.isin(keys, np.fromiter(map(_key, row_ids), np.uint64, len(row_ids)))]
        ids: list[int] = np.unique(found).tolist()
        return ids

    @cached_property
    def _keys(self) -> "tuple[np.ndarray[Any, np.dtype[np.uint64]], np.ndarray[Any, np.dtype[np.int64]]]":
        """A part of the id of each row in question, and the failed record that is ignored: 16 bytes for each, since
        people may ignore very many.
        """
        keys, pks, last = array("Q"), array("q"), 0
        ignored = self._ignored.order_by("pk")
        while part := list(ignored.filter(pk__gt=last).values_list("pk", flat=True)[:_PART]):
            last = part[-1]
            for row_id, failed in self._read_rows_of(part).items():
                keys.extend([_key(row_id)] * len(failed))
                pks.extend(pk for pk, _ in failed)
        return np.array(keys, np.uint64), np.array(pks, np.int64)

    @property
    def _ignored(self) -> "QuerySet[FailedRecord]":
        return FailedRecord.objects.filter(mapping=self.mapping, ignored_at__isnull=False)

    def _read_rows_of(self, ids: Sequence[int]) -> _Rows:
        """Return the rows in question for what is ignored, by the outcomes that tell of it."""
        found: _Rows = {}
        for start in range(0, len(ids), _PART):
            part = list(self._ignored.filter(pk__in=ids[start : start + _PART]))
            told = outcomes.failures_of({one.job_id for one in part}, [one.local_id for one in part])
            for one in part:
                outcome = told.get((one.job_id, one.local_id))
                for candidate in candidates_of(outcome.detail if outcome is not None else None):
                    row_id = _row_id(candidate.get("id"))
                    if row_id is not None and one.ignored_at is not None:
                        found.setdefault(row_id, []).append((one.pk, one.ignored_at))
        return found


def _key(row_id: UUID) -> int:
    """Return half of an id's bits, in which hardly two rows are the same."""
    return (row_id.int >> 64) ^ (row_id.int & 0xFFFF_FFFF_FFFF_FFFF)


def _row_id(text: Any) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:  # a choice
        return None
