"""The job that undoes a coupling job, part after part of its couplings, in the order they were made.

    look                   which are ended, which stay (sync.rules.undoing)
    read both sides        of those whose values go back, and see which still are what synchronization wrote
    store what is sent     in the job, so that whoever goes on after a kill knows his own writes
    send                   outside any transaction: values with the company's mark taken off, at the version read; of
                           rows without values the mark alone
    save                   records here, the history's lines, the end of the couplings, outcomes: one transaction

A pair that changes meanwhile is read again; what stays is told in the checkpoint behind each part.

As previewed, it goes through the parts of the preview: only what was to end by it ends, and only where what would go
back is what the preview told. Everything else stays, and says so.
"""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from coupling.couplings.coupled_records import kept_of_ended
from coupling.couplings.uncouple_job import clear_company_column
from coupling.mappings.services import get_mapping, require_enabled
from coupling.models import IntegrationTableMapping
from coupling.rows import WriteResult
from jobs.models import Job, Outcome, Reason
from jobs.outcomes import rows_of
from jobs.running.context import Checkpoint, JobContext, OutcomeRow
from sync.engine.chunk import LIMITED, ChunkChanges, LocalUpdate
from sync.engine.worker import MAX_TRIES
from sync.engine.written_fields import written
from sync.rules.changes import Kept
from sync.undo.as_previewed import AsPreviewed
from sync.undo.choices import undo_choices
from sync.undo.parameters import UndoParameters
from sync.undo.planning import PAIRS, End, Planning, Sending
from sync.undo.reading import Made

_SENDING = "sending"
"""Where the job keeps what it is about to send: coupling -> field -> what it replaces."""
_SENT = "sent"
"""The same of what is sent and told in the history while its pair has not ended: its record here changed meanwhile."""
_KEPT_CHANGING = "It kept changing while it was being undone, so it is coupled still. Undo the job again."


def handle(context: JobContext) -> None:
    """Undo a coupling job. Raises Refusal, DataverseError."""
    asked = UndoParameters.load(context.parameters)
    mapping = get_mapping(context.company, context.job.mapping_name)
    require_enabled(context.company)
    undone = Job.objects.filter(company=context.company, pk=asked.job).first()
    if undone is None:
        context.fail(Reason.CONFIGURATION, f"Job {asked.job} is no longer kept, so it cannot be undone.")
    previewed = None
    if asked.preview:
        previewed = AsPreviewed.of(asked.preview)
        if previewed is None:
            context.fail(
                Reason.CONFIGURATION, "The preview that was to be carried out is no longer kept.", fix="Preview again."
            )
    if mapping.uid_kind == "option":
        undo_choices(context, mapping, undone, previewed)
    _Undoing(context, mapping, undone, values=asked.values, previewed=previewed).execute()


