"""Rows new in Dataverse: what local records become there, field by field for many at once. No Django, no HTTP.

What decide_new and to_integration say of one value is said here of a page of them: what depends on the field alone is
settled once, and what a value becomes once for each different value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync.rules.canonical import FieldSpec
from sync.rules.transfer import new_columns
from sync.rules.values import Carried, Problem, Value


@dataclass(frozen=True, slots=True)
class NewField:
    """A field that new rows get; `read` makes the canonical value of a local one."""

    name: str
    spec: FieldSpec
    read: Callable[[Any], Carried]


@dataclass(slots=True)
class NewRow:
    """The columns to send and the pair's base; with problems there are neither."""

    columns: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Value] = field(default_factory=dict)
    problems: list[tuple[str, Problem]] = field(default_factory=list)
    """Field and problem: of the values that cannot be read, else of those that the columns cannot take."""


def new_rows(fields: Sequence[NewField], records: Sequence[Mapping[str, Any]]) -> list[NewRow]:
    """The rows of local records, given by the values of their fields."""
    rows = [NewRow() for _ in records]
    carried: list[list[Carried]] = []
    for one in fields:
        name, read = one.spec.local_name, one.read
        column = [read(record.get(name)) for record in records]
        carried.append(column)
        if Problem in set(map(type, column)):
            for row, value in zip(rows, column, strict=True):
                if isinstance(value, Problem):
                    row.problems.append((one.name, value))
    sound = [at for at, row in enumerate(rows) if not row.problems]
    every = len(sound) == len(rows)
    going = rows if every else [rows[at] for at in sound]
    # No Problem is left among these.
    columns: list[Any] = carried if every else [[column[at] for at in sound] for column in carried]
    names = [one.name for one in fields]
    for row, values in zip(going, zip(*columns, strict=True), strict=bool(fields)):
        row.base = dict(zip(names, values, strict=True))
    for one, column in zip(fields, columns, strict=True):
        _send(going, one, column)
    for row in going:
        if row.problems:
            row.columns, row.base = {}, {}
    return rows


def _send(rows: Sequence[NewRow], one: NewField, column: Sequence[Value]) -> None:
    """Add a field's column to the rows, or why its value cannot be sent."""
    spec, name = one.spec, one.spec.column.name
    plain, left_blank = spec.kind == "text", spec.left_blank
    known: dict[Value, dict[str, Any] | Problem] = {}
    for row, value in zip(rows, column, strict=True):
        if value is None and left_blank:
            continue
        if plain and isinstance(value, str) and spec.surely_fits(value):  # most values of most tables
            row.columns[name] = value
            continue
        if (found := known.get(value)) is None:
            found = known[value] = new_columns(spec, value)
        if isinstance(found, Problem):
            row.problems.append((one.name, found))
        else:
            row.columns.update(found)
