"""Record lists as data: columns, filters, what is coupled. The pages are in coupling.records.pages.

A view that acts on selected records calls `selected_records(request, company, table)`; the list's form posts to it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.http import Http404, HttpRequest

from core.roles import Can
from coupling.models import Coupling, IntegrationTableMapping, OptionMapping, couplings_of_table
from coupling.records import counts
from coupling.records.column_filters import column_filters
from jobs.registry import MOST_RECORDS
from masterdata import catalog
from masterdata.catalog import LocalField, LocalTable
from masterdata.models import Company
from ui import listing
from ui.cells import in_sentence
from ui.kit import Cell, Notice, Status
from ui.links import company_url
from ui.registry import Entry, Found, find_records, tell_me_source

SEARCHED = ("city", "phone_no", "e_mail", "company_name")
IN_NAVIGATION = {"customer": 40}
OTHER_NAMES = {
    "salesperson": ("Salespersons", "Purchasers"),
    "unit_of_measure": ("UOM",),
    "customer_price_group": ("Price groups",),
}
HITS_PER_TABLE = 4
IDS_GIVEN_S = 60
"""Seconds after which a list looks again for records without an id."""


def register() -> None:
    """Have Tell Me find the lists and the records; called once, when the app loads."""
    tell_me_source(_entries)
    find_records(_find)


def table_or_404(name: str) -> LocalTable:
    """Return the table of that name. Raises Http404 with a sentence."""
    try:
        return catalog.table(name)
    except LookupError as error:
        raise Http404(str(error)) from None


def record_or_404(company: Company, table: LocalTable, system_id: UUID) -> Any:
    """Return the company's record. Raises Http404 with a sentence."""
    record = table.records(company).filter(system_id=system_id).first()
    if record is None:
        raise Http404(f"This {in_sentence(table.caption)} does not exist in {company.name}; perhaps it was deleted.")
    return record


def record_title(table: LocalTable, record: Any) -> str:
    """Return a record's number with its name, as pages about it are headed."""
    key, title = str(getattr(record, table.key)), str(getattr(record, table.title))
    return f"{key} · {title}" if title else key


def list_url(company: Company, table: LocalTable) -> str:
    """Return the address of a table's list."""
    return company_url("records:list", company, table=table.name)


def card_url(company: Company, table: LocalTable, system_id: UUID) -> str:
    """Return the address of a record's card."""
    return company_url("records:card", company, table=table.name, system_id=system_id)


def record_url(page: str, company: Company, table: LocalTable, record: Any) -> str:
    """Return the address of a page about a record, by the page's name: edit, delete."""
    return company_url(f"records:{page}", company, table=table.name, system_id=record.system_id)


def give_ids_now_and_then(table: LocalTable) -> None:
    """Have records that were stored past `save()` listed as well; looked for once a minute, by whoever comes."""
    if table.columns is not None and cache.add(f"coupling.records.lists.ids.{table.name}", True, IDS_GIVEN_S):
        table.give_ids()


def mappings_of(company: Company, table: LocalTable) -> "list[IntegrationTableMapping]":
    """Return the mappings of a table in their order; most tables have one."""
    return list(IntegrationTableMapping.objects.filter(company=company, table=table.name))


def record_listing(
    company: Company, table: LocalTable, mappings: "Sequence[IntegrationTableMapping] | None" = None
) -> listing.Listing:
    """Return the list of a table's records, as its page and every view that acts on a selection see it.

    mappings: the table's, where the caller has them already.
    """
    searched = [name for name in SEARCHED if any(field.name == name for field in table.fields)]
    known = mappings_of(company, table) if mappings is None else mappings
    filters = [
        listing.Filter("coupled", "Coupled to Dataverse", lambda rows, value: _coupled(rows, value, known), kind="bool")
    ]
    if (blocked := next((field for field in table.fields if field.name == "blocked"), None)) is not None:
        filters.append(listing.Filter("blocked", "Blocked", _Blocked(blocked), kind="bool"))
    by_column = column_filters(table, company)
    shown = [*table.default_columns, *(field.name for field in table.fields if field.name not in table.default_columns)]
    columns = [_column(table.field(name), default=name in table.default_columns) for name in shown]
    place = len(table.default_columns)
    columns[place:place] = [listing.Column("coupled", "Coupled to Dataverse", _coupled_cell)]
    return listing.Listing(
        id=f"records-{table.name}",
        caption=table.caption_plural,
        rows=table.records(company),
        columns=columns,
        filters=[*filters, *listing.expanded(by_column)],
        column_filters=by_column,
        search=[f"{name}__icontains" for name in (table.key, table.title, *searched)],
        selectable=True,
        row_url=lambda row: card_url(company, table, row.system_id),
        counter=lambda given: counts.row_counter(company, table, given),
        row_label=lambda row: f"{getattr(row, table.key)} {getattr(row, table.title)}".strip(),
        decorate=lambda rows: mark_coupled(rows, company, table),
        search_label=f"Search {table.caption_plural.lower()}",
        empty=Notice(
            f"{company.name} has no {table.caption_plural.lower()} yet. Import some, or add the first.",
            title="Nothing here yet",
        ),
    )


