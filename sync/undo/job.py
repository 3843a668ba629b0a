"""The job that undoes a coupling job, part after part of its couplings, in the order they were made.

    look                   which are ended, which stay (sync.rules.undoing)
    read both sides        of those whose values go back, and see which still are what synchronization wrote
    store what is sent     in the job, so that whoever goes on after a kill knows his own writes
    send                   outside any transaction: values with the company's mark taken off, at the version read; of
                           rows without values the mark alone
    save                   records here, the history's lines, the end of the couplings, outcomes: one transaction

A pair that changes meanwhile is read again; what stays is told in the checkpoint behind each part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from uuid import UUID

from coupling.couplings.coupled_records import kept_of_ended
from coupling.couplings.uncouple_job import clear_company_column
from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.mappings.services import get_mapping, require_enabled
from coupling.models import IntegrationTableMapping
from coupling.rows import RemoteRow, WriteResult
from jobs.models import Job, Outcome, Reason
from jobs.outcomes import rows_of
from jobs.running.context import Checkpoint, JobContext, OutcomeRow
from masterdata.models import ChangedBy
from sync.engine.chunk import LIMITED, ChunkChanges, LocalUpdate
from sync.engine.options import Options
from sync.engine.pairs import Pair, read_couplings
from sync.engine.worker import MAX_TRIES, Worker
from sync.engine.written_fields import written
from sync.history.plan import Plan, Planner
from sync.history.reading import NetChange
from sync.models import WrittenSide
from sync.rules.changes import Kept
from sync.rules.putting_back import put_back_words
from sync.rules.undoing import own_value
from sync.undo.choices import undo_choices
from sync.undo.parameters import UndoParameters
from sync.undo.reading import Made, MadeByJob, Writes

PAIRS = 200
"""How many pairs are read, sent and saved together."""
_SENDING = "sending"
"""Where the job keeps what it is about to send: coupling -> field -> what it replaces."""
ROW_STAYS = "The row that the job had created in Dataverse stays there."
_KEPT_CHANGING = "It kept changing while it was being undone, so it is coupled still. Undo the job again."


def handle(context: JobContext) -> None:
    """Undo a coupling job. Raises Refusal, DataverseError."""
    asked = UndoParameters.load(context.parameters)
    mapping = get_mapping(context.company, context.job.mapping_name)
    require_enabled(context.company)
    undone = Job.objects.filter(company=context.company, pk=asked.job).first()
    if undone is None:
        context.fail(Reason.CONFIGURATION, f"Job {asked.job} is no longer kept, so it cannot be undone.")
    if mapping.uid_kind == "option":
        undo_choices(context, mapping, undone)
    _Undoing(context, mapping, undone, values=asked.values).execute()


@dataclass(slots=True)
class _End:
    """A pair to be ended, with what is written of it before."""

    made: Made
    plan: Plan | None = None
    """None where no value goes back."""
    problem: str = ""
    reason: str = ""
    detail: dict[str, Any] | None = None
    waits: bool = False
    """It changed meanwhile, and is read again."""
    limited: bool = False
    """Dataverse's limit stopped it."""
    notes: list[str] = field(default_factory=list)

    @property
    def sends(self) -> bool:
        """Whether columns of the row are to be written."""
        return self.plan is not None and bool(self.plan.columns)

    @property
    def fails(self) -> bool:
        """Whether the pair cannot be ended."""
        return bool(self.problem)


