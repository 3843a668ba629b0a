"""Local records read for coupling and synchronization: narrow columns, batches in key order, no model instances."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast

from connection_setup.connection.state import connection_of
from connection_setup.models import OwnershipModel
from core.among import Among
from core.refusals import NotUsable
from coupling import filters, local_filters
from coupling.models import Coupling, IntegrationTableMapping, pairs_of
from coupling.rows import DELETED_HERE
from masterdata import catalog
from masterdata.catalog import LocalField, LocalTable
from masterdata.models.parties import Contact, ContactType

BATCH_SIZE = 5000
"""Records read by one query."""


class Unusable(NotUsable):
    """A mapping that names a table or a field which is not there."""


def get_table(mapping: IntegrationTableMapping) -> LocalTable:
    """Return the local table of a mapping. Raises Unusable."""
    try:
        return catalog.table(mapping.table)
    except LookupError as error:
        raise Unusable(f"The mapping {mapping.name} cannot be used: {error.args[0]}") from None


def get_field(mapping: IntegrationTableMapping, name: str) -> LocalField:
    """Return a field of a mapping's local table. Raises Unusable where the field is no longer there."""
    try:
        return get_table(mapping).field(name)
    except LookupError as error:
        raise Unusable(f"The mapping {mapping.name} cannot be used: {error.args[0]}") from None


def table_filter_q(mapping: IntegrationTableMapping) -> Q:
    """Return the mapping's table filter as a condition on local records. Raises Unusable, filters.BadFilter."""
    return local_filters.records_q(get_table(mapping), table_filter(mapping)) & company_q(mapping)


def table_filter(mapping: IntegrationTableMapping) -> filters.Node:
    """Return the mapping's table filter with values as its fields have them. Raises Unusable, filters.BadFilter."""
    table = get_table(mapping)

    def field_of(name: str) -> filters.FilterField:
        try:
            return local_filters.filter_field(table, name)
        except LookupError as error:
            raise Unusable(f"The mapping {mapping.name} cannot be used: {error.args[0]}") from None

    return filters.resolve(filters.parse(mapping.table_filter), field_of)


def company_q(mapping: IntegrationTableMapping) -> Q:
    """Return what a table asks of its records beside the filter.

    A contact belongs to a business that is a customer or vendor: its row belongs to the account of that one. Where the
    team owns rows, an opportunity with a contact is one of such a person.
    """
    if mapping.table != mapping.integration_table:
        return Q()
    businesses = Contact.objects.filter(
        company=OuterRef("company"), no=OuterRef("company_no"), type=ContactType.COMPANY
    ).filter(~Q(customer_no="") | ~Q(vendor_no=""))
    if mapping.table == "contact":
        return Q(Exists(businesses))
    if mapping.table != "opportunity" or connection_of(mapping.company).ownership_model != OwnershipModel.TEAM:
        return Q()
    persons = Contact.objects.filter(company=OuterRef("company"), no=OuterRef("contact_no"), type=ContactType.PERSON)
    return Q(contact_no="") | Q(Exists(persons.filter(Exists(businesses))))


def coupled_q(mapping: IntegrationTableMapping) -> Exists:
    """Return the condition that a record is coupled through the mapping."""
    return Exists(pairs_of(mapping).filter(local_id=OuterRef("system_id")))


def filtered_records(mapping: IntegrationTableMapping) -> "QuerySet[Any]":
    """Return the company's records inside the table filter, in key order."""
    return get_table(mapping).records(mapping.company).filter(table_filter_q(mapping))


def uncoupled_records(mapping: IntegrationTableMapping, inside: "QuerySet[Any] | None" = None) -> "QuerySet[Any]":
    """Return the records inside the table filter that are not coupled, in key order: those to be matched.

    inside: `filtered_records`, where they are at hand.
    """
    return (filtered_records(mapping) if inside is None else inside).filter(~coupled_q(mapping))


def unconfirmed_records(mapping: IntegrationTableMapping, inside: "QuerySet[Any] | None" = None) -> "QuerySet[Any]":
    """Return the records inside the table filter whose row Dataverse has not confirmed: not to be matched, and not
    coupled yet. inside: as above.
    """
    pending = Coupling.objects.filter(mapping=mapping, pending=True).values("local_id")
    return (filtered_records(mapping) if inside is None else inside).filter(system_id__in=pending)


