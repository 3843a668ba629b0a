"""Building what a request says, pure: literals, filters, keys, bindings, queries, and values <-> JSON."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote as _percent
from uuid import UUID

from dataverse.errors import Invalid
from dataverse.types import ColumnInfo

LONGEST_ADDRESS = 32_000
"""Characters the service takes in a GET's address, with some room."""

_SAFE = "$,()/':@=!*;-._~"

_WHOLE = {"Integer", "BigInt"}
_CHOICE = {"Picklist", "State", "Status"}
_REFERENCE = {"Lookup", "Customer", "Owner", "Uniqueidentifier"}
_NUMBER = {"Decimal", "Double", "Money"}


def quote(value: Any) -> str:
    """The literal of a value in a filter or key: text in single quotes, times as UTC, GUIDs and numbers bare."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, UUID | int):
        return str(value)
    if isinstance(value, Decimal | float):
        if not math.isfinite(value):
            raise Invalid(f"{value} is not a number that Dataverse accepts.", reason="value_invalid")
        return format(value, "f") if isinstance(value, Decimal) else repr(value)
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return value.isoformat()
    return "'" + str(value).replace("'", "''") + "'"


def eq(column: str, value: Any) -> str:
    """`column eq value`; null for None."""
    return f"{column} eq {quote(value)}"


def ne(column: str, value: Any) -> str:
    """`column ne value`. Dataverse leaves rows out whose column is empty, unless the value is None."""
    return f"{column} ne {quote(value)}"


def compare(column: str, operator: str, value: Any) -> str:
    """`column operator value`; operator one of eq, ne, gt, ge, lt, le."""
    if operator not in {"eq", "ne", "gt", "ge", "lt", "le"}:
        raise ValueError(f"{operator!r} is no comparison.")
    return f"{column} {operator} {quote(value)}"


def contains(column: str, text: str) -> str:
    """Whether the column contains the text; % and _ in it are wildcards to Dataverse."""
    return f"contains({column},{quote(text)})"


def startswith(column: str, text: str) -> str:
    """Whether the column begins with the text; % and _ in it are wildcards to Dataverse."""
    return f"startswith({column},{quote(text)})"


def and_(*parts: str) -> str:
    """All of the parts; blank ones are dropped."""
    return _joined("and", parts)


def or_(*parts: str) -> str:
    """One of the parts; blank ones are dropped."""
    return _joined("or", parts)


def in_(column: str, values: Iterable[Any]) -> str:
    """The column has one of the values. Raises ValueError without values: no values must never mean all rows.

    A chain of `or`, which every table understands; keep it below 200 values and the address below LONGEST_ADDRESS.
    """
    parts = [eq(column, value) for value in values]
    if not parts:
        raise ValueError("A filter by a list needs at least one value.")
    return parts[0] if len(parts) == 1 else "(" + " or ".join(parts) + ")"


def key(entity_set: str, row_id: UUID | str) -> str:
    """`accounts(guid)`."""
    return f"{entity_set}({UUID(str(row_id))})"


def lookup(column: str) -> str:
    """The name a lookup is read by: `_column_value`."""
    return f"_{column}_value"


def bind(navigation: str, entity_set: str, row_id: UUID | str | None) -> dict[str, str | None]:
    """The part of a body that sets a lookup, or clears it for None. The navigation property's case matters."""
    return {f"{navigation}@odata.bind": None if row_id is None else f"/{key(entity_set, row_id)}"}


def query(options: Mapping[str, str]) -> str:
    """`?$select=..&$filter=..` percent-encoded; blank options are dropped."""
    parts = [f"{name}={_percent(value, safe=_SAFE)}" for name, value in options.items() if value]
    return "?" + "&".join(parts) if parts else ""


def rows(
    entity_set: str,
    *,
    select: Sequence[str],
    filter_text: str = "",
    order_by: str = "",
    expand: str = "",
    count: bool = False,
) -> str:
    """The path of a query for rows. Raises Invalid when it is longer than the service takes."""
    path = entity_set + query(
        {
            "$select": ",".join(select),
            "$filter": filter_text,
            "$orderby": order_by,
            "$expand": expand,
            "$count": "true" if count else "",
        }
    )
    if len(path) > LONGEST_ADDRESS:
        raise Invalid(
            "The query is longer than Dataverse accepts in one request.",
            "Choose fewer values or columns.",
            reason="configuration",
        )
    return path


