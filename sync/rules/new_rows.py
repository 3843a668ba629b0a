"""From local records to new Dataverse rows, field by field for many records at once. No Django, no HTTP.

The result is that of decide_new and to_new_row for each record. What depends on the field alone is decided once for
all records, and what a value becomes once for each different value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync.rules.canonical import FieldSpec
from sync.rules.transfer import to_new_row
from sync.rules.values import Problem, Value, ValueOrProblem


@dataclass(frozen=True, slots=True)
class NewField:
    """A field that new rows get; `read` returns the canonical value of a local one."""

    name: str
    spec: FieldSpec
    read: Callable[[Any], ValueOrProblem]


@dataclass(slots=True)
class NewRow:
    """The columns to send and the pair's base; both empty where there are problems."""

    columns: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Value] = field(default_factory=dict)
    problems: list[tuple[str, Problem]] = field(default_factory=list)
    """(field, problem) of the values that cannot be read; where all can be, of those that the columns cannot take."""


def new_rows(fields: Sequence[NewField], records: Sequence[Mapping[str, Any]]) -> list[NewRow]:
    """Return the row of each local record, given by the values of its fields."""
    rows = [NewRow() for _ in records]
    by_field: list[list[ValueOrProblem]] = []
    for new in fields:
        name, read = new.spec.local_name, new.read
        values = [read(record.get(name)) for record in records]
        by_field.append(values)
        if Problem in set(map(type, values)):
            for row, value in zip(rows, values, strict=True):
                if isinstance(value, Problem):
                    row.problems.append((new.name, value))
    sound = [at for at, row in enumerate(rows) if not row.problems]
    all_sound = len(sound) == len(rows)
    sendable = rows if all_sound else [rows[at] for at in sound]
    # No Problem is left among these.
    columns: list[Any] = by_field if all_sound else [[values[at] for at in sound] for values in by_field]
    names = [new.name for new in fields]
    for row, base in zip(sendable, zip(*columns, strict=True), strict=bool(fields)):
        row.base = dict(zip(names, base, strict=True))
    for new, column in zip(fields, columns, strict=True):
        _add_column(sendable, new, column)
    for row in sendable:
        if row.problems:
            row.columns, row.base = {}, {}
    return rows


def _add_column(rows: Sequence[NewRow], new: NewField, values: Sequence[Value]) -> None:
    """Add a field's column to the rows, or why its value cannot be sent."""
    spec, name = new.spec, new.spec.column.name
    is_text, omitted_when_blank = spec.kind == "text", spec.omitted_when_blank
    known: dict[Value, dict[str, Any] | Problem] = {}
    for row, value in zip(rows, values, strict=True):
        if value is None and omitted_when_blank:
            continue
        if is_text and isinstance(value, str) and spec.surely_fits(value):  # most values of most tables
            row.columns[name] = value
            continue
        if (found := known.get(value)) is None:
            found = known[value] = to_new_row(spec, value)
        if isinstance(found, Problem):
            row.problems.append((new.name, found))
        else:
            row.columns.update(found)
