"""A value on its way in (checked, written as JSON) and on its way to a comparison (decoded)."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from sandbox.base.errors import ServiceError, payload_error
from sandbox.metadata.model import CHOICES, LOOKUPS, Column, Table

_GUID = re.compile(r"\{?([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})\}?")
_to_json = msgspec.json.encode
_from_json = msgspec.json.decode
_decimal_decoder = msgspec.json.Decoder(Decimal, strict=False)

_EARLIEST = datetime(1753, 1, 1, tzinfo=UTC)


def guid(text: object) -> str | None:
    """The lower-case form of a GUID, or None where the value is not one."""
    if isinstance(text, str) and (found := _GUID.fullmatch(text)):
        return found.group(1).lower()
    return None


def encode(table: Table, column: Column, value: Any) -> bytes:
    """A value as JSON, checked against the column; empty for null. Raises ServiceError as the service would."""
    if value is None:
        return b""
    kind = column.type
    if kind in {"String", "Memo"}:
        return _text(table, column, value)
    if kind == "Boolean":
        if not isinstance(value, bool):
            raise _wrong_type(table, column, value)
        return b"true" if value else b"false"
    if kind in CHOICES:
        number = _whole(table, column, value)
        if column.label_of(number) is None:
            raise _bad_choice(table, column, number)
        return b"%d" % number
    if kind == "MultiSelectPicklist":
        return _several(table, column, value)
    if kind in {"Integer", "BigInt"}:
        number = _whole(table, column, value)
        _within(table, column, number, "0x8004432F", "An integer")
        return b"%d" % number
    if kind in {"Decimal", "Money", "Double"}:
        return _number(table, column, value)
    if kind == "DateTime":
        return _date(table, column, value)
    found = guid(value)
    if found is None:
        raise _wrong_type(table, column, value)
    return b'"%b"' % found.encode()


def _several(table: Table, column: Column, value: Any) -> bytes:
    """Several choices, as text with commas; kept in the order of their numbers."""
    if not isinstance(value, str):
        raise _wrong_type(table, column, value)
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(part.lstrip("-").isascii() and part.lstrip("-").isdigit() for part in parts):
        raise _wrong_type(table, column, value)
    numbers = sorted({int(part) for part in parts})
    for number in numbers:
        if column.label_of(number) is None:
            raise _bad_choice(table, column, number)
    return b'"%b"' % ",".join(map(str, numbers)).encode() if numbers else b""


def _text(table: Table, column: Column, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _wrong_type(table, column, value)
    if not value:
        return b""  # the service keeps no empty texts
    if column.max_length is not None and len(value) > column.max_length:
        raise ServiceError(
            400,
            "0x80044331",
            f"A validation error occurred.  The length of the '{column.name}' attribute of the '{table.name}' entity "
            f"exceeded the maximum allowed length of '{column.max_length}'.",
        )
    try:
        return _to_json(value)
    except UnicodeEncodeError:
        raise _wrong_type(table, column, "text with half a surrogate pair") from None


def _whole(table: Table, column: Column, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(table, column, value)
    if column.type != "BigInt" and not -2147483648 <= value <= 2147483647:
        raise _wrong_type(table, column, value)
    return value


def _number(table: Table, column: Column, value: Any) -> bytes:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _wrong_type(table, column, value)
    number = Decimal(str(value))
    _within(table, column, number, "0x80044330", "A decimal")
    places = column.precision or 0
    rounded = round(number, places)
    text = format(rounded, "f")
    if "." in text:
        text = text.rstrip("0")
        text = text + "0" if text.endswith(".") else text
    # The service writes money with its places; clients must not rely on how many there are.
    return text.encode()


def _within(table: Table, column: Column, number: int | Decimal, code: str, kind: str) -> None:
    low, high = column.minimum, column.maximum
    if (low is not None and number < Decimal(str(low))) or (high is not None and number > Decimal(str(high))):
        raise ServiceError(
            400,
            code,
            f"A validation error occurred.  {kind} value provided for '{column.name}' of the '{table.name}' entity is "
            f"outside of the allowed values. Allowed: {low:g} to {high:g}.",
        )


def moment(text: str) -> datetime | None:
    """A date and time as OData writes it, in UTC; None where the text is none."""
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return None
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00") if text.endswith("Z") else text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _date(table: Table, column: Column, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _wrong_type(table, column, value)
    if column.date_only:
        try:
            day = date.fromisoformat(value[:10])
        except ValueError:
            raise _wrong_type(table, column, value) from None
        if len(value) > 10 and moment(value) is None:
            raise _wrong_type(table, column, value)
        found = datetime(day.year, day.month, day.day, tzinfo=UTC)
        written = day.isoformat()
    else:
        try:
            parsed = moment(value)
        except OverflowError:
            parsed = None
        if parsed is None:
            raise _wrong_type(table, column, value)
        found = parsed
        written = found.replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")
    if found < _EARLIEST:
        raise ServiceError(
            400, "0x80040239", f"The date-time format for {value} is invalid, or value is outside the supported range."
        )
    return b'"%b"' % written.encode()


def _wrong_type(table: Table, column: Column, value: Any) -> ServiceError:
    shown = str(value)[:100]
    return payload_error(
        table.set, f"Cannot convert the literal '{shown}' to the expected type '{column.edm}' of '{column.web_name}'"
    )


def _bad_choice(table: Table, column: Column, number: int) -> ServiceError:
    accepted = ",".join(str(choice.value) for choice in column.choices)
    if column.type == "State":
        return ServiceError(
            400,
            "0x80048408",
            f"{number} is not a valid state code on {table.name}. Accepted Values: {accepted}",
        )
    if column.type == "Status":
        return ServiceError(
            400, "0x80048408", f"{number} is not a valid status code on {table.name}. Accepted Values: {accepted}"
        )
    return ServiceError(
        400,
        "0x8004431A",
        f"A validation error occurred. The value {number} of '{column.name}' on record of type '{table.name}' is "
        f"outside the valid range. Accepted Values: {accepted}",
    )


def plain(fragment: bytes) -> Any:
    """A piece of JSON as a Python value."""
    return _from_json(fragment) if fragment else None


def decode(column: Column, fragment: bytes) -> Any:
    """A stored value in a form to compare: text case-folded, numbers exact, dates as text, GUIDs in lower case."""
    if not fragment:
        return column.default
    kind = column.type
    if kind in {"String", "Memo", "EntityName", "MultiSelectPicklist"}:
        return _from_json(fragment).casefold()
    if kind in {"Decimal", "Money", "Double"}:
        return Decimal(fragment.decode())
    if kind == "DateTime":
        return fragment[1:-1].rstrip(b"Z").decode()
    if kind in LOOKUPS or kind == "Uniqueidentifier":
        return fragment[1:-1].decode()
    return _from_json(fragment)


def as_decimal(text: str) -> Decimal | None:
    """A number in a query, or None."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
