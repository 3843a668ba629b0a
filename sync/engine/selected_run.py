"""Synchronizing selected records: both sides are read by id; what is not coupled is created or said to be so."""

from typing import Any, NoReturn
from uuid import UUID

from django.db.models import Exists, OuterRef

from jobs.models import Outcome, Reason
from jobs.running.runner import Checkpoint, OutcomeRow
from sync.engine.mapping_run import MappingRun, keep_position
from sync.engine.pairs import CHUNK, Link, Record, links
from sync.models import DuePair, Waits


class SelectedRun(MappingRun):
    """One slice of a job over selected records. It leaves the mapping's delta link and mark where they are."""

    def execute(self) -> NoReturn:
        """Work through the selection from where the job stands, and end it."""
        side = self.context.selection_side
        if not self.context.resume.get("begun"):
            total = self.context.job.records.count()
            self.load_table_metadata()
            with self.context.checkpoint() as point:
                point.total = total
                point.resume["begun"] = True
        after = UUID(self.context.resume["behind"]) if self.context.resume.get("behind") else None
        for ids in self.context.selection(after=after):

            def move(point: Checkpoint, last: UUID = ids[-1]) -> None:
                point.resume["behind"] = str(last)

            if side == "local":
                self._selected_here(ids, move)
            else:
                self._selected_there(ids, move)
        self._again()
        self._end()

    def _selected_here(self, ids: list[UUID], move: Any) -> None:
        worker, job = self.worker, self.context.job.pk
        if told := self.already_reported(ids):
            ids = [key for key in ids if key not in told]
        found = links(self.couplings.filter(local_id__in=ids))
        coupled = {link.local_id for link in found}
        todo = [link for link in found if link.last_job_id != job and not link.pending]
        remote = self.gateway.read(self.mapping, worker.columns, [link.integration_id for link in todo]) if todo else {}
        records = worker.reader.records_by_id(key for key in ids if key not in coupled)
        creatable = [
            one for one in records.values() if self.options.creating and self.writes_to_dataverse and one.inside
        ]
        chunk = worker.decide(worker.reader.pairs(todo, remote), records=creatable)
        created = {one.id for one in creatable}
        for key in ids:
            if key not in coupled and key not in created:
                chunk.saved.outcomes.append(self._left_out(key, records.get(key)))
        chunk.saved.outcomes += [_pending(link) for link in found if link.pending]
        worker.process_chunk(chunk, move)

    def _left_out(self, key: UUID, record: Record | None) -> OutcomeRow:
        if record is None:
            return OutcomeRow(Outcome.SKIPPED, Reason.RECORD_GONE, local_id=key, message="The record no longer exists.")
        reason, message = Reason.NOT_COUPLED, "It is not coupled. Couple it with a Dataverse row, or create one for it."
        if not record.inside:
            reason, message = Reason.OUTSIDE_FILTER, "The record is outside the mapping's table filter."
        return OutcomeRow(
            Outcome.SKIPPED, reason, local_id=key, local_key=record.key, local_name=record.name, message=message
        )

    def _selected_there(self, ids: list[UUID], move: Any) -> None:
        worker, job = self.worker, self.context.job.pk
        found = links(self.couplings.filter(integration_id__in=ids))
        coupled = {link.integration_id for link in found}
        todo = [link for link in found if link.last_job_id != job and not link.pending]
        remote = self.gateway.read(self.mapping, worker.columns, ids)
        rows = (
            self._creatable([remote[key] for key in ids if key not in coupled and key in remote])
            if self.reads_from_dataverse
            else []
        )
        chunk = worker.decide(worker.reader.pairs(todo, remote), rows)
        created = {row.id for row in rows}
        chunk.saved.outcomes += [_pending(link) for link in found if link.pending]
        for key in ids:
            if key in coupled or key in created:
                continue
            row = remote.get(key)
            reason = Reason.RECORD_GONE if row is None else Reason.NOT_COUPLED
            message = "The Dataverse row no longer exists." if row is None else "It is not coupled with a record here."
            chunk.saved.outcomes.append(
                OutcomeRow(
                    Outcome.SKIPPED, reason, message=message,
                    integration_id=key, integration_name=row.name if row else "",
                )
            )  # fmt: skip
        worker.process_chunk(chunk, move)

    def _again(self) -> None:
        """Pairs of the selection that changed while they were written."""
        chosen = self.context.job.records.filter(local_id=OuterRef("local_id"))
        there = self.context.job.records.filter(integration_id=OuterRef("integration_id"))
        while True:
            waiting = self.unsettled().filter(Exists(chosen) | Exists(there))
            waiting = waiting.filter(Exists(DuePair.objects.filter(coupling=OuterRef("pk"), waits=Waits.NOTHING)))
            found = links(waiting.order_by("id")[:CHUNK])
            if not found:
                return
            self._read_both(found, keep_position)


def _pending(link: Link) -> OutcomeRow:
    """What is told of a record whose row another job is about to create."""
    return OutcomeRow(
        Outcome.SKIPPED, Reason.CREATE_QUEUED, local_id=link.local_id, integration_id=link.integration_id,
        message="Its row is being created in Dataverse by another job, which has not ended.",
    )  # fmt: skip