def to_json(value: Any, column: ColumnInfo) -> Any:
    """The JSON of a local value for a column. None and blank text clear it.

    Lookups are not written by value: use `bind`. Raises Invalid with reason value_too_long, value_invalid or
    unknown_choice and a sentence that names the column.
    """
    if value is None or value == "":
        return None
    name = column.label or column.name
    if column.type in {"String", "Memo"}:
        text = str(value)
        if column.max_length is not None and _length(text) > column.max_length:
            raise Invalid(
                f"The value has {_length(text)} characters, but {name} takes {column.max_length} in Dataverse.",
                "Shorten it, or map the field to a longer column.",
                reason="value_too_long",
            )
        return text
    if column.type == "Boolean":
        if isinstance(value, bool):
            return value
        raise _unfit(value, name, "yes or no")
    if column.type in _CHOICE:
        return _choice(value, column, name)
    if column.type in _WHOLE:
        return int(_within(_number(value, name, whole=True), column, name))
    if column.type in _NUMBER:
        number = _within(_number(value, name), column, name)
        if column.precision is not None and column.type != "Double":
            number = round(number, column.precision)
        return float(number)
    if column.type == "DateTime":
        return _moment(value, column, name)
    if column.type in _REFERENCE:
        try:
            return str(UUID(str(value)))
        except ValueError:
            raise _unfit(value, name, "a GUID") from None
    return value


def from_json(value: Any, column: ColumnInfo) -> Any:
    """The value of a column's JSON: Decimal, int, bool, UUID, date, datetime (UTC) or text; None stays None.

    Raises Invalid (value_invalid) where the JSON is not of the column's type.
    """
    if value is None:
        return None
    try:
        if column.type in _NUMBER:
            return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if column.type in _WHOLE or column.type in _CHOICE:
            return int(value)
        if column.type in _REFERENCE:
            return UUID(value)
        if column.type == "DateTime":
            if column.date_only:
                return date.fromisoformat(value[:10])
            return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC)
    except (TypeError, ValueError, InvalidOperation):
        raise _unfit(value, column.label or column.name, f"of type {column.type}") from None
    return value


def _joined(word: str, parts: Sequence[str]) -> str:
    wanted = [part for part in parts if part]
    if len(wanted) < 2:
        return "".join(wanted)
    return "(" + f" {word} ".join(wanted) + ")"


def _length(text: str) -> int:
    """Characters as Dataverse counts them: UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def _utc(value: datetime) -> str:
    moment = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _moment(value: Any, column: ColumnInfo, name: str) -> str:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            raise _unfit(value, name, "a date") from None
    if isinstance(value, datetime):
        return value.date().isoformat() if column.date_only else _utc(value)
    if isinstance(value, date):
        return value.isoformat() if column.date_only else _utc(datetime.combine(value, time(), tzinfo=UTC))
    raise _unfit(value, name, "a date")


def _number(value: Any, name: str, *, whole: bool = False) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise _unfit(value, name, "a number") from None
    if isinstance(value, bool) or not number.is_finite() or (whole and number != int(number)):
        raise _unfit(value, name, "a whole number" if whole else "a number")
    return number


def _within(number: Decimal, column: ColumnInfo, name: str) -> Decimal:
    low, high = column.minimum, column.maximum
    if (low is not None and number < Decimal(str(low))) or (high is not None and number > Decimal(str(high))):
        span = f" ({low:,.15g} to {high:,.15g})" if low is not None and high is not None else ""
        raise Invalid(
            f"{number:f} is outside the range {name} takes in Dataverse{span}.",
            "Change the value.",
            reason="value_invalid",
        )
    return number


def _choice(value: Any, column: ColumnInfo, name: str) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise _unfit(value, name, "one of its choices", reason="unknown_choice") from None
    if column.choices and number not in column.choices:
        offered = [f"{n} {label}" for n, label in column.choices.items()]
        known = ", ".join(offered[:8]) + (f" and {len(offered) - 8} more" if len(offered) > 8 else "")
        raise Invalid(
            f"{name} has no choice {number} in Dataverse. It has: {known}.",
            "Map the option to one of them.",
            reason="unknown_choice",
        )
    return number


def _unfit(value: Any, name: str, wanted: str, *, reason: str = "value_invalid") -> Invalid:
    return Invalid(
        f"{str(value)[:60]!r} cannot be the value of {name}: it takes {wanted}.",
        "Change the value or the field mapping.",
        reason=reason,
    )
