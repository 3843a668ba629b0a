"""Pairs in memory: couplings, bases and local records of one chunk, read in few queries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from coupling.local_records import table_filter_q
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from coupling.rows import RemoteRow
from masterdata import catalog
from sync.engine.deleted_names import names_of_deleted
from sync.rules.transfer import unpack
from sync.rules.values import Value

CHUNK = 1000
"""How many pairs are decided, sent and saved together."""
COMMIT_OVERLAP = timedelta(minutes=15)
"""A transaction may commit after a later one was read: records changed this long before the mark are read again."""


@dataclass(slots=True)
class CouplingRow:
    """A coupling as a run sees it: columns of the coupling, and those of its base; without one, as a new one is.

    waiting: the fields that still conflict once those are written that a person chose; no column.
    """

    id: int
    local_id: UUID
    integration_id: UUID
    version: str = ""
    local_modified_at: datetime | None = None
    last_job_id: int | None = None
    pending: bool = False
    last_to_reason: str = ""
    last_from_reason: str = ""
    last_error: str = ""
    skipped: bool = False
    conflict: Any = None
    synchronized_at: datetime | None = None
    waiting: Any = None

    @property
    def clean(self) -> bool:
        """Whether both sides were alike when it was last synchronized, at a known version of the row."""
        return bool(
            self.version
            and not (self.pending or self.skipped or self.last_to_reason or self.last_from_reason)
            and self.conflict is None
        )


_OWN = ("id", "local_id", "integration_id", "pending")
_KNOWN = tuple(column.name for column in fields(CouplingRow) if column.name not in (*_OWN, "waiting"))
_COUPLING_COLUMNS = (*_OWN, "base__coupling", *(f"base__{name}" for name in _KNOWN))


@dataclass(slots=True)
class Record:
    """A local record with the values of the mapped fields; `matches_filter`: inside the mapping's table filter."""

    id: UUID
    key: str
    name: str
    modified_at: datetime
    matches_filter: bool
    values: dict[str, Any]


@dataclass(slots=True)
class Pair:
    """Both sides of a coupling.

    assumed: the Dataverse row was not read; it is taken to hold the base; deleted_name: the key and the name that
    people knew a record by which was deleted, blank where nobody knows.
    """

    coupling: CouplingRow
    local: Record | None = None
    remote: RemoteRow | None = None
    base: dict[str, Value] = field(default_factory=dict)
    assumed: bool = False
    deleted_name: tuple[str, str] = ("", "")

    @property
    def key_and_name(self) -> tuple[str, str]:
        """The key and the name that people know the record by, or knew it by."""
        return (self.local.key, self.local.name) if self.local is not None else self.deleted_name

    @property
    def known_version(self) -> str:
        """The version that the row must still have to be updated."""
        return self.remote.version if self.remote is not None else self.coupling.version


def read_couplings(query: "QuerySet[Coupling]") -> list[CouplingRow]:
    """Return the couplings of a query."""
    return [
        CouplingRow(pk, local_id, row_id, pending=pending, **(dict(zip(_KNOWN, known, strict=True)) if based else {}))
        for pk, local_id, row_id, pending, based, *known in query.values_list(*_COUPLING_COLUMNS)
    ]


def position(key: Any) -> int | str:
    """Return a primary key as a job's resume state keeps it."""
    return key if isinstance(key, int) else str(key)


def behind(records: "QuerySet[Any]", after: int | str) -> "QuerySet[Any]":
    """Return the records whose primary key is behind this one; all of them behind 0, whatever their keys are."""
    return records if after == 0 else records.filter(pk__gt=after)