class _Undoing:
    """One slice of a job."""

    def __init__(self, context: JobContext, mapping: IntegrationTableMapping, undone: Job, *, values: bool) -> None:
        self.context, self.mapping, self.values = context, mapping, values
        self.made = MadeByJob(undone, mapping)
        self.gateway = Gateway(context.company, context.usage)
        drift = column_looks.look(mapping, self.gateway.table(mapping).columns)
        self.worker = Worker(context, mapping, self.gateway, Options(), drift)
        _ = self.worker.organization_id  # of another organization nothing is written
        self.worker.ledger.changed_by = ChangedBy.PERSON
        self.planner = Planner(self.worker, anyway=False)

    def execute(self) -> NoReturn:
        """Work through the couplings from where the job stands, and end it."""
        numbers = self.made.numbers
        if "after" not in self.context.resume:
            with self.context.checkpoint() as point:
                point.total, point.phase = len(numbers), "Undoing"
                point.resume["after"] = 0
        while True:
            left = numbers[numbers > self.context.resume["after"]][:PAIRS].tolist()
            if not left:
                break
            self._process(left)
        self.context.finish(self._message())

    def _message(self) -> str:
        counters = self.context.job.counters
        parts = [f"{counters.get('uncoupled', 0):,} uncoupled"]
        for name, words in (("skipped", "left as they are"), ("failed", "failed")):
            if counters.get(name):
                parts.append(f"{counters[name]:,} {words}")
        return ", ".join(parts) + "."

    def _process(self, numbers: Sequence[int]) -> None:
        """Undo a part; pairs that change meanwhile are read again a few times."""
        for tries_left in reversed(range(MAX_TRIES)):
            ends = [one for one in self._left(numbers) if one.why is None]
            if not ends:
                break
            self._end(ends, last=not tries_left)
        stay = [one for one in self._left(numbers) if one.why is not None]
        with self.context.checkpoint() as point:
            point.outcomes += map(_stays, stay)
            point.processed(len(stay))
            point.resume = {**self.context.resume, "after": numbers[-1], _SENDING: {}}

    def _left(self, numbers: Sequence[int]) -> list[Made]:
        """Return those of the couplings that have no outcome in this job yet, as they stand now."""
        own = rows_of(self.context.job)
        ended = set(own.filter(number__in=list(numbers)).values_list("number", flat=True))
        left = self.made.look([number for number in numbers if number not in ended])
        ids = [one.local_id for one in left if one.local_id is not None]
        failed = set(own.filter(local_id__in=ids).values_list("local_id", "integration_id"))
        return [one for one in left if one.local_id is None or (one.local_id, one.row_id) not in failed]

    # -- ending pairs -------------------------------------------------------------------------------------------------

    def _end(self, pairs: Sequence[Made], *, last: bool) -> None:
        """Try once. last: what changes meanwhile this time fails, and stays coupled."""
        ends = self._plans(pairs)
        sent = [one for one in ends if one.sends and not one.fails]
        if sent:
            with self.context.checkpoint() as point:
                kept = {str(one.made.number): {c.name: c.before for c in one.plan.there} for one in sent if one.plan}
                point.resume = {**self.context.resume, _SENDING: kept}
        wait_s = self._send(sent, last=last)
        quiet = [one for one in ends if not (one.sends or one.fails or one.waits)]
        wait_s = max(wait_s, self._release(quiet, last=last))
        with self.context.checkpoint() as point:
            self._save(point, ends, last=last)
            point.resume = {**self.context.resume, _SENDING: {}}
        if wait_s:
            self.context.postpone(wait_s, LIMITED)

    def _send(self, sent: Sequence[_End], *, last: bool) -> float:
        """Write values back to rows, at the versions that were read. Returns the seconds that Dataverse asked for."""
        plans = [one.plan for one in sent if one.plan is not None]
        updates = [(plan.row_id, plan.columns, plan.version) for plan in plans]
        results = self.gateway.update(self.mapping, updates) if updates else []
        return max((_note(one, result, last=last) for one, result in zip(sent, results, strict=True)), default=0.0)

    def _release(self, ends: Sequence[_End], *, last: bool) -> float:
        """Take the company's mark off rows to which nothing else is written. Returns the seconds to wait."""
        by_row = {one.made.row_id: one for one in ends if one.made.row_id is not None}
        results = clear_company_column(self.gateway, self.mapping, list(by_row))
        return max(
            (
                _note(by_row[row_id], result, last=last)
                for row_id, result in results.items()
                if result.reason != Reason.RECORD_GONE
            ),
            default=0.0,
        )

    def _save(self, point: Checkpoint, ends: Sequence[_End], *, last: bool) -> None:
        """Write records here, and end the couplings of the pairs that went well."""
        changes, outcomes = ChunkChanges(), []
        for one in ends:
            if one.fails or one.waits or one.limited:
                if one.fails:
                    outcomes.append(_failed(one))
                continue
            plan, made = one.plan, one.made
            if plan is not None and made.local_id is not None and plan.there:
                changes.written += written(made.local_id, plan.row_id, self.context.job.pk, plan.there)
            if plan is not None and plan.fields:
                pair = plan.pair
                changes.local_updates.append(
                    LocalUpdate(
                        pair, plan.fields, _ended(one), dict(pair.base), pair.coupling.version, False, plan.here
                    )
                )
            else:
                outcomes.append(_ended(one))
        local = self.worker.ledger.save_put_back(changes)
        told = {row.local_id for row in (*outcomes, *local)}
        if last:  # a record here that changed between reading and writing, each time
            outcomes += [
                _failed(one, _KEPT_CHANGING) for one in ends if one.made.local_id not in told and not one.limited
            ]
        outcomes += local
        done = [row for row in outcomes if row.outcome == Outcome.UNCOUPLED]
        kept = [row for row in outcomes if row.outcome != Outcome.UNCOUPLED]
        point.outcomes += [*kept_of_ended(done), *kept]
        self.worker.ledger.end_couplings([row.number for row in done if row.number is not None])
        point.processed(len(outcomes))

    # -- reading ------------------------------------------------------------------------------------------------------

    def _plans(self, pairs: Sequence[Made]) -> list[_End]:
        """Say what is to be written of each pair; both sides are read of those whose values go back."""
        ends = {made.number: _End(made) for made in pairs}
        for made in pairs:
            if made.created:
                ends[made.number].notes.append(ROW_STAYS)
        written_ones = [made for made in pairs if made.written] if self.values else []
        if not written_ones:
            return list(ends.values())
        reader = self.worker.reader
        couplings = list(read_couplings(reader.couplings.filter(pk__in=[made.number for made in written_ones])))
        column = self.mapping.company_column
        columns = self.worker.columns
        if column in self.gateway.table(self.mapping).columns and column not in columns:
            columns = [*columns, column]
        rows = self.gateway.read(self.mapping, columns, [one.integration_id for one in couplings])
        by_number = {pair.coupling.id: pair for pair in reader.read_pairs(couplings, rows)}
        found = list(by_number.values())
        self.worker.fields.prepare(
            [pair.local.values for pair in found if pair.local], [pair.remote.values for pair in found if pair.remote]
        )
        sending = self.context.resume.get(_SENDING) or {}
        for made in written_ones:
            pair = by_number.get(made.number)
            if pair is not None:  # otherwise it was uncoupled meanwhile: the next look tells so
                self._plan(ends[made.number], pair, sending.get(str(made.number), {}))
            else:
                ends[made.number].waits = True
        return list(ends.values())

    def _plan(self, end: _End, pair: Pair, sending: dict[str, Kept]) -> None:
        asked = [_net(end.made, one) for one in end.made.written]
        if pair.remote is None and any(one.side == WrittenSide.INTEGRATION for one in asked):
            asked = [one for one in asked if one.side == WrittenSide.LOCAL]
            end.notes.append("The row was deleted in Dataverse, so no value went back there.")
        ids = pair.coupling.local_id, pair.coupling.integration_id
        plan = end.plan = self.planner.plan(ids, asked, pair, sending)
        if plan.problems:
            end.problem = (
                f"{' '.join(one.user_message for one in plan.problems)} The coupling was kept. Settle that, or undo "
                "the job without putting values back."
            )
            end.reason = plan.problems[0].reason
            return
        if plan.columns:
            plan.columns |= self._mark(pair.remote)
        for words, names in (
            ("Back in Dataverse", [self._caption(one.name) for one in plan.there]),
            ("Back here", [self._caption(one.name) for one in plan.here]),
        ):
            if names:
                end.notes.append(f"{words}: {put_back_words(names).removesuffix('.')}.")
        end.notes += plan.stays

    def _mark(self, row: RemoteRow | None) -> dict[str, Any]:
        """Return the column that marks a row as this company's, blank, where it does."""
        company, column = self.gateway.company_row_id, self.mapping.company_column
        marked = row is not None and company is not None and str(row.values.get(column) or "").lower() == str(company)
        return {column: None} if marked else {}

    def _caption(self, name: str) -> str:
        spec = self.worker.fields.specs.get(name)
        return spec.caption if spec is not None else self.worker.reader.table.field(name).caption


