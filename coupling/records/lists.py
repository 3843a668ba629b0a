"""Record lists as data: columns, filters, what is coupled, the Related menu. The pages are in coupling.record_pages.

A view that acts on selected records asks `selected(request, company, table)`; the list's form posts to it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest
from django.urls import NoReverseMatch, reverse

from connection_setup.connection.state import unavailable_reason
from core.roles import Can, may
from coupling import listed
from coupling.models import Coupling, IntegrationTableMapping, OptionMapping
from masterdata import catalog
from masterdata.catalog import LocalField, LocalTable
from masterdata.models import Company
from ui import listing, paging
from ui.kit import Action, Cell, Menu, Notice, Status
from ui.links import company_url
from ui.registry import Entry, Found, find_records, tell_me_source

SEARCHED = ("city", "phone_no", "e_mail", "company_name")
IN_NAVIGATION = {"customer": 40}
OTHER_NAMES = {"salesperson": ("Salespersons", "Purchasers"), "unit_of_measure": ("UOM",)}
HITS_PER_TABLE = 4


def register() -> None:
    """Tell Me finds the lists and the records."""
    tell_me_source(_entries)
    find_records(_find)


def table_or_404(name: str) -> LocalTable:
    """The table of that name. Raises Http404 with a sentence."""
    try:
        return catalog.table(name)
    except LookupError as error:
        raise Http404(str(error)) from None


def list_url(company: Company, table: LocalTable, query: str = "") -> str:
    """The list page of a table."""
    url = company_url("records:list", company, table=table.name)
    return f"{url}?{query}" if query else url


def card_url(company: Company, table: LocalTable, system_id: UUID) -> str:
    """The card page of a record."""
    return company_url("records:card", company, table=table.name, system_id=system_id)


def mappings_of(company: Company, table: LocalTable) -> "list[IntegrationTableMapping]":
    """The mappings of a table, the first one first; most tables have one."""
    return list(IntegrationTableMapping.objects.filter(company=company, table=table.name))


def listing_of(
    company: Company, table: LocalTable, mappings: "Sequence[IntegrationTableMapping] | None" = None
) -> listing.Listing:
    """The list of a table's records, as its page and every view that acts on a selection see it.

    mappings: the table's, where the caller has them at hand already.
    """
    searched = [name for name in SEARCHED if any(field.name == name for field in table.fields)]
    filters = [
        listing.Filter(
            "coupled", "Coupled to Dataverse", lambda rows, value: _coupled(rows, company, value, mappings), kind="bool"
        )
    ]
    if (blocked := next((field for field in table.fields if field.name == "blocked"), None)) is not None:
        filters.append(listing.Filter("blocked", "Blocked", _Blocked(blocked), kind="bool"))
    shown = [*table.default_columns, *(field.name for field in table.fields if field.name not in table.default_columns)]
    columns = [_column(table.field(name), default=name in table.default_columns) for name in shown]
    place = len(table.default_columns)
    columns[place:place] = [listing.Column("coupled", "Coupled to Dataverse", _coupled_cell)]
    return listing.Listing(
        id=f"records-{table.name}",
        caption=table.caption_plural,
        rows=table.records(company),
        columns=columns,
        filters=filters,
        search=[f"{name}__icontains" for name in (table.key, table.title, *searched)],
        selectable=True,
        row_url=lambda row: card_url(company, table, row.system_id),
        through=lambda given, sort: _through(company, table, given, sort),
        row_label=lambda row: f"{getattr(row, table.key)} {getattr(row, table.title)}".strip(),
        decorate=lambda rows: mark_coupled(rows, company, table),
        search_label=f"Search {table.caption_plural.lower()}",
        empty=Notice(
            f"{company.name} has no {table.caption_plural.lower()} yet. Import some, or add the first.",
            title="Nothing here yet",
        ),
    )


def selected(request: HttpRequest, company: Company, table: LocalTable) -> listing.Selection:
    """The records that a list page's form selects: ticked ones, or all that match its filters; count 0 for none."""
    return listing.selected(request, listing_of(company, table))


def mark_coupled(rows: Sequence[Any], company: Company, table: LocalTable) -> None:
    """Set `coupled_to_dataverse` on each row: paired with a row, or with a choice of a column. One query."""
    ids = [row.system_id for row in rows]
    pairs = Coupling.objects.filter(company=company, table=table.name, local_id__in=ids)
    options = OptionMapping.objects.filter(company=company, mapping__table=table.name, local_id__in=ids)
    found = set(pairs.values_list("local_id", flat=True).union(options.values_list("local_id", flat=True)))
    for row in rows:
        row.coupled_to_dataverse = row.system_id in found


