"""The client of one Dataverse environment: records, bulk messages, changes, metadata, organization.

Only connection_setup.services and coupling.gateway use it; everything else asks them.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from dataverse import batch as _batch
from dataverse import changes, metadata, odata, retry
from dataverse.concurrency import MOST
from dataverse.error_answers import refusal
from dataverse.errors import (
    DataverseError,
    Duplicate,
    Gone,
    Invalid,
    InvalidAnswer,
    Throttled,
    Unavailable,
    VersionMismatch,
)
from dataverse.lost_replies import versions_if_applied
from dataverse.metadata_cache import cache_of
from dataverse.throttle import patience_of
from dataverse.tokens import token_source
from dataverse.transport import Answer, Timeouts, TokenSource, Transport
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

LARGEST_PAGE = 5000
_decode = msgspec.json.Decoder().decode
_METADATA = ("EntityDefinitions", "RelationshipDefinitions", "GlobalOptionSetDefinitions", "ImportSolution", "Publish")
"""Writing below these changes what tables there are."""

Item = TypeVar("Item")
Made = TypeVar("Made")


class DataverseClient:
    """One environment, signed in by credentials or as a person. Thread-safe; connections and tokens outlive it.

    Every method raises DataverseError: what the service refused, with a sentence for the user.
    """

    def __init__(
        self,
        environment: Environment,
        credentials: Credentials | TokenSource,
        *,
        usage: Usage | None = None,
        timeouts: Timeouts | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        timeouts = timeouts or Timeouts()
        self.usage = usage if usage is not None else Usage()
        self._sleep = sleep
        self._tokens: TokenSource = (
            token_source(credentials, environment, timeouts) if isinstance(credentials, Credentials) else credentials
        )
        self._transport = Transport(
            environment,
            self._tokens,
            usage=self.usage,
            timeouts=timeouts,
            sleep=sleep,
        )
        self._patience = patience_of(self._tokens)
        self._tables = cache_of(self._transport.origin)
        self._lock = threading.Lock()

    # -- the environment -----------------------------------------------------------------------------------------

    @property
    def parallelism(self) -> int | None:
        """How many requests at once the service recommends (x-ms-dop-hint); None before it said so."""
        return self._transport.lanes.hint

    @property
    def lanes(self) -> int:
        """How many requests this user may have under way now: begun with the recommendation, then found out."""
        return self._transport.lanes.width

    @property
    def most(self) -> int:
        """More threads than this would only wait."""
        return MOST

    def map(self, work: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """`work` for every item, many at once as far as the service bears it; the answers in order.

        Items are taken a little ahead of what is consumed, so neither they nor the answers pile up.
        """
        coming = iter(items)
        first = list(islice(coming, 2))
        if len(first) < 2:
            yield from map(work, first)
            return
        pool = ThreadPoolExecutor(MOST, "dataverse")
        waiting: deque[Future[Made]] = deque(pool.submit(work, item) for item in first)
        try:
            while waiting:
                waiting.extend(
                    pool.submit(work, item) for item in islice(coming, max(0, 2 * self.lanes - len(waiting)))
                )
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def ping(self) -> Ping:
        """Whether a Web API answers at the address, without a sign-in."""
        return self._transport.ping()

    def sign_in_anew(self) -> None:
        """Drop the token that may be kept, so that the next request shows whether the sign-in still works."""
        self._tokens.forget()

    def who_am_i(self) -> WhoAmI:
        """The token's user, its business unit and organization."""
        body = self.function("WhoAmI")
        return WhoAmI(UUID(body["UserId"]), UUID(body["BusinessUnitId"]), UUID(body["OrganizationId"]))

    def version(self) -> str:
        """The environment's version, "9.2.24073.198"."""
        return str(self.function("RetrieveVersion()")["Version"])

    def organization(self) -> Organization:
        """The organization with its base currency."""
        columns = ["organizationid", "name", "languagecode", odata.lookup("basecurrencyid")]
        found = self.first_page("organizations", select=columns).rows
        if not found:
            raise Gone(
                "Dataverse shows no organization to the application user.",
                "Give its security role read access to the table Organization.",
            )
        row = found[0]
        currency = row.get(odata.lookup("basecurrencyid"))
        code = self.get("transactioncurrencies", currency, select=["isocurrencycode"]) if currency else {}
        return Organization(
            id=UUID(row["organizationid"]),
            name=row.get("name") or "",
            base_currency_id=UUID(currency) if currency else None,
            base_currency_code=code.get("isocurrencycode") or "",
            languages=(row["languagecode"],) if row.get("languagecode") else (),
        )

    def table(self, logical_name: str) -> TableInfo:
        """A table's metadata; read in one request, and known to the whole process for a minute."""
        return self._tables.get(logical_name, lambda: self._read_table(logical_name))

    def forget_tables(self) -> None:
        """Read tables anew when they are asked for next: something outside changed them."""
        self._tables.forget()

    def _read_table(self, logical_name: str) -> TableInfo:
        answers = self.batch(metadata.requests_for(logical_name))
        for answer in answers:
            if isinstance(answer.error, Gone):
                raise Invalid(
                    f"Dataverse has no table {logical_name}. It may belong to a solution that is not installed.",
                    "Install that solution in the environment.",
                    code=answer.error.code,
                    request_id=answer.error.request_id,
                    said=answer.error.said,
                    reason="configuration",
                )
            if answer.error:
                raise answer.error
        try:
            return metadata.table_info([answer.body for answer in answers])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidAnswer(f"Dataverse's description of the table {logical_name} cannot be read.") from error

    # -- reading -------------------------------------------------------------------------------------------------

    def pages(
        self,
        entity_set: str,
        *,
        select: Sequence[str],
        filter: str = "",  # noqa: A002 - the query option's own name
        order_by: str = "",
        expand: str = "",
        page_size: int = LARGEST_PAGE,
        count: bool = False,
        track_changes: bool = False,
    ) -> Iterator[Page]:
        """All pages of a query, one in memory at a time; the last one has the delta link when changes are tracked."""
        page = self.first_page(
            entity_set, select=select, filter=filter, order_by=order_by, expand=expand, page_size=page_size,
            count=count, track_changes=track_changes,
        )  # fmt: skip
        yield page
        while page.next_link:
            page = self.page(page.next_link, page_size=page_size, track_changes=track_changes)
            yield page

    def first_page(
        self,
        entity_set: str,
        *,
        select: Sequence[str],
        filter: str = "",  # noqa: A002 - the query option's own name
        order_by: str = "",
        expand: str = "",
        page_size: int = LARGEST_PAGE,
        count: bool = False,
        track_changes: bool = False,
    ) -> Page:
        """The first page of a query. `track_changes` goes with neither filter, order nor expansion."""
        path = odata.rows(entity_set, select=select, filter_text=filter, order_by=order_by, expand=expand, count=count)
        return self.page(path, page_size=page_size, track_changes=track_changes)

    def page(self, link: str, *, page_size: int = LARGEST_PAGE, track_changes: bool = False) -> Page:
        """The page behind a kept next or delta link. Raises ChangesExpired when the delta link is too old.

        A link to another origin raises InvalidAnswer and is not followed, whoever gave it.
        """
        prefer = f"odata.maxpagesize={page_size}" + (f",{changes.TRACK}" if track_changes else "")
        page = changes.page(self._send("GET", link, headers={"Prefer": prefer}).body)
        for following in (page.next_link, page.delta_link):
            if following:
                self._transport.url(following)
        self._read(len(page.rows))
        return page

    def count(self, entity_set: str, *, filter: str = "") -> int:  # noqa: A002 - the query option's own name
        """How many rows there are, exactly. The service counts to 5000; beyond that the ids are paged through."""
        answer = self._send("GET", f"{entity_set}/$count" + odata.query({"$filter": filter}))
        try:
            counted = int(answer.body.decode("utf-8-sig"))
        except ValueError:
            raise InvalidAnswer("Dataverse answered a question for a number with something else.") from None
        if counted < LARGEST_PAGE:
            return counted
        # Without a column of its own a row still carries its id, so the narrowest column there is will do.
        return sum(len(page.rows) for page in self.pages(entity_set, select=["createdon"], filter=filter))

    def get(self, entity_set: str, row_id: UUID | str, *, select: Sequence[str]) -> Row:
        """One row. Raises Gone when it does not exist."""
        path = odata.key(entity_set, row_id) + odata.query({"$select": ",".join(select)})
        row: Row = self._json(self._send("GET", path))
        self._read(1)
        return row

    # -- writing -------------------------------------------------------------------------------------------------

    def create(self, entity_set: str, row: Mapping[str, Any], *, primary_id: str = "") -> UUID:
        """Create a row and return its id.

        With `primary_id` (the key column's name) the row carries its own id: then a lost answer is followed by a
        repeat, and "already there" on that repeat means done. Otherwise nothing is sent twice.
        """
        own = row.get(primary_id) if primary_id else None
        if own is None:
            answer = self._send("POST", entity_set, body=_encode(row))
        else:
            try:
                answer = self._send("POST", entity_set, body=_encode(row))
            except Unavailable as lost:
                if not lost.outcome_unknown:
                    raise
                return self._create_again(entity_set, row, UUID(str(own)))
        self._wrote(1)
        return _created(answer)

    def update(
        self, entity_set: str, row_id: UUID | str, changes: Mapping[str, Any], *, if_match: str = "*"
    ) -> str | None:
        """Change a row that exists; the new version when the service tells it.

        if_match: the version the change is based on ("*": any). Raises VersionMismatch, Gone. After a lost answer the
        change is sent again; when its version is refused then, the row itself tells whether the lost one was done.
        """
        path, body, headers = odata.key(entity_set, row_id), _encode(changes), {"If-Match": if_match}
        try:
            answer = self._send("PATCH", path, body=body, headers=headers, repeatable=False)
        except Unavailable as lost:
            if not lost.outcome_unknown:
                raise
            try:
                answer = self._send("PATCH", path, body=body, headers=headers)
            except VersionMismatch:
                (version,) = versions_if_applied(self.batch, entity_set, [(UUID(str(row_id)), changes)])
                if version is None:
                    raise
                return version
        self._wrote(1)
        return answer.headers.get("ETag")

    def delete(self, entity_set: str, row_id: UUID | str, *, if_match: str = "*") -> None:
        """Delete a row. Raises VersionMismatch, Gone; after a lost answer a row that is gone is deleted."""
        path, headers = odata.key(entity_set, row_id), {"If-Match": if_match}
        try:
            self._send("DELETE", path, headers=headers, repeatable=False)
        except Unavailable as lost:
            if not lost.outcome_unknown:
                raise
            with contextlib.suppress(Gone):
                self._send("DELETE", path, headers=headers)
        self._wrote(1)

    def create_multiple(self, entity_set: str, table: str, rows: Sequence[Mapping[str, Any]]) -> list[UUID]:
        """Create rows, all or none, and return their ids in order.

        Raises Unavailable with `outcome_unknown` when the answer was lost: read the rows' ids back before going on.
        """
        body = self.action(f"{entity_set}/{_message('CreateMultiple')}", {"Targets": _typed(table, rows)})
        try:
            ids = [UUID(value) for value in body["Ids"]]
        except (KeyError, TypeError, ValueError):
            raise InvalidAnswer("Dataverse did not say which rows it created.", outcome_unknown=True) from None
        self._wrote(len(ids))
        return ids

    def update_multiple(self, entity_set: str, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Change rows that carry their ids, all or none, whatever their version is. Safe to repeat."""
        body = _encode({"Targets": _typed(table, rows)})
        self._send("POST", f"{entity_set}/{_message('UpdateMultiple')}", body=body, repeatable=True)
        self._wrote(len(rows))

    def batch(
        self, requests: Sequence[Request], *, continue_on_error: bool = True, repeatable: bool | None = None
    ) -> list[PartResult]:
        """Send up to 1000 requests in one; results in the same order, each with its error when it was refused.

        Parts refused for a limit, or because the service could not carry them out now, are sent again after a short
        wait. repeatable: whether carrying the whole batch out twice does no harm; without POST parts it does none
        unless told. Raises Throttled when nothing was carried out.
        """
        if repeatable is None:
            repeatable = all(request.method != "POST" for request in requests)
        results = self._batch(requests, continue_on_error, repeatable)
        attempt, slept = 1, 0.0
        while continue_on_error:
            late = [
                (index, result.error)
                for index, result in enumerate(results)
                if isinstance(result.error, Throttled | Unavailable)
            ]
            if not late:
                break
            # A limit's wait counts for all of them; it also is the one that goes on longest.
            slowest = max((error for _, error in late), key=lambda e: (isinstance(e, Throttled), e.retry_after or 0.0))
            step = retry.decide(slowest, attempt=attempt, slept=slept, repeatable=repeatable)
            if isinstance(step, retry.GiveUp):
                break
            # Whoever else sends as this user keeps still as long, and after a wait too long to sleep as well.
            until = self._patience.told(slowest, step.seconds) if isinstance(slowest, Throttled) else 0.0
            if isinstance(step, retry.Postpone):
                break
            with self._lock:
                self.usage.throttled += isinstance(slowest, Throttled)
            self._sleep(step.seconds)
            self._patience.over(until)
            attempt, slept = attempt + 1, slept + step.seconds
            again = self._batch([requests[index] for index, _ in late], continue_on_error, repeatable)
            for (index, _), result in zip(late, again, strict=True):
                results[index] = result
        self._count(requests, results)
        return results

    def associate(
        self, entity_set: str, row_id: UUID | str, navigation: str, other_set: str, other_id: UUID | str
    ) -> None:
        """Add a row to a collection of another, by the relationship's navigation property. Already there is fine."""
        body = {"@odata.id": self._transport.url(odata.key(other_set, other_id))}
        path = f"{odata.key(entity_set, row_id)}/{navigation}/$ref"
        try:
            self._send("POST", path, body=_encode(body), repeatable=True)
        except Duplicate:
            return
        self._wrote(1)

    def action(self, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Any:
        """Call an action; its answer's body, or None when it has none."""
        answer = self._send("POST", path, body=_encode(body), repeatable=repeatable)
        return self._json(answer) if answer.body else None

    def define(self, path: str, body: Mapping[str, Any], *, solution: str) -> None:
        """Make a table, column or relationship below the metadata's paths, or a row, as a part of a solution.

        Raises Duplicate when it is there already: also where the answer of the first try was lost.
        """
        self._send("POST", path, body=_encode(body), headers={"MSCRM.SolutionUniqueName": solution}, repeatable=True)

    def function(self, path: str) -> Any:
        """Call a function; its answer's body."""
        return self._json(self._send("GET", path))

    # -- inside --------------------------------------------------------------------------------------------------

    def _create_again(self, entity_set: str, row: Mapping[str, Any], own: UUID) -> UUID:
        with contextlib.suppress(Duplicate):  # then the lost request was carried out
            self._send("POST", entity_set, body=_encode(row), repeatable=True)
        self._wrote(1)
        return own

    def _batch(self, requests: Sequence[Request], continue_on_error: bool, repeatable: bool) -> list[PartResult]:
        mark = _batch.boundary()
        headers = {"Content-Type": f'multipart/mixed; boundary="{mark}"'}
        if continue_on_error:
            headers["Prefer"] = "odata.continue-on-error"
        body = _batch.encode(requests, root=self._transport.root, boundary=mark)
        answer = self._send("POST", "$batch", body=body, headers=headers, repeatable=repeatable)
        parts = _batch.decode(answer.body, answer.headers.get("Content-Type", ""))
        if len(parts) > len(requests) or (continue_on_error and len(parts) < len(requests)):
            raise InvalidAnswer(
                f"Dataverse answered {len(requests)} requests of a batch with {len(parts)} answers, so what was "
                "done is read back before going on.",
                request_id=answer.request_id,
                outcome_unknown=True,
            )
        results = [_result(part, answer.request_id) for part in parts]
        for result in results:
            self._tables.learn(result.error)
        skipped = Invalid("It was not sent on, because a request before it in the batch was refused.")
        return results + [PartResult(0, {}, error=skipped)] * (len(requests) - len(parts))

    def _send(self, method: str, path: str, **options: Any) -> Answer:
        try:
            return self._transport.send(method, path, **options)
        except DataverseError as error:
            self._tables.learn(error)
            raise
        finally:
            if method != "GET" and path.startswith(_METADATA):
                self._tables.forget()

    def _json(self, answer: Answer) -> Any:
        try:
            return _decode(answer.body)
        except msgspec.MsgspecError:
            raise InvalidAnswer(
                "Dataverse answered with something that is not JSON.",
                "Check the Environment URL and whether something stands between this machine and Dataverse.",
                status=answer.status,
                request_id=answer.request_id,
            ) from None

    def _count(self, requests: Sequence[Request], results: Sequence[PartResult]) -> None:
        done = [request.method for request, result in zip(requests, results, strict=True) if result.error is None]
        self._wrote(sum(method != "GET" for method in done))

    def _read(self, rows: int) -> None:
        with self._lock:
            self.usage.rows_read += rows

    def _wrote(self, rows: int) -> None:
        with self._lock:
            self.usage.rows_written += rows


_encode = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical").encode


def _message(name: str) -> str:
    return f"Microsoft.Dynamics.CRM.{name}"


def _typed(table: str, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    return [{"@odata.type": _message(table), **row} for row in rows]


def _created(answer: Answer) -> UUID:
    """The id in the address of a created row."""
    address = answer.headers.get("OData-EntityId", "")
    try:
        return UUID(address[address.rindex("(") + 1 : address.rindex(")")])
    except ValueError:
        raise InvalidAnswer("Dataverse did not say which row it created.", outcome_unknown=True) from None


def _result(part: _batch.Part, request_id: str) -> PartResult:
    own = part.headers.get("x-ms-service-request-id") or part.headers.get("req_id") or request_id
    if part.status >= 300:
        named = {"Retry-After": part.headers.get("retry-after", "")}
        return PartResult(part.status, part.headers, error=refusal(part.status, named, part.body, own))
    try:
        body = _decode(part.body) if part.body.strip() else None
    except msgspec.MsgspecError:
        error = InvalidAnswer("Dataverse answered a part of a batch with something that is not JSON.", request_id=own)
        return PartResult(part.status, part.headers, error=error)
    return PartResult(part.status, part.headers, body)
