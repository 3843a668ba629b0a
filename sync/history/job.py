"""The job that puts values back: of records here in the transaction that tells of it, in Dataverse at the version read.

    read both sides        and see which values are still what synchronization wrote
    store what is sent     in the job, so that whoever goes on after a kill knows his own writes
    send                   outside any transaction, with the version of each row
    save                   records here, the history's lines, outcomes

The base of the pair stays, so that the next synchronization finds the value changed on the side where it was put back,
as after any edit, and brings it to the other one where the field goes that way.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn
from uuid import UUID

from core.refusals import NotUsable
from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.mappings.services import require_usable
from coupling.models import IntegrationTableMapping
from jobs.models import Outcome, Reason
from jobs.outcomes import rows_of
from jobs.running.context import JobContext, OutcomeRow
from masterdata.models import ChangedBy
from sync.engine.chunk import LIMITED, ChunkChanges, LocalUpdate
from sync.engine.options import Options
from sync.engine.pairs import Pair, read_couplings
from sync.engine.worker import MAX_TRIES, Worker
from sync.engine.written_fields import written
from sync.history.parameters import PutBackParameters
from sync.history.plan import Plan, Planner
from sync.history.reading import NetChange, in_sum
from sync.models import SynchronizedValue

PAIRS = 200
"""How many pairs are read, sent and saved together."""
_SENDING = "sending"
"""Where the job keeps what it is about to send: record -> field -> what it replaces."""
_Ids = tuple[UUID, UUID]
_ROW_KEPT_CHANGING = "The row kept changing in Dataverse while it was being written. Put the value back again."


def handle(context: JobContext) -> None:
    """Put values back. Raises Refusal, DataverseError."""
    mapping = IntegrationTableMapping.objects.filter(company=context.company, name=context.job.mapping_name).first()
    if mapping is None:
        raise NotUsable(f"There is no integration table mapping {context.job.mapping_name} any more.")
    require_usable(mapping)
    _PuttingBack(context, mapping).execute()


class _PuttingBack:
    """One slice of a job."""

    def __init__(self, context: JobContext, mapping: IntegrationTableMapping) -> None:
        self.context, self.mapping = context, mapping
        parameters = PutBackParameters.load(context.parameters)
        self.gateway = Gateway(context.company, context.usage)
        drift = column_looks.look(mapping, self.gateway.table(mapping).columns)
        self.worker = Worker(context, mapping, self.gateway, Options(), drift)
        _ = self.worker.organization_id  # of another organization nothing is written
        self.worker.ledger.changed_by = ChangedBy.PERSON
        self.planner = Planner(self.worker, anyway=parameters.anyway)
        lines = SynchronizedValue.objects.filter(company=context.company, pk__in=parameters.lines)
        self.asked: dict[_Ids, list[NetChange]] = defaultdict(list)
        for one in in_sum(lines.select_related("field")):
            self.asked[one.local_id, one.integration_id].append(one)

    def execute(self) -> NoReturn:
        """Work through the pairs from where the job stands, and end it."""
        if "after" not in self.context.resume:
            with self.context.checkpoint() as point:
                point.total, point.resume["after"] = len(self.asked), 0
        pairs = sorted(self.asked)
        while (after := self.context.resume["after"]) < len(pairs):
            self._process(pairs[after : after + PAIRS], after + PAIRS)
        self.context.finish(total=self.context.job.processed)

    def _process(self, ids: Sequence[_Ids], behind: int) -> None:
        """Put back the values of some pairs; those that change meanwhile are read again a few times."""
        for tries_left in reversed(range(MAX_TRIES)):
            left = self._without_outcome(ids)
            if not left:
                break
            self._put_back(left, last=not tries_left)
        with self.context.checkpoint() as point:
            point.resume["after"] = behind

    def _without_outcome(self, ids: Sequence[_Ids]) -> list[_Ids]:
        told = rows_of(self.context.job).filter(local_id__in=[local_id for local_id, _ in ids])
        done = set(told.values_list("local_id", "integration_id"))
        return [one for one in ids if one not in done]

    def _put_back(self, ids: Sequence[_Ids], *, last: bool) -> None:
        """Try once. last: what changes meanwhile this time fails."""
        plans = self._plans(ids)
        sent = [plan for plan in plans if plan.columns]
        if sent:
            with self.context.checkpoint() as point:
                point.resume[_SENDING] = {
                    str(plan.pair.coupling.local_id): {one.name: one.before for one in plan.there} for plan in sent
                }
        updates = [(plan.row_id, plan.columns, plan.version) for plan in sent]
        results = self.gateway.update(self.mapping, updates) if updates else []
        changes, wait_s = ChunkChanges(), None
        told: list[OutcomeRow] = [plan.outcome for plan in plans if plan.outcome is not None]
        for plan, result in zip(sent, results, strict=True):
            plan.was_sent = result.ok
            if result.ok:
                self._note(changes, plan)
            elif result.retry_after is not None:
                wait_s = max(wait_s or 0.0, result.retry_after)
            elif not result.mismatch or last:
                message = _ROW_KEPT_CHANGING if result.mismatch else result.message
                plan.outcome = self.worker.recorder.outcome(
                    Outcome.FAILED, plan.pair, reason=result.reason or Reason.REFUSED, message=message,
                    detail={"support": result.detail},
                )  # fmt: skip
                told.append(plan.outcome)
        for plan in plans:
            if plan.outcome is not None or (plan.columns and not plan.was_sent):
                continue
            if not plan.columns and plan.there:  # sent before a kill
                self._note(changes, plan)
            self._end(changes, plan)
        with self.context.checkpoint() as point:
            outcomes = [*told, *self.worker.ledger.save_put_back(changes)]
            if last:
                outcomes += self._kept_changing(plans, outcomes)
            point.outcomes += outcomes
            point.processed(len(outcomes))
            point.resume[_SENDING] = {}
        if wait_s is not None:
            self.context.postpone(wait_s, LIMITED)

    def _note(self, changes: ChunkChanges, plan: Plan) -> None:
        """Have the history tell of a row that was written, and the next synchronization look at the pair."""
        coupling = plan.pair.coupling
        changes.written += written(coupling.local_id, coupling.integration_id, self.context.job.pk, plan.there)
        changes.due[coupling.id] = 0

    def _end(self, changes: ChunkChanges, plan: Plan) -> None:
        pair = plan.pair
        outcome = self.worker.recorder.outcome(Outcome.MODIFIED, pair, message=plan.message)
        if not plan.fields:
            changes.outcomes.append(outcome)
            return
        changes.due.setdefault(pair.coupling.id, 0)
        changes.local_updates.append(
            LocalUpdate(pair, plan.fields, outcome, dict(pair.base), pair.coupling.version, False, plan.here)
        )

    def _kept_changing(self, plans: Iterable[Plan], outcomes: Sequence[OutcomeRow]) -> list[OutcomeRow]:
        """Return the outcomes of records that somebody changed each time between reading and writing them."""
        told = {(one.local_id, one.integration_id) for one in outcomes}
        return [
            self.worker.recorder.outcome(
                Outcome.FAILED, plan.pair, reason=Reason.CHANGED_SINCE,
                message="The record kept changing here while it was being written. Put the value back again.",
            )
            for plan in plans
            if (plan.pair.coupling.local_id, plan.row_id) not in told and plan.fields
            and not (plan.columns and not plan.was_sent)  # Dataverse asked to wait before it was sent
        ]  # fmt: skip

    # -- reading ------------------------------------------------------------------------------------------------------

    def _plans(self, ids: Sequence[_Ids]) -> list[Plan]:
        """Read both sides and say what is to be written of each pair."""
        reader = self.worker.reader
        couplings = {
            (one.local_id, one.integration_id): one
            for one in read_couplings(reader.couplings.filter(local_id__in=[local_id for local_id, _ in ids]))
            if not one.pending
        }
        found = [couplings[one] for one in ids if one in couplings]
        rows = self.gateway.read(self.mapping, self.worker.columns, [one.integration_id for one in found])
        pairs = reader.read_pairs(found, rows)
        self.worker.fields.prepare(
            [pair.local.values for pair in pairs if pair.local], [pair.remote.values for pair in pairs if pair.remote]
        )
        sending: Mapping[str, Mapping[str, Any]] = self.context.resume.get(_SENDING) or {}
        by_ids: dict[_Ids, Pair] = {(pair.coupling.local_id, pair.coupling.integration_id): pair for pair in pairs}
        return [
            self.planner.plan(one, self.asked[one], by_ids.get(one), sending.get(str(one[0]), {})) for one in ids
        ]  # fmt: skip
