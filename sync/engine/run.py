"""What runs over a whole mapping and over selected records share: their options, and how they work on chunks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NoReturn
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from core.vocabulary import ConflictOption, Direction
from coupling.gateway import Gateway
from coupling.job_parameters import SyncParameters
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs.models import Job, Outcome
from jobs.running.context import Checkpoint, JobContext
from sync.engine.decisions import Options
from sync.engine.pairs import CouplingRow
from sync.engine.worker import SetPosition, Worker
from sync.models import DuePair, Waits
from sync.start.services import require_direction


class Run(ABC):
    """One slice of one synchronization job. Raises Refusal where the mapping cannot be run that way."""

    def __init__(self, context: JobContext, mapping: IntegrationTableMapping) -> None:
        self.context, self.mapping = context, mapping
        self.parameters = parameters = SyncParameters.load(context.parameters)
        allowed = require_direction(mapping, parameters.direction)
        one_way = parameters.direction != Direction.BIDIRECTIONAL
        self.whole = not context.job.selection_only
        self.options = Options(
            allowed=allowed,
            chosen=parameters.conflict,
            overwrite=parameters.conflict if one_way else ConflictOption.ASK,
            creates=parameters.creates(only_coupled=mapping.synch_only_coupled, whole=self.whole),
            retries=parameters.retry,
            deletion=parameters.deletion,
        )
        self.gateway = Gateway(context.company, context.usage)
        self.restricted = one_way and mapping.direction == Direction.BIDIRECTIONAL
        """Whether the run goes one way although the mapping goes both."""
        self.reads_from_dataverse = allowed != Direction.TO
        self.writes_to_dataverse = allowed != Direction.FROM
        self.interrupted = self._other_job_ran()
        self.none_pending = False
        """Whether all couplings were looked through, and none was pending."""
        self._worker: Worker | None = None

    @abstractmethod
    def execute(self) -> NoReturn:
        """Work on from where the job stands, and end it."""

    @property
    def worker(self) -> Worker:
        """What decides, sends and saves; made when it is first needed, since it reads the table's metadata."""
        if self._worker is None:
            self._worker = Worker(self.context, self.mapping, self.gateway, self.options)
        return self._worker

    @property
    def couplings(self) -> "QuerySet[Coupling]":
        """The mapping's couplings."""
        return self.worker.reader.couplings

    def _other_job_ran(self) -> bool:
        """Return whether another job worked on the mapping since this one started: it yielded, or was postponed."""
        job = self.context.job
        if not job.processed:
            return False
        others = Job.objects.filter(exclusive_key=job.exclusive_key, type=job.type).exclude(pk=job.pk)
        return others.filter(Q(ended_at__gt=job.started_at) | Q(ended_at=None, started_at__isnull=False)).exists()

    @property
    def has_untraced_outcomes(self) -> bool:
        """Whether local records may have an outcome in this job although no coupling of theirs shows it."""
        return self.interrupted or bool(self.context.resume.get("already_reported"))

    def already_reported(self, ids: Sequence[UUID]) -> set[UUID]:
        """Return those of these local records that have an outcome in this job which their couplings do not show."""
        if not self.has_untraced_outcomes:
            return set()
        known = self.context.job.outcomes.filter(local_id__in=ids).values_list("local_id", flat=True)
        return {local_id for local_id in known if local_id is not None}

    def unprocessed(self) -> "QuerySet[Coupling]":
        """Return the mapping's couplings that are not pending and that have no outcome in this job."""
        job = self.context.job
        query = self.couplings.filter(pending=False).filter(~Q(last_job_id=job.pk) | Q(last_job_id=None))
        if self.interrupted:
            query = query.filter(~Exists(job.outcomes.filter(local_id=OuterRef("local_id"))))
        return query

    def load_table_metadata(self) -> None:
        """Read the table's metadata, which every run needs, before the first checkpoint.

        Where Dataverse cannot be reached, the job then fails at once, as one that had not started.
        """
        self.gateway.table(self.mapping)

    def end(self, save_state: Callable[[], None] | None = None) -> NoReturn:
        """End the job as finished; `save_state` is called in the transaction that ends it."""
        with self.context.checkpoint() as point:
            if save_state is not None:
                save_state()
            point.total = self.context.job.processed
            point.finish()
        raise AssertionError("A finished job has ended its slice.")

    def read_both_sides(self, couplings: Sequence[CouplingRow], set_position: SetPosition) -> None:
        """Process pairs of which both sides are read."""
        worker = self.worker
        rows = self.gateway.read(self.mapping, worker.columns, [coupling.integration_id for coupling in couplings])
        said_deleted = DuePair.objects.filter(pk__in=[one.id for one in couplings], waits=Waits.DELETED)
        deletions = list(said_deleted.values_list("pk", flat=True))  # before it is looked whether the records are there
        chunk = worker.decide(worker.reader.read_pairs(couplings, rows))
        chunk.changes.deletions += deletions
        worker.process_chunk(chunk, set_position)

    def creatable_rows(self, rows: Sequence[RemoteRow], *, again: bool = False) -> list[RemoteRow]:
        """Return the uncoupled rows from which this run creates local records.

        again: an earlier run was to create them, so that it does not matter whether this one creates.
        """
        if not (self.options.creates or again) or not rows:
            return []
        matching = [row for row in rows if self.worker.matches_filter(row)]
        ids = [row.id for row in matching]
        taken = set(
            Coupling.objects.filter(company=self.context.company, table=self.mapping.table, integration_id__in=ids)
            .values_list("integration_id", flat=True)
        )  # fmt: skip
        reported: set[UUID | None] = set()
        if self.context.job.processed:
            # Rows of a page that is read again, or of pairs uncoupled by this job, have their outcome.
            known = self.context.job.outcomes.filter(
                outcome__in=[Outcome.FAILED, Outcome.UNCOUPLED], integration_id__in=ids
            )
            reported = set(known.values_list("integration_id", flat=True))
        return [row for row in matching if row.id not in taken and row.id not in reported]


def due_now() -> Exists:
    """Return the condition on couplings that they are due and wait for nothing."""
    return Exists(DuePair.objects.filter(coupling=OuterRef("pk"), waits=Waits.NOTHING))


def keep_position(_: Checkpoint) -> None:
    """Leave the position to resume from as it is."""
