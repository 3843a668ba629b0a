"""Many rows written with few requests, and every row's own fate told.

CreateMultiple and UpdateMultiple are all or nothing and do not name the row that spoilt the whole, so a refused one is
followed by a $batch in which each row stands for itself. A lost answer is followed by reading back: rows are created
under ids chosen by the caller, so what is there is done, and a change refused for its version is compared with the
row, since the version may be the one our own lost request made.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from dataverse import odata
from dataverse.client import DataverseClient
from dataverse.errors import (
    DataverseError,
    Duplicate,
    Gone,
    InvalidAnswer,
    SignInError,
    Throttled,
    Unavailable,
    VersionMismatch,
)
from dataverse.lost_replies import versions_if_applied
from dataverse.types import PartResult, Request, Row, TableInfo

LARGEST = 1000
"""Rows of one message, parts of one $batch."""
IDS = 200
"""Ids in one filter."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row; `version` is its new one where the service tells it."""

    id: UUID
    error: DataverseError | None = None
    version: str = ""


def create(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any]]]
) -> list[RowResult]:
    """Create up to 1000 rows under ids the caller chose; one result per row, in order.

    A row that is there already under its id counts as created, so a repeat after a lost answer does no harm. Raises
    what concerns all rows alike (Throttled, SignInError, Unavailable); then some may be there: repeat with the same
    ids.
    """
    ids = [row_id for row_id, _ in rows]
    bodies = [{table.primary_id: str(row_id), **body} for row_id, body in rows]
    if len(rows) > 1:
        try:
            client.create_multiple(table.entity_set, table.name, bodies)
        except (Unavailable, InvalidAnswer) as lost:
            if not lost.outcome_unknown:
                raise
            return _settle(client, table, ids, bodies)
        except (Throttled, SignInError):
            raise
        except DataverseError:
            pass  # one row spoils the whole; below each one stands for itself
        else:
            return [RowResult(row_id) for row_id in ids]
    return _create_singly(client, table, ids, bodies)


def update(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any], str]]
) -> list[RowResult]:
    """Change up to 1000 rows, each only if its version is the one given ("" or "*": any); one result per row."""
    requests = [
        Request("PATCH", odata.key(table.entity_set, row_id), body, {"If-Match": version or "*"})
        for row_id, body, version in rows
    ]
    answers, doubted = _sent(client, requests)
    results = [_result(row_id, answer) for (row_id, _, _), answer in zip(rows, answers, strict=True)]
    if doubted:
        late = [n for n, result in enumerate(results) if isinstance(result.error, VersionMismatch)]
        versions = versions_if_applied(client.batch, table.entity_set, [(rows[n][0], rows[n][1]) for n in late])
        for n, version in zip(late, versions, strict=True):
            if version is not None:
                results[n] = RowResult(rows[n][0], version=version)
    return results


def overwrite(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any]]]
) -> list[RowResult]:
    """Change up to 1000 rows whatever their version is; one result per row, in order."""
    if len(rows) > 1:
        bodies = [{table.primary_id: str(row_id), **body} for row_id, body in rows]
        try:
            client.update_multiple(table.entity_set, table.name, bodies)
        except (Throttled, SignInError, Unavailable, InvalidAnswer):
            raise
        except DataverseError:
            pass  # one row spoils the whole
        else:
            return [RowResult(row_id) for row_id, _ in rows]
    return update(client, table, [(row_id, body, "*") for row_id, body in rows])


def delete(client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, str]]) -> list[RowResult]:
    """Delete up to 1000 rows, each only if its version is the one given; a row that is gone is done."""
    requests = [
        Request("DELETE", odata.key(table.entity_set, row_id), None, {"If-Match": version or "*"})
        for row_id, version in rows
    ]
    answers = client.batch(requests)
    results = [_result(row_id, answer) for (row_id, _), answer in zip(rows, answers, strict=True)]
    return [RowResult(result.id) if isinstance(result.error, Gone) else result for result in results]


def read(client: DataverseClient, table: TableInfo, select: Sequence[str], ids: Sequence[UUID]) -> list[Row]:
    """The rows with these ids (at most 1000), by one request; those that are gone are missing from the answer."""
    wanted = [odata.in_(table.primary_id, part) for part in _parts(ids, IDS)]
    if len(wanted) == 1:
        pages = client.pages(table.entity_set, select=select, filter=wanted[0])
        return [row for page in pages for row in page.rows]
    requests = [Request("GET", odata.rows(table.entity_set, select=select, filter_text=text)) for text in wanted]
    found: list[Row] = []
    for answer in client.batch(requests) if requests else ():
        if answer.error is not None:
            raise answer.error
        found += answer.body["value"]
    return found


def _sent(client: DataverseClient, requests: Sequence[Request]) -> tuple[list[PartResult], bool]:
    """The parts' results, and whether an answer was lost on the way, so that some were carried out twice."""
    try:
        return client.batch(requests, repeatable=False), False
    except (Unavailable, InvalidAnswer) as lost:
        if not lost.outcome_unknown:
            raise
    return client.batch(requests, repeatable=True), True


def _create_singly(
    client: DataverseClient, table: TableInfo, ids: Sequence[UUID], bodies: Sequence[Mapping[str, Any]]
) -> list[RowResult]:
    """A $batch of creates. Sent again as it is when its answer is lost: the ids make that harmless."""
    answers = client.batch([Request("POST", table.entity_set, body) for body in bodies], repeatable=True)
    results = [_result(row_id, answer) for row_id, answer in zip(ids, answers, strict=True)]
    there = _there(client, table, [result.id for result in results if isinstance(result.error, Duplicate)])
    return [RowResult(result.id) if result.id in there else result for result in results]


def _settle(
    client: DataverseClient, table: TableInfo, ids: Sequence[UUID], bodies: Sequence[Mapping[str, Any]]
) -> list[RowResult]:
    """After a lost answer: read back which rows are there, and create the others."""
    there = _there(client, table, ids)
    missing = [n for n, row_id in enumerate(ids) if row_id not in there]
    made = _create_singly(client, table, [ids[n] for n in missing], [bodies[n] for n in missing]) if missing else []
    by_id = {result.id: result for result in made}
    return [by_id.get(row_id) or RowResult(row_id) for row_id in ids]


def _there(client: DataverseClient, table: TableInfo, ids: Sequence[UUID]) -> set[UUID]:
    return {UUID(row[table.primary_id]) for row in read(client, table, [table.primary_id], ids)} if ids else set()


def _result(row_id: UUID, answer: PartResult) -> RowResult:
    if answer.error is None:
        return RowResult(row_id, version=answer.headers.get("etag", ""))
    if not isinstance(answer.error, DataverseError):
        raise answer.error
    return RowResult(row_id, answer.error)


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
