"""Ignored failures whose rows in question change in Dataverse: a run that reads the changes lists them again.

A record that matched nothing has no such row: what a job finds later ends that (coupling.failures.standing).
"""

from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from core.moments import read_moment
from coupling.failures import services
from coupling.failures.standing import candidates_of
from coupling.gateway import Gateway
from coupling.models import FailedRecord, IntegrationTableMapping
from coupling.rows import ScanPage
from jobs import outcomes

_PART, _MOST = 500, 20_000
"""Ignored failures whose outcomes are read at once, and those of a mapping that are looked at, the newest first."""


class IgnoredRows:
    """The rows that came into question for what people ignore of a mapping, as one slice of a run reads changes."""

    def __init__(self, mapping: IntegrationTableMapping, gateway: Gateway) -> None:
        self.mapping, self.gateway = mapping, gateway

    def list_again(self, page: ScanPage) -> None:
        """List again what is ignored and had a row in question that a page of changes tells of. Raises DataverseError.

        Changes from before somebody ignored it are none: they were to be seen.
        """
        told = {row.id for row in page.rows} | set(page.deleted)
        met = self._by_row.keys() & told if told else set()
        if not met:
            return
        changed_at = self._changed_at(met.difference(page.deleted))
        again = {
            pk for row_id in met for pk, ignored_at in self._by_row[row_id]
            if row_id in page.deleted or ((at := changed_at.get(row_id)) is not None and at > ignored_at)
        }  # fmt: skip
        if again:
            services.stop_ignoring(failed=FailedRecord.objects.filter(pk__in=again))

    def _changed_at(self, ids: Collection[UUID]) -> dict[UUID, datetime]:
        """Return when rows were changed last; one request."""
        column = self.mapping.modified_on_column
        if not ids or not column:
            return {}
        rows = self.gateway.read(self.mapping, [column], ids).values()
        return {row.id: at for row in rows if (at := read_moment(row.values.get(column))) is not None}

    @cached_property
    def _by_row(self) -> dict[UUID, list[tuple[int, datetime]]]:
        """The rows in question, with the failed records that are ignored and since when."""
        ignored = FailedRecord.objects.filter(mapping=self.mapping, ignored_at__isnull=False).order_by("-ignored_at")
        found: dict[UUID, list[tuple[int, datetime]]] = {}
        lines = list(ignored[:_MOST])
        for start in range(0, len(lines), _PART):
            part = lines[start : start + _PART]
            told = outcomes.failures_of({one.job_id for one in part}, [one.local_id for one in part])
            for one in part:
                outcome = told.get((one.job_id, one.local_id))
                for candidate in candidates_of(outcome.detail if outcome is not None else None):
                    row_id = _row_id(candidate.get("id"))
                    if row_id is not None and one.ignored_at is not None:
                        found.setdefault(row_id, []).append((one.pk, one.ignored_at))
        return found


def _row_id(text: Any) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:  # a choice
        return None
