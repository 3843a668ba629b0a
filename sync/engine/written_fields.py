"""What a decision changes of either side, for the history: the values before and after, and which side counted."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from core.vocabulary import Direction
from coupling.rows import RemoteRow, field_key
from sync.engine.chunk import ChunkChanges, NewRemoteRow, Written
from sync.engine.field_specs import Fields
from sync.engine.field_values import SideValues
from sync.engine.options import Options
from sync.engine.pairs import CouplingRow, Pair, Record
from sync.engine.unconfirmed_writes import UnconfirmedWrite
from sync.rules.canonical import canonical_remote
from sync.rules.changes import (
    Change,
    Won,
    changes_of_new_record,
    changes_of_new_row,
    changes_to_local,
    changes_to_remote,
    keep_plain,
    who_won,
)
from sync.rules.plan import Picked, Put
from sync.rules.values import LocalColumn, Side, Value


def written(
    local_id: UUID, integration_id: UUID, job_id: int, changes: Iterable[Change], by: str = ""
) -> Iterator[Written]:
    """Yield these changes of a pair as written by a job. by: who changed the row that they come from."""
    return (Written(local_id, integration_id, job_id, change, by) for change in changes)


def further_columns(
    fields: Fields, own: Collection[str], columns: Mapping[str, Any], won: Won = Won.RULE
) -> Iterator[Change]:
    """Yield what special rules of the table send beside the mapped columns. own: columns that every new row gets.

    What they replace is not known: they are not read, and nobody puts them back.
    """
    mapped = {spec.column.name for spec in fields.specs.values()}
    for column, value in columns.items():
        kept = keep_plain(value[1] if isinstance(value, tuple) else value)
        if column not in mapped and column not in own and kept is not None:
            yield Change(field_key("", column), Side.INTEGRATION, None, kept, won)


def new_row(fields: Fields, coupling: CouplingRow, job_id: int, base: Mapping[str, Any]) -> Iterator[Written]:
    """Yield what a job wrote of a row that it created. base: what both sides agree on since."""
    return written(coupling.local_id, coupling.integration_id, job_id, changes_of_new_row(fields.specs, base))


def further_of_new(fields: Fields, own: Collection[str], new: NewRemoteRow, job_id: int) -> Iterator[Written]:
    """Yield what special rules sent with a row that a job created."""
    return written(new.record.id, new.id, job_id, further_columns(fields, own, new.columns, Won.NEW))


def new_record(
    fields: Fields, local_id: UUID, integration_id: UUID, job_id: int, values: Mapping[str, Any], by: str = ""
) -> Iterator[Written]:
    """Yield what a job wrote of a record that it created here. values: by local field, with what is not mapped; by: who
    changed the row last.
    """
    columns = {
        name: spec.field
        for name, spec in fields.specs.items()
        if spec.field is not None and spec.direction != Direction.TO and spec.field.name in values
    }
    mapped = {field.name for field in columns.values()}
    columns |= {name: LocalColumn(name, name, "text") for name in values if name not in mapped}
    return written(local_id, integration_id, job_id, changes_of_new_record(columns, values), by)


class WrittenFields:
    """The changes that decisions about pairs of one mapping make."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self._one_way = [
            rule.name for rule in fields.rules if rule.direction == Direction.TO and not rule.keeps_numbers
        ]
        self._rewritten = {
            name: spec
            for name, spec in fields.specs.items()
            if spec.rewrite is not None and spec.rewrites == Side.INTEGRATION and spec.direction != Direction.FROM
        }

    @property
    def needs_rows(self) -> bool:
        """Whether rows have to be read to know what is replaced there: bases hold what rules made of it."""
        return bool(self._rewritten)

    def note_applied(
        self, changes: ChunkChanges, coupling: CouplingRow, unconfirmed: UnconfirmedWrite, sides: SideValues
    ) -> None:
        """Have the history tell of a write that was applied, as is seen now, and whose answer was never saved."""
        if applied := unconfirmed.changes(self.fields.specs, sides.remote_values):
            changes.written += written(coupling.local_id, coupling.integration_id, unconfirmed.job, applied)
            changes.told.append(coupling.id)

    def won(
        self,
        names: Iterable[str],
        base: Mapping[str, Value],
        sides: SideValues,
        options: Options,
        picked: Picked = MappingProxyType({}),
    ) -> dict[str, Won]:
        """Return by field why the side that its value comes from counts; of a one-way field its master does.

        picked: what a person chose field by field.
        """
        asked, specs = options.overwrite or options.chosen, self.fields.specs
        return {
            name: (Won.VALUE if isinstance(picked[name], Put) else Won.PERSON)
            if name in picked
            else who_won(name, base, sides.local_values[name], sides.remote_values[name], asked=asked)
            if specs[name].direction == Direction.BIDIRECTIONAL
            else Won.ALONE
            for name in names
        }

    def drifted(self, pair: Pair, base: Mapping[str, Value], sides: SideValues, sent: Collection[str] = ()) -> bool:
        """Return whether the row holds another value than its base in a field that only goes there and is not sent.

        Such a change, made in Dataverse, stays until the record's own does: the row is read then, so that what is
        replaced is known. A number that is kept there is read in any case.
        """
        if pair.remote is None:
            return False
        remote = sides.remote_values
        return any(name not in sent and name in base and remote[name] != base[name] for name in self._one_way)

    def to_remote(
        self, values: Mapping[str, Value], row: RemoteRow | None, sides: SideValues, won: Mapping[str, Won]
    ) -> list[Change]:
        """Return the changes of a row. row: as it was read; None where it is taken to hold the base."""
        before = sides.remote_values
        if row is not None and self._rewritten:
            before = {**before, **{
                name: canonical_remote(spec, row.values.get(spec.column.name))
                for name, spec in self._rewritten.items()
                if name in values
            }}  # fmt: skip
        return changes_to_remote(self.fields.specs, values, before, won)

    def to_local(
        self, names: Collection[str], written: Mapping[str, Any], record: Record | None, won: Mapping[str, Won]
    ) -> list[Change]:
        """Return the changes of a record. names: the mapped fields among what is written, by local field; others that
        special rules write go by the local field's name.
        """
        before = record.values if record is not None else {}
        columns: dict[str, LocalColumn] = {}
        for name in names:
            field = self.fields.specs[name].field
            if field is not None:
                columns[name] = field
        mapped = {field.name for field in columns.values()}
        columns |= {name: LocalColumn(name, name, "text") for name in written if name not in mapped}
        return changes_to_local(columns, written, before, won)
