"""Many rows written with few requests, with one result per row.

CreateMultiple and UpdateMultiple are all or nothing and do not name the row at fault, so a refused one is followed by a
$batch in which each row stands for itself. Rows go in parts that are sized by what a row takes (`part_sizes`), so that
no answer is waited for in vain. An answer that is lost all the same is followed by reading back, never by sending the
same again unseen: rows are created under ids chosen by the caller, so what exists is done; a row that holds the values
of its change is done; and a change refused for its version is compared with the row, since that version may come from
our own lost request. Source: Web API, "Use bulk operation messages".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from dataverse import odata, part_sizes, retry
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
from dataverse.part_sizes import PartSize
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


def create_all(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any]]]
) -> list[RowResult]:
    """Create any number of rows, see `create`, in parts sized by time and as many at once as there are slots."""
    size, bounds = _size(client, "create", table), _bounds(part_sizes.CREATIONS)
    return client.map_parts(lambda part: create(client, table, part), rows, size, bounds)


def update_all(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any], str]]
) -> list[RowResult]:
    """Change any number of rows, see `update`, in parts sized by time and as many at once as there are slots."""
    size, bounds = _size(client, "update", table), _bounds(part_sizes.CHANGES)
    return client.map_parts(lambda part: update(client, table, part), rows, size, bounds)


def delete_all(client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, str]]) -> list[RowResult]:
    """Delete any number of rows, see `delete`, in parts sized by time and as many at once as there are slots."""
    size, bounds = _size(client, "delete", table), _bounds(part_sizes.CHANGES)
    return client.map_parts(lambda part: delete(client, table, part), rows, size, bounds)


def create(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any]]]
) -> list[RowResult]:
    """Create up to MAX_ROWS rows under ids chosen by the caller; return one result per row, in order.

    A row that exists already under its id counts as created, so a repeat after a lost answer does no harm. Raises what
    concerns all rows alike (Throttled, SignInError, Unavailable); then some may exist: repeat with the same ids.
    """
    new = [(row_id, {table.primary_id: str(row_id), **body}) for row_id, body in rows]
    if len(new) > 1:
        try:
            size = _size(client, "create", table)
            named = client.create_multiple(table.entity_set, table.name, [body for _, body in new], size=size)
        except (Unavailable, InvalidAnswer) as lost:
            if not lost.outcome_unknown:
                raise
            client.pause_after(lost)
            return _create_missing(client, table, new)
        except (Throttled, SignInError):
            raise
        except DataverseError:
            pass  # one row at fault refuses all; below each one stands for itself
        else:
            if named == [row_id for row_id, _ in rows]:
                return [RowResult(row_id) for row_id, _ in rows]
            return _create_unnamed(client, table, new, named)
    return _create_singly(client, table, new)


def update(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any], str]]
) -> list[RowResult]:
    """Change up to MAX_ROWS rows (id, body, version), each only if it still has that version; one result per row.

    A version of "" or "*" is any. Where an answer is lost, those rows are sent again that do not hold their values.
    """
    size = _size(client, "update", table)

    def send(part: Sequence[tuple[UUID, Mapping[str, Any], str]], repeated: bool) -> list[RowResult | None]:
        requests = [
            Request("PATCH", odata.key(table.entity_set, row_id), body, {"If-Match": version or "*"})
            for row_id, body, version in part
        ]
        answers = client.batch(requests, repeatable=False, size=size)
        results = [_result(row_id, answer) for (row_id, _, _), answer in zip(part, answers, strict=True)]
        # Refused for its version on a repeat: that version may be of our own request, which was carried out late.
        late = [n for n, result in enumerate(results) if repeated and isinstance(result.error, VersionMismatch)]
        for n, result in zip(late, read_back([part[n] for n in late]), strict=True):
            results[n] = result or results[n]
        return list(results)

    def read_back(part: Sequence[tuple[UUID, Mapping[str, Any], str]]) -> list[RowResult | None]:
        return _applied(client, table, [(row_id, body) for row_id, body, _ in part])

    return _carry_out(client, rows, send, read_back, size)


def overwrite(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any]]]
) -> list[RowResult]:
    """Change up to MAX_ROWS rows whatever their version is; return one result per row, in order."""
    size = _size(client, "overwrite", table)

    def send(part: Sequence[tuple[UUID, Mapping[str, Any]]], _: bool) -> list[RowResult | None]:
        if len(part) > 1:
            bodies = [{table.primary_id: str(row_id), **body} for row_id, body in part]
            try:
                client.update_multiple(table.entity_set, table.name, bodies, repeatable=False, size=size)
            except (Throttled, SignInError, Unavailable, InvalidAnswer):
                raise
            except DataverseError:
                pass  # one row at fault refuses all
            else:
                return [RowResult(row_id) for row_id, _ in part]
        return list(update(client, table, [(row_id, body, "*") for row_id, body in part]))

    def read_back(part: Sequence[tuple[UUID, Mapping[str, Any]]]) -> list[RowResult | None]:
        return _applied(client, table, part)

    return _carry_out(client, rows, send, read_back, size)


def delete(client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, str]]) -> list[RowResult]:
    """Delete up to MAX_ROWS rows (id, version), each only if it still has that version; one that is gone is done."""
    size = _size(client, "delete", table)

    def send(part: Sequence[tuple[UUID, str]], _: bool) -> list[RowResult | None]:
        requests = [
            Request("DELETE", odata.key(table.entity_set, row_id), None, {"If-Match": version or "*"})
            for row_id, version in part
        ]
        answers = client.batch(requests, repeatable=False, size=size)
        results = [_result(row_id, answer) for (row_id, _), answer in zip(part, answers, strict=True)]
        return [RowResult(result.id) if isinstance(result.error, Gone) else result for result in results]

    def read_back(part: Sequence[tuple[UUID, str]]) -> list[RowResult | None]:
        existing = _existing(client, table, [row_id for row_id, _ in part])
        return [None if row_id in existing else RowResult(row_id) for row_id, _ in part]

    return _carry_out(client, rows, send, read_back, size)


def read(client: DataverseClient, table: TableInfo, select: Sequence[str], ids: Sequence[UUID]) -> list[Row]:
    """Return the rows with these ids (at most MAX_ROWS), by one request; those that are gone are missing."""
    filters = [odata.one_of(table.primary_id, part) for part in split(ids, MAX_IDS_PER_FILTER)]
    if len(filters) == 1:
        pages = client.pages(table.entity_set, select=select, filter=filters[0])
        return [row for page in pages for row in page.rows]
    headers = {"Prefer": odata.NAMES_TABLES} if client.names_tables else {}
    requests = [
        Request("GET", odata.rows_path(table.entity_set, select=select, filter_text=text), None, headers)
        for text in filters
    ]
    rows: list[Row] = []
    for answer in client.batch(requests) if requests else ():
        if answer.error is not None:
            raise answer.error
        rows += answer.body["value"]
    return rows


def _carry_out(
    client: DataverseClient,
    rows: Sequence[Item],
    send: Callable[[Sequence[Item], bool], list[RowResult | None]],
    read_back: Callable[[Sequence[Item]], list[RowResult | None]],
    size: PartSize,
    *,
    lost: int = 0,
) -> list[RowResult]:
    """Send rows; where the answer is lost, read back what became of them and send those that are still to be done.

    send: takes rows, and whether they may be sent for the second time; read_back: returns None for rows that are still
    to be done; lost: how many answers were lost before. After a loss parts are as small as `size` has learned from it,
    and nothing is sent unseen. Raises what concerns all rows alike; for the answer after the last attempt, that it was
    lost.
    """
    results: list[RowResult | None] = [None] * len(rows)
    left = list(range(len(rows)))
    while left:
        now = left[: size.rows(_bounds(part_sizes.CHANGES))] if lost else left
        part = [rows[n] for n in now]
        try:
            found = send(part, lost > 0)
        except (Unavailable, InvalidAnswer) as error:
            lost += 1
            if not error.outcome_unknown or lost >= retry.ATTEMPTS:
                raise
            client.pause_after(error)
            found = read_back(part)
        else:
            lost += any(_is_unknown(one) for one in found)
            found = _looked_up(client, part, found, read_back, last=lost >= retry.ATTEMPTS)
        for n, result in zip(now, found, strict=True):
            results[n] = result
        left = [n for n in left if results[n] is None]
    return [result for result in results if result is not None]


def _is_unknown(result: RowResult | None) -> bool:
    """Return whether a row's answer leaves open whether it was carried out."""
    return result is not None and result.error is not None and result.error.outcome_unknown


