"""What becomes of a chunk: pairs, uncoupled Dataverse rows and local records in, writes and outcomes out.

The rules are in sync.plan and sync.transfer; this brings them the values, and their answers to those who send and save.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from connection_setup.connection.state import connection_of
from core.ids import new_id
from core.vocabulary import ConflictOption, DeletionOption, Direction
from coupling import filters
from coupling.gateway import COMPANY_COLUMN, Gateway
from coupling.models import IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs.models import Outcome, Reason
from jobs.running.runner import OutcomeRow
from sync.engine.field_specs import Fields, build
from sync.engine.ledger import ChunkChanges, Ledger, NewLocalRecord, display_value
from sync.engine.pairs import Link, Pair, Reader, Record
from sync.engine.table_rules import RelatedRows, table_rule_for
from sync.engine.unconfirmed_writes import Doubts
from sync.models import Waits
from sync.rules.canonical import FieldSpec, canonical_remote, local_reader, remote_reader
from sync.rules.new_rows import NewField, NewRow, new_rows
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
    receives,
)
from sync.rules.transfer import columns_for, fields_for
from sync.rules.values import Carried, Problem, Side, Value


@dataclass(frozen=True, slots=True)
class Options:
    """What a run was asked for."""

    allowed: Direction = Direction.BIDIRECTIONAL
    chosen: ConflictOption = ConflictOption.ASK
    overwrite: ConflictOption = ConflictOption.ASK
    creating: bool = False
    retrying: bool = False
    """Whether pairs that were left out after failing twice are taken back in."""


@dataclass(slots=True)
class Send:
    """An update on its way to Dataverse, and how the pair ends when it is carried out."""

    pair: Pair
    columns: dict[str, Any]
    fields: dict[str, Any]
    base: Mapping[str, Value]
    outcome: OutcomeRow
    left: bool
    sent: Collection[str] = ()
    """The fields that go to Dataverse."""


@dataclass(slots=True)
class Create:
    """A row on its way to Dataverse under a GUID chosen here."""

    id: UUID
    columns: dict[str, Any]
    record: Record
    base: dict[str, Value]
    link: Link | None = None
    restores: Pair | None = None
    """The pair whose deleted row this one takes the place of."""


@dataclass(slots=True)
class Chunk:
    """What was decided for a chunk."""

    saved: ChunkChanges = field(default_factory=ChunkChanges)
    sends: list[Send] = field(default_factory=list)
    creates: list[Create] = field(default_factory=list)
    released: list[tuple[Pair, OutcomeRow]] = field(default_factory=list)
    """Pairs taken apart whose row is left and may carry our company's mark."""