def selected_records(request: HttpRequest, company: Company, table: LocalTable) -> listing.Selection:
    """Return the records that a list's form selects: ticked ones, or all that match its filters; count 0 for none."""
    return listing.selected(request, record_listing(company, table))


def mark_coupled(rows: Sequence[Any], company: Company, table: LocalTable) -> None:
    """Set `coupled_to_dataverse` on each row: paired with a row, or with a choice of a column.

    Rows of a list that is filtered by it have it already.
    """
    if all("coupled_to_dataverse" in vars(row) for row in rows):
        return
    ids = [row.system_id for row in rows]
    pairs = couplings_of_table(company, table.name).filter(local_id__in=ids, pending=False)
    options = OptionMapping.objects.filter(company=company, mapping__table=table.name, local_id__in=ids)
    found = set(pairs.values_list("local_id", flat=True).union(options.values_list("local_id", flat=True)))
    for row in rows:
        row.coupled_to_dataverse = row.system_id in found


def _column(field: LocalField, *, default: bool) -> listing.Column:
    return listing.Column(
        field.name, field.caption, sort=field.name, numeric=field.type in {"number", "integer"}, default=default
    )


def _coupled_cell(row: Any) -> Cell:
    return Status("Yes", "ok") if row.coupled_to_dataverse else Status("No")


def _coupled(rows: "QuerySet[Any]", value: str, mappings: "Sequence[IntegrationTableMapping]") -> "QuerySet[Any]":
    """Return the rows that are, or are not, coupled through one of their table's mappings.

    A coupling is looked for by the record's id and its mapping alone, which one index holds: at a million records the
    couplings themselves would cost ten times as much.
    """
    coupled = Q()
    for model, kind in ((Coupling, "guid"), (OptionMapping, "option")):
        if ids := [mapping.pk for mapping in mappings if mapping.uid_kind == kind]:
            coupled |= Q(Exists(model._default_manager.filter(mapping__in=ids, local_id=OuterRef("system_id"))))
    pending = Coupling.objects.filter(mapping__in=[mapping.pk for mapping in mappings], pending=True)
    if pending.exists():  # seldom: Dataverse has not confirmed these rows
        coupled &= ~Q(Exists(pending.filter(local_id=OuterRef("system_id"))))
    rows = rows.annotate(coupled_to_dataverse=Value(value == "yes"))
    if not coupled:
        return rows if value == "no" else rows.none()
    return rows.filter(coupled if value == "yes" else ~coupled)


class _Blocked:
    """The filter on a blocked field, be it a yes and no or a choice of what is blocked."""

    def __init__(self, field: LocalField) -> None:
        self.none: Any = False if field.type == "boolean" else ""

    def __call__(self, rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
        return rows.filter(blocked=self.none) if value == "no" else rows.exclude(blocked=self.none)


def _entries() -> Iterator[Entry]:
    yield Entry("Import", "records:import", also=("Import records", "Upload", "CSV", "Excel"), needs=Can.ADMINISTER)
    for table in catalog.tables():
        yield Entry(
            table.caption_plural,
            "records:list",
            also=OTHER_NAMES.get(table.name, ()),
            navigation=IN_NAVIGATION.get(table.name),
            arguments=(("table", table.name),),
        )


def find_ids(company: Company, text: str) -> list[UUID]:
    """Return the ids of the records of a number, else of those with a text in their name: at most one more than
    MOST_RECORDS.
    """
    if len(text) < 2:
        return []
    for condition in (_has_key, _has_name):
        parts = [
            table.records(company).order_by().filter(condition(table, text)).values_list("system_id")
            for table in catalog.tables()
        ]
        if found := list(parts[0].union(*parts[1:], all=True)[: MOST_RECORDS + 1]):
            return [row[0] for row in found]
    return []


def _has_key(table: LocalTable, text: str) -> Q:
    return Q(**{table.key: table.normal_key(text)})


def _has_name(table: LocalTable, text: str) -> Q:
    return Q(**{f"{table.title}__icontains": text})


def _find(request: HttpRequest, company: Company, text: str) -> Iterable[Found]:  # noqa: ARG001
    """Yield a few records whose number begins with the text or whose name contains it."""
    if len(text) < 2:
        return
    for table in catalog.tables():
        hits = table.records(company).filter(
            Q(**{f"{table.key}__istartswith": text}) | Q(**{f"{table.title}__icontains": text})
        )
        for row in table.only(hits, table.key, table.title)[:HITS_PER_TABLE]:
            key, title = str(getattr(row, table.key)), str(getattr(row, table.title))
            yield Found(title or key, card_url(company, table, row.system_id), table.caption_plural, key)
