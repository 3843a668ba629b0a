"""From canonical values to what either side is written with, and the packed base. No Django, no HTTP.

Every value is checked against the limits of the column or field first; what it cannot take is a Problem.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from core.vocabulary import Direction
from sync.rules.canonical import (
    KINDS,
    FieldSpec,
    canonical_boolean,
    canonical_integer,
    local_reader,
    remote_reader,
    unknown_choice_problem,
)
from sync.rules.plan import FieldRule
from sync.rules.quotes import list_labels, quote
from sync.rules.values import LocalColumn, Problem, Side, Value, ValueOrProblem

_TEXT_TYPES = ("text", "code", "reference")


def to_remote(spec: FieldSpec, value: Value) -> dict[str, Any] | Problem:
    """Return what the gateway writes for a canonical value: {column: JSON value}, a lookup as (table, GUID).

    A Problem where the column cannot take it: too long, not one of its choices, out of range.
    """
    column = spec.column
    if spec.kind == "link" and not isinstance(value, int) and KINDS.get(column.type) == "reference":
        return _lookup_columns(spec, value)
    if spec.kind in ("choice", "link"):
        if value is not None and column.choices and value not in column.choices:
            return unknown_choice_problem(spec, value)
        return {column.name: value}
    if spec.kind == "text":
        if column.max_length is not None and value is not None and _utf16_length(str(value)) > column.max_length:
            return _too_long(spec.caption, str(value), spec.column_caption, column.max_length)
        return {column.name: value}
    if spec.kind == "state":
        return {column.name: 1 if value else 0}
    if spec.kind == "number":
        number = Decimal(str(value or 0))
        if (column.minimum is not None and number < Decimal(str(column.minimum))) or (
            column.maximum is not None and number > Decimal(str(column.maximum))
        ):
            return Problem(
                "value_invalid",
                f"{spec.caption} is {value}; {spec.column_caption} takes "
                f"{_limit_text(column.minimum)} to {_limit_text(column.maximum)}.",
                "Correct the value.",
            )
        return {column.name: float(number)}
    return {column.name: value}


def _lookup_columns(spec: FieldSpec, value: Value) -> dict[str, Any] | Problem:
    links, column = spec.links, spec.column
    if value is None and links is not None and links.blank_partner:
        value = links.blank_partner
    if value is None:
        return {column.name: None}
    target = links.target if links is not None else ""
    if not target or target not in column.binds:
        return Problem(
            "value_invalid",
            f"{spec.column_caption} cannot point to the table {target or 'of this field'}.",
            "Disable this field on Integration Field Mapping List.",
        )
    return {column.name: (target, value)}


def to_new_row(spec: FieldSpec, value: Value) -> dict[str, Any] | Problem:
    """Return what to_remote does, for a row that does not exist yet.

    A blank choice, number or yes-no is sent as such, so that the table's default does not come back as a change;
    blank text, dates and references are left out, and so is the active state, in which rows begin.
    """
    if (value is None and spec.omitted_when_blank) or (spec.kind == "state" and not value):
        return {}
    return to_remote(spec, value)


def to_local(spec: FieldSpec, value: Value) -> Any:
    """Return what the local field is written with, a Problem where it cannot take it. The spec must have a field."""
    field = spec.field
    assert field is not None
    found = _local_value(spec, field, value)
    why = spec.check(found) if spec.check is not None and not isinstance(found, Problem) else ""
    if not why:
        return found
    holds = f"The constant is {quote(value)}" if spec.constant_here else f"{spec.column_caption} holds {quote(value)}"
    where = "Change the constant" if spec.constant_here else "Correct it in Dataverse"
    return Problem(
        "value_invalid",
        f"{holds}, which {field.caption} does not take: {why}",
        f"{where}, or turn off Validate Field on Integration Field Mapping List if it only breaks a rule of the field.",
    )


def _local_value(spec: FieldSpec, field: LocalColumn, value: Value) -> Any:
    if spec.kind == "link":
        return _local_code(spec, field, value)
    if spec.kind == "choice":
        return _choice_for(spec, field, value)
    try:
        found = _local_form(spec, field, value)
    except (ValueError, InvalidOperation):
        return Problem(
            "value_invalid",
            f"{spec.column_caption} holds {quote(value)}, which {field.caption} cannot hold.",
            "Correct it in Dataverse.",
        )
    return found


def _local_form(spec: FieldSpec, field: LocalColumn, value: Value) -> Any:
    if field.type in _TEXT_TYPES:
        text = "" if value is None else ("Yes" if value is True else "No" if value is False else str(value))
        if field.max_length is not None and len(text) > field.max_length:
            return _too_long(spec.column_caption, text, field.caption, field.max_length)
        if not text and field.required:
            return Problem(
                "value_invalid",
                f"{spec.column_caption} is blank, and {field.caption} must have a value.",
                "Enter a value in Dataverse.",
            )
        return text
    if field.type == "choice":
        return _matching_choice(spec, field, "" if value is None else str(value))
    if field.type == "boolean":
        return canonical_boolean(spec, value)
    if field.type == "integer":
        return canonical_integer(spec, value)
    if field.type == "number":
        return Decimal(str(value or 0))
    if value is None:
        return None
    day = datetime.fromisoformat(str(value))
    return day.date() if field.type == "date" else day.replace(tzinfo=day.tzinfo or UTC)


def _local_code(spec: FieldSpec, field: LocalColumn, value: Value) -> Any:
    if value is None:
        return ""
    code = spec.links.codes.get(value) if spec.links is not None and not isinstance(value, bool) else None
    if code is None:
        return Problem(
            "reference_not_coupled",
            f"{spec.column_caption} points to a row that is not coupled here.",
            "Couple or synchronize it; the next run then goes on with this by itself.",
        )
    if field.max_length is not None and len(code) > field.max_length:
        return _too_long(spec.column_caption, code, field.caption, field.max_length)
    return code


def _choice_for(spec: FieldSpec, field: LocalColumn, value: Value) -> Any:
    if value is None:
        return _matching_choice(spec, field, "") if field.choices else ("" if field.type in _TEXT_TYPES else 0)
    if field.type == "integer":
        return int(value)
    label = spec.column.choices.get(int(value))
    if label is None:
        return Problem(
            "unknown_choice",
            f"{spec.column_caption} holds {value}, which is none of its known choices.",
            "Correct it in Dataverse.",
        )
    if field.choices:
        return _matching_choice(spec, field, label)
    if field.max_length is not None and len(label) > field.max_length:
        return _too_long(spec.column_caption, label, field.caption, field.max_length)
    return label


def _matching_choice(spec: FieldSpec, field: LocalColumn, text: str) -> Any:
    wanted = text.casefold()
    for key, label in field.choices:
        if wanted in (key.casefold(), label.strip().casefold()):
            return key
    known = list_labels(label for _, label in field.choices)
    return Problem(
        "unknown_choice",
        f"{spec.column_caption} is {quote(text)}, which {field.caption} does not offer (it offers {known}).",
        "Change it in Dataverse.",
    )


def _too_long(source: str, text: str, target: str, limit: int) -> Problem:
    return Problem(
        "value_too_long",
        f"{source} has {_utf16_length(text)} characters; {target} takes at most {limit}.",
        "Shorten the value, or disable this field on Integration Field Mapping List.",
    )


def _utf16_length(text: str) -> int:
    """Return how many characters Dataverse counts: UTF-16 units."""
    if text.isascii():
        return len(text)
    return len(text) + sum(character > "\uffff" for character in text)


def _limit_text(limit: float | None) -> str:
    return "any number" if limit is None else f"{limit:,.10g}"


# -- the field as the plan sees it ----------------------------------------------------------------------------------


def field_rule(spec: FieldSpec) -> FieldRule:
    """Return a mapped field as the plan sees it."""
    two_way = spec.rewrite is not None and spec.direction == Direction.BIDIRECTIONAL
    return FieldRule(
        spec.name, spec.direction, spec.conflict, spec.not_null, spec.identifies, spec.keep_blank,
        _reread(spec) if two_way else None, spec.rewrites,
    )  # fmt: skip


def _reread(spec: FieldSpec) -> Callable[[Value], ValueOrProblem]:
    """Return what the side whose values are rewritten is read as once a value of the other one is written to it."""
    if spec.rewrites == Side.LOCAL:
        read_local = local_reader(spec)

        def from_local(value: Value) -> ValueOrProblem:
            written = to_local(spec, value)
            return value if isinstance(written, Problem) else read_local(written)

        return from_local
    read_remote = remote_reader(spec)

    def from_remote(value: Value) -> ValueOrProblem:
        written = to_remote(spec, value)
        return value if isinstance(written, Problem) else read_remote(written[spec.column.name])

    return from_remote


# -- many fields at once --------------------------------------------------------------------------------------------


def columns_for(
    specs: Mapping[str, FieldSpec], values: Mapping[str, Value]
) -> tuple[dict[str, Any], list[tuple[str, Problem]]]:
    """Return the columns to send for canonical values by field name, and the problems of those that cannot be."""
    columns: dict[str, Any] = {}
    problems: list[tuple[str, Problem]] = []
    for name, value in values.items():
        found = to_remote(specs[name], value)
        if isinstance(found, Problem):
            problems.append((name, found))
        else:
            columns.update(found)
    return columns, problems


def fields_for(
    specs: Mapping[str, FieldSpec], values: Mapping[str, Value]
) -> tuple[dict[str, Any], list[tuple[str, Problem]]]:
    """Return the local fields to write for canonical values by field name, and the problems of those that cannot be."""
    fields: dict[str, Any] = {}
    problems: list[tuple[str, Problem]] = []
    for name, value in values.items():
        spec = specs[name]
        found = to_local(spec, value)
        if isinstance(found, Problem):
            problems.append((name, found))
        elif spec.field is not None:
            fields[spec.field.name] = found
    return fields, problems


_packer = msgspec.msgpack.Encoder()
_unpacker = msgspec.msgpack.Decoder(dict[str, bool | int | str | None])


def pack(base: Mapping[str, Value]) -> bytes:
    """Return a base as the table stores it."""
    return _packer.encode(dict(base))


def unpack(packed: bytes | memoryview) -> dict[str, Value]:
    """Return the base that pack() wrote."""
    return _unpacker.decode(packed)
