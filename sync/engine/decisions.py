"""What becomes of a chunk: pairs, uncoupled Dataverse rows and local records in; writes and outcomes out.

The rules are in sync.rules; the Decider brings them the values and turns their decisions into a Chunk.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from connection_setup.connection.state import connection_of
from core.ids import new_id
from core.vocabulary import ConflictOption, DeletionOption, Direction
from coupling import claims, filters
from coupling.filters import COMPANY_COLUMN
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs.models import Outcome, Reason
from sync.engine.chunk import Chunk, LocalUpdate, NewLocalRecord, NewRemoteRow, RemoteUpdate
from sync.engine.field_specs import Fields, build_fields
from sync.engine.field_values import FieldValues, SideValues
from sync.engine.outside import OutsideRows, explain_record
from sync.engine.pairs import CouplingRow, Pair, PairReader, Record
from sync.engine.recorder import Recorder
from sync.engine.table_rules import RelatedRows, table_rule_for
from sync.engine.unconfirmed_writes import UnconfirmedWrites
from sync.models import Waits
from sync.rules.canonical import canonical_remote
from sync.rules.new_rows import NewRow
from sync.rules.plan import (
    CannotTransfer,
    Conflict,
    DeleteCoupling,
    DeletionToResolve,
    Restore,
    Unchanged,
    Write,
    decide,
    decide_missing,
    decide_new,
    intersect_direction,
)
from sync.rules.transfer import columns_for, fields_for
from sync.rules.values import Problem, Reference, Side, Value


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked for.

    allowed: which way it may write; chosen: the side that wins where both changed; overwrite: the side that wins
    wherever they differ; creates: whether what is uncoupled is created on the other side; retries: whether what
    failed before does not count; deletion: what becomes of pairs one side of which was deleted, blank for what the
    mapping says.
    """

    allowed: Direction = Direction.BIDIRECTIONAL
    chosen: ConflictOption = ConflictOption.ASK
    overwrite: ConflictOption = ConflictOption.ASK
    creates: bool = False
    retries: bool = False
    deletion: DeletionOption = DeletionOption.ASK


