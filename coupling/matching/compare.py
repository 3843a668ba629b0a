"""Canonical forms: two values are equal for matching when their canonical texts are. No Django here.

Everything works on whole columns: a page of five thousand values is joined, normalised and split again by a handful of
calls that run in C, which costs a fraction of what a call per value costs.

The canonical text of a blank (None, or nothing but whitespace) is the empty text, and of nothing else.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from core.vocabulary import CompareAs
from coupling import phones
from coupling.rows import Criterion

Column = Callable[[Sequence[Any]], list[str]]

_JOIN = "\x00"
"""Stands between values while a column is normalised, and between the parts of a composite key. Values that contain it
are escaped, so that no two different lists of parts give the same key."""

_LEGAL_FORMS = (
    "ab ag aktiengesellschaft aps as asa bhd bv bvba co company corp corporation cv doo dooel eeig ehf "
    "eirl eurl ev gbr gesmbh gmbh inc incorporated jsc kft kg kgaa kk lda limitada limited llc llp lp ltd "
    "ltda mbh nv oao ohg ood ooo oy oyj plc pte pty pvt sa sae sapi sarl sas sc sca scop scs se senc sia "
    "sl slu snc soc spa spk spol spzoo srl sro sti tbk uab ug unlimited ver zao zoo zrt "
)
_FORMS = frozenset(_LEGAL_FORMS.split())


def column(criterion: Criterion, country: str = "") -> Column:
    """What turns a column's values into canonical texts, as the criterion says.

    `country` (ISO 3166) is where phone numbers without a country prefix belong.
    """
    if criterion.compare_as is CompareAs.TEXT:
        return _exact if criterion.case_sensitive else _folded
    single: Callable[[Any], str] = {
        CompareAs.PHONE: lambda value: phones.canonical(str(value), country),
        CompareAs.EMAIL: email,
        CompareAs.COMPANY_NAME: company_name,
        CompareAs.NUMBER: number,
        CompareAs.DATE: day,
    }[criterion.compare_as]

    def one(value: Any) -> str:
        if value is None or not str(value).strip():
            return ""
        # What cannot be read as asked still compares as the text it is, apart from everything that can be.
        return single(value) or "\x02" + _folded((value,))[0]

    return lambda values: [one(value) for value in values]


def text(value: Any) -> str:
    """The text of one value before normalisation: numbers, dates, choices, GUIDs and truth values by what they mean."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return number(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def moment(value: datetime) -> str:
    """A point in time in UTC; one without a zone is taken as UTC."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.isoformat(timespec="milliseconds" if aware.microsecond else "seconds").replace("+00:00", "Z")


def number(value: Any) -> str:
    """A number in its shortest decimal writing: 5, 5.0 and "5,00" are "5"; "" when it is none.

    A comma is a thousands separator where groups of three follow it, otherwise the decimal sign.
    """
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        value = value.strip().replace(" ", "").replace("\u00a0", "").replace("\u202f", "").replace("'", "")
        if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", value):
            value = value.replace(",", "")
        elif re.fullmatch(r"[-+]?\d{1,3}(\.\d{3}){2,}(,\d+)?|[-+]?\d{1,3}(\.\d{3})+,\d+", value):
            value = value.replace(".", "").replace(",", ".")
        elif re.fullmatch(r"[-+]?\d*,\d+", value):
            value = value.replace(",", ".")
    try:
        # repr of a float is its shortest exact writing: 0.1 means 0.1, as it did in the JSON it came from.
        exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, ValueError, TypeError):
        return ""
    if not exact.is_finite():
        return ""
    if exact == 0:
        return "0"
    plain = f"{exact:f}"
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain).removeprefix("+")


def day(value: Any) -> str:
    """The calendar day, ISO 8601; of a point in time its day in UTC; "" when it is none."""
    if isinstance(value, datetime):
        return moment(value)[:10]
    if isinstance(value, date):
        return value.isoformat()
    given = str(value).strip()
    try:
        return moment(datetime.fromisoformat(given))[:10] if len(given) > 10 else date.fromisoformat(given).isoformat()
    except ValueError:
        return ""


def email(value: Any) -> str:
    """An address without the name around it and without regard to case; "" when it has no @."""
    given = unicodedata.normalize("NFC", str(value)).strip()
    if given.endswith(">") and "<" in given:
        given = given[given.rindex("<") + 1 : -1].strip()
    given = given.casefold().removeprefix("mailto:")
    return given if "@" in given else ""


def company_name(value: Any) -> str:
    """A company's name without regard to case, punctuation and legal form: "Fabrikam, Inc." equals "FABRIKAM"."""
    folded = unicodedata.normalize("NFC", str(value)).casefold()
    folded = folded.replace("&", " and ").replace("+", " and ")
    # Dots and apostrophes join ("G.m.b.H.", "O'Neil"); every other sign parts.
    letters = "".join(
        sign if sign.isalnum() or unicodedata.category(sign)[0] == "M" else "" if sign in ".'’`´" else " "
        for sign in folded
    )
    words = letters.split()
    kept = list(words)
    while len(kept) > 1 and (kept[-1] in _FORMS or kept[-1] == "and"):
        kept.pop()
    return " ".join(kept or words)


def keys(columns: Sequence[Sequence[str]]) -> list[str]:
    """One key per row from the canonical columns of a group; a dropped field is an empty part.

    Injective: different lists of parts give different keys.
    """
    if len(columns) == 1:
        return list(columns[0])
    return list(map(_JOIN.join, zip(*columns, strict=True)))


def _folded(values: Sequence[Any]) -> list[str]:
    return _column(values, fold=True)


def _exact(values: Sequence[Any]) -> list[str]:
    return _column(values, fold=False)


def _column(values: Sequence[Any], *, fold: bool) -> list[str]:
    if not values:
        return []
    try:
        joined = _JOIN.join(values)
    except TypeError:
        values = [value if type(value) is str else text(value) for value in values]
        joined = _JOIN.join(values)
    if joined.count(_JOIN) != len(values) - 1 or "\x01" in joined or "\x02" in joined:
        joined = _JOIN.join([_escaped(value) for value in values])
    if not joined.isascii():
        joined = unicodedata.normalize("NFC", joined)
        if fold:
            joined = joined.casefold()
    elif fold:
        joined = joined.lower()  # the same as casefold for ASCII, and quicker
    return list(map(str.strip, joined.split(_JOIN)))


def _escaped(value: str) -> str:
    return value.replace("\x01", "\x01a").replace("\x00", "\x01b").replace("\x02", "\x01c")
