"""Many rows written with few requests, with one result per row.

CreateMultiple and UpdateMultiple are all or nothing and do not name the row at fault, so a refused one is followed by a
$batch in which each row stands for itself. A lost answer is followed by reading back: rows are created under ids chosen
by the caller, so what exists is done, and a change refused for its version is compared with the row, since that version
may come from our own lost request. Source: Web API, "Use bulk operation messages".
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

MAX_ROWS = 1000
"""Rows of one message, parts of one $batch."""
MAX_IDS_PER_FILTER = 200

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row; `version` is its new one where the service returns it."""

    id: UUID
    error: DataverseError | None = None
    version: str = ""


def create(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any]]]
) -> list[RowResult]:
    """Create up to MAX_ROWS rows under ids chosen by the caller; return one result per row, in order.

    A row that exists already under its id counts as created, so a repeat after a lost answer does no harm. Raises what
    concerns all rows alike (Throttled, SignInError, Unavailable); then some may exist: repeat with the same ids.
    """
    ids = [row_id for row_id, _ in rows]
    bodies = [{table.primary_id: str(row_id), **body} for row_id, body in rows]
    if len(rows) > 1:
        try:
            client.create_multiple(table.entity_set, table.name, bodies)
        except (Unavailable, InvalidAnswer) as lost:
            if not lost.outcome_unknown:
                raise
            return _create_missing(client, table, ids, bodies)
        except (Throttled, SignInError):
            raise
        except DataverseError:
            pass  # one row at fault refuses all; below each one stands for itself
        else:
            return [RowResult(row_id) for row_id in ids]
    return _create_singly(client, table, ids, bodies)


def update(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any], str]]
) -> list[RowResult]:
    """Change up to MAX_ROWS rows (id, body, version), each only if it still has that version; one result per row.

    A version of "" or "*" is any.
    """
    requests = [
        Request("PATCH", odata.key(table.entity_set, row_id), body, {"If-Match": version or "*"})
        for row_id, body, version in rows
    ]
    answers, sent_twice = _send(client, requests)
    results = [_result(row_id, answer) for (row_id, _, _), answer in zip(rows, answers, strict=True)]
    if sent_twice:
        late = [n for n, result in enumerate(results) if isinstance(result.error, VersionMismatch)]
        versions = versions_if_applied(client.batch, table.entity_set, [(rows[n][0], rows[n][1]) for n in late])
        for n, version in zip(late, versions, strict=True):
            if version is not None:
                results[n] = RowResult(rows[n][0], version=version)
    return results


def overwrite(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any]]]
) -> list[RowResult]:
    """Change up to MAX_ROWS rows whatever their version is; return one result per row, in order."""
    if len(rows) > 1:
        bodies = [{table.primary_id: str(row_id), **body} for row_id, body in rows]
        try:
            client.update_multiple(table.entity_set, table.name, bodies)
        except (Throttled, SignInError, Unavailable, InvalidAnswer):
            raise
        except DataverseError:
            pass  # one row at fault refuses all
        else:
            return [RowResult(row_id) for row_id, _ in rows]
    return update(client, table, [(row_id, body, "*") for row_id, body in rows])


def delete(client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, str]]) -> list[RowResult]:
    """Delete up to MAX_ROWS rows (id, version), each only if it still has that version; one that is gone is done."""
    requests = [
        Request("DELETE", odata.key(table.entity_set, row_id), None, {"If-Match": version or "*"})
        for row_id, version in rows
    ]
    answers = client.batch(requests)
    results = [_result(row_id, answer) for (row_id, _), answer in zip(rows, answers, strict=True)]
    return [RowResult(result.id) if isinstance(result.error, Gone) else result for result in results]


def read(client: DataverseClient, table: TableInfo, select: Sequence[str], ids: Sequence[UUID]) -> list[Row]:
    """Return the rows with these ids (at most MAX_ROWS), by one request; those that are gone are missing."""
    filters = [odata.one_of(table.primary_id, part) for part in _split(ids, MAX_IDS_PER_FILTER)]
    if len(filters) == 1:
        pages = client.pages(table.entity_set, select=select, filter=filters[0])
        return [row for page in pages for row in page.rows]
    requests = [Request("GET", odata.rows_path(table.entity_set, select=select, filter_text=text)) for text in filters]
    rows: list[Row] = []
    for answer in client.batch(requests) if requests else ():
        if answer.error is not None:
            raise answer.error
        rows += answer.body["value"]
    return rows


def _send(client: DataverseClient, requests: Sequence[Request]) -> tuple[list[PartResult], bool]:
    """Return the parts' results, and whether all were sent twice, since the first answer was lost."""
    try:
        return client.batch(requests, repeatable=False), False
    except (Unavailable, InvalidAnswer) as lost:
        if not lost.outcome_unknown:
            raise
    return client.batch(requests, repeatable=True), True


def _create_singly(
    client: DataverseClient, table: TableInfo, ids: Sequence[UUID], bodies: Sequence[Mapping[str, Any]]
) -> list[RowResult]:
    """Create rows by a $batch. It is sent again as it is when its answer is lost: the ids make that harmless."""
    answers = client.batch([Request("POST", table.entity_set, body) for body in bodies], repeatable=True)
    results = [_result(row_id, answer) for row_id, answer in zip(ids, answers, strict=True)]
    existing = _existing(client, table, [result.id for result in results if isinstance(result.error, Duplicate)])
    return [RowResult(result.id) if result.id in existing else result for result in results]


def _create_missing(
    client: DataverseClient, table: TableInfo, ids: Sequence[UUID], bodies: Sequence[Mapping[str, Any]]
) -> list[RowResult]:
    """Read back which rows exist after a lost answer, and create the others."""
    existing = _existing(client, table, ids)
    missing = [n for n, row_id in enumerate(ids) if row_id not in existing]
    created = _create_singly(client, table, [ids[n] for n in missing], [bodies[n] for n in missing]) if missing else []
    by_id = {result.id: result for result in created}
    return [by_id.get(row_id) or RowResult(row_id) for row_id in ids]


def _existing(client: DataverseClient, table: TableInfo, ids: Sequence[UUID]) -> set[UUID]:
    return {UUID(row[table.primary_id]) for row in read(client, table, [table.primary_id], ids)} if ids else set()


def _result(row_id: UUID, answer: PartResult) -> RowResult:
    if answer.error is None:
        return RowResult(row_id, version=answer.headers.get("etag", ""))
    if not isinstance(answer.error, DataverseError):
        raise answer.error
    return RowResult(row_id, answer.error)


def _split(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
