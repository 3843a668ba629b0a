"""Page Dataverse Option Mapping: which record stands for which choice of a column in Dataverse."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts import access
from connection_setup.connection.state import unavailable_text
from core.refusals import NotUsable, Refusal
from core.roles import Can, requires
from coupling import local_records
from coupling.gateway import Gateway
from coupling.matching.translation import choice_values
from coupling.models import IntegrationTableMapping, OptionMapping
from coupling.page_parts import (
    NOT_ENABLED,
    crumbs,
    error_notice,
    job_log_url,
    mapping_or_404,
    mapping_url,
    permission_reason,
)
from coupling.records import lists as records
from coupling.rows import DELETED_HERE
from dataverse.errors import DataverseError
from masterdata.catalog import LocalField
from masterdata.models import Company
from ui import listing, render
from ui.cells import time_ago
from ui.kit import Action, Cell, FastTab, Link, Notice, Page, Table, Tip
from ui.links import company_url

TITLE = "Dataverse Option Mapping"
_HELP = "mappings.md#options"
_TIP = Tip(
    "About option mappings",
    "Payment terms, shipment methods and shipping agents are rows here and choices of a column in Dataverse. Each line "
    "says which record stands for which choice; customers and vendors carry them both ways.",
)


def option_listing(company: Company, mapping: IntegrationTableMapping | None = None) -> listing.Listing:
    """Return the list of records coupled with choices: of one mapping, or of all of a company."""
    mappings = IntegrationTableMapping.objects.filter(company=company, uid_kind="option").select_related("company")
    known = {one.pk: one for one in mappings}
    rows = OptionMapping.objects.filter(mapping__in=list(known) if mapping is None else [mapping.pk])

    def decorate(shown: list[Any]) -> None:
        by_mapping: dict[int, list[Any]] = {}
        for row in shown:
            by_mapping.setdefault(row.mapping_id, []).append(row)
        for mapping_id, its in by_mapping.items():
            _name_records(known.get(mapping_id) or mapping, its)

    return listing.Listing(
        id="options" if mapping is not None else "all-options",
        caption="Option mappings",
        rows=rows.order_by("mapping__position", "value"),
        key="id",
        search=("caption__icontains",),
        decorate=decorate,
        filters=[]
        if mapping is not None
        else [
            listing.Filter(
                "mapping", "Mapping", lambda found, value: found.filter(mapping__name=value),
                choices=[(one.name, one.name) for one in known.values()],
            )
        ],
        columns=[
            *(
                []
                if mapping is not None
                else [
                    listing.Column(
                        "mapping", "Integration Table Mapping", lambda row: known[row.mapping_id].name,
                        sort="mapping__position",
                    )
                ]
            ),
            listing.Column("record", "Record", lambda row: row.record, wrap=True),
            listing.Column("value", "Option Value", lambda row: str(row.value), sort="value", numeric=True),
            listing.Column("caption", "Option Value Caption", "caption", sort="caption"),
            listing.Column(
                "synchronized", "Last synchronization", lambda row: time_ago(row.synchronized_at) or "Not yet"
            ),
        ],
        empty=Notice(
            "No record is coupled with a choice yet. Choose Match-Based Coupling, or run the full synchronization.",
            title="No option mappings yet",
        ),
    )  # fmt: skip


def _name_records(mapping: IntegrationTableMapping | None, rows: Sequence[Any]) -> None:
    """Give rows of one mapping their records as links."""
    if mapping is None:
        return
    try:
        table = local_records.get_table(mapping)
        names = local_records.read_named(mapping, [row.local_id for row in rows])
    except local_records.Unusable:
        for row in rows:
            row.record = mapping.table
        return
    for row in rows:
        gone = names[row.local_id] == DELETED_HERE
        row.record = names[row.local_id] if gone else Link(
            f"{table.caption} {names[row.local_id]}", records.card_url(mapping.company, table, row.local_id)
        )  # fmt: skip


@require_safe
@requires(Can.READ)
def all_options(request: HttpRequest, company: str) -> HttpResponse:
    """Show the option mappings of a company."""
    owner = access.company_or_404(request, company)
    page = Page(TITLE, crumbs=crumbs(owner), company=owner, help=_HELP, tip=_TIP, listing=option_listing(owner))
    return render.page(request, page)


@require_safe
@requires(Can.READ)
def options(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Show the option mappings of one mapping; of a mapping of rows, its choices mapped field by field."""
    owner = access.company_or_404(request, company)
    one = mapping_or_404(owner, mapping)
    if one.uid_kind != "option":
        return render.page(request, _field_by_field(owner, one))
    off = NOT_ENABLED if unavailable_text(owner) else ""
    operates = permission_reason(request, owner, Can.OPERATE)
    page = Page(
        TITLE,
        crumbs=crumbs(owner, one),
        company=owner,
        help=_HELP,
        tip=_TIP,
        actions=[
            Action("Match-Based Coupling", mapping_url("criteria", one), icon="couple", off=off),
            Action(
                "Delete Couplings", company_url("coupling:uncouple-mappings", owner, query={"id": one.pk}),
                icon="uncouple", off=off or operates, dialog=True,
            ),
            Action("Integration Coupling Job Log", job_log_url(owner, type="coupling", mapping=one.name), icon="job"),
        ],
        listing=option_listing(owner, one),
    )  # fmt: skip
    return render.page(request, page)


def _field_by_field(owner: Company, mapping: IntegrationTableMapping) -> Page:
    """Return the page of a mapping of rows: what each choice of its fields is in Dataverse."""
    notices: list[Notice] = []
    lines: list[tuple[Cell, ...]] = []
    empty = f"No enabled field of {mapping.name} maps choices here to choices in Dataverse."
    if fields := _choice_fields(mapping):
        try:
            if off := unavailable_text(owner):
                raise NotUsable(off)
            lines = _choice_lines(mapping, fields)
        except (Refusal, DataverseError) as error:
            notices.append(error_notice(error))
            empty = "Dataverse cannot be asked for its choices now."
    header = ("Record", "Option Value", "Option Value Caption")
    table = Table("Choices mapped field by field", header, lines, empty=empty)
    tab = FastTab("choices", "Choices mapped field by field", table=table)
    return Page(
        TITLE, crumbs=crumbs(owner, mapping), company=owner, help=_HELP, tip=_TIP, notices=notices, fast_tabs=[tab]
    )


def _choice_fields(mapping: IntegrationTableMapping) -> list[tuple[LocalField, str]]:
    """Return the enabled fields with choices of their own, and the columns they are mapped to."""
    try:
        known = {field.name: field for field in local_records.get_table(mapping).fields}
    except local_records.Unusable:
        return []
    rows = mapping.fields.filter(enabled=True, field__in=known).exclude(integration_field="")
    return [(known[row.field], row.integration_field) for row in rows if known[row.field].choices]


def _choice_lines(mapping: IntegrationTableMapping, fields: Sequence[tuple[LocalField, str]]) -> list[tuple[Cell, ...]]:
    """Return a line for each choice of the fields that map choices. Raises Refusal, DataverseError."""
    columns = Gateway(mapping.company).table(mapping).columns
    lines: list[tuple[Cell, ...]] = []
    for local, name in fields:
        column = columns.get(name)
        if column is None or not column.choices:
            continue
        found = choice_values(local, column)
        for key, label in local.choices:
            if key:
                value = found.get(key)
                caption = column.choices.get(value, "") if value is not None else "No choice is called like it"
                lines.append((f"{local.caption}: {label}", "" if value is None else str(value), caption))
    return lines
