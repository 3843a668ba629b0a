"""A listing bound to a request: everything its template asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict

from ui import paging, preferences
from ui.cells import in_sentence, text_of
from ui.column_filters import OPENED, SENT, FilterForm
from ui.kit import Cell, Link, Notice
from ui.listing import Column, Filter, Listing, RowCounter, Source, Ticks

_OWN = {"page", "after", "before", "choose", SENT}


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head: its caption, where a click sorts, and how it is sorted now."""

    column: Column
    url: str
    sorted: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row as shown: its key, its first column's text and address, and its cells in the columns' order."""

    key: str
    label: str
    url: str
    cells: list[tuple[Column, Cell]]
    box: str = ""
    ticked: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force and the address without it."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Input:
    """A filter as a form field."""

    filter: Filter
    value: str


class Bound:
    """A listing bound to a request."""

    def __init__(self, request: HttpRequest, listing: Listing) -> None:
        self.request = request
        self.listing = listing
        self.id = listing.id
        self.caption = listing.caption
        self.selectable = listing.selectable
        self.given: QueryDict = request.GET
        self.path = request.path

    # -- what is asked for

    @cached_property
    def in_force(self) -> dict[str, str]:
        """The search and filters in force."""
        return self.listing.in_force(cast(dict[str, str], self.given.dict()))

    @cached_property
    def sort(self) -> str:
        """The column sorted by, with a minus for descending; "" for the list's own order."""
        asked = self.given.get("sort", "")
        return asked if any(column.sort and column.name == asked.lstrip("-") for column in self.listing.columns) else ""

    @cached_property
    def matching(self) -> Any:
        """The rows that pass, in order."""
        rows = self.listing.narrowed(self.in_force)
        if not self.sort:
            return paging.ordered(rows)
        column = next(column for column in self.listing.columns if column.name == self.sort.lstrip("-"))
        return paging.ordered(rows, [("-" if self.sort.startswith("-") else "") + column.sort])

    @cached_property
    def source(self) -> Source | None:
        """Where the rows come from, narrowed, if not from a query."""
        source, text = self.listing.source, self.in_force.get("q", "")
        return source.searched(text) if source is not None and text else source

    # -- columns

    @cached_property
    def columns(self) -> list[Column]:
        """The columns this person sees: chosen ones, or the default; never none."""
        chosen = preferences.preferences_of(self.request).get(f"columns:{self.id}")
        if isinstance(chosen, list):
            by_name = {column.name: column for column in self.listing.columns}
            if mine := [by_name[name] for name in chosen if name in by_name]:
                return mine
        return [column for column in self.listing.columns if column.default] or list(self.listing.columns)

    @property
    def can_choose(self) -> bool:
        """Whether there are enough columns for a choice."""
        return len(self.listing.columns) > 6 or not all(column.default for column in self.listing.columns)

    @property
    def choosing(self) -> bool:
        """Whether the columns are being chosen (without JavaScript, which opens the choice in place)."""
        return self.can_choose and self.given.get("choose") == "columns"

    @property
    def choosing_filters(self) -> bool:
        """Whether the form of all columns shows in the page: without scripts, or where something in it is wrong."""
        return bool(self.listing.column_filters) and self.given.get("choose") == OPENED

    @property
    def filter_form(self) -> FilterForm:
        """The form of all columns."""
        return FilterForm(
            self.listing.column_filters, cast(dict[str, str], self.given.dict()), self.paged, self.url(choose=OPENED),
            self.url,
        )  # fmt: skip

    @cached_property
    def problems(self) -> list[str]:
        """What is wrong with filters of the address, which are not in force then."""
        given = [(one.problem, self.given.get(one.name, "")) for one in self.listing.filters if one.problem is not None]
        return [sentence for problem, value in given if value and (sentence := problem(value))]

    @property
    def filter_links(self) -> Sequence[Link]:
        """What can be done with the filters and the order in force."""
        give = self.listing.beside_filters
        return give(self.paged) if give is not None and (self.in_force or self.sort) else ()

    @property
    def choose_url(self) -> str:
        """The list with the choice of columns open."""
        return self.url(choose="columns")

    @property
    def choices(self) -> list[tuple[Column, bool]]:
        """Every column and whether it shows."""
        shown = {column.name for column in self.columns}
        return [(column, column.name in shown) for column in self.listing.columns]

    @property
    def heads(self) -> list[Head]:
        """The columns' heads."""
        return [self._head(column) for column in self.columns]

    def _head(self, column: Column) -> Head:
        if not column.sort:
            return Head(column, "", "")
        now = {column.name: "ascending", f"-{column.name}": "descending"}.get(self.sort, "none")
        return Head(column, self.url(sort=f"-{column.name}" if now == "ascending" else column.name), now)

    # -- rows

    @cached_property
    def slice(self) -> paging.Slice:
        """The page of rows asked for, decorated."""
        asked = self.given.get("page", "")
        number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1
        found = (
            paging.page(
                self.matching,
                number=number,
                size=self.listing.page_size,
                after=self.given.get("after", ""),
                before=self.given.get("before", ""),
                among=self.listing.rows,
                last=paging.COUNT_LIMIT // self.listing.page_size if self._count_rows else None,
                place=None if self.sort or self.in_force else self.listing.place,
            )
            if self.source is None
            else paging.page_of(self.source, number=number, size=self.listing.page_size)
        )
        if self.listing.decorate and found.rows:
            self.listing.decorate(found.rows)
        return found

    @cached_property
    def rows(self) -> list[Row]:
        """The rows of this page."""
        return [self._row(row) for row in self.slice.rows]

    def _row(self, row: Any) -> Row:
        cells = [(column, _value(row, column)) for column in self.columns]
        url = self.listing.row_url(row) if self.listing.row_url else ""
        label = self.listing.row_label(row) if self.listing.row_label else (text_of(cells[0][1]) or str(row))
        key = getattr(row, self.listing.key) if self.selectable else None
        ticks = self.listing.ticks
        box, ticked = (ticks.label(row), ticks.ticked(row)) if ticks is not None else (f"Select {label}", False)
        return Row("" if key is None else str(key), label, url, cells, box, ticked)

    @property
    def ticks(self) -> Ticks | None:
        """Where the boxes stand for something that is kept."""
        return self.listing.ticks

    @property
    def shown(self) -> str:
        """What the boxes of this page are sent with."""
        return self.listing.ticks.shown(self.slice.rows) if self.listing.ticks is not None else ""

    @property
    def empty(self) -> Notice:
        """What the list says when it shows no row."""
        if self.in_force:
            return Notice("No record matches. Change the search or the filters, or clear them.", title="Nothing found")
        given = self.listing.empty
        return given if isinstance(given, Notice) else Notice(given or "There are no records yet.")

    # -- how many

    @cached_property
    def count(self) -> tuple[int, bool]:
        """The number of rows that pass, and whether it is exact."""
        if self.listing.total is not None and not self.in_force:
            return self.listing.total, True
        if self.source is not None:
            return self.source.count, True
        if self.slice.number == 1 and not self.slice.has_next:
            return len(self.slice.rows), True
        if self.slice.skipped >= paging.COUNT_LIMIT:
            return paging.COUNT_LIMIT, False
        if self._count_rows is None:
            return paging.counted(self.matching)
        number, exact = self._count_rows(self.matching)
        shown = (self.slice.number - 1) * self.listing.page_size + len(self.slice.rows)
        if exact and number < shown + self.slice.has_next:  # a number stored before these rows came in
            return shown, not self.slice.has_next
        return number, exact

    @cached_property
    def _count_rows(self) -> RowCounter | None:
        return self.listing.counter(self.in_force) if self.listing.counter else None

    @property
    def count_text(self) -> str:
        """ "37 customers", "More than 10,000 customers, filtered"."""
        number, exact = self.count
        what = in_sentence(self.caption)
        if number == 1 and exact:
            what = what.removesuffix("s") if what.isalpha() and not what.endswith("ies") else "record"
        return f"{'' if exact else 'More than '}{number:,} {what}{', filtered' if self.in_force else ''}"

    @property
    def all_text(self) -> str:
        """The caption of the box that selects all that match."""
        number, exact = self.count
        matching = " that match" if self.in_force else ""
        return f"Select all {number:,}{matching}" if exact else f"Select all{matching} (more than {number:,})"

    @property
    def range_text(self) -> str:
        """ "51 to 100 of 3,229"."""
        if not self.rows:
            return ""
        first = (self.slice.number - 1) * self.listing.page_size + 1
        number, exact = self.count
        total = f"of {number:,}" if exact else f"of more than {max(number, first + len(self.rows) - 1):,}"
        return f"{first:,} to {first + len(self.rows) - 1:,} {total}"

    # -- where links lead

    def url(self, **changes: str | None) -> str:
        """Return the list's address with these parameters changed (None takes one out), from the first page on."""
        parts = dict(self._parts)
        for name, value in changes.items():
            if value is None:
                parts.pop(name, None)
            else:
                parts[name] = urlencode({name: value})
        text = "&".join(parts.values())
        return f"{self.path}?{text}" if text else self.path

    @cached_property
    def _parts(self) -> dict[str, str]:
        """Each parameter but the list's own as an address holds it, by name: written once for all links."""
        given = {name: values for name, values in self.given.lists() if name not in _OWN and values}
        return {name: urlencode([(name, value) for value in values]) for name, values in given.items()}

    @property
    def next_url(self) -> str:
        """The next page, sought from the last row; "" on the last page."""
        if not self.slice.has_next:
            return ""
        beside = {} if self.source is not None else {"after": str(self.slice.rows[-1].pk)}
        return self.url(page=str(self.slice.number + 1), **beside)

    @property
    def previous_url(self) -> str:
        """The page before, sought from the first row; "" on the first page."""
        if self.slice.number <= 1:
            return ""
        if self.slice.number == 2:
            return self.url()
        beside = {} if self.source is not None else {"before": str(self.slice.rows[0].pk)}
        return self.url(page=str(self.slice.number - 1), **beside)

    @property
    def first_url(self) -> str:
        """The first page."""
        return self.url()

    @property
    def last_page(self) -> int | None:
        """The number of the last page, where the rows have been counted."""
        number, exact = self.count
        return max(1, -(-number // self.listing.page_size)) if exact else None

    @property
    def many_pages(self) -> bool:
        """Whether there is more than this page."""
        return self.slice.has_next or self.slice.number > 1

    @property
    def chips(self) -> list[Chip]:
        """The filters in force, each with the address without it."""
        captions = {one.name: one for one in self.listing.filters}
        return [
            Chip(f"Search: {value}" if name == "q" else f"{captions[name].label}: {captions[name].chosen(value)}",
                 self.url(**{name: None}))
            for name, value in self.in_force.items()
        ]  # fmt: skip

    @property
    def clear_url(self) -> str:
        """The list without search and filters."""
        return self.url(**dict.fromkeys(self.in_force))

    @property
    def inputs(self) -> list[Input]:
        """The filters as form fields."""
        shown = [one for one in self.listing.filters if one.kind != "hidden"]
        return [Input(one, self.in_force.get(one.name, "")) for one in shown]

    @property
    def hidden_inputs(self) -> list[Input]:
        """The filters in force that have no field of their own, for the list's form to keep."""
        hidden = [one for one in self.listing.filters if one.kind == "hidden"]
        return [Input(one, self.in_force[one.name]) for one in hidden if one.name in self.in_force]

    @property
    def search_text(self) -> str:
        """The text searched for."""
        return self.in_force.get("q", "")

    @property
    def has_tools(self) -> bool:
        """Whether a search box or a filter stands above the list."""
        return bool(self.listing.search or self.listing.filters)

    @property
    def kept(self) -> list[tuple[str, str]]:
        """Parameters of the page that are none of the list's, for its forms to keep."""
        own = _OWN | {"q", "sort"} | {one.name for one in self.listing.filters}
        return [(name, value) for name, values in self.given.lists() if name not in own for value in values]

    @property
    def paged(self) -> list[tuple[str, str]]:
        """Everything the form that goes to a page keeps."""
        return [(name, value) for name, values in self.given.lists() if name not in _OWN for value in values]

    @property
    def signed_filters(self) -> str:
        """The filters in force, signed, for "select all that match"."""
        return self.listing.signed(filters=self.in_force)


def _value(row: Any, column: Column) -> Cell:
    if callable(column.value):
        return column.value(row)
    value: Any = row
    path = (column.value or column.name).split(".")
    for name in path[:-1]:
        value = getattr(value, name, None)
        if value is None:
            return None
    display = getattr(value, f"get_{path[-1]}_display", None)
    if display is not None:
        return str(display())
    found: Cell = getattr(value, path[-1])
    return found


def bind(request: HttpRequest, listing: Listing) -> Bound:
    """Return the listing as this request shows it: rows of the page, columns of the person, filters in force."""
    return Bound(request, listing)
