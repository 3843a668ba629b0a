"""Mappings and couplings in the Django admin: to read, with the way to the pages where they are changed."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_site import ReadOnly
from coupling.models import Coupling, IntegrationTableMapping
from coupling.records.lists import card_url
from jobs.admin import LimitedPaginator
from masterdata import catalog
from masterdata.admin_scope import CompanyFilter, OfVisibleCompanies, SearchById
from ui.links import company_url

# The type is generic for the type checker alone.
if TYPE_CHECKING:
    _MappingAdmin = admin.ModelAdmin[IntegrationTableMapping]
    _CouplingAdmin = admin.ModelAdmin[Coupling]
else:
    _MappingAdmin = _CouplingAdmin = admin.ModelAdmin


@admin.register(IntegrationTableMapping)
class MappingAdmin(OfVisibleCompanies, ReadOnly, _MappingAdmin):
    """Integration table mappings."""

    list_display = ("name", "company", "table", "integration_table", "direction", "scheduled", "every_minutes")
    list_filter = (("company", CompanyFilter), "direction", "scheduled")
    list_select_related = ("company",)
    search_fields = ("name", "table", "integration_table")
    list_per_page = 50
    ordering = ("company", "position", "name")
    readonly_fields = ("page",)

    @admin.display(description="Page")
    def page(self, mapping: IntegrationTableMapping) -> SafeString:
        """Return the way to the mapping's card, where it is changed."""
        url = company_url("coupling:mapping", mapping.company, mapping=mapping.name)
        return format_html('<a href="{}">Open {}</a>', url, mapping.name)


@admin.register(Coupling)
class CouplingAdmin(SearchById, OfVisibleCompanies, ReadOnly, _CouplingAdmin):
    """Couplings, the newest first."""

    list_display = ("id", "company", "mapping", "local_id", "integration_id", "method", "created_at", "pending")
    list_filter = (("company", CompanyFilter), "method", "pending")
    list_select_related = ("company", "mapping")
    id_fields = ("local_id", "integration_id")
    search_help_text = "The ID of a record or of a Dataverse row"
    show_full_result_count = False
    paginator = LimitedPaginator
    list_per_page = 50
    ordering = ("-id",)
    readonly_fields = ("page",)

    @admin.display(description="Page")
    def page(self, coupling: Coupling) -> SafeString | str:
        """Return the way to the record's card, where it is uncoupled or coupled otherwise."""
        try:
            table = catalog.table(coupling.table)
        except LookupError:  # its app is gone
            return "-"
        return format_html('<a href="{}">Open the record</a>', card_url(coupling.company, table, coupling.local_id))
