"""The gateway: the only way to Dataverse for coupling and synchronization.

Its callers speak in mappings and columns; the Web API's names (entity sets, `_column_value`, bind annotations) stay
inside. It reads in pages and writes in bulk. Before its first request, its client makes sure that the environment is
the one the connection was made with: of another one nothing is read.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from connection_setup.connection.clients import client_for
from connection_setup.connection.state import connection_of
from coupling import filters
from coupling.filters import COMPANY_COLUMN
from coupling.models import IntegrationTableMapping
from coupling.rows import ColumnPage, Condition, RemoteRow, ScanPage, WriteResult
from dataverse import bulk, odata, ranges, table_scan
from dataverse.client import DataverseClient
from dataverse.errors import Invalid, Throttled, VersionMismatch
from dataverse.types import Page, Row, TableInfo, Usage

PAGE_SIZE = 5000
"""Rows of a page, the most that the service gives at once."""

_LOOKUPS = frozenset({"Lookup", "Customer", "Owner"})

Part = TypeVar("Part")


class Gateway:
    """Dataverse as one company's mappings see it; made for one job or request.

    `usage` counts the requests; `client` is another one than that of the company's enabled connection. Raises
    NotConnected when the company has no usable connection, DataverseError when Dataverse refuses.
    """

    def __init__(self, company: Any, usage: Usage | None = None, *, client: DataverseClient | None = None) -> None:
        self.company = company
        self._connection = connection_of(company)
        self._client: DataverseClient = client or client_for(company, usage)

    @property
    def organization_id(self) -> UUID:
        """The organization behind the environment, which is the connection's own; asked for once.

        Raises NotConnected (wrong_environment) when it is another, as does every other request.
        """
        return self._client.who_am_i().organization_id

    @property
    def company_row_id(self) -> UUID | None:
        """This company's row in tandem_company; None before the connection made one."""
        row_id: UUID | None = self._connection.company_row_id
        return row_id

    @property
    def requests(self) -> int:
        """How many requests were sent so far."""
        return self._client.usage.requests

    # -- metadata --------------------------------------------------------------------------------------------------

    def table(self, mapping: IntegrationTableMapping) -> TableInfo:
        """Return the Dataverse table's metadata, which is read once per gateway."""
        return self._client.table(mapping.integration_table)

    def remote_columns(self, mapping: IntegrationTableMapping, names: Iterable[str]) -> list[str]:
        """Return what to $select to read these columns. Raises Invalid (unknown_column), which names the column."""
        return [self._read_name(mapping, name) for name in dict.fromkeys(names)]

    def check_columns(self, mapping: IntegrationTableMapping, names: Iterable[str]) -> None:
        """Raise Invalid (unknown_column) when Dataverse has not all of the columns."""
        self.remote_columns(mapping, names)

    def conditions(self, mapping: IntegrationTableMapping) -> list[Condition]:
        """Return the integration table filter, with this company's row filled in.

        Conditions on the company count only when the table has the column.
        """
        wanted = filters.parse_conditions(
            filters.in_force(mapping.integration_filter, multi_company=mapping.multi_company),
            company=self.company_row_id,
        )
        known = self.table(mapping).columns
        return [condition for condition in wanted if condition.column != COMPANY_COLUMN or COMPANY_COLUMN in known]

    def filter_text(self, mapping: IntegrationTableMapping, *, outside: bool = False) -> str:
        """Return the integration table filter as $filter text; outside: the filter of the rows that do not meet it."""
        wanted = self.conditions(mapping)
        self.check_columns(mapping, [condition.column for condition in wanted])
        columns = self.table(mapping).columns
        lookups = frozenset(name for name, info in columns.items() if info.type in _LOOKUPS)
        return (filters.outside_text if outside else filters.filter_text)(wanted, lookups)

    def filter_columns(self, mapping: IntegrationTableMapping) -> list[str]:
        """Return the columns that `inside` looks at: to be read too where Dataverse cannot filter itself."""
        return [condition.column for condition in self.conditions(mapping)]

    def inside(self, mapping: IntegrationTableMapping, row: RemoteRow) -> bool:
        """Return whether a row is inside the integration table filter, evaluated here."""
        return filters.matches(self.conditions(mapping), row.values.get)

    # -- reading ---------------------------------------------------------------------------------------------------

    def size(self, mapping: IntegrationTableMapping) -> int | None:
        """Return how many rows are inside the integration filter, by one request; None where there are 5000 or more."""
        page = self._client.first_page(
            mapping.entity_set,
            select=[self._primary(mapping)],
            filter=self.filter_text(mapping),
            page_size=1,
            count=True,
        )
        return page.count if page.count is not None and page.count < PAGE_SIZE else None

    def scan(
        self,
        mapping: IntegrationTableMapping,
        columns: Sequence[str],
        *,
        link: str | None = None,
        track_changes: bool = False,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[ScanPage]:
        """Yield all rows of the table inside the integration filter, page by page.

        link: a stored next link to go on from, or a delta link to read the changes since. track_changes: ask for a
        delta link; Dataverse then refuses filters, so rows come from outside the filter too (see `inside`).
        """
        read = self._readers(mapping, columns)
        page: Page | None
        if link is not None:
            page = self._client.page(link, page_size=page_size, track_changes=track_changes)
        else:
            page = self._first(mapping, columns, track_changes=track_changes, page_size=page_size)
        while page is not None:
            yield ScanPage(
                [self._row(mapping, row, read) for row in page.rows], page.next_link, page.delta_link, page.deleted
            )
            following = page.next_link
            page = self._client.page(following, page_size=page_size, track_changes=track_changes) if following else None

    def scan_columns(self, mapping: IntegrationTableMapping, columns: Sequence[str]) -> Iterator[ColumnPage]:
        """Yield all rows inside the integration filter, page by page and by column, in no order.

        The next pages are on their way while the caller works on this one.
        """
        read = self._readers(mapping, columns)
        primary = self._primary(mapping)
        dated = ranges.COLUMN in self.table(mapping).columns
        pages = table_scan.scan(
            self._client,
            mapping.entity_set,
            primary,
            select=self._select(mapping, columns),
            filter_text=self.filter_text(mapping),
            parallel_from_s=table_scan.PARALLEL_FROM_S if dated else math.inf,
        )
        for page in pages:
            yield self._column_page(mapping, page.rows, read)

    def scan_outside(
        self, mapping: IntegrationTableMapping, columns: Sequence[str], page_count: int
    ) -> Iterator[ColumnPage]:
        """Yield rows outside the integration filter by column, at most this many pages; none without a filter."""
        if not (text := self.filter_text(mapping, outside=True)):
            return
        read = self._readers(mapping, columns)
        pages = self._client.pages(mapping.entity_set, select=self._select(mapping, columns), filter=text)
        for page in islice(pages, page_count):
            yield self._column_page(mapping, page.rows, read)

    def _column_page(
        self, mapping: IntegrationTableMapping, rows: Sequence[Row], read: Mapping[str, str]
    ) -> ColumnPage:
        primary, name = self._primary(mapping), self._name(mapping)
        return ColumnPage(
            [row[primary] for row in rows],
            [row.get(name) for row in rows],
            {column: [row.get(wire) for row in rows] for column, wire in read.items()},
        )

    def probe(
        self, mapping: IntegrationTableMapping, columns: Sequence[str], wanted: Sequence[str], *, outside: bool = False
    ) -> list[RemoteRow]:
        """Return the rows that meet one of the $filter texts, inside the integration filter or outside; each once."""
        own = self.filter_text(mapping, outside=outside)
        read = self._readers(mapping, columns)
        select = self._select(mapping, columns)

        def read_rows(text: str) -> list[Row]:
            pages = self._client.pages(mapping.entity_set, select=select, filter=odata.all_of(own, text))
            return [row for page in pages for row in page.rows]

        found: dict[UUID, RemoteRow] = {}
        for rows in self._client.map(read_rows, wanted):
            for row in rows:
                made = self._row(mapping, row, read)
                found[made.id] = made
        return list(found.values())

    def read(
        self, mapping: IntegrationTableMapping, columns: Sequence[str], ids: Iterable[UUID]
    ) -> dict[UUID, RemoteRow]:
        """Return the rows with these ids, whatever the filter says; those that are gone are missing."""
        read = self._readers(mapping, columns)
        select = self._select(mapping, columns)
        table = self._written(mapping)
        parts = _parts(list(dict.fromkeys(ids)), bulk.MAX_ROWS)
        rows = (
            self._row(mapping, row, read)
            for found in self._client.map(lambda part: bulk.read(self._client, table, select, part), parts)
            for row in found
        )
        return {row.id: row for row in rows}

    def rows(self, table: str, columns: Sequence[str], equal: Mapping[str, Any]) -> list[RemoteRow]:
        """Return all rows of another table of the environment that have these values; few are expected."""
        info = self._client.table(table)
        read = {
            name: odata.lookup(name) if info.columns[name].type in _LOOKUPS else name
            for name in columns
            if name in info.columns
        }
        pages = self._client.pages(
            info.entity_set,
            select=[info.primary_id, *read.values()],
            filter=odata.all_of(*(odata.eq(name, value) for name, value in equal.items())),
        )
        return [
            RemoteRow(UUID(row[info.primary_id]), "", {name: row.get(wire) for name, wire in read.items()}, "")
            for page in pages
            for row in page.rows
        ]

    # -- writing ---------------------------------------------------------------------------------------------------

    def create(
        self, mapping: IntegrationTableMapping, items: Sequence[tuple[UUID, Mapping[str, Any]]]
    ) -> list[WriteResult]:
        """Create rows under ids chosen by the caller; one result per item, in order.

        A row that is there already under its id counts as created, so a repeat after a lost answer does no harm.
        Values: column -> JSON; a lookup's column takes the id of a row (or (table, id), or None to clear it). Raises
        Throttled and other errors of the environment as a whole; then some rows may be there: repeat with the same ids.
        """
        table = self._written(mapping)
        body = self._bodies(mapping)
        return _results(bulk.create_all(self._client, table, [(row_id, body(values)) for row_id, values in items]))

    def update(
        self, mapping: IntegrationTableMapping, items: Sequence[tuple[UUID, Mapping[str, Any], str]]
    ) -> list[WriteResult]:
        """Change rows, each only if its version is the one given ("" or "*": any); one result per item, in order."""
        table = self._written(mapping)
        body = self._bodies(mapping)
        changes = [(row_id, body(values), version) for row_id, values, version in items]
        return _results(bulk.update_all(self._client, table, changes))

    def delete(self, mapping: IntegrationTableMapping, items: Sequence[tuple[UUID, str]]) -> list[WriteResult]:
        """Delete rows, each only if its version is the one given ("" or "*": any). A row that is gone is done."""
        table = self._written(mapping)
        return _results(bulk.delete_all(self._client, table, items))

    def body(self, mapping: IntegrationTableMapping, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON body that sets these columns; lookups become bindings."""
        return self._bodies(mapping)(values)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _bodies(self, mapping: IntegrationTableMapping) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Return what makes the bodies of many rows: what a lookup becomes is found once for each row it leads to."""
        columns = self.table(mapping).columns
        lookups = {name: column for name, column in columns.items() if column.type in _LOOKUPS}
        bound: dict[tuple[str, Any], dict[str, str | None]] = {}

        def bind(name: str, value: Any) -> dict[str, str | None]:
            binds = lookups[name].binds
            table, row_id = value if isinstance(value, tuple) else (next(iter(binds), ""), value)
            if table not in binds:
                raise Invalid(
                    f"The column {name} of {mapping.integration_table} does not refer to {table or 'any table'}.",
                    reason="configuration",
                )
            entity_set = self._client.table(table).entity_set if row_id is not None else ""
            return odata.bind(binds[table], entity_set, row_id)

        def body(values: Mapping[str, Any]) -> dict[str, Any]:
            made: dict[str, Any] = {}
            for name, value in values.items():
                if name not in lookups:
                    made[name] = value
                    continue
                key = (name, tuple(value) if isinstance(value, list) else value)
                if (binding := bound.get(key)) is None:
                    binding = bound[key] = bind(*key)
                made |= binding
            return made

        return body

    def _written(self, mapping: IntegrationTableMapping) -> TableInfo:
        """Return the table as it is written to: its address and key are the mapping's."""
        return replace(
            self.table(mapping), name=mapping.integration_table, entity_set=mapping.entity_set,
            primary_id=self._primary(mapping),
        )  # fmt: skip

    def _first(
        self,
        mapping: IntegrationTableMapping,
        columns: Sequence[str],
        *,
        track_changes: bool = False,
        page_size: int = PAGE_SIZE,
    ) -> Page:
        return self._client.first_page(
            mapping.entity_set,
            select=self._select(mapping, columns),
            filter="" if track_changes else self.filter_text(mapping),
            page_size=page_size,
            track_changes=track_changes,
        )

    def _select(self, mapping: IntegrationTableMapping, columns: Sequence[str]) -> list[str]:
        return self.remote_columns(mapping, [self._primary(mapping), self._name(mapping), *columns])

    def _readers(self, mapping: IntegrationTableMapping, columns: Sequence[str]) -> dict[str, str]:
        return {name: self._read_name(mapping, name) for name in columns}

    def _read_name(self, mapping: IntegrationTableMapping, name: str) -> str:
        column = self.table(mapping).columns.get(name)
        if column is None:
            raise Invalid(
                f"Dataverse has no column {name!r} in the table {mapping.integration_table}; it may have been renamed "
                "or deleted there.",
                f"Disable the field mapping of {mapping.name} that names it on Integration Field Mapping List.",
                reason="unknown_column",
                said=f"{mapping.integration_table}.{name}",
            )
        return odata.lookup(name) if column.type in _LOOKUPS else name

    def _primary(self, mapping: IntegrationTableMapping) -> str:
        return mapping.uid_column or self.table(mapping).primary_id

    def _name(self, mapping: IntegrationTableMapping) -> str:
        return mapping.name_column or self.table(mapping).primary_name or self._primary(mapping)

    def _row(self, mapping: IntegrationTableMapping, row: Row, read: Mapping[str, str]) -> RemoteRow:
        return RemoteRow(
            UUID(row[self._primary(mapping)]),
            str(row.get(self._name(mapping)) or ""),
            {name: row.get(wire) for name, wire in read.items()},
            row.get("@odata.etag", ""),
        )


def _results(found: Iterable[bulk.RowResult]) -> list[WriteResult]:
    return [_result(result) for result in found]


def _result(result: bulk.RowResult) -> WriteResult:
    error = result.error
    if error is None:
        return WriteResult(result.id, True, result.version)
    return WriteResult(
        result.id,
        False,
        "",
        error.reason,
        error.user_message,
        error.detail,
        isinstance(error, VersionMismatch),
        error.retry_after if isinstance(error, Throttled) else None,
    )


def _parts(items: list[Part], size: int) -> Iterator[list[Part]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