class PairReader:
    """Reads one mapping's couplings, bases and local records from the database."""

    def __init__(self, mapping: IntegrationTableMapping, field_names: Sequence[str]) -> None:
        self.mapping, self.field_names = mapping, list(field_names)
        self.table = catalog.table(mapping.table)
        self.table_filter = table_filter_q(mapping)
        self._matches_filter = ExpressionWrapper(self.table_filter or Q(pk__isnull=False), output_field=BooleanField())

    @property
    def couplings(self) -> "QuerySet[Coupling]":
        """The mapping's couplings; company and table are named too, since the index by a row's id begins with them."""
        mapping = self.mapping
        return Coupling.objects.filter(mapping=mapping, company=mapping.company_id, table=mapping.table)

    @property
    def company_records(self) -> "QuerySet[Any]":
        """The company's records of the table, in no order."""
        return self.table.rows(self.mapping.company)

    def records_since(self, mark: datetime | None) -> "QuerySet[Any]":
        """Return the records that were written since the mark, coupled or not; all without one.

        A few are named: in the order of their keys a database may read all of the company's records to find them.
        """
        records = self.company_records
        if mark is None:
            return records
        touched = records.filter(modified_at__gt=mark - COMMIT_OVERLAP)
        few = list(touched.order_by("modified_at").values_list("pk", flat=True)[: CHUNK + 1])
        return records.filter(pk__in=few) if len(few) <= CHUNK else touched

    def read_records(self, query: "QuerySet[Any]") -> list[Record]:
        """Return the local records of a query, each with whether it is inside the table filter."""
        return [record for _, record in self._read_with_keys(query)]

    def read_next_records(self, query: "QuerySet[Any]", count: int) -> tuple[list[Record], int | str]:
        """Return the first records of a query by primary key, and the last of these keys (0 where there are none)."""
        found = list(self._read_with_keys(query.order_by("pk"), count))
        return [record for _, record in found], position(found[-1][0]) if found else 0

    def _read_with_keys(self, query: "QuerySet[Any]", count: int | None = None) -> Iterator[tuple[Any, Record]]:
        names = self.field_names
        rows = query.annotate(_matches_filter=self._matches_filter).values_list(
            "pk", "system_id", self.table.key, self.table.title, "modified_at", "_matches_filter", *names
        )[:count]
        for pk, record_id, key, name, modified_at, matches, *values in rows:
            named = dict(zip(names, values, strict=True))
            yield pk, Record(record_id, str(key), str(name or ""), modified_at, bool(matches), named)

    def read_records_by_id(self, ids: Iterable[UUID]) -> dict[UUID, Record]:
        """Return the local records with these ids; deleted ones are missing."""
        query = self.company_records.filter(system_id__in=list(ids))
        return {record.id: record for record in self.read_records(query)}

    def read_bases(self, ids: Iterable[int]) -> dict[int, dict[str, Value]]:
        """Return the bases of couplings by the couplings' ids; those without history are missing."""
        based = CouplingBase.objects.filter(coupling_id__in=list(ids), values__isnull=False)
        rows = based.values_list("coupling_id", "values")
        return {coupling_id: unpack(values) for coupling_id, values in rows if values is not None}

    def read_pairs(self, couplings: Sequence[CouplingRow], remote_rows: Mapping[UUID, RemoteRow] | None) -> list[Pair]:
        """Return the pairs of couplings. `remote_rows`: by id; None takes each row to hold the base."""
        records = self.read_records_by_id(coupling.local_id for coupling in couplings)
        bases = self.read_bases(coupling.id for coupling in couplings)
        deleted = {coupling.id: coupling.local_id for coupling in couplings if coupling.local_id not in records}
        names = names_of_deleted(deleted)
        return [
            Pair(
                coupling,
                records.get(coupling.local_id),
                None if remote_rows is None else remote_rows.get(coupling.integration_id),
                bases.get(coupling.id, {}),
                assumed=remote_rows is None,
                deleted_name=names.get(coupling.id, ("", "")),
            )
            for coupling in couplings
        ]


def expected_total(reader: PairReader, *, creates: bool) -> int:
    """Return how many outcomes a full run has at least: those of all pairs, and of the rows to be created.

    How many records are created here shows only once the rows have been read; the total then grows with them.
    """
    total = reader.couplings.count()
    if creates:
        coupled = Coupling.objects.filter(mapping=reader.mapping, local_id=OuterRef("system_id"))
        total += reader.company_records.filter(reader.table_filter).filter(~Exists(coupled)).count()
    return total
