"""Bodies of requests as they go over the wire, and the id that the answer to a creation names."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from dataverse.errors import InvalidAnswer
from dataverse.types import Row

encode = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical").encode
"""Writes a body as JSON."""


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
