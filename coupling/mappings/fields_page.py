"""Page Integration Field Mapping List: the field mappings, which can be switched on and off."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from core.refusals import NotUsable
from core.roles import Can, requires
from coupling.mappings import services
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.page_parts import crumbs, field_captions, mapping_or_404, mapping_url, permission_reason, show_error
from masterdata.models import Company
from ui import listing, render
from ui.kit import Action, Cell, Page, Status
from ui.links import company_url


def field_listing(company: Company, mapping: IntegrationTableMapping | None = None) -> listing.Listing:
    """Return the list of the field mappings of one mapping, or of all of a company."""
    rows: QuerySet[Any] = IntegrationFieldMapping.objects.filter(mapping__company=company).select_related("mapping")
    by_mapping: list[listing.Column] = []
    narrowing: list[listing.Filter] = []
    if mapping is not None:
        rows = rows.filter(mapping=mapping)
    else:
        names = IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True)
        by_mapping = [
            listing.Column("mapping", "Integration Table Mapping", lambda row: row.mapping.name, sort="mapping__name")
        ]
        narrowing = [
            listing.Filter(
                "mapping", "Mapping", lambda rows, value: rows.filter(mapping__name=value),
                choices=[(name, name) for name in names],
            )
        ]  # fmt: skip
    known: dict[int, Any] = {}

    def caption(row: Any) -> str:
        if row.mapping_id not in known:
            known[row.mapping_id] = field_captions(row.mapping)
        return known[row.mapping_id].get(row.field, row.field) or "(constant)"

    return listing.Listing(
        id="fields" if mapping is not None else "all-fields",
        caption="Field mappings",
        rows=rows.order_by("mapping__position", "position", "id"),
        key="id",
        selectable=mapping is not None,
        row_label=caption,
        search=("field__icontains", "integration_field__icontains"),
        filters=[
            *narrowing,
            listing.Filter(
                "status", "Status", lambda rows, value: rows.filter(enabled=value == "enabled"),
                choices=[("enabled", "Enabled"), ("disabled", "Disabled")],
            ),
        ],
        columns=[
            *by_mapping,
            listing.Column("field", "Field Name", caption, sort="field"),
            listing.Column(
                "integration_field", "Integration Field Name", "integration_field", sort="integration_field"
            ),
            listing.Column("status", "Status", _status, sort="enabled"),
            listing.Column("direction", "Direction", lambda row: row.get_direction_display(), sort="direction"),
            listing.Column("constant", "Constant Value", "constant"),
            listing.Column("reason", "Why it is off", "disabled_reason", wrap=True),
            listing.Column("field_no", "Field No.", "field", default=False),
            listing.Column("validate", "Validate Field", "validate_field", default=False),
            listing.Column("clear", "Clear Value on Failed Sync", "clear_on_failed", default=False),
            listing.Column("not_null", "Not Null", "not_null", default=False),
            listing.Column("match", "Match on this Field", "use_for_match", default=False),
        ],
        empty="No field of this mapping fits. Clear the filters to see all.",
    )  # fmt: skip


def _status(row: Any) -> Cell:
    return Status("Enabled", "ok") if row.enabled else Status("Disabled")


@require_safe
@requires(Can.READ)
def all_fields(request: HttpRequest, company: str) -> HttpResponse:
    """Show the field mappings of all mappings."""
    owner = access.company_or_404(request, company)
    page = Page(
        "Integration Field Mapping List",
        crumbs=crumbs(owner),
        company=owner,
        help="mappings.md",
        listing=field_listing(owner),
    )
    return render.page(request, page)


@require_safe
@requires(Can.READ)
def fields(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Show the field mappings of one mapping."""
    owner = access.company_or_404(request, company)
    one = mapping_or_404(owner, mapping)

    def act(label: str, to: str, icon: str) -> Action:
        url = company_url("coupling:switch-fields", owner, mapping=one.name, to=to)
        return Action(label, url, "post", icon, selection=True, off=permission_reason(request, owner, Can.MAP))

    page = Page(
        "Integration Field Mapping List",
        crumbs=crumbs(owner, one),
        company=owner,
        help="mappings.md",
        actions=[
            act("Enable", "on", "check"),
            act("Disable", "off", "cancel"),
            Action("Select Coupling Criteria", mapping_url("criteria", one), icon="couple"),
        ],
        listing=field_listing(owner, one),
    )
    return render.page(request, page)


@require_POST
@requires(Can.MAP)
def switch_fields(request: HttpRequest, company: str, mapping: str, to: str) -> HttpResponse:
    """Switch the selected field mappings on or off."""
    owner = access.company_or_404(request, company)
    one = mapping_or_404(owner, mapping)
    back = mapping_url("fields", one)
    chosen = listing.selected(request, field_listing(owner, one))
    if to not in ("on", "off"):
        raise Http404("A field mapping is switched on or off.")
    if not chosen:
        return listing.nothing_selected(request, back)
    try:
        changed = services.switch_fields(mapping=one, fields=list(chosen.rows), enabled=to == "on")
    except NotUsable as error:
        show_error(request, error)
    else:
        messages.success(request, f"{changed} field mappings are {'enabled' if to == 'on' else 'disabled'}.")
    return HttpResponseRedirect(back)