def _looked_up(
    client: DataverseClient,
    rows: Sequence[Item],
    found: list[RowResult | None],
    read_back: Callable[[Sequence[Item]], list[RowResult | None]],
    *,
    last: bool,
) -> list[RowResult | None]:
    """Return the results of a part, those that leave open what was done read back.

    What is done is done; the rest is None, to be sent again, or stays the error where `last` says that it is not.
    """
    unknown = [n for n, one in enumerate(found) if _is_unknown(one)]
    if not unknown:
        return found
    first = found[unknown[0]]
    if isinstance(first, RowResult) and isinstance(first.error, DataverseError):
        client.pause_after(first.error)
    for n, result in zip(unknown, read_back([rows[n] for n in unknown]), strict=True):
        found[n] = result or (found[n] if last else None)
    return found


def _create_singly(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any]]], *, lost: int = 0
) -> list[RowResult]:
    """Create rows by a $batch, each by itself; `lost`: how many answers were lost before."""
    size = _size(client, "create singly", table)

    def send(part: Sequence[tuple[UUID, Mapping[str, Any]]], _: bool) -> list[RowResult | None]:
        requests = [Request("POST", table.entity_set, body) for _, body in part]
        answers = client.batch(requests, repeatable=False, size=size)
        results = [_result(row_id, answer) for (row_id, _), answer in zip(part, answers, strict=True)]
        existing = _existing(client, table, [result.id for result in results if isinstance(result.error, Duplicate)])
        return [RowResult(result.id) if result.id in existing else result for result in results]

    def read_back(part: Sequence[tuple[UUID, Mapping[str, Any]]]) -> list[RowResult | None]:
        existing = _existing(client, table, [row_id for row_id, _ in part])
        return [RowResult(row_id) if row_id in existing else None for row_id, _ in part]

    return _carry_out(client, rows, send, read_back, size, lost=lost)


