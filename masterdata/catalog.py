"""The catalog: which local tables can be synchronized. Other Django apps register their own models here.

    # shop/apps.py
    class ShopConfig(AppConfig):
        name = "shop"

        def ready(self) -> None:
            from masterdata.catalog import register
            from shop.models import Subscription

            register(Subscription, key="number", title="name")

The model inherits masterdata.models.SynchronizedRecord.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from auditlog.registry import auditlog
from django.db import models
from django.db.models.signals import post_delete
from django.dispatch import Signal

from core import bulk
from masterdata.models import Company, SynchronizedRecord, normal_code

records_deleted = Signal()
"""Sent when records of a registered table are deleted, in the transaction that does: sender is the model, `ids` are
their system ids. Not where their company is deleted, with all that it has."""

_HIDDEN = {"id", "company", "system_id", "created_at", "modified_at", "changed_by"}


@dataclass(frozen=True)
class LocalField:
    """One field of a local table. `type`: text, code, number, integer, date, datetime, boolean, choice, reference.

    A reference holds the key (code or number) of a record of `references`, as text.
    """

    name: str
    caption: str
    type: str
    max_length: int | None = None
    required: bool = False
    unique: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    references: str = ""
    decimals: int | None = None
    editable: bool = True


@dataclass(frozen=True)
class LocalTable:
    """One local table: the word for it in commands, its model, and its fields in the order pages show them."""

    name: str
    model: type[SynchronizedRecord]
    key: str
    title: str
    references: dict[str, str] = field(default_factory=dict)
    default_columns: tuple[str, ...] = ()
    upper_case_codes: bool = False

    @property
    def caption(self) -> str:
        """ "Customer"."""
        text = str(self.model._meta.verbose_name)
        return text[:1].upper() + text[1:]

    @property
    def caption_plural(self) -> str:
        """ "Customers": the title of its list page."""
        text = str(self.model._meta.verbose_name_plural)
        return text[:1].upper() + text[1:]

    @cached_property
    def fields(self) -> tuple[LocalField, ...]:
        """All fields a person or a mapping may use."""
        return tuple(
            _described(column, self) for column in self.model._meta.concrete_fields if column.name not in _HIDDEN
        )

    def field(self, name: str) -> LocalField:
        """Return the field of that name. Raises LookupError with a sentence."""
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        raise LookupError(f"{self.caption} has no field {name!r}; it has {', '.join(f.name for f in self.fields)}.")

    def normal_key(self, key: str) -> str:
        """Return a key as the table stores it: a code may be given in any letters."""
        return normal_code(key) if self.upper_case_codes else key

    def records(self, company: Any) -> "models.QuerySet[Any]":
        """Return the company's records, in key order."""
        return self.model._default_manager.filter(company=company).order_by(self.key)


_tables: dict[str, LocalTable] = {}


def register(
    model: type[SynchronizedRecord],
    *,
    key: str,
    title: str,
    name: str = "",
    references: dict[str, str] | None = None,
    default_columns: Sequence[str] = (),
    upper_case_codes: bool = False,
) -> LocalTable:
    """Let a model take part in coupling and synchronization.

    key: the field people identify a record by, unique per company (`no`, `code`); title: the field with its name;
    name: the word in commands and mappings (the model's name in lower case); references: field -> name of the
    registered table whose key it holds; default_columns: what lists show until a person chooses; upper_case_codes: keys
    are stored trimmed and in capitals wherever they come in, and so are references to them.
    """
    table = LocalTable(
        name or str(model._meta.model_name), model, key, title, references or {},
        tuple(default_columns) or (key, title), upper_case_codes,
    )  # fmt: skip
    _tables[table.name] = table
    for known in _tables.values():
        known.model.code_fields = _code_fields(known)  # a table may be registered after one that refers to it
    # What a person changes; imports and jobs write in bulk and leave outcomes of their own.
    auditlog.register(model, exclude_fields=["created_at", "modified_at", "changed_by"])
    post_delete.connect(_record_deleted, sender=model)
    bulk.deleting.connect(_deleting_in_bulk, sender=model)
    return table


def _code_fields(table: LocalTable) -> frozenset[str]:
    """Return the fields of a table that hold codes in capitals: its own key, and keys of other such tables."""
    own = {table.key} if table.upper_case_codes else set[str]()
    others = {name: _tables.get(target) for name, target in table.references.items()}
    return frozenset(own | {name for name, target in others.items() if target is not None and target.upper_case_codes})


def table(name: str) -> LocalTable:
    """Return the table of that name. Raises LookupError with a sentence."""
    try:
        return _tables[name]
    except KeyError:
        raise LookupError(f"There is no table {name!r}; there are {', '.join(sorted(_tables))}.") from None


def table_of(model: type[models.Model]) -> LocalTable:
    """Return the table of that model. Raises LookupError with a sentence."""
    for known in _tables.values():
        if known.model is model:
            return known
    raise LookupError(f"{model.__name__} is not registered; see docs/own-models.md.")


def tables() -> Iterator[LocalTable]:
    """Return all registered tables, in the order of registration."""
    return iter(_tables.values())


def _record_deleted(sender: type[SynchronizedRecord], instance: SynchronizedRecord, origin: Any, **_: Any) -> None:
    """Say that one record was deleted; `origin` is the record or the query whose deletion this one is a part of."""
    if getattr(origin, "model", type(origin)) is not Company:
        records_deleted.send(sender=sender, ids=[instance.system_id])


def _deleting_in_bulk(sender: type[SynchronizedRecord], key: str, values: Sequence[Any], **_: Any) -> None:
    """Say which records are about to be deleted by bulk.delete."""
    ids = list(values)
    if key != "system_id":
        ids = list(sender._default_manager.filter(**{f"{key}__in": ids}).values_list("system_id", flat=True))
    records_deleted.send(sender=sender, ids=ids)


def _described(column: "models.Field[Any, Any]", owner: LocalTable) -> LocalField:
    types = {
        models.DecimalField: "number", models.FloatField: "number", models.BooleanField: "boolean",
        models.DateTimeField: "datetime", models.DateField: "date", models.IntegerField: "integer",
    }  # fmt: skip
    kind = next((name for cls, name in types.items() if isinstance(column, cls)), "text")
    references = owner.references.get(column.name, "")
    if references:
        kind = "reference"
    elif column.choices:
        kind = "choice"
    elif column.name == owner.key:
        kind = "code"
    caption = str(column.verbose_name)
    return LocalField(
        name=column.name,
        caption=caption[:1].upper() + caption[1:],
        type=kind,
        max_length=column.max_length if isinstance(column, models.CharField) else None,
        required=not column.blank and not column.has_default(),
        unique=column.name == owner.key,
        choices=tuple((str(value or ""), str(label)) for value, label in column.flatchoices),
        references=references,
        decimals=column.decimal_places if isinstance(column, models.DecimalField) else None,
        editable=column.editable,
    )
