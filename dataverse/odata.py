"""What requests are made of, pure: literals, filters, keys, bindings, queries, and values to JSON and back.

Source: OData 4.0, URL Conventions, and the Web API's "Query data using the Web API".
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote as _percent
from uuid import UUID

from dataverse import dates
from dataverse.errors import Invalid
from dataverse.types import ColumnInfo

LONGEST_ADDRESS = 32_000
"""Characters that the service accepts in a GET's address, with some room."""

_SAFE = "$,()/':@=!*;-._~"

_WHOLE = {"Integer", "BigInt"}
_CHOICE = {"Picklist", "State", "Status"}
_REFERENCE = {"Lookup", "Customer", "Owner", "Uniqueidentifier"}
_NUMBER = {"Decimal", "Double", "Money"}


def quote(value: Any) -> str:
    """Return a value's literal for a filter or key: text in single quotes, times as UTC, GUIDs and numbers bare.

    Raises Invalid for a number that is not finite.
    """
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
        return _utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return "'" + str(value).replace("'", "''") + "'"


def eq(column: str, value: Any) -> str:
    """Return `column eq value`; null for None."""
    return f"{column} eq {quote(value)}"


def ne(column: str, value: Any) -> str:
    """Return `column ne value`. Dataverse leaves out rows whose column is empty, unless the value is None."""
    return f"{column} ne {quote(value)}"


def compare(column: str, operator: str, value: Any) -> str:
    """Return `column operator value`; operator is one of eq, ne, gt, ge, lt, le. Raises ValueError for another."""
    if operator not in {"eq", "ne", "gt", "ge", "lt", "le"}:
        raise ValueError(f"{operator!r} is no comparison operator.")
    return f"{column} {operator} {quote(value)}"


def contains(column: str, text: str) -> str:
    """Return the test that a column contains the text; % and _ in it are wildcards to Dataverse."""
    return f"contains({column},{quote(text)})"


def startswith(column: str, text: str) -> str:
    """Return the test that a column begins with the text; % and _ in it are wildcards to Dataverse."""
    return f"startswith({column},{quote(text)})"


def endswith(column: str, text: str) -> str:
    """Return the test that a column ends with the text; % and _ in it are wildcards to Dataverse."""
    return f"endswith({column},{quote(text)})"


def literal_pattern(text: str) -> str:
    """Return a text for contains and startswith in which %, _ and [ stand for themselves."""
    return re.sub(r"[%_\[]", r"[\g<0>]", text)


def all_of(*parts: str) -> str:
    """Return the filter that all of the parts hold; blank ones are dropped."""
    return _join("and", parts)


def any_of(*parts: str) -> str:
    """Return the filter that one of the parts holds; blank ones are dropped."""
    return _join("or", parts)


def one_of(column: str, values: Iterable[Any]) -> str:
    """Return the filter that a column has one of the values.

    A chain of `or`, which every table understands; keep it below 200 values and the address below LONGEST_ADDRESS.
    Raises ValueError without values: no values must never mean all rows.
    """
    parts = [eq(column, value) for value in values]
    if not parts:
        raise ValueError("A filter by a list needs at least one value.")
    return parts[0] if len(parts) == 1 else "(" + " or ".join(parts) + ")"


def key(entity_set: str, row_id: UUID | str) -> str:
    """Return a row's path, `accounts(guid)`. Raises ValueError for an id that is no GUID."""
    return f"{entity_set}({UUID(str(row_id))})"


def lookup(column: str) -> str:
    """Return the property a lookup is read by, `_column_value`."""
    return f"_{column}_value"


LOOKUP_TABLE = "Microsoft.Dynamics.CRM.lookuplogicalname"
"""The annotation that names, beside a lookup's value, the table that it leads to."""
NAMES_TABLES = f'odata.include-annotations="{LOOKUP_TABLE}"'
"""The preference that asks for it."""


def table_of(column: str) -> str:
    """Return the column that says which table a lookup leads to: parentcustomeridtype of parentcustomerid."""
    return f"{column}type"


def lookup_table(column: str) -> str:
    """Return the property that such a column is read by: the annotation of its lookup."""
    return f"{lookup(column.removesuffix('type'))}@{LOOKUP_TABLE}"


def leads_to(column: str, table: str) -> str:
    """Return the path that is blank unless a lookup leads to a table; `column`: the one of table_of."""
    return f"{column.removesuffix('type')}_{table}/{table}id"


def bind(navigation: str, entity_set: str, row_id: UUID | str | None) -> dict[str, str | None]:
    """Return the part of a body that sets a lookup, or clears it for None. The navigation property's case matters."""
    return {f"{navigation}@odata.bind": None if row_id is None else f"/{key(entity_set, row_id)}"}


