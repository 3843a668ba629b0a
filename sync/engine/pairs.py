"""Pairs in memory: couplings, bases and local records of one chunk, read in few queries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from coupling.local_records import table_filter_q
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from coupling.rows import RemoteRow
from masterdata import catalog
from sync.rules.transfer import unpack
from sync.rules.values import Value

CHUNK = 1000
"""How many pairs are decided, sent and saved together."""


@dataclass(slots=True)
class CouplingRow:
    """A coupling as a run sees it: the columns of models.Coupling that a run reads."""

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

    @property
    def clean(self) -> bool:
        """Whether both sides were alike when it was last synchronized, at a known version of the row."""
        return bool(
            self.version
            and not (self.pending or self.skipped or self.last_to_reason or self.last_from_reason)
            and self.conflict is None
        )


_COUPLING_COLUMNS = tuple(column.name for column in fields(CouplingRow))


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
    """Both sides of a coupling. `assumed`: the Dataverse row was not read; it is taken to hold the base."""

    coupling: CouplingRow
    local: Record | None = None
    remote: RemoteRow | None = None
    base: dict[str, Value] = field(default_factory=dict)
    assumed: bool = False


def read_couplings(query: "QuerySet[Coupling]") -> list[CouplingRow]:
    """Return the couplings of a query."""
    return [CouplingRow(*row) for row in query.values_list(*_COUPLING_COLUMNS)]


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
        return self.table.model._default_manager.filter(company_id=self.mapping.company_id).order_by()

    def read_records(self, query: "QuerySet[Any]") -> list[Record]:
        """Return the local records of a query, each with whether it is inside the table filter."""
        return [record for _, record in self._read_with_keys(query)]

    def read_next_records(self, query: "QuerySet[Any]", count: int) -> tuple[list[Record], int]:
        """Return the first records of a query by primary key, and the last of these keys (0 where there are none)."""
        found = list(self._read_with_keys(query.order_by("pk"), count))
        return [record for _, record in found], found[-1][0] if found else 0

    def _read_with_keys(self, query: "QuerySet[Any]", count: int | None = None) -> Iterator[tuple[int, Record]]:
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
        rows = CouplingBase.objects.filter(coupling_id__in=list(ids)).values_list("coupling_id", "values")
        return {coupling_id: unpack(values) for coupling_id, values in rows}

    def read_pairs(self, couplings: Sequence[CouplingRow], remote_rows: Mapping[UUID, RemoteRow] | None) -> list[Pair]:
        """Return the pairs of couplings. `remote_rows`: by id; None takes each row to hold the base."""
        records = self.read_records_by_id(coupling.local_id for coupling in couplings)
        bases = self.read_bases(coupling.id for coupling in couplings)
        return [
            Pair(
                coupling,
                records.get(coupling.local_id),
                None if remote_rows is None else remote_rows.get(coupling.integration_id),
                bases.get(coupling.id, {}),
                assumed=remote_rows is None,
            )
            for coupling in couplings
        ]
