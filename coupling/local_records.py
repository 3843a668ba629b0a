"""Reading local records for coupling and synchronization: narrow columns, parts in key order, no model instances."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast

from core.refusals import NotUsable
from coupling import filters
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import LocalRow
from masterdata import catalog
from masterdata.catalog import LocalField, LocalTable

PART = 5000


class Unusable(NotUsable):
    """A mapping that names a table or a field which is not there."""


def table_of(mapping: IntegrationTableMapping) -> LocalTable:
    """The local table of a mapping. Raises Unusable."""
    try:
        return catalog.table(mapping.table)
    except LookupError as error:
        raise Unusable(f"The mapping {mapping.name} cannot be used: {error.args[0]}") from None


def field_of(mapping: IntegrationTableMapping, name: str) -> LocalField:
    """A field of a mapping's local table. Raises Unusable (a field mapping names what is no longer there)."""
    try:
        return table_of(mapping).field(name)
    except LookupError as error:
        raise Unusable(f"The mapping {mapping.name} cannot be used: {error.args[0]}") from None


def table_filter_q(mapping: IntegrationTableMapping) -> Q:
    """The mapping's table filter as a condition on local records. Raises Unusable, filters.BadFilter."""
    table = table_of(mapping)
    wanted = Q()
    for condition in filters.conditions(mapping.table_filter):
        field_of(mapping, condition.column)
        column: models.Field[Any, Any] = table.model._meta.get_field(condition.column)  # type: ignore[assignment]
        values = condition.value if condition.operator == "in" else [condition.value]
        blanks = [value for value in values if value is None or (isinstance(value, str) and not value.strip())]
        one = Q()
        if rest := [value for value in values if value not in blanks]:
            one |= Q(**{f"{condition.column}__in": rest})
        if blanks:
            if not column.empty_strings_allowed or column.null:
                one |= Q(**{f"{condition.column}__isnull": True})
            if column.empty_strings_allowed:
                one |= Q(**{condition.column: ""})
        wanted &= ~one if condition.operator == "ne" else one
    return wanted


def coupled_q(mapping: IntegrationTableMapping) -> Exists:
    """Whether a record is coupled through the mapping."""
    return Exists(Coupling.objects.filter(mapping=mapping, local_id=OuterRef("system_id")))


def filtered_records(mapping: IntegrationTableMapping) -> "QuerySet[Any]":
    """The company's records inside the table filter, in key order."""
    return table_of(mapping).records(mapping.company).filter(table_filter_q(mapping))


def uncoupled(mapping: IntegrationTableMapping) -> "QuerySet[Any]":
    """The records inside the table filter that are not coupled, in key order: what match-based coupling is about."""
    return filtered_records(mapping).filter(~coupled_q(mapping))


def iter_batches(
    records: "QuerySet[Any]", table: LocalTable, fields: Sequence[str], *, after: Any = None, size: int = PART
) -> Iterator[list[tuple[Any, ...]]]:
    """The records in key order, in parts: (id as text, key, title, *fields) each, beginning behind the key `after`.

    Each part is a query of its own, so that nothing is held open while a part is worked on. The id is the database's
    own text (32 digits, with or without dashes): a UUID object per record would cost more than reading it.
    """
    named = _narrow(records, table, fields)
    while True:
        part = list((named if after is None else named.filter(**{f"{table.key}__gt": after}))[:size])
        if part:
            yield part
            after = part[-1][1]
        if len(part) < size:
            return


def by_ids(
    records: "QuerySet[Any]", table: LocalTable, fields: Sequence[str], ids: Sequence[UUID]
) -> dict[bytes, tuple[Any, ...]]:
    """The same tuples for the records of these ids, by the id's 16 bytes; those that are gone are missing.

    Asking by id costs the same whatever the database knows about its tables; a condition on a table that a job is
    filling does not: PostgreSQL plans it by numbers from before the job.
    """
    part = list(_narrow(records.order_by(), table, fields).filter(system_id__in=ids))
    return dict(zip(raw_ids(part), part, strict=True))


def _narrow(records: "QuerySet[Any]", table: LocalTable, fields: Sequence[str]) -> "QuerySet[Any, tuple[Any, ...]]":
    identified = records.annotate(_raw_id=Cast(F("system_id"), TextField()))
    narrow: QuerySet[Any, tuple[Any, ...]] = identified.values_list("_raw_id", table.key, table.title, *fields)
    return narrow


def raw_ids(part: Sequence[tuple[Any, ...]]) -> list[bytes]:
    """The ids of a part, 16 bytes each."""
    joined = bytes.fromhex("".join([row[0] for row in part]).replace("-", ""))
    return [joined[start : start + 16] for start in range(0, len(joined), 16)]


def candidates(mapping: IntegrationTableMapping, selection: Iterable[UUID] | None = None) -> Iterator[LocalRow]:
    """The uncoupled records of a mapping (of a selection among them) in key order, with all their fields."""
    table = table_of(mapping)
    names = [field.name for field in table.fields]
    records = uncoupled(mapping)
    if selection is not None:
        chosen = list(selection)
        for start in range(0, len(chosen), 500):
            yield from _rows(records.filter(system_id__in=chosen[start : start + 500]), table, names)
        return
    yield from _rows(records, table, names)


def named(mapping: IntegrationTableMapping, ids: Iterable[UUID]) -> dict[UUID, tuple[str, str]]:
    """Key and name of local records, by id; those that are gone are missing."""
    table = table_of(mapping)
    wanted = list(dict.fromkeys(ids))
    found: dict[UUID, tuple[str, str]] = {}
    for start in range(0, len(wanted), 500):
        rows = table.records(mapping.company).filter(system_id__in=wanted[start : start + 500])
        for row_id, key, title in rows.values_list("system_id", table.key, table.title):
            found[row_id] = (str(key), str(title or ""))
    return found


def partners(mapping: IntegrationTableMapping, field: LocalField) -> dict[str, str]:
    """For a reference: the related records' codes -> the Dataverse rows they are coupled to (GUID text)."""
    related = IntegrationTableMapping.objects.filter(company=mapping.company, table=field.references).first()
    if related is None:
        return {}
    table = table_of(related)
    rows = dict(Coupling.objects.filter(mapping=related).values_list("local_id", "integration_id"))
    codes: Mapping[UUID, Any] = dict(table.records(mapping.company).values_list("system_id", table.key))
    return {str(code): str(rows[row_id]) for row_id, code in codes.items() if row_id in rows}


def _rows(records: "QuerySet[Any]", table: LocalTable, names: Sequence[str]) -> Iterator[LocalRow]:
    for part in iter_batches(records, table, names):
        for row in part:
            yield LocalRow(UUID(row[0]), str(row[1]), str(row[2] or ""), dict(zip(names, row[3:], strict=True)))
