"""From an operation's method, path and body to its answer; alone or as a part of a $batch."""

from collections.abc import Mapping
from typing import Any

import msgspec

from sandbox.base import preferences
from sandbox.base.errors import (
    ServiceError,
    method_not_allowed,
    not_covered,
    payload_error,
    resource_not_found,
    row_not_found,
)
from sandbox.base.messages import Response, json_response
from sandbox.customizing import components
from sandbox.data import keys, rules
from sandbox.data.store import Transaction
from sandbox.metadata.model import Table
from sandbox.odata import options as odata_options
from sandbox.odata.paths import PREFIX, Segment, parse_segments
from sandbox.webapi import (
    csdl,
    customizing_answers,
    definitions,
    functions,
    merge,
    metadata_reads,
    multiple,
    related_rows,
    request_headers,
)
from sandbox.webapi.context import Context, Operation, read_document


class Dispatcher:
    """Runs operations in one context. Expects the environment's lock to be held."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.environment = context.environment

    def run(self, operation: Operation, transaction: Transaction | None = None) -> Response:
        """Answer an operation, in its own transaction where none is given. Raises ServiceError, with all undone."""
        own = transaction is None
        current = Transaction() if transaction is None else transaction
        try:
            answer = self._route(operation, current)
        except BaseException:
            if own:
                current.roll_back()
            raise
        if own and current.written:
            answer.rows_written = current.written
            self.environment.request_counts.count_rows_written(current.written)
            self.environment.web_hooks.note(current.changes, self.context.caller)
        return answer

    # -- routing ------------------------------------------------------------------------------------------------------

    def _route(self, operation: Operation, transaction: Transaction) -> Response:
        request_headers.check(operation.method, operation.path, operation.headers, operation.body)
        if "//" in operation.path:
            raise not_covered("an address with an empty step")
        steps = parse_segments(operation.path)
        if not steps:
            return self._service_document(operation)
        first = steps[0]
        if first.name in {"EntityDefinitions", "GlobalOptionSetDefinitions", "RelationshipDefinitions"}:
            if operation.method == "GET":
                metadata_reads.require(self.environment, self.context.caller, steps, operation.query)
                return json_response(definitions.answer(self.environment, steps, operation.query, self.context.base))
            body = read_document(operation.body, first.name) if operation.method in {"POST", "PUT", "PATCH"} else None
            return customizing_answers.answer(self.context, operation, steps, body, transaction)
        if first.name == "$metadata":
            if operation.method != "GET" or len(steps) > 1 or operation.query:
                raise not_covered(f"'{operation.method} {operation.path}?{operation.query}'".replace("?'", "'"))
            return Response(200, csdl.build_document(self.environment.tables), {"Content-Type": "application/xml"})
        table = self.environment.sets.get(first.name)
        if table is None:
            action = first.name.removeprefix(PREFIX)
            if operation.method == "POST" and len(steps) == 1:
                body = read_document(operation.body or b"{}", action)
                if action == "Merge":
                    return merge.answer(self.context, body, transaction)
                answer = customizing_answers.answer_action(self.context, operation, action, body, transaction)
                if answer is not None:
                    return answer
            return functions.answer(self.context, operation, steps)
        seen = self.environment.seen_tables().get(table.name)
        if seen is None:
            raise ServiceError(404, "0x80060888", f"Resource not found for the segment '{first.name}'.")
        return self._answer_table(operation, seen, steps, transaction)

    def _service_document(self, operation: Operation) -> Response:
        if operation.method != "GET":
            raise method_not_allowed(operation.method, "the service document")
        sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(self.environment.sets)]
        return json_response(msgspec.json.encode({"@odata.context": f"{self.context.base}$metadata", "value": sets}))

    def _answer_table(
        self, operation: Operation, table: Table, steps: list[Segment], transaction: Transaction
    ) -> Response:
        first, rest = steps[0], steps[1:]
        if first.key is None:
            if not rest:
                return self._collection(operation, table, transaction)
            if len(rest) == 1 and rest[0].name == "$count":
                return self.context.answer_count(operation, table)
            if len(rest) == 1 and rest[0].name.startswith(PREFIX):
                return self._bulk(operation, table, rest[0].name, transaction)
            raise resource_not_found(rest[0].name)
        if not rest:
            return self._row(operation, table, first.key, transaction)
        return related_rows.answer(self.context, operation, table, first.key, rest, transaction)

    def _collection(self, operation: Operation, table: Table, transaction: Transaction) -> Response:
        if operation.method == "GET":
            return self.context.answer_page(operation, table)
        if operation.method == "POST":
            return self._create(operation, table, None, transaction)
        raise method_not_allowed(operation.method, f"the collection '{table.set}'")

    def _bulk(self, operation: Operation, table: Table, name: str, transaction: Transaction) -> Response:
        if operation.method != "POST":
            raise not_covered(f"the function '{name}'")
        body = self.context.read_body(operation, table)
        return multiple.answer(self.context, table, name.removeprefix(PREFIX), body, transaction)

    # -- one row ------------------------------------------------------------------------------------------------------

    def _row(self, operation: Operation, table: Table, key: str, transaction: Transaction) -> Response:
        try:
            row_id = self.context.find_row_id(table, key)
        except keys.NoSuchRow as missing:
            if operation.method != "PATCH" or operation.headers.get("if-match") or not missing.values:
                raise
            return self._create_by_key(operation, table, missing.values, transaction)
        if operation.method == "GET":
            return self.context.answer_row(operation, table, row_id)
        if operation.method == "PATCH":
            return self._patch(operation, table, row_id, transaction)
        if operation.method == "DELETE":
            position = self.context.find_position(table, row_id)
            self._check_version(operation, table, position)
            rules.delete(self.context.make_writer(transaction), table, position)
            return Response(204)
        raise method_not_allowed(operation.method, f"a row of '{table.set}'")

    def _check_version(self, operation: Operation, table: Table, position: int) -> None:
        """Raise 412 where If-Match names another version than the row's."""
        wanted = operation.headers.get("if-match", "").strip()
        if wanted in {"", "*"}:
            return
        version = self.environment.store.rows[table.name].versions[position]
        if wanted.removeprefix("W/").strip('"') != str(version):
            raise ServiceError(
                412,
                "0x80060882",
                "The version of the existing record doesn't match the RowVersion property provided.",
            )

    def _patch(self, operation: Operation, table: Table, row_id: str, transaction: Transaction) -> Response:
        position = self.environment.store.rows[table.name].index.get(row_id.encode())
        body = self.context.read_body(operation, table)
        if position is None:
            if operation.headers.get("if-match"):
                raise row_not_found(table.name, row_id)
            return self._create(operation, table, row_id, transaction, body)
        if operation.headers.get("if-none-match", "").strip() == "*":
            raise ServiceError(412, "0x80040237", "A record with matching key values already exists.")
        self._check_version(operation, table, position)
        rules.update(self.context.make_writer(transaction), table, position, body)
        return self._answer_written(operation, table, row_id, 200)

    def _create_by_key(
        self, operation: Operation, table: Table, values: Mapping[str, Any], transaction: Transaction
    ) -> Response:
        """Create the row that an upsert did not find. The address holds the key's values, so the body may not."""
        body = self.context.read_body(operation, table)
        doubled = sorted(set(values) & set(body))
        if doubled:
            raise payload_error(table.set, f"The key property '{doubled[0]}' stands in the address and in the body")
        return self._create(operation, table, None, transaction, self.context.add_key_values(table, body, values))

    def _create(
        self,
        operation: Operation,
        table: Table,
        row_id: str | None,
        transaction: Transaction,
        body: dict[str, Any] | None = None,
    ) -> Response:
        body = self.context.read_body(operation, table) if body is None else body
        if table.name == "role":
            self.environment.customization.require_unmanaged_allowed()
        created_id = self.context.create_row(table, body, row_id, transaction)
        if table.name == "systemuser":
            self.environment.customization.note_user(created_id)
        elif table.name == "role":
            solution = operation.headers.get("mscrm.solutionuniquename", "")
            components.add(self.environment, solution, components.ROLE, created_id, transaction)
        return self._answer_written(operation, table, created_id, 201)

    def _answer_written(self, operation: Operation, table: Table, row_id: str, status: int) -> Response:
        """Answer a create or update: 204 with the row's address, or the row itself where the client prefers that."""
        prefer = preferences.parse(operation.headers.get("prefer", ""))
        if not prefer.representation:
            return Response(204, headers={"OData-EntityId": f"{self.context.base}{table.set}({row_id})"})
        options = odata_options.parse(operation.query)
        position = self.context.find_position(table, row_id)
        answer = json_response(self.context.make_reader(prefer).read_row(table, position, options), prefer.applied)
        answer.status = status
        answer.headers["ETag"] = f'W/"{self.environment.store.rows[table.name].versions[position]}"'
        return answer