def _net(made: Made, one: Writes) -> NetChange:
    """Return what a value is put back to and from, as it is put back by hand."""
    side = WrittenSide.LOCAL if one.here else WrittenSide.INTEGRATION
    ids: tuple[UUID, UUID] = (made.local_id or UUID(int=0), made.row_id or UUID(int=0))
    return NetChange(*ids, one.field, side, own_value(one.writes), one.writes[-1].after, ())


def _note(end: _End, result: WriteResult, *, last: bool) -> float:
    """Note how writing to a row went. Returns the seconds that Dataverse asked to wait."""
    if result.ok:
        return 0.0
    if result.retry_after is not None:
        end.limited = True
        return float(result.retry_after)
    if result.mismatch and not last:
        end.waits = True
        return 0.0
    end.reason = result.reason or Reason.REFUSED
    end.detail = {"support": result.detail}
    end.problem = (
        _KEPT_CHANGING if result.mismatch
        else f"The coupling was kept, because the row could not be written in Dataverse: {result.message}"
    )  # fmt: skip
    return 0.0


def _ended(end: _End) -> OutcomeRow:
    made = end.made
    return OutcomeRow(
        Outcome.UNCOUPLED, Reason.NONE, made.local_id, made.key, made.name, made.row_id, _row_name(end),
        message=" ".join(end.notes), number=made.number,
    )  # fmt: skip


def _failed(end: _End, message: str = "") -> OutcomeRow:
    made = end.made
    return OutcomeRow(
        Outcome.FAILED, Reason.CHANGED_SINCE if message else end.reason or Reason.CHANGED_SINCE, made.local_id,
        made.key, made.name, made.row_id, _row_name(end), message=message or end.problem, detail=end.detail,
    )  # fmt: skip


def _row_name(end: _End) -> str:
    return end.plan.pair.remote.name if end.plan is not None and end.plan.pair.remote is not None else ""


def _stays(made: Made) -> OutcomeRow:
    assert made.why is not None
    return OutcomeRow(
        Outcome.SKIPPED, Reason(made.why.why.value), made.local_id, made.key, made.name, made.row_id,
        message=made.why.message,
    )  # fmt: skip
