"""Master data in the admin: companies and records, with import (preview first) and export.

Another app's registered model gets the same by admin.site.register(Subscription, RecordAdmin).
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from import_export import fields, resources, widgets
from import_export.admin import ImportExportModelAdmin
from import_export.formats.base_formats import CSV, XLSX
from import_export.forms import SelectableFieldsExportForm

from masterdata import catalog
from masterdata.files.importing import UnknownColumns
from masterdata.files.reading import Unreadable
from masterdata.files.uploads import AnyFile, ConfirmForm, FileForm, PendingImport, format_of, import_waiting
from masterdata.files.values import NULL_TEXTS, BadValue, converter
from masterdata.forms import SeenForm
from masterdata.models import ChangedBy, Company, SynchronizedRecord

# The type is generic for the type checker alone.
if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Company]
else:
    _ModelAdmin = admin.ModelAdmin


_FORMULA = re.compile(r"[\t\r]*(?:[=@]|[+-](?![\d\s()./-]*$))|[\t\r]")
"""What a spreadsheet calculates; a number or phone number with its sign is none of it and stays as it is."""


_FEW = {"choice", "boolean"}
"""Types of fields whose values are few enough to choose from."""

_STYLED = re.compile(r'<(ins|del|span) style="[^"<>]*">')


def _marked(value: str) -> bool:
    """Return whether an export marks the text: it would be calculated, or looks like one that is marked."""
    return _FORMULA.match(value.lstrip("'")) is not None


def _unmarked(value: str) -> str:
    """Return a text as it was before an export marked it."""
    return value[1:].strip() if value.startswith("'") and _marked(value) else value


class Compared(resources.Diff):
    """What a row changes, told by <ins> and <del> alone: the pages' policy allows no styles inside of them."""

    def as_html(self) -> list[SafeString]:
        """Return each field before and after; the library has escaped what the fields hold."""
        return [mark_safe(_STYLED.sub(r"<\1>", told)) for told in super().as_html()]  # noqa: S308  # nosec B308 B703


