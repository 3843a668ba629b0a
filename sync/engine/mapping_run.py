"""Synchronizing a whole mapping: which pairs, in which order, and where a run goes on.

Stages, each re-entered from its checkpoint:

    recover       rows whose creation was sent and not confirmed are looked up by their GUIDs
    integration   pages of the table, or of its changes since the last run (From, Bidirectional)
    local         records changed here since the last run, against the base (To, Bidirectional)
    pairs         pairs that need both sides read: new ones, failed ones, those that changed meanwhile, deleted ones;
                  in a full run every pair not settled yet
    create        uncoupled records inside the table filter, when the run creates

A pair that a stage settled carries the job's number, and later stages leave it alone: one outcome per pair. The
delta link, the high-water mark and the fingerprint they belong to are kept in
the job while it runs and move to the mapping in the transaction that ends it, so a run that breaks off is repeated
from where the last complete one stood.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, Subquery
from django.db.models import F as Column
from django.utils import timezone

from connection_setup.connection.state import connection_of
from core.vocabulary import ConflictOption, Direction
from coupling.gateway import Gateway, ScanPage
from coupling.job_parameters import SyncParameters
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import RemoteRow
from dataverse.errors import ChangesExpired
from jobs.models import Job, Outcome
from jobs.running.runner import Checkpoint, JobContext
from sync.engine.decisions import Chunk, Options
from sync.engine.field_specs import MappingNotUsable
from sync.engine.pairs import CHUNK, links
from sync.engine.worker import Move, Worker
from sync.models import DuePair, FailedRow, SynchState, Waits
from sync.rules.plan import intersect_direction

COMMIT_OVERLAP = timedelta(minutes=15)
"""A transaction may commit after a later one was read: records changed this long before the mark are read again."""
STAGES = ("integration", "local", "pairs", "create")


class MappingRun:
    """One slice of one synchronization job."""

    def __init__(self, context: JobContext, mapping: IntegrationTableMapping) -> None:
        self.context, self.mapping = context, mapping
        self.asked = asked = SyncParameters.load(context.parameters)
        allowed = intersect_direction(asked.direction, Direction(mapping.direction))
        if allowed is None:
            raise MappingNotUsable(
                f"{mapping.name} is {mapping.get_direction_display().lower()}: it cannot be run in the "
                "other direction.",
            )
        self.whole = not context.job.selection_only
        narrows = asked.direction != Direction.BIDIRECTIONAL
        self.options = Options(
            allowed=allowed,
            chosen=asked.conflict,
            overwrite=asked.conflict if narrows else ConflictOption.ASK,
            creating=asked.creates(only_coupled=mapping.synch_only_coupled, whole=self.whole),
            retrying=asked.retry,
        )
        self.gateway = Gateway(context.company, context.usage)
        self.restricted = narrows and mapping.direction == Direction.BIDIRECTIONAL
        self.reads_from_dataverse = allowed != Direction.TO
        self.writes_to_dataverse = allowed != Direction.FROM
        self._worker: Worker | None = None
        self.interrupted = self._other_job_ran()

    @property
    def worker(self) -> Worker:
        """What decides, sends and saves; made when the first pair turns up, since it reads the table's metadata."""
        if self._worker is None:
            self._worker = Worker(self.context, self.mapping, self.gateway, self.options)
        return self._worker

    @property
    def couplings(self) -> Any:
        """The mapping's couplings."""
        return self.worker.reader.couplings

    def _other_job_ran(self) -> bool:
        """Whether another job worked on the mapping since this one began: it gave way, or waited at a limit."""
        job = self.context.job
        if not job.processed:
            return False
        others = Job.objects.filter(exclusive_key=job.exclusive_key, type=job.type).exclude(pk=job.pk)
        return others.filter(Q(ended_at__gt=job.started_at) | Q(ended_at=None, started_at__isnull=False)).exists()

    def already_reported(self, ids: Sequence[UUID]) -> set[UUID]:
        """Those of these records that have their outcome in this job, although nothing of their pairs says so."""
        if not (self.interrupted or self.context.resume.get("told")):
            return set()
        known = self.context.job.outcomes.filter(local_id__in=ids).values_list("local_id", flat=True)
        return {key for key in known if key is not None}

    def unsettled(self) -> Any:
        """The mapping's couplings that are not pending and that this job has not settled."""
        job = self.context.job
        query = self.couplings.filter(pending=False).filter(~Q(last_job_id=job.pk) | Q(last_job_id=None))
        if self.interrupted:
            query = query.filter(~Exists(job.outcomes.filter(local_id=OuterRef("local_id"))))
        return query

    def execute(self) -> NoReturn:
        """Work through the stages from where the job stands, and end it."""
        if "stage" not in self.context.resume:
            self._begin()
        for stage in STAGES[STAGES.index(self.context.resume["stage"]) :]:
            self._enter(stage)
            getattr(self, f"_{stage}")()
        self._end()

    def load_table_metadata(self) -> None:
        """Read the table's metadata, which every run needs, before anything is kept of the job.

        Where Dataverse is not there, the job then ends at once, as one that was not under way.
        """
        self.gateway.table(self.mapping)

    # -- beginning and ending ---------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Decide whether everything is compared, and where reading begins."""
        state = SynchState.objects.filter(mapping=self.mapping).first()
        print_ = fingerprint(self.mapping, creating=self.options.creating)
        # A run that does not create goes on from one that did: that one has looked at more.
        as_good = {print_} if self.options.creating else {print_, fingerprint(self.mapping, creating=True)}
        known = state is not None and state.fingerprint in as_good
        full = self.asked.full or not known
        if not full and self.reads_from_dataverse and state is not None and not state.delta_link:
            full = True
        self.load_table_metadata()
        with self.context.checkpoint() as point:
            point.resume |= {
                "stage": STAGES[0], "started": timezone.now().isoformat(), "full": full, "fingerprint": print_,
                "link": state.delta_link if state is not None and not full else "",
                "saves": not self.restricted or known,
            }  # fmt: skip
            mark = state.local_high_water if state is not None and not full else None
            point.resume["mark"] = mark.isoformat() if mark else ""
            point.plan = "full" if full else "changes"
            if full:
                point.total = self.couplings.count() or None

    def _enter(self, stage: str) -> None:
        if self.context.resume["stage"] != stage:
            with self.context.checkpoint() as point:
                point.resume |= {"stage": stage, "after": 0}
                point.phase = _PHASES[stage]

    def _end(self) -> NoReturn:
        resume = self.context.resume
        with self.context.checkpoint() as point:
            if self.whole and resume.get("saves"):
                self._save_state()
            point.total = self.context.job.processed
            point.finish()
        raise AssertionError("A finished job has ended its slice.")

    def _save_state(self) -> None:
        resume = self.context.resume
        state, _ = SynchState.objects.get_or_create(mapping=self.mapping)
        if self.reads_from_dataverse:
            state.delta_link = resume.get("delta", state.delta_link)
        if self.writes_to_dataverse:
            state.local_high_water = datetime.fromisoformat(resume["started"])
        state.fingerprint = resume["fingerprint"]
        state.save(update_fields=["delta_link", "local_high_water", "fingerprint"])
        DuePair.objects.filter(mapping=self.mapping).filter(~Exists(self.couplings.filter(pk=OuterRef("pk")))).delete()

    @property
    def full(self) -> bool:
        """Whether this run compares every pair."""
        return bool(self.context.resume.get("full"))

    # -- Dataverse's side -------------------------------------------------------------------------------------------

    def _integration(self) -> None:
        if not self.reads_from_dataverse or (self.restricted and not self.full and not self.context.resume["link"]):
            return
        link = self.context.resume.get("next") or self.context.resume["link"] or None
        columns = self.worker.columns
        tracked = self.worker.info.change_tracking
        try:
            for page in self.gateway.scan(self.mapping, columns, link=link, track_changes=tracked):
                self._page(page)
        except ChangesExpired:
            # Too old a link says nothing about what changed: compare everything.
            with self.context.checkpoint() as point:
                point.resume |= {"full": True, "link": "", "next": "", "mark": ""}
                point.plan = "full"
            self._integration()

    def _page(self, page: ScanPage) -> None:
        def move(point: Checkpoint) -> None:
            point.phase = _PHASES["integration"]
            if page.next_link:
                point.resume["next"] = page.next_link
            else:
                point.resume |= {"delta": page.delta_link or "", "stage": STAGES[1], "after": 0}

        ids = [row.id for row in page.rows]
        found = {
            link.integration_id: link for link in links(self.couplings.filter(integration_id__in=[*ids, *page.deleted]))
        }
        rows = {row.id: row for row in page.rows}
        pairs = [(found[key], rows.get(key)) for key in (*ids, *page.deleted) if key in found]
        pairs = [(link, row) for link, row in pairs if not link.pending]
        job, told = self.context.job.pk, self.already_reported([link.local_id for link, _ in pairs])
        settled = [pair for pair in pairs if pair[0].last_job_id == job or pair[0].local_id in told]
        changed_again = [link.id for link, row in settled if row is None or row.version != link.version]
        if settled:
            known = {link.id for link, _ in settled}
            pairs = [pair for pair in pairs if pair[0].id not in known]
        new = self._creatable([row for row in page.rows if row.id not in found])
        self._chunks(pairs, new, move, changed_again)

    def _creatable(self, rows: list[RemoteRow]) -> list[RemoteRow]:
        """The uncoupled rows that become records here."""
        if not self.options.creating or not rows:
            return []
        inside = [row for row in rows if self.worker.inside(row)]
        ids = [row.id for row in inside]
        elsewhere = set(
            Coupling.objects.filter(company=self.context.company, table=self.mapping.table, integration_id__in=ids)
            .values_list("integration_id", flat=True)
        )  # fmt: skip
        told: set[UUID | None] = set()
        if (
            self.context.job.processed
        ):  # rows of a page that is read again, or of pairs taken apart: they have an outcome
            known = self.context.job.outcomes.filter(
                outcome__in=[Outcome.FAILED, Outcome.UNCOUPLED], integration_id__in=ids
            )
            told = set(known.values_list("integration_id", flat=True))
        return [row for row in inside if row.id not in elsewhere and row.id not in told]

    def _chunks(self, pairs: list[Any], new: list[RemoteRow], move: Any, changed_again: Sequence[int] = ()) -> None:
        """Settle pairs and rows in chunks; the last one moves the place, also when there was nothing to do.

        changed_again: couplings this job has settled, and whose rows changed since: the next run compares them.
        """
        work: list[tuple[list[Any], list[RemoteRow]]] = [
            (pairs[start : start + CHUNK], []) for start in range(0, len(pairs), CHUNK)
        ]
        work += [([], new[start : start + CHUNK]) for start in range(0, len(new), CHUNK)]
        if changed_again:
            work = work or [([], [])]
        if not work and not changed_again:
            with self.context.checkpoint() as point:
                move(point)
            return
        for number, (some, rows) in enumerate(work, 1):
            present = {row.id: row for _, row in some if row is not None}
            found = self.worker.reader.pairs([link for link, _ in some], present)
            chunk = self.worker.decide(found, rows)
            if number == len(work):
                chunk.saved.due |= dict.fromkeys(changed_again, 0)
            self.worker.process_chunk(chunk, move if number == len(work) else keep_position)

    # -- this side --------------------------------------------------------------------------------------------------

    def _local(self) -> None:
        """Records changed here since the mark: against the base where the pair is clean, else left to `pairs`."""
        if self.full or not self.writes_to_dataverse:
            return
        reader = self._reader_model()
        own = Coupling.objects.filter(mapping=self.mapping, local_id=OuterRef("system_id"))
        changed = reader.annotate(
            _synced=Subquery(own.values("local_modified_at")[:1]), _coupled=Exists(own)
        ).filter(_coupled=True).filter(Q(_synced=None) | ~Q(_synced=Column("modified_at")))  # fmt: skip
        if mark := self.context.resume.get("mark"):
            changed = changed.filter(modified_at__gt=datetime.fromisoformat(mark) - COMMIT_OVERLAP)
        while True:
            after = self.context.resume.get("after", 0)
            part = dict(changed.filter(pk__gt=after).order_by("pk").values_list("pk", "system_id")[:CHUNK])
            if not part:
                return
            self._changed(list(part.values()), last=max(part))

    def _changed(self, ids: list[UUID], *, last: int) -> None:
        def move(point: Checkpoint) -> None:
            point.resume["after"] = last
            point.phase = _PHASES["local"]

        told, worker = self.already_reported(ids), self.worker
        found = [
            link
            for link in links(self.couplings.filter(local_id__in=ids))
            if link.last_job_id != self.context.job.pk and not link.pending and link.local_id not in told
        ]
        pairs = worker.reader.pairs(found, None)
        due = DuePair.objects.filter(coupling_id__in=[link.id for link in found]).values_list("coupling_id", flat=True)
        unsure = {*due, *worker.doubts.by_coupling}
        ready = [
            pair
            for pair in pairs
            if pair.link.clean and pair.link.id not in unsure and worker.fields.specs.keys() <= pair.base.keys()
        ]
        known = {id(pair) for pair in ready}
        chunk = worker.decide(ready)
        for pair in pairs:
            if id(pair) not in known:
                chunk.saved.due.setdefault(pair.link.id, 0)
        worker.process_chunk(chunk, move)

    def _reader_model(self) -> Any:
        from masterdata import catalog

        model = catalog.table(self.mapping.table).model
        return model._default_manager.filter(company=self.context.company).order_by()

    # -- pairs that need both sides read ----------------------------------------------------------------------------

    def _pairs(self) -> None:
        query = self.unsettled()
        if not self.full:
            record = self._reader_model().filter(system_id=OuterRef("local_id"))
            failed = (~Q(last_to_reason="") | ~Q(last_from_reason="")) & Q(skipped=False, conflict__isnull=True)
            new, inside = Q(last_job_id=None), Exists(record.filter(self.worker.reader.filter))
            query = query.filter(
                new
                | failed
                | self._due()
                | (self._due(Waits.RECORD) & Q(inside))
                | (Q(skipped=False) & ~Exists(record))
            )
        self._failed_rows()
        while True:
            after = self.context.resume.get("after", 0)
            found = links(query.filter(id__gt=after).order_by("id")[:CHUNK])
            if not found:
                if not after or not self._more_due():
                    return
                with self.context.checkpoint() as point:
                    point.resume["after"] = 0
                continue
            self._read_both(found, _advance_to(found[-1].id))

    def _due(self, *waits: str) -> Q:
        """The pairs whose waiting is over in this run; with `waits` those that wait for that."""
        if not waits:
            waits = (Waits.NOTHING,)
            if not self.restricted:
                waits += (Waits.DIRECTION,)
            if self.mapping.direction == Direction.TO:
                waits += (Waits.ROW,)  # no changes are read that would tell of it
        return Q(Exists(DuePair.objects.filter(coupling=OuterRef("pk"), waits__in=waits)))

    def _more_due(self) -> bool:
        """Whether pairs changed again while this stage wrote them."""
        due = DuePair.objects.filter(coupling=OuterRef("pk"), waits=Waits.NOTHING)
        found: bool = self.unsettled().filter(Exists(due)).exists()
        return found

    def _read_both(self, found: list[Any], move: Any) -> None:
        worker = self.worker
        remote = self.gateway.read(self.mapping, worker.columns, [link.integration_id for link in found])
        chunk = worker.decide(worker.reader.pairs(found, remote))
        worker.process_chunk(chunk, move)

    def _failed_rows(self) -> None:
        """Dataverse rows that could not be created here by the last run get a second try."""
        if (
            not (self.options.creating and self.reads_from_dataverse)
            or self.full
            or self.context.resume.get("rows_retried")
        ):
            return
        ids = list(
            FailedRow.objects.filter(mapping=self.mapping, tries__lt=2).values_list("integration_id", flat=True)[:CHUNK]
        )
        there = self.gateway.read(self.mapping, self.worker.columns, ids) if ids else {}
        gone = [key for key in ids if key not in there]
        if gone:
            FailedRow.objects.filter(mapping=self.mapping, integration_id__in=gone).delete()
        self._chunks([], self._creatable(list(there.values())), lambda point: point.resume.update(rows_retried=True))

    # -- new rows ---------------------------------------------------------------------------------------------------

    def _create(self) -> None:
        if self.options.creating and self.writes_to_dataverse:
            self.worker.process_new_chunks(self._new())

    def _new(self) -> Iterator[tuple[Chunk, Move]]:
        """Chunks of uncoupled records, decided, each with what sets the place behind it."""
        after = self.context.resume.get("after", 0)
        while (found := self._next_new(after)) is not None:
            chunk, after = found
            yield chunk, _advance_to(after)

    def _next_new(self, after: int) -> tuple[Chunk, int] | None:
        """The next uncoupled records behind a key, decided, and the last of their keys."""
        coupled = Coupling.objects.filter(mapping=self.mapping, local_id=OuterRef("system_id"))
        query = self._reader_model().filter(self.worker.reader.filter).filter(~Exists(coupled), pk__gt=after)
        if self.interrupted or self.context.resume.get("told"):
            query = query.filter(~Exists(self.context.job.outcomes.filter(local_id=OuterRef("system_id"))))
        records, last = self.worker.reader.next_records(query, CHUNK)
        return (self.worker.decide([], records=records), last) if records else None


