"""What putting values back writes of a pair, by what both sides hold now. Reads and writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.vocabulary import Direction
from coupling.models import IntegrationTableMapping
from jobs.models import Outcome, Reason
from jobs.running.context import OutcomeRow
from sync.engine.decisions import Decider
from sync.engine.pairs import CouplingRow, Pair
from sync.history.reading import NetChange
from sync.models import WrittenSide
from sync.rules.canonical import FieldSpec, canonical_remote
from sync.rules.changes import Change, Kept, keep_local, keep_remote, local_value, remote_value
from sync.rules.putting_back import PutBack, changed_since, decide
from sync.rules.transfer import to_remote
from sync.rules.values import LocalColumn, Problem, Side


@dataclass(slots=True)
class Plan:
    """What is written of a pair. outcome: set where nothing is; message: what stays, and why."""

    pair: Pair
    row_id: UUID
    version: str = ""
    columns: dict[str, Any] = field(default_factory=dict)
    there: list[Change] = field(default_factory=list)
    """What changes of the row; also what was sent before a kill, of which `columns` has nothing."""
    fields: dict[str, Any] = field(default_factory=dict)
    here: list[Change] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    outcome: OutcomeRow | None = None
    was_sent: bool = False

    @property
    def changes(self) -> list[Change]:
        """What is written, on both sides."""
        return [*self.there, *self.here]

    @property
    def message(self) -> str:
        """What people read about values that stay."""
        return " ".join([*self.stays, *(problem.user_message for problem in self.problems)])


class Planner:
    """Decides about the pairs of one mapping. anyway: what somebody changed since is put back, too."""

    def __init__(self, decider: Decider, *, anyway: bool) -> None:
        self.decider, self.anyway = decider, anyway
        self.mapping: IntegrationTableMapping = decider.mapping

    def plan(
        self, ids: tuple[UUID, UUID], asked: Sequence[NetChange], pair: Pair | None, sending: Mapping[str, Kept]
    ) -> Plan:
        """Return what is written of a pair; sending: what was about to be sent of it before, with what it replaces."""
        if pair is None:
            return self._not_coupled(ids)
        plan = Plan(pair, ids[1])
        for one in asked:
            if one.side == WrittenSide.LOCAL:
                self._plan_here(plan, one)
            else:
                self._plan_there(plan, one, sending)
        if plan.columns:
            self._add_further(plan)
        if plan.there or plan.fields:
            return plan
        return self._nothing_written(plan)

    def _nothing_written(self, plan: Plan) -> Plan:
        recorder = self.decider.recorder
        if plan.problems:
            plan.outcome = recorder.outcome(
                Outcome.FAILED, plan.pair, reason=plan.problems[0].reason, message=plan.message
            )
        elif plan.stays:
            plan.outcome = recorder.outcome(
                Outcome.SKIPPED, plan.pair, reason=Reason.CHANGED_SINCE, message=plan.message
            )
        else:
            plan.outcome = recorder.outcome(
                Outcome.UNCHANGED, plan.pair, message="It holds what was to be put back already."
            )
        return plan

    def _not_coupled(self, ids: tuple[UUID, UUID]) -> Plan:
        local = self.decider.reader.read_records_by_id(ids[:1]).get(ids[0])
        pair = Pair(CouplingRow(0, *ids), local)
        message = "The record is not coupled with that row any more, so nothing was put back. Edit the record instead."
        outcome = self.decider.recorder.outcome(Outcome.SKIPPED, pair, reason=Reason.NOT_COUPLED, message=message)
        return Plan(pair, ids[1], outcome=outcome)

    def held(self, pair: Pair, one: NetChange) -> Kept:
        """Return what a field of a side holds now; blank where the side is gone or the field is not known any more."""
        if one.side == WrittenSide.LOCAL:
            column = self._column(one.field.local)
            known = column is not None and pair.local is not None and column.name in pair.local.values
            return keep_local(column, pair.local.values[column.name]) if known and column and pair.local else None
        spec = self.decider.fields.specs.get(one.field.name)
        if pair.remote is None or spec is None:
            return None
        return _held(spec, pair.remote.values.get(spec.column.name))

    # -- the record here ----------------------------------------------------------------------------------------------

    def _plan_here(self, plan: Plan, one: NetChange) -> None:
        local, caption = plan.pair.local, one.field.caption
        spec = self.decider.fields.specs.get(one.field.name)
        column = self._column(one.field.local)
        if local is None:
            plan.problems.append(Problem(Reason.RECORD_GONE.value, "The record was deleted here."))
            return
        if column is None or (spec is None and ":" in one.field.name):
            plan.problems.append(
                Problem(
                    Reason.CONFIGURATION.value,
                    f"{self.mapping.name} does not write {caption} of records here any more.",
                    "Edit the record instead.",
                )
            )
            return
        current = keep_local(column, local.values.get(column.name))
        found = decide(current, before=one.before, after=one.after, anyway=self.anyway)
        if found is PutBack.CHANGED_SINCE:
            plan.stays.append(changed_since(caption, "here", current, one.after))
        if found is not PutBack.WRITE:
            return
        try:
            value = local_value(column, one.before)
        except (ValueError, ArithmeticError):
            plan.problems.append(_not_valid(caption, "here"))
            return
        if why := (spec.check(value) if spec is not None and spec.check is not None else ""):
            plan.problems.append(Problem(Reason.VALUE_INVALID.value, f"{caption} does not take its old value: {why}"))
            return
        plan.fields[column.name] = value
        plan.here.append(Change(one.field.name, Side.LOCAL, current, keep_local(column, value)))

    def _column(self, name: str) -> LocalColumn | None:
        """Return a local field that synchronization may write, None for another one."""
        fields = self.decider.fields
        if name not in fields.stored_names:
            return None
        mapped = (spec.field for spec in fields.specs.values() if spec.field is not None)
        return next((field for field in mapped if field.name == name), LocalColumn(name, name, "text"))

    # -- the row in Dataverse -----------------------------------------------------------------------------------------

    def _plan_there(self, plan: Plan, one: NetChange, sending: Mapping[str, Kept]) -> None:
        row, caption = plan.pair.remote, one.field.caption
        spec = self.decider.fields.specs.get(one.field.name)
        if row is None:
            plan.problems.append(Problem(Reason.RECORD_GONE.value, "The row was deleted in Dataverse."))
            return
        if spec is None or spec.constant_here or spec.direction == Direction.FROM:
            plan.problems.append(
                Problem(
                    Reason.CONFIGURATION.value,
                    f"{self.mapping.name} does not write {caption} to Dataverse any more.",
                    "Edit the row in Dataverse instead.",
                )
            )
            return
        plan.version = row.version
        current = _held(spec, row.values.get(spec.column.name))
        found = decide(current, before=one.before, after=one.after, anyway=self.anyway)
        if found is PutBack.THERE_ALREADY and one.field.name in sending:  # by this job, before it was interrupted
            plan.there.append(Change(one.field.name, Side.INTEGRATION, sending[one.field.name], one.before))
        if found is PutBack.CHANGED_SINCE:
            plan.stays.append(changed_since(caption, "in Dataverse", current, one.after))
        if found is not PutBack.WRITE:
            return
        try:
            value = remote_value(spec, one.before)
        except ValueError:
            plan.problems.append(_not_valid(caption, "in Dataverse"))
            return
        columns = to_remote(spec, value)
        if isinstance(columns, Problem):
            plan.problems.append(columns)
            return
        plan.columns |= columns
        plan.there.append(Change(one.field.name, Side.INTEGRATION, current, keep_remote(spec, value)))

    def _add_further(self, plan: Plan) -> None:
        """Add the columns that the table's special rules have go with a change; they may refuse it."""
        values = plan.pair.local.values if plan.pair.local is not None else {}
        further = self.decider.row_rules.changed_columns(values, plan.columns, plan.row_id)
        if isinstance(further, Problem):
            plan.problems.append(further)
            plan.columns, plan.there = {}, []
        else:
            plan.columns |= further


def _held(spec: FieldSpec, value: Any) -> Kept:
    return keep_remote(spec, canonical_remote(spec, value))


def _not_valid(caption: str, where: str) -> Problem:
    return Problem(
        Reason.VALUE_INVALID.value,
        f"{caption} holds values of another kind {where} now than when the value was replaced.",
        f"Enter it {where} by hand.",
    )
