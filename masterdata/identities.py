"""Ids of records whose table has no column for them: read as if the table had one, and given in bulk.

A query of such a table is annotated with `kept_value("system_id", ...)`. To the rest of Tandem that is a column like
any other; looked for by id, the record is found by way of the ids' own index.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.db import connection, models, router, transaction
from django.db.models import Exists, F, Func, OuterRef, QuerySet, TextField
from django.db.models.functions import Cast
from django.db.models.lookups import Exact, In, Lookup
from django.utils import timezone

from core import bulk
from core.ids import new_id
from masterdata.models import ChangedBy, RecordIdentity

# Fields are generic for the type checker alone, which also knows lookups by signatures that Django does not keep to.
if TYPE_CHECKING:
    _UUIDField = models.UUIDField[Any, Any]
    _Exact = object
    _In = object
else:
    _UUIDField, _Exact, _In = models.UUIDField, Exact, In

_ALIAS = "kept_identity"


class SystemIdField(_UUIDField):
    """The id as a query's column: compared by equality and membership, it leads from the id to the record."""


class KeptValue(Func):
    """A column of RecordIdentity for the record at hand, as an expression over the record's primary key."""

    def __init__(self, table: str, column: str, output_field: "models.Field[Any, Any]") -> None:
        super().__init__(F("pk"), output_field=output_field)
        self.table, self.column = table, column

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        """Return a look-up by the record's key."""
        key, parameters = compiler.compile(self.source_expressions[0])
        quote = connection.ops.quote_name
        source = f"{quote(RecordIdentity._meta.db_table)} {_ALIAS}"
        of_table = f"{_ALIAS}.{quote('table')} = %s"
        record = f"{_ALIAS}.{quote('record_key')} = CAST({key} AS text)"
        sql = f"(SELECT {_ALIAS}.{quote(self.column)} FROM {source} WHERE {of_table} AND {record})"  # nosec B608
        return sql, (self.table, *parameters)


class _ByIdentity:
    """A lookup that asks the table of ids first, so that its index is used, and takes the records of what it finds."""

    lhs: Any
    operator = "IN"

    def process_lhs(self, compiler: Any, connection: Any, lhs: Any = None) -> tuple[str, list[Any]]:  # noqa: ARG002
        """Return the id's column."""
        return f"{_ALIAS}.{connection.ops.quote_name('system_id')}", []

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Return the condition on the record's primary key."""
        wanted, parameters = cast("Any", super()).as_sql(compiler, connection)
        quote, kept = connection.ops.quote_name, self.lhs
        key, key_parameters = compiler.compile(kept.source_expressions[0])
        type_ = kept.source_expressions[0].output_field.rel_db_type(connection)
        found, of_table = f"CAST({_ALIAS}.{quote('record_key')} AS {type_})", f"{_ALIAS}.{quote('table')} = %s"
        source = f"{quote(RecordIdentity._meta.db_table)} {_ALIAS}"
        sql = f"{key} {self.operator} (SELECT {found} FROM {source} WHERE {of_table} AND {wanted})"  # nosec B608
        return sql, [*key_parameters, kept.table, *parameters]


class _ExactIdentity(_ByIdentity, _Exact):
    lookup_name = "exact"
    operator = "="  # for each of another table's rows a database then seeks one record, where it would read all for IN


class _InIdentities(_ByIdentity, _In):
    lookup_name = "in"


for _lookup in (_ExactIdentity, _InIdentities):
    SystemIdField.register_lookup(cast("type[Lookup[Any]]", _lookup))


def kept_value(table: str, column: str) -> KeptValue:
    """Return a column of RecordIdentity (system_id, modified_at, changed_by, fingerprint) for records of a table."""
    field = RecordIdentity._meta.get_field(column)
    assert isinstance(field, models.Field)
    return KeptValue(table, column, SystemIdField() if column == "system_id" else field.clone())


