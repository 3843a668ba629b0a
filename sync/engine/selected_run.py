"""Synchronizing selected records: both sides are read by id; uncoupled records are created or reported as such."""

from collections.abc import Collection, Sequence
from typing import NoReturn
from uuid import UUID

from django.db.models import Exists, OuterRef

from coupling.models import Coupling
from coupling.rows import RemoteRow
from jobs.models import Outcome, Reason
from jobs.running.context import Checkpoint, OutcomeRow
from sync.engine.adoption import adopt_existing
from sync.engine.merged_rows import couple_with_merged
from sync.engine.pairs import CHUNK, CouplingRow, Record, read_couplings
from sync.engine.run import Run, due_now, keep_position
from sync.engine.worker import SetPosition


class SelectedRun(Run):
    """One slice of a job over selected records. It leaves the mapping's delta link and mark where they are."""

    def execute(self) -> NoReturn:
        """Work through the selection from where the job stands, and end it."""
        process = self._process_local if self.context.selection_side == "local" else self._process_remote
        if not self.context.resume.get("begun"):
            total = self.context.job.records.count()
            with self.context.checkpoint() as point:
                point.total = total
                point.resume["begun"] = True
        after = UUID(self.context.resume["behind"]) if self.context.resume.get("behind") else None
        for ids in self.context.selection(after=after):
            process(ids, _advance_to(ids[-1]))
        self._compare_changed_again()
        self.end()

    def _process_local(self, ids: Sequence[UUID], set_position: SetPosition) -> None:
        """Synchronize the pairs of selected local records, and create rows for those that are not coupled."""
        worker = self.worker
        reported = self.already_reported(ids)
        ids = [local_id for local_id in ids if local_id not in reported]
        refused: dict[UUID, OutcomeRow] = {}
        if self.parameters.merged:
            refused = couple_with_merged(self.context, self.mapping, worker.organization_id, ids)
            ids = [local_id for local_id in ids if local_id not in refused]
        found = read_couplings(self.couplings.filter(local_id__in=ids))
        coupled = {coupling.local_id for coupling in found}
        todo = self._todo(found)
        row_ids = [coupling.integration_id for coupling in todo]
        rows = self.gateway.read(self.mapping, worker.columns, row_ids) if row_ids else {}
        left = {one.local_id for one in self._left(found)}
        records = worker.reader.read_records_by_id(one for one in ids if one not in coupled or one in left)
        creates = self.options.creates and self.writes_to_dataverse
        uncoupled = [record for record in records.values() if record.id not in coupled]
        creatable = [record for record in uncoupled if creates and record.matches_filter]
        adopted, others = adopt_existing(self.context, worker, creatable)
        chunk = worker.decide([*worker.reader.read_pairs(todo, rows), *adopted], records=others)
        created = {record.id for record in creatable}
        for local_id in ids:
            if local_id not in coupled and local_id not in created:
                chunk.changes.outcomes.append(_skipped_record(local_id, records.get(local_id)))
        chunk.changes.outcomes += [_left_record(local_id, records.get(local_id)) for local_id in left]
        chunk.changes.outcomes += [*_pending_outcomes(found), *refused.values()]
        worker.process_chunk(chunk, set_position)

    def _process_remote(self, ids: Sequence[UUID], set_position: SetPosition) -> None:
        """Synchronize the pairs of selected Dataverse rows, and create records for those that are not coupled."""
        worker = self.worker
        found = read_couplings(self.couplings.filter(integration_id__in=ids))
        coupled = {coupling.integration_id for coupling in found}
        rows = self.gateway.read(self.mapping, worker.columns, ids)
        uncoupled = [rows[row_id] for row_id in ids if row_id not in coupled and row_id in rows]
        creatable = self.creatable_rows(uncoupled) if self.reads_from_dataverse else []
        chunk = worker.decide(worker.reader.read_pairs(self._todo(found), rows), creatable)
        chunk.changes.outcomes += _pending_outcomes(found)
        chunk.changes.outcomes += [_left_row(one, rows.get(one.integration_id)) for one in self._left(found)]
        handled = coupled | {row.id for row in creatable}
        others = [row_id for row_id in ids if row_id not in handled]
        elsewhere = Coupling.objects.filter(company=self.context.company, integration_id__in=others)
        taken = set(elsewhere.values_list("integration_id", flat=True))
        chunk.changes.outcomes += [self._skipped_row(row_id, rows.get(row_id), taken) for row_id in others]
        worker.process_chunk(chunk, set_position)

    def _todo(self, couplings: Sequence[CouplingRow]) -> list[CouplingRow]:
        """Return those couplings that are to be synchronized: none where only what is new is asked for."""
        return [] if self.parameters.only_new else self._untouched(couplings)

    def _left(self, couplings: Sequence[CouplingRow]) -> list[CouplingRow]:
        """Return those couplings that are left as they are, since only what is new is asked for."""
        return self._untouched(couplings) if self.parameters.only_new else []

    def _untouched(self, couplings: Sequence[CouplingRow]) -> list[CouplingRow]:
        """Return those couplings that are not pending and have no outcome in this job."""
        job_id = self.context.job.pk
        return [coupling for coupling in couplings if coupling.last_job_id != job_id and not coupling.pending]

    def _skipped_row(self, row_id: UUID, row: RemoteRow | None, taken: Collection[UUID]) -> OutcomeRow:
        """Return why a selected Dataverse row is not synchronized. taken: rows coupled with records of other tables."""
        if row is None:
            reason, message = Reason.RECORD_GONE, "The Dataverse row no longer exists."
        elif row_id in taken:
            reason, message = Reason.ALREADY_COUPLED, "It is coupled with a record of another table here."
        elif self.options.creates and not self.worker.matches_filter(row):
            reason, message = Reason.OUTSIDE_FILTER, "The row is outside the mapping's integration table filter."
        else:
            reason, message = Reason.NOT_COUPLED, "It is not coupled with a record here."
        name = row.name if row is not None else ""
        return OutcomeRow(Outcome.SKIPPED, reason, integration_id=row_id, integration_name=name, message=message)

    def _compare_changed_again(self) -> None:
        """Compare pairs of the selection that changed while they were written."""
        if self.parameters.only_new:
            return
        chosen = self.context.job.records
        selected = Exists(chosen.filter(local_id=OuterRef("local_id"))) | Exists(
            chosen.filter(integration_id=OuterRef("integration_id"))
        )
        while found := read_couplings(self.unprocessed().filter(selected).filter(due_now()).order_by("id")[:CHUNK]):
            self.read_both_sides(found, keep_position)


