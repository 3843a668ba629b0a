"""Page Couplings That a Filter Moves: all that would leave a mapping, or take part again, by another filter."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from accounts import access
from core.roles import Can, requires
from coupling import local_records
from coupling.filters import BadFilter
from coupling.filters.json_text import read_json
from coupling.gateway import PAGE_SIZE, Gateway
from coupling.mappings import edit, filter_counts
from coupling.mappings.filter_counts import ENTERING, INTEGRATION, LEAVING, MAX_PAGES, TABLE
from coupling.models import Coupling, IntegrationTableMapping
from coupling.page_parts import EXPLAINED, crumbs, mapping_or_404, mapping_url
from coupling.records.lists import card_url
from coupling.rows import DELETED_HERE
from ui import listing, render
from ui.cells import time_ago
from ui.kit import Link, Notice, Page
from ui.links import company_url

TITLE = "Couplings That a Filter Moves"
LONGEST_ADDRESS = 3_000
"""Characters of a filter in an address: servers refuse longer lines."""
_HOW = {LEAVING: "would leave: they stay coupled, and runs leave them out", ENTERING: "would take part again"}
_SIDES = {TABLE: "Table Filter", INTEGRATION: "Integration Table Filter"}


def moved_url(mapping: IntegrationTableMapping, side: str, how: str, stored: Any) -> str:
    """Return the address of the couplings that a filter moves; "" for a filter that no address has room for."""
    tree = urlsafe_b64encode(msgspec.json.encode(stored)).decode().rstrip("=")
    if len(tree) > LONGEST_ADDRESS:
        return ""
    return company_url("coupling:moved", mapping.company, mapping=mapping.name, side=side, how=how, tree=tree)


@require_safe
@requires(Can.MAP)
def moved(request: HttpRequest, company: str, mapping: str, side: str, how: str, tree: str) -> HttpResponse:
    """Show the couplings that a filter would move, page by page."""
    owner = access.company_or_404(request, company)
    one = mapping_or_404(owner, mapping)
    if side not in _SIDES or how not in _HOW:
        raise Http404("There is no such list of couplings.")
    try:
        stored = read_json(_text(tree))
        rows, at_least = _rows(one, side, how, stored)
    except EXPLAINED as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(mapping_url("mapping", one))
    more = Notice(
        f"Dataverse was asked for the first {MAX_PAGES * PAGE_SIZE:,} rows outside each filter, so there may be more.",
        "warn",
    )
    page = Page(
        TITLE,
        crumbs=crumbs(owner, one),
        company=owner,
        help="mappings.md#filters",
        notices=[
            Notice(f"By the {_SIDES[side]} that is being built, these couplings of {one.name} {_HOW[how]}."),
            *([more] if at_least else []),
        ],
        listing=_listing(one, rows),
    )
    return render.page(request, page)


def _text(tree: str) -> str:
    try:
        return urlsafe_b64decode(tree + "=" * (-len(tree) % 4)).decode()
    except ValueError:
        raise BadFilter("The address names no filter that can be read.") from None


def _rows(mapping: IntegrationTableMapping, side: str, how: str, stored: Any) -> tuple[Any, bool]:
    """Return the couplings, and whether there may be more. Raises NotUsable, DataverseError."""
    if side == TABLE:
        changed = filter_counts.with_filter(mapping, "table_filter", edit.check_table_filter(mapping, stored))
        return filter_counts.moved_by_records(mapping, local_records.table_filter_q(changed))[how], False
    gateway = Gateway(mapping.company)
    checked = edit.check_integration_filter(mapping, stored, gateway.table(mapping).columns)
    changed = filter_counts.with_filter(mapping, "integration_filter", checked)
    found, at_least = filter_counts.moved_by_rows(mapping, changed, gateway)
    return Coupling.objects.filter(mapping=mapping, local_id__in=found[how]), at_least


def _listing(mapping: IntegrationTableMapping, rows: Any) -> listing.Listing:
    def decorate(shown: list[Any]) -> None:
        table = local_records.get_table(mapping)
        names = local_records.read_named(mapping, [row.local_id for row in shown])
        for row in shown:
            name = names[row.local_id]
            row.record = name if name == DELETED_HERE else Link(name, card_url(mapping.company, table, row.local_id))

    return listing.Listing(
        id="moved",
        caption="Couplings",
        rows=rows.select_related("base").order_by("pk"),
        key="id",
        decorate=decorate,
        columns=[
            listing.Column("record", "Record", lambda row: row.record, wrap=True),
            listing.Column("row", "Dataverse Row", lambda row: str(row.integration_id)),
            listing.Column(
                "synchronized", "Last synchronization", lambda row: time_ago(row.synchronized_at) or "Not yet"
            ),
        ],
        empty=Notice("No coupling is moved by the filter.", title="Nothing moves"),
    )
