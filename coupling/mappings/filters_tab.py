"""The FastTab Filters of a mapping's card: both filters in words, or as condition builders with live counts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, QueryDict

from connection_setup.connection.state import unavailable_reason
from core.refusals import NotUsable, Refusal
from coupling import filters, local_filters, local_records
from coupling.filters import FilterField, Kind
from coupling.filters.words import ColumnWords
from coupling.gateway import Gateway
from coupling.mappings import filter_counts
from coupling.mappings.edit import Columns
from coupling.mappings.filter_counts import ENTERING, LEAVING, MAX_COUNTED, Found
from coupling.mappings.filter_form import (
    JOINTS,
    MAX_ROWS,
    FilterForm,
    from_filter,
    from_post,
    keep_labels,
)
from coupling.mappings.filter_words import integration_filter_text, table_filter_text
from coupling.mappings.moved_page import moved_url
from coupling.mappings.record_search import MOST_FOUND, Directory, Pairs, RecordsHere, RowsThere
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.page_parts import mapping_url
from dataverse.errors import DataverseError
from ui.kit import Action, FastTab, Field

CHANGE = "change"
"""The value of `filters` in the address that opens the builders."""
DO = "do"
"""The name of the builders' buttons: table:add, integration:remove-1, table:look."""
ROWS_TITLE = "Integration Table Filter"
_NOT_ASKED = "The columns of the Dataverse table are not known now: {why} Those of the filter as it is can be changed."


@dataclass(slots=True)
class Builder:
    """One filter's builder as the template shows it. untouched: what it makes of the filter that is stored."""

    form: FilterForm
    title: str
    rows_name: str
    untouched: Any = None
    found: Found = field(default_factory=Found)
    reads: str = ""
    note: str = ""


@dataclass(slots=True)
class Builders:
    """The builders of a card: of both filters, or of the records' alone where the other side are choices of a column.

    columns: of the Dataverse table, None where it could not be asked.
    """

    mapping: IntegrationTableMapping
    table: Builder
    integration: Builder | None
    columns: Columns | None

    @property
    def shown(self) -> dict[str, Builder]:
        """Return the builders by the name of what they change."""
        both = {"table_filter": self.table, "integration_filter": self.integration}
        return {name: builder for name, builder in both.items() if builder is not None}

    def changes(self) -> dict[str, Any]:
        """Return the filters that were changed, as they are stored: what nobody touched stays to the letter.

        Raises NotUsable, whose `field` says which is not complete.
        """
        self._look_up(searching=False)
        stored: dict[str, Any] = {}
        for name, builder in self.shown.items():
            try:
                given = builder.form.stored()
            except NotUsable as error:
                raise NotUsable(error.message, error.fix, field=name) from None
            if _without_labels(given) != _without_labels(builder.untouched):
                stored[name] = given
        return stored

    def refuse(self, error: NotUsable) -> bool:
        """Show a refusal by its filter. Returns whether it is about one."""
        builder = self.shown.get(error.field)
        if builder is not None:
            builder.form.error = error.user_message
        return builder is not None

    def do(self, action: str, *, saving: bool = False) -> None:
        """Do what a button of one of the builders says; without one, say that a search came before saving."""
        if saving and not action:
            self._say_nothing_is_saved()
        side, _, what = action.partition(":")
        for builder in self.shown.values():
            builder.form.edit(what if builder.form.side == side else "")
            builder.form.name_inputs()

    def count(self) -> None:
        """Count on both sides what the filters would find, and put them into words; search where a look-up does."""
        self._look_up(searching=True)
        self.table.found, self.table.reads = _counted(
            self.table.form, lambda: filter_counts.count_records(self.mapping, self.table.form)
        )
        _link_all(self.mapping, self.table)
        there = self.integration
        if there is not None and self.columns is not None:
            there.found, there.reads = _counted(
                there.form, lambda: filter_counts.count_rows(self.mapping, there.form, Gateway(self.mapping.company))
            )
            _link_all(self.mapping, there)

    @property
    def searches(self) -> bool:
        """Whether a record is searched for that was not looked for yet: Enter in its box sends the form too."""
        return any(row.searches for builder in self.shown.values() for row in builder.form.rows())

    def _say_nothing_is_saved(self) -> None:
        """Say by the filter that a search came before saving."""
        for builder in self.shown.values():
            if any(row.searches for row in builder.form.rows()):
                builder.form.error = "Nothing is saved yet: choose among the records that the search found."

    def _look_up(self, *, searching: bool) -> None:
        """Find what the chosen records of look-ups are called and, searching, those to choose from."""
        look_up(self.table.form, RecordsHere(self.mapping.company), searching=searching)
        if self.integration is not None and self.columns is not None:
            form = self.integration.form
            if any(row.looks_up and row.takes_value for row in form.rows()):
                look_up(form, RowsThere(Gateway(self.mapping.company)), searching=searching)