class Decider:
    """Decides about chunks of one mapping's pairs and rows. Reads the database; sends and saves nothing."""

    def __init__(
        self,
        mapping: IntegrationTableMapping,
        gateway: Gateway,
        options: Options,
        *,
        job_id: int = 0,
    ) -> None:
        self.mapping, self.gateway, self.options = mapping, gateway, options
        self.connection = connection_of(mapping.company)
        self.info = gateway.table(mapping)
        rows = list(mapping.fields.filter(enabled=True).exclude(integration_field=""))
        self.fields: Fields = build(mapping, rows, self.info, self.connection)
        self.rules = self.fields.rules
        specs = self.fields.specs.items()
        self.extra = table_rule_for(mapping.integration_table)
        self._here = [(name, spec.local_name, self._reads(spec)) for name, spec in specs]
        self._sent_to_new = [
            NewField(name, spec, read)
            for (name, spec), (_, _, read) in zip(specs, self._here, strict=True)
            if receives(spec.direction, Side.INTEGRATION)
        ]
        self._there = [(name, spec.column.name, remote_reader(spec)) for name, spec in specs]
        self.beside = RelatedRows(gateway, mapping.company.currency_code)
        extra_names = [name for name in (self.extra.names if self.extra else ()) if name not in self.fields.local_names]
        self.reader = Reader(mapping, [*self.fields.local_names, *extra_names])
        self.job_id = job_id
        self.ledger = Ledger(mapping, job_id, self.fields, self.reader)
        self.conditions = gateway.conditions(mapping)
        self._defaults: dict[str, Value] | None = None
        self.doubts = Doubts.of(mapping)
        wanted = [spec.column.name for spec in self.fields.specs.values()]
        self.columns = list(dict.fromkeys([*wanted, *(one.column for one in self.conditions)]))
        self.missing_columns()

    def _reads(self, spec: FieldSpec) -> Callable[[Any], Carried]:
        """What makes a canonical value of a local one; where Dataverse takes nothing below 0, that is 0."""
        read = local_reader(spec)
        if self.extra is None or spec.column.name not in self.extra.not_negative:
            return read

        def not_negative(value: Any) -> Carried:
            found = read(value)
            return "0" if isinstance(found, str) and found.startswith("-") else found

        return not_negative

    def missing_columns(self) -> None:
        """Raise when the filter names a column that Dataverse does not have."""
        self.gateway.check_columns(self.mapping, self.columns)

    def inside(self, row: RemoteRow) -> bool:
        """Whether a Dataverse row is inside the integration filter."""
        return filters.matches(self.conditions, row.values.get)

    # -- deciding ---------------------------------------------------------------------------------------------------

    def decide(self, pairs: Sequence[Pair], rows: Sequence[RemoteRow] = (), records: Sequence[Record] = ()) -> Chunk:
        """Decide about pairs, about uncoupled Dataverse rows to insert here, and local records to create there."""
        chunk = Chunk()
        self.fields.prepare(
            [pair.local.values for pair in pairs if pair.local] + [record.values for record in records],
            [pair.remote.values for pair in pairs if pair.remote] + [row.values for row in rows],
        )
        for pair in pairs:
            self._pair(chunk, pair)
        for row in rows:
            self._new_local(chunk, row)
        for record, new in zip(records, self._rows_for(records), strict=True):
            self._new_remote(chunk, record, new)
        return chunk

    def ours(self, record: Record) -> dict[str, Carried]:
        """The canonical values of a local record."""
        values = record.values
        return {name: read(values.get(field)) for name, field, read in self._here}

    def theirs(self, row: RemoteRow) -> dict[str, Carried]:
        """The canonical values of a Dataverse row."""
        values = row.values
        return {name: read(values.get(column)) for name, column, read in self._there}

    def _pair(self, chunk: Chunk, pair: Pair) -> None:
        saved, ledger = chunk.saved, self.ledger
        if pair.link.skipped and not (self.options.chosen or self.options.retrying):
            message = (
                f"It failed the same way twice and is left out: {pair.link.last_error} "
                "Choose Retry on Coupled Data Synchronization Errors once the cause is mended."
            )
            return ledger.leave(saved, pair, Reason.REPEATED_FAILURE, message)
        if self.options.retrying:  # a new chance: what failed before does not count
            pair.link.skipped, pair.link.last_to_reason, pair.link.last_from_reason = False, "", ""
        if pair.local is None or (pair.remote is None and not pair.assumed):
            return self._missing(chunk, pair)
        ours = self.ours(pair.local)
        theirs: Mapping[str, Carried] = pair.base if pair.remote is None else self.theirs(pair.remote)
        if not pair.local.inside:
            return ledger.leave(
                saved, pair, Reason.OUTSIDE_FILTER, "The record is outside the mapping's table filter.",
                Waits.RECORD if theirs != pair.base else "",
            )  # fmt: skip
        if pair.remote is not None and not self.inside(pair.remote):
            return ledger.leave(
                saved, pair, Reason.OUTSIDE_FILTER,
                "The Dataverse row is outside the mapping's integration table filter.",
                Waits.ROW if ours != pair.base else "",
            )  # fmt: skip
        doubt = self.doubts.get(pair.link.id) if pair.remote is not None else None
        decision = decide(
            self.rules, doubt.merge_into_base(pair.base, theirs) if doubt else pair.base, ours, theirs,
            conflict=ConflictOption(self.mapping.update_conflict), allowed=self.options.allowed,
            overwrite=self.options.overwrite, chosen=self.options.chosen,
        )  # fmt: skip
        version = pair.remote.version if pair.remote is not None else pair.link.version
        match decision:
            case Conflict():
                ledger.conflict(saved, pair, decision)
            case CannotTransfer():
                self._refused(
                    chunk, pair, decision.to, [(name, problem) for name, _, problem in decision.problems], ours, theirs
                )
            case Unchanged(base=base, left=left):
                ledger.settle(
                    saved, pair.link, version=version, local_modified_at=pair.local.modified_at,
                    base=None if base == pair.base else base, left=left,
                )  # fmt: skip
                ours_alone = doubt is not None and doubt.job == self.job_id and doubt.was_applied(theirs)
                saved.outcomes.append(ledger.row(Outcome.MODIFIED if ours_alone else Outcome.UNCHANGED, pair))
            case Write():
                self._write(chunk, pair, decision, ours, theirs, version)
        return None

    def _write(
        self,
        chunk: Chunk,
        pair: Pair,
        found: Write,
        ours: Mapping[str, Carried],
        theirs: Mapping[str, Carried],
        version: str,
    ) -> None:
        specs = self.fields.specs
        columns, refused = columns_for(specs, found.to_integration)
        if refused:
            return self._refused(chunk, pair, Side.INTEGRATION, refused, ours, theirs)
        fields, refused = fields_for(specs, found.to_local)
        if refused:
            return self._refused(chunk, pair, Side.LOCAL, refused, ours, theirs)
        if self.extra is not None and self.extra.along is not None and columns:
            along = self.extra.along(columns, self.beside)
            if isinstance(along, Problem):
                return self._refused(chunk, pair, Side.INTEGRATION, [(next(iter(specs)), along)], ours, theirs)
            columns |= along
        if columns and COMPANY_COLUMN in self._stamp:
            columns[COMPANY_COLUMN] = self._stamp[COMPANY_COLUMN]  # a row of nobody's is this company's from now on
        written = {**dict.fromkeys(found.to_integration, "integration"), **dict.fromkeys(found.to_local, "local")}
        detail = {"fields": self._compared(written, pair, ours, theirs, written)}
        outcome = self.ledger.row(Outcome.MODIFIED, pair, detail=detail)
        if columns:
            chunk.sends.append(
                Send(pair, columns, fields, found.base, outcome, found.left, found.to_integration.keys())
            )
        else:
            chunk.saved.updates.append((pair, fields, outcome, dict(found.base), version, found.left))
        return None

    def _refused(
        self,
        chunk: Chunk,
        pair: Pair,
        side: Side,
        problems: Sequence[tuple[str, Problem]],
        ours: Mapping[str, Carried],
        theirs: Mapping[str, Carried],
    ) -> None:
        first = problems[0][1]
        detail = {"fields": self._compared([name for name, _ in problems], pair, ours, theirs, {})}
        message = " ".join(dict.fromkeys(problem.message for _, problem in problems))
        self.ledger.fail(chunk.saved, pair, side, first.reason, message, detail)

    def _compared(
        self,
        names: Sequence[str] | Mapping[str, str],
        pair: Pair,
        ours: Mapping[str, Carried],
        theirs: Mapping[str, Carried],
        written: Mapping[str, str],
    ) -> list[dict[str, Any]]:
        found = []
        for name in names:
            spec = self.fields.specs[name]
            row: dict[str, Any] = {
                "local": spec.local_name, "caption": spec.caption, "integration": spec.column.name,
                "local_value": self._display_value(pair.local, spec, ours.get(name)),
                "integration_value": display_value(theirs.get(name)),
            }  # fmt: skip
            if name in written:
                row["written"] = written[name]
            found.append(row)
        return found

    @staticmethod
    def _display_value(record: Record | None, spec: Any, value: Carried) -> Any:
        """A local value as the user knows it: a code stays a code."""
        if record is not None and spec.field is not None and spec.kind in ("link", "choice"):
            return str(record.values.get(spec.field.name) or "")
        return display_value(value)

    def _missing(self, chunk: Chunk, pair: Pair) -> None:
        local_gone = pair.local is None
        integration_gone = pair.remote is None and not pair.assumed
        allowed = self.options.allowed
        decision = decide_missing(
            local_gone=local_gone,
            integration_gone=integration_gone,
            option=DeletionOption(self.mapping.deletion_conflict),
            allowed=intersect_direction(allowed, Direction(self.mapping.direction)) or allowed,
        )
        reason = Reason.INTEGRATION_DELETED if integration_gone else Reason.LOCAL_DELETED
        match decision:
            case DeleteCoupling(both_gone=True):
                self.ledger.uncouple(
                    chunk.saved, pair, Reason.RECORD_GONE, "Both records were deleted, so their coupling was too."
                )
            case DeleteCoupling():
                where = "in Dataverse" if integration_gone else "here"
                message = f"The other record was deleted {where}, so the coupling was too."
                if integration_gone:
                    self.ledger.uncouple(chunk.saved, pair, reason, message)
                else:
                    outcome = self.ledger.row(Outcome.UNCOUPLED, pair, reason=reason, message=message)
                    chunk.released.append((pair, outcome))
            case Restore(side=Side.INTEGRATION):
                assert pair.local is not None
                (new,) = self._rows_for([pair.local])
                self._new_remote(chunk, pair.local, new, pair)
            case Restore():
                assert pair.remote is not None
                self._new_local(chunk, pair.remote, pair)
            case DeletionToResolve():
                side = Side.INTEGRATION if integration_gone else Side.LOCAL
                where = "in Dataverse" if integration_gone else "here"
                self.ledger.fail(
                    chunk.saved, pair, side, reason,
                    f"The record it is coupled to was deleted {where}. Restore it or delete the coupling on Coupled "
                    "Data Synchronization Errors, or set Resolve Deletion Conflicts of the mapping.",
                )  # fmt: skip

    # -- new records ------------------------------------------------------------------------------------------------

    def _new_local(self, chunk: Chunk, row: RemoteRow, pair: Pair | None = None) -> None:
        specs = self.fields.specs
        found = decide_new(self.rules, self.theirs(row), side=Side.LOCAL)
        problems: list[tuple[str, Problem]]
        fields: dict[str, Any] = {}
        base: dict[str, Value] = {}
        if isinstance(found, CannotTransfer):
            problems = [(name, problem) for name, _, problem in found.problems]
        else:
            base = dict(found.values)
            fields, problems = fields_for(specs, base)
        if problems:
            message = " ".join(dict.fromkeys(problem.message for _, problem in problems))
            if pair is not None:
                return self.ledger.fail(chunk.saved, pair, Side.LOCAL, problems[0][1].reason, message)
            chunk.saved.failed_rows.append(row.id)
            chunk.saved.outcomes.append(
                self.ledger.row(
                    Outcome.FAILED, reason=problems[0][1].reason, message=message,
                    integration_id=row.id, integration_name=row.name,
                )
            )  # fmt: skip
            return None
        if self._defaults is None:
            self._defaults = self.ledger.defaults_sent()
        base = {**self._defaults, **base}
        chunk.saved.inserts.append(
            NewLocalRecord(row.id, row.name, row.version, fields, base, pair.link if pair else None)
        )
        return None

    def create_again(self, chunk: Chunk, record: Record, link: Link, restores: Pair | None) -> bool:
        """Send a row once more under the GUID it was given before. False when its values cannot be sent any more."""
        known = len(chunk.creates)
        (new,) = self._rows_for([record])
        self._new_remote(chunk, record, new, restores, link=link)
        return len(chunk.creates) > known

    def _rows_for(self, records: Sequence[Record]) -> list[NewRow]:
        """What local records become in Dataverse, without what does not come from their fields."""
        return new_rows(self._sent_to_new, [record.values for record in records])

    def _new_remote(
        self, chunk: Chunk, record: Record, new: NewRow, pair: Pair | None = None, *, link: Link | None = None
    ) -> None:
        """Create a row for a record, in place of the deleted one of a pair; `link`: the pending coupling it has."""
        problems, base = new.problems, new.base
        columns = {**self._stamp, **new.columns}
        if not problems:
            base |= self._blanks
        if self.extra is not None and not problems:
            extra = self.extra.columns(record.values, columns, self.beside)
            if isinstance(extra, Problem):
                problems = [("", extra)]
            else:
                columns |= extra
        if problems:
            message = " ".join(dict.fromkeys(problem.message for _, problem in problems))
            reason = problems[0][1].reason
            detail = {
                "fields": self._compared(
                    [name for name, _ in problems if name], Pair(_NOBODY, record), self.ours(record), {}, {}
                )
            }
            if pair is not None:
                return self.ledger.fail(chunk.saved, pair, Side.INTEGRATION, reason, message, detail)
            chunk.saved.outcomes.append(
                self.ledger.row(
                    Outcome.FAILED, reason=reason, message=message, local_id=record.id, local_key=record.key,
                    local_name=record.name, detail=detail,
                )
            )  # fmt: skip
            return None
        row_id = link.integration_id if link else new_id()
        chunk.creates.append(Create(row_id, columns, record, base, link or (pair.link if pair else None), pair))
        return None

    @cached_property
    def _blanks(self) -> dict[str, Value]:
        """The base of one-way fields from Dataverse for a row that comes from here: it starts blank there."""
        found = {
            name: canonical_remote(spec, None)
            for name, spec in self.fields.specs.items()
            if spec.direction == Direction.FROM
        }
        return {name: value for name, value in found.items() if not isinstance(value, Problem)}

    @cached_property
    def _stamp(self) -> dict[str, Any]:
        """What a new row gets beside the mapped columns: the mapping's own values, the owner and the company."""
        known = self.info.columns
        stamp = {name: value for name, value in self.mapping.insert_values.items() if name in known}
        owner = self.connection.owning_team_id
        if owner is not None and "team" in (known["ownerid"].binds if "ownerid" in known else {}):
            stamp["ownerid"] = ("team", str(owner))
        company = self.gateway.company_row_id
        if company is not None and COMPANY_COLUMN in known and known[COMPANY_COLUMN].binds:
            stamp[COMPANY_COLUMN] = (next(iter(known[COMPANY_COLUMN].binds)), str(company))
        return stamp


_NOBODY = Link(0, UUID(int=0), UUID(int=0), "", None, None, False, "", "", "", False, None, None)
