"""The catalog: which local tables can be synchronized. Other Django apps register their own models here.

    # shop/apps.py
    class ShopConfig(AppConfig):
        name = "shop"

        def ready(self) -> None:
            from masterdata.catalog import register
            from shop.models import Subscription

            register(Subscription, key="number", title="name")

The model inherits masterdata.models.SynchronizedRecord; or it keeps its own columns, and says which they are:

            register(Machine, key="serial_no", title="label", company="business", modified="updated_at")
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from auditlog.registry import auditlog
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.signals import post_delete, post_save
from django.dispatch import Signal, receiver

from core import bulk
from masterdata import identities
from masterdata.models import ChangedBy, Company, SynchronizedRecord, normal_code
from masterdata.named_columns import NamedColumns
from masterdata.registration_checks import check, lacks_default, type_of

records_deleted = Signal()
"""Sent when records of a registered table are deleted, in the transaction that does: sender is the model, `ids` are
their system ids; `names` their keys and titles by id, without those that can still be read from the table then. Not
where their company is deleted, with all that it has."""

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
    """One local table: the word for it in commands, its model, and its fields in the order pages show them.

    columns: what the model's own columns are; None for a model that inherits SynchronizedRecord. prepare: adds the
    records that follow from others of a company, for tables that are kept so.
    """

    name: str
    model: type[Any]
    key: str
    title: str
    references: dict[str, str] = field(default_factory=dict)
    default_columns: tuple[str, ...] = ()
    upper_case_codes: bool = False
    columns: NamedColumns | None = None
    prepare: Callable[[Company], None] | None = None

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
        """All fields a person or a mapping may use; those of a base that the model calls `trailing` stand last."""
        trailing = getattr(self.model, "trailing", ())
        columns = sorted(self.model._meta.concrete_fields, key=lambda column: column.name in trailing)
        hidden = _HIDDEN if self.columns is None else {self.columns.company, self.columns.modified}
        return tuple(
            _described(column, self)
            for column in columns
            if column.name not in hidden and type_of(column) and not isinstance(column, models.AutoField)
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

    def everywhere(self) -> "models.QuerySet[Any]":
        """Return the records of all companies that have an id, with `system_id`, `modified_at` and `changed_by`."""
        rows: models.QuerySet[Any] = self.model._default_manager.order_by()
        return rows if self.columns is None else self._with_ids(rows)

    def stored(self, company: Any) -> "models.QuerySet[Any]":
        """Return the company's records as they are stored, in no order; also those that have no id yet."""
        rows: models.QuerySet[Any] = self.model._default_manager.order_by()
        if self.columns is None:
            return rows.filter(company=company)
        condition = self.columns.condition(company)
        return rows.none() if condition is None else rows.filter(**condition)

    def rows(self, company: Any) -> "models.QuerySet[Any]":
        """Return the company's records, in no order, with `system_id`, `modified_at` and `changed_by`."""
        rows = self.stored(company)
        return rows if self.columns is None else self._with_ids(rows)

    def records(self, company: Any) -> "models.QuerySet[Any]":
        """Return the company's records, in key order."""
        return self.rows(company).order_by(self.key)

    def _with_ids(self, rows: "models.QuerySet[Any]") -> "models.QuerySet[Any]":
        assert self.columns is not None
        modified = self.columns.modified
        kept = {name: identities.kept_value(self.name, name) for name in ("system_id", "changed_by")}
        if not modified:
            kept["modified_at"] = identities.kept_value(self.name, "modified_at")
        rows = rows.annotate(**kept).filter(system_id__isnull=False)
        return rows if modified in ("", "modified_at") else rows.annotate(modified_at=models.F(modified))

    def only(self, rows: "models.QuerySet[Any]", *names: str) -> "models.QuerySet[Any]":
        """Return the rows with these fields and the id alone."""
        return rows.only(*names) if self.columns is not None else rows.only("system_id", *names)

    def give_ids(self, rows: "models.QuerySet[Any] | None" = None) -> int:
        """Give ids to records that were stored past `save()`, of all companies where no rows are named.

        Does nothing where the table has a column for them. Not inside a transaction, unless few rows are named.
        """
        if self.columns is None:
            return 0
        return identities.give_ids(self.name, self.model._default_manager.all() if rows is None else rows)

    def find_changes(self, company: Company) -> None:
        """Bring up to date what follows from other records, and what is kept beside the table: ids of new records, and
        which changed where no column says.

        Whatever compares all of a company's records calls it first, outside a transaction.
        """
        if self.prepare is not None:
            self.prepare(company)
        if self.columns is None:
            return
        self.give_ids(self.stored(company))
        if not self.columns.modified:
            identities.note_changes(self.name, self.rows(company), [field.name for field in self.fields])

    @property
    def code_fields(self) -> frozenset[str]:
        """The fields that hold codes in capitals."""
        return _code_fields(self)

    @property
    def derives(self) -> tuple[str, ...]:
        """The fields that follow from `derived_from`."""
        return getattr(self.model, "derives", ())

    @property
    def derived_from(self) -> tuple[str, ...]:
        """The fields that others follow from."""
        return getattr(self.model, "derived_from", ())

    def derived(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of `derives` that follow from a record's other values."""
        return self.model.derived(values) if self.derives else {}

    def text_of(self, *, key: str, title: str) -> str:
        """Return what a record is called in the audit log."""
        if self.columns is None:
            return str(self.model(**{self.key: key, self.title: title}))
        return f"{key} {title}".strip()  # the model's own text may need what only its app knows

    @property
    def fixed_field(self) -> str:
        """The field that never changes once a record is there, being its primary key; "" for none."""
        key = self.model._meta.pk.name
        return key if any(field.name == key for field in self.fields) else ""

    def unfilled(self, names: Collection[str]) -> list[str]:
        """Return the captions of columns that a new record needs a value in, beyond these fields."""
        own = {"company"} if self.columns is None else {self.columns.company, self.columns.modified}
        return [
            str(column.verbose_name)
            for column in self.model._meta.concrete_fields
            if column.name not in names and column.name not in own and lacks_default(column)
        ]

    def belongs(self, record: Any, company: Company) -> None:
        """Make a record the company's, before a person saves it. Raises NotUsable where it can have none."""
        if self.columns is None:
            record.company = company
        else:
            for name, value in self.columns.of_new_record(company, self.caption_plural).items():
                setattr(record, self.model._meta.get_field(name).attname, value)
        record.changed_by = ChangedBy.PERSON


_tables: dict[str, LocalTable] = {}


def register(
    model: type[models.Model],
    *,
    key: str,
    title: str,
    name: str = "",
    references: dict[str, str] | None = None,
    default_columns: Sequence[str] = (),
    upper_case_codes: bool = False,
    company: str | None = "",
    company_value: Callable[[Company], Any] | None = None,
    only_company: str = "",
    modified: str | None = "",
    prepare: Callable[[Company], None] | None = None,
) -> LocalTable:
    """Let a model take part in coupling and synchronization.

    key: the field people identify a record by, unique per company (`no`, `code`); title: the field with its name;
    name: the word in commands and mappings (the model's name in lower case); references: field -> name of the
    registered table whose key it holds; default_columns: what lists show until a person chooses; prepare: adds
    the records that follow from others, before all of a company's records are compared; upper_case_codes: keys
    are stored trimmed and in capitals wherever they come in, and so are references to them.

    A model that does not inherit SynchronizedRecord names its columns. company: a foreign key to Company, or a column
    for which `company_value` says what it holds for a company (None: it has no records); None where all records belong
    to the company whose part of the address is `only_company`. modified: the moment of the last change; None where no
    column has it: values are then compared.

    Raises ImproperlyConfigured, with a sentence, for what cannot be registered.
    """
    columns = _named_columns(model, company, company_value, only_company, modified)
    shown = tuple(default_columns) or (key, title)
    check(model, (key, title, *shown, *(references or {})), key, columns)
    if columns is not None and upper_case_codes:
        raise ImproperlyConfigured(
            f"{model._meta.label} cannot be registered: upper_case_codes is for models that inherit "
            "SynchronizedRecord, whose save() puts codes in capitals. Leave it out."
        )
    table = LocalTable(
        name or str(model._meta.model_name), model, key, title, references or {}, shown, upper_case_codes, columns,
        prepare,
    )  # fmt: skip
    _tables[table.name] = table
    for known in _tables.values():
        if known.columns is None:
            known.model.code_fields = _code_fields(known)  # a table may be registered after one that refers to it
    # What a person changes; imports and jobs write in bulk and leave outcomes of their own.
    if not auditlog.contains(model):
        auditlog.register(model, exclude_fields=["created_at", "modified_at", "changed_by", *filter(None, [modified])])
    post_delete.connect(_record_deleted, sender=model)
    bulk.deleting.connect(_deleting_in_bulk, sender=model)
    if columns is not None:
        post_save.connect(_record_saved, sender=model)
    return table


def _named_columns(
    model: type[models.Model], company: str | None, value: Any, only_company: str, modified: str | None
) -> NamedColumns | None:
    """Return the columns that a registration names; None for a model that has those of SynchronizedRecord."""
    if company == "" and modified == "" and value is None and not only_company:
        if issubclass(model, SynchronizedRecord):
            return None
        raise ImproperlyConfigured(
            f"{model._meta.label} cannot be registered: it does not inherit SynchronizedRecord, and names no columns "
            "in place of its. Inherit it, or give company and modified. See docs/own-models.md."
        )
    if company == "" or modified == "":
        missing = "company" if company == "" else "modified"
        raise ImproperlyConfigured(
            f"{model._meta.label} cannot be registered: {missing} is left out. Give the name of the column, or None "
            "where there is none. See docs/own-models.md."
        )
    return NamedColumns(company or "", value, only_company, modified or "")


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


def _record_saved(sender: type[models.Model], instance: models.Model, created: bool, **_: Any) -> None:
    """Note a record of a table that has no columns for it."""
    identities.note_saved(table_of(sender).name, instance, is_new=created)


def _record_deleted(sender: type[models.Model], instance: Any, origin: Any, **_: Any) -> None:
    """Say that one record was deleted; `origin` is the record or the query whose deletion this one is a part of."""
    known = table_of(sender)
    if getattr(origin, "model", type(origin)) is Company:
        if known.columns is not None:
            _forgotten(origin).setdefault(known.name, []).append(identities.key_text(instance))
        return
    row_id = instance.system_id if known.columns is None else identities.id_of(known.name, instance)
    if row_id is None:
        return
    name = str(getattr(instance, known.key)), str(getattr(instance, known.title) or "")
    records_deleted.send(sender=sender, ids=[row_id], names={row_id: name})
    if known.columns is not None:
        identities.forget([row_id])


def _forgotten(origin: Any) -> dict[str, list[str]]:
    """Return by table the keys of the records whose ids are forgotten once the deletion that they are part of ends."""
    found: dict[str, list[str]] = vars(origin).setdefault("_records_to_forget", {})
    return found


@receiver(post_delete, sender=Company)
def _company_deleted(origin: Any, **_: Any) -> None:
    """Forget the ids of all records that were deleted with a company at once; records go before their company."""
    for name, keys in vars(origin).pop("_records_to_forget", {}).items():
        identities.forget_records(name, keys)


def _deleting_in_bulk(sender: type[models.Model], key: str, values: Sequence[Any], **_: Any) -> None:
    """Say which records are about to be deleted by bulk.delete."""
    ids, known = list(values), table_of(sender)
    if key != "system_id":
        ids = list(known.everywhere().filter(**{f"{key}__in": ids}).values_list("system_id", flat=True))
    records_deleted.send(sender=sender, ids=ids, names={})
    if known.columns is not None:
        identities.forget(ids)


def _described(column: "models.Field[Any, Any]", owner: LocalTable) -> LocalField:
    kind = type_of(column)
    references = owner.references.get(column.name, "")
    if references:
        kind = "reference"
    elif column.choices and kind == "text":
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