def look_up(form: FilterForm, directory: Directory, *, searching: bool) -> None:
    """Search once for what several rows search for, what was typed just now first; and ask for all names at once."""
    rows = [row for row in form.rows() if row.looks_up]
    searches: dict[tuple[Sequence[str], str], Pairs] = {}
    for row in sorted(rows, key=lambda row: not row.searches) if searching else []:
        search = (tuple(row.field.targets), row.find.strip())
        if search not in searches and len(searches) < MAX_COUNTED:
            searches[search] = directory.find(*search)
        found = searches.get(search, [])
        row.found, row.more = found[:MOST_FOUND], len(found) > MOST_FOUND
    named: dict[Sequence[str], dict[str, str]] = defaultdict(dict)
    unnamed: dict[Sequence[str], set[str]] = defaultdict(set)
    for row in rows:
        tables = tuple(row.field.targets)
        named[tables] |= {**row.names, **dict(row.found)}
        unnamed[tables] |= {value for value in row.values if value.strip()}
    for targets, values in unnamed.items():
        if unknown := sorted(values - named[targets].keys()):
            named[targets] |= directory.names(targets, unknown)
    for row in rows:
        row.names = named[tuple(row.field.targets)]
    form.error = form.error or directory.problem


def _without_labels(stored: Any) -> Any:
    """Return a stored filter without the words that its values are shown by."""
    if isinstance(stored, Mapping):
        return {name: _without_labels(value) for name, value in stored.items() if name != "label"}
    return [_without_labels(one) for one in stored] if isinstance(stored, list) else stored


def _link_all(mapping: IntegrationTableMapping, builder: Builder) -> None:
    """Give the couplings that a filter would move the address of the list of all of them."""
    for how, one in ((LEAVING, builder.found.leaving), (ENTERING, builder.found.entering)):
        if one.count > len(one.links):
            one.url = moved_url(mapping, builder.form.side, how, builder.form.stored())


def wants_builders(request: HttpRequest) -> bool:
    """Return whether the card is asked for with its builders."""
    return request.GET.get("filters") == CHANGE or "table-joined" in request.POST


def builders(mapping: IntegrationTableMapping, sent: QueryDict | None) -> Builders:
    """Return the builders with the stored filters, or with what was sent. Asks Dataverse for the table's columns.

    Raises NotUsable where the table here is not known, or a filter has more conditions than builders have rows.
    """
    for title, stored in (("Table Filter", mapping.table_filter), (ROWS_TITLE, mapping.integration_filter)):
        _check_room(mapping, title, stored)
    table = local_records.get_table(mapping)
    here = {one.name: local_filters.filter_field(table, one.name) for one in table.fields}
    here = {name: one for name, one in here.items() if one.kind is not Kind.OTHER}
    of_records = Builder(
        _form("table", here, mapping.table_filter, sent), "Table Filter", table.caption_plural,
        untouched=_untouched("table", here, mapping.table_filter),
    )  # fmt: skip
    if mapping.uid_kind == "option":
        return Builders(mapping, of_records, None, None)
    columns, note = _columns(mapping)
    there = _column_fields(mapping, columns)
    of_rows = Builder(
        _form("integration", there, mapping.integration_filter, sent), ROWS_TITLE, mapping.entity_set,
        untouched=_untouched("integration", there, mapping.integration_filter), note=note,
    )  # fmt: skip
    return Builders(mapping, of_records, of_rows, columns)


def filters_tab(mapping: IntegrationTableMapping, made: Builders | None, *, may_map: bool) -> FastTab:
    """Return the FastTab: the builders, or the filters in words with the way to the builders."""
    change = Action("Change Filters", mapping_url("mapping", mapping, filters=CHANGE) + "#tab-filters", icon="filter")
    words = [Field("Table Filter", table_filter_text(mapping), with_action=change if may_map else None)]
    if mapping.uid_kind != "option":
        words.append(Field(ROWS_TITLE, integration_filter_text(mapping)))
    if made is None:
        return FastTab("filters", "Filters", words, gist="Which records and rows take part")
    return builders_tab(mapping, made, mapping_url("mapping", mapping, filters=CHANGE))


