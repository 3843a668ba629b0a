"""Rows whose creation was sent and not confirmed: their GUIDs tell, before a run begins, what became of them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from coupling.gateway import WriteResult
from coupling.models import Coupling
from coupling.rows import RemoteRow
from jobs.models import OPEN_STATES, Job, JobRecord, Outcome, Reason
from jobs.running.runner import Checkpoint, OutcomeRow
from sync.engine.decisions import Chunk
from sync.engine.mapping_run import MappingRun
from sync.engine.pairs import CHUNK, Link, Pair, Record, links

REQUEST_LIFETIME = timedelta(minutes=10)
"""After this long no request of an ended job can still be under way, so that what is not there was not created."""


def recover(run: MappingRun) -> None:
    """Settle pending couplings: rows that are there are coupled, others sent again by whoever may create them.

    A row whose record was deleted here meanwhile is coupled all the same, so that the mapping's option decides about
    it. What neither this run nor an open job may create is let go; nothing was created for it.
    """
    for waiting in _parts(run):
        _PendingBatch(run, waiting).settle()


def _parts(run: MappingRun) -> Iterator[list[Link]]:
    pending, after = run.couplings.filter(pending=True).order_by("id"), 0
    while waiting := links(pending.filter(id__gt=after)[:CHUNK]):
        yield waiting
        after = waiting[-1].id


class _PendingBatch:
    def __init__(self, run: MappingRun, waiting: list[Link]) -> None:
        self.run, self.worker, self.waiting = run, run.worker, waiting
        self.there = run.gateway.read(run.mapping, self.worker.columns, [link.integration_id for link in waiting])
        self.records = self.worker.reader.records_by_id(link.local_id for link in waiting)
        rows = Coupling.objects.filter(pk__in=[link.id for link in waiting]).values_list("pk", "job_id", "created_at")
        self.made: dict[int, tuple[int | None, datetime]] = {key: (job, at) for key, job, at in rows}
        jobs = {job for job, _ in self.made.values() if job is not None}
        open_ = Job.objects.filter(pk__in=jobs, state__in=OPEN_STATES).exclude(pk=run.context.job.pk)
        self.open = set(open_.values_list("pk", flat=True))
        self.chosen = self._chosen()
        self.published: dict[UUID, WriteResult] = {}

    def _chosen(self) -> set[UUID]:
        """The records for which this run creates rows."""
        run = self.run
        if not (run.options.creating and run.writes_to_dataverse):
            return set()
        if run.whole:
            return set(self.records)
        asked = JobRecord.objects.filter(job=run.context.job, local_id__in=list(self.records))
        return {key for key in asked.values_list("local_id", flat=True) if key is not None}

    def settle(self) -> None:
        worker, chunk = self.worker, Chunk()
        worker.fields.prepare(
            [one.values for one in self.records.values()], [row.values for row in self.there.values()]
        )
        # Killed between creating and publishing: the row is there, and not yet what it shall be.
        found = [link.integration_id for link in self.waiting if link.integration_id in self.there]
        self.published = worker.publish(found)
        waits = [one.retry_after for one in self.published.values() if one.retry_after is not None]
        if waits:
            self.run.context.postpone(max(waits), "Dataverse limits how much may be sent, and asked to wait.")
        for link in self.waiting:
            record, row = self.records.get(link.local_id), self.there.get(link.integration_id)
            restores = self._restores(link, record)
            if row is not None:
                self._found(chunk, link, record, row)
            elif record is None:
                self._nothing_left(chunk, link, restores)
            elif restores is not None:
                if self.run.writes_to_dataverse and not worker.create_again(chunk, record, link, restores):
                    worker.abandon_creation(chunk.saved, restores)
            elif self._ours(link):
                if not worker.create_again(chunk, record, link, None):
                    chunk.saved.dropped.append(link.id)
            elif self._may_drop(link):
                chunk.saved.dropped.append(link.id)
        worker.process_chunk(chunk, _settled)

    def _restores(self, link: Link, record: Record | None) -> Pair | None:
        """The pair, with the row that is gone, when the pending row takes the place of another."""
        doubt = self.worker.doubts.get(link.id)
        if doubt is None or not doubt.previous:
            return None
        return Pair(replace(link, integration_id=UUID(doubt.previous), pending=False), record)

    def _found(self, chunk: Chunk, link: Link, record: Record | None, row: RemoteRow) -> None:
        doubt = self.worker.doubts.get(link.id)
        then = self.published.get(link.integration_id)
        version = then.version if then is not None and then.ok else row.version
        self.worker.confirm(chunk.saved, link, record, version, row.name, doubt.values if doubt else None)
        chunk.saved.due[link.id] = 0  # either side may have changed since it was sent

    def _nothing_left(self, chunk: Chunk, link: Link, restores: Pair | None) -> None:
        if restores is not None:
            message = "Both records were deleted, so their coupling was too."
            self.worker.ledger.uncouple(chunk.saved, restores, Reason.RECORD_GONE, message)
            return
        chunk.saved.dropped.append(link.id)
        chunk.saved.outcomes.append(
            OutcomeRow(
                Outcome.SKIPPED, Reason.RECORD_GONE, local_id=link.local_id,
                message="The record was deleted before a row was created for it in Dataverse.",
            )
        )  # fmt: skip

    def _ours(self, link: Link) -> bool:
        return self.made[link.id][0] == self.run.context.job.pk or (
            link.local_id in self.chosen and self.made[link.id][0] not in self.open
        )

    def _may_drop(self, link: Link) -> bool:
        job, at = self.made[link.id]
        return job not in self.open and at < timezone.now() - REQUEST_LIFETIME


def _settled(point: Checkpoint) -> None:
    point.resume["told"] = True  # some have their outcome, and may not be coupled
