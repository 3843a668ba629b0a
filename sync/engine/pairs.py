"""Pairs in memory: couplings, bases and local records of one chunk, read in few queries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
"""Pairs decided, sent and saved together."""

_LINK = (
    "id", "local_id", "integration_id", "version", "local_modified_at", "last_job_id", "pending", "last_to_reason",
    "last_from_reason", "last_error", "skipped", "conflict", "synchronized_at",
)  # fmt: skip


@dataclass(slots=True)
class Link:
    """A coupling as a run sees it."""

    id: int
    local_id: UUID
    integration_id: UUID
    version: str
    local_modified_at: datetime | None
    last_job_id: int | None
    pending: bool
    last_to_reason: str
    last_from_reason: str
    last_error: str
    skipped: bool
    conflict: Any
    synchronized_at: datetime | None

    @property
    def clean(self) -> bool:
        """Whether both sides were alike when it was settled last, at a version we know."""
        return bool(
            self.version
            and not (self.pending or self.skipped or self.last_to_reason or self.last_from_reason)
            and self.conflict is None
        )


@dataclass(slots=True)
class Record:
    """A local record with the values of the mapped fields; `inside`: within the mapping's table filter."""

    id: UUID
    key: str
    name: str
    modified_at: datetime
    inside: bool
    values: dict[str, Any]


@dataclass(slots=True)
class Pair:
    """Both sides of a coupling. `assumed`: the Dataverse side was not read; it is taken to hold the base."""

    link: Link
    local: Record | None = None
    remote: RemoteRow | None = None
    base: dict[str, Value] = field(default_factory=dict)
    assumed: bool = False


def links(query: "QuerySet[Coupling]") -> list[Link]:
    """The couplings of a query."""
    return [Link(*row) for row in query.values_list(*_LINK)]


class Reader:
    """Reads one mapping's side of the database."""

    def __init__(self, mapping: IntegrationTableMapping, names: Sequence[str]) -> None:
        self.mapping, self.names = mapping, list(names)
        self.table = catalog.table(mapping.table)
        self.filter = table_filter_q(mapping)
        self._inside = ExpressionWrapper(self.filter or Q(pk__isnull=False), output_field=BooleanField())

    @property
    def couplings(self) -> "QuerySet[Coupling]":
        """The mapping's couplings; what the index by a row's id begins with is named too."""
        mapping = self.mapping
        return Coupling.objects.filter(mapping=mapping, company=mapping.company_id, table=mapping.table)

    @property
    def model_records(self) -> "QuerySet[Any]":
        """The company's records of the table, in no order."""
        return self.table.model._default_manager.filter(company_id=self.mapping.company_id).order_by()

    def records(self, query: "QuerySet[Any]") -> list[Record]:
        """The local records of a query, with whether each is inside the table filter."""
        return [record for _, record in self._numbered(query)]

    def next_records(self, query: "QuerySet[Any]", count: int) -> tuple[list[Record], int]:
        """The first records of a query in the order of their primary keys, and the last of these keys."""
        found = list(self._numbered(query.order_by("pk"), count))
        return [record for _, record in found], found[-1][0] if found else 0

    def _numbered(self, query: "QuerySet[Any]", count: int | None = None) -> Iterator[tuple[int, Record]]:
        names = self.names
        rows = query.annotate(_inside=self._inside).values_list(
            "pk", "system_id", self.table.key, self.table.title, "modified_at", "_inside", *names
        )[:count]
        for pk, key, no, title, modified, inside, *values in rows:
            yield (
                pk,
                Record(key, str(no), str(title or ""), modified, bool(inside), dict(zip(names, values, strict=True))),
            )

    def records_by_id(self, ids: Iterable[UUID]) -> dict[UUID, Record]:
        """The local records with these ids; those that are gone are missing."""
        return {record.id: record for record in self.records(self.model_records.filter(system_id__in=list(ids)))}

    def bases(self, ids: Iterable[int]) -> dict[int, dict[str, Value]]:
        """The bases of couplings by coupling id; those without history are missing."""
        rows = CouplingBase.objects.filter(coupling_id__in=list(ids)).values_list("coupling_id", "values")
        return {coupling: unpack(values) for coupling, values in rows}

    def pairs(self, found: Sequence[Link], remote: Mapping[UUID, RemoteRow] | None) -> list[Pair]:
        """The pairs of couplings. `remote`: Dataverse rows by id, None to take the base for what is there."""
        records = self.records_by_id(link.local_id for link in found)
        bases = self.bases(link.id for link in found)
        return [
            Pair(
                link,
                records.get(link.local_id),
                None if remote is None else remote.get(link.integration_id),
                bases.get(link.id, {}),
                assumed=remote is None,
            )
            for link in found
        ]
