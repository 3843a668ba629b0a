"""Values at the end of a path, by position; constants of a query in the form in which they are compared."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import Any

from sandbox.base.errors import ServiceError, query_error
from sandbox.base.values import parse_datetime, parse_decimal, parse_guid
from sandbox.metadata.model import CHOICES, LOOKUPS, Column, Table
from sandbox.odata.syntax import Literal

Positions = list[int]
RowFilter = Callable[[Positions], Positions]

NUMBER_TYPES = frozenset({"Integer", "BigInt", "Decimal", "Double", "Money"}) | CHOICES
TEXT_TYPES = frozenset({"String", "Memo"})
_OPERATOR_NAMES = {
    "eq": "Equal",
    "ne": "NotEqual",
    "gt": "GreaterThan",
    "ge": "GreaterThanOrEqual",
    "lt": "LessThan",
    "le": "LessThanOrEqual",
}


@dataclass(frozen=True, slots=True)
class PathValues:
    """The values of a path, by the position of the row it begins at.

    `values` is the list of them, None where the path follows lookups; `get` works for both.
    """

    column: Column
    table: Table
    values: list[Any] | None
    get: Callable[[int], Any]


def convert_literal(source: PathValues, literal: Literal, name: str) -> Any:
    """Return a literal in the form in which the column's values are compared. Raises ServiceError."""
    kind = source.column.type
    if literal.kind == "null":
        return None
    if kind in TEXT_TYPES | {"MultiSelectPicklist"} and literal.kind == "string":
        return str(literal.value).casefold()
    if kind in NUMBER_TYPES and literal.kind == "number" and isinstance(literal.value, Decimal):
        number = literal.value
        return int(number) if number == number.to_integral_value() and abs(number) < 10**15 else number
    if kind == "Boolean" and literal.kind == "bool":
        return literal.value
    if kind in LOOKUPS or kind == "Uniqueidentifier":
        found = parse_guid(literal.value)
        if found is not None:
            return found
    if kind == "DateTime" and literal.kind == "date":
        return _format_date(source.column, str(literal.value))
    found_type = {
        "string": "Edm.String",
        "number": "Edm.Int32",
        "bool": "Edm.Boolean",
        "guid": "Edm.Guid",
        "date": "Edm.DateTimeOffset",
    }[literal.kind]
    raise incompatible_types(source.column.edm_type, found_type, name)


def convert_text(source: PathValues, text: str) -> Any:
    """Return a query function's value in the form in which the column's are compared. Raises ServiceError."""
    kind = source.column.type
    if kind in TEXT_TYPES:
        return text.casefold()
    if kind in NUMBER_TYPES:
        number = parse_decimal(text)
        if number is not None:
            return int(number) if number == number.to_integral_value() and abs(number) < 10**15 else number
    if kind == "Boolean" and text.lower() in {"true", "false", "1", "0"}:
        return text.lower() in {"true", "1"}
    if kind in LOOKUPS or kind == "Uniqueidentifier":
        found = parse_guid(text)
        if found is not None:
            return found
    if kind == "DateTime" and parse_datetime(text) is not None:
        return _format_date(source.column, text)
    raise query_error(f"The value '{text}' can't be converted to '{source.column.edm_type}'.")


def incompatible_types(left: str, right: str, name: str) -> ServiceError:
    """Return the error for a comparison of two OData types."""
    return query_error(
        f"A binary operator with incompatible types was detected. Found operand types '{left}' and '{right}' for "
        f"operator kind '{_OPERATOR_NAMES[name]}'."
    )


def is_one_of(source: PathValues, constants: list[Any]) -> RowFilter:
    """Return a filter for rows whose value is one of some constants."""
    values, get = source.values, source.get
    wanted = frozenset(constants)
    if values is None:
        return lambda positions: [i for i in positions if get(i) in wanted]
    return lambda positions: [i for i in positions if values[i] in wanted]


def exclude(positions: Positions, taken: Positions) -> Positions:
    """Return the positions that are not among those taken."""
    gone = set(taken)
    return [i for i in positions if i not in gone] if gone else positions


def type_family(column: Column) -> str:
    """Return what a column can be compared with: columns of the same family."""
    kind = column.type
    if kind in TEXT_TYPES:
        return "text"
    if kind in NUMBER_TYPES:
        return "number"
    if kind in LOOKUPS or kind == "Uniqueidentifier":
        return "guid"
    return kind


def _format_date(column: Column, text: str) -> str:
    """Return a date in a query as the column's decoded values are written, so that texts compare as times do."""
    try:
        found = parse_datetime(text)
    except OverflowError:
        found = None
    if found is None:
        raise query_error(f"The date '{text}' can't be read.")
    found = found.astimezone(UTC)
    if column.date_only:
        shown = found.strftime("%Y-%m-%d")
        return shown if (found.hour, found.minute, found.second) == (0, 0, 0) else f"{shown}T{found:%H:%M:%S}"
    shown = found.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{shown}.{found.microsecond:06d}".rstrip("0") if found.microsecond else shown
