"""What becomes of a chunk: pairs, uncoupled Dataverse rows and local records in; writes and outcomes out.

The rules are in sync.rules; the Decider brings them the values and turns their decisions into a Chunk.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from core.ids import new_id
from core.vocabulary import ConflictOption, Direction
from coupling import filters
from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.mappings.column_looks import Drift
from coupling.models import IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs.models import Outcome, Reason
from sync.engine.changed_columns import ChangedColumns, usable_fields
from sync.engine.chunk import Chunk, LocalUpdate, NewLocalRecord, NewRemoteRow, RemoteUpdate
from sync.engine.company_marks import needs_mark
from sync.engine.contact_links import link_companies
from sync.engine.created_state import hold_back
from sync.engine.deletion_brake import Deletions
from sync.engine.field_values import FieldValues, SideValues
from sync.engine.inactive_rows import InactiveRows
from sync.engine.left_out import LeftOut
from sync.engine.lost_companies import LostCompanies
from sync.engine.missing_sides import decide_missing_side
from sync.engine.options import Options
from sync.engine.outside import OutsideRows, explain_record
from sync.engine.own_columns import OwnColumns
from sync.engine.owners import Owners
from sync.engine.pairs import CouplingRow, Pair, PairReader, Record
from sync.engine.price_assets import link_assets
from sync.engine.record_template import apply_template
from sync.engine.recorder import Recorder
from sync.engine.row_editors import MODIFIED_BY, editor_of
from sync.engine.table_rules import RowRules
from sync.engine.unconfirmed_writes import UnconfirmedWrites
from sync.engine.update_conflicts import UpdateConflicts
from sync.engine.written_fields import WrittenFields, further_columns
from sync.models import Waits
from sync.rules.bases import local_base, remote_base
from sync.rules.new_rows import NewRow
from sync.rules.plan import (
    CannotTransfer,
    Conflict,
    Picked,
    Unchanged,
    Write,
    base_of_new,
    decide,
    decide_new,
)
from sync.rules.transfer import columns_for, fields_for
from sync.rules.values import Problem, Side, Value, explain, first_reference


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
        drift: Drift | None = None,
    ) -> None:
        self.mapping, self.gateway, self.options, self.job_id = mapping, gateway, options, job_id
        self.connection = gateway.connection
        self.table_info = gateway.table(mapping)
        self.drift = drift or column_looks.preview(mapping, self.table_info.columns)
        self.drift.require_usable()
        self.row_rules = RowRules(mapping, gateway)
        local_currency = self.row_rules.related.local_currency
        self.fields = usable_fields(mapping, self.table_info, local_currency, self.drift)
        if not self.fields.know_their_choices:
            self.table_info = gateway.table_again(mapping)
            self.fields = usable_fields(mapping, self.table_info, local_currency, self.drift)
        self.own = OwnColumns(mapping, gateway, self.table_info.columns)
        self.owners = Owners(mapping.company)
        self.changed_columns = ChangedColumns(self.fields, self.drift)
        apply_template(self.fields, mapping)
        self.inactive = InactiveRows(mapping, self.fields, self.table_info)
        self.companies = link_companies(self.fields, mapping)
        link_assets(self.fields, mapping)
        self.rules = self.fields.rules
        self.values = FieldValues(self.fields, self.row_rules.not_negative)
        self.written_fields = WrittenFields(self.fields)
        names = [*self.fields.local_names, *self.row_rules.local_fields]
        names += [*self.inactive.local_names, *filters.field_names(filters.parse(mapping.table_filter))]
        self.reader = PairReader(mapping, list(dict.fromkeys(names)))
        self.recorder = Recorder(mapping, job_id, self.fields)
        self.left_out = LeftOut(mapping, gateway, self.recorder)
        self.conflicts = UpdateConflicts(
            mapping, gateway, self.fields, self.reader, job_id=job_id, options=options,
        )  # fmt: skip
        self.unconfirmed = UnconfirmedWrites.load(mapping)
        self.deletions = Deletions(mapping, options)
        self.row_filter = gateway.row_filter(mapping)
        self._is_inside = filters.tester(self.row_filter)
        self.outside = OutsideRows(mapping, gateway, self.row_filter)
        self.lost_companies = LostCompanies(self.fields, self.companies, self.row_filter, options.allowed)
        filtered = filters.field_names(self.row_filter)
        self.columns = list(dict.fromkeys([*self.fields.columns, *self.inactive.columns, *filtered]))
        if options.allowed != Direction.TO and MODIFIED_BY in self.table_info.columns:
            self.columns.append(MODIFIED_BY)
        gateway.check_columns(mapping, self.columns)

    def matches_filter(self, row: RemoteRow) -> bool:
        """Return whether a Dataverse row is inside the integration table filter."""
        return self._is_inside(row.values.get)

    def decide(self, pairs: Sequence[Pair], rows: Sequence[RemoteRow] = (), records: Sequence[Record] = ()) -> Chunk:
        """Decide about pairs, uncoupled Dataverse rows to create here, and local records to create in Dataverse."""
        chunk = Chunk()
        self.fields.prepare(
            [pair.local.values for pair in pairs if pair.local] + [record.values for record in records],
            [pair.remote.values for pair in pairs if pair.remote] + [row.values for row in rows],
        )
        outside = self.outside.find([pair.remote for pair in pairs if pair.remote]) - self.lost_companies.find(pairs)
        self.deletions.look(pairs)
        self.conflicts.begin(pairs)
        for pair in pairs:
            self._decide_pair(chunk, pair, outside)
        for aside in self.conflicts.take():
            self._decide_values(chunk, *aside)
        for row in self.left_out.take_rows(chunk.changes, rows):
            self.insert_local(chunk, row)
        records = self.left_out.take_records(chunk.changes, records)
        new_rows = self.values.new_rows(records)
        self.row_rules.load([record.values for record in records], [new.columns for new in new_rows])
        for record, new in zip(records, new_rows, strict=True):
            self.insert_remote(chunk, record, new)
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
            decide_missing_side(self, chunk, pair)
            return
        local_values, known = self.values.local_values(pair.local), remote_base(self.changed_columns.active(pair.base))
        row = pair.remote
        remote_values = pair.base if row is None else self.values.known_remote_values(row, known, local_values)
        sides = SideValues(local_values, remote_values)
        if not pair.local.matches_filter:
            base = self.changed_columns.active(pair.base)
            changed = pair.remote is not None and sides.remote_values != remote_base(base)
            waits = Waits.RECORD if changed else ""
            why = explain_record(self.mapping, self.reader.table, pair.local.values)
            self.recorder.leave_outside(changes, pair, why, waits)
        elif pair.remote is not None and pair.remote.id in outside:
            waits = Waits.ROW if sides.local_values != local_base(self.changed_columns.active(pair.base)) else ""
            self.recorder.leave_outside(changes, pair, self.outside.explain(pair.remote), waits)
        else:
            self._decide_values(chunk, pair, pair.local, sides)

    def _decide_values(self, chunk: Chunk, pair: Pair, local: Record, sides: SideValues) -> None:
        """Decide about a pair of which both sides exist, inside both filters."""
        coupling = pair.coupling
        unconfirmed = self.unconfirmed.get(coupling.id) if pair.remote is not None else None
        base = self.lost_companies.base_of(pair, self.changed_columns.base_of(pair, sides), sides.remote_values)
        picked = self.conflicts.picked(pair, sides)
        if unconfirmed is not None:
            if not self.conflicts.asks(pair):
                self.written_fields.note_applied(chunk.changes, pair.coupling, unconfirmed, sides)
            base = unconfirmed.merge_into_base(base, sides.remote_values)
        decision = decide(
            self.rules, base, sides.local_values, sides.remote_values,
            conflict=ConflictOption(self.mapping.update_conflict), allowed=self.options.allowed,
            overwrite=self.options.overwrite, chosen=self.options.chosen,
            alike=self.values.alike_but_for_rules(local, pair.remote), kept=self.fields.stopped.keys(),
            newer=self.conflicts.newer(pair, sides), picked=picked,
        )  # fmt: skip
        if self.conflicts.put_aside(decision, pair, local, sides):
            return
        version = pair.remote.version if pair.remote is not None else coupling.version
        chunk.blanks |= self.changed_columns.takes_blanks(decision)
        if isinstance(decision, Unchanged | Write):
            sent = decision.to_remote if isinstance(decision, Write) else ()
            if self.written_fields.drifted(pair, decision.base, sides, sent):
                version = ""  # of no version is known what both sides agree on
        match decision:
            case Conflict():
                fields = self.conflicts.describe(decision, pair)
                self.recorder.record_conflict(chunk.changes, pair, fields, self.conflicts.refusal(pair))
            case CannotTransfer():
                problems = [(name, problem) for name, _, problem in decision.problems]
                self._fail_pair(chunk, pair, decision.side, problems, sides)
            case Unchanged(base=base, deferred=deferred) if blocked := self._blocked(pair.remote, local):
                detail = {"fields": self.inactive.compared_fields(blocked)}
                outcome = self.recorder.outcome(Outcome.MODIFIED, pair, detail=detail)
                changed = self.written_fields.to_local((), blocked, local, {})
                chunk.changes.local_updates.append(
                    LocalUpdate(pair, blocked, outcome, dict(base), version, deferred, changed)
                )
            case Unchanged(base=base, deferred=deferred):
                self.recorder.record_success(
                    chunk.changes, coupling, version=version, local_modified_at=local.modified_at,
                    base=None if base == pair.base else base, deferred=deferred,
                )  # fmt: skip
                # This job wrote the row before it was interrupted.
                written = unconfirmed is not None and unconfirmed.was_applied_by(self.job_id, sides.remote_values)
                ended = Outcome.MODIFIED if written else Outcome.UNCHANGED
                message = self.conflicts.refusal(pair)
                found = self.recorder.outcome(ended, pair, message=message)
                if written or message:
                    chunk.changes.outcomes.append(found)
                else:
                    chunk.changes.unchanged.append((coupling.id, found))
            case Write():
                self._write(chunk, pair, decision, sides, version, base, picked)

    def _blocked(self, row: RemoteRow | None, record: Record | None) -> dict[str, Any]:
        """Return what is written here because the row is inactive, where the run may write here."""
        return {} if self.options.allowed == Direction.TO else self.inactive.fields_of(row, record)

    def _write(
        self,
        chunk: Chunk,
        pair: Pair,
        decision: Write,
        sides: SideValues,
        version: str,
        base: Mapping[str, Value],
        picked: Picked,
    ) -> None:
        """Have both sides written; base: what was decided by; picked: what a person chose."""
        specs = self.fields.specs
        columns, problems = columns_for(specs, decision.to_remote)
        if problems:
            self._fail_pair(chunk, pair, Side.INTEGRATION, problems, sides)
            return
        fields, problems = fields_for(specs, decision.to_local)
        if problems:
            self._fail_pair(chunk, pair, Side.LOCAL, problems, sides)
            return
        if columns and pair.local is not None:
            further = self.row_rules.changed_columns(pair.local.values, columns, pair.coupling.integration_id)
            if isinstance(further, Problem):
                self._fail_pair(chunk, pair, Side.INTEGRATION, [(next(iter(specs)), further)], sides)
                return
            columns |= further
        if columns:
            columns |= self.own.mark  # a row that belongs to no company in Dataverse is marked as this company's
        written = {**dict.fromkeys(decision.to_remote, "integration"), **dict.fromkeys(decision.to_local, "local")}
        detail = {"fields": self.values.compared_fields(list(written), pair.local, sides, written)}
        blocked = self._blocked(pair.remote, pair.local)
        detail["fields"] += self.inactive.compared_fields(blocked)
        fields |= blocked
        message = ""
        if decision.waiting:
            waiting = self.conflicts.describe(decision, pair)
            pair.coupling.waiting = {"fields": waiting, "at": self.recorder.now.isoformat()}
            captions = ", ".join(str(one["caption"]) for one in waiting)
            message = f"{captions} still waits for a choice on the page Resolve Update Conflicts."
        message = " ".join(filter(None, (self.conflicts.refusal(pair), message)))
        outcome = self.recorder.outcome(Outcome.MODIFIED, pair, detail=detail, message=message)
        won = self.written_fields.won(written, base, sides, self.options, picked)
        here = self.written_fields.to_local(decision.to_local, fields, pair.local, won) if fields else ()
        if columns:
            there = self.written_fields.to_remote(decision.to_remote, pair.remote, sides, won)
            there += further_columns(self.fields, self.own.columns, columns)
            sent, whole = decision.to_remote.keys(), pair.remote is None or bool(version)
            chunk.remote_updates.append(
                RemoteUpdate(pair, columns, fields, decision.base, outcome, decision.deferred, sent, there, here, whole)
            )
        else:
            chunk.changes.local_updates.append(
                LocalUpdate(pair, fields, outcome, dict(decision.base), version, decision.deferred, here)
            )

    def _fail_pair(
        self, chunk: Chunk, pair: Pair, side: Side, problems: Sequence[tuple[str, Problem]], sides: SideValues
    ) -> None:
        names = [name for name, _ in problems]
        detail = {"fields": self.values.compared_fields(names, pair.local, sides)}
        reason, reference = problems[0][1].reason, first_reference(problems)
        self.recorder.fail(chunk.changes, pair, side, reason, explain(problems), detail, reference=reference)

    # -- new records ------------------------------------------------------------------------------------------------

    def insert_local(self, chunk: Chunk, row: RemoteRow, pair: Pair | None = None) -> None:
        """Create a local record for a Dataverse row, in place of the deleted one of a pair."""
        found = decide_new(self.rules, self.values.remote_values(row), side=Side.LOCAL)
        problems: list[tuple[str, Problem]] = []
        fields: dict[str, Any] = {}
        base: dict[str, Value] = {}
        if self.fields.template_problem is not None:
            problems = [("", self.fields.template_problem)]
        elif isinstance(found, CannotTransfer):
            problems = [(name, problem) for name, _, problem in found.problems]
        else:
            base = {**self._local_defaults, **base_of_new(self.fields.two_way_rules, found.values, Side.LOCAL)}
            fields, problems = fields_for(self.fields.specs, found.values)
        if not problems:
            fields |= self._blocked(row, None)
            coupling, unmarked = pair.coupling if pair else None, needs_mark(self.mapping, self.own.mark, row)
            new = NewLocalRecord(row.id, row.name, row.version, fields, base, coupling, unmarked, editor_of(row))
            chunk.changes.local_inserts.append(new)
            return
        reason, message = problems[0][1].reason, explain(problems)
        reference = first_reference(problems)
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
        self.insert_remote(chunk, record, new, replaces, coupling=coupling)
        return len(chunk.remote_inserts) > known

    def insert_remote(
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
        if (change := self.drift.no_new_rows) is not None:
            problems = [("", Problem(Reason.CONFIGURATION.value, change.message, change.fix))]
        columns = {**self.own.columns, **new.columns}
        if not problems:
            further = self.row_rules.new_columns(record.values, columns)
            if isinstance(further, Problem):
                problems = [("", further)]
            else:
                columns |= further
        if not problems:
            row_id = coupling.integration_id if coupling else new_id()
            stored = coupling or (replaces.coupling if replaces else None)
            base = {**base_of_new(self.fields.two_way_rules, new.base, Side.INTEGRATION), **self._remote_blanks}
            made = NewRemoteRow(row_id, columns, record, base, stored, replaces)
            chunk.remote_inserts.append(hold_back(self.fields.specs, made))
            return
        reason, message = problems[0][1].reason, explain(problems)
        names = [name for name, _ in problems if name]
        sides = SideValues(self.values.local_values(record), {})
        detail = {"fields": self.values.compared_fields(names, record, sides)}
        if replaces is not None:
            self.recorder.fail(
                chunk.changes, replaces, Side.INTEGRATION, reason, message, detail, reference=first_reference(problems)
            )
            return
        self.recorder.fail_record(chunk.changes, record, reason, message, detail, reference=first_reference(problems))

    @cached_property
    def _local_defaults(self) -> dict[str, Value]:
        """The base of fields in which a record that comes from there gets no value: what it starts with here."""
        return self.fields.local_defaults(self.reader.table.model)

    @cached_property
    def _remote_blanks(self) -> dict[str, Value]:
        """The base of fields in which a row that comes from here gets no value: it starts blank there."""
        return self.fields.remote_blanks()
