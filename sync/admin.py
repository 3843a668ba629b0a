"""The Synchronization History in the Django admin: to read, with the way to the record's own history."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_site import ReadOnly
from jobs.admin import LimitedPaginator
from masterdata.admin_scope import CompanyFilter, OfVisibleCompanies, SearchById
from sync.models import SynchronizedValue
from ui.links import company_url

# The type is generic for the type checker alone.
if TYPE_CHECKING:
    _ValueAdmin = admin.ModelAdmin[SynchronizedValue]
else:
    _ValueAdmin = admin.ModelAdmin


@admin.register(SynchronizedValue)
class SynchronizedValueAdmin(SearchById, OfVisibleCompanies, ReadOnly, _ValueAdmin):
    """Fields that synchronization wrote, the newest first."""

    list_display = ("id", "at", "company", "field", "side", "before", "after", "job")
    list_filter = (("company", CompanyFilter), "side")
    list_select_related = ("company", "field", "job")
    id_fields = ("local_id",)
    search_help_text = "The ID of a record"
    show_full_result_count = False
    paginator = LimitedPaginator
    list_per_page = 50
    ordering = ("-id",)
    readonly_fields = ("page",)

    @admin.display(description="Page")
    def page(self, value: SynchronizedValue) -> SafeString:
        """Return the way to the company's history, narrowed to the job."""
        url = company_url("sync:history", value.company, query={"job": value.job_id})
        return format_html('<a href="{}">Open the history of job {}</a>', url, value.job_id)
