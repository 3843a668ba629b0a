"""Paths below a row: its properties, its related rows, references to them, and its actions and functions."""

import msgspec

from sandbox.base.errors import (
    method_not_allowed,
    not_covered,
    payload_error,
    query_error,
    resource_not_found,
    row_not_found,
)
from sandbox.base.messages import Response, json_response
from sandbox.data import privileges, relations, rules
from sandbox.data.store import Transaction
from sandbox.data.writing import Writer
from sandbox.metadata.model import Column, Table
from sandbox.odata import options as odata_options
from sandbox.odata.options import Options
from sandbox.odata.paths import PREFIX, Segment
from sandbox.webapi import functions
from sandbox.webapi.context import Context, Operation


def answer(
    context: Context,
    operation: Operation,
    table: Table,
    key: str,
    rest: list[Segment],
    transaction: Transaction,
) -> Response:
    """Answer a request for a path below a row. Raises ServiceError."""
    row_id = context.find_row_id(table, key)
    name = rest[0].name
    if name.startswith(PREFIX):
        return _run_bound(context, operation, table, row_id, name.removeprefix(PREFIX).partition("(")[0], transaction)
    position = context.find_position(table, row_id)
    if len(rest) > 1 and rest[-1].name == "$ref":
        return _answer_reference(context, operation, table, row_id, rest[:-1], transaction)
    if name in table.properties:
        return _answer_property(context, operation, table, position, table.properties[name], rest[1:], transaction)
    if len(rest) > 1 and not (len(rest) == 2 and rest[1].name == "$count"):
        raise resource_not_found(rest[1].name)
    if operation.method != "GET":
        raise method_not_allowed(operation.method, f"'{name}'")
    counted = len(rest) == 2
    collection = relations.collections(context.environment.tables, table).get(name)
    if collection is not None:
        members = relations.member_positions(context.environment.store, table, collection).get(row_id, [])
        return _answer_collection(context, operation, collection.other, members, counted=counted)
    if name in table.associations:
        association = table.associations[name]
        other = context.environment.store.rows[association.other]
        linked = context.environment.store.linked_ids(table.name, association.name, association.other).get(row_id, [])
        positions = sorted(other.index[one.encode()] for one in linked if one.encode() in other.index)
        return _answer_collection(context, operation, other.table, positions, counted=counted)
    if counted:
        raise resource_not_found("$count")
    target, target_id = _follow_lookup(context, table, position, name)
    return context.answer_row(operation, target, target_id) if target_id else Response(204)


def _answer_collection(
    context: Context, operation: Operation, table: Table, positions: list[int], *, counted: bool
) -> Response:
    return (
        context.answer_count(operation, table, positions)
        if counted
        else context.answer_page(operation, table, positions)
    )


def _run_bound(
    context: Context, operation: Operation, table: Table, row_id: str, name: str, transaction: Transaction
) -> Response:
    """Run an action or function of one row. Raises ServiceError."""
    position = context.find_position(table, row_id)
    store = context.environment.store
    if table.name == "role" and name in {"AddPrivilegesRole", "ReplacePrivilegesRole", "RemovePrivilegeRole"}:
        if operation.method != "POST":
            raise method_not_allowed(operation.method, f"the action '{name}'")
        privileges.require_row_access(store, context.caller, "update", table, position)
        privileges.change_role(store, row_id, name, context.read_body(operation, table), transaction)
        return Response(204)
    if table.name == "systemuser" and name == "RetrieveUserPrivileges":
        if operation.method != "GET":
            raise method_not_allowed(operation.method, f"the function '{name}'")
        privileges.require_row_access(store, context.caller, "read", table, position)
        document = functions.describe_user_privileges(context.environment, row_id)
        odata_context = f"{context.base}$metadata#Microsoft.Dynamics.CRM.RetrieveUserPrivilegesResponse"
        return json_response(msgspec.json.encode({"@odata.context": odata_context, **document}))
    raise not_covered(f"the action or function '{name}'")


def _follow_lookup(context: Context, table: Table, position: int, nav: str) -> tuple[Table, str]:
    """Return the target table of a lookup and the id of the row there; "" where it is null. Raises ServiceError."""
    found = table.navigation.get(nav)
    if found is None:
        raise resource_not_found(nav)
    column, targets = found
    store = context.environment.store
    row = store.rows[table.name].fragments(position)
    named = row.get(f"{column.name}type", b"")[1:-1].decode() or targets[0]
    target = store.tables.get(named)
    if target is None:
        raise not_covered(f"the table '{named}'")
    value = row.get(column.name, b"")[1:-1].decode()
    return target, value if named in targets else ""


