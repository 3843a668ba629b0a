"""Pages of rows and of tracked changes, read from answers; pure."""

from typing import Any
from uuid import UUID

import msgspec

from dataverse import bodies
from dataverse.errors import InvalidAnswer
from dataverse.odata import NAMES_TABLES
from dataverse.types import Page, Row

TRACK_CHANGES = "odata.track-changes"
"""The preference that asks for a delta link; it excludes a filter, an order and an expansion."""


class _Body(msgspec.Struct):
    value: list[dict[str, Any]]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")
    delta_link: str | None = msgspec.field(default=None, name="@odata.deltaLink")
    count: int | None = msgspec.field(default=None, name="@odata.count")


_decode = msgspec.json.Decoder(_Body).decode


def preferences(page_size: int, *, track_changes: bool, names_tables: bool) -> dict[str, str]:
    """Return the header that asks for pages of that size; names_tables: with the table that each lookup leads to."""
    asked = [f"odata.maxpagesize={page_size}"]
    asked += [TRACK_CHANGES] if track_changes else []
    asked += [NAMES_TABLES] if names_tables else []
    return {"Prefer": ",".join(asked)}


def parse_page(body: bytes) -> Page:
    """Return the page in an answer. Raises InvalidAnswer for one without a list of rows: it is never an empty page."""
    try:
        found = _read(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidAnswer(
            "Dataverse answered with something that is not a page of rows, so nothing was taken from it.",
            "Check the Environment URL and whether something stands between this machine and Dataverse.",
            said=str(error)[:300],
        ) from None
    rows, deleted = _split_deleted(found.value)
    return Page(rows, found.next_link, found.delta_link, deleted, found.count)


def _read(body: bytes) -> _Body:
    """Return the page; half characters in its texts cost neither their row nor the page."""
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _decode(bodies.readable(body))


def _split_deleted(values: list[Row]) -> tuple[list[Row], tuple[UUID, ...]]:
    """Return the rows, and the ids of deleted ones; those carry a context of their own."""
    if not any("@odata.context" in row for row in values):
        return values, ()
    rows: list[Row] = []
    deleted: list[UUID] = []
    for row in values:
        if str(row.get("@odata.context", "")).endswith("/$deletedEntity"):
            deleted.append(_deleted_id(row))
        else:
            rows.append(row)
    return rows, tuple(deleted)


def _deleted_id(entry: Row) -> UUID:
    """Return the id of a deleted row. Raises InvalidAnswer where the entry has none."""
    try:
        return UUID(str(entry["id"]))
    except (KeyError, ValueError):
        raise InvalidAnswer(
            "Dataverse names a deleted row without its id, so nothing was taken from the page."
        ) from None
