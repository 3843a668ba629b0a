"""Text from a file into the value of a field, or the cause why not. Pure apart from Django's field definitions."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import models

from core.refusals import Refusal
from masterdata.catalog import LocalField, LocalTable
from masterdata.files import styles
from masterdata.files.types import Kind
from masterdata.files.writing import unmarked
from masterdata.models import normal_code

# What exports of databases write for nothing.
NULL_TEXTS = frozenset({"NULL", "\\N"})

_TRUE = {"1", "true", "yes", "y", "x", "on"}
_FALSE = {"0", "false", "no", "n", "off"}
_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+|[+-]?\d{1,3}(,\d{3}){2,}")
_GROUPED_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+|[+-]?\d{1,3}(\.\d{3}){2,}")
_COMMA = re.compile(r"[+-]?\d+,\d+")


class BadValue(Refusal):
    """The text cannot be this field's value."""

    def __init__(self, message: str, fix: str, reason: str = "value_invalid") -> None:
        super().__init__(reason, message, fix)


def converter(table: LocalTable, field: LocalField, *, decimal: str = "", dates: str = "") -> Callable[..., Any]:
    """Return a function that turns a text, and its Kind, into the field's value, raising BadValue.

    NULL and blank give the field's blank. decimal, dates: how the column writes numbers and dates (files.styles).
    """
    column = cast("models.Field[Any, Any]", table.model._meta.get_field(field.name))
    blank = _blank(column)
    convert = _CONVERTERS.get(field.type, _text)
    is_code = field.name in table.code_fields

    def converted(text: str, kind: str = Kind.TEXT) -> Any:
        if text in NULL_TEXTS:
            text = ""
        if not text:
            if field.required:
                raise BadValue(f"{field.caption} is blank.", "Every record needs one.")
            return blank
        if kind in _UNREADABLE:
            cause, fix = _UNREADABLE[kind]
            raise BadValue(cause.format(caption=field.caption, text=_short(text)), fix, "unreadable")
        if convert is _text:
            text = unmarked(text)
            _refuse_lost_text(text, kind, field)
            text = normal_code(text) if is_code else text
        elif kind == Kind.TEXT:
            text = _plainly_written(text, field, decimal, dates)
        value = convert(text, field)
        try:
            column.run_validators(value)
        except ValidationError as error:
            raise BadValue(f"{field.caption} is {_short(text)!r}.", " ".join(error.messages)) from None
        return value

    return converted


_UNREADABLE = {
    Kind.ERROR: (
        "{caption} is the error {text}.",
        "Correct the formula in the workbook, or clear the cell.",
    ),
    Kind.NO_RESULT: (
        "{caption} is a formula whose result is not stored in the workbook.",
        "Open the workbook in Excel, save it there, and import it again.",
    ),
    Kind.UNDECODABLE: (
        "{caption} is {text!r}, with bytes that are no text in the encoding of the other lines.",
        "Save the file as UTF-8 (in Excel: CSV UTF-8), and import it again.",
    ),
}


def _refuse_lost_text(text: str, kind: str, field: LocalField) -> None:
    """Check that a text is not what a spreadsheet made of another: of a long number, or of "3-1". Raises BadValue."""
    if kind == Kind.DATE:
        raise BadValue(
            f"{field.caption} is a date in the workbook ({_short(text)}); what was typed there is lost.",
            f"Give {field.caption} the format Text in the spreadsheet, enter the value again and import again.",
            "unreadable",
        )
    if styles.SCIENTIFIC.fullmatch(text) or (kind == Kind.NUMBER and len(text.lstrip("-").partition(".")[0]) > 15):
        raise BadValue(
            f"{field.caption} is {_short(text)!r}: a spreadsheet has shortened a long number, and its digits are lost.",
            f"Give {field.caption} the format Text in the spreadsheet, enter the number again and import again.",
            "unreadable",
        )


def _plainly_written(text: str, field: LocalField, decimal: str, dates: str) -> str:
    """Return a number with a point and without groups, or a date as ISO writes it. Raises BadValue where it is
    neither in the column's own style; what is no number or date at all is left as it is.
    """
    if field.type in ("number", "integer") and decimal:
        return _in_style(text, decimal)
    if field.type in ("date", "datetime") and dates:
        return _in_order(text, dates)
    return text