def _answer_property(
    context: Context,
    operation: Operation,
    table: Table,
    position: int,
    column: Column,
    rest: list[Segment],
    transaction: Transaction,
) -> Response:
    if rest and not (len(rest) == 1 and rest[0].name == "$value" and operation.method == "GET"):
        raise resource_not_found(rest[0].name)
    rows = context.environment.store.rows[table.name]
    if operation.method == "GET":
        privileges.require_row_access(context.environment.store, context.caller, "read", table, position)
        piece = rows.fragment(position, column.name) or column.absent_json
        if piece == b"null":
            return Response(204)
        if rest:
            value = msgspec.json.decode(piece)
            return Response(200, str(value).encode(), {"Content-Type": "text/plain"})
        row_id = rows.ids[position].decode()
        odata_context = msgspec.json.encode(f"{context.base}$metadata#{table.set}({row_id})/{column.web_name}")
        return json_response(b'{"@odata.context":%b,"value":%b}' % (odata_context, piece))
    if operation.method == "PUT":
        body = context.read_body(operation, table)
        if set(body) - {"@odata.context"} != {"value"}:
            raise payload_error(table.set, "The body must be an object with 'value'")
        rules.update(context.make_writer(transaction), table, position, {column.web_name: body["value"]})
        return Response(204)
    if operation.method == "DELETE":
        rules.update(context.make_writer(transaction), table, position, {column.web_name: None})
        return Response(204)
    raise method_not_allowed(operation.method, f"the property '{column.web_name}'")


def _answer_reference(
    context: Context,
    operation: Operation,
    table: Table,
    row_id: str,
    steps: list[Segment],
    transaction: Transaction,
) -> Response:
    nav = steps[0]
    writer = context.make_writer(transaction)
    collection = relations.collections(context.environment.tables, table).get(nav.name)
    if nav.name in table.associations or collection is not None:
        return _answer_collection_reference(context, operation, table, row_id, nav, writer, collection)
    if nav.name not in table.navigation:
        raise resource_not_found(nav.name)
    position = context.find_position(table, row_id)
    if operation.method == "GET":
        target, target_id = _follow_lookup(context, table, position, nav.name)
        if not target_id:
            return Response(204)
        document = {
            "@odata.context": f"{context.base}$metadata#$ref",
            "@odata.id": f"{context.base}{target.set}({target_id})",
        }
        return json_response(msgspec.json.encode(document))
    if operation.method == "PUT":
        body = context.read_body(operation, table)
        rules.update(writer, table, position, {f"{nav.name}@odata.bind": body.get("@odata.id")})
        return Response(204)
    if operation.method == "DELETE":
        rules.update(writer, table, position, {f"{nav.name}@odata.bind": None})
        return Response(204)
    raise method_not_allowed(operation.method, f"the single-valued '{nav.name}/$ref'")


def _answer_collection_reference(
    context: Context,
    operation: Operation,
    table: Table,
    row_id: str,
    nav: Segment,
    writer: Writer,
    collection: relations.Collection | None,
) -> Response:
    other = collection.other if collection else context.environment.tables[table.associations[nav.name].other]
    if operation.method == "POST":
        address = context.read_body(operation, table).get("@odata.id")
    elif operation.method == "DELETE":
        options: Options = odata_options.parse(operation.query)
        address = f"{other.set}({nav.key})" if nav.key else options.id
    else:
        raise method_not_allowed(operation.method, f"the collection '{nav.name}/$ref'")
    if not isinstance(address, str) or not address:
        raise query_error("The request names no row to associate: '@odata.id' is missing.")
    target, other_id = writer.resolve_reference(address)
    if target != other.name:
        raise query_error(f"'{address}' is a row of '{target}'; '{nav.name}' leads to '{other.name}'.")
    remove = operation.method == "DELETE"
    if collection is None:
        rules.link_rows(writer, table, row_id, nav.name, other_id, remove=remove)
        return Response(204)
    # A collection is the other side of a lookup, so the lookup of the row over there is set.
    lookup = dict(collection.column.binds)[table.name]
    position = context.find_position(other, other_id)
    if remove and context.environment.store.rows[other.name].column_values(collection.column.name)[position] != row_id:
        raise row_not_found(other.name, other_id)
    rules.update(writer, other, position, {f"{lookup}@odata.bind": None if remove else f"/{table.set}({row_id})"})
    return Response(204)
