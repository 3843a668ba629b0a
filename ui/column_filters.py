"""Filters on any column of a list: by the kind of its values, in the address, each with a sentence for what is wrong.

    column_filters = [ColumnFilter("city", "City"), ColumnFilter("credit_limit", "Credit Limit", "number", decimals=2)]
    Listing(..., filters=[*own, *expanded(column_filters)], column_filters=column_filters)

In an address a filter is the column's name with what is asked of it: city.begins=Lon, credit_limit.from=100. The form
of all columns asks in its own way (city.how, city.text); `clean_address` makes one of the other.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlencode

from django.db import connections
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

Kind = Literal["text", "code", "number", "integer", "date", "moment", "choice", "boolean"]
SENT, OPENED = "set", "filters"
"""What the form of all columns is sent with, and what it is called."""
MAX_TEXT = 200
MAX_DIGITS = 15
_HOWS = {"contains": "contains", "begins": "begins with", "is": "is"}
_BLANKS = {"blank": "yes", "filled": "no"}
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?")
_YES_NO = (("yes", "Yes"), ("no", "No"))


@dataclass(frozen=True, slots=True)
class ColumnFilter:
    """A column that can be filtered by. null: it may hold none; decimals: of a number; normal: makes of a code what is
    stored; url: where codes to choose from are looked up.
    """

    name: str
    label: str
    kind: Kind = "text"
    choices: Sequence[tuple[str, str]] = ()
    null: bool = False
    decimals: int = 0
    normal: Callable[[str], str] = str.strip
    url: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """A column in the form of all columns. values: what stands in its fields; errors: what is wrong with them."""

    column: ColumnFilter
    values: Mapping[str, str]
    errors: Sequence[str] = ()

    @property
    def how(self) -> str:
        """What is asked of a text: contains, begins, is, blank or filled."""
        for how in _HOWS:
            if self.values.get(how):
                return how
        return {"yes": "blank", "no": "filled"}.get(self.values.get("blank", ""), "contains")

    @property
    def hows(self) -> Sequence[tuple[str, str]]:
        """What can be asked of a text."""
        return (*_HOWS.items(), ("blank", "is blank"), ("filled", "is not blank"))

    @property
    def text(self) -> str:
        """The text asked for."""
        return next((self.values[how] for how in _HOWS if self.values.get(how)), "")

    @property
    def chosen(self) -> str:
        """What is chosen of a choice, or of yes and no."""
        return self.values.get("is", "") or _OF_BLANK.get(self.values.get("blank", ""), "")

    @property
    def low(self) -> str:
        """The least value asked for."""
        return self.values.get("from", "")

    @property
    def high(self) -> str:
        """The greatest value asked for."""
        return self.values.get("to", "")

    @property
    def blank(self) -> str:
        """Whether blank ones are asked for."""
        return self.values.get("blank", "")

    @property
    def options(self) -> Sequence[tuple[str, str]]:
        """The choices."""
        if self.column.kind == "boolean":
            return _YES_NO
        return (*self.column.choices, ("blank", "(blank)"))

    @property
    def is_text(self) -> bool:
        """Whether it asks for a part of a text."""
        return self.column.kind in ("text", "code")

    @property
    def is_choice(self) -> bool:
        """Whether it asks for one of a few values."""
        return self.column.kind in ("choice", "boolean")

    @property
    def input_type(self) -> str:
        """What a field for a value is."""
        return "date" if self.column.kind in ("date", "moment") else "text"


_OF_BLANK = {"yes": "blank", "no": "filled"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that can be asked of a column, as a filter of a list (ui.listing.Filter) takes it."""

    name: str
    label: str
    apply: Callable[["QuerySet[Any]", str], "QuerySet[Any]"]
    problem: Callable[[str], str]
    choices: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The form of all columns of a list. given, kept: what the address asks for, all of it and as the form keeps it;
    url: where the list stands with the form; url_of: makes the list's address with parameters changed, None: left out.
    """

    columns: Sequence[ColumnFilter]
    given: Mapping[str, str]
    kept: Sequence[tuple[str, str]]
    url: str
    url_of: Callable[..., str]

    @property
    def controls(self) -> list[Control]:
        """The columns with what the address asks of them."""
        return controls(self.columns, self.given)

    @property
    def beside(self) -> list[tuple[str, str]]:
        """What the form keeps of the address: the search, the order, other filters."""
        return [(name, value) for name, value in self.kept if not self._is_own(name)]

    @property
    def clear_url(self) -> str:
        """The list without filters on columns."""
        return self.url_of(**{name: None for name in self.given if self._is_own(name)})

    def _is_own(self, name: str) -> bool:
        return _is_on(name, {one.name for one in self.columns})


def _is_on(name: str, columns: Collection[str]) -> bool:
    """Return whether a parameter of an address asks something of one of these columns."""
    column, dot, _ = name.partition(".")
    return bool(dot) and column in columns


def asked_of(column: ColumnFilter) -> Iterator[Asked]:
    """Yield what can be asked of a column."""
    name, label = column.name, column.label
    blank = Asked(f"{name}.blank", f"{label} is blank", _blank(column), _choice_problem(label, _YES_NO), _YES_NO)
    if column.kind in ("text", "code"):
        for how, words in _HOWS.items():
            yield Asked(f"{name}.{how}", f"{label} {words}", _text(column, how), _text_problem)
        yield blank
    elif column.kind in ("choice", "boolean"):
        choices = _YES_NO if column.kind == "boolean" else column.choices
        yield Asked(f"{name}.is", label, _is(column), _choice_problem(label, choices), choices)
        if column.kind == "choice":
            yield blank
    else:
        for how, words in (("from", "from"), ("to", "to")):
            yield Asked(f"{name}.{how}", f"{label} {words}", _range(column, how), lambda text: problem_of(column, text))
        if column.null:
            yield blank


def problem_of(column: ColumnFilter, text: str) -> str:
    """Return what is wrong with a number or a day that a column is compared with; "" where nothing is."""
    if column.kind in ("date", "moment"):
        return "" if _day(text) else f'{column.label}: "{_short(text)}" is no day. Write it as 2026-11-30.'
    if not _NUMBER.fullmatch(text.strip()):
        return f'{column.label}: "{_short(text)}" is no number. Write it with a point before decimals, as 1234.50.'
    digits, _, decimals = text.strip().lstrip("+-").replace(",", "").partition(".")
    if len(digits) > MAX_DIGITS - column.decimals:
        return f"{column.label}: {_short(text)} is larger than any value that the column can hold."
    if len(decimals.rstrip("0")) > column.decimals:
        most = f"at most {column.decimals} decimals" if column.decimals else "no decimals"
        return f"{column.label}: {_short(text)} has too many decimals; the column has {most}."
    return ""


def controls(columns: Iterable[ColumnFilter], given: Mapping[str, str]) -> list[Control]:
    """Return the form of all columns with what an address asks for, right or wrong."""
    found = []
    for column in columns:
        values = {
            how: given.get(f"{column.name}.{how}", "") for how in ("contains", "begins", "is", "blank", "from", "to")
        }
        problems = [asked.problem(value) for asked in asked_of(column) if (value := given.get(asked.name, ""))]
        found.append(Control(column, values, [problem for problem in problems if problem]))
    return found


def clean_address(path: str, columns: Sequence[ColumnFilter], given: QueryDict) -> str:
    """Return the address of what the form of all columns asks for; with the form, where something in it is wrong.

    "" where the form was not sent.
    """
    if given.get(SENT) != OPENED:
        return ""
    own = {column.name for column in columns}
    left_out = (SENT, "page", "after", "before", "choose")
    kept = {name: str(value) for name, value in given.items() if value and name not in left_out}
    query = {name: value for name, value in kept.items() if not _is_on(name, own)}
    for column in columns:
        query.update(_asked_in_form(column, given))
    if any(control.errors for control in controls(columns, query)):
        query["choose"] = OPENED
    return f"{path}?{urlencode(query)}" if query else path


def _asked_in_form(column: ColumnFilter, given: QueryDict) -> dict[str, str]:
    def of(how: str) -> str:
        return given.get(f"{column.name}.{how}", "").replace("\x00", "").strip()[:MAX_TEXT]

    if column.kind in ("text", "code"):
        how, text = of("how"), of("text")
        if how in _BLANKS:
            return {f"{column.name}.blank": _BLANKS[how]}
        return {f"{column.name}.{how}": text} if how in _HOWS and text else {}
    if column.kind == "choice" and of("is") == "blank":
        return {f"{column.name}.blank": "yes"}
    names = ("is",) if column.kind in ("choice", "boolean") else ("from", "to", "blank")
    return {f"{column.name}.{how}": of(how) for how in names if of(how)}


# -- conditions --------------------------------------------------------------------------------------------------------


def _text(column: ColumnFilter, how: str) -> Callable[["QuerySet[Any]", str], "QuerySet[Any]"]:
    name = column.name

    def narrow(rows: "QuerySet[Any]", text: str) -> "QuerySet[Any]":
        if column.kind == "text":
            lookup = {"contains": "icontains", "begins": "istartswith", "is": "iexact"}[how]
            return rows.filter(**{f"{name}__{lookup}": text})
        code = column.normal(text)
        if how == "contains":
            return rows.filter(**{f"{name}__icontains": code})
        if how == "is":
            return rows.filter(**{name: code})
        return rows.filter(_begins_with(name, code, in_order=connections[rows.db].vendor == "sqlite"))

    return narrow


def _begins_with(name: str, code: str, *, in_order: bool) -> Q:
    """Return the condition that a code begins with another, by a stretch of an index on it.

    in_order: the database sorts texts by their letters' numbers, so that the stretch has an end, too.
    """
    stretch = Q(**{f"{name}__startswith": code, f"{name}__gte": code})
    if in_order and code and ord(code[-1]) < 0x10FFFF and not 0xD7FF <= ord(code[-1]) < 0xE000:
        stretch &= Q(**{f"{name}__lt": code[:-1] + chr(ord(code[-1]) + 1)})
    return stretch


def _blank(column: ColumnFilter) -> Callable[["QuerySet[Any]", str], "QuerySet[Any]"]:
    none = Q(**{f"{column.name}__isnull": True}) if column.null else Q()
    if column.kind in ("text", "code", "choice"):
        none |= Q(**{column.name: ""})

    def narrow(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
        return rows.filter(none) if value == "yes" else rows.exclude(none)

    return narrow


def _is(column: ColumnFilter) -> Callable[["QuerySet[Any]", str], "QuerySet[Any]"]:
    def narrow(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
        return rows.filter(**{column.name: value == "yes" if column.kind == "boolean" else value})

    return narrow


def _range(column: ColumnFilter, how: str) -> Callable[["QuerySet[Any]", str], "QuerySet[Any]"]:
    def narrow(rows: "QuerySet[Any]", text: str) -> "QuerySet[Any]":
        lookup = "gte" if how == "from" else "lte"
        value: Any
        if column.kind in ("date", "moment"):
            value = _day(text)
            if value and column.kind == "moment":
                lookup = "gte" if how == "from" else "lt"
                value = _begins(value if how == "from" else value + timedelta(days=1))
        else:
            value = Decimal(text.strip().replace(",", ""))
        return rows.filter(**{f"{column.name}__{lookup}": value})

    return narrow


def _begins(day: date) -> datetime:
    """Return when a day begins in the zone that times are shown in."""
    return timezone.make_aware(datetime(day.year, day.month, day.day))


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found is not None and 1 < found.year < 9999 else None


def _choice_problem(label: str, choices: Sequence[tuple[str, str]]) -> Callable[[str], str]:
    """Return what says what is wrong with a value that a column of choices is compared with."""
    known = dict(choices)

    def problem(text: str) -> str:
        return "" if text in known else f'{label}: "{_short(text)}" is none of its choices.'

    return problem


def _text_problem(text: str) -> str:
    return "A filter cannot hold a NUL character." if "\x00" in text else ""


def _short(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:30]}..."
