"""Creates, changes and deletes rows: reads bodies, and fills in what the service sets by itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from sandbox.base.clock import Clock
from sandbox.base.errors import (
    ServiceError,
    invalid_argument,
    is_customers_name,
    not_covered,
    payload_error,
    row_not_found,
    unknown_property,
)
from sandbox.base.values import encode, from_json, parse_guid, require_plain_guid
from sandbox.data import keys
from sandbox.data.store import Fragments, Store, Transaction
from sandbox.metadata.model import LOOKUPS, Column, Table

_REFERENCE = re.compile(r"(?:https?://[^/]+)?(?:/api/data/v9\.[0-2])?/?([A-Za-z_]\w*)\(([^)]*)\)", re.IGNORECASE)
_KEPT_LOOKUPS = frozenset(
    {"createdby", "modifiedby", "createdonbehalfby", "modifiedonbehalfby", "owninguser", "owningteam", "ownerid"}
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The user as whom a request acts."""

    user_id: str
    business_unit_id: str
    name: str
    administrator: bool
    roles: frozenset[str]
    disabled: bool = False
    licensed: bool = True
    access_mode: int = 0
    teams: frozenset[str] = frozenset()
    privileges: Mapping[str, int] = field(default_factory=dict)
    """Privilege id -> depth mask; empty for administrators, who need none."""


