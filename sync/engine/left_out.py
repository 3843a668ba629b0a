"""What no run creates: rows of other companies, and likely duplicates that nobody asked for, on either side."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from coupling import claims
from coupling.failures import likely
from coupling.gateway import Gateway
from coupling.models import FailedRecord, IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs.models import Outcome, Reason
from jobs.running.context import OutcomeRow
from sync.engine.chunk import ChunkChanges, Undone
from sync.engine.pairs import Record
from sync.engine.recorder import Recorder
from sync.engine.undone import waits_for_record


class LeftOut:
    """Takes out of the records and rows of a chunk what is not to be created, and records why."""

    def __init__(self, mapping: IntegrationTableMapping, gateway: Gateway, recorder: Recorder) -> None:
        self.mapping, self.gateway, self.recorder = mapping, gateway, recorder
        self.unasked = False
        """Whether nobody chose what is created: a run over the whole mapping sets it."""

    @cached_property
    def any_likely(self) -> bool:
        """Whether there are likely duplicates that nobody asked for; looked up once, since most mappings have none."""
        return self.unasked and likely.likely_duplicates(self.mapping).exists()

    @cached_property
    def _candidates(self) -> Mapping[UUID, FailedRecord]:
        return likely.candidate_rows(self.mapping, self.gateway) if self.any_likely else {}

    def without_likely(self, records: "QuerySet[Any]") -> "QuerySet[Any]":
        """Return the records of a query that are no likely duplicates."""
        if not self.any_likely:
            return records
        found = likely.likely_duplicates(self.mapping).filter(local_id=OuterRef("system_id"))
        return records.filter(~Exists(found))

    @property
    def sentence(self) -> str:
        """How many likely duplicates wait and where, as a sentence; "" for none."""
        return likely.count_text(likely.waiting(self.mapping).count()) if self.any_likely else ""

    def without_candidates(self, rows: Sequence[RemoteRow]) -> list[RemoteRow]:
        """Return the rows that came into question for no likely duplicate."""
        return [row for row in rows if row.id not in self._candidates] if rows else []

    def take_rows(self, changes: ChunkChanges, rows: Sequence[RemoteRow]) -> list[RemoteRow]:
        """Return the rows of which records are created here."""
        if not rows:
            return []
        organization_id = self.gateway.connection.organization_id
        holders = claims.find_holders(self.mapping, organization_id, [row.id for row in rows])
        wanted = []
        for row in rows:
            if row.id in holders:
                changes.outcomes.append(self.recorder.held_row(row.id, row.name, holders[row.id]))
            elif row.id in self._candidates:
                self._leave_row(changes, row, self._candidates[row.id])
            else:
                wanted.append(row)
        return wanted

    def _leave_row(self, changes: ChunkChanges, row: RemoteRow, failed: FailedRecord) -> None:
        message, reason = likely.why_not_created_here(failed), Reason.NOT_COUPLED
        waits_for = waits_for_record(failed.local_id)
        changes.undone.append(Undone(None, None, row.id, "", "", row.name, reason, message, waits_for))
        changes.outcomes.append(
            OutcomeRow(
                Outcome.SKIPPED, reason, message=message, integration_id=row.id, integration_name=row.name
            )
        )  # fmt: skip

    def take_records(self, changes: ChunkChanges, records: Sequence[Record]) -> list[Record]:
        """Return the records of which rows are created in Dataverse."""
        if not (records and self.any_likely):
            return list(records)
        ids = [record.id for record in records]
        found = {one.local_id: one for one in likely.likely_duplicates(self.mapping).filter(local_id__in=ids)}
        changes.outcomes += [
            OutcomeRow(
                Outcome.SKIPPED, found[record.id].reason, local_id=record.id, local_key=record.key,
                local_name=record.name, message=likely.why_not_created(found[record.id]),
            )
            for record in records
            if record.id in found
        ]  # fmt: skip
        return [record for record in records if record.id not in found]