def builders_tab(mapping: IntegrationTableMapping, made: Builders, url: str) -> FastTab:
    """Return the FastTab with the builders. url: where the form goes for a change that is not saved, with a query."""
    return FastTab(
        "filters",
        "Filters",
        gist="Which records and rows take part",
        template="coupling/mappings/filters.html",
        context={
            "builders": [*made.shown.values()],
            "joints": JOINTS,
            "company": bool(mapping.company_column) and not mapping.multi_company,
            "url": url,
        },
    )


def _check_room(mapping: IntegrationTableMapping, title: str, stored: Any) -> None:
    """Raise NotUsable for a filter with more conditions than a builder has rows: it would lose some."""
    try:
        count = sum(1 for _ in filters.conditions(filters.parse(stored)))
    except filters.BadFilter:
        return
    if count > MAX_ROWS:
        raise NotUsable(
            f"The {title} has {count:,} conditions; at most {MAX_ROWS} can be changed here.",
            f"Change it with: manage.py mapping set {mapping.name}",
        )


def _untouched(side: str, fields: Mapping[str, FilterField], stored: Any) -> Any:
    """Return what a builder makes of a stored filter; None where that is none."""
    try:
        return from_filter(side, fields, filters.parse(stored)).stored()
    except (filters.BadFilter, NotUsable):
        return None


def _form(side: str, fields: Mapping[str, FilterField], stored: Any, sent: QueryDict | None) -> FilterForm:
    try:
        node, refused = filters.parse(stored), ""
    except filters.BadFilter as error:
        node, refused = filters.EVERYTHING, error.user_message
    if sent is not None:
        return keep_labels(from_post(side, fields, sent), node)
    form = keep_labels(from_filter(side, fields, node), node)
    form.error = refused
    return form


def _columns(mapping: IntegrationTableMapping) -> tuple[Columns | None, str]:
    """Return the columns of the mapping's Dataverse table, or None and why they are not known."""
    off = unavailable_reason(mapping.company)
    if off is not None:
        return None, _NOT_ASKED.format(why=off.message)
    try:
        return Gateway(mapping.company).table(mapping).columns, ""
    except (Refusal, DataverseError) as error:
        return None, _NOT_ASKED.format(why=error.message)


def _column_fields(mapping: IntegrationTableMapping, columns: Columns | None) -> dict[str, FilterField]:
    """Return the columns to choose from, by caption; without metadata those that the filter and the fields name."""
    if columns is None:
        try:
            node = filters.parse(mapping.integration_filter)
        except filters.BadFilter:
            node = filters.EVERYTHING
        rows = IntegrationFieldMapping.objects.filter(mapping_id=mapping.pk).exclude(integration_field="")
        mapped = rows.order_by("position", "id").values_list("integration_field", flat=True)
        kinds = {**dict.fromkeys(mapped, Kind.ANY), **_kinds_of_values(node)}
        known = [filters.FilterField(name, filters.caption_of(name), kind) for name, kind in kinds.items()]
        return {one.name: one for one in known}
    made = [filters.of_column(column) for column in columns.values()]
    usable = sorted((one for one in made if one.kind is not Kind.OTHER), key=lambda one: one.caption.casefold())
    return {one.name: one for one in usable}


def _kinds_of_values(node: filters.Node) -> dict[str, Kind]:
    """Return the kinds of the fields in a filter by the values that it compares them with."""
    found: dict[str, Kind] = {}
    for one in filters.conditions(node):
        value = next((value for value in one.values if value is not None), None)
        kind = Kind.BOOLEAN if isinstance(value, bool) else Kind.NUMBER if isinstance(value, int | float) else Kind.ANY
        if found.get(one.field, Kind.ANY) is Kind.ANY:
            found[one.field] = kind
    return found


def _counted(form: FilterForm, count: Any) -> tuple[Found, str]:
    """Return what a filter finds and how it reads; nothing where it is not complete or Dataverse does not answer."""
    try:
        found = count()
    except NotUsable:
        found = Found()
    except (Refusal, DataverseError) as error:
        form.error = form.error or error.user_message
        found = Found()
    try:
        node = filters.parse(form.stored())
    except NotUsable:
        return found, ""

    def words(name: str) -> ColumnWords:
        known = form.fields.get(name)
        return ColumnWords(known.caption, known.choices) if known else ColumnWords(name)

    return found, filters.readable(node, words)
