"""What a synchronization wrote, field by field, as its history keeps it: pure.

A value is kept as a person reads it, so that it can be shown and searched as it is: text whole, yes or no, a number, a
date; None for blank. Where what is written is a code of which a person reads the label (a choice, a row that a look-up
points to), the code stands before the label, marked off by a character that no other value begins with. So each value
can be written again, whatever the choice or the row is called by then.

Of the row in Dataverse that is the canonical value, of the record here what its field held.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar

from core.vocabulary import ConflictOption, Direction
from sync.rules.bases import LOCAL
from sync.rules.canonical import FieldSpec, decimal_text
from sync.rules.values import LocalColumn, Problem, Side, Value, ValueOrProblem

Kept = str | None
"""A value as the history keeps it."""
_MARK = "\x1f"
_YES, _NO = "Yes", "No"
Key = TypeVar("Key")


class Won(IntEnum):
    """Why the side that a value came from counted."""

    ALONE = 0
    """It alone had changed, or it is the field's master."""
    OPTION = 1
    """Both sides had changed: the conflict option of the mapping or the field decided."""
    PERSON = 2
    """Both sides had changed, or were apart: a person decided."""
    VALUE = 3
    """Both sides had changed: a person chose this value, which was neither side's."""
    NEW = 4
    """The record or row was created with it: before, there was nothing."""
    RULE = 5
    """A special rule of the table sent it along: what it replaced is not known."""


class Change(NamedTuple):
    """One written field: the name it goes by among the mapping's, the side that was written, the values, who won."""

    name: str
    side: Side
    before: Kept
    after: Kept
    won: Won = Won.ALONE


# -- keeping and telling ----------------------------------------------------------------------------------------------


def keep_coded(code: str | int, label: str) -> Kept:
    """Return a code that a person knows by a label, as it is kept."""
    return f"{_MARK}{code}{_MARK}{_clean(label)}"


def keep_plain(value: Any) -> Kept:
    """Return any other value of a field, as it is kept; blank is None."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return _YES if value else _NO
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    text = _clean(str(value))
    return f"{_MARK}{_MARK}{text}" if text.startswith(_MARK) else text


def _clean(text: str) -> str:
    return text.replace("\0", "") if "\0" in text else text  # the one character that PostgreSQL has no place for


def told(kept: Kept) -> str:
    """Return a value as a person reads it; "" for blank."""
    return _parts(kept)[1]


def code_of(kept: Kept) -> str:
    """Return what is written for a value: its code where it has one; "" for blank."""
    code, text = _parts(kept)
    return code or text


def _parts(kept: Kept) -> tuple[str, str]:
    if kept is None or not kept.startswith(_MARK):
        return "", kept or ""
    _, code, text = (*kept.split(_MARK, 2), "", "")[:3]
    return code, text or code


def keep_remote(spec: FieldSpec, value: ValueOrProblem) -> Kept:
    """Return a canonical value of Dataverse's side as it is kept. A row that is not coupled is known by its id."""
    if isinstance(value, Problem):
        return keep_plain(value.reference.row_id if value.reference is not None else None)
    if value is None or isinstance(value, bool):
        return keep_plain(value)
    if spec.kind == "choice":
        return keep_coded(value, spec.column.choices.get(int(value), str(value)))
    if spec.kind == "link":
        label = spec.links.codes.get(value, "") if spec.links is not None else ""
        return keep_coded(value, label or (spec.column.choices.get(value, "") if isinstance(value, int) else ""))
    return keep_plain(value)


def keep_local(field: LocalColumn | None, value: Any) -> Kept:
    """Return what a field of a record here holds as it is kept. field: None for one that is only known by name."""
    if field is not None and field.choices and value not in (None, ""):
        label = dict(field.choices).get(str(value))
        return keep_plain(value) if label is None else keep_coded(str(value), label)
    return keep_plain(value)


def remote_value(spec: FieldSpec, kept: Kept) -> Value:
    """Return the canonical value that was kept. Raises ValueError where the column holds values of another kind now."""
    text = code_of(kept)
    if text == "":
        return "0" if spec.kind == "number" else 0 if spec.kind == "integer" else None
    if spec.kind in ("integer", "choice"):
        return int(text)
    if spec.kind in ("boolean", "state"):
        return _yes_or_no(text)
    if spec.kind == "link" and spec.column.choices:
        return int(text)
    return text


