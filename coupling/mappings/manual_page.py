"""Page Manual Integration Table Mappings: the mappings that people made, beside those made by default."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts import access
from core.roles import Can, requires
from coupling.mappings.guide.services import current_draft
from coupling.mappings.list_page import table_cell
from coupling.models import IntegrationTableMapping
from coupling.page_parts import crumbs, mapping_url, permission_reason
from masterdata.models import Company
from ui import listing, render
from ui.cells import time_ago
from ui.kit import Action, Link, Notice, Page, Tip
from ui.links import company_url

TITLE = "Manual Integration Table Mappings"
_TIP = Tip(
    "About mappings of your own",
    "Each of these was made in the guide New Table Mapping or by command. They are used like all others; "
    "Use Default Synchronization Setup leaves them as they are, since nothing says what their default would be.",
)


def manual_listing(company: Company, new: Action) -> listing.Listing:
    """Return the list of the mappings that people made."""
    rows: Any = IntegrationTableMapping.objects.filter(company=company, user_defined=True)
    return listing.Listing(
        id="manual-mappings",
        caption="Mappings",
        rows=rows.select_related("company").prefetch_related("fields"),
        key="id",
        row_url=lambda row: mapping_url("mapping", row),
        search=("name__icontains", "integration_table__icontains", "table__icontains"),
        columns=[
            listing.Column("name", "Name", "name", sort="name"),
            listing.Column("table", "Table", table_cell),
            listing.Column("direction", "Direction", lambda row: row.get_direction_display(), sort="direction"),
            listing.Column("integration_table", "Integration Table", "integration_table", sort="integration_table"),
            listing.Column("uid", "Integration Table Unique Identifier Field Name", "uid_column"),
            listing.Column("modified_on", "Integration Table Modified On Field Name", "modified_on_column"),
            listing.Column(
                "fields", "Fields",
                lambda row: Link(f"{len(row.fields.all())}", mapping_url("fields", row)), numeric=True,
            ),
            listing.Column("only_coupled", "Sync Only Coupled Records", "synch_only_coupled"),
        ],
        empty=Notice(
            "Map a table of your own, or one that has no mapping yet.", title="No mapping was made by hand",
            actions=[new],
        ),
    )  # fmt: skip


@require_safe
@requires(Can.READ)
def manual_mappings(request: HttpRequest, company: str) -> HttpResponse:
    """Show the mappings that people made, and what the person has not finished."""
    owner = access.company_or_404(request, company)
    off = permission_reason(request, owner, Can.MAP)
    new = Action("New Table Mapping", company_url("coupling:new-mapping", owner), icon="add", off=off)
    page = Page(
        TITLE,
        crumbs=crumbs(owner),
        company=owner,
        tip=_TIP,
        help="mappings.md#new",
        notices=[] if off else _unfinished(request, owner),
        actions=[new],
        listing=manual_listing(owner, new),
    )
    return render.page(request, page)


def _unfinished(request: HttpRequest, company: Company) -> list[Notice]:
    draft = current_draft(company, request.user)
    if not draft.answers:
        return []
    go_on = Action("Continue", company_url("coupling:new-mapping", company))
    return [
        Notice(f"Your answers of {time_ago(draft.changed_at)} are kept.", "warn", f"{draft} is not made yet", [go_on])
    ]