def key_text(record: models.Model) -> str:
    """Return a record's primary key as its database writes it as text."""
    field = record._meta.pk
    prepared = field.get_db_prep_value(record.pk, connection) if field is not None else record.pk
    return str(prepared)


def give_ids(table: str, rows: "QuerySet[Any]") -> int:
    """Give an id to each of these records that has none yet; return how many had none.

    In parts, each in a transaction of its own: broken off, it is called again and goes on.
    """
    known = RecordIdentity.objects.filter(table=table, record_key=Cast(OuterRef("pk"), TextField()))
    query = rows.order_by("pk").filter(~Exists(known))
    given = 0
    for keys in _parts_by_key(query, Cast("pk", TextField())):
        now = timezone.now()
        fresh = [(table, key, new_id(), now, ChangedBy.PERSON.value) for (key,) in keys]
        with transaction.atomic(using=router.db_for_write(RecordIdentity)):
            given += bulk.insert(RecordIdentity, _COLUMNS, fresh, ignore_conflicts=True)
    return given


_COLUMNS = ("table", "record_key", "system_id", "modified_at", "changed_by")


def note_changes(table: str, rows: "QuerySet[Any]", fields: Sequence[str]) -> int:
    """Stamp the records whose values are others than when they were last compared; return how many there are.

    For tables that do not say when a record was changed. The first comparison stamps all. In parts, as `give_ids`.
    """
    names = ("system_id", kept_value(table, "fingerprint"), *fields)
    stamped = 0
    for part in _parts_by_key(rows.order_by("pk"), *names):
        now = timezone.now()
        found = [
            (row_id, blake2b(repr(values).encode(), digest_size=16).hexdigest(), known)
            for row_id, known, *values in part
        ]
        changed = [(row_id, print_, now) for row_id, print_, known in found if print_ != known]
        with transaction.atomic(using=router.db_for_write(RecordIdentity)):
            stamped += bulk.update(RecordIdentity, "system_id", ("fingerprint", "modified_at"), changed)
    return stamped


def note_saved(table: str, record: models.Model, *, is_new: bool) -> None:
    """Stamp a record that was saved by itself; give it an id where it is new. Sets the id on the record.

    A key may have been used before, by a record that was deleted in SQL: the new one is another.
    """
    own = RecordIdentity.objects.filter(table=table, record_key=key_text(record))
    if is_new:
        own.delete()
    now = timezone.now()
    changed_by = getattr(record, "changed_by", "") or ChangedBy.PERSON
    if not own.update(modified_at=now, changed_by=changed_by):
        row = (table, key_text(record), new_id(), now, str(changed_by))
        bulk.insert(RecordIdentity, _COLUMNS, [row], ignore_conflicts=True)
    record.system_id = own.values_list("system_id", flat=True).get()  # type: ignore[attr-defined]  # as queries set it


def id_of(table: str, record: models.Model) -> UUID | None:
    """Return a record's id; None where it has none yet."""
    return RecordIdentity.objects.filter(table=table, record_key=key_text(record)).values_list(
        "system_id", flat=True
    ).first()  # fmt: skip


def forget(ids: Iterable[UUID]) -> None:
    """Take back the ids of records that are deleted: what is entered under the same key later is another record."""
    bulk.delete(RecordIdentity, "system_id", ids)


def forget_records(table: str, keys: Iterable[str]) -> None:
    """Take back the ids of records of a table that are deleted, by their keys (`key_text`)."""
    waiting = list(keys)
    for start in range(0, len(waiting), bulk.MAX_ROWS):
        RecordIdentity.objects.filter(table=table, record_key__in=waiting[start : start + bulk.MAX_ROWS]).delete()


def _parts_by_key(rows: "QuerySet[Any]", *names: Any) -> Iterator[list[tuple[Any, ...]]]:
    """Yield these columns of the rows, which are in the order of their primary key, in parts."""
    query, last = rows.values_list("pk", *names), None
    while part := list((query if last is None else query.filter(pk__gt=last))[: bulk.MAX_ROWS]):
        last = part[-1][0]
        yield [row[1:] for row in part]
