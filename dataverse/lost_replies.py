"""Whether changes whose reply was lost were applied: the rows are read back and compared with what was sent."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from dataverse import changes, odata
from dataverse.errors import Gone
from dataverse.types import PartResult, Request, Row

NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
"""The annotation that names, beside a lookup's value, the property it is written through."""

Send = Callable[[list[Request]], list[PartResult]]
"""Sends requests as one $batch; the results come in the same order."""


class Answered(Protocol):
    """An answer's body."""

    @property
    def body(self) -> bytes: ...  # noqa: D102


Ask = Callable[[str, str], Answered]
"""Sends one request, by method and path."""


def versions_if_applied(
    send: Send, entity_set: str, changes: Sequence[tuple[UUID, Mapping[str, Any]]]
) -> list[str | None]:
    """Return per change (row id, body) the row's version where the row holds what the body sets, else None.

    Raises what `send` raises.
    """
    if not changes:
        return []
    # All columns, with the names lookups are written through: so a body can be compared without metadata.
    headers = {"Prefer": f'odata.include-annotations="{NAVIGATION}"'}
    results = send([Request("GET", odata.key(entity_set, row_id), None, headers) for row_id, _ in changes])
    return [
        str(result.body.get("@odata.etag", "")) if result.error is None and _holds(result.body, body) else None
        for result, (_, body) in zip(results, changes, strict=True)
    ]


def is_there(send: Ask, address: str) -> bool:
    """Return whether there is a row at an address. Raises what `send` raises."""
    try:
        send("GET", address + odata.query({"$select": "createdon"}))
    except Gone:
        return False
    return True


def is_member(send: Ask, collection: str, key: str, row_id: str) -> bool:
    """Return whether a collection of a row has the row of this id, in its table's column `key`, in it.

    Raises what `send` raises.
    """
    asked = odata.query({"$select": key, "$filter": odata.eq(key, UUID(row_id))})
    return bool(changes.parse_page(send("GET", collection + asked).body).rows)


def _holds(row: Row, body: Mapping[str, Any]) -> bool:
    """Return whether a row read with its annotations has every value that a body sets."""
    bound = {value: row.get(name.partition("@")[0]) for name, value in row.items() if name.endswith(f"@{NAVIGATION}")}
    for name, value in body.items():
        if name.endswith("@odata.bind"):
            current = bound.get(name.removesuffix("@odata.bind"))
            if (current or "") != (str(value).rpartition("(")[2].rstrip(")").lower() if value else ""):
                return False
        elif "@" not in name and not _equal(row.get(name), value):
            return False
    return True


def _equal(current: Any, sent: Any) -> bool:
    """Return whether a column's JSON value is the one sent; blank text is read back as null."""
    if current is None or sent is None or isinstance(current, bool) or isinstance(sent, bool):
        if isinstance(sent, str) or isinstance(current, str):
            return (current or None) == (sent or None)
        return current is sent
    if isinstance(current, int | float | Decimal) and isinstance(sent, int | float | Decimal):
        return Decimal(str(current)) == Decimal(str(sent))
    return str(current) == str(sent)
