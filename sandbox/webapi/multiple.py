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
    if not table.bulk:
        raise ServiceError(
            400, "0x80040800", f"The '{action}' method does not support entities of type '{table.name}'."
        )
    targets = _read_targets(table, action, body)
    if action == "CreateMultiple":
        ids = [context.create_row(table, target, None, transaction) for target in targets]
        odata_context = f"{context.base}$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"
        return Response(200, msgspec.json.encode({"@odata.context": odata_context, "Ids": ids}), {"Content-Type": JSON})
    writer = context.make_writer(transaction)
    seen: set[str] = set()
    for given in targets:
        target = given
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