def _advance_to(last: UUID) -> SetPosition:
    """Return what sets the position behind this id of the selection."""

    def set_position(point: Checkpoint) -> None:
        point.resume["behind"] = str(last)

    return set_position


def _skipped_record(local_id: UUID, record: Record | None) -> OutcomeRow:
    """Return why a selected record is not synchronized."""
    if record is None:
        return OutcomeRow(
            Outcome.SKIPPED, Reason.RECORD_GONE, local_id=local_id, message="The record no longer exists."
        )
    reason, message = Reason.NOT_COUPLED, "It is not coupled. Couple it with a Dataverse row, or create one for it."
    if not record.matches_filter:
        reason, message = Reason.OUTSIDE_FILTER, "The record is outside the mapping's table filter."
    return OutcomeRow(
        Outcome.SKIPPED, reason, local_id=local_id, local_key=record.key, local_name=record.name, message=message
    )


_LEFT = "It is coupled already, so nothing was created for it."


def _left_record(local_id: UUID, record: Record | None) -> OutcomeRow:
    """Return the outcome of a coupled record where only what is new is asked for."""
    key, name = (record.key, record.name) if record is not None else ("", "")
    return OutcomeRow(
        Outcome.SKIPPED, Reason.ALREADY_COUPLED, local_id=local_id, local_key=key, local_name=name, message=_LEFT
    )


def _left_row(coupling: CouplingRow, row: RemoteRow | None) -> OutcomeRow:
    """Return the outcome of a coupled row where only what is new is asked for."""
    return OutcomeRow(
        Outcome.SKIPPED, Reason.ALREADY_COUPLED, local_id=coupling.local_id, integration_id=coupling.integration_id,
        integration_name=row.name if row is not None else "", message=_LEFT,
    )  # fmt: skip


def _pending_outcomes(couplings: Sequence[CouplingRow]) -> list[OutcomeRow]:
    """Return the outcomes of records whose row another job is about to create."""
    return [
        OutcomeRow(
            Outcome.SKIPPED, Reason.CREATE_QUEUED, local_id=coupling.local_id,
            integration_id=coupling.integration_id,
            message="Its row is being created in Dataverse by another job, which has not ended.",
        )
        for coupling in couplings
        if coupling.pending
    ]  # fmt: skip