class Writer:
    """Writes rows within one transaction, as one caller."""

    def __init__(
        self, store: Store, clock: Clock, caller: Caller, transaction: Transaction, base_currency: str
    ) -> None:
        self.store = store
        self.stamp = f'"{clock.stamp()}"'.encode()
        self.now = clock.now()
        self.caller = caller
        self.transaction = transaction
        self.base_currency = base_currency
        self.inactive_refuses = False

    # -- bodies -------------------------------------------------------------------------------------------------------

    def encode_changes(self, table: Table, body: Mapping[str, Any], *, creating: bool) -> dict[str, bytes]:
        """Return column -> JSON (empty for null) of what a body sets, without what only the service sets.

        Raises ServiceError for a property or value that the table does not have.
        """
        changes: dict[str, bytes] = {}
        for name, value in body.items():
            if name.endswith("@odata.bind"):
                self._bind(table, name[: -len("@odata.bind")], value, changes)
                continue
            if "@" in name:
                _check_annotation(table, name, value)
                continue
            column = table.properties.get(name)
            if column is None:
                raise _undeclared_property(table, name, value)
            if column.type in LOOKUPS:
                raise payload_error(
                    table.set,
                    "CRM do not support direct update of Entity Reference properties, "
                    "Use Navigation properties instead",
                )
            fragment = encode(table, column, value)
            if column.primary_id or not (column.for_create if creating else column.for_update):
                continue
            changes[column.name] = fragment
        return changes

    def _check_secured(self, table: Table, body: Mapping[str, Any], row_id: str, *, creating: bool) -> None:
        """Raise 403 where a body sets a secured column, unless an administrator does."""
        named = [name for name in table.secured if name in body and not self.caller.administrator]
        if named:
            code, what = ("0x8004F502", "Create") if creating else ("0x8004F507", "Update")
            raise ServiceError(
                403,
                code,
                f"User with ID {self.caller.user_id} does not have {what} permissions for the {named[0]} attribute in "
                f"the {table.name} entity. The {table.primary_id} of the record is {row_id}",
            )

    def _bind(self, table: Table, nav: str, value: Any, changes: dict[str, bytes]) -> None:
        found = table.navigation.get(nav)
        if found is None:
            raise payload_error(
                table.set,
                f"An undeclared property '{nav}' which only has property annotations in the payload but no property "
                "value was found in the payload. In OData, only declared navigation properties and declared named "
                "streams can be represented as properties without values",
            )
        column, targets = found
        if not (column.for_create or column.for_update):
            return
        if value is None:
            changes[column.name] = b""
            if len(column.targets) > 1:
                changes[f"{column.name}type"] = b""
            return
        if not isinstance(value, str):
            raise payload_error(table.set, f"The value of '{nav}@odata.bind' must be an address")
        target, row_id = self.resolve_reference(value)
        if target not in targets:
            raise payload_error(
                table.set,
                f"The address '{value}' of '{nav}@odata.bind' names a '{target}', expected {' or '.join(targets)}",
            )
        changes[column.name] = b'"%b"' % row_id.encode()
        if len(column.targets) > 1:
            changes[f"{column.name}type"] = b'"%b"' % target.encode()

    def resolve_reference(self, address: str) -> tuple[str, str]:
        """Return table and id of the existing row that an address names. Raises ServiceError."""
        require_plain_guid(address, "an address")
        found = _REFERENCE.fullmatch(address.strip())
        if found is None:
            raise ServiceError(400, "0x80060888", f"Invalid URI: '{address}' names no row.")
        entity_set, key = found.groups()
        table = next((one for one in self.store.tables.values() if one.set == entity_set), None)
        if table is None:
            if not is_customers_name(entity_set):
                raise not_covered(f"'{entity_set}'")
            raise ServiceError(400, "0x80060888", f"Resource not found for the segment '{entity_set}'.")
        row_id = parse_guid(key.rpartition("=")[2] if key.lower().startswith(f"{table.primary_id}=") else key)
        if row_id is None:
            position = keys.find_row(self.store, table, unquote(key), self.now)
            row_id = self.store.rows[table.name].ids[position].decode()
        if row_id.encode() not in self.store.rows[table.name].index:
            raise row_not_found(table.name, row_id)
        return table.name, row_id

    # -- create -------------------------------------------------------------------------------------------------------

    def create(self, table: Table, body: Mapping[str, Any], row_id: str | None = None) -> str:
        """Add a row; return its id, which is the caller's own where given. Raises ServiceError."""
        changes = self.encode_changes(table, body, creating=True)
        own = body.get(table.primary_id)
        if row_id is None and own is not None:
            row_id = parse_guid(own)
        row_id = row_id or str(uuid4())
        self._check_secured(table, body, row_id, creating=True)
        rows = self.store.rows[table.name]
        if row_id.encode() in rows.index:
            raise ServiceError(
                412, "0x80040237", "A record with matching key values already exists. Cannot insert duplicate key."
            )
        row: Fragments = {name: fragment for name, fragment in changes.items() if fragment}
        self._set_state(table, row)
        self._set_owner(table, row, changes)
        self._set_money(table, row, creating=True)
        set_full_name(table, row)
        me = b'"%b"' % self.caller.user_id.encode()
        for name, fragment in (
            ("createdon", self.stamp),
            ("modifiedon", self.stamp),
            ("createdby", me),
            ("modifiedby", me),
        ):
            if name in table.columns:
                row[name] = fragment
        if "overriddencreatedon" in row:
            row["createdon"] = b'"%bT00:00:00Z"' % row["overriddencreatedon"][1:-1]
            row["overriddencreatedon"] = self.stamp[:11] + b'"'
        self.store.insert(table.name, row_id.encode(), row, self.transaction)
        return row_id

    def _set_state(self, table: Table, row: Fragments) -> None:
        if "statecode" not in table.columns:
            return
        reasons = table.columns["statuscode"].choices
        if table.name == "product":
            row.pop("statuscode", None)
        # A new row has the first state whatever its body says: publishing, or ending it, is a change of its own.
        row["statecode"] = b"%d" % default_state(table)
        state = int(row["statecode"])
        if not row.get("statuscode"):
            row["statuscode"] = b"%d" % next(one.value for one in reasons if one.state == state)
        self._check_state(table, row)

    @staticmethod
    def _check_state(table: Table, row: Fragments) -> None:
        state, reason = int(row["statecode"]), int(row["statuscode"])
        if not any(one.value == reason and one.state == state for one in table.columns["statuscode"].choices):
            raise ServiceError(
                400,
                "0x80048408",
                f"{reason} is not a valid status code for state code {table.schema_name}State."
                f"{table.columns['statecode'].label_of(state)} on {table.name}.",
            )

    def _set_owner(self, table: Table, row: Fragments, changes: Mapping[str, bytes]) -> None:
        if not table.owned:
            return
        if not row.get("ownerid"):
            row["ownerid"] = b'"%b"' % self.caller.user_id.encode()
            row["owneridtype"] = b'"systemuser"'
        elif "ownerid" not in changes and row.get("owningbusinessunit"):
            return
        owner_type = row["owneridtype"][1:-1].decode()
        owner = row["ownerid"]
        row["owninguser"], row["owningteam"] = (owner, b"") if owner_type == "systemuser" else (b"", owner)
        owners = self.store.rows[owner_type]
        position = owners.index.get(owner[1:-1])
        row["owningbusinessunit"] = b"" if position is None else owners.fragment(position, "businessunitid")

    def _set_money(self, table: Table, row: Fragments, *, creating: bool) -> None:
        """Set currency, exchange rate and the amounts in base currency from the money columns."""
        if "transactioncurrencyid" not in table.columns or table.name == "transactioncurrency":
            return
        money = [column for column in table.columns.values() if column.type == "Money" and column.for_create]
        if creating and not row.get("transactioncurrencyid") and any(row.get(column.name) for column in money):
            row["transactioncurrencyid"] = b'"%b"' % self.base_currency.encode()
        currency = row.get("transactioncurrencyid", b"")
        if not currency:
            row.pop("exchangerate", None)
            return
        currencies = self.store.rows["transactioncurrency"]
        position = currencies.index.get(currency[1:-1])
        rate = b"" if position is None else currencies.fragment(position, "exchangerate")
        rate = rate or b"1.0"
        row["exchangerate"] = rate
        for column in money:
            base = f"{column.name}_base"
            if base in table.columns:
                amount = row.get(column.name, b"")
                row[base] = _base_amount(amount, rate) if amount else b""

    # -- update -------------------------------------------------------------------------------------------------------

    def update(self, table: Table, position: int, body: Mapping[str, Any]) -> None:
        """Change the columns a body names. Raises ServiceError, and changes nothing, where one cannot be."""
        self._check_secured(table, body, self.store.rows[table.name].ids[position].decode(), creating=False)
        changes = self.encode_changes(table, body, creating=False)
        self.apply_changes(table, position, changes)

    def apply_changes(self, table: Table, position: int, changes: Mapping[str, bytes]) -> None:
        """Change columns (name -> JSON, empty for null) and what follows from them. Raises ServiceError."""
        rows = self.store.rows[table.name]
        row = rows.fragments(position)
        if "ownerid" in changes and not changes["ownerid"]:
            raise invalid_argument("The owner can't be cleared.")
        row.update(changes)
        if "statecode" in table.columns and ("statecode" in changes or "statuscode" in changes):
            if "statuscode" not in changes or not changes["statuscode"]:
                state = int(row.get("statecode") or b"0")
                reasons = table.columns["statuscode"].choices
                row["statuscode"] = b"%d" % next(one.value for one in reasons if one.state == state)
            row["statecode"] = row.get("statecode") or b"0"
            self._check_state(table, row)
        if "ownerid" in changes:
            self._set_owner(table, row, changes)
        self._set_money(table, row, creating=False)
        if {"firstname", "middlename", "lastname"} & changes.keys():
            set_full_name(table, row)
        if "modifiedon" in table.columns:
            row["modifiedon"] = self.stamp
            row["modifiedby"] = b'"%b"' % self.caller.user_id.encode()
        self.store.update(table.name, position, {k: v for k, v in row.items() if v}, self.transaction)

    # -- delete -------------------------------------------------------------------------------------------------------

    def delete(self, table: Table, position: int) -> None:
        """Delete a row; clear its lookups or delete their rows, as each relationship says. Raises ServiceError."""
        row_id = self.store.rows[table.name].ids[position].decode()
        lookups = [
            (other, column)
            for other in self.store.tables.values()
            for column in other.columns.values()
            if table.name in column.targets and column.name not in _KEPT_LOOKUPS
        ]
        for other, column in lookups:
            if column.on_delete == "Restrict" and self._find_referencing(other, column, table.name, row_id):
                raise ServiceError(
                    400,
                    "0x80040227",
                    f"The object you tried to delete is associated with another object ({other.name}) and cannot be "
                    "deleted.",
                )
        for other, column in lookups:
            if column.on_delete == "Cascade":
                rows = self.store.rows[other.name]
                for referencing in self._find_referencing(other, column, table.name, row_id):
                    if rows.heads[referencing] is not None:
                        self.delete(other, referencing)
            else:
                self._clear_lookups(other, column, table.name, row_id)
        for association in table.associations.values():
            for pair in list(self.store.links.get(association.name, ())):
                if row_id in pair:
                    self.store.unlink(association.name, pair, self.transaction)
        self.store.delete(table.name, position, self.transaction)

    def _find_referencing(self, other: Table, column: Column, target: str, row_id: str) -> list[int]:
        """Return the positions of the rows whose lookup leads to a row of the target table."""
        rows = self.store.rows[other.name]
        if rows.slot(column.name) is None:
            return []
        values = rows.column_values(column.name)
        found = [i for i, value in enumerate(values) if value == row_id]
        if len(column.targets) > 1:
            return [i for i in found if from_json(rows.fragment(i, f"{column.name}type")) == target]
        return found

    def _clear_lookups(self, other: Table, column: Column, target: str, row_id: str) -> None:
        rows = self.store.rows[other.name]
        for position in self._find_referencing(other, column, target, row_id):
            row = rows.fragments(position)
            row.pop(column.name, None)
            row.pop(f"{column.name}type", None)
            self.store.update(other.name, position, row, self.transaction)


