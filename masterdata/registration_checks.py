"""What a model needs so that it can be registered, told in sentences when the application starts."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models

from masterdata.models import Company, SynchronizedRecord
from masterdata.named_columns import NamedColumns

TYPES: dict[type[Any], str] = {
    models.DecimalField: "number", models.FloatField: "number", models.BooleanField: "boolean",
    models.DateTimeField: "datetime", models.DateField: "date", models.IntegerField: "integer",
    models.CharField: "text", models.TextField: "text",
}  # fmt: skip
"""Types of columns that can be synchronized, the narrower first, and what kind of value they hold."""
_RESERVED = ("system_id", "changed_by", "modified_at")
_KEYS = (models.IntegerField, models.CharField, models.UUIDField)
DOCS = "See docs/own-models.md."


def type_of(column: Any) -> str:
    """Return what kind of value a column holds; "" for one that cannot be synchronized."""
    if isinstance(column, models.ForeignKey) or getattr(column, "generated", False):
        return ""
    return next((kind for cls, kind in TYPES.items() if isinstance(column, cls)), "")


def lacks_default(column: Any) -> bool:
    """Return whether a new row cannot do without a value for a column: neither null, nor blank, nor a default."""
    given = column.has_default() or column.db_default is not models.NOT_PROVIDED or isinstance(column, models.AutoField)
    stamped = getattr(column, "auto_now", False) or getattr(column, "auto_now_add", False)
    blank = isinstance(column, models.CharField | models.TextField) and not column.unique
    return not (column.null or given or stamped or blank or column.generated)


def check(model: type[models.Model], used: Iterable[str], key: str, columns: NamedColumns | None) -> None:
    """Check a registration: `used` are the fields it names. Raises ImproperlyConfigured with a sentence."""
    for name in used:
        column = _column(model, name)
        if not type_of(column):
            raise _error(
                model, f"{name} is a {type(column).__name__}, which cannot be synchronized.",
                f"Name a field with a text, a number, a date, a yes or no or a choice. {DOCS}",
            )  # fmt: skip
    if columns is not None:
        _check_columns(model, key, columns)
    company = "company" if columns is None else columns.company
    if not _is_unique(model, key, company):
        where = f" within {company}" if company else ""
        fields = f"[{company!r}, {key!r}]" if company else f"[{key!r}]"
        raise _error(
            model, f"nothing keeps {key} from being there twice{where}, so it identifies no record.",
            f"Add models.UniqueConstraint(fields={fields}, name=...) to its Meta.",
        )  # fmt: skip


def _check_columns(model: type[models.Model], key: str, columns: NamedColumns) -> None:
    if issubclass(model, SynchronizedRecord):
        raise _error(
            model, "it inherits SynchronizedRecord, which has the columns for company and change.",
            "Leave out company, company_value, only_company and modified.",
        )  # fmt: skip
    if not isinstance(_column(model, key), models.CharField | models.TextField):
        raise _error(model, f"its key {key} is no text.", f"Name a text field that people identify a record by. {DOCS}")
    _check_primary_key(model)
    _check_company(model, columns)
    if columns.modified:
        modified = _column(model, columns.modified)
        if not isinstance(modified, models.DateTimeField) or modified.null:
            raise _error(
                model, f"{columns.modified} does not say for every record at which moment it was changed.",
                "Name a DateTimeField without null, or modified=None: changes are then found by comparing values.",
            )  # fmt: skip
    for name in _RESERVED:
        if name != columns.modified and any(name in (one.name, one.attname) for one in model._meta.concrete_fields):
            raise _error(
                model, f"its column {name} has the name of one that Tandem keeps beside the table.",
                "Rename the field, and keep the database's column with db_column.",
            )  # fmt: skip


def _check_primary_key(model: type[models.Model]) -> None:
    key: Any = model._meta.pk
    if isinstance(key, models.ForeignKey) or not isinstance(key, _KEYS):
        raise _error(
            model, f"its primary key {key.name} is a {type(key).__name__}.",
            "Ids can be kept for records whose primary key is a whole number, a text or a UUID.",
        )  # fmt: skip


def _check_company(model: type[models.Model], columns: NamedColumns) -> None:
    if not columns.company:
        if not columns.only_company or columns.company_value is not None:
            raise _error(
                model, "company is None, and nothing says whose records these are.",
                "Name the company's column, or give the one company that all belong to by its part of the address: "
                'only_company="alder-trading".',
            )  # fmt: skip
        return
    column = _column(model, columns.company)
    if columns.only_company:
        raise _error(model, "company and only_company are both given.", "Leave out one of them.")
    to_company = isinstance(column, models.ForeignKey) and column.related_model is Company
    if not to_company and columns.company_value is None:
        raise _error(
            model, f"{columns.company} is no foreign key to masterdata.Company.",
            "Give company_value, a function that returns what the column holds for a company.",
        )  # fmt: skip


def _column(model: type[models.Model], name: str) -> Any:
    try:
        found = model._meta.get_field(name)
    except FieldDoesNotExist:
        found = None
    if found is None or not getattr(found, "concrete", False):
        known = ", ".join(field.name for field in model._meta.concrete_fields)
        raise _error(model, f"it has no column {name}.", f"It has {known}.")
    return found


def _is_unique(model: type[models.Model], key: str, company: str) -> bool:
    meta = model._meta
    unique: list[Sequence[str]] = [one.fields for one in meta.total_unique_constraints]
    unique += [[*names] for names in meta.unique_together]
    unique += [[field.name] for field in meta.concrete_fields if field.unique]
    return any(set(fields) <= {key, company} and key in fields for fields in unique)


def _error(model: type[models.Model], what: str, fix: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{model._meta.label} cannot be registered: {what} {fix}")