def _in_style(text: str, decimal: str) -> str:
    found = styles.Decimals()
    found.add(text)
    if found.either:
        if decimal == styles.MIXED:
            raise BadValue(
                f"{text!r} may mean thousands or decimals, and the column does not say which.",
                "Choose the decimal mark, point or comma (--decimal).",
            )
        return styles.in_plain_digits(text, decimal)
    if (found.point and decimal == ",") or (found.comma and decimal == "."):
        name = styles.DECIMAL_NAMES[decimal]
        raise BadValue(
            f"{text!r} is written otherwise than the column's numbers, whose decimal mark is a {name}.",
            f"Write it with a decimal {name}, or choose another decimal mark (--decimal).",
        )
    return text


def _in_order(text: str, dates: str) -> str:
    if re.match(r"\d{4}-", text):
        return text
    if dates == styles.MIXED:
        raise BadValue(
            f"{text!r} may be more than one day, and the column does not say which.",
            "Choose the order of day, month and year (--dates), or write dates as 2026-01-31.",
        )
    found = styles.parts_as_date(text, dates)
    if found is None:
        raise BadValue(
            f"{_short(text)!r} is not a date as the column's are: {styles.ORDER_NAMES[dates]}.",
            "Write the date so, with four digits of the year, or as 2026-01-31.",
        )
    day, moment = found
    return f"{day.isoformat()}T{moment if moment[2] == ':' else f'0{moment}'}" if moment else day.isoformat()


def number(text: str) -> Decimal:
    """Return a decimal number with a point or a comma, thousands grouped or not.

    Raises BadValue, also where it may mean two things.
    """
    text = styles.ungrouped(text)
    if _PLAIN.fullmatch(text):
        pass
    elif _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    elif _GROUPED_COMMA.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif _COMMA.fullmatch(text):
        if re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", text):
            raise BadValue(
                f"{text!r} may mean thousands or decimals.",
                f"Write {text.replace(',', '')} or {text.replace(',', '.')}.",
            )
        text = text.replace(",", ".")
    else:
        raise BadValue(f"{_short(text)!r} is not a number.", "Write digits with a decimal point, such as 1234.50.")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise BadValue(f"{_short(text)!r} is not a number.", "Write digits with a decimal point.") from None


def _number(text: str, field: LocalField) -> Decimal:
    value = number(text)
    if field.decimals is None:
        return value
    kept = round(value, field.decimals) if value.adjusted() < 40 else value
    if kept != value:
        raise BadValue(f"{_short(text)} has too many decimals.", f"{field.caption} keeps {field.decimals}; round it.")
    return kept


def _integer(text: str, field: LocalField) -> int:
    value = number(text)
    if value.adjusted() > 18 or value != value.to_integral_value():
        raise BadValue(f"{_short(text)!r} is not a whole number.", f"Write {field.caption} without decimals.")
    return int(value)


def _boolean(text: str, field: LocalField) -> bool:
    word = text.casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadValue(f"{_short(text)!r} is neither yes nor no.", f"Write true or false for {field.caption}.")


def _choice(text: str, field: LocalField) -> str:
    for value, label in field.choices:
        if text.casefold() in {value.casefold(), label.casefold()}:
            return value
    known = ", ".join(label for _, label in field.choices if label.strip())
    raise BadValue(
        f"{_short(text)!r} is no choice of {field.caption}.",
        f"Choose one of: {known}; or leave it blank.",
        "unknown_choice",
    )


def _date(text: str, field: LocalField) -> date:
    return _moment(text, field).date()


def _moment(text: str, field: LocalField) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise BadValue(f"{_short(text)!r} is not a date.", f"Write {field.caption} as 2026-01-31.") from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _text(text: str, field: LocalField) -> str:
    if "\0" in text:
        raise BadValue(f"{field.caption} contains a zero character.", "Remove it.")
    if field.max_length and len(text) > field.max_length:
        raise BadValue(
            f"{_short(text)!r} has {len(text)} characters; {field.caption} takes {field.max_length}.",
            "Shorten it.",
            "value_too_long",
        )
    return text


_CONVERTERS: dict[str, Callable[[str, LocalField], Any]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "choice": _choice,
    "date": _date,
    "datetime": _moment,
}


def _blank(column: "models.Field[Any, Any]") -> Any:
    if column.null:
        return None
    default = column.get_default()
    if isinstance(column, models.CharField | models.TextField):
        return getattr(default, "value", default) if column.choices else ""
    return column.to_python(default)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
