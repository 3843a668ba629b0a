"""Synchronizing a whole mapping: which pairs, in which order, and where a run resumes.

Stages, each re-entered from its checkpoint:

    integration   pages of the table, or of its changes since the last run (From, Bidirectional; To for deletions alone)
    local         records changed here since the last run, against the base (To, Bidirectional)
    pairs         pairs that need both sides read: new ones, failed ones, those that changed meanwhile, deleted ones;
                  in a full run every pair without an outcome
    create        uncoupled records inside the table filter, when the run creates

A pair that a stage has dealt with carries the job's number, and later stages leave it alone: one outcome per pair. The
delta link, the high-water mark and their fingerprint are stored in the job while it runs and move to the mapping in the
transaction that ends it, so that a run that breaks off is repeated from where the last complete one stood.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NoReturn
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models import F as Column
from django.utils import timezone

from core.vocabulary import Direction
from coupling.failures.likely import mark_of
from coupling.models import Coupling
from coupling.rows import RemoteRow, ScanPage
from dataverse.errors import ChangesExpired, Invalid
from jobs import outcomes
from jobs.running.context import Checkpoint
from sync.engine import first_read
from sync.engine.adoption import adopt_existing
from sync.engine.chunk import Chunk
from sync.engine.column_changes import asks_for_gone_column
from sync.engine.fingerprint import fingerprint
from sync.engine.pair_states import forget_settled, unsettled
from sync.engine.pairs import CHUNK, CouplingRow, Pair, behind, expected_total, position, read_couplings
from sync.engine.run import Run, due_now, keep_position
from sync.engine.undone import UndoneLedger
from sync.engine.worker import SetPosition
from sync.models import DuePair, SynchState, Waits


class MappingRun(Run):
    """One slice of a job over a whole mapping."""

    _none_left_at: int | None = None
    """Set once this slice has found no record to create a row for: models.SynchState."""

    def execute(self) -> NoReturn:
        """Work through the stages from where the job stands, and end it."""
        if "stage" not in self.context.resume:
            self._begin()
        elif self.context.resume.get("drift", []) != self.drift.mark:
            # Pairs that have their outcome were compared by other fields: so the next run compares everything, too.
            link = self.context.resume["link"] if self.watches_deletions else ""
            mark = self.drift.mark
            self._compare_all(stage=STAGES[0], after=0, row=0, fingerprint="", drift=mark, link=link)
        work: dict[str, Callable[[], None]] = {
            "integration": self._read_changes, "local": self._compare_changed_records, "pairs": self._compare_pairs,
            "create": self._create_rows,
        }  # fmt: skip
        for stage in STAGES[STAGES.index(self.context.resume["stage"]) :]:
            self._enter(stage)
            work[stage]()
        self.end(self._save_state)

    # -- beginning and ending ---------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Decide whether everything is compared, and where reading begins."""
        state = SynchState.objects.filter(mapping=self.mapping).first()
        own = partial(fingerprint, self.mapping, drift=self.drift, connection=self.gateway.connection)
        current, creates = own(creates=self.options.creates), self.options.creates
        # A run that does not create may resume from one that did: that one has looked at more.
        known = state is not None and state.fingerprint in {current, current if creates else own(creates=True)}
        full = self.parameters.full or not known
        link = state.delta_link if state is not None else ""
        if not full and (self.reads_from_dataverse or self.watches_deletions) and not link:
            full = True
        if full and not (self.watches_deletions and f"/{self.mapping.entity_set}?" in link):
            link = ""  # what tells of deletions alone goes on telling, whatever the fields and filters
        undone, now = self.undone, timezone.now()
        self.worker.reader.table.find_changes(self.mapping.company)
        creates_there = self.options.creates and self.writes_to_dataverse
        total = expected_total(self.worker.reader, creates=creates_there) if full else None
        with self.context.checkpoint() as point:
            undone.wake(now)
            point.resume |= {
                "stage": STAGES[0], "started": now.isoformat(), "full": full, "fingerprint": current,
                "link": link, "drift": self.drift.mark,
                "saves": not self.restricted or known,
            }  # fmt: skip
            mark = state.local_high_water if state is not None and not full else None
            point.resume["mark"] = mark.isoformat() if mark else ""
            point.plan = "full" if full else "changes"
            if total:
                point.total = total

    def _compare_all(self, **position: Any) -> None:
        """Have everything compared from now on; `position`: of the job's resume state."""
        with self.context.checkpoint() as point:
            point.resume |= {"full": True, "link": "", "next": "", "mark": "", "prices": (0, ""), **position}
            point.plan = "full"

    def _enter(self, stage: str) -> None:
        if self.context.resume["stage"] != stage:
            with self.context.checkpoint() as point:
                point.resume |= {"stage": stage, "after": 0}
                point.phase = _PHASES[stage]

    def _save_state(self) -> None:
        """Move what the job read up to, to the mapping, and forget what nobody needs any longer."""
        resume, reader = self.context.resume, self.worker.reader
        self.undone.drop_moot(reader.company_records.filter(reader.table_filter))
        if not (self.whole and resume.get("saves")):
            return
        state, _ = SynchState.objects.get_or_create(mapping=self.mapping)
        state.delta_link = resume.get("delta", state.delta_link)
        if self.writes_to_dataverse:
            state.local_high_water = self.started
        state.fingerprint, state.none_left_at = resume["fingerprint"], self._none_left_at
        columns = ["delta_link", "local_high_water", "fingerprint", "none_left_at"]
        if self.none_pending and not self.worker.creating:
            state.creating = False
            columns.append("creating")
        state.save(update_fields=columns)
        forget_settled(self.mapping)

    @property
    def started(self) -> datetime:
        """When the job began."""
        return datetime.fromisoformat(self.context.resume["started"])

    @property
    def undone(self) -> UndoneLedger:
        """What runs of this mapping left undone."""
        return self.worker.ledger.undone

    # -- Dataverse's side -------------------------------------------------------------------------------------------

    @property
    def watches_deletions(self) -> bool:
        """Whether changes are read for the rows that were deleted alone: the mapping goes to Dataverse only."""
        return self.mapping.direction == Direction.TO and self.worker.table_info.change_tracking

    def _read_changes(self) -> None:
        """Compare the pairs of rows that changed in Dataverse; in a full run of all rows."""
        resume, deletions = self.context.resume, self.watches_deletions
        if not (self.reads_from_dataverse or deletions) or (self.restricted and not self.full and not resume["link"]):
            return
        link = resume.get("next") or resume["link"] or None
        tracked, columns = self.worker.table_info.change_tracking, [] if deletions else self.worker.columns
        try:
            for page in first_read.scan(self.gateway, self.mapping, columns, link, tracked, self.started):
                if not self.full:
                    self.ignored_rows.list_again(page)
                self._process_page(replace(page, rows=[]) if deletions else page)
        except (ChangesExpired, Invalid) as error:
            if not (isinstance(error, ChangesExpired) or asks_for_gone_column(error, link)):
                raise
            # An expired link does not say what changed, nor does one that asks for a column which is gone.
            self._compare_all()
            self._read_changes()

    def _process_page(self, page: ScanPage) -> None:
        unwanted: list[UUID] = []

        def set_position(point: Checkpoint) -> None:
            self.undone.forget_rows(unwanted)
            if not self.options.creates:
                self.undone.wake_rows(rows, self.started)
            point.phase = _PHASES["integration"]
            if page.next_link:
                point.resume["next"] = page.next_link
            else:
                point.resume |= {"delta": page.delta_link or "", "stage": STAGES[1], "after": 0}

        rows = {row.id: row for row in page.rows}
        ids = [*(row.id for row in page.rows), *page.deleted]
        found = {
            coupling.integration_id: coupling
            for coupling in read_couplings(self.couplings.filter(integration_id__in=ids))
        }
        pairs = [(found[row_id], rows.get(row_id)) for row_id in ids if row_id in found and not found[row_id].pending]
        job_id, reported = self.context.job.pk, self.already_reported([coupling.local_id for coupling, _ in pairs])
        todo, changed_again = [], []
        for coupling, row in pairs:
            if coupling.last_job_id != job_id and coupling.local_id not in reported:
                todo.append((coupling, row))
            elif row is None or row.version != coupling.version:
                changed_again.append(coupling.id)
        uncoupled = [row for row in page.rows if row.id not in found]
        unwanted += page.deleted
        unwanted += [row.id for row in uncoupled if not self.worker.matches_filter(row)]
        new = self.creatable_rows(uncoupled)
        self._process_in_chunks(todo, new, set_position, changed_again)

    def _process_in_chunks(
        self,
        pairs: Sequence[tuple[CouplingRow, RemoteRow | None]],
        new: Sequence[RemoteRow],
        set_position: SetPosition,
        changed_again: Sequence[int] = (),
    ) -> None:
        """Process pairs and uncoupled rows in chunks; the last one sets the position, even one without work.

        changed_again: ids of couplings that have their outcome and whose rows changed since; they are compared later.
        """
        work: list[tuple[Sequence[tuple[CouplingRow, RemoteRow | None]], Sequence[RemoteRow]]] = [
            (pairs[start : start + CHUNK], []) for start in range(0, len(pairs), CHUNK)
        ]
        work += [([], new[start : start + CHUNK]) for start in range(0, len(new), CHUNK)]
        if changed_again:
            work = work or [([], [])]
        if not work:
            with self.context.checkpoint() as point:
                set_position(point)
            return
        for number, (part, rows) in enumerate(work, 1):
            present = {row.id: row for _, row in part if row is not None}
            chunk = self.worker.decide(self.worker.reader.read_pairs([coupling for coupling, _ in part], present), rows)
            if number < len(work):
                self.worker.process_chunk(chunk, keep_position)
                continue
            chunk.changes.due |= dict.fromkeys(changed_again, 0)
            self.worker.process_chunk(chunk, set_position)

    # -- the local side ---------------------------------------------------------------------------------------------

    def _compare_changed_records(self) -> None:
        """Compare records changed here since the mark: against the base where the pair is clean, else in `pairs`."""
        if self.full or not self.writes_to_dataverse:
            return
        own = Coupling.objects.filter(mapping=self.mapping, local_id=OuterRef("system_id"))
        changed = self._touched_records().annotate(
            _synced=Subquery(own.values("base__local_modified_at")[:1]), _coupled=Exists(own)
        ).filter(_coupled=True).filter(Q(_synced=None) | ~Q(_synced=Column("modified_at")))  # fmt: skip
        while True:
            after = self.context.resume.get("after", 0)
            part = list(behind(changed, after).order_by("pk").values_list("pk", "system_id")[:CHUNK])
            if not part:
                return
            self._compare_with_base([row_id for _, row_id in part], last=position(part[-1][0]))

    def _touched_records(self) -> "QuerySet[Any]":
        mark = self.context.resume.get("mark")
        return self.worker.reader.records_since(datetime.fromisoformat(mark) if mark else None)

    def _compare_with_base(self, ids: list[UUID], *, last: int | str) -> None:
        def set_position(point: Checkpoint) -> None:
            point.resume["after"] = last
            point.phase = _PHASES["local"]

        worker, job_id, reported = self.worker, self.context.job.pk, self.already_reported(ids)
        found = [
            coupling
            for coupling in read_couplings(self.couplings.filter(local_id__in=ids))
            if coupling.last_job_id != job_id and not coupling.pending and coupling.local_id not in reported
        ]
        due = DuePair.objects.filter(coupling_id__in=[coupling.id for coupling in found])
        unsure = {*due.values_list("coupling_id", flat=True), *worker.unconfirmed.by_coupling}
        ready: list[Pair] = []
        unready: list[Pair] = []
        for pair in worker.reader.read_pairs(found, None):
            clean = pair.coupling.clean and pair.coupling.id not in unsure and not worker.written_fields.needs_rows
            known = clean and worker.fields.specs.keys() <= pair.base.keys() and not worker.number_changed(pair)
            (ready if known else unready).append(pair)
        chunk = worker.decide(ready)
        for pair in unready:
            chunk.changes.due.setdefault(pair.coupling.id, 0)
        worker.process_chunk(chunk, set_position)

    # -- pairs that need both sides read ----------------------------------------------------------------------------

    def _compare_pairs(self) -> None:
        self._create_records_again()
        while True:
            after = self.context.resume.get("after", 0)
            if found := self._next_pairs(after):
                self.read_both_sides(found, _advance_to(found[-1].id))
            elif after and self.unprocessed().filter(due_now()).exists():
                # Pairs changed again while this stage wrote them: once more from the start.
                with self.context.checkpoint() as point:
                    point.resume["after"] = 0
            else:
                return

    def _next_pairs(self, after: int) -> list[CouplingRow]:
        """Return the next pairs behind a coupling's id: in a full run of all, else of those that need both sides read.

        Each group of those is found by an index that holds no others, so that a run with nothing to do reads none.
        """
        query = self.unprocessed().filter(id__gt=after).order_by("id")
        if self.full:
            return read_couplings(query[:CHUNK])
        record = self.worker.reader.company_records.filter(system_id=OuterRef("local_id"))
        groups = (
            *unsettled(self.mapping, query, after),
            query.filter(self._is_due(*self._over_in_this_run())),
            query.filter(self._is_due(Waits.RECORD)).filter(Exists(record.filter(self.worker.reader.table_filter))),
        )
        found = {coupling.id: coupling for group in groups for coupling in read_couplings(group[:CHUNK])}
        return [found[coupling_id] for coupling_id in sorted(found)[:CHUNK]]

    def _is_due(self, *waits: str) -> Q:
        """Return the condition on couplings that they are due and wait for one of these."""
        return Q(pk__in=DuePair.objects.filter(mapping=self.mapping, waits__in=waits).values("coupling"))

    def _over_in_this_run(self) -> list[str]:
        """Return what due pairs may wait for so that this run compares them."""
        waits: list[str] = [Waits.NOTHING, Waits.DELETED]
        if not self.restricted:
            waits.append(Waits.DIRECTION)
        if self.mapping.direction == Direction.TO:
            waits.append(Waits.ROW)  # no changes are read that would show it
        return waits

    def _create_records_again(self) -> None:
        """Create records for rows for which earlier runs could not, also where this run creates nothing of its own."""
        if not self.reads_from_dataverse or (self.full and self.options.creates):
            return
        while due := self.undone.rows_to_create(self.started, self.context.resume.get("row", 0), CHUNK):
            rows = self.gateway.read(self.mapping, self.worker.columns, due.values())
            wanted = {row.id: row for row in rows.values() if self.worker.matches_filter(row)}
            new = self.creatable_rows(list(wanted.values()), again=True)
            self._process_in_chunks([], new, self._rows_done(due, wanted))

    def _rows_done(self, due: Mapping[int, UUID], wanted: Collection[UUID]) -> SetPosition:
        """Return what sets the position behind these undone rows, and forgets those that are gone or not wanted."""

        def set_position(point: Checkpoint) -> None:
            point.resume["row"] = max(due)
            self.undone.forget_rows(row_id for row_id in due.values() if row_id not in wanted)

        return set_position

    # -- new rows ---------------------------------------------------------------------------------------------------

    def _create_rows(self) -> None:
        """Create rows in Dataverse for uncoupled records; without creating, for those that earlier runs could not."""
        if self.writes_to_dataverse and (self.options.creates or self.undone.any):
            self.worker.process_new_chunks(self._new_chunks())

    def _new_chunks(self) -> Iterator[tuple[Chunk, SetPosition]]:
        """Yield chunks of uncoupled records, decided, each with what sets the position behind it."""
        uncoupled, none_left_at = self._known_uncoupled()
        all_known = none_left_at == uncoupled and self.options.creates and not self.full
        query = self._uncoupled_records(self._touched_records() if all_known else self.worker.reader.company_records)
        after = self.context.resume.get("after", 0)
        while True:
            records, last = self.worker.reader.read_next_records(behind(query, after), CHUNK)
            if not records:
                looked_at_all = self.options.creates and not self.has_untraced_outcomes
                self._none_left_at = uncoupled if looked_at_all and not after else None
                return
            after = last
            pairs, others = adopt_existing(self.context, self.worker, self.not_reported(records))
            yield self.worker.decide(pairs, records=others), _advance_to(after)

    def _known_uncoupled(self) -> tuple[int, int | None]:
        """Return a number that changes when records may be left again, and the one when a run last found none.

        It is read before the records are, so that a deletion in between is not missed.
        """
        known = SynchState.objects.filter(mapping=self.mapping).values_list("uncoupled", "none_left_at").first()
        uncoupled, none_left_at = known or (0, None)
        return mark_of(self.mapping, uncoupled), none_left_at

    def _uncoupled_records(self, records: "QuerySet[Any]") -> "QuerySet[Any]":
        """Return those of these records that are inside the table filter, not coupled and without an outcome."""
        coupled = Coupling.objects.filter(mapping=self.mapping, local_id=OuterRef("system_id"))
        query = records.filter(self.worker.reader.table_filter).filter(~Exists(coupled))
        if not self.options.creates:
            query = query.filter(self.undone.records_to_create(self.started))
        if not (self.full and self.options.creates):  # then each has an outcome that says what it waits for
            query = self.worker.left_out.without_likely(query)
        if self.has_untraced_outcomes:
            reported = outcomes.rows_of(self.context.job).filter(local_id=OuterRef("system_id"))
            query = query.filter(~Exists(reported))
        return query


def _advance_to(after: int | str) -> SetPosition:
    """Return what sets the position behind this key."""

    def set_position(point: Checkpoint) -> None:
        point.resume["after"] = after

    return set_position


_PHASES = {
    "integration": "Reading Dataverse", "local": "Comparing changed records", "pairs": "Comparing pairs",
    "create": "Creating records",
}  # fmt: skip
STAGES = tuple(_PHASES)
