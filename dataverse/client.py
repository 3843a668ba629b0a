"""The client of one Dataverse environment: records, bulk messages, changes, metadata, organization.

Only connection_setup.connection.clients and coupling.gateway use it; everything else asks them.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar
from uuid import UUID

from dataverse import bodies, changes, metadata, odata, whose_fault
from dataverse.acceptance import Accept, SignedIn
from dataverse.batch_sender import BatchSender
from dataverse.concurrency import map_in_order, map_parts
from dataverse.errors import DataverseError, Duplicate, Gone, InvalidAnswer, Unavailable, VersionMismatch
from dataverse.http_session import Timeouts
from dataverse.lost_replies import is_member, is_there, versions_if_applied
from dataverse.metadata_cache import cache_for
from dataverse.organization import read_organization
from dataverse.part_sizes import Bounds, PartSize
from dataverse.throttle import StoredWaits
from dataverse.tokens import ApplicationTokens, token_source_for
from dataverse.transport import Answer, TokenSource, Transport, Writes
from dataverse.types import (
    Credentials,
    Environment,
    Organization,
    Page,
    PartResult,
    Ping,
    Request,
    Row,
    TableInfo,
    Usage,
    WhoAmI,
)

MAX_PAGE_SIZE = 5000
"""Rows of a page; the service counts no further either."""
_METADATA = ("EntityDefinitions", "RelationshipDefinitions", "GlobalOptionSetDefinitions", "ImportSolution", "Publish")
"""Writing below these paths changes table metadata."""

Rows = Sequence[Mapping[str, Any]]
Item = TypeVar("Item")
Result = TypeVar("Result")


class DataverseClient:
    """One environment, signed in by credentials or as a person. Thread-safe; connections and tokens outlive it.

    Every method raises DataverseError. `sleep` is called with the seconds to wait before a request is sent again;
    `stored_waits` is where other processes find what one of them was told to wait. `accept` is called with who is
    signed in and where, before every read of a table and every batch of writes; what it raises, all raise.
    """

    def __init__(
        self,
        environment: Environment,
        credentials: Credentials | TokenSource,
        *,
        usage: Usage | None = None,
        timeouts: Timeouts | None = None,
        sleep: Callable[[float], None] = time.sleep,
        accept: Accept | None = None,
        stored_waits: StoredWaits | None = None,
    ) -> None:
        self._timeouts = timeouts = timeouts or Timeouts()
        self.usage = usage if usage is not None else Usage()
        if isinstance(credentials, Credentials):
            credentials = token_source_for(credentials, environment, timeouts)
        self._tokens: TokenSource = credentials
        self._transport = Transport(
            environment, self._tokens, usage=self.usage, timeouts=timeouts, sleep=sleep, stored_waits=stored_waits
        )
        self._tables = cache_for(self._transport.origin)
        self._lock = threading.Lock()
        self.names_tables = False
        self._signed_in = SignedIn(self._ask_who, accept, person=not isinstance(credentials, ApplicationTokens))
        self._batches = BatchSender(self._send, self._transport, self._tables, self._signed_in.asked)

    @property
    def concurrency(self) -> int:
        """How many requests this user may have under way: at first as recommended (x-ms-dop-hint), then as learned."""
        return self._transport.slots.limit

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield `work` of every item in order, as many at once as the service accepts; one read to `accept`."""
        remaining = iter(items)
        for first in remaining:  # without an item nothing is asked
            self._signed_in.begin()  # in the caller's thread, not in one of those that work
            yield from map_in_order(self._signed_in.part(work), chain([first], remaining), self._transport.slots)

    def map_parts(
        self, work: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item], size: PartSize, bounds: Bounds
    ) -> list[Result]:
        """Return what `work` returns for all items, given to it in parts of that size, side by side; see `map_parts`.

        Raises what `work` raises; the parts under way then are waited for. To `accept` it is one batch of writes.
        """
        if items:
            self._signed_in.begin()
        return map_parts(self._signed_in.part(work), items, size, bounds, self._transport.slots)

    def part_size(self, kind: str, table: str) -> PartSize:
        """Return the size of the parts of one kind of writing to a table, as learned so far."""
        return self._transport.part_sizes.of(kind, table, read_timeout_s=self._timeouts.read)

    def pause_after(self, error: DataverseError) -> None:
        """Wait before a write that failed in the service is read back. Raises Throttled."""
        self._transport.pause_after(error)

    def ping(self) -> Ping:
        """Ask whether a Web API answers at the address, without a sign-in. Raises ConfigurationError, Unavailable."""
        return self._transport.ping()

    def drop_token(self) -> None:
        """Drop the cached token: the next request shows whether the sign-in still works."""
        self._tokens.forget()

    def who_am_i(self) -> WhoAmI:
        """Return the token's user, its business unit and organization, as they are where the caller begins now."""
        return self._signed_in.who()

    def organization(self) -> Organization:
        """Return the organization with its base currency. Raises Gone when it is not shown to the user."""
        return read_organization(self)

    def table(self, logical_name: str) -> TableInfo:
        """Return a table's metadata, read in one request and cached for the whole process for a minute.

        Raises Invalid (configuration) when there is no such table.
        """

        def read() -> TableInfo:
            self._signed_in.require_accepted(anew=True)
            return metadata.read_table(self.batch, logical_name)

        return self._tables.get(logical_name, read)

    def forget_tables(self) -> None:
        """Drop the cached table metadata: something outside changed it."""
        self._tables.forget()

    # -- reading -------------------------------------------------------------------------------------------------

    def pages(
        self,
        entity_set: str,
        *,
        select: Sequence[str],
        filter: str = "",  # noqa: A002 - the query option's own name
        order_by: str = "",
        expand: str = "",
        page_size: int = MAX_PAGE_SIZE,
        count: bool = False,
        track_changes: bool = False,
    ) -> Iterator[Page]:
        """Yield all pages of a query, one at a time; the last one has the delta link when changes are tracked."""
        yield (page := self.first_page(
            entity_set, select=select, filter=filter, order_by=order_by, expand=expand, page_size=page_size,
            count=count, track_changes=track_changes,
        ))  # fmt: skip
        while page.next_link:
            yield (page := self.page(page.next_link, page_size=page_size, track_changes=track_changes, goes_on=True))

    def first_page(
        self,
        entity_set: str,
        *,
        select: Sequence[str],
        filter: str = "",  # noqa: A002 - the query option's own name
        order_by: str = "",
        expand: str = "",
        page_size: int = MAX_PAGE_SIZE,
        count: bool = False,
        track_changes: bool = False,
    ) -> Page:
        """Return the first page of a query. `track_changes` excludes a filter, an order and an expansion."""
        path = odata.rows_path(
            entity_set, select=select, filter_text=filter, order_by=order_by, expand=expand, count=count
        )
        return self.page(path, page_size=page_size, track_changes=track_changes)

    def page(
        self, link: str, *, page_size: int = MAX_PAGE_SIZE, track_changes: bool = False, goes_on: bool = False
    ) -> Page:
        """Return the page behind a stored next or delta link. Raises ChangesExpired when the delta link has expired.

        goes_on: this client read the page before it, so no read begins here. A link to another origin raises
        InvalidAnswer and is not followed, whoever it comes from.
        """
        if not goes_on:
            self._signed_in.begin()
        headers = changes.preferences(page_size, track_changes=track_changes, names_tables=self.names_tables)
        page = changes.parse_page(self._send("GET", link, headers=headers).body)
        for following in filter(None, (page.next_link, page.delta_link)):
            self._transport.url(following)  # raises for another origin
        self._count(read=len(page.rows))
        return page

    def count(self, entity_set: str, *, filter: str = "") -> int:  # noqa: A002 - the query option's own name
        """Return how many rows there are, exactly. The service counts to 5000; beyond that all pages are read."""
        self._signed_in.begin()
        answer = self._send("GET", f"{entity_set}/$count" + odata.query({"$filter": filter}))
        try:
            counted = int(answer.body.decode("utf-8-sig"))
        except ValueError:
            raise InvalidAnswer("Dataverse answered a query for a number with something else.") from None
        if counted < MAX_PAGE_SIZE:
            return counted
        # A row carries its id in any case, so one narrow column is enough.
        return sum(len(page.rows) for page in self.pages(entity_set, select=["createdon"], filter=filter))

    def get(self, entity_set: str, row_id: UUID | str, *, select: Sequence[str]) -> Row:
        """Return one row. Raises Gone when it does not exist."""
        self._signed_in.begin()
        path = odata.key(entity_set, row_id) + odata.query({"$select": ",".join(select)})
        row: Row = self._json(self._send("GET", path))
        self._count(read=1)
        return row

    def create(self, entity_set: str, row: Mapping[str, Any], *, primary_id: str = "") -> UUID:
        """Create a row and return its id.

        With `primary_id` (the key column's name) the row carries its own id: then the request is sent again after a
        lost answer, and Duplicate on that repeat means done. Otherwise nothing is sent twice.
        """
        self._signed_in.begin()
        row_id = row.get(primary_id) if primary_id else None
        try:
            answer = self._send("POST", entity_set, body=bodies.encode(row))
        except Unavailable as lost:
            if row_id is None or not lost.outcome_unknown:
                raise
            self._transport.pause_after(lost)
            return self._create_again(entity_set, row, UUID(str(row_id)))
        self._count(written=1)
        return bodies.created_id(answer.headers)

    def update(
        self, entity_set: str, row_id: UUID | str, changes: Mapping[str, Any], *, if_match: str = "*"
    ) -> str | None:
        """Change a row that exists; return its new version where the service names it.

        if_match: the version the change is based on ("*": any). Raises VersionMismatch, Gone. After a lost answer the
        change is sent again; when its version is refused then, the row itself shows whether the first one was applied.
        """
        self._signed_in.begin()
        path, body, headers = odata.key(entity_set, row_id), bodies.encode(changes), {"If-Match": if_match}
        try:
            answer = self._send("PATCH", path, body=body, headers=headers, repeatable=False)
        except Unavailable as lost:
            if not lost.outcome_unknown:
                raise
            self._transport.pause_after(lost)
            try:
                answer = self._send("PATCH", path, body=body, headers=headers)
            except VersionMismatch:
                (version,) = versions_if_applied(self.batch, entity_set, [(UUID(str(row_id)), changes)])
                if version is None:
                    raise
                return version
        self._count(written=1)
        return answer.headers.get("ETag")

    def delete(self, entity_set: str, row_id: UUID | str, *, if_match: str = "*") -> None:
        """Delete a row. Raises VersionMismatch, Gone; after a lost answer a row that is gone counts as deleted."""
        self._signed_in.begin()
        path, headers = odata.key(entity_set, row_id), {"If-Match": if_match}
        try:
            self._send("DELETE", path, headers=headers, repeatable=False)
        except Unavailable as lost:
            if not lost.outcome_unknown:
                raise
            self._transport.pause_after(lost)
            with contextlib.suppress(Gone):
                self._send("DELETE", path, headers=headers)
        self._count(written=1)

    def create_multiple(self, entity_set: str, table: str, rows: Rows, *, size: PartSize | None = None) -> list[UUID]:
        """Create rows, all or none, and return their ids in order; `size` learns from the time that takes.

        Raises Unavailable with `outcome_unknown` when the answer was lost: then read back which of the ids exist.
        """
        path, targets = f"{entity_set}/{bodies.qualified('CreateMultiple')}", bodies.with_type(table, rows)
        body = self.action(path, {"Targets": targets}, writes=Writes.of(rows, size))
        try:
            ids = [UUID(value) for value in body["Ids"]]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InvalidAnswer("Dataverse did not say which rows it created.", outcome_unknown=True) from None
        self._count(written=len(ids))
        return ids

    def update_multiple(
        self, entity_set: str, table: str, rows: Rows, *, repeatable: bool = True, size: PartSize | None = None
    ) -> None:
        """Change rows that carry their ids, all or none, whatever their version is; `size` learns from the time.

        It is safe to repeat; otherwise Unavailable with `outcome_unknown` says that the answer was lost.
        """
        body = bodies.encode({"Targets": bodies.with_type(table, rows)})
        path = f"{entity_set}/{bodies.qualified('UpdateMultiple')}"
        self._send("POST", path, body=body, repeatable=repeatable, writes=Writes.of(rows, size))
        self._count(written=len(rows))

    def batch(
        self,
        requests: Sequence[Request],
        *,
        continue_on_error: bool = True,
        repeatable: bool | None = None,
        size: PartSize | None = None,
    ) -> list[PartResult]:
        """Send up to 1000 requests in one; results in the same order, each with its error when it was refused.

        Parts refused for a limit, or because the service could not carry them out now, are sent again after a short
        wait; those that may have been carried out (`outcome_unknown`) only where the batch is repeatable: it has the
        same effect when carried out twice; unless told, a batch without POST parts is taken to. size: learns from the
        time it takes. Raises DataverseError; Throttled when nothing was carried out.
        """
        if repeatable is None:
            repeatable = all(request.method != "POST" for request in requests)
        results = self._batches.send(requests, continue_on_error=continue_on_error, repeatable=repeatable, size=size)
        carried_out = [one.method for one, result in zip(requests, results, strict=True) if result.error is None]
        self._count(written=sum(method != "GET" for method in carried_out))
        return results

    def associate(
        self, entity_set: str, row_id: UUID | str, navigation: str, other_set: str, other_id: UUID | str
    ) -> None:
        """Add a row to a collection of another, by the relationship's navigation property, unless it is in it."""
        body = {"@odata.id": self._transport.url(odata.key(other_set, other_id))}
        path = f"{odata.key(entity_set, row_id)}/{navigation}/$ref"
        try:
            self._send("POST", path, body=bodies.encode(body), repeatable=True)
        except Duplicate:
            collection, key = f"{odata.key(entity_set, row_id)}/{navigation}", f"{other_set.removesuffix('s')}id"
            if not is_member(self._send, collection, key, str(other_id)):
                raise
            return
        self._count(written=1)

    def action(
        self, path: str, body: Mapping[str, Any], *, repeatable: bool = False, writes: Writes | None = None
    ) -> Any:
        """Call an action; return its answer's body, None when it has none."""
        answer = self._send("POST", path, body=bodies.encode(body), repeatable=repeatable, writes=writes)
        return self._json(answer) if answer.body else None

    def define(self, path: str, body: Mapping[str, Any], *, solution: str) -> None:
        """Create a table, column or relationship below the metadata's paths, or a row, as a part of a solution.

        Raises Duplicate when it exists already: also where the answer to the first attempt was lost.
        """
        self._send(
            "POST", path, body=bodies.encode(body), headers={"MSCRM.SolutionUniqueName": solution}, repeatable=True
        )

    def function(self, path: str, **headers: str) -> Any:
        """Call a function, or read definitions, with these headers; return the answer's body."""
        return self._json(self._send("GET", path, headers=headers))

    def _create_again(self, entity_set: str, row: Mapping[str, Any], row_id: UUID) -> UUID:
        try:
            self._send("POST", entity_set, body=bodies.encode(row), repeatable=True)
        except Duplicate:
            if not is_there(self._send, odata.key(entity_set, row_id)):
                raise  # another row has the same key
        self._count(written=1)
        return row_id

    def _ask_who(self) -> Any:
        with whose_fault.told(self._signed_in.asked("GET", "WhoAmI")):
            return self._json(self._transport.send("GET", "WhoAmI"))

    def _send(self, method: str, path: str, **options: Any) -> Answer:
        self._signed_in.require_accepted()
        try:
            with whose_fault.told(self._signed_in.asked(method, path)):
                return self._transport.send(method, path, **options)
        except DataverseError as error:
            self._tables.forget_after(error)
            raise
        finally:
            if method != "GET" and path.startswith(_METADATA):
                self._tables.forget()

    def _json(self, answer: Answer) -> Any:
        return bodies.decode(answer.body, status=answer.status, request_id=answer.request_id)

    def _count(self, *, read: int = 0, written: int = 0) -> None:
        with self._lock:
            self.usage.rows_read += read
            self.usage.rows_written += written
