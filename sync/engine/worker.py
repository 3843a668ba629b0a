"""One chunk of pairs from reading to saving: decide, store intents, send, save. The order makes it safe to kill.

    decide            pure; nothing is written
    store intents     GUIDs of new Dataverse rows go into pending couplings, updates into doubts, in a checkpoint
    send              outside any transaction; updates only at the version that was compared
    save              both sides' results, outcomes and the place to go on from, in one checkpoint

Killed before saving, the chunk is read again: new rows are found by their GUIDs, and what was sent already is known
for our own.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from core import bulk
from coupling.couplings.uncouple_job import clear_company_column
from coupling.gateway import Gateway, WriteResult
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping, Method
from jobs import lease
from jobs.errors import Cancelled, SliceEnded, Yielded
from jobs.models import Outcome, Reason
from jobs.running.runner import Checkpoint, JobContext, OutcomeRow
from sync.engine.decisions import Chunk, Create, Decider, Options, Send
from sync.engine.field_specs import MappingNotUsable
from sync.engine.ledger import ChunkChanges, key_and_name
from sync.engine.pairs import Link, Pair, Record
from sync.engine.unconfirmed_writes import UnconfirmedWrite
from sync.models import DuePair
from sync.rules.transfer import pack
from sync.rules.values import Side, Value

Move = Callable[[Checkpoint], None]
"""Sets the place to go on from, in a checkpoint."""

_PENDING = (
    "company_id", "mapping_id", "table", "local_id", "integration_id", "organization_id", "method", "job_id", "pending",
)  # fmt: skip
AT_ONCE = 2
"""How many chunks of new rows are sent at once: so that Dataverse need not wait for the next one."""
MOST_TRIES = 3
"""How often a pair may change while it is written before it fails."""


class Worker(Decider):
    """Works on chunks of one job's mapping: decides, sends, saves."""

    def __init__(
        self, context: JobContext, mapping: IntegrationTableMapping, gateway: Gateway, options: Options
    ) -> None:
        super().__init__(mapping, gateway, options, job_id=context.job.pk)
        self.context = context

    @property
    def organization_id(self) -> UUID:
        """The organization, verified; another one stops the job here, before the first write."""
        found = self.gateway.organization_id
        if self.ledger.organization_id is None:
            strangers = self.reader.couplings.exclude(organization_id=found).exclude(organization_id=None).count()
            if strangers:
                raise MappingNotUsable(
                    f"{strangers:,} couplings of {self.mapping.name} were made in another Dataverse organization than "
                    "the one the connection leads to now, so nothing was written.",
                    "Connect to that environment again, or delete the couplings.",
                    reason=Reason.WRONG_ENVIRONMENT,
                )
            self.ledger.organization_id = found
        return found

    def process_chunk(self, chunk: Chunk, move: Move) -> None:
        """Send and save a decided chunk; `move` sets the place to go on from, in the same transaction.

        Where Dataverse's limit stopped some of the chunk, those stay pending or due, and the job is postponed.
        """
        self._prepare(chunk)
        held = self._release(chunk) if chunk.released else None
        self._send_and_save(chunk, move, self._create(chunk), held)

    def process_new_chunks(self, chunks: Iterable[tuple[Chunk, Move]]) -> None:
        """Send and save chunks of nothing but new rows; while Dataverse creates those of one, the next is made ready.

        Each is saved in its turn. Where the job is stopped, what has been sent is saved before.
        """
        flying: deque[tuple[Chunk, Move, Future[list[WriteResult]]]] = deque()

        def land() -> None:
            chunk, move, created = flying.popleft()
            self._send_and_save(chunk, move, created.result())

        sender = ThreadPoolExecutor(AT_ONCE, "create")
        try:
            for chunk, move in chunks:
                self._prepare(chunk)
                flying.append((chunk, move, sender.submit(self._create, chunk)))
                if len(flying) > AT_ONCE:
                    land()
            while flying:
                land()
        except (SliceEnded, Yielded, Cancelled):
            while flying:
                with suppress(SliceEnded, Yielded, Cancelled):
                    land()
            raise
        finally:
            sender.shutdown(cancel_futures=True)  # what was not sent stays pending, for the next slice

    def _prepare(self, chunk: Chunk) -> None:
        if chunk.sends or chunk.creates or chunk.released or chunk.saved.any:
            _ = self.organization_id  # what another organization says must change nothing here either
        self._store_intents(chunk)

    def _create(self, chunk: Chunk) -> list[WriteResult]:
        items = [(one.id, one.columns) for one in chunk.creates]
        return self.gateway.create(self.mapping, items) if items else []

    def _send_and_save(
        self, chunk: Chunk, move: Move, created: Sequence[WriteResult], held: float | None = None
    ) -> None:
        """Send what is left of a chunk, and save it. held: the seconds to wait that Dataverse has asked for already."""
        wait = self._created(chunk, created)
        wait = wait if held is None else held
        if wait is None:
            changes = [(one.pair.link.integration_id, one.columns, self._based_on(one.pair)) for one in chunk.sends]
            wait = self._sent(chunk, self.gateway.update(self.mapping, changes) if changes else [])
        else:
            chunk.saved.due |= self._tries(chunk.sends)
        with self.context.checkpoint() as point:
            outcomes = self.ledger.save(chunk.saved)
            point.outcomes += outcomes
            point.processed(len(outcomes))
            self.doubts.settle(key for key in chunk.saved.sure if key not in chunk.saved.due)
            self.doubts.save()
            if chunk.saved.uncoupled:
                point.resume["told"] = True  # their records may turn up again, as uncoupled ones
            move(point)
        if wait is not None:
            self.context.postpone(wait, "Dataverse limits how much may be sent, and asked to wait.")

    def _release(self, chunk: Chunk) -> float | None:
        """Take our company's mark from the rows of pairs about to be taken apart; where it stays, so does the pair."""
        ids = [pair.link.integration_id for pair, _ in chunk.released]
        results, wait = clear_company_column(self.gateway, self.mapping, ids), None
        for pair, outcome in chunk.released:
            result = results.get(pair.link.integration_id)
            if result is None or result.ok or result.reason == Reason.RECORD_GONE:
                chunk.saved.uncoupled.append(pair.link.id)
                chunk.saved.sure.append(pair.link.id)
                chunk.saved.outcomes.append(outcome)
                continue
            if result.retry_after is not None:
                wait = max(wait or 0.0, result.retry_after)
                chunk.saved.due[pair.link.id] = 0
                continue
            message = f"The coupling was kept, because the row could not be released: {result.message}"
            self.ledger.fail(
                chunk.saved,
                pair,
                Side.INTEGRATION,
                result.reason or Reason.REFUSED,
                message,
                {"support": result.detail},
            )
        return wait

    @staticmethod
    def _tries(sends: Sequence[Send]) -> dict[int, int]:
        ids = [one.pair.link.id for one in sends]
        known = dict(DuePair.objects.filter(coupling_id__in=ids).values_list("coupling_id", "tries"))
        return {key: known.get(key, 0) for key in ids}

    def _based_on(self, pair: Pair) -> str:
        if self.options.overwrite:
            return ""
        return pair.remote.version if pair.remote is not None else pair.link.version

    def _store_intents(self, chunk: Chunk) -> None:
        """What is about to be sent, before the first request: whoever goes on after a kill finds it.

        New rows as pending couplings with their GUIDs and the values sent as their base; updates and restored rows as
        doubts. A slice does not end here, with all decided and nothing sent; a stopping worker's does.
        """
        if not (chunk.creates or chunk.sends):
            return
        organization = self.organization_id
        fresh = [one for one in chunk.creates if one.link is None]
        try:
            with self.context.checkpoint():
                self._store_create_intents(chunk, fresh, organization)
                self._intend_restored([one for one in chunk.creates if one.restores is not None], organization)
                for one in chunk.sends:
                    values = {name: one.base[name] for name in one.sent}
                    self.doubts.add(one.pair.link.id, UnconfirmedWrite(self.job_id, values))
                self.doubts.save()
        except (SliceEnded, Yielded):
            if lease.stopping.is_set():
                raise

    def _store_create_intents(self, chunk: Chunk, fresh: Sequence[Create], organization: UUID) -> None:
        bulk.insert(
            Coupling, _PENDING,
            [
                (self.mapping.company_id, self.mapping.pk, self.mapping.table, one.record.id, one.id, organization,
                 Method.CREATED, self.job_id, True)
                for one in fresh
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        if fresh:
            found = self._inserted(fresh)
            for one in fresh:
                if one.id in found:
                    one.link = _new_link(found[one.id], one)
            # Somebody coupled a record by hand in this instant: it is no longer ours to create.
            chunk.creates = [one for one in chunk.creates if one.link is not None]
        new = [(one.link.id, pack(one.base)) for one in chunk.creates if one.link is not None and one.restores is None]
        if len(new) > len(fresh):  # some of before, sent again
            bulk.delete(CouplingBase, "coupling_id", [key for key, _ in new])
        bulk.insert(CouplingBase, ("coupling_id", "values"), new)

    def _inserted(self, fresh: Sequence[Create]) -> dict[UUID, int]:
        """The keys of the pending couplings just inserted, by the row's id; none where somebody coupled the record.

        New ids follow each other in time, so these rows stand together in the index: none is looked up by itself.
        """
        ids = [one.id for one in fresh]
        own = self.reader.couplings.filter(company_id=self.mapping.company_id, table=self.mapping.table)
        made = own.filter(job_id=self.job_id, integration_id__range=(min(ids), max(ids)))
        return dict(made.values_list("integration_id", "id"))

    def _intend_restored(self, restored: Sequence[Create], organization: UUID) -> None:
        changed = []
        for one in restored:
            assert one.link is not None and one.restores is not None
            before = one.restores.link.integration_id
            self.doubts.add(one.link.id, UnconfirmedWrite(self.job_id, one.base, str(before)))
            changed.append((one.link.id, one.id, organization, self.job_id, "", True))
        if changed:
            bulk.delete(DuePair, "coupling_id", [key for key, *_ in changed])
            columns = ("integration_id", "organization_id", "job_id", "version", "pending")
            bulk.update(Coupling, "id", columns, changed)

    def publish(self, ids: Sequence[UUID]) -> dict[UUID, WriteResult]:
        """Change new rows to what they could not be created as; by id what came of it, where there is such a thing."""
        then = self.extra.then if self.extra is not None else None
        if not then or not ids:
            return {}
        return {one.id: one for one in self.gateway.update(self.mapping, [(key, then, "") for key in ids])}

    def _created(self, chunk: Chunk, results: Sequence[WriteResult]) -> float | None:
        wait: float | None = None
        published = self.publish([result.id for result in results if result.ok])
        for one, created in zip(chunk.creates, results, strict=True):
            result, message = created, ""
            assert one.link is not None
            if (then := published.get(result.id)) is not None:
                if then.ok or then.retry_after is not None:
                    result = then  # where the limit stopped it, the pair stays pending: the next slice finds it
                else:
                    message = f"The row was created, and could not be published: {then.message}"
            if result.ok:
                base, link = None, one.link
                if one.restores is not None:  # the coupling of the row that was deleted leads to the new one now
                    base, link = one.base, replace(one.link, integration_id=one.id)
                self.confirm(chunk.saved, link, one.record, result.version, self._sent_name(one), base, message)
            elif result.retry_after is not None:
                wait = max(wait or 0.0, result.retry_after)  # it stays pending: the next slice finds it
            elif one.restores is not None:
                reason, detail = result.reason or Reason.REFUSED, {"support": result.detail}
                self.abandon_creation(chunk.saved, one.restores)
                self.ledger.fail(chunk.saved, one.restores, Side.INTEGRATION, reason, result.message, detail)
            else:
                chunk.saved.dropped.append(one.link.id)
                chunk.saved.outcomes.append(
                    OutcomeRow(
                        Outcome.FAILED, result.reason or Reason.REFUSED, local_id=one.record.id,
                        local_key=one.record.key, local_name=one.record.name, message=result.message,
                        detail={"support": result.detail},
                    )
                )  # fmt: skip
        return wait

    def abandon_creation(self, saved: ChunkChanges, restores: Pair) -> None:
        """A deleted row could not be restored: its pair is what it was, with the row that is gone."""
        saved.returned.append((restores.link.id, restores.link.integration_id))
        saved.sure.append(restores.link.id)

    def confirm(
        self,
        saved: ChunkChanges,
        link: Link,
        record: Record | None,
        version: str,
        name: str,
        base: Mapping[str, Value] | None,
        message: str = "",
    ) -> None:
        """A created row is there: the pair is settled as inserted. `record`: None when it was deleted meanwhile."""
        self.ledger.confirm(saved, link, version, record.modified_at if record else None, base)
        key, title = key_and_name(record)
        saved.outcomes.append(
            OutcomeRow(
                Outcome.INSERTED, local_id=link.local_id, local_key=key, local_name=title,
                integration_id=link.integration_id, integration_name=name, detail={"side": "integration"},
                message=message,
            )
        )  # fmt: skip

    def _sent_name(self, one: Create) -> str:
        value = one.columns.get(self.mapping.name_column)
        return str(value) if isinstance(value, str) else one.record.name

    def _sent(self, chunk: Chunk, results: Sequence[WriteResult]) -> float | None:
        wait: float | None = None
        tries = self._tries(chunk.sends) if any(not result.ok for result in results) else {}
        for one, result in zip(chunk.sends, results, strict=True):
            link, saved = one.pair.link, chunk.saved
            if result.ok:
                if one.fields:
                    saved.updates.append((one.pair, one.fields, one.outcome, dict(one.base), result.version, one.left))
                    continue
                assert one.pair.local is not None
                self.ledger.settle(
                    saved, link, version=result.version, local_modified_at=one.pair.local.modified_at, base=one.base,
                    left=one.left,
                )  # fmt: skip
                saved.outcomes.append(one.outcome)
            elif result.retry_after is not None:
                wait = max(wait or 0.0, result.retry_after)
                saved.due[link.id] = tries[link.id]
            elif (result.mismatch or result.reason == Reason.RECORD_GONE) and tries[link.id] < MOST_TRIES:
                saved.due[link.id] = tries[link.id] + 1
            else:
                message = result.message
                if not result.mismatch:
                    saved.sure.append(link.id)
                else:
                    message = "The Dataverse row kept changing while it was being written. The next run tries again."
                self.ledger.fail(
                    saved, one.pair, Side.INTEGRATION, result.reason or Reason.REFUSED, message,
                    {**(one.outcome.detail or {}), "support": result.detail},
                )  # fmt: skip
        return wait


def _new_link(coupling: int, one: Create) -> Link:
    """The pending coupling of a row about to be created."""
    return Link(coupling, one.record.id, one.id, "", None, None, True, "", "", "", False, None, None)
