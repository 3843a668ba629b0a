"""Master data in the admin: companies and records. Import and export are on the lists of records.

Another app's registered model gets the same by admin.site.register(Subscription, RecordAdmin).
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from core.roles import Can, may
from masterdata import catalog
from masterdata.admin_scope import OfVisibleCompanies
from masterdata.forms import SeenForm
from masterdata.models import ChangedBy, Company, SynchronizedRecord
from masterdata.visible_companies import administered_companies

# The type is generic for the type checker alone.
if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Company]
    _RecordAdmin = admin.ModelAdmin[SynchronizedRecord]
else:
    _ModelAdmin = _RecordAdmin = admin.ModelAdmin


_FEW = {"choice", "boolean"}
"""Types of fields whose values are few enough to choose from."""


class ChoiceFilter(admin.ChoicesFieldListFilter):
    """Every choice, and the records without one: they hold a blank text, not the null that is looked for otherwise."""

    def queryset(self, request: HttpRequest, queryset: "models.QuerySet[Any]") -> "models.QuerySet[Any] | None":
        """Return the records of the choice."""
        if self.lookup_val_isnull:
            return queryset.filter(self._blank())
        return super().queryset(request, queryset)

    def get_facet_counts(self, pk_attname: str, filtered_qs: "models.QuerySet[Any]") -> dict[str, Any]:
        """Return how many records each choice has."""
        counts = super().get_facet_counts(pk_attname, filtered_qs)
        for position, (value, _) in enumerate(self.field.flatchoices):
            if value is None:
                counts[f"{position}__c"] = models.Count(pk_attname, filter=self._blank())
        return counts

    def _blank(self) -> models.Q:
        return models.Q(**{self.field_path: ""})


class RecordAdmin(OfVisibleCompanies, _RecordAdmin):
    """A table of records."""

    form = SeenForm
    list_per_page = 50
    list_select_related = ("company",)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:  # noqa: ARG002
        """Return the columns lists show by default, and whose the record is and when it was changed."""
        table = catalog.table_of(self.model)
        if table.columns is None:
            return (*table.default_columns, "company", "modified_at")
        return (*table.default_columns, *filter(None, (table.columns.company, table.columns.modified)))

    def get_list_select_related(self, request: HttpRequest) -> Any:
        """Read the companies along, where they are rows."""
        columns = catalog.table_of(self.model).columns
        return super().get_list_select_related(request) if columns is None else False

    def get_list_filter(self, request: HttpRequest) -> tuple[Any, ...]:  # noqa: ARG002
        """Company, and every choice and yes-or-no."""
        table = catalog.table_of(self.model)
        few = [(f.name, ChoiceFilter) if f.type == "choice" else f.name for f in table.fields if f.type in _FEW]
        if table.columns is not None:
            return tuple(few)
        return (("company", admin.RelatedOnlyFieldListFilter), *few, "changed_by")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002
        """Return what is kept of a record by itself, once there is one."""
        if obj is None or catalog.table_of(self.model).columns is not None:
            return ()
        return ("system_id", "created_at", "modified_at", "changed_by")

    def get_search_fields(self, request: HttpRequest) -> list[str]:  # noqa: ARG002
        """Key, title, and what else people look for."""
        table = catalog.table_of(self.model)
        known = {field.name for field in table.fields}
        return [table.key, table.title, *(name for name in ("city", "phone_no", "e_mail") if name in known)]

    def get_queryset(self, request: HttpRequest) -> "models.QuerySet[Any]":
        """Return the records in key order within each company."""
        table = catalog.table_of(self.model)
        if table.columns is None:
            rows: models.QuerySet[Any] = super().get_queryset(request)
            return rows.order_by("company__name", table.key)
        rows = table.everywhere().order_by(*filter(None, (table.columns.company, table.key)))
        if may(request.user, Can.ADMINISTER_ALL):
            return rows
        conditions = map(table.columns.condition, administered_companies(request.user))
        own = [models.Q(**one) for one in conditions if one is not None]
        return rows.filter(reduce(or_, own)) if own else rows.none()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Note that a person wrote it."""
        obj.changed_by = ChangedBy.PERSON
        super().save_model(request, obj, form, change)


@admin.register(Company)
class CompanyAdmin(OfVisibleCompanies, _ModelAdmin):
    """Companies."""

    company_lookup = "pk"

    list_display = ("name", "currency_code", "country_code", "slug", "system_id")
    search_fields = ("name",)
    readonly_fields = ("system_id", "created_at")
    prepopulated_fields = {"slug": ("name",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the person administers all companies: a new one is none of those that others administer."""
        return may(request.user, Can.ADMINISTER_ALL) and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Company | None = None) -> bool:  # noqa: ARG002
        """Never: everything of the company would go with it."""
        return False


for _table in list(catalog.tables()):
    if _table.model._meta.app_label == "masterdata":
        admin.site.register(_table.model, RecordAdmin)
