"""Master data in the admin: companies and records, with import (preview first) and export.

Another app's registered model gets the same by admin.site.register(Subscription, RecordAdmin).
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from import_export import fields, resources, widgets
from import_export.admin import ImportExportModelAdmin

from masterdata import catalog
from masterdata.forms import SeenForm
from masterdata.models import ChangedBy, Company, SynchronizedRecord
from masterdata.values import NULL_TEXTS

# The type is generic for the type checker alone.
if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Company]
else:
    _ModelAdmin = admin.ModelAdmin


_FORMULA = re.compile(r"[\t\r]*(?:[=@]|[+-](?![\d\s()./-]*$))|[\t\r]")
"""What a spreadsheet calculates; a number or phone number with its sign is none of it and stays as it is."""


def _marked(value: str) -> bool:
    """Whether an export marks the text: it would be calculated, or looks like one that is marked."""
    return _FORMULA.match(value.lstrip("'")) is not None


def _unmarked(value: str) -> str:
    """A text as it was before an export marked it."""
    return value[1:].strip() if value.startswith("'") and _marked(value) else value


class RecordResource(resources.ModelResource):  # type: ignore[misc]  # it has no types
    """Rows of a file as records: found by company and key, unchanged ones left alone."""

    company = fields.Field(column_name="company", attribute="company", widget=widgets.ForeignKeyWidget(Company, "name"))

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        """Read NULL as blank and leave out what surrounds a value, as the import command does."""
        for column, value in row.items():
            if isinstance(value, str):
                row[column] = "" if value.strip() in NULL_TEXTS else _unmarked(value.strip())
        super().before_import_row(row, **kwargs)

    def export_field(self, field: Any, instance: SynchronizedRecord, **kwargs: Any) -> Any:
        """The value as a file holds it: a text that a spreadsheet would take for a formula is marked as text."""
        value = super().export_field(field, instance, **kwargs)
        return f"'{value}" if isinstance(value, str) and _marked(value) else value

    def before_save_instance(self, instance: SynchronizedRecord, row: Any, **kwargs: Any) -> None:
        """Note who wrote the record last."""
        instance.changed_by = ChangedBy.IMPORT
        super().before_save_instance(instance, row, **kwargs)


@cache
def resource_of(model: type[SynchronizedRecord]) -> type[RecordResource]:
    """The resource of a registered model: its key and fields as the catalog knows them."""
    table = catalog.table_of(model)
    names = [field.name for field in table.fields]

    class Resource(RecordResource):
        class Meta:
            model = table.model
            fields = ["company", *names]
            import_order = fields
            export_order = fields
            import_id_fields = ("company", table.key)
            skip_unchanged = True
            report_skipped = True
            clean_model_instances = True

    return Resource


class RecordAdmin(ImportExportModelAdmin):  # type: ignore[misc]  # it has no types
    """A table of records."""

    form = SeenForm
    list_per_page = 50
    list_select_related = ("company",)
    readonly_fields = ("system_id", "created_at", "modified_at", "changed_by")

    def get_resource_classes(self, request: HttpRequest) -> list[type[RecordResource]]:  # noqa: ARG002
        """The table's resource, for import and export alike."""
        return [resource_of(self.model)]

    def get_list_display(self, request: HttpRequest) -> Sequence[str]:  # noqa: ARG002
        """The columns lists show by default."""
        return (*catalog.table_of(self.model).default_columns, "company", "modified_at")

    def get_list_filter(self, request: HttpRequest) -> Sequence[str]:  # noqa: ARG002
        """Company, and every choice and yes-or-no."""
        few = [f.name for f in catalog.table_of(self.model).fields if f.type in {"choice", "boolean"}]
        return ("company", *few, "changed_by")

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:  # noqa: ARG002
        """Key, title, and what else people look for."""
        table = catalog.table_of(self.model)
        known = {field.name for field in table.fields}
        return [table.key, table.title, *(name for name in ("city", "phone_no", "e_mail") if name in known)]

    def get_queryset(self, request: HttpRequest) -> "models.QuerySet[Any]":
        """In key order within each company."""
        table = catalog.table_of(self.model)
        return super().get_queryset(request).order_by("company__name", table.key)  # type: ignore[no-any-return]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Note that a person wrote it."""
        obj.changed_by = ChangedBy.PERSON
        super().save_model(request, obj, form, change)


@admin.register(Company)
class CompanyAdmin(_ModelAdmin):
    """Companies."""

    list_display = ("name", "currency_code", "country_code", "slug", "system_id")
    search_fields = ("name",)
    readonly_fields = ("system_id", "created_at")
    prepopulated_fields = {"slug": ("name",)}

    def has_delete_permission(self, request: HttpRequest, obj: Company | None = None) -> bool:  # noqa: ARG002
        """Never: everything of the company would go with it."""
        return False


for _table in list(catalog.tables()):
    if _table.model._meta.app_label == "masterdata":
        admin.site.register(_table.model, RecordAdmin)
