"""A filter's values checked against its fields, and turned into what is compared. No Django."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from coupling.filters.fields import FieldOf, FilterField, Kind
from coupling.filters.tree import ORDERS, RESET, TEXTS, BadFilter, Condition, Node, changed

_WITHOUT_ORDER = frozenset({Kind.BOOLEAN, Kind.CHOICE, Kind.WORD, Kind.ROW, Kind.TABLE})
_TEXT_KINDS = frozenset({Kind.TEXT, Kind.ANY})
_MOST_NAMED = 8


def resolve(node: Node, field_of: FieldOf) -> Node:
    """Return the filter with each value as its field has it: Decimal, date, UTC datetime, UUID and so on.

    Raises BadFilter for a value or an operator that the field does not take, and what field_of raises for no field.
    """
    return changed(node, lambda condition: _resolved(condition, field_of(condition.field)))


def _resolved(condition: Condition, field: FilterField) -> Condition:
    _check_operator(condition, field)
    if isinstance(condition.value, list):
        value: Any = [_typed(one, field) for one in condition.value]
    else:
        value = _typed(condition.value, field)
    return replace(condition, value=value, kind=field.kind)


def _check_operator(condition: Condition, field: FilterField) -> None:
    op = str(condition.op)
    if field.kind is Kind.OTHER:
        raise BadFilter(f"{_named(field)} has values that a filter cannot compare.", RESET)
    if condition.op in TEXTS:
        if field.kind not in _TEXT_KINDS or not isinstance(condition.value, str):
            raise BadFilter(f"{op!r} compares texts, but {_named(field)} takes {_kind(field)}.", RESET)
    elif condition.op in ORDERS:
        if field.kind in _WITHOUT_ORDER or isinstance(condition.value, bool):
            raise BadFilter(
                f"{op!r} compares numbers, dates and texts, but {_named(field)} takes {_kind(field)}.", RESET
            )
        if not field.sorted_alike:
            raise BadFilter(
                f"{op!r} cannot compare {_named(field)}: Dataverse sorts texts by the rules of its language.", RESET
            )


def _typed(value: Any, field: FilterField) -> Any:
    if value is None or field.kind is Kind.ANY:
        return value
    found = read(value, field.kind) if _written_rightly(value, field.kind) else None
    if found is None:
        raise BadFilter(f"{_named(field)} takes {_kind(field)}, not {_short(value)}.", RESET)
    if field.kind is Kind.TEXT:
        _check_text(found, field)
    elif field.kind in (Kind.WORD, Kind.CHOICE, Kind.TABLE) and field.choices:
        return _chosen(found, field)
    elif field.kind in (Kind.WHOLE, Kind.NUMBER):
        _check_number(found, field)
    return found


def _written_rightly(value: Any, kind: Kind) -> bool:
    """Return whether JSON has a value as the kind is written: dates and GUIDs as text, numbers as numbers."""
    if kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    if kind in (Kind.WHOLE, Kind.NUMBER, Kind.CHOICE):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def read(value: Any, kind: Kind) -> Any:
    """Return a value as it is compared; None for a blank, and for what is not of the kind.

    Rows bring JSON (a date as text, a number as float), local records Python's own values.
    """
    if value is None or value == "":
        return None
    try:
        return _READERS[kind](value)
    except (TypeError, ValueError, ArithmeticError):
        return None


def _read_number(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise TypeError(value)
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError(value)
    return number


def _read_whole(value: Any) -> int:
    if type(value) is int:  # what rows have, a million of them: nothing to look at
        return value
    number = _read_number(value)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def _read_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _read_date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(value)


def _read_moment(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


_READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: str,
    Kind.WORD: str,
    Kind.TABLE: str,
    Kind.WHOLE: _read_whole,
    Kind.NUMBER: _read_number,
    Kind.BOOLEAN: _read_boolean,
    Kind.CHOICE: _read_whole,
    Kind.DATE: _read_date,
    Kind.MOMENT: _read_moment,
    Kind.ROW: lambda value: UUID(str(value)),
    Kind.OTHER: lambda value: value,
    Kind.ANY: lambda value: value,
}


def _check_text(text: str, field: FilterField) -> None:
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise BadFilter(
            f"The filter on {_named(field)} compares with characters that no text has: {_short(text)}.", RESET
        )
    if field.max_length is not None and len(text) > field.max_length:
        raise BadFilter(
            f"{_named(field)} takes {field.max_length} characters, but {_short(text)} has {len(text)}.", RESET
        )


def _chosen(value: Any, field: FilterField) -> Any:
    """Return the choice as it is stored: words go without regard to case."""
    known: Mapping[str, Any] = {str(one).casefold(): one for one in field.choices}
    if str(value).casefold() in known:
        return known[str(value).casefold()]
    offered = [f"{one} {label}" if str(one) != label else label for one, label in field.choices.items() if one != ""]
    more = f" and {len(offered) - _MOST_NAMED} more" if len(offered) > _MOST_NAMED else ""
    raise BadFilter(
        f"{_named(field)} has no choice {_short(value)}; it has {', '.join(offered[:_MOST_NAMED])}{more}.", RESET
    )


def _check_number(number: "Decimal | int", field: FilterField) -> None:
    low, high = field.minimum, field.maximum
    if (low is not None and number < Decimal(str(low))) or (high is not None and number > Decimal(str(high))):
        span = f"{low:,.15g} to {high:,.15g}" if low is not None and high is not None else ""
        raise BadFilter(f"{_named(field)} takes {span or 'other numbers'}, not {_short(number)}.", RESET)
    if field.decimals is not None and round(Decimal(number), field.decimals) != number:
        raise BadFilter(f"{_named(field)} has {field.decimals} decimals, but {number} has more.", RESET)


def _named(field: FilterField) -> str:
    return field.caption if field.caption == field.name else f"{field.caption} ({field.name})"


def _kind(field: FilterField) -> str:
    return field.kind.value


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str | bool) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