class Decider:
    """Decides about chunks of one mapping's pairs and rows. Reads the database; sends and saves nothing.

    Raises NotUsable where a field of the mapping cannot be used, and dataverse.errors.Invalid (unknown_column) where
    the mapping names a column that Dataverse does not have.
    """

    def __init__(
        self,
        mapping: IntegrationTableMapping,
        gateway: Gateway,
        options: Options,
        *,
        job_id: int = 0,
    ) -> None:
        self.mapping, self.gateway, self.options, self.job_id = mapping, gateway, options, job_id
        self.connection = connection_of(mapping.company)
        self.table_info = gateway.table(mapping)
        rows = list(mapping.fields.filter(enabled=True).exclude(integration_field=""))
        self.fields: Fields = build_fields(mapping, rows, self.table_info, self.connection)
        self.rules = self.fields.rules
        self.table_rule = table_rule_for(mapping.integration_table)
        self.related_rows = RelatedRows(gateway, mapping.company.currency_code)
        rule_fields = self.table_rule.local_fields if self.table_rule is not None else ()
        not_negative = self.table_rule.not_negative if self.table_rule is not None else frozenset[str]()
        self.values = FieldValues(self.fields, not_negative)
        filtered_by = [condition.column for condition in filters.parse_conditions(mapping.table_filter)]
        self.reader = PairReader(mapping, list(dict.fromkeys([*self.fields.local_names, *rule_fields, *filtered_by])))
        self.recorder = Recorder(mapping, job_id, self.fields)
        self.unconfirmed = UnconfirmedWrites.load(mapping)
        self.conditions = gateway.conditions(mapping)
        self.outside = OutsideRows(mapping, gateway, self.conditions)
        mapped = [spec.column.name for spec in self.fields.specs.values()]
        self.columns = list(dict.fromkeys([*mapped, *(condition.column for condition in self.conditions)]))
        gateway.check_columns(mapping, self.columns)

    def matches_filter(self, row: RemoteRow) -> bool:
        """Return whether a Dataverse row is inside the integration table filter."""
        return filters.matches(self.conditions, row.values.get)

    def decide(self, pairs: Sequence[Pair], rows: Sequence[RemoteRow] = (), records: Sequence[Record] = ()) -> Chunk:
        """Decide about pairs, uncoupled Dataverse rows to create here, and local records to create in Dataverse."""
        chunk = Chunk()
        self.fields.prepare(
            [pair.local.values for pair in pairs if pair.local] + [record.values for record in records],
            [pair.remote.values for pair in pairs if pair.remote] + [row.values for row in rows],
        )
        outside = self.outside.find([pair.remote for pair in pairs if pair.remote])
        for pair in pairs:
            self._decide_pair(chunk, pair, outside)
        holders = claims.find_holders(self.mapping, self.connection.organization_id, [row.id for row in rows])
        for row in rows:
            if row.id in holders:
                chunk.changes.outcomes.append(self.recorder.held_row(row.id, row.name, holders[row.id]))
            else:
                self._insert_local(chunk, row)
        for record, new in zip(records, self.values.new_rows(records), strict=True):
            self._insert_remote(chunk, record, new)
        return chunk

    def number_changed(self, pair: Pair) -> bool:
        """Return whether a number that is only sent changed here: the row's own is read before it is replaced."""
        numbers = [rule.name for rule in self.rules if rule.keeps_numbers]
        if not numbers or pair.local is None:
            return False
        local_values = self.values.local_values(pair.local)
        return any(local_values[name] != pair.base.get(name) for name in numbers)

    # -- pairs ------------------------------------------------------------------------------------------------------

    def _decide_pair(self, chunk: Chunk, pair: Pair, outside: Collection[UUID]) -> None:
        """Decide about a pair, also one that was left out: whatever brought it here may have ended the cause.

        outside: the rows outside the integration table filter.
        """
        changes, coupling = chunk.changes, pair.coupling
        if self.options.retries:  # a new chance: what failed before does not count
            coupling.skipped, coupling.last_to_reason, coupling.last_from_reason = False, "", ""
        if pair.local is None or (pair.remote is None and not pair.assumed):
            self._decide_missing(chunk, pair)
            return
        remote_values = pair.base if pair.remote is None else self.values.remote_values(pair.remote)
        sides = SideValues(self.values.local_values(pair.local), remote_values)
        if not pair.local.matches_filter:
            waits = Waits.RECORD if sides.remote_values != pair.base else ""
            why = explain_record(self.mapping, self.reader.table, pair.local.values)
            self.recorder.leave_outside(changes, pair, why, waits)
        elif pair.remote is not None and pair.remote.id in outside:
            waits = Waits.ROW if sides.local_values != pair.base else ""
            self.recorder.leave_outside(changes, pair, self.outside.explain(pair.remote), waits)
        else:
            self._decide_values(chunk, pair, pair.local, sides)

    def _decide_values(self, chunk: Chunk, pair: Pair, local: Record, sides: SideValues) -> None:
        """Decide about a pair of which both sides exist, inside both filters."""
        coupling = pair.coupling
        unconfirmed = self.unconfirmed.get(coupling.id) if pair.remote is not None else None
        base: Mapping[str, Value] = pair.base
        if unconfirmed is not None:
            base = unconfirmed.merge_into_base(base, sides.remote_values)
        decision = decide(
            self.rules, base, sides.local_values, sides.remote_values,
            conflict=ConflictOption(self.mapping.update_conflict), allowed=self.options.allowed,
            overwrite=self.options.overwrite, chosen=self.options.chosen,
        )  # fmt: skip
        version = pair.remote.version if pair.remote is not None else coupling.version
        match decision:
            case Conflict():
                self.recorder.record_conflict(chunk.changes, pair, decision)
            case CannotTransfer():
                problems = [(name, problem) for name, _, problem in decision.problems]
                self._fail_pair(chunk, pair, decision.side, problems, sides)
            case Unchanged(base=base, deferred=deferred):
                self.recorder.record_success(
                    chunk.changes, coupling, version=version, local_modified_at=local.modified_at,
                    base=None if base == pair.base else base, deferred=deferred,
                )  # fmt: skip
                # This job wrote the row before it was interrupted.
                written = (
                    unconfirmed is not None
                    and unconfirmed.job == self.job_id
                    and unconfirmed.was_applied(sides.remote_values)
                )
                outcome = Outcome.MODIFIED if written else Outcome.UNCHANGED
                chunk.changes.outcomes.append(self.recorder.outcome(outcome, pair))
            case Write():
                self._write(chunk, pair, decision, sides, version)

    def _write(self, chunk: Chunk, pair: Pair, decision: Write, sides: SideValues, version: str) -> None:
        specs = self.fields.specs
        columns, problems = columns_for(specs, decision.to_remote)
        if problems:
            self._fail_pair(chunk, pair, Side.INTEGRATION, problems, sides)
            return
        fields, problems = fields_for(specs, decision.to_local)
        if problems:
            self._fail_pair(chunk, pair, Side.LOCAL, problems, sides)
            return
        if columns and self.table_rule is not None and self.table_rule.update_columns is not None:
            further = self.table_rule.update_columns(columns, self.related_rows)
            if isinstance(further, Problem):
                self._fail_pair(chunk, pair, Side.INTEGRATION, [(next(iter(specs)), further)], sides)
                return
            columns |= further
        if columns and COMPANY_COLUMN in self._own_columns and not self.mapping.multi_company:
            # A row that belongs to no company in Dataverse is marked as this company's.
            columns[COMPANY_COLUMN] = self._own_columns[COMPANY_COLUMN]
        written = {**dict.fromkeys(decision.to_remote, "integration"), **dict.fromkeys(decision.to_local, "local")}
        detail = {"fields": self.values.compared_fields(list(written), pair.local, sides, written)}
        outcome = self.recorder.outcome(Outcome.MODIFIED, pair, detail=detail)
        if columns:
            chunk.remote_updates.append(
                RemoteUpdate(
                    pair, columns, fields, decision.base, outcome, decision.deferred, decision.to_remote.keys()
                )
            )
        else:
            chunk.changes.local_updates.append(
                LocalUpdate(pair, fields, outcome, dict(decision.base), version, decision.deferred)
            )

    def _fail_pair(
        self, chunk: Chunk, pair: Pair, side: Side, problems: Sequence[tuple[str, Problem]], sides: SideValues
    ) -> None:
        names = [name for name, _ in problems]
        detail = {"fields": self.values.compared_fields(names, pair.local, sides)}
        self.recorder.fail(
            chunk.changes, pair, side, problems[0][1].reason, _explain(problems), detail, reference=_reference(problems)
        )

    def _decide_missing(self, chunk: Chunk, pair: Pair) -> None:
        """Decide about a pair of which a side was deleted."""
        remote_gone = pair.remote is None and not pair.assumed
        if pair.local is None:
            chunk.changes.deletions.append(pair.coupling.id)
        allowed = self.options.allowed
        decision = decide_missing(
            local_gone=pair.local is None,
            remote_gone=remote_gone,
            option=DeletionOption(self.options.deletion or self.mapping.deletion_conflict),
            allowed=intersect_direction(allowed, Direction(self.mapping.direction)) or allowed,
        )
        reason = Reason.INTEGRATION_DELETED if remote_gone else Reason.LOCAL_DELETED
        where = "in Dataverse" if remote_gone else "here"
        match decision:
            case DeleteCoupling(both_gone=True):
                message = "Both records were deleted, so their coupling was too."
                self.recorder.uncouple(chunk.changes, pair, Reason.RECORD_GONE, message)
            case DeleteCoupling():
                message = f"The other record was deleted {where}, so the coupling was too."
                if remote_gone:
                    self.recorder.uncouple(chunk.changes, pair, reason, message)
                else:
                    outcome = self.recorder.outcome(Outcome.UNCOUPLED, pair, reason=reason, message=message)
                    chunk.to_release.append((pair, outcome))
            case Restore(side=Side.INTEGRATION):
                assert pair.local is not None
                (new,) = self.values.new_rows([pair.local])
                self._insert_remote(chunk, pair.local, new, pair)
            case Restore():
                assert pair.remote is not None
                self._insert_local(chunk, pair.remote, pair)
            case DeletionToResolve():
                side = Side.INTEGRATION if remote_gone else Side.LOCAL
                message = (
                    f"The record it is coupled to was deleted {where}. Choose an option for Resolve Deletion Conflicts "
                    "on the mapping's card; or choose Restore Records or Delete Couplings for this one."
                )
                self.recorder.fail(chunk.changes, pair, side, reason, message)

    # -- new records ------------------------------------------------------------------------------------------------

    def _insert_local(self, chunk: Chunk, row: RemoteRow, pair: Pair | None = None) -> None:
        """Create a local record for a Dataverse row, in place of the deleted one of a pair."""
        found = decide_new(self.rules, self.values.remote_values(row), side=Side.LOCAL)
        problems: list[tuple[str, Problem]]
        fields: dict[str, Any] = {}
        base: dict[str, Value] = {}
        if isinstance(found, CannotTransfer):
            problems = [(name, problem) for name, _, problem in found.problems]
        else:
            base = {**self._local_defaults, **found.values}
            fields, problems = fields_for(self.fields.specs, found.values)
        if not problems:
            chunk.changes.local_inserts.append(
                NewLocalRecord(row.id, row.name, row.version, fields, base, pair.coupling if pair else None)
            )
            return
        reason, message = problems[0][1].reason, _explain(problems)
        reference = _reference(problems)
        if pair is not None:
            self.recorder.fail(chunk.changes, pair, Side.LOCAL, reason, message, reference=reference)
            return
        failed = self.recorder.fail_row(chunk.changes, row.id, row.name, reason, message, reference=reference)
        chunk.changes.outcomes.append(failed)

    def create_again(self, chunk: Chunk, record: Record, coupling: CouplingRow, replaces: Pair | None) -> bool:
        """Send a row once more under the GUID of its pending coupling. Return False where its values cannot be sent.

        replaces: the pair whose deleted row it restores.
        """
        known = len(chunk.remote_inserts)
        (new,) = self.values.new_rows([record])
        self._insert_remote(chunk, record, new, replaces, coupling=coupling)
        return len(chunk.remote_inserts) > known

    def _insert_remote(
        self,
        chunk: Chunk,
        record: Record,
        new: NewRow,
        replaces: Pair | None = None,
        *,
        coupling: CouplingRow | None = None,
    ) -> None:
        """Create a row for a record, in place of the deleted one of a pair; `coupling`: the pending one it has."""
        problems = new.problems
        columns = {**self._own_columns, **new.columns}
        if self.table_rule is not None and not problems:
            further = self.table_rule.new_row_columns(record.values, columns, self.related_rows)
            if isinstance(further, Problem):
                problems = [("", further)]
            else:
                columns |= further
        if not problems:
            row_id = coupling.integration_id if coupling else new_id()
            stored = coupling or (replaces.coupling if replaces else None)
            base = {**new.base, **self._remote_blanks}
            chunk.remote_inserts.append(NewRemoteRow(row_id, columns, record, base, stored, replaces))
            return
        reason, message = problems[0][1].reason, _explain(problems)
        names = [name for name, _ in problems if name]
        sides = SideValues(self.values.local_values(record), {})
        detail = {"fields": self.values.compared_fields(names, record, sides)}
        if replaces is not None:
            self.recorder.fail(
                chunk.changes, replaces, Side.INTEGRATION, reason, message, detail, reference=_reference(problems)
            )
            return
        self.recorder.fail_record(chunk.changes, record, reason, message, detail, reference=_reference(problems))

    @cached_property
    def _local_defaults(self) -> dict[str, Value]:
        """The base of one-way fields to Dataverse for a record that comes from there: what it starts with here."""
        return self.fields.local_defaults(self.reader.table.model)

    @cached_property
    def _remote_blanks(self) -> dict[str, Value]:
        """The base of one-way fields from Dataverse for a row that comes from here: it starts blank there."""
        found = {
            name: canonical_remote(spec, None)
            for name, spec in self.fields.specs.items()
            if spec.direction == Direction.FROM
        }
        return {name: value for name, value in found.items() if not isinstance(value, Problem)}

    @cached_property
    def _own_columns(self) -> dict[str, Any]:
        """What a new row gets beside the mapped columns: the mapping's own values, the owner and the company."""
        known = self.table_info.columns
        columns = {name: value for name, value in self.mapping.insert_values.items() if name in known}
        owner = self.connection.owning_team_id
        if owner is not None and "team" in (known["ownerid"].binds if "ownerid" in known else {}):
            columns["ownerid"] = ("team", str(owner))
        company: UUID | None = self.gateway.company_row_id
        if company is not None and COMPANY_COLUMN in known and known[COMPANY_COLUMN].binds:
            columns[COMPANY_COLUMN] = (next(iter(known[COMPANY_COLUMN].binds)), str(company))
        return columns


def _reference(problems: Sequence[tuple[str, Problem]]) -> Reference | None:
    """Return the first reference that the problems wait for."""
    return next((problem.reference for _, problem in problems if problem.reference), None)


def _explain(problems: Sequence[tuple[str, Problem]]) -> str:
    """Return the sentences of problems, each once."""
    return " ".join(dict.fromkeys(problem.user_message for _, problem in problems))
