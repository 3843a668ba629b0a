"""The gateway: the only way to Dataverse for coupling and synchronization.

Its callers speak in mappings and columns; the Web API's names (entity sets, `_column_value`, bind annotations) stay
inside. It reads in pages and writes in bulk. Before every read of a table and every batch of writes its client makes
sure that the environment is the one the connection was made with: of another one nothing is read.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from uuid import UUID

from connection_setup.connection.clients import client_for
from connection_setup.connection.state import connection_of
from coupling import filters, row_bodies, row_filters
from coupling.day_values import ReadColumns, day_columns, day_of, zone_of
from coupling.models import IntegrationTableMapping
from coupling.rows import ColumnPage, RemoteRow, ScanPage, TooManyRows, WriteResult
from coupling.unmapped_rows import known_columns, unnamed_row
from coupling.write_results import write_results
from dataverse import bulk, metadata, odata, ranges, table_scan
from dataverse.choices import ColumnChoices
from dataverse.client import DataverseClient
from dataverse.errors import Invalid
from dataverse.types import Page, Row, TableInfo, TableName, Usage

PAGE_SIZE = 5000
"""Rows of a page, the most that the service gives at once."""


class Gateway:
    """Dataverse as one company's mappings see it; made for one job or request.

    `usage` counts the requests; `client` is another one than that of the company's enabled connection. Raises
    NotConnected when the company has no usable connection, DataverseError when Dataverse refuses.
    """

    def __init__(self, company: Any, usage: Usage | None = None, *, client: DataverseClient | None = None) -> None:
        self.company = company
        self.connection = connection_of(company)
        """The company's connection, as it was when this was made."""
        self._client: DataverseClient = client or client_for(company, usage, self.connection)

    @property
    def organization_id(self) -> UUID:
        """The organization behind the environment, which is the connection's own.

        Raises NotConnected (wrong_environment) when it is another, as does every other request.
        """
        return self._client.who_am_i().organization_id

    @property
    def company_row_id(self) -> UUID | None:
        """This company's row in tandem_company; None before the connection made one."""
        row_id: UUID | None = self.connection.company_row_id
        return row_id

    @property
    def requests(self) -> int:
        """How many requests were sent so far."""
        return self._client.usage.requests

    # -- metadata --------------------------------------------------------------------------------------------------

    def table_names(self) -> list[TableName]:
        """Return the tables that the environment has, by what they are called; one request."""
        return metadata.parse_table_names(self._client.function(metadata.TABLES))

    def table(self, mapping: IntegrationTableMapping) -> TableInfo:
        """Return the Dataverse table's metadata, which is read once per gateway."""
        return self._client.table(mapping.integration_table)

    def table_again(self, mapping: IntegrationTableMapping) -> TableInfo:
        """Return the Dataverse table's metadata as it is now: another process may have changed it."""
        self._client.forget_tables()
        return self.table(mapping)

    def remote_columns(self, mapping: IntegrationTableMapping, names: Iterable[str]) -> list[str]:
        """Return what to $select to read these columns. Raises Invalid (unknown_column), which names the column."""
        return [self._read_name(mapping, name) for name in dict.fromkeys(names)]

    def choices(self, mapping: IntegrationTableMapping) -> ColumnChoices:
        """Return the choices that the records of a mapping of choices are coupled with."""
        return ColumnChoices(self._client, mapping.integration_table, mapping.uid_column)

    def primary_column(self, mapping: IntegrationTableMapping) -> str:
        """Return the column of a row's id."""
        return mapping.uid_column or self.table(mapping).primary_id

    def name_column(self, mapping: IntegrationTableMapping) -> str:
        """Return the column that people know a row by."""
        return mapping.name_column or self.table(mapping).primary_name or self.primary_column(mapping)

    def check_columns(self, mapping: IntegrationTableMapping, names: Iterable[str]) -> None:
        """Raise Invalid (unknown_column) when Dataverse has not all of the columns."""
        self.remote_columns(mapping, names)

    def row_filter(self, mapping: IntegrationTableMapping) -> filters.Node:
        """Return the integration table filter as it counts. Raises Invalid (unknown_column), BadFilter."""
        return row_filters.row_filter(mapping, self.table(mapping).columns, self.company_row_id)

    def filter_text(self, mapping: IntegrationTableMapping, *, outside: bool = False) -> str:
        """Return the integration table filter as $filter text; outside: the filter of the rows that do not meet it."""
        wanted = self.row_filter(mapping)
        return (filters.outside_text if outside else filters.filter_text)(
            wanted, row_filters.lookups(self.table(mapping).columns)
        )

    def filter_columns(self, mapping: IntegrationTableMapping) -> list[str]:
        """Return the columns that `inside` looks at: to be read too where Dataverse cannot filter itself."""
        return filters.field_names(self.row_filter(mapping))

    def inside(self, mapping: IntegrationTableMapping, row: RemoteRow) -> bool:
        """Return whether a row is inside the integration table filter, evaluated here."""
        return filters.matches(self.row_filter(mapping), row.values.get)

    # -- reading ---------------------------------------------------------------------------------------------------

    def size(self, mapping: IntegrationTableMapping) -> int | None:
        """Return how many rows are inside the integration filter, by one request; None where there are 5000 or more."""
        return self._count(mapping, self.filter_text(mapping))

    def counts(self, mapping: IntegrationTableMapping, wanted: Sequence[filters.Node]) -> list[int | None]:
        """Return how many rows of the table each filter finds, a request each; None for 5000 or more.

        wanted: resolved with the table's columns. The mapping's own filter does not count.
        """
        lookups = row_filters.lookups(self.table(mapping).columns)
        texts = [filters.filter_text(node, lookups) for node in wanted]
        return list(self._client.map(lambda text: self._count(mapping, text), texts))

    def count_moved(self, before: IntegrationTableMapping, after: IntegrationTableMapping) -> list[int | None]:
        """Return how many rows leave one mapping's filter for that of another, and how many enter it, as `counts`."""
        ways = ((before, after), (after, before))
        texts = [(self.filter_text(one), self.filter_text(other, outside=True)) for one, other in ways]
        return list(self._client.map(lambda way: self._count(before, odata.all_of(*way)) if way[1] else 0, texts))

    def _count(self, mapping: IntegrationTableMapping, text: str) -> int | None:
        select = [self.primary_column(mapping)]
        page = self._client.first_page(mapping.entity_set, select=select, filter=text, page_size=1, count=True)
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
            page = (
                self._client.page(following, page_size=page_size, track_changes=track_changes, goes_on=True)
                if following
                else None
            )

    def scan_columns(self, mapping: IntegrationTableMapping, columns: Sequence[str]) -> Iterator[ColumnPage]:
        """Yield all rows inside the integration filter, page by page and by column, in no order.

        The next pages are on their way while the caller works on this one.
        """
        read = self._readers(mapping, columns)
        primary = self.primary_column(mapping)
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

    def _column_page(self, mapping: IntegrationTableMapping, rows: Sequence[Row], read: ReadColumns) -> ColumnPage:
        primary, name = self.primary_column(mapping), self.name_column(mapping)
        return ColumnPage(
            [row[primary] for row in rows],
            [row.get(name) for row in rows],
            {column: [row.get(wire) for row in rows] for column, wire in read.wires.items()}
            | {day.name: [day_of(row.get(day.name), day, read.zone) for row in rows] for day in read.days},
        )

    def probe(
        self,
        mapping: IntegrationTableMapping,
        columns: Sequence[str],
        wanted: Sequence[str],
        *,
        outside: bool = False,
        pages: int | None = None,
        whole: bool = False,
        page_size: int = PAGE_SIZE,
    ) -> list[RemoteRow]:
        """Return the rows that meet one of the $filter texts, inside the integration filter or outside; each once.

        pages: at most so many of each text, None for all; whole: where there are more, TooManyRows is raised.
        """
        own = self.filter_text(mapping, outside=outside)
        read, select = self._readers(mapping, columns), self._select(mapping, columns)

        def read_rows(text: str) -> list[Row]:
            text = odata.all_of(own, text)
            found = self._client.pages(mapping.entity_set, select=select, filter=text, page_size=page_size)
            rows = [row for page in islice(found, pages) for row in page.rows]
            if whole and next(found, None) is not None:
                raise TooManyRows
            return rows

        made = (self._row(mapping, row, read) for rows in self._client.map(read_rows, wanted) for row in rows)
        return list({row.id: row for row in made}.values())

    def look_up(
        self, mapping: IntegrationTableMapping, columns: Sequence[str], wanted: str, *, link: str = "", page_size: int
    ) -> ScanPage:
        """Return a page of the rows that meet a $filter text, by name, whatever the mapping's filter says.

        link: the next link of the page before.
        """
        select, name = self._select(mapping, columns), self.name_column(mapping)
        page = self._client.page(link, page_size=page_size) if link else self._client.first_page(
            mapping.entity_set, select=select, filter=wanted, order_by=name, page_size=page_size
        )  # fmt: skip
        read = self._readers(mapping, columns)
        return ScanPage([self._row(mapping, row, read) for row in page.rows], page.next_link)

    def read(
        self, mapping: IntegrationTableMapping, columns: Sequence[str], ids: Iterable[UUID]
    ) -> dict[UUID, RemoteRow]:
        """Return the rows with these ids, whatever the filter says; those that are gone are missing."""
        read = self._readers(mapping, columns)
        select = self._select(mapping, columns)
        table = self._written(mapping)
        parts = bulk.split(list(dict.fromkeys(ids)), bulk.MAX_ROWS)
        rows = (
            self._row(mapping, row, read)
            for found in self._client.map(lambda part: bulk.read(self._client, table, select, part), parts)
            for row in found
        )
        return {row.id: row for row in rows}

    def rows(self, table: str, columns: Sequence[str], equal: Mapping[str, Any]) -> list[RemoteRow]:
        """Return all rows of another table of the environment that have these values; few are expected."""
        info = self._client.table(table)
        read, wires = known_columns(info, columns), known_columns(info, equal)
        text = odata.all_of(*(odata.eq(wires.get(name, name), value) for name, value in equal.items()))
        pages = self._client.pages(info.entity_set, select=[info.primary_id, *read.values()], filter=text)
        return [unnamed_row(info, row, read) for page in pages for row in page.rows]

    def rows_by_id(self, table: str, columns: Sequence[str], ids: Iterable[UUID]) -> list[RemoteRow]:
        """Return the rows of another table of the environment with these ids; those that are gone are missing."""
        info = self._client.table(table)
        read = known_columns(info, columns)
        select = [info.primary_id, *read.values()]
        parts = bulk.split(list(dict.fromkeys(ids)), bulk.MAX_ROWS)
        return [
            unnamed_row(info, row, read)
            for found in self._client.map(lambda part: bulk.read(self._client, info, select, part), parts)
            for row in found
        ]

    def search(self, table: str, text: str, most: int) -> list[tuple[UUID, str]]:
        """Return rows of another table of the environment whose name contains the text, by name; at most so many."""
        info = self._client.table(table)
        name = info.primary_name or info.primary_id
        wanted = odata.contains(name, odata.literal_pattern(text)) if text and info.primary_name else ""
        page = self._client.first_page(
            info.entity_set, select=[info.primary_id, name], filter=wanted, order_by=name, page_size=most
        )
        return [(UUID(row[info.primary_id]), str(row.get(name) or "")) for row in page.rows]

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
        return write_results(bulk.create_all(self._client, table, [(row_id, body(values)) for row_id, values in items]))

    def update(
        self, mapping: IntegrationTableMapping, items: Sequence[tuple[UUID, Mapping[str, Any], str]]
    ) -> list[WriteResult]:
        """Change rows, each only if its version is the one given ("" or "*": any); one result per item, in order."""
        table = self._written(mapping)
        body = self._bodies(mapping)
        changes = [(row_id, body(values), version) for row_id, values, version in items]
        return write_results(bulk.update_all(self._client, table, changes))

    def delete(self, mapping: IntegrationTableMapping, items: Sequence[tuple[UUID, str]]) -> list[WriteResult]:
        """Delete rows, each only if its version is the one given ("" or "*": any). A row that is gone is done."""
        table = self._written(mapping)
        return write_results(bulk.delete_all(self._client, table, items))

    def body(self, mapping: IntegrationTableMapping, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON body that sets these columns; lookups become bindings."""
        return self._bodies(mapping)(values)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _bodies(self, mapping: IntegrationTableMapping) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Return what makes the bodies of many rows: what a lookup becomes is found once for each row it leads to."""
        return row_bodies.body_maker(
            self.table(mapping), lambda name: self._client.table(name).entity_set, zone_of(mapping.day_zone)
        )

    def _written(self, mapping: IntegrationTableMapping) -> TableInfo:
        """Return the table as it is written to: its address and key are the mapping's."""
        return replace(
            self.table(mapping), name=mapping.integration_table, entity_set=mapping.entity_set,
            primary_id=self.primary_column(mapping),
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
        read = self.remote_columns(mapping, [self.primary_column(mapping), self.name_column(mapping), *columns])
        return list(dict.fromkeys(name.partition("@")[0] for name in read))

    def _readers(self, mapping: IntegrationTableMapping, columns: Sequence[str]) -> ReadColumns:
        wires = {name: self._read_name(mapping, name) for name in columns}
        return ReadColumns(wires, day_columns(self.table(mapping).columns, columns), zone_of(mapping.day_zone))

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
        if column.type == "EntityName":
            self._client.names_tables = True
            return odata.lookup_table(name)
        return odata.lookup(name) if column.type in row_filters.LOOKUPS else name

    def _row(self, mapping: IntegrationTableMapping, row: Row, read: ReadColumns) -> RemoteRow:
        values = {name: row.get(wire) for name, wire in read.wires.items()}
        for day in read.days:
            values[day.name] = day_of(values[day.name], day, read.zone)
        return RemoteRow(
            UUID(row[self.primary_column(mapping)]),
            str(row.get(self.name_column(mapping)) or ""),
            values,
            row.get("@odata.etag", ""),
        )
