"""Lists: search, filters, sorting, paging, selection and a column chooser, declared as data.

    listing = Listing("customers", "Customers", table.records(company), columns=[...], selectable=True)
    return render.page(request, Page(title="Customers", company=company, listing=listing))

A view that acts on the rows a person ticked declares the same listing and calls `selected(request, listing)`.
An empty selection selects nothing; "all that match" travels as a signed copy of the filters in force.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, Protocol

from django.contrib import messages
from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import IntegerField, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from ui import ids, paging
from ui.column_filters import ColumnFilter, asked_of
from ui.kit import Cell, Link, Notice

MAX_SEARCH = 200
_SALT = "ui.listing"


class Source(Protocol):
    """Rows that are not all rows of one table, in an order of their own, found by their places in it."""

    def searched(self, text: str) -> "Source":
        """Return those that a search finds."""

    @property
    def count(self) -> int:
        """How many there are."""

    def __getitem__(self, span: slice) -> list[Any]:
        """Return those from one place to before another."""


RowCounter = Callable[["QuerySet[Any]"], tuple[int, bool]]
"""Given rows: how many there are, counted up to paging.COUNT_LIMIT, and whether that is all of them."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `value`: a dotted attribute of the row, or what makes a cell of it. `sort`: ORM path to sort by."""

    name: str
    label: str
    value: str | Callable[[Any], Cell] = ""
    sort: str = ""
    numeric: bool = False
    default: bool = True
    wrap: bool = False
    narrow: Literal["", "narrow", "narrow halved"] = ""
    """Its words go below each other before the list grows wider than the page; halved: on two lines."""
    header_hint: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter. `apply` gets the rows and the chosen value, which is one of `choices`, or any text for kind text, and
    a day as 2026-11-28 for kind date.

    hidden: links on the page set it, and no field of the list; one of `choices`, any text where there are none.
    """

    name: str
    label: str
    apply: Callable[["QuerySet[Any]", str], "QuerySet[Any]"]
    choices: Sequence[tuple[str, str]] = ()
    kind: Literal["choice", "text", "date", "bool", "hidden"] = "choice"
    empty_label: str = "All"
    problem: Callable[[str], str] | None = None
    """What is wrong with a value, as a sentence; "" where nothing is. A wrong one is not in force."""

    def options(self) -> Sequence[tuple[str, str]]:
        """Return the choices; yes and no for a bool."""
        return (("yes", "Yes"), ("no", "No")) if self.kind == "bool" else self.choices

    def chosen(self, value: str) -> str:
        """Return the caption of a value in force, or "" for a value that is none of the choices.

        PostgreSQL takes no text with a NUL character, and no record holds one.
        """
        if self.problem is not None and value and self.problem(value):
            return ""
        if self.kind == "date":
            return value if is_day(value) else ""
        if self.kind == "text" or (self.kind == "hidden" and not self.choices):
            return "" if "\x00" in value else value[:MAX_SEARCH]
        return dict(self.options()).get(value, "")


def day_begins(day: str, later: int = 0) -> datetime:
    """Return when a day, given as 2026-11-28, begins here, or the one so many days later."""
    found = date.fromisoformat(day)
    if (date.max - found).days > later:
        found += timedelta(days=later)
    return timezone.make_aware(datetime.combine(found, time()))


def is_day(text: str) -> bool:
    """Return whether a text is a day as addresses have it: 2026-11-28."""
    try:
        return len(text) == 10 and date.fromisoformat(text).year > 1
    except ValueError:
        return False


def expanded(columns: Sequence[ColumnFilter]) -> list[Filter]:
    """Return the filters on these columns, all that can be asked of each."""
    return [
        Filter(asked.name, asked.label, asked.apply, asked.choices, "hidden", problem=asked.problem)
        for column in columns
        for asked in asked_of(column)
    ]


@dataclass(frozen=True, slots=True)
class Ticks:
    """Boxes that are ticked already, and keep what a person makes of them: at once where scripts run.

    ticked: whether a row is; label: what its box is called; url: where the boxes of a page are sent, with what was
    shown as `shown`; shown: makes that of the rows of a page.
    """

    ticked: Callable[[Any], bool]
    label: Callable[[Any], str]
    url: str
    shown: Callable[[Sequence[Any]], str]


@dataclass(frozen=True)
class Listing:
    """A list of database rows.

    id: unique and stable, the name under which a person's columns are kept; caption: what the rows are, in the plural;
    search: lookups ORed for the search box; key: the unique field a ticked row is known by; row_url: where the first
    column leads; total: the exact number of rows without filters, where the caller knows it cheaply; empty: what an
    empty list says, and what to do about it; decorate: gets the rows of one page, to add what columns need.
    """

    id: str
    caption: str
    rows: "QuerySet[Any]"
    columns: Sequence[Column]
    filters: Sequence[Filter] = ()
    column_filters: Sequence[ColumnFilter] = ()
    """Columns that a form of their own filters by; `filters` has what is asked of them (expanded)."""
    search: Sequence[str] = ()
    cards: bool = False
    """On a narrow screen each row is a card: its first cell the title, the others with their columns' names."""
    key: str = "system_id"
    selectable: bool = False
    row_url: Callable[[Any], str] | None = None
    page_size: int = 50
    empty: Notice | str = ""
    decorate: Callable[[list[Any]], None] | None = None
    total: int | None = None
    search_label: str = "Search this list"
    search_by: Callable[[str], Q] | None = None
    """What else the search finds, besides what the lookups of `search` do."""
    counter: "Callable[[Mapping[str, str]], RowCounter | None] | None" = None
    """Given the filters in force: how their rows are counted, where passing by those that they leave out costs much.
    Pages are then asked for by their number only as far as rows are counted."""
    place: paging.Place | None = None
    """Where the first so many rows of the whole list, in its own order, end, where the caller knows it."""
    row_label: Callable[[Any], str] | None = None
    """What a row's checkbox is called; the first column's text where absent."""
    rows_template: str = "ui/list/list_rows.html"
    """What shows the rows, where the list is more than a table of columns."""
    source: Source | None = None
    """Where the rows shown come from, if not all of them are in `rows`, in which selections are looked up."""
    beside_filters: "Callable[[list[tuple[str, str]]], Sequence[Link]] | None" = None
    """Given the address's parameters: links beside the filters in force, such as to save them."""
    ticks: Ticks | None = None
    """Where the boxes stand for something that is kept, not for a selection that an action takes."""

    def narrowed(self, given: Mapping[str, str]) -> "QuerySet[Any]":
        """Return the rows that pass the search and the filters in `given`; unknown values are left out."""
        rows = self.rows
        if (text := self.searched(given)) and self.search:
            condition = Q()
            for lookup in self.search:
                condition |= Q(**{lookup: text})
            if self.search_by is not None:
                condition |= self.search_by(text)
            rows = rows.filter(condition)
        for one in self.filters:
            value = given.get(one.name, "")
            if value and one.chosen(value):
                rows = one.apply(rows, value)
        return rows

    def searched(self, given: Mapping[str, str]) -> str:
        """Return the text searched for."""
        return given.get("q", "").replace("\x00", "").strip()[:MAX_SEARCH]

    def in_force(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the search and the filters that narrow the list, by name."""
        found = {one.name: given[one.name] for one in self.filters if one.chosen(given.get(one.name, ""))}
        if (text := self.searched(given)) and self.search:
            found["q"] = text
        return found

    def signed(self, **what: Any) -> str:
        """Return what a selection carries from page to page: filters or keys, signed for this list."""
        return signing.dumps({"list": self.id, **what}, salt=_SALT, compress=True)

    def unsigned(self, text: str) -> dict[str, Any] | None:
        """Return what `signed` was given; None when it was changed, or belongs to another list."""
        try:
            what: dict[str, Any] = signing.loads(text, salt=_SALT)
        except signing.BadSignature:
            return None
        return what if what.get("list") == self.id else None


@dataclass(frozen=True)
class Selection:
    """The rows a person means. `count` 0 means nothing was selected, never everything.

    token: carries the same selection through a form of the caller's own, as the hidden field `selection`.
    """

    rows: "QuerySet[Any]"
    count: int
    all_matching: bool = False
    token: str = ""
    key: str = "system_id"
    filters: Mapping[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> list[Any]:
        """The keys of the selected rows, in the list's order."""
        return list(self.rows.values_list(self.key, flat=True))

    def __bool__(self) -> bool:
        return self.count > 0


def selected(request: HttpRequest, listing: Listing) -> Selection:
    """Return what the request selects: ticked rows, all that match the filters in force, or what a token carries."""
    data: QueryDict = request.POST if request.method == "POST" else request.GET
    nothing = Selection(listing.rows.none(), 0, key=listing.key)
    if token := data.get("selection"):
        what = listing.unsigned(token)
    elif data.get("all_matching"):
        what = listing.unsigned(data.get("list_filters", ""))
    else:
        what = {"keys": data.getlist("selected")}
    if what is None:
        return nothing
    if "filters" in what:
        rows, filters = listing.narrowed(what["filters"]), what["filters"]
        if listing.in_force(filters) != filters:  # what they ask for is gone: without it they would mean others, too
            return nothing
        return Selection(rows, rows.order_by().count(), True, listing.signed(filters=filters), listing.key, filters)
    keys = _keys(listing, what.get("keys", ()))
    if not keys:
        return nothing
    rows = listing.rows.filter(**{f"{listing.key}__in": keys})
    return Selection(rows, rows.order_by().count(), False, listing.signed(keys=[str(key) for key in keys]), listing.key)


def nothing_selected(request: HttpRequest, back: str) -> HttpResponse:
    """Say that nothing is selected, and go back to the list (to where the form came from, filters kept)."""
    messages.warning(
        request, "Nothing is selected, so nothing was done. Tick the records you mean, then choose the action."
    )
    came_from = request.META.get("HTTP_REFERER", "")
    safe = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    path = came_from.split("#")[0] if safe and back.split("?")[0] in came_from else back
    return HttpResponseRedirect(path)


def _keys(listing: Listing, given: Sequence[str]) -> list[Any]:
    """Return the given keys as values of the key's field; what cannot be one is left out."""
    annotated = listing.rows.query.annotations.get(listing.key)
    column = annotated.output_field if annotated else listing.rows.model._meta.get_field(listing.key)
    keys: dict[Any, None] = {}
    for text in given:
        if "\x00" in text:
            continue
        try:
            keys[ids.parse_id(text) if isinstance(column, IntegerField) else column.to_python(text)] = None
        except (ValidationError, ValueError, TypeError):
            continue
    keys.pop(None, None)
    return list(keys)
