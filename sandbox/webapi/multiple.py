"""CreateMultiple, UpdateMultiple and UpsertMultiple: all targets or none."""

from collections.abc import Mapping
from typing import Any

import msgspec

from sandbox.base.errors import ServiceError, not_covered, payload_error, query_error, row_not_found
from sandbox.base.messages import JSON, Response
from sandbox.base.values import parse_guid
from sandbox.data import keys, rules
from sandbox.data.store import Transaction
from sandbox.metadata.model import Table
from sandbox.webapi.context import Context

_ACTIONS = frozenset({"CreateMultiple", "UpdateMultiple", "UpsertMultiple"})


def answer(context: Context, table: Table, action: str, body: Mapping[str, Any], transaction: Transaction) -> Response:
    """Run a bulk action on a table. Raises ServiceError; the caller then undoes everything."""
    if action == "DeleteMultiple":
        raise ServiceError(400, "0x80040203", "DeleteMultiple has not yet been implemented.")
    if action not in _ACTIONS:
        raise not_covered(f"the action '{action}'")
    if not table.takes_bulk:
        raise ServiceError(
            400, "0x80040800", f"The '{action}' method does not support entities of type '{table.name}'."
        )
    targets = _read_targets(table, action, body)
    if action == "CreateMultiple":
        ids = [context.create_row(table, target, None, transaction) for target in targets]
        odata_context = f"{context.base}$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"
        return Response(200, msgspec.json.encode({"@odata.context": odata_context, "Ids": ids}), {"Content-Type": JSON})
    if action == "UpdateMultiple":
        _require_rows(context, table, targets)
    writer = context.make_writer(transaction)
    seen: set[str] = set()
    for given in targets:
        target = given
        if action == "UpsertMultiple":
            _refuse_key_columns(target)
        try:
            row_id = _find_target_id(table, target, context)
        except keys.NoSuchRow as missing:
            if action == "UpdateMultiple" or not missing.values:
                raise
            row_id, target = None, context.add_key_values(table, target, missing.values)
        position = None if row_id is None else context.environment.store.rows[table.name].index.get(row_id.encode())
        if row_id is not None and row_id in seen:
            raise query_error(f"The row {row_id} is named more than once in Targets.")
        if position is not None:
            rules.update(writer, table, position, target)
        elif action == "UpdateMultiple":
            raise row_not_found(table.name, row_id or "(none)")
        else:
            row_id = context.create_row(table, target, row_id, transaction)
        if row_id is not None:
            seen.add(row_id)
    return Response(204)


def _require_rows(context: Context, table: Table, targets: list[dict[str, Any]]) -> None:
    """Raise ServiceError, with all ids in one message, where rows to update are not there."""
    index = context.environment.store.rows[table.name].index
    ids = [parse_guid(one.get(table.primary_id)) for one in targets if "@odata.id" not in one]
    missing = [one for one in ids if one is not None and one.encode() not in index]
    if len(missing) == 1:
        raise row_not_found(table.name, missing[0])
    if missing:
        raise ServiceError(404, "0x80040217", f"{table.schema_name} With Ids = {', '.join(missing)} Do Not Exist")


def _refuse_key_columns(target: Mapping[str, Any]) -> None:
    """Raise ServiceError where an upsert by key has the key's columns in its body as well."""
    _, bracket, key = str(target.get("@odata.id", "")).partition("(")
    columns = {piece.partition("=")[0].strip() for piece in key.split(",")} if bracket and "=" in key else set()
    if columns & set(target):
        raise ServiceError(500, "0x80040216", "An unexpected error occurred.")


def _read_targets(table: Table, action: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    targets = body.get("Targets")
    unknown = set(body) - {"Targets"}
    if unknown:
        raise payload_error(table.set, f"The parameter '{sorted(unknown)[0]}' isn't a parameter of '{action}'")
    if not isinstance(targets, list) or not all(isinstance(one, dict) for one in targets):
        raise payload_error(table.set, "The parameter 'Targets' must be a list of rows")
    for one in targets:
        if "@odata.type" not in one:
            raise payload_error(
                table.set,
                "A type named '' could not be resolved: every item of 'Targets' needs '@odata.type', here "
                f"'Microsoft.Dynamics.CRM.{table.name}'",
            )
    if not targets:
        raise ServiceError(400, "0x80040203", "The parameter 'Targets' holds no rows.")
    return targets


def _find_target_id(table: Table, target: Mapping[str, Any], context: Context) -> str | None:
    address = target.get("@odata.id")
    if isinstance(address, str):
        name, _, key = address.rstrip(")").rpartition("(")
        if name.rpartition("/")[2] != table.set:
            raise payload_error(table.set, f"'{address}' is no row of '{table.set}'")
        return context.find_row_id(table, key)
    value = target.get(table.primary_id)
    if value is None:
        return None
    found = parse_guid(value)
    if found is None:
        raise payload_error(table.set, f"Cannot convert the literal '{value}' to the expected type 'Edm.Guid'")
    return found
