"""Canonical forms: two values are equal for matching when their canonical texts are. No Django.

Everything works on whole columns: a page of five thousand values is joined, normalised and split again by a handful of
calls that run in C, which costs a fraction of what a call per value costs.

The canonical text of a blank (None, nothing but whitespace, or a placeholder) is the empty text, and of nothing else.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import repeat
from typing import Any, Protocol

from core.vocabulary import CompareAs
from coupling.matching.countries import region_of
from coupling.matching.legal_forms import JOINED, without_form
from coupling.matching.phones import holds_several, phones
from coupling.matching.placeholders import is_placeholder, without_placeholders
from coupling.rows import Criterion


class Column(Protocol):
    """Turns a column's values into canonical texts. countries: the country of each value's record, where it counts."""

    def __call__(self, values: Sequence[Any], countries: Sequence[Any] | None = None) -> list[str]:
        """Return one canonical text per value."""


_JOIN = "\x00"
"""Stands between values while a column is normalised, and between the parts of a composite key. Values that contain it
are escaped, so that no two different lists of parts give the same key."""


def canonical_column(criterion: Criterion, country: str = "") -> Column:
    """Return what turns a column's values into canonical texts, as the criterion says.

    country (ISO 3166): where phone numbers belong that have no country prefix and whose record names no country.
    """
    read = _reader(criterion, country)

    def made(values: Sequence[Any], countries: Sequence[Any] | None = None) -> list[str]:
        return without_placeholders(criterion, read(values, countries), values)

    return made


def further_columns(
    criterion: Criterion, country: str, values: Sequence[Any], countries: Sequence[Any] | None = None
) -> list[list[str]]:
    """Return the canonical texts of second and third values of a column whose fields hold several, blank elsewhere.

    Only phone numbers come so; none where no field has more than one.
    """
    if criterion.compare_as is not CompareAs.PHONE:
        return []
    read = _Phones(country.upper())
    several = {
        at: numbers
        for at, value in enumerate(values)
        if isinstance(value, str) and holds_several(value)
        if len(numbers := read.numbers(value, countries[at] if countries else None)) > 1
    }
    columns = [[""] * len(values) for _ in range(max(map(len, several.values()), default=1) - 1)]
    for at, numbers in several.items():
        for column, number in zip(columns, numbers[1:], strict=False):
            column[at] = number
    return columns


def blank(criterion: Criterion, value: Any) -> bool:
    """Return whether a value counts as blank under a criterion: it is blank, or a placeholder."""
    text_of = "" if value is None else str(value).strip()
    return not text_of or is_placeholder(criterion, text_of)


def _reader(criterion: Criterion, country: str) -> Column:
    if criterion.compare_as is CompareAs.TEXT:
        return _exact if criterion.case_sensitive else _folded
    if criterion.compare_as is CompareAs.PHONE:
        return _Phones(country.upper())
    single: Callable[[Any], str] = {
        CompareAs.EMAIL: email,
        CompareAs.COMPANY_NAME: company_name,
        CompareAs.NUMBER: number,
        CompareAs.DATE: day,
    }[criterion.compare_as]

    def made(values: Sequence[Any], countries: Sequence[Any] | None = None) -> list[str]:  # noqa: ARG001
        return [_filled(value, single) for value in values]

    return made


def _filled(value: Any, canonical: Callable[[Any], str]) -> str:
    """Return a value's canonical text; "" for a blank one.

    What cannot be read as asked still compares as the text it is, apart from everything that can be.
    """
    if value is None or not str(value).strip():
        return ""
    return canonical(value) or "\x02" + _folded((value,))[0]


class _Phones:
    """Phone numbers in canonical form: each with its record's country, then the company's."""

    def __init__(self, country: str) -> None:
        self._country = country

    def __call__(self, values: Sequence[Any], countries: Sequence[Any] | None = None) -> list[str]:
        return [
            _filled(value, partial(self._canonical, country))
            for value, country in zip(values, countries or repeat(None), strict=False)
        ]

    def numbers(self, value: Any, country: Any = None) -> tuple[str, ...]:
        """Return all numbers of a field whose record has that country, in canonical form."""
        return phones(str(value), region_of(country) if country else "", self._country)

    def _canonical(self, country: Any, value: Any) -> str:
        return next(iter(self.numbers(value, country)), "")


def text(value: Any) -> str:
    """Return the text of a value before normalisation: numbers, dates, choices, GUIDs and truth values by meaning."""
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
    """Return a point in time in UTC, ISO 8601; one without a zone is taken as UTC."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.isoformat(timespec="milliseconds" if aware.microsecond else "seconds").replace("+00:00", "Z")


def number(value: Any) -> str:
    """Return a number in its shortest decimal writing: 5, 5.0 and "5,00" are "5"; "" when it is none.

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
    """Return the calendar day, ISO 8601; of a point in time its day in UTC; "" when it is none."""
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
    """Return an address without the name around it and without regard to case; "" when it has no @."""
    given = unicodedata.normalize("NFC", str(value)).strip()
    if given.endswith(">") and "<" in given:
        given = given[given.rindex("<") + 1 : -1].strip()
    given = given.casefold().removeprefix("mailto:")
    return given if "@" in given else ""


def company_name(value: Any) -> str:
    """Return a company's name without case, punctuation and legal form: "Fabrikam, Inc." equals "FABRIKAM"."""
    folded = unicodedata.normalize("NFC", str(value)).casefold()
    folded = folded.replace("&", " and ").replace("+", " and ")
    letters = "".join(
        sign if sign.isalnum() or unicodedata.category(sign)[0] == "M" else "" if sign in JOINED else " "
        for sign in folded
    )
    return without_form(" ".join(letters.split()))


def join_keys(columns: Sequence[Sequence[str]]) -> list[str]:
    """Return one key per row from the canonical columns of a group; a dropped field is an empty part.

    Injective: different lists of parts give different keys.
    """
    if len(columns) == 1:
        return list(columns[0])
    return list(map(_JOIN.join, zip(*columns, strict=True)))


def _folded(values: Sequence[Any], countries: Sequence[Any] | None = None) -> list[str]:  # noqa: ARG001
    return _column(values, fold=True)


def _exact(values: Sequence[Any], countries: Sequence[Any] | None = None) -> list[str]:  # noqa: ARG001
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
