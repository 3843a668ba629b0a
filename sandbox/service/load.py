"""Loads rows from outside, fast and past all limits, with what the service would have filled in."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from sandbox.base.errors import ServiceError
from sandbox.base.values import encode, parse_guid
from sandbox.data.rules import root_unit_id
from sandbox.data.store import Fragments, Head
from sandbox.data.writing import default_state, set_full_name
from sandbox.environment import Environment
from sandbox.metadata.model import LOOKUPS, Column, Table

_DROP_DECODED_FROM_ROWS = 2000
"""From so many rows on, decoding the columns again costs less than keeping them up to date."""


class NotLoadable(Exception):
    """The rows given cannot be loaded, and none was; the text says why."""


def load(environment: Environment, content: Mapping[str, Any]) -> dict[str, int]:
    """Load rows by entity set; return the number of rows per set. Raises NotLoadable.

    A row whose id exists is overwritten. Values must be of the column's type, but lengths, privileges and limits do
    not count. Lookups are given as `_column_value`, `column` or `nav@odata.bind`, all with an id; the row they name
    need not exist yet.
    """
    counts: dict[str, int] = {}
    with environment.lock:
        prepared = []
        for name, rows in content.items():
            table = environment.sets.get(name)
            if table is None:
                raise NotLoadable(f"There is no table '{name}'; there are {', '.join(sorted(environment.sets))}.")
            if not isinstance(rows, list):
                raise NotLoadable(f"'{name}' must be a list of rows.")
            loader = _Loader(environment, table)
            # Packed one by one: a million rows as dictionaries would take gigabytes.
            prepared.append((table, [loader.pack_row(number, row) for number, row in enumerate(rows)]))
        for table, ready in prepared:
            _store_rows(environment, table, ready)
            counts[table.set] = len(ready)
    return counts


def _store_rows(environment: Environment, table: Table, ready: Sequence[tuple[bytes, Head, bytes]]) -> None:
    store = environment.store
    rows = store.rows[table.name]
    if len(ready) > _DROP_DECODED_FROM_ROWS:
        rows.drop_decoded()
    index = rows.index
    for row_id, head, body in ready:
        position = index.get(row_id)
        if position is None:
            rows.add_packed(row_id, head, body, store.next_version())
        else:
            rows.restore_row(position, head, body, store.next_version())


class _Loader:
    """Turns the rows of one table into their stored form. `keys` caches which key of a row means which column.

    Beside the column stands the target table that the key implies; "" where it implies none.
    """

    def __init__(self, environment: Environment, table: Table) -> None:
        self.environment = environment
        self.table = table
        self.keys: dict[str, tuple[Column, str]] = {}
        self.stamp = f'"{environment.clock.stamp()}"'.encode()
        administrator = environment.get_administrator()
        self.user = b'"%b"' % administrator.user_id.encode()
        unit = b'"%b"' % root_unit_id(environment.store)
        self.common_values: Fragments = {}
        for name, fragment in (
            ("createdon", self.stamp),
            ("modifiedon", self.stamp),
            ("createdby", self.user),
            ("modifiedby", self.user),
        ):
            if name in table.columns:
                self.common_values[name] = fragment
        if table.owned:
            self.common_values.update(
                ownerid=self.user, owneridtype=b'"systemuser"', owninguser=self.user, owningbusinessunit=unit
            )
        self.base_currency = environment.base_currency
        self.state = default_state(table)
        self.reasons = table.columns["statuscode"].choices if "statuscode" in table.columns else ()

    def pack_row(self, number: int, given: Any) -> tuple[bytes, Head, bytes]:
        """Return id and stored form of row `number`. Raises NotLoadable."""
        row_id, row = self.read_row(number, given)
        return (row_id, *self.environment.store.rows[self.table.name].pack(row))

    def read_row(self, number: int, given: Any) -> tuple[bytes, Fragments]:
        """Return id and columns of row `number`. Raises NotLoadable, naming the row."""
        if not isinstance(given, dict):
            raise NotLoadable(f"Row {number} of '{self.table.set}' is no object.")
        row = dict(self.common_values)
        row_id: str | None = None
        for key, value in given.items():
            known = self.keys.get(key)
            if known is None:
                if key == self.table.primary_id:
                    row_id = parse_guid(value)
                    if row_id is None:
                        raise NotLoadable(f"Row {number} of '{self.table.set}': '{value}' is no GUID.")
                    continue
                if key.startswith("@") or ("@" in key and not key.endswith("@odata.bind")):
                    continue
                known = self.keys[key] = self._find_column(key)
            self._set_value(number, row, known, value)
        if self.reasons:
            self._set_state(row)
        if "fullname" not in row:
            set_full_name(self.table, row)
        if row.get("owneridtype") == b'"team"' and "owningteam" not in row:
            row["owningteam"] = row["ownerid"]
            row.pop("owninguser", None)
        return (row_id or str(uuid4())).encode(), row

    def _find_column(self, key: str) -> tuple[Column, str]:
        table = self.table
        if key.endswith("@odata.bind"):
            found = table.navigation.get(key[: -len("@odata.bind")])
            if found is not None:
                return found[0], found[1][0] if len(found[1]) == 1 else ""
        column = table.columns.get(key) or table.properties.get(key)
        if column is None:
            raise NotLoadable(f"'{table.set}' has no column '{key}'.")
        return column, ""

    def _set_value(self, number: int, row: Fragments, known: tuple[Column, str], value: Any) -> None:
        column, target = known
        if column.type in LOOKUPS:
            self._set_lookup(number, row, column, target, value)
            return
        if column.type == "EntityName":
            row[column.name] = b'"%b"' % str(value).encode() if value else b""
            return
        if isinstance(value, str) and column.max_length is not None and len(value) > column.max_length:
            value = value[: column.max_length]
        try:
            fragment = encode(self.table, column, value)
        except ServiceError as error:
            raise NotLoadable(f"Row {number} of '{self.table.set}', '{column.name}': {error.message}") from None
        if fragment:
            row[column.name] = fragment
        else:
            row.pop(column.name, None)

    def _set_lookup(self, number: int, row: Fragments, column: Column, target: str, value: Any) -> None:
        if value is None:
            row.pop(column.name, None)
            row.pop(f"{column.name}type", None)
            return
        text = str(value)
        named = ""
        if "(" in text:
            entity_set, _, text = text.strip("/").rpartition("/")[2].partition("(")
            text = text.rstrip(")")
            table = self.environment.sets.get(entity_set)
            named = table.name if table else ""
        found = parse_guid(text)
        if found is None:
            raise NotLoadable(f"Row {number} of '{self.table.set}', '{column.name}': '{value}' is no GUID.")
        row[column.name] = b'"%b"' % found.encode()
        if len(column.targets) > 1 and f"{column.name}type" in self.table.columns:
            kind = target or named or self._find_target_table(column, found.encode())
            row[f"{column.name}type"] = b'"%b"' % kind.encode()
            if column.name == "ownerid" and kind == "systemuser":
                row["owninguser"] = row["ownerid"]

    def _find_target_table(self, column: Column, row_id: bytes) -> str:
        rows = self.environment.store.rows
        return next((name for name in column.targets if row_id in rows[name].index), column.targets[0])

    def _set_state(self, row: Fragments) -> None:
        state = row.get("statecode") or b"%d" % self.state
        row["statecode"] = state
        if not row.get("statuscode"):
            row["statuscode"] = b"%d" % next(one.value for one in self.reasons if one.state == int(state))
