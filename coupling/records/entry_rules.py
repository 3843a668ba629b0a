"""What a person may enter into a field of a record, and the sentences for what they may not. Pure."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from coupling.records.look_ups import Found
from masterdata.catalog import LocalField, LocalTable
from masterdata.models import Company
from ui.cells import in_sentence

_PHONES = frozenset({"phone_no", "mobile_phone_no", "fax_no", "pager"})
_MAIL = re.compile(r"(^|_)e_?mail(_|$)")
_EXTENSION = re.compile(r"(ext\.?|extension|x)\s*\d+\s*$", re.IGNORECASE)


def input_mode(field: LocalField) -> str:
    """Return which keys a phone offers for a field; "" for its usual ones."""
    if field.name in _PHONES:
        return "tel"
    return "email" if _MAIL.search(field.name) else ""


def problem_of(field: LocalField, value: str) -> str:
    """Return what is wrong with a text that a person entered; "" where nothing is."""
    if field.name in _PHONES:
        return phone_problem(value)
    return mail_problem(value) if field.type == "text" and _MAIL.search(field.name) else ""


def mail_problem(value: str) -> str:
    """Return what is wrong with one mail address, or several with semicolons between them."""
    for one in value.split(";"):
        try:
            validate_email(one.strip())
        except ValidationError:
            shown = one.strip() or value
            return f'"{shown}" is no mail address. Write it as name@example.com, several with semicolons between them.'
    return ""


def phone_problem(value: str) -> str:
    """Return what is wrong with a phone number."""
    if any(letter.isalpha() for letter in _EXTENSION.sub("", value)):
        return "A phone number holds no letters but those of an extension, such as +49 221 4710 356 ext. 12."
    if not any(letter.isdigit() for letter in value):
        return "A phone number has digits, such as +49 221 4710 356."
    return ""


def unknown_reference(company: Company, table: LocalTable, value: str, found: Sequence[Found]) -> str:
    """Return the sentence for a reference that names no record."""
    if table.name == "currency" and value == company.currency_code.upper():
        return f"{value} is the company's own currency, which has no record. Leave the field blank for it."
    what = in_sentence(table.caption)
    fix = "Choose one of these, or another." if found else "Choose one that is there, or leave the field blank."
    return f"There is no {what} {value}. {fix}"


def offered(table: LocalTable, typed: str, found: Sequence[Found]) -> str:
    """Return the sentence above what a look-up offers."""
    what = in_sentence(table.caption_plural)
    if not found:
        return f"No {what} are found by {typed}. Type another part of the code or the name, then Look Up."
    return f"Choose one of these {what}. Where it is not among them, type more of its code or name, then Look Up."


def plain(value: Any) -> str:
    """Return a value as a text that equals that of an equal value."""
    if value is None or value is False:
        return ""
    if value is True:
        return "Yes"
    if isinstance(value, Decimal):
        text = format(value.normalize(), "f")
        return "0" if text in ("-0", "0") else text
    return value.isoformat() if isinstance(value, date) else str(value)
