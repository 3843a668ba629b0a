"""Page Integration Field Mapping List: the field mappings, each with a page of its own; actions on several at once."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from core.refusals import NotUsable
from core.roles import Can, requires
from coupling.mappings import column_looks, drift_page, services
from coupling.mappings.column_looks import Drift
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.page_parts import crumbs, field_captions, mapping_or_404, mapping_url, permission_reason, show_error
from coupling.rows import field_key
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
    drifts: dict[int, Drift] = {}

    def decorate(rows: list[Any]) -> None:
        drifts.update(column_looks.read_all(company) if rows else {})

    def why(row: Any) -> str:
        if row.disabled_reason or not row.enabled or row.mapping_id not in drifts:
            return str(row.disabled_reason)
        return drift_page.why_stopped(drifts[row.mapping_id], field_key(row.field, row.integration_field))

    def status(row: Any) -> Cell:
        drift = drifts.get(row.mapping_id)
        if drift is not None and row.enabled and field_key(row.field, row.integration_field) in drift.stopped:
            return Status("Stopped", "bad")
        return Status("Enabled", "ok") if row.enabled else Status("Disabled")

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
        decorate=decorate,
        row_url=lambda row: company_url("coupling:field", company, mapping=row.mapping.name, field=row.pk),
        search=("field__icontains", "integration_field__icontains"),
        filters=[
            *narrowing,
            listing.Filter(
                "status", "Status", lambda rows, value: rows.filter(enabled=value == "enabled"),
                choices=[("enabled", "Enabled"), ("disabled", "Disabled")],
            ),
        ],
        columns=[
            listing.Column("field", "Field Name", caption, sort="field"),
            *by_mapping,
            listing.Column(
                "integration_field", "Integration Field Name",
                lambda row: row.integration_field or "(constant)", sort="integration_field",
            ),
            listing.Column("status", "Status", status, sort="enabled"),
            listing.Column("direction", "Direction", lambda row: row.get_direction_display(), sort="direction"),
            listing.Column("constant", "Constant Value", "constant"),
            listing.Column("rules", "Transformation Rules", lambda row: ", ".join(row.rules), wrap=True),
            listing.Column(
                "transformation_direction", "Transformation Direction",
                lambda row: row.get_transformation_direction_display() if row.rules else "", default=False,
            ),
            listing.Column(
                "blanks", "Blank values", lambda row: row.get_blanks_display() if row.blanks else "", default=False
            ),
            listing.Column(
                "update_conflict", "Resolve Update Conflicts", lambda row: row.get_update_conflict_display(),
                default=False,
            ),
            listing.Column("reason", "Why it is off", why, wrap=True),
            listing.Column("field_no", "Field No.", "field", default=False),
            listing.Column("validate", "Validate Field", "validate_field", default=False),
            listing.Column(
                "validate_integration", "Validate Integration Table Fld", "validate_integration_field", default=False
            ),
            listing.Column("clear", "Clear Value on Failed Sync", "clear_on_failed", default=False),
            listing.Column("not_null", "Not Null", "not_null", default=False),
            listing.Column("match", "Match on this Field", "use_for_match", default=False),
            listing.Column("user_defined", "User Defined", "user_defined", default=False),
        ],
        empty="No field of this mapping fits. Clear the filters to see all.",
    )  # fmt: skip


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

    off = permission_reason(request, owner, Can.MAP)

    def act(label: str, url: str, icon: str) -> Action:
        return Action(label, url, "post", icon, selection=True, off=off)

    def switch(to: str) -> str:
        return company_url("coupling:switch-fields", owner, mapping=one.name, to=to)

    page = Page(
        "Integration Field Mapping List",
        crumbs=crumbs(owner, one),
        company=owner,
        help="mappings.md#fields",
        notices=drift_page.notice(column_looks.loaded(one), off=off),
        actions=[
            Action("New Field Mapping", mapping_url("new-field", one), icon="add", off=off),
            act("Enable", switch("on"), "check"),
            act("Disable", switch("off"), "cancel"),
            act("Change Selected", mapping_url("change-fields", one), "edit"),
            act("Remove Selected", mapping_url("remove-fields", one), "delete"),
            Action("Reset Transformation Rules", mapping_url("reset-rules", one), icon="reset", off=off, dialog=True),
            Action("Look-up Tables", company_url("coupling:look-up-tables", owner), icon="table"),
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