def local_value(field: LocalColumn, kept: Kept) -> Any:
    """Return what the field of a record held. Raises ValueError, ArithmeticError for what it cannot hold now."""
    text = code_of(kept)
    if field.type == "boolean":
        return _yes_or_no(text) if text else False
    if field.type == "integer":
        return int(text or 0)
    if field.type == "number":
        return Decimal(text or 0)
    if field.type == "date":
        return date.fromisoformat(text[:10]) if text else None
    if field.type == "datetime":
        return datetime.fromisoformat(text) if text else None
    return text


def _yes_or_no(text: str) -> bool:
    if text not in (_YES, _NO):
        raise ValueError(text)
    return text == _YES


# -- what a run writes ------------------------------------------------------------------------------------------------


def who_won(
    name: str,
    base: Mapping[str, Value],
    local: ValueOrProblem,
    remote: ValueOrProblem,
    *,
    asked: ConflictOption,
) -> Won:
    """Return why the value of one side went to the other. asked: the side that a person chose for this run."""
    known = name in base
    here_changed = not known or local != base.get(name + LOCAL, base[name])
    there_changed = not known or remote != base[name]
    if not (here_changed and there_changed):
        return Won.PERSON if asked and not (here_changed or there_changed) else Won.ALONE
    return Won.PERSON if asked else Won.OPTION


def changes_to_remote(
    specs: Mapping[str, FieldSpec],
    written: Mapping[str, Value],
    before: Mapping[str, ValueOrProblem],
    won: Mapping[str, Won],
) -> list[Change]:
    """Return the changes of the row in Dataverse that a decision makes."""
    found = []
    for name, value in written.items():
        spec = specs[name]
        change = Change(
            name, Side.INTEGRATION, keep_remote(spec, before.get(name)), keep_remote(spec, value), won[name]
        )
        if change.before != change.after:
            found.append(change)
    return found


def changes_to_local(
    columns: Mapping[str, LocalColumn],
    written: Mapping[str, Any],
    before: Mapping[str, Any],
    won: Mapping[str, Won],
) -> list[Change]:
    """Return the changes of the record here. columns: the local field that each name stands for; the values of
    `written` and `before` are by local field.
    """
    found = []
    for name, field in columns.items():
        change = Change(
            name, Side.LOCAL, keep_local(field, before.get(field.name)), keep_local(field, written[field.name]),
            won.get(name, Won.ALONE),
        )  # fmt: skip
        if change.before != change.after:
            found.append(change)
    return found


def changes_of_new_row(specs: Mapping[str, FieldSpec], values: Mapping[str, ValueOrProblem]) -> list[Change]:
    """Return what a new row in Dataverse holds of what was sent with it, blanks left out."""
    return [
        Change(name, Side.INTEGRATION, None, keep_remote(spec, values[name]), Won.NEW)
        for name, spec in specs.items()
        if spec.direction != Direction.FROM and not is_blank(values.get(name))
    ]


def changes_of_new_record(columns: Mapping[str, LocalColumn], values: Mapping[str, Any]) -> list[Change]:
    """Return what a new record here holds, blanks left out. columns: the local field that each name stands for."""
    return [
        Change(name, Side.LOCAL, None, keep_local(field, values[field.name]), Won.NEW)
        for name, field in columns.items()
        if not is_blank(values.get(field.name))
    ]


def is_blank(value: Any) -> bool:
    """Return whether a field that nobody filled in holds this: of numbers that is zero, of marks it is no."""
    return not value or value == "0"


# -- what became of values --------------------------------------------------------------------------------------------


def net(changes: Iterable[tuple[Key, Kept, Kept]]) -> dict[Key, tuple[Kept, Kept]]:
    """Return for each key what its first change replaced and what its last one wrote; changes are given oldest first.

    What came back to where it was is left out.
    """
    found: dict[Key, tuple[Kept, Kept]] = {}
    for key, before, after in changes:
        found[key] = found[key][0] if key in found else before, after
    return {key: (before, after) for key, (before, after) in found.items() if code_of(before) != code_of(after)}


def replay(first: Mapping[Key, Kept], changes: Sequence[tuple[Key, Kept, Kept]]) -> dict[Key, Kept]:
    """Return what the values are once these changes, oldest first, have been made to them."""
    return {**first, **{key: after for key, _, after in changes}}