class _Undoing:
    """One slice of a job. previewed: what is carried out, None for everything that the job made."""

    def __init__(
        self,
        context: JobContext,
        mapping: IntegrationTableMapping,
        undone: Job,
        *,
        values: bool,
        previewed: AsPreviewed | None,
    ) -> None:
        self.context, self.mapping, self.previewed = context, mapping, previewed
        self.planning = Planning(context, mapping, undone, values=values)
        self.made, self.gateway, self.worker = self.planning.made, self.planning.gateway, self.planning.worker

    def execute(self) -> NoReturn:
        """Work through the couplings from where the job stands, and end it."""
        if "after" not in self.context.resume:
            with self.context.checkpoint() as point:
                point.total = self.previewed.total if self.previewed is not None else len(self.made.numbers)
                point.phase, point.resume["after"] = "Undoing", 0
        while True:
            numbers, behind = self._next(self.context.resume["after"])
            if not numbers:
                break
            self._process(numbers, behind)
        self.context.finish(self._message())

    def _next(self, after: int) -> tuple[Sequence[int], int]:
        """Return the couplings that follow, and where the job stands once they are done; none behind the last."""
        if self.previewed is not None:
            return self.previewed.next_part(after)
        numbers = self.made.numbers
        left: list[int] = numbers[numbers > after][:PAIRS].tolist()
        return left, left[-1] if left else after

    def _message(self) -> str:
        counters = self.context.job.counters
        parts = [f"{counters.get('uncoupled', 0):,} uncoupled"]
        for name, words in (("skipped", "left as they are"), ("failed", "failed")):
            if counters.get(name):
                parts.append(f"{counters[name]:,} {words}")
        return ", ".join(parts) + "."

    def _process(self, numbers: Sequence[int], behind: int) -> None:
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
            point.resume = {**self.context.resume, "after": behind, _SENDING: {}, _SENT: {}}

    def _left(self, numbers: Sequence[int]) -> list[Made]:
        """Return those of the couplings that have no outcome in this job yet, as they stand now."""
        own = rows_of(self.context.job)
        ended = set(own.filter(number__in=list(numbers)).values_list("number", flat=True))
        left = self.made.look([number for number in numbers if number not in ended])
        ids = [one.local_id for one in left if one.local_id is not None]
        told = set(own.filter(local_id__in=ids).values_list("local_id", "integration_id"))
        found = [one for one in left if one.local_id is None or (one.local_id, one.row_id) not in told]
        if self.previewed is not None:
            self.previewed.keep_what_stays(found)
        return found

    # -- ending pairs -------------------------------------------------------------------------------------------------

    def _end(self, pairs: Sequence[Made], *, last: bool) -> None:
        """Try once. last: what changes meanwhile this time fails, and stays coupled."""
        resume = self.context.resume
        ends = self.planning.ends(pairs, {**(resume.get(_SENT) or {}), **(resume.get(_SENDING) or {})})
        if self.previewed is not None and self.planning.values:
            self.previewed.compare(ends)
        sent = [one for one in ends if one.sends and not one.fails]
        self._store(sent, ends)
        wait_s = self._send(sent, last=last)
        quiet = [one for one in ends if not (one.sends or one.fails or one.waits)]
        wait_s = max(wait_s, self._release(quiet, last=last))
        with self.context.checkpoint() as point:
            open_ = self._save(point, ends, last=last)
            point.resume = {**self.context.resume, _SENDING: {}, _SENT: open_}
        if wait_s:
            self.context.postpone(wait_s, LIMITED)

    def _store(self, sent: Sequence[End], ends: Sequence[End]) -> None:
        """Store what is about to be sent, and what is seen now of writes whose answers were never saved."""
        found = [one for one in ends if one.found]
        if not (sent or found):
            return
        kept = {str(one.made.number): _replaced(one) for one in sent}
        with self.context.checkpoint() as point:
            self.worker.ledger.history.save([line for one in found for line in one.found])
            self.worker.unconfirmed.note_told(one.made.number for one in found)
            self.worker.unconfirmed.save()
            point.resume = {**self.context.resume, _SENDING: kept}

    def _send(self, sent: Sequence[End], *, last: bool) -> float:
        """Write values back to rows, at the versions that were read. Returns the seconds that Dataverse asked for."""
        plans = [one.plan for one in sent if one.plan is not None]
        updates = [(plan.row_id, plan.columns, plan.version) for plan in plans]
        results = self.gateway.update(self.mapping, updates) if updates else []
        return max((_note(one, result, last=last) for one, result in zip(sent, results, strict=True)), default=0.0)

    def _release(self, ends: Sequence[End], *, last: bool) -> float:
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

    def _save(self, point: Checkpoint, ends: Sequence[End], *, last: bool) -> Sending:
        """Write records here, and end the couplings of the pairs that went well. Returns what is sent of the others."""
        changes, outcomes = ChunkChanges(), []
        known: Sending = self.context.resume.get(_SENT) or {}
        sent: dict[str, Mapping[str, Kept]] = {}
        for one in ends:
            if one.fails or one.waits or one.limited:
                if one.fails:
                    outcomes.append(_failed(one))
                elif str(one.made.number) in known:
                    sent[str(one.made.number)] = known[str(one.made.number)]
                continue
            plan, made = one.plan, one.made
            if plan is not None and made.local_id is not None and plan.there:
                told_of = known.get(str(made.number), {})
                new = [c for c in plan.there if c.name not in told_of or told_of[c.name] != c.before]
                changes.written += written(made.local_id, plan.row_id, self.context.job.pk, new)
                sent[str(made.number)] = _replaced(one)
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
        ended = [row.number for row in done if row.number is not None]
        self.worker.ledger.end_couplings(ended)
        self.worker.unconfirmed.remove(ended)
        self.worker.unconfirmed.save()
        point.processed(len(outcomes))
        over = {row.local_id for row in outcomes}
        return {
            str(one.made.number): sent[str(one.made.number)]
            for one in ends if str(one.made.number) in sent and one.made.local_id not in over
        }  # fmt: skip


def _replaced(end: End) -> Mapping[str, Kept]:
    """Return what the values replace that are written to a pair's row, by field."""
    return {one.name: one.before for one in end.plan.there} if end.plan is not None else {}


def _note(end: End, result: WriteResult, *, last: bool) -> float:
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


def _ended(end: End) -> OutcomeRow:
    made = end.made
    return OutcomeRow(
        Outcome.UNCOUPLED, Reason.NONE, made.local_id, made.key, made.name, made.row_id, _row_name(end),
        message=" ".join(end.notes), number=made.number,
    )  # fmt: skip


def _failed(end: End, message: str = "") -> OutcomeRow:
    made, outcome = end.made, Outcome.SKIPPED if end.differs else Outcome.FAILED
    return OutcomeRow(
        outcome, Reason.CHANGED_SINCE if message else end.reason or Reason.CHANGED_SINCE, made.local_id,
        made.key, made.name, made.row_id, _row_name(end), message=message or end.problem, detail=end.detail,
    )  # fmt: skip


def _row_name(end: End) -> str:
    return end.plan.pair.remote.name if end.plan is not None and end.plan.pair.remote is not None else ""


def _stays(made: Made) -> OutcomeRow:
    assert made.why is not None
    return OutcomeRow(
        Outcome.SKIPPED, Reason(made.why.why.value), made.local_id, made.key, made.name, made.row_id,
        message=made.why.message,
    )  # fmt: skip