def keep_position(_: Checkpoint) -> None:
    """The place stays where it is."""


def _advance_to(after: int) -> Move:
    """The stage goes on behind this row."""

    def move(point: Checkpoint) -> None:
        point.resume["after"] = after

    return move


_PHASES = {
    "integration": "Reading Dataverse", "local": "Comparing changed records", "pairs": "Comparing pairs",
    "create": "Creating records",
}  # fmt: skip


def fingerprint(mapping: IntegrationTableMapping, *, creating: bool) -> str:
    """What a delta link and a high-water mark belong to: another one means that everything is compared."""
    connection = connection_of(mapping.company)
    fields = mapping.fields.filter(enabled=True).order_by("position", "id")
    told = {
        "company": mapping.company_id, "mapping": mapping.pk, "organization": str(connection.organization_id),
        "table": [mapping.table, mapping.integration_table, mapping.entity_set],
        "direction": mapping.direction, "filters": [mapping.table_filter, mapping.integration_filter],
        "company_row": str(connection.company_row_id), "options": [mapping.update_conflict, mapping.deletion_conflict],
        "creating": creating,
        "fields": [list(row) for row in fields.values_list(
            "field", "integration_field", "direction", "constant", "update_conflict", "clear_on_failed"
        )],
    }  # fmt: skip
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
