"""Bodies of requests as they go over the wire, and the id that the answer to a creation names."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from dataverse.errors import InvalidAnswer
from dataverse.types import Row

encode = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical").encode
"""Writes a body as JSON."""
_decode = msgspec.json.Decoder().decode


_HALF_PAIR = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
"""Half of a surrogate pair in JSON, after an even number of backslashes."""


def readable(body: bytes) -> bytes:
    """Return a body in which halves of surrogate pairs, which stand for no character, are U+FFFD, and without a mark.

    A row may hold such a half where a text was cut at a length in UTF-16 units; the rest of its page is as good as any.
    """
    return _HALF_PAIR.sub(rb"\1\\ufffd", body.removeprefix(b"\xef\xbb\xbf"))


def decode(body: bytes, *, status: int = 0, request_id: str = "") -> Any:
    """Return the JSON in an answer. Raises InvalidAnswer where it is none, or no UTF-8."""
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            return _decode(readable(body))
    raise InvalidAnswer(
        "Dataverse answered with something that is not JSON.",
        "Check the Environment URL and whether something stands between this machine and Dataverse.",
        status=status,
        request_id=request_id,
    )


def qualified(name: str) -> str:
    """Return a name in the Web API's namespace."""
    return f"Microsoft.Dynamics.CRM.{name}"


def with_type(table: str, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return rows of a bulk message, each with the table's name."""
    return [{"@odata.type": qualified(table), **row} for row in rows]


def created_id(headers: Mapping[str, str]) -> UUID:
    """Return the id in the address of a created row. Raises InvalidAnswer where there is none."""
    address = headers.get("OData-EntityId", "")
    try:
        return UUID(address[address.rindex("(") + 1 : address.rindex(")")])
    except ValueError:
        raise InvalidAnswer("Dataverse did not say which row it created.", outcome_unknown=True) from None
