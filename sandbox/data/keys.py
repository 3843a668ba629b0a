"""Alternate keys: finding a row by its values, and keeping these unique."""

from typing import Any

from sandbox.base.errors import ServiceError, query_error
from sandbox.base.values import decode, encode, parse_decimal, parse_guid
from sandbox.data.store import Store
from sandbox.metadata.model import LOOKUPS, Column, Key, Table
from sandbox.odata.lexer import tokenize


class NoSuchRow(ServiceError):
    """No row has the values of a key; an upsert then creates one with these `values` (property -> JSON value)."""

    def __init__(self, table: Table, values: dict[str, Any]) -> None:
        super().__init__(
            404, "0x80060891", f"A record with the specified key values does not exist in {table.name} entity"
        )
        self.values = values


def parse_key(text: str) -> dict[str, str] | None:
    """Return names and value tokens of a key like `name='value',other=5`; None where the text is no such key."""
    pairs: dict[str, str] = {}
    found = [one for one in tokenize(text) if one.kind != "end"]
    while found:
        if len(found) < 3 or found[0].kind != "name" or found[1].text != "=":
            return None
        pairs[found[0].text] = found[2].text
        found = found[3:]
        if found:
            if found[0].text != "," or len(found) == 1:
                return None
            found = found[1:]
    return pairs or None


def find_row(store: Store, table: Table, text: str, now: float) -> int:
    """Return the position of the row that a key's values name. `now` is in seconds since 1970.

    Raises NoSuchRow, or another ServiceError: no such key, several rows.
    """
    given = parse_key(text)
    if given is None:
        raise query_error(f"Bad Request - Error in query syntax: the key '{text}'.")
    columns = {name: _key_column(table, name) for name in given}
    wanted = {column.name for column in columns.values() if column is not None}
    key = next((one for one in table.keys.values() if set(one.columns) == wanted), None)
    if key is None or None in columns.values():
        raise query_error(
            f"The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{table.name}'. Ensure that "
            "the names and number of key properties match the declared or alternate key properties for the resource."
        )
    if key.status(now) != "Active":
        raise ServiceError(
            400, "0x80060890", f"The specified key attributes are not a defined key for the {table.name} entity"
        )
    values = {name: _parse_value(column, given[name]) for name, column in columns.items() if column is not None}
    rows = store.rows[table.name]
    positions: list[int] | None = None
    for name, column in columns.items():
        if column is None:
            continue
        target = decode(column, encode(table, column, values[name]))
        held = rows.column_values(column.name)
        positions = [i for i in (rows.live_positions() if positions is None else positions) if held[i] == target]
    if not positions:
        raise NoSuchRow(table, values)
    if len(positions) > 1:
        raise ServiceError(
            400,
            "0x8006089d",
            f"More than one record exists for entity {table.name} with entity key involving attributes "
            f"{','.join(key.columns)}",
        )
    return positions[0]


def check_unique(store: Store, table: Table, position: int, now: float) -> None:
    """Raise ServiceError unless no other row has the row's values of a key; a key with a null is not checked."""
    rows = store.rows[table.name]
    for key in table.keys.values():
        if key.status(now) != "Active":
            continue
        columns = [rows.column_values(name) for name in key.columns]
        mine = [column[position] for column in columns]
        if None in mine:
            continue
        same = [i for i, value in enumerate(columns[0]) if value == mine[0] and i != position]
        for other in same:
            is_live = rows.heads[other] is not None
            if is_live and all(column[other] == value for column, value in zip(columns, mine, strict=True)):
                raise _key_violation(key)


def _key_violation(key: Key) -> ServiceError:
    return ServiceError(
        412,
        "0x80060892",
        f"Entity Key {key.label} violated. A record with the same value for {', '.join(key.columns)} already exists. "
        "A duplicate record cannot be created. Select one or more unique values and try again.",
    )


def _key_column(table: Table, name: str) -> Column | None:
    found = table.properties.get(name) or table.columns.get(name)
    return found if found is not None and (found.type in LOOKUPS) == (name == found.web_name != found.name) else None


def _parse_value(column: Column, text: str) -> Any:
    if text.startswith("'"):
        text = text[1:-1].replace("''", "'")
        if column.type in {"String", "DateTime"}:
            return text
    elif column.type == "String":
        raise query_error(f"The value of the key property '{column.name}' must be a string.")
    if column.type in LOOKUPS:
        return parse_guid(text)
    if column.type == "DateTime":
        return text
    number = parse_decimal(text)
    if number is None:
        raise query_error(f"The value '{text}' of the key property '{column.name}' can't be read.")
    return number if column.type == "Decimal" else int(number)
