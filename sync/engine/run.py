"""What runs over a whole mapping and over selected records share: their options, and how they work on chunks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NoReturn
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from core.vocabulary import ConflictOption, Direction
from coupling.couplings.contact_relations import primary_contact_follow_ups
from coupling.failures.ignored_rows import IgnoredRows
from coupling.gateway import Gateway
from coupling.job_parameters import SyncParameters
from coupling.mappings import column_looks
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs import outcomes
from jobs.models import Job, Outcome
from jobs.running.context import Checkpoint, JobContext
from sync.engine.chunk import LIMITED
from sync.engine.deletion_brake import met_before
from sync.engine.options import Options
from sync.engine.pairs import CHUNK, CouplingRow, Record
from sync.engine.settled_pairs import ReportedPairs
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
            delete_survivors=parameters.delete_survivors,
            deletions=met_before(context.resume) if self.whole else None,
            by_choice=bool(parameters.choices),
            rule=parameters.rule,
            rule_field=parameters.rule_field,
        )
        self.gateway = Gateway(context.company, context.usage)
        self.restricted = one_way and mapping.direction == Direction.BIDIRECTIONAL
        """Whether the run goes one way although the mapping goes both."""
        self.reads_from_dataverse = allowed != Direction.TO
        self.writes_to_dataverse = allowed != Direction.FROM
        self.interrupted = self._other_job_ran()
        self.none_pending = False
        """Whether all couplings were looked through, and none was pending."""
        self.drift = column_looks.look(mapping, self.gateway.table(mapping).columns)
        """What changed about the mapping's columns; looked at once in a slice, by the metadata that it reads anyway."""
        self.drift.require_usable()
        # It reads metadata now: where it is first needed, a checkpoint may be open, in which nothing is sent.
        self.worker = Worker(context, mapping, self.gateway, self.options, self.drift)
        """What decides, sends and saves."""
        self.worker.left_out.unasked = self.whole

    @abstractmethod
    def execute(self) -> NoReturn:
        """Work on from where the job stands, and end it."""

    @property
    def couplings(self) -> "QuerySet[Coupling]":
        """The mapping's couplings."""
        return self.worker.reader.couplings

    def _other_job_ran(self) -> bool:
        """Return whether another job, of any type, worked on the mapping since this one started."""
        job = self.context.job
        if not job.processed:
            return False
        others = Job.objects.filter(exclusive_key=job.exclusive_key).exclude(pk=job.pk)
        return others.filter(Q(ended_at__gt=job.started_at) | Q(ended_at=None, started_at__isnull=False)).exists()

    @property
    def has_untraced_outcomes(self) -> bool:
        """Whether local records may have an outcome in this job although no coupling of theirs shows it."""
        return self.interrupted or bool(self.context.resume.get("already_reported"))

    def already_reported(self, ids: Sequence[UUID]) -> set[UUID]:
        """Return those of these local records that have an outcome in this job which their couplings do not show."""
        if not self.has_untraced_outcomes:
            return set()
        known = outcomes.rows_of(self.context.job).filter(local_id__in=ids).values_list("local_id", flat=True)
        return {local_id for local_id in known if local_id is not None} | self.reported_pairs.ended(ids)

    @cached_property
    def ignored_rows(self) -> IgnoredRows:
        """The rows in question for failed records that people ignore."""
        return IgnoredRows(self.mapping, self.gateway)

    @cached_property
    def reported_pairs(self) -> ReportedPairs:
        """What earlier slices told of without rows."""
        return ReportedPairs(self.context.job, self.mapping)

    def not_reported(self, records: Sequence[Record]) -> list[Record]:
        """Return those of these uncoupled records that earlier slices did not tell of without a row."""
        reported = self.reported_pairs.ended(record.id for record in records) if self.has_untraced_outcomes else set()
        return [record for record in records if record.id not in reported]

    def take_up(self) -> None:
        """Mark the pairs that have their outcome without a row as this job's again, where another one ran meanwhile.

        Mark the rows, too, that the worker before this one had no time to mark as the company's.
        """
        if self.interrupted and len(self.reported_pairs.numbers):
            self.reported_pairs.mark_again(self.context.checkpoint)
        self.worker.marking.send(self.worker.own.mark)

    def unprocessed(self) -> "QuerySet[Coupling]":
        """Return the mapping's couplings that are not pending and that have no outcome in this job."""
        job = self.context.job
        query = self.couplings.filter(pending=False).filter(~Q(base__last_job_id=job.pk) | Q(base__last_job_id=None))
        if self.interrupted:
            query = query.filter(~Exists(outcomes.rows_of(job).filter(local_id=OuterRef("local_id"))))
        return query

    def end(self, save_state: Callable[[], None] | None = None) -> NoReturn:
        """End the job as finished; `save_state` is called in the transaction that ends it."""
        unkept = self._keep_default_prices()
        with self.context.checkpoint() as point:
            if save_state is not None:
                save_state()
            for follow_up in primary_contact_follow_ups(self.mapping, self.context.job):
                point.follow_up(**follow_up)
            point.total = self.context.job.processed
            waiting = self.worker.left_out.sentence if self.full and self.options.creates else ""
            point.finish(" ".join(filter(None, (self.drift.text, self.worker.marking.refusal, unkept, waiting))))
        raise AssertionError("A finished job has ended its slice.")

    def _keep_default_prices(self) -> str:
        """Give products their lines in the default price list: those that this job dealt with, in a full run all.

        A run that only looked for changes, and made none, leaves the list alone. Returns what people read about lines
        that could not be written.
        """
        worker, job = self.worker, self.context.job
        asked = job.counters.get("inserted") or job.counters.get("modified") or self.full or not self.whole
        if not worker.prices.keeps or not self.writes_to_dataverse or not asked:
            return ""
        pairs = self.couplings.filter(pending=False).order_by("pk")
        pairs = pairs if self.full else pairs.filter(base__last_job_id=job.pk)
        while True:
            after, unkept = self.context.resume.get("prices", (0, ""))
            part = dict(pairs.filter(pk__gt=after).values_list("pk", "integration_id")[:CHUNK])
            if not part:
                return str(unkept)
            kept = worker.prices.keep(list(part.values()))
            if kept.wait_s is not None:
                self.context.postpone(kept.wait_s, LIMITED)
            with self.context.checkpoint() as point:
                point.phase = "Keeping the default price list"
                point.resume["prices"] = (max(part), unkept or kept.sentence)

    @property
    def full(self) -> bool:
        """Whether this run compares every pair."""
        return bool(self.context.resume.get("full"))

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
        # Coupled through any mapping: of an account that is a vendor here no customer is made.
        coupled = Coupling.objects.filter(company=self.context.company, integration_id__in=ids)
        taken = set(coupled.values_list("integration_id", flat=True))
        reported: set[UUID | None] = set()
        if self.context.job.processed:
            # Rows of a page that is read again, or of pairs uncoupled by this job, have their outcome.
            told = outcomes.rows_of(self.context.job, Outcome.FAILED, Outcome.SKIPPED, Outcome.UNCOUPLED)
            reported = set(told.filter(integration_id__in=ids).values_list("integration_id", flat=True))
            if self.has_untraced_outcomes:
                reported |= self.reported_pairs.ended_rows(ids)
        return [row for row in matching if row.id not in taken and row.id not in reported]


def due_now() -> Exists:
    """Return the condition on couplings that they are due and wait for nothing."""
    return Exists(DuePair.objects.filter(coupling=OuterRef("pk"), waits=Waits.NOTHING))


def keep_position(_: Checkpoint) -> None:
    """Leave the position to resume from as it is."""