def query(options: Mapping[str, str]) -> str:
    """Return `?$select=..&$filter=..` percent-encoded; blank options are dropped."""
    parts = [f"{name}={_percent(value, safe=_SAFE)}" for name, value in options.items() if value]
    return "?" + "&".join(parts) if parts else ""


def rows_path(
    entity_set: str,
    *,
    select: Sequence[str],
    filter_text: str = "",
    order_by: str = "",
    expand: str = "",
    count: bool = False,
) -> str:
    """Return the path of a query for rows. Raises Invalid when it is longer than the service accepts."""
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
    """Return the JSON of a local value for a column. None and blank text clear it.

    Lookups are not written by value: use `bind`. Raises Invalid with reason value_too_long, value_invalid or
    unknown_choice and a message that names the column.
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
        raise _wrong_type(value, name, "yes or no")
    if column.type in _CHOICE:
        return _to_choice(value, column, name)
    if column.type in _WHOLE:
        return int(_check_range(_to_decimal(value, name, whole=True), column, name))
    if column.type in _NUMBER:
        number = _check_range(_to_decimal(value, name), column, name)
        if column.precision is not None and column.type != "Double":
            number = round(number, column.precision)
        return float(number)
    if column.type == "DateTime":
        return _to_moment(value, column, name)
    if column.type in _REFERENCE:
        try:
            return str(UUID(str(value)))
        except ValueError:
            raise _wrong_type(value, name, "a GUID") from None
    return value


def from_json(value: Any, column: ColumnInfo) -> Any:
    """Return the value of a column's JSON: Decimal, int, bool, UUID, date, datetime (UTC) or text; None stays None.

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
            if column.date_only or column.shows_day:
                return dates.day_from(value, column)
            return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC)
    except (TypeError, ValueError, InvalidOperation):
        raise _wrong_type(value, column.label or column.name, f"a value of type {column.type}") from None
    return value


def _join(operator: str, parts: Sequence[str]) -> str:
    given = [part for part in parts if part]
    if len(given) < 2:
        return "".join(given)
    return "(" + f" {operator} ".join(given) + ")"


def _length(text: str) -> int:
    """Return the number of characters as Dataverse counts them: UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def _utc_text(value: datetime) -> str:
    moment = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _to_moment(value: Any, column: ColumnInfo, name: str) -> str:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            raise _wrong_type(value, name, "a date") from None
    if isinstance(value, datetime):
        if dates.is_moment_of_day(column):
            return dates.day_to(value.date(), column)
        return value.date().isoformat() if column.date_only else _utc_text(value)
    if isinstance(value, date):
        if column.date_only or column.shows_day:
            return dates.day_to(value, column)
        return _utc_text(datetime.combine(value, time(), tzinfo=UTC))
    raise _wrong_type(value, name, "a date")


def _to_decimal(value: Any, name: str, *, whole: bool = False) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise _wrong_type(value, name, "a number") from None
    if isinstance(value, bool) or not number.is_finite() or (whole and number != int(number)):
        raise _wrong_type(value, name, "a whole number" if whole else "a number")
    return number


def _check_range(number: Decimal, column: ColumnInfo, name: str) -> Decimal:
    """Return the number. Raises Invalid when it is outside the column's range."""
    low, high = column.minimum, column.maximum
    if (low is not None and number < Decimal(str(low))) or (high is not None and number > Decimal(str(high))):
        span = f" ({low:,.15g} to {high:,.15g})" if low is not None and high is not None else ""
        raise Invalid(
            f"{number:f} is outside the range {name} takes in Dataverse{span}.",
            "Change the value.",
            reason="value_invalid",
        )
    return number


def _to_choice(value: Any, column: ColumnInfo, name: str) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise _wrong_type(value, name, "one of its choices", reason="unknown_choice") from None
    if column.choices and number not in column.choices:
        offered = [f"{n} {label}" for n, label in column.choices.items()]
        known = ", ".join(offered[:8]) + (f" and {len(offered) - 8} more" if len(offered) > 8 else "")
        raise Invalid(
            f"{name} has no choice {number} in Dataverse. It has: {known}.",
            "Map the option to one of them.",
            reason="unknown_choice",
        )
    return number


def _wrong_type(value: Any, name: str, expected: str, *, reason: str = "value_invalid") -> Invalid:
    return Invalid(
        f"{str(value)[:60]!r} cannot be the value of {name}: it takes {expected}.",
        "Change the value or the field mapping.",
        reason=reason,
    )