def iter_batches(
    records: "QuerySet[Any]", table: LocalTable, fields: Sequence[str], *, after: Any = None, size: int = BATCH_SIZE
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the records in key order, in batches: (id as text, key, title, *fields) each, behind the key `after`.

    Each batch is a query of its own, so that nothing is held open while it is worked on. The id is the database's own
    text (32 digits, with or without dashes): a UUID object per record would cost more than reading it.
    """
    rows = _narrow(records, table, fields)
    while True:
        batch = list((rows if after is None else rows.filter(**{f"{table.key}__gt": after}))[:size])
        if batch:
            yield batch
            after = batch[-1][1]
        if len(batch) < size:
            return


def read_by_ids(
    records: "QuerySet[Any]", table: LocalTable, fields: Sequence[str], ids: Sequence[UUID]
) -> dict[bytes, tuple[Any, ...]]:
    """Return the same tuples for the records of these ids, by the id's 16 bytes; those that are gone are missing.

    Asking by id costs the same whatever the database knows about its tables; a condition on a table that a job is
    filling does not: PostgreSQL plans it by numbers from before the job.
    """
    batch = list(_narrow(records.order_by(), table, fields).filter(system_id__in=ids))
    return dict(zip(raw_ids(batch), batch, strict=True))


def find_missing(records: "QuerySet[Any]", ids: Sequence[str]) -> set[str]:
    """Return those of the ids, 32 digits each, that none of the records has; mostly all are there, and are counted."""
    among = records.order_by().filter(Among("system_id", ids))
    if not ids or among.count() == len(ids):
        return set()
    return set(ids).difference(one.hex for one in among.values_list("system_id", flat=True))


def _narrow(records: "QuerySet[Any]", table: LocalTable, fields: Sequence[str]) -> "QuerySet[Any, tuple[Any, ...]]":
    identified = records.annotate(_raw_id=Cast(F("system_id"), TextField()))
    narrow: QuerySet[Any, tuple[Any, ...]] = identified.values_list("_raw_id", table.key, table.title, *fields)
    return narrow


def raw_ids(batch: Sequence[tuple[Any, ...]]) -> list[bytes]:
    """Return the ids of a batch, 16 bytes each."""
    joined = bytes.fromhex("".join([row[0] for row in batch]).replace("-", ""))
    return [joined[start : start + 16] for start in range(0, len(joined), 16)]


def read_keys_and_names(mapping: IntegrationTableMapping, ids: Iterable[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return key and name of local records, by id; those that are gone are missing."""
    table = get_table(mapping)
    wanted = list(dict.fromkeys(ids))
    found: dict[UUID, tuple[str, str]] = {}
    for start in range(0, len(wanted), 500):
        rows = table.records(mapping.company).filter(system_id__in=wanted[start : start + 500])
        for row_id, key, title in rows.values_list("system_id", table.key, table.title):
            found[row_id] = (str(key), str(title or ""))
    return found


def read_names_if_usable(mapping: IntegrationTableMapping, ids: Iterable[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return what read_keys_and_names does; nothing where the app with the table is gone: its couplings are not."""
    try:
        return read_keys_and_names(mapping, ids)
    except Unusable:
        return {}


def read_named(mapping: IntegrationTableMapping, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return "10000 Adatum" for each of the local records, DELETED_HERE for those that are gone."""
    wanted = list(ids)
    known = read_keys_and_names(mapping, wanted)
    return {row_id: " ".join(known[row_id]).strip() if row_id in known else DELETED_HERE for row_id in wanted}


def read_coupled_rows(mapping: IntegrationTableMapping) -> dict[str, str]:
    """Return the Dataverse rows (GUID text) that a mapping's records are coupled to, by their codes or numbers."""
    table = get_table(mapping)
    rows = dict(Coupling.objects.filter(mapping=mapping, pending=False).values_list("local_id", "integration_id"))
    codes = table.records(mapping.company).values_list("system_id", table.key)
    return {str(code): str(rows[local_id]) for local_id, code in codes if local_id in rows}
