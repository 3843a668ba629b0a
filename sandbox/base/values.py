"""Values of columns: checked and encoded as JSON to be stored, decoded to be compared."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from sandbox.base.errors import ServiceError, not_covered, payload_error
from sandbox.metadata.model import CHOICES, LOOKUPS, Column, Table

_GUID = re.compile(r"\{?([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})\}?")
_to_json = msgspec.json.encode
_decode_json = msgspec.json.decode
_decimal_decoder = msgspec.json.Decoder(Decimal, strict=False)

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_EARLIEST = datetime(1753, 1, 1, tzinfo=UTC)


def parse_guid(text: object) -> str | None:
    """Return a GUID in lower case and without braces; None where the value is none."""
    if isinstance(text, str) and (found := _GUID.fullmatch(text)):
        return found.group(1).lower()
    return None


def require_plain_guid(text: object, what: str) -> None:
    """Raise ServiceError (501) for a GUID in braces: whether the service reads it is not documented."""
    if isinstance(text, str) and "{" in text and _GUID.search(text):
        raise not_covered(f"a GUID in braces in {what}")


def encode(table: Table, column: Column, value: Any) -> bytes:
    """Return a value as JSON, checked against its column; empty for null. Raises ServiceError as the service would."""
    if value is None:
        return b""
    kind = column.type
    if kind in {"String", "Memo"}:
        return _encode_text(table, column, value)
    if kind == "Boolean":
        if not isinstance(value, bool):
            raise _wrong_type(table, column, value)
        return b"true" if value else b"false"
    if kind in CHOICES:
        number = _require_integer(table, column, value)
        if column.label_of(number) is None:
            raise _unknown_choice(table, column, number)
        return b"%d" % number
    if kind == "MultiSelectPicklist":
        return _encode_choices(table, column, value)
    if kind in {"Integer", "BigInt"}:
        number = _require_integer(table, column, value)
        _check_range(table, column, number, "0x8004432F", "An integer")
        return b"%d" % number
    if kind in {"Decimal", "Money", "Double"}:
        return _encode_number(table, column, value)
    if kind == "DateTime":
        return _encode_date(table, column, value)
    require_plain_guid(value, f"'{column.web_name}'")
    found = parse_guid(value)
    if found is None:
        raise _wrong_type(table, column, value)
    return b'"%b"' % found.encode()


def _encode_choices(table: Table, column: Column, value: Any) -> bytes:
    """Encode several choices: text with commas, in the order of their numbers."""
    if not isinstance(value, str):
        raise _wrong_type(table, column, value)
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(part.lstrip("-").isascii() and part.lstrip("-").isdigit() for part in parts):
        raise _wrong_type(table, column, value)
    numbers = sorted({int(part) for part in parts})
    for number in numbers:
        if column.label_of(number) is None:
            raise _unknown_choice(table, column, number)
    return b'"%b"' % ",".join(map(str, numbers)).encode() if numbers else b""


def _encode_text(table: Table, column: Column, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _wrong_type(table, column, value)
    if not value:
        return b""  # the service stores an empty text as null
    if column.max_length is not None and _utf16_units(value) > column.max_length:
        raise ServiceError(
            400,
            "0x80044331",
            f"A validation error occurred.  The length of the '{column.name}' attribute of the '{table.name}' entity "
            f"exceeded the maximum allowed length of '{column.max_length}'.",
        )
    if _CONTROL.search(value):
        raise ServiceError(400, "0x80040278", f"The field '{column.name}' contains one or more invalid characters.")
    try:
        return _to_json(value)
    except UnicodeEncodeError:
        raise _wrong_type(table, column, "text with half a surrogate pair") from None


def _utf16_units(text: str) -> int:
    """Return the length that the service counts: characters beyond the first 65,536 are two."""
    return len(text) + sum(letter > "\uffff" for letter in text)


def _require_integer(table: Table, column: Column, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(table, column, value)
    if column.type != "BigInt" and not -2147483648 <= value <= 2147483647:
        raise _wrong_type(table, column, value)
    return value


def _encode_number(table: Table, column: Column, value: Any) -> bytes:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _wrong_type(table, column, value)
    number = Decimal(str(value))
    _check_range(table, column, number, "0x80044330", "A decimal")
    places = column.precision or 0
    rounded = round(number, places)
    text = format(rounded, "f")
    if "." in text:
        text = text.rstrip("0")
        text = text + "0" if text.endswith(".") else text
    # The service writes money with its places; clients must not rely on how many there are.
    return text.encode()


def _check_range(table: Table, column: Column, number: int | Decimal, code: str, kind: str) -> None:
    low, high = column.minimum, column.maximum
    if (low is not None and number < Decimal(str(low))) or (high is not None and number > Decimal(str(high))):
        raise ServiceError(
            400,
            code,
            f"A validation error occurred.  {kind} value provided for '{column.name}' of the '{table.name}' entity is "
            f"outside of the allowed values. Allowed: {low:g} to {high:g}.",
        )


def parse_datetime(text: str) -> datetime | None:
    """Return a date and time as OData writes them, in UTC; None where the text is none. Raises OverflowError."""
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return None
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00") if text.endswith("Z") else text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _encode_date(table: Table, column: Column, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _wrong_type(table, column, value)
    if column.date_only:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise _wrong_type(table, column, value) from None
        found = datetime(day.year, day.month, day.day, tzinfo=UTC)
        written = day.isoformat()
    else:
        try:
            parsed = parse_datetime(value)
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
        table.set,
        f"Cannot convert the literal '{shown}' to the expected type '{column.edm_type}' of '{column.web_name}'",
    )


def _unknown_choice(table: Table, column: Column, number: int) -> ServiceError:
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


def from_json(fragment: bytes) -> Any:
    """Return a fragment of JSON as a Python value; None for an empty one."""
    return _decode_json(fragment) if fragment else None


def decode(column: Column, fragment: bytes) -> Any:
    """Return a stored value to compare with: text case-folded, numbers exact, dates as text, GUIDs in lower case."""
    if not fragment:
        return column.default
    kind = column.type
    if kind in {"String", "Memo", "EntityName", "MultiSelectPicklist"}:
        return _decode_json(fragment).casefold()
    if kind in {"Decimal", "Money", "Double"}:
        return Decimal(fragment.decode())
    if kind == "DateTime":
        return fragment[1:-1].rstrip(b"Z").decode()
    if kind in LOOKUPS or kind == "Uniqueidentifier":
        return fragment[1:-1].decode()
    return _decode_json(fragment)


def parse_decimal(text: str) -> Decimal | None:
    """Return a finite number written in a query; None where the text is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