def default_state(table: Table) -> int:
    """Return the state of a new row: draft for products, the first state for all others."""
    return 2 if table.name == "product" else 0


def set_full_name(table: Table, row: Fragments) -> None:
    """Set the full name of a person from its parts."""
    if "fullname" in table.columns and "lastname" in table.columns:
        parts = [from_json(row.get(name, b"")) for name in ("firstname", "middlename", "lastname")]
        text = " ".join(part for part in parts if part)
        limit = table.columns["fullname"].max_length
        row["fullname"] = encode(table, table.columns["fullname"], text[:limit])


def _base_amount(amount: bytes, rate: bytes) -> bytes:
    value = round(Decimal(amount.decode()) / Decimal(rate.decode()), 4)
    text = format(value, "f").rstrip("0")
    return (text + "0" if text.endswith(".") else text).encode()


def _check_annotation(table: Table, name: str, value: Any) -> None:
    if name == "@odata.type":
        expected = f"Microsoft.Dynamics.CRM.{table.name}"
        if not isinstance(value, str) or value.lstrip("#") != expected:
            raise payload_error(
                table.set,
                f"An entry with type '{value}' was found, but it is not assignable to the expected type '{expected}'",
            )


def _undeclared_property(table: Table, name: str, value: Any) -> ServiceError:
    if name in table.navigation or name in table.associations:
        if isinstance(value, dict | list):
            return not_covered("rows nested in a body (deep insert)")
        return payload_error(table.set, f"The navigation property '{name}' can't be given a plain value")
    inner = unknown_property(name, table.name).message.rstrip(".")
    return payload_error(
        table.set,
        f"Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM.{table.name}'. The "
        f"property '{name}' does "
        f"not exist on type 'Microsoft.Dynamics.CRM.{table.name}'. {inner}",
    )
