"""One chunk of pairs from deciding to saving. The order of its steps makes it safe to kill at any point.

    decide            pure; nothing is written
    store intents     GUIDs of new Dataverse rows as pending couplings, updates as unconfirmed writes, in a checkpoint
    send              outside any transaction; updates only at the version that was compared
    save              both sides' results, outcomes and the position to resume from, in one checkpoint

A chunk that was not saved is read again: new rows are found by their GUIDs, and values sent before are recognized as
our own.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from connection_setup.captions import ENVIRONMENT_CHANGED
from core import bulk
from core.refusals import Refusal
from coupling.gateway import Gateway
from coupling.mappings.column_looks import Drift
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from coupling.rows import RemoteRow, WriteResult
from jobs import lease
from jobs.errors import Cancelled, SliceEnded, Yielded
from jobs.models import Outcome, Reason
from jobs.running.context import Checkpoint, JobContext, OutcomeRow
from sync.engine.chunk import LIMITED, Chunk, ChunkChanges, HeldBack, LocalUpdate, NewRemoteRow, RemoteUpdate
from sync.engine.column_changes import LaterLook
from sync.engine.company_marks import Marking
from sync.engine.contact_companies import settle_companies
from sync.engine.created_state import later_changes, not_changed
from sync.engine.decisions import Decider
from sync.engine.default_prices import DefaultPrices
from sync.engine.ended_pairs import end_pairs
from sync.engine.ledger import Ledger, forget_due
from sync.engine.options import Options
from sync.engine.pairs import CouplingRow, Pair, Record
from sync.engine.pending_couplings import insert_pending
from sync.engine.recorder import key_and_name
from sync.engine.row_editors import RowEditors
from sync.engine.settled_pairs import note_of
from sync.engine.unconfirmed_writes import UnconfirmedWrite
from sync.engine.undone import tries_of
from sync.engine.written_fields import further_of_new, new_row, written
from sync.models import SynchState
from sync.rules.bases import remote_base
from sync.rules.transfer import pack
from sync.rules.values import Side, Value

SetPosition = Callable[[Checkpoint], None]
"""Sets the position to resume from, in a checkpoint."""

CHUNKS_IN_FLIGHT = 2
"""How many chunks of new rows are sent at once, so that Dataverse need not wait for the next one."""
MAX_TRIES = 3
"""How often a pair may change while it is written before it fails."""


class Worker(Decider):
    """Works on chunks of one job's mapping: decides, sends, saves."""

    def __init__(
        self,
        context: JobContext,
        mapping: IntegrationTableMapping,
        gateway: Gateway,
        options: Options,
        drift: Drift,
    ) -> None:
        super().__init__(mapping, gateway, options, job_id=context.job.pk, drift=drift)
        self.context = context
        self.later_look = LaterLook(mapping, gateway, drift)
        self.ledger = Ledger(self.recorder, self.fields, self.reader)
        self.ledger.history.labels = {name: info.label for name, info in self.table_info.columns.items()}
        self.ledger.editors = RowEditors(gateway)
        self.prices = DefaultPrices(mapping, gateway, self.row_rules.related)
        self.marking = Marking(context, gateway, mapping)
        self.creating = False
        """Whether this worker has sent rows for creation."""
        self._phase = ""
        """What the job was at before it wrote to Dataverse, and is at again after that."""

    def decide(self, pairs: Sequence[Pair], rows: Sequence[RemoteRow] = (), records: Sequence[Record] = ()) -> Chunk:
        """Decide as the Decider does, once the companies of contacts that come here have contacts of their own."""
        if self.companies is not None:
            new = self.left_out.without_candidates(rows)
            settle_companies(self.context, self.reader, self.companies, self.options.allowed, pairs, new)
        return super().decide(pairs, rows, records)

    @property
    def organization_id(self) -> UUID:
        """The organization, verified against the couplings. Raises Refusal (wrong_environment)."""
        found = self.gateway.organization_id
        if self.ledger.organization_id is None:
            strangers = self.reader.couplings.exclude(organization_id=found).exclude(organization_id=None).count()
            if strangers:
                raise Refusal(
                    Reason.WRONG_ENVIRONMENT,
                    f"{strangers:,} couplings of {self.mapping.name} were made in another Dataverse organization than "
                    "the one the connection leads to now, so nothing was written to it.",
                    f"An administrator decides about them on {ENVIRONMENT_CHANGED}.",
                )
            self.ledger.organization_id = found
        return found

    def process_chunk(self, chunk: Chunk, set_position: SetPosition) -> None:
        """Send and save a decided chunk, and set the position to resume from in the same transaction.

        What Dataverse's limit stopped stays pending or due, and the job is postponed.
        """
        if chunk.blanks:
            self.later_look.take()
        self._prepare(chunk)
        wait_s = end_pairs(self.gateway, self.recorder, chunk)
        self._send_and_save(chunk, set_position, self._create(chunk), wait_s)

    def process_new_chunks(self, chunks: Iterable[tuple[Chunk, SetPosition]]) -> None:
        """Send and save chunks of new rows; while Dataverse creates those of one, the next is prepared.

        They are saved in their order. One with pairs, of rows that were there already, is waited for where more than
        updates may come of them. Where the job is stopped, what has been sent is saved first.
        """
        in_flight: deque[tuple[Chunk, SetPosition, Future[list[WriteResult]]]] = deque()

        def save_oldest() -> None:
            chunk, set_position, created = in_flight.popleft()
            self._send_and_save(chunk, set_position, created.result())

        sender = ThreadPoolExecutor(CHUNKS_IN_FLIGHT, "create")
        try:
            for chunk, set_position in chunks:
                if chunk.blanks or chunk.ends_pairs:
                    while in_flight:
                        save_oldest()
                    self.process_chunk(chunk, set_position)
                    continue
                self._prepare(chunk)
                in_flight.append((chunk, set_position, sender.submit(self._create, chunk)))
                if len(in_flight) > CHUNKS_IN_FLIGHT:
                    save_oldest()
            while in_flight:
                save_oldest()
        except (SliceEnded, Yielded, Cancelled):
            while in_flight:
                with suppress(SliceEnded, Yielded, Cancelled):
                    save_oldest()
            raise
        finally:
            sender.shutdown(cancel_futures=True)  # what was not sent stays pending, for the next slice

    def _prepare(self, chunk: Chunk) -> None:
        if chunk.sends or chunk.changes.any:
            _ = self.organization_id  # what another organization answers must change nothing here either
        self._store_intents(chunk)
        self.prices.prepare(chunk)

    # -- intents ----------------------------------------------------------------------------------------------------

    def _store_intents(self, chunk: Chunk) -> None:
        """Store what is about to be sent, so that whoever resumes after a kill finds it.

        New rows become pending couplings with their GUIDs and the values sent as their base; updates and restored rows
        become unconfirmed writes. A slice does not end here, with all decided and nothing sent, unless its worker is
        stopping.
        """
        if not (chunk.remote_inserts or chunk.remote_updates):
            return
        organization_id = self.organization_id
        new = [one for one in chunk.remote_inserts if one.coupling is None]
        restored = [one for one in chunk.remote_inserts if one.replaces is not None]
        try:
            with self.context.checkpoint() as point:
                self._phase, point.phase = self._phase or point.phase, chunk.phase
                if chunk.remote_inserts:
                    self._say_creating()
                self._store_create_intents(chunk, new, organization_id)
                self._store_restore_intents(restored, organization_id)
                self._save_history(chunk)
                for update in chunk.remote_updates:
                    self.unconfirmed.add_update(self.job_id, update)
                self.unconfirmed.save()
        except (SliceEnded, Yielded):
            if lease.stopping.is_set():
                raise

    def _save_history(self, chunk: Chunk) -> None:
        """Save what is known to be written so far: of earlier writes whose answers were never saved, which are about
        to be forgotten.
        """
        changes = chunk.changes
        self.ledger.history.save(changes.written)
        self.unconfirmed.note_told(changes.told)
        changes.written, changes.told = [], []

    def _say_creating(self) -> None:
        """Store that whoever resumes has to look for pending couplings."""
        if not self.creating:
            SynchState.objects.update_or_create(mapping=self.mapping, defaults={"creating": True})
            self.creating = True

    def _store_create_intents(self, chunk: Chunk, new: Sequence[NewRemoteRow], organization_id: UUID) -> None:
        if new:
            inserted = insert_pending(self.reader, self.job_id, organization_id, new)
            for one in new:
                if one.id in inserted:
                    one.coupling = CouplingRow(inserted[one.id], one.record.id, one.id, pending=True)
            # Without a coupling: somebody coupled the record at this moment, so no row is created for it.
            chunk.remote_inserts = [one for one in chunk.remote_inserts if one.coupling is not None]
        alike, mapping = self.fields.alike_when_created(Side.INTEGRATION), self.mapping
        bases = [
            (one.coupling.id, mapping.company_id, mapping.pk, pack(one.base), alike and one.held_back is None)
            for one in chunk.remote_inserts
            if one.coupling is not None and one.replaces is None
        ]  # some are sent again, and have a base
        bulk.upsert(CouplingBase, "coupling_id", ("company_id", "mapping_id", "values", "compared"), bases)

    def _store_restore_intents(self, restored: Sequence[NewRemoteRow], organization_id: UUID) -> None:
        changed = []
        for one in restored:
            assert one.coupling is not None and one.replaces is not None
            previous = one.replaces.coupling.integration_id
            self.unconfirmed.add(
                one.coupling.id, UnconfirmedWrite(self.job_id, dict(remote_base(one.base)), str(previous))
            )
            changed.append((one.coupling.id, one.id, organization_id, self.job_id, True))
        if changed:
            forget_due(coupling_id for coupling_id, *_ in changed)
            bulk.update(Coupling, "id", ("integration_id", "organization_id", "job_id", "pending"), changed)
            bulk.update(CouplingBase, "coupling_id", ("version",), [(coupling_id, "") for coupling_id, *_ in changed])

    # -- sending and saving -----------------------------------------------------------------------------------------

    def _create(self, chunk: Chunk) -> list[WriteResult]:
        rows = [(one.id, one.columns) for one in chunk.remote_inserts]
        return self.gateway.create(self.mapping, rows) if rows else []

    def _send_and_save(
        self,
        chunk: Chunk,
        set_position: SetPosition,
        created: Sequence[WriteResult],
        asked_wait_s: float | None = None,
    ) -> None:
        """Send the updates of a chunk and save it; `asked_wait_s`: seconds that Dataverse asked to wait already."""
        self.later_look.into(created)
        wait_s = self._record_created(chunk, created)
        wait_s = wait_s if asked_wait_s is None else asked_wait_s
        if wait_s is None:
            self.prices.withdraw(chunk)
            updates = chunk.updates(any_version=bool(self.options.overwrite))
            updated = self.gateway.update(self.mapping, updates) if updates else []
            self.later_look.into(updated)
            wait_s = self._record_updated(chunk, updated)
        else:
            chunk.changes.due |= tries_of(chunk.remote_updates)
        self.ledger.learn_editors(chunk.changes)
        with self.context.checkpoint() as point:
            outcomes = self.ledger.save(chunk.changes)
            chunk.changes.written += chunk.changes.created
            self._save_history(chunk)
            point.outcomes += outcomes
            self.marking.note(point, chunk.changes.local_inserts, outcomes)
            unchanged = chunk.changes.unchanged
            point.derive(Outcome.UNCHANGED, [pk for pk, _ in unchanged], [note_of(one) for _, one in unchanged])
            point.processed(len(outcomes) + len(unchanged))
            self.unconfirmed.remove(
                coupling_id for coupling_id in chunk.changes.answered if coupling_id not in chunk.changes.due
            )
            self.unconfirmed.save()
            if chunk.changes.uncoupled:
                point.resume["already_reported"] = True  # their records may turn up again, as uncoupled ones
            point.phase, self._phase = self._phase or point.phase, ""
            set_position(point)
            self.deletions.keep(point.resume)
        if wait_s is not None:
            self.context.postpone(wait_s, LIMITED)
        self.marking.send(self.own.mark)

    def publish(self, rows: Sequence[tuple[UUID, HeldBack | None]]) -> dict[UUID, WriteResult]:
        """Change new rows to what they could not be created as. Return the results by row id, of those changed."""
        updates = later_changes(self.row_rules.after_create, rows)
        return {one.id: one for one in self.gateway.update(self.mapping, updates)} if updates else {}

    def _record_created(self, chunk: Chunk, results: Sequence[WriteResult]) -> float | None:
        """Record what became of new rows. Return the seconds to wait where Dataverse's limit stopped some."""
        wait_s: float | None = None
        sent = list(zip(chunk.remote_inserts, results, strict=True))
        published = self.publish([(one.id, one.held_back) for one, result in sent if result.ok])
        for one, created in sent:
            result, message = created, ""
            if (change := published.get(result.id)) is not None:
                if change.ok or change.retry_after is not None:
                    result = change  # where the limit stopped it, the pair stays pending: the next slice finds it
                else:
                    message = not_changed(one, change.message)
            if result.ok:
                self._record_new_row(chunk.changes, one, result.version, message)
            elif result.retry_after is not None:
                wait_s = max(wait_s or 0.0, result.retry_after)  # it stays pending: the next slice finds it
            else:
                self._record_refused_row(chunk.changes, one, result)
        return wait_s

    def _record_new_row(self, changes: ChunkChanges, new: NewRemoteRow, version: str, message: str) -> None:
        assert new.coupling is not None
        base, coupling = None, new.coupling
        if new.replaces is not None:  # the coupling of the row that was deleted leads to the new one now
            base, coupling = new.base, replace(new.coupling, integration_id=new.id)
        if new.held_back is not None and not message:
            base = {**new.base, **new.held_back.base}
        changes.created += new_row(self.fields, coupling, self.job_id, base or new.base)
        changes.created += further_of_new(self.fields, self.own.columns, new, self.job_id)
        column = new.columns.get(self.mapping.name_column)
        name = column if isinstance(column, str) else new.record.name
        self.confirm_created(changes, coupling, new.record, version, name, base, message)

    def _record_refused_row(self, changes: ChunkChanges, new: NewRemoteRow, result: WriteResult) -> None:
        assert new.coupling is not None
        reason, message = result.reason or Reason.REFUSED, self.owners.told(new.columns, result)
        if new.replaces is not None and not result.unknown:
            self.abandon_creation(changes, new.replaces)
            self.recorder.fail(changes, new.replaces, Side.INTEGRATION, reason, message, {"support": result.detail})
            return
        if not result.unknown:  # otherwise it stays pending: the next run looks for the row
            changes.dropped.append(new.coupling.id)
        self.recorder.fail_record(changes, new.record, reason, message, {"support": result.detail})

    def abandon_creation(self, changes: ChunkChanges, replaces: Pair) -> None:
        """Give up restoring a deleted row: the pair goes back to the row that was deleted."""
        changes.restore_failed.append((replaces.coupling.id, replaces.coupling.integration_id))
        changes.answered.append(replaces.coupling.id)

    def confirm_created(
        self,
        changes: ChunkChanges,
        coupling: CouplingRow,
        record: Record | None,
        version: str,
        name: str,
        base: Mapping[str, Value] | None,
        message: str = "",
    ) -> None:
        """Record that a row was created: the pair is inserted. `record`: None where it was deleted meanwhile."""
        local_modified_at = record.modified_at if record else None
        self.recorder.record_created(changes, coupling, version=version, local_modified_at=local_modified_at, base=base)
        key, title = key_and_name(record)
        changes.outcomes.append(
            OutcomeRow(
                Outcome.INSERTED, local_id=coupling.local_id, local_key=key, local_name=title,
                integration_id=coupling.integration_id, integration_name=name, detail={"side": "integration"},
                message=message,
            )
        )  # fmt: skip

    def _record_updated(self, chunk: Chunk, results: Sequence[WriteResult]) -> float | None:
        """Record what became of updates. Return the seconds to wait where Dataverse's limit stopped some."""
        wait_s: float | None = None
        changes = chunk.changes
        tries = tries_of(chunk.remote_updates) if any(not result.ok for result in results) else {}
        for one, result in zip(chunk.remote_updates, results, strict=True):
            coupling_id = one.pair.coupling.id
            if result.ok:
                self._record_updated_row(changes, one, result.version)
            elif result.retry_after is not None:
                wait_s = max(wait_s or 0.0, result.retry_after)
                changes.due[coupling_id] = tries[coupling_id]
            elif (result.mismatch or result.reason == Reason.RECORD_GONE) and tries[coupling_id] < MAX_TRIES:
                changes.due[coupling_id] = tries[coupling_id] + 1
            else:
                message = self.owners.told(one.columns, result)
                if result.mismatch:
                    message = "The Dataverse row kept changing while it was being written. The next run tries again."
                else:
                    changes.answered.append(coupling_id)
                reason = result.reason or Reason.REFUSED
                detail = {**(one.outcome.detail or {}), "support": result.detail}
                self.recorder.fail(changes, one.pair, Side.INTEGRATION, reason, message, detail)
        return wait_s

    def _record_updated_row(self, changes: ChunkChanges, update: RemoteUpdate, version: str) -> None:
        coupling, version = update.pair.coupling, version if update.whole else ""
        changes.written += written(coupling.local_id, coupling.integration_id, self.job_id, update.changes)
        changes.told.append(coupling.id)
        if update.fields:
            changes.local_updates.append(
                LocalUpdate(
                    update.pair, update.fields, update.outcome, dict(update.base), version, update.deferred,
                    update.local_changes,
                )
            )  # fmt: skip
            return
        assert update.pair.local is not None
        self.recorder.record_success(
            changes, coupling, version=version, local_modified_at=update.pair.local.modified_at,
            base=update.base, deferred=update.deferred,
        )  # fmt: skip
        changes.outcomes.append(update.outcome)