class RecordResource(resources.ModelResource):
    """Rows of a file as records: found by company and key, unchanged ones left alone."""

    company = fields.Field(column_name="company", attribute="company", widget=widgets.ForeignKeyWidget(Company, "name"))

    def get_instance(self, instance_loader: Any, row: dict[str, Any]) -> Any:  # noqa: ARG002 - the library's
        """Return the record of a row, from what `before_import` read."""
        return self._known.get((str(row["company"]), str(row[catalog.table_of(self._meta.model).key])))

    def import_field(self, field: Any, instance: SynchronizedRecord, row: Any, **kwargs: Any) -> None:
        """Put a value of the row on the record; the company is known already."""
        if field.column_name == "company":
            instance.company = self._companies[str(row["company"])]
        else:
            super().import_field(field, instance, row, **kwargs)

    def validate_instance(
        self,
        instance: SynchronizedRecord,
        import_validation_errors: Any = None,
        validate_unique: bool = True,  # noqa: ARG002
    ) -> None:
        """Check the model's own rules, without asking the database once more for each row: the row was found by its
        key.
        """
        errors = dict(import_validation_errors or {})
        try:
            instance.full_clean(exclude=[*errors, "company"], validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def save_instance(self, instance: SynchronizedRecord, is_create: bool, row: Any, **kwargs: Any) -> None:
        """Save the record, unless this is a preview, which then has nothing to take back."""
        if not kwargs.get("dry_run"):
            super().save_instance(instance, is_create, row, **kwargs)

    def _existing(self, dataset: Any) -> dict[tuple[str, str], Any]:
        """Return the records that the file's rows are about, by company and key, in few queries."""
        table = catalog.table_of(self._meta.model)
        keys = [_unmarked(str(key).strip()) for key in dataset[table.key]]
        found: dict[tuple[str, str], Any] = {}
        for start in range(0, len(keys), 500):
            part = table.model._default_manager.filter(**{f"{table.key}__in": keys[start : start + 500]})
            for record in part.select_related("company"):
                found[record.company.name, getattr(record, table.key)] = record
        return found

    @classmethod
    def get_diff_class(cls) -> type[Compared]:
        """See Compared."""
        return Compared

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        """Begin a file: no record was met in it yet."""
        self._met: dict[tuple[str, str], int] = {}
        self._companies = {company.name: company for company in Company.objects.all()}
        self._known = self._existing(dataset)
        super().before_import(dataset, **kwargs)

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        """Read the row's texts as the import command does, and refuse a record that is in the file twice.

        Raises ValidationError with a cause and a fix for each column.
        """
        table = catalog.table_of(self._meta.model)
        wrong: dict[str, str] = {}
        for column, value in row.items():
            if isinstance(value, str):
                row[column] = "" if value.strip() in NULL_TEXTS else _unmarked(value.strip())
            if column == "company":
                continue
            try:
                row[column] = converter(table, table.field(column))(str(row[column] or ""))
            except BadValue as bad:
                wrong[column] = str(bad)
        here = (str(row.get("company", "")), str(row.get(table.key, "")))
        first = self._met.setdefault(here, kwargs.get("row_number", 0))
        if first != kwargs.get("row_number", 0):
            wrong.setdefault(table.key, f"{here[1]} is already in row {first}. Keep one of the two rows.")
        if here[0] not in self._companies:
            wrong["company"] = f"There is no company called {here[0]!r}."
        if wrong:
            raise ValidationError(wrong)
        super().before_import_row(row, **kwargs)

    def export_field(self, field: Any, instance: SynchronizedRecord, **kwargs: Any) -> Any:
        """Return the value as a file holds it: a text that a spreadsheet would take for a formula is marked as text."""
        value = super().export_field(field, instance, **kwargs)
        return f"'{value}" if isinstance(value, str) and _marked(value) else value

    def before_save_instance(self, instance: SynchronizedRecord, row: Any, **kwargs: Any) -> None:
        """Note who wrote the record last."""
        instance.changed_by = ChangedBy.IMPORT
        super().before_save_instance(instance, row, **kwargs)


@cache
def resource_of(model: type[SynchronizedRecord]) -> type[RecordResource]:
    """Return the resource of a registered model: its key and fields as the catalog knows them."""
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


class FieldsForm(SelectableFieldsExportForm):
    """What to export: the fields under the names that lists and forms show, as CSV unless another kind is chosen."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["format"].initial = "0"

    def _get_field_label(self, resource: type[RecordResource], field_name: str) -> str:
        if field_name == "company":
            return "Company"
        return catalog.table_of(resource._meta.model).field(field_name).caption


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


class RecordAdmin(ImportExportModelAdmin):
    """A table of records."""

    form = SeenForm
    import_form_class = FileForm
    export_form_class = FieldsForm
    confirm_form_class = ConfirmForm
    export_formats = (CSV, XLSX)
    list_per_page = 50
    list_select_related = ("company",)
    readonly_fields = ("system_id", "created_at", "modified_at", "changed_by")

    def get_resource_classes(self, request: HttpRequest) -> list[type[RecordResource]]:  # noqa: ARG002
        """Return the table's resource, for import and export alike."""
        return [resource_of(self.model)]

    def get_import_formats(self) -> list[type[AnyFile]]:
        """Return the one format, for CSV and workbooks alike."""
        return [format_of(self.model)]

    def get_tmp_storage_class(self) -> type[PendingImport]:
        """Return where a file waits to be confirmed."""
        return PendingImport

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        """Say in the file's own words why it cannot be read."""
        if isinstance(e, Unreadable | UnknownColumns):
            form.add_error("import_file", str(e))
        else:
            super().add_data_read_fail_error_to_form(form, e)

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Import what was confirmed, in bulk as the command does; once, however often the button is pressed."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = self.create_confirm_form(request)
        if not form.is_valid():
            answer: HttpResponseBase = super().process_import(request, **kwargs)
            return answer
        info = f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}"
        try:
            told = import_waiting(catalog.table_of(self.model), form.cleaned_data["import_file_name"], _unmarked)
        except (Unreadable, UnknownColumns) as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse(f"{info}_import"))
        LogEntry.objects.create(
            user_id=request.user.pk or 0, content_type=ContentType.objects.get_for_model(self.model),
            object_repr=form.cleaned_data["original_file_name"][:200], action_flag=CHANGE,
            change_message=f"Imported from a file: {told}",
        )  # fmt: skip
        messages.success(request, f"Import finished: {told}")
        return HttpResponseRedirect(reverse(f"{info}_changelist"))

    def get_list_display(self, request: HttpRequest) -> Sequence[str]:  # noqa: ARG002
        """Return the columns lists show by default."""
        return (*catalog.table_of(self.model).default_columns, "company", "modified_at")

    def get_list_filter(self, request: HttpRequest) -> Sequence[str | tuple[str, type[ChoiceFilter]]]:  # noqa: ARG002
        """Company, and every choice and yes-or-no."""
        fields = catalog.table_of(self.model).fields
        few = [(f.name, ChoiceFilter) if f.type == "choice" else f.name for f in fields if f.type in _FEW]
        return ("company", *few, "changed_by")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:  # noqa: ARG002
        """Return what is kept of a record by itself, once there is one."""
        return self.readonly_fields if obj else ()

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:  # noqa: ARG002
        """Key, title, and what else people look for."""
        table = catalog.table_of(self.model)
        known = {field.name for field in table.fields}
        return [table.key, table.title, *(name for name in ("city", "phone_no", "e_mail") if name in known)]

    def get_queryset(self, request: HttpRequest) -> "models.QuerySet[Any]":
        """Return the records in key order within each company."""
        table = catalog.table_of(self.model)
        rows: models.QuerySet[Any] = super().get_queryset(request)
        return rows.order_by("company__name", table.key)

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