def dataverse_menu(
    request: HttpRequest,
    company: Company,
    table: LocalTable,
    *,
    record: Any = None,
    mappings: "Sequence[IntegrationTableMapping] | None" = None,
) -> Menu:
    """Related > Dataverse > Coupling, for the selected rows of a list or for one record.

    Off with the reason while the connection is not enabled; an action is off where the role does not allow it.
    """
    mappings = mappings_of(company, table) if mappings is None else mappings
    off = unavailable_reason(company)
    if not off and not mappings:
        off = f"No integration table mapping for {table.caption_plural} yet."
    denied = "" if may(request.user, Can.OPERATE) else "Your role may look, not change."
    values = {"selected": str(record.system_id)} if record is not None else {}

    def act(label: str, name: str, icon: str, note: str = "") -> list[Action]:
        url = _address(name, company, table)
        if not url:
            return []
        return [
            Action(label, url, "post", icon, selection=record is None, off=denied, note=note, values=values)
        ]  # fmt: skip

    jobs = company_url("jobs:list", company) if mappings else ""
    mapping = mappings[0].name if mappings else ""
    coupling = Menu(
        "Coupling",
        [
            *act("Match-Based Coupling", "coupling:criteria-selection", "couple"),
            *act("Set Up Coupling", "coupling:set-up-coupling", "edit"),
            *act("Delete Coupling", "coupling:uncouple-selection", "uncouple"),
            Action("Integration Coupling Job Log", f"{jobs}?type=coupling&mapping={mapping}", icon="job"),
        ],
        icon="couple",
    )
    return Menu(
        "Related",
        [
            Menu(
                "Dataverse",
                [
                    *act("Synchronize Now", "sync:synchronize-selection", "sync"),
                    coupling,
                    Action("Synchronization Log", f"{jobs}?type=synchronization&mapping={mapping}", icon="list"),
                ],
                icon="dataverse",
                off=off,
            )
        ],
        icon="list",
    )


def _address(name: str, company: Company, table: LocalTable) -> str:
    """Where an action on a table's records is, "" where its room does not offer it."""
    try:
        return reverse(name, kwargs={"company": company.slug, "table": table.name})
    except NoReverseMatch:
        return ""


def _column(field: LocalField, *, default: bool) -> listing.Column:
    return listing.Column(
        field.name, field.caption, sort=field.name, numeric=field.type in {"number", "integer"}, default=default
    )


def _coupled_cell(row: Any) -> Cell:
    return Status("Yes", "ok") if row.coupled_to_dataverse else Status("No")


def _coupled(
    rows: "QuerySet[Any]", company: Company, value: str, mappings: "Sequence[IntegrationTableMapping] | None"
) -> "QuerySet[Any]":
    """The rows that are, or are not, coupled."""
    name = catalog.table_of(rows.model).name
    coupled = Q(Exists(Coupling.objects.filter(company=company, table=name, local_id=OuterRef("system_id"))))
    known = mappings_of(company, catalog.table(name)) if mappings is None else mappings
    if any(mapping.uid_kind == "option" for mapping in known):
        coupled |= Q(Exists(OptionMapping.objects.filter(company=company, local_id=OuterRef("system_id"))))
    return rows.filter(coupled if value == "yes" else ~coupled)


def _through(company: Company, table: LocalTable, given: Mapping[str, str], sort: str) -> "paging.Through | None":
    """Where nothing but being coupled narrows the list, and it is in key order, its index is another table's."""
    if set(given) != {"coupled"} or sort not in {"", table.key}:
        return None
    return listed.through(company, table, coupled=given["coupled"] == "yes")


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


def _find(request: HttpRequest, company: Company, text: str) -> Iterable[Found]:  # noqa: ARG001
    """A few records whose number begins with the text or whose name holds it."""
    if len(text) < 2:
        return
    for table in catalog.tables():
        hits = table.records(company).filter(
            Q(**{f"{table.key}__istartswith": text}) | Q(**{f"{table.title}__icontains": text})
        )
        for row in hits.only("system_id", table.key, table.title)[:HITS_PER_TABLE]:
            key, title = str(getattr(row, table.key)), str(getattr(row, table.title))
            yield Found(title or key, card_url(company, table, row.system_id), table.caption_plural, key)
