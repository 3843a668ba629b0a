"""The canonical values of local records and Dataverse rows, and how outcomes show them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.vocabulary import Direction
from coupling.rows import RemoteRow
from sync.engine.field_specs import Fields
from sync.engine.pairs import Record
from sync.engine.recorder import display_value
from sync.rules.canonical import (
    FieldSpec,
    canonical_local,
    canonical_remote,
    decimal_text,
    local_reader,
    remote_reader,
)
from sync.rules.new_rows import NewField, NewRow, new_rows
from sync.rules.plan import receives
from sync.rules.values import Problem, Side, Value, ValueOrProblem


@dataclass(frozen=True, slots=True)
class SideValues:
    """The canonical values of both sides of a pair, by field."""

    local_values: Mapping[str, ValueOrProblem]
    remote_values: Mapping[str, ValueOrProblem]


class FieldValues:
    """Reads the mapped fields' values. `not_negative`: columns that take no number below 0; they are sent 0."""

    def __init__(self, fields: Fields, not_negative: frozenset[str] = frozenset()) -> None:
        self.fields = fields
        specs = fields.specs.items()
        self._local_readers = [
            (name, spec.local_name, _local_reader(spec, not_negative=spec.column.name in not_negative))
            for name, spec in specs
        ]
        self._remote_readers = [(name, spec.column.name, remote_reader(spec)) for name, spec in specs]
        self._secured = frozenset(spec.column.name for spec in fields.specs.values() if spec.column.secured)
        self._two_way = [
            spec for spec in fields.specs.values() if spec.rewrite and spec.direction == Direction.BIDIRECTIONAL
        ]
        self._new_fields = [
            NewField(name, spec, read)
            for (name, spec), (_, _, read) in zip(specs, self._local_readers, strict=True)
            if receives(spec.direction, Side.INTEGRATION)
        ]

    def local_values(self, record: Record) -> dict[str, ValueOrProblem]:
        """Return the canonical values of a local record."""
        values = record.values
        return {name: read(values.get(field)) for name, field, read in self._local_readers}

    def remote_values(self, row: RemoteRow) -> dict[str, ValueOrProblem]:
        """Return the canonical values of a Dataverse row."""
        values = row.values
        return {name: read(values.get(column)) for name, column, read in self._remote_readers}

    def known_remote_values(
        self, row: RemoteRow, base: Mapping[str, Value], local_values: Mapping[str, ValueOrProblem]
    ) -> Mapping[str, ValueOrProblem]:
        """Return a row's canonical values, as far as they are known: null in a secured column is none.

        Who may not read a secured column gets null for any value (column security), so it counts as what the row held
        at the last synchronization, or as what the record holds where they never were compared: no field is blanked.
        """
        found = self.remote_values(row)
        for name, column, _ in self._remote_readers:
            if column in self._secured and row.values.get(column) is None:
                found[name] = base[name] if name in base else local_values[name]
        return found

    def new_rows(self, records: Sequence[Record]) -> list[NewRow]:
        """Return what local records become in Dataverse, by their mapped fields alone."""
        return new_rows(self._new_fields, [record.values for record in records])

    def alike_but_for_rules(self, record: Record, row: RemoteRow | None) -> frozenset[str]:
        """Return the bidirectional fields whose values are alike as they are, whatever their rules make of them."""
        if row is None or not self._two_way:
            return frozenset()
        return frozenset(
            spec.name
            for spec in self._two_way
            if _equal(
                canonical_local(spec, record.values.get(spec.local_name)),
                canonical_remote(spec, row.values.get(spec.column.name)),
            )
        )

    def compared_fields(
        self, names: Sequence[str], record: Record | None, sides: SideValues, written: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the values of both sides as an outcome stores them; `written`: the side each field was written to."""
        found = []
        for name in names:
            spec = self.fields.specs[name]
            row: dict[str, Any] = {
                "local": spec.local_name, "caption": spec.caption, "integration": spec.column.name,
                "local_value": _display_local(record, spec, sides.local_values.get(name)),
                "integration_value": display_value(sides.remote_values.get(name)),
            }  # fmt: skip
            if spec.rewrite is not None and record is not None and spec.rewrites == Side.LOCAL:
                # Both are told: what the record holds, and what its rules made of it.
                row["rewritten_value"] = row["local_value"]
                row["local_value"] = display_value(_as_it_is(record.values.get(spec.local_name)))
            if written and name in written:
                row["written"] = written[name]
            found.append(row)
        return found


def _local_reader(spec: FieldSpec, *, not_negative: bool) -> Callable[[Any], ValueOrProblem]:
    read = local_reader(spec)
    if not not_negative:
        return read

    def read_not_negative(value: Any) -> ValueOrProblem:
        found = read(value)
        return "0" if isinstance(found, str) and found.startswith("-") else found

    return read_not_negative


def _equal(one: ValueOrProblem, other: ValueOrProblem) -> bool:
    return not isinstance(one, Problem) and one == other


def _as_it_is(value: Any) -> Any:
    return decimal_text(value) if isinstance(value, Decimal) else value


def _display_local(record: Record | None, spec: FieldSpec, value: ValueOrProblem) -> Any:
    """Return a local value as users know it: a code stays a code."""
    if record is not None and spec.field is not None and spec.kind in ("link", "choice"):
        return str(record.values.get(spec.field.name) or "")
    return display_value(value)