def _create_missing(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any]]]
) -> list[RowResult]:
    """Read back which rows exist after a lost answer, and create the others."""
    existing = _existing(client, table, [row_id for row_id, _ in rows])
    created = _create_singly(client, table, [row for row in rows if row[0] not in existing], lost=1)
    by_id = {result.id: result for result in created}
    return [by_id.get(row_id) or RowResult(row_id) for row_id, _ in rows]


def _create_unnamed(
    client: DataverseClient, table: TableInfo, rows: Sequence[tuple[UUID, Mapping[str, Any]]], named: Sequence[UUID]
) -> list[RowResult]:
    """Read back which rows exist where the answer names others than were sent, and create those that surely do not.

    A row that may exist under an id of the service's own is refused: created again, there would be two of it.
    """
    ids = [row_id for row_id, _ in rows]
    existing = _existing(client, table, ids)
    if not _existing(client, table, [one for one in named if one not in set(ids)]):
        created = _create_singly(client, table, [row for row in rows if row[0] not in existing])
        by_id = {result.id: result for result in created}
        return [by_id.get(row_id) or RowResult(row_id) for row_id in ids]
    strange = InvalidAnswer(
        "Dataverse answered that it created the row under another id than the one it was given, so it is not coupled.",
        "Look for the row in Dataverse, and couple the record with it by hand.",
    )
    return [RowResult(row_id, None if row_id in existing else strange) for row_id in ids]


def _applied(
    client: DataverseClient, table: TableInfo, changes: Sequence[tuple[UUID, Mapping[str, Any]]]
) -> list[RowResult | None]:
    """Read back rows; return None for those that do not hold the values of their change."""
    versions = versions_if_applied(client.batch, table.entity_set, changes)
    return [
        None if version is None else RowResult(row_id, version=version)
        for (row_id, _), version in zip(changes, versions, strict=True)
    ]


def _size(client: DataverseClient, kind: str, table: TableInfo) -> PartSize:
    """Return the size of parts of one kind of writing to a table."""
    return client.part_size(kind, table.entity_set)


def _bounds(bounds: part_sizes.Bounds) -> part_sizes.Bounds:
    """Return bounds that keep parts below MAX_ROWS."""
    return part_sizes.Bounds(*(min(rows, MAX_ROWS) for rows in (bounds.least, bounds.most, bounds.spread_from)))


def _existing(client: DataverseClient, table: TableInfo, ids: Sequence[UUID]) -> set[UUID]:
    if not ids:
        return set()
    try:
        return {UUID(row[table.primary_id]) for row in read(client, table, [table.primary_id], ids)}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidAnswer("Dataverse answered with rows without their ids.") from None


def _result(row_id: UUID, answer: PartResult) -> RowResult:
    if answer.error is None:
        return RowResult(row_id, version=answer.headers.get("etag", ""))
    if not isinstance(answer.error, DataverseError):
        raise answer.error
    return RowResult(row_id, answer.error)


def split(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Yield items in parts of a size, the last one of what is left."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
