"""Rows whose creation was sent and not confirmed: before a run begins, their GUIDs show whether they were created."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from coupling.models import Coupling, CouplingBase
from coupling.rows import RemoteRow, WriteResult
from jobs.models import OPEN_STATES, Job, JobRecord, Outcome, Reason
from jobs.running.context import Checkpoint, OutcomeRow
from sync.engine.chunk import LIMITED, Chunk, HeldBack, NewRemoteRow
from sync.engine.created_state import hold_back
from sync.engine.pairs import CHUNK, CouplingRow, Pair, Record, read_couplings
from sync.engine.run import Run
from sync.engine.written_fields import new_row
from sync.models import SynchState
from sync.rules.transfer import unpack

REQUEST_LIFETIME = timedelta(minutes=10)
"""After this long no request of an ended job can still be under way: a row that does not exist was not created."""


def recover(run: Run) -> None:
    """Decide about pending couplings: rows that exist are coupled, others sent again by whoever may create them.

    A row whose record was deleted here meanwhile is coupled all the same, so that the mapping's option decides about
    it. What neither this run nor an open job may create is dropped; no row was created for it. All couplings are looked
    through where rows were sent since a run has last found none pending.
    """
    if SynchState.objects.filter(mapping=run.mapping, creating=False).exists():
        return
    run.none_pending = True
    for couplings in _pending_batches(run):
        run.none_pending = False
        _PendingBatch(run, couplings).process()


def _pending_batches(run: Run) -> Iterator[list[CouplingRow]]:
    pending, after = run.couplings.filter(pending=True).order_by("id"), 0
    while couplings := read_couplings(pending.filter(id__gt=after)[:CHUNK]):
        yield couplings
        after = couplings[-1].id


@dataclass(frozen=True, slots=True)
class _Origin:
    """The job that made a pending coupling, and when."""

    job_id: int | None
    created_at: datetime | None


class _PendingBatch:
    """Some pending couplings, with the rows and records that exist of them."""

    def __init__(self, run: Run, couplings: Sequence[CouplingRow]) -> None:
        self.run, self.worker, self.couplings = run, run.worker, couplings
        row_ids = [coupling.integration_id for coupling in couplings]
        self.rows = run.gateway.read(run.mapping, self.worker.columns, row_ids)
        self.records = self.worker.reader.read_records_by_id(coupling.local_id for coupling in couplings)
        made = Coupling.objects.filter(pk__in=[coupling.id for coupling in couplings])
        self.origins = {
            coupling_id: _Origin(job_id, created_at)
            for coupling_id, job_id, created_at in made.values_list("pk", "job_id", "created_at")
        }
        job_ids = {origin.job_id for origin in self.origins.values() if origin.job_id is not None}
        others = Job.objects.filter(pk__in=job_ids, state__in=OPEN_STATES).exclude(pk=run.context.job.pk)
        self.open_jobs = set(others.values_list("pk", flat=True))
        self.to_create = self._records_to_create()
        self.published: dict[UUID, WriteResult] = {}
        kept = CouplingBase.objects.filter(coupling_id__in=list(self.origins), values__isnull=False)
        self.bases = {pk: unpack(packed) for pk, packed in kept.values_list("coupling_id", "values") if packed}

    def _records_to_create(self) -> set[UUID]:
        """Return the ids of the records for which this run creates rows."""
        run = self.run
        if not (run.options.creates and run.writes_to_dataverse):
            return set()
        if run.whole:
            return set(self.records)
        selected = JobRecord.objects.filter(job=run.context.job, local_id__in=list(self.records))
        return {local_id for local_id in selected.values_list("local_id", flat=True) if local_id is not None}

    def process(self) -> None:
        """Decide about each coupling, send again what is to be created, and save."""
        worker, chunk = self.worker, Chunk()
        worker.fields.prepare(
            [record.values for record in self.records.values()], [row.values for row in self.rows.values()]
        )
        # Killed between creating and publishing: the row exists, and is not yet what it is to be.
        self.published = worker.publish(
            [(one.integration_id, self._held_back(one)) for one in self.couplings if one.integration_id in self.rows]
        )
        waits_s = [result.retry_after for result in self.published.values() if result.retry_after is not None]
        if waits_s:
            self.run.context.postpone(max(waits_s), LIMITED)
        for coupling in self.couplings:
            self._decide(chunk, coupling)
        worker.process_chunk(chunk, _mark_reported)

    def _held_back(self, coupling: CouplingRow) -> HeldBack | None:
        """Return what the row could not be created as, from the record as it is now; None where nothing is."""
        record, worker = self.records.get(coupling.local_id), self.worker
        if record is None or worker.row_rules.after_create:
            return None
        (new,) = worker.values.new_rows([record])
        made = NewRemoteRow(coupling.integration_id, dict(new.columns), record, dict(new.base))
        return hold_back(worker.fields.specs, made).held_back

    def _decide(self, chunk: Chunk, coupling: CouplingRow) -> None:
        worker = self.worker
        record, row = self.records.get(coupling.local_id), self.rows.get(coupling.integration_id)
        replaces = self._replaced_pair(coupling, record)
        if row is not None:
            self._confirm(chunk, coupling, record, row)
        elif record is None:
            self._end_without_record(chunk, coupling, replaces)
        elif replaces is not None:
            if self.run.writes_to_dataverse and not worker.create_again(chunk, record, coupling, replaces):
                worker.abandon_creation(chunk.changes, replaces)
        elif self._may_create(coupling):
            if not worker.create_again(chunk, record, coupling, None):
                chunk.changes.dropped.append(coupling.id)
        elif self._may_drop(coupling):
            chunk.changes.dropped.append(coupling.id)

    def _replaced_pair(self, coupling: CouplingRow, record: Record | None) -> Pair | None:
        """Return the pair with the row that was deleted, where the pending row takes its place."""
        write = self.worker.unconfirmed.get(coupling.id)
        if write is None or not write.previous:
            return None
        return Pair(replace(coupling, integration_id=UUID(write.previous), pending=False), record)

    def _confirm(self, chunk: Chunk, coupling: CouplingRow, record: Record | None, row: RemoteRow) -> None:
        write = self.worker.unconfirmed.get(coupling.id)
        published = self.published.get(coupling.integration_id)
        version = published.version if published is not None and published.ok else row.version
        base = write.values if write is not None else None
        sent, job_id = base or self.bases.get(coupling.id, {}), self.origins[coupling.id].job_id
        if job_id is not None:
            chunk.changes.created += new_row(self.worker.fields, coupling, job_id, sent)
        self.worker.confirm_created(chunk.changes, coupling, record, version, row.name, base)
        chunk.changes.due[coupling.id] = 0  # either side may have changed since it was sent

    def _end_without_record(self, chunk: Chunk, coupling: CouplingRow, replaces: Pair | None) -> None:
        """End a pair of which neither the record nor the row exists."""
        if replaces is not None:
            message = "Both records were deleted, so their coupling was too."
            self.worker.recorder.uncouple(chunk.changes, replaces, Reason.RECORD_GONE, message)
            return
        chunk.changes.dropped.append(coupling.id)
        chunk.changes.outcomes.append(
            OutcomeRow(
                Outcome.SKIPPED, Reason.RECORD_GONE, local_id=coupling.local_id,
                message="The record was deleted before a row was created for it in Dataverse.",
            )
        )  # fmt: skip

    def _may_create(self, coupling: CouplingRow) -> bool:
        """Return whether this run creates the row: its job made the coupling, or it may and no open job will."""
        job_id = self.origins[coupling.id].job_id
        return job_id == self.run.context.job.pk or (
            coupling.local_id in self.to_create and job_id not in self.open_jobs
        )

    def _may_drop(self, coupling: CouplingRow) -> bool:
        """Return whether no request can be under way that creates the row."""
        origin = self.origins[coupling.id]
        ended = timezone.now() - REQUEST_LIFETIME
        return origin.job_id not in self.open_jobs and (origin.created_at is None or origin.created_at < ended)


def _mark_reported(point: Checkpoint) -> None:
    point.resume["already_reported"] = True  # some have their outcome, and may not be coupled
