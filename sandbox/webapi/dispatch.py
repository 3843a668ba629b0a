"""One operation on the Web API, alone or as a part of a $batch: from method, path and body to an answer."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import msgspec

from sandbox.base import preferences
from sandbox.base.errors import (
    ServiceError,
    access_denied,
    does_not_exist,
    method_not_allowed,
    no_resource,
    not_covered,
    payload_error,
    query_error,
)
from sandbox.base.messages import Response, as_json
from sandbox.base.values import guid
from sandbox.data import aggregation, keys, privileges, relations, rules, tracking
from sandbox.data.predicate import Asker
from sandbox.data.reading import Reader
from sandbox.data.store import Transaction
from sandbox.data.writing import Caller, Writer
from sandbox.environment import Environment
from sandbox.metadata.model import LOOKUPS, Table
from sandbox.odata import options as odata_options
from sandbox.odata.paths import PREFIX, Segment, segments
from sandbox.webapi import csdl, customizing_answers, definitions, functions, multiple, related_rows
from sandbox.webapi.context import Operation

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_PRINCIPALS = frozenset({"systemuser", "team"})


class Operations:
    """Runs operations as one caller. Every method expects the environment's lock to be held."""

    def __init__(self, environment: Environment, caller: Caller, base: str) -> None:
        self.environment = environment
        self.caller = caller
        self.base = base

    def run(self, operation: Operation, transaction: Transaction | None = None) -> Response:
        """The answer to an operation. Raises ServiceError; what it wrote is then undone."""
        own = transaction is None
        current = Transaction() if transaction is None else transaction
        try:
            answer = self._run(operation, current)
        except BaseException:
            if own:
                current.roll_back()
            raise
        if own and current.written:
            answer.rows_written = current.written
            self.environment.traffic.wrote(current.written)
        return answer

    # -- routing ------------------------------------------------------------------------------------------------------

    def _run(self, operation: Operation, transaction: Transaction) -> Response:
        for name in ("mscrmcallerid", "callerobjectid"):
            if name in operation.headers:
                raise not_covered("acting on behalf of another user")
        steps = segments(operation.path)
        if not steps:
            return self._service_document(operation)
        first = steps[0]
        if first.name in {"EntityDefinitions", "GlobalOptionSetDefinitions", "RelationshipDefinitions"}:
            if operation.method == "GET":
                return as_json(definitions.answer(self.environment, steps, operation.query, self.base))
            body = read_document(operation.body, first.name) if operation.method in {"POST", "PUT", "PATCH"} else None
            return customizing_answers.answer(self, operation, steps, body, transaction)
        if first.name == "$metadata":
            if operation.method != "GET":
                raise method_not_allowed(operation.method, "$metadata")
            return Response(200, csdl.document(self.environment.tables), {"Content-Type": "application/xml"})
        table = self.environment.sets.get(first.name)
        if table is None:
            action = first.name.removeprefix(PREFIX)
            if operation.method == "POST" and len(steps) == 1:
                body = read_document(operation.body or b"{}", action)
                answer = customizing_answers.act(self, operation, action, body, transaction)
                if answer is not None:
                    return answer
            return functions.answer(self.environment, self.caller, operation, steps, self.base)
        return self._on_table(operation, table, steps, transaction)

    def _service_document(self, operation: Operation) -> Response:
        if operation.method != "GET":
            raise method_not_allowed(operation.method, "the service document")
        sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(self.environment.sets)]
        return as_json(msgspec.json.encode({"@odata.context": f"{self.base}$metadata", "value": sets}))

    def _on_table(self, operation: Operation, table: Table, steps: list[Segment], transaction: Transaction) -> Response:
        first, rest = steps[0], steps[1:]
        if first.key is None:
            if not rest:
                return self._collection(operation, table, transaction)
            if len(rest) == 1 and rest[0].name == "$count":
                return self.count(operation, table)
            if len(rest) == 1 and rest[0].name.startswith(PREFIX):
                return self._bulk(operation, table, rest[0].name, transaction)
            raise no_resource(rest[0].name)
        if not rest:
            return self._row(operation, table, first.key, transaction)
        return related_rows.answer(self, operation, table, first.key, rest, transaction)

    # -- collections --------------------------------------------------------------------------------------------------

    def _collection(self, operation: Operation, table: Table, transaction: Transaction) -> Response:
        if operation.method == "GET":
            return self.page(operation, table)
        if operation.method == "POST":
            return self._create(operation, table, None, transaction)
        raise method_not_allowed(operation.method, f"the collection '{table.set}'")

    def page(self, operation: Operation, table: Table, among: list[int] | None = None) -> Response:
        """A page of the rows of a table, or of some of them."""
        among = self._visible(table, among)
        options = odata_options.parse(operation.query)
        prefer = preferences.parse(operation.headers.get("prefer", ""))
        reader = self.reader(prefer)
        store = self.environment.store
        if "$apply" in options.given:
            made = aggregation.answer(store, table, options, reader.asker, among)
            context = msgspec.json.encode(f"{self.base}$metadata#{table.set}")
            return as_json(b'{"@odata.context":%b,"value":%b}' % (context, made), prefer.applied)
        if options.delta_token or prefer.track_changes or tracking.is_tracked_page(options):
            self._demand_whole(table)
        if options.delta_token:
            days = int(self.environment.organization("expirechangetrackingindays") or 0)
            page = tracking.changes(reader, table, options, operation.path, store.version, days)
        elif prefer.track_changes or tracking.is_tracked_page(options):
            page = tracking.first(reader, table, options, operation.path, store.version)
        else:
            page = reader.page(table, options, operation.path, among)
        answer = as_json(page.body, prefer.applied)
        answer.rows_read = page.rows
        return answer

    def count(self, operation: Operation, table: Table, among: list[int] | None = None) -> Response:
        """How many rows of a table, or of some of them, there are."""
        if operation.method != "GET":
            raise method_not_allowed(operation.method, "$count")
        among = self._visible(table, among)
        options = odata_options.parse(operation.query)
        reader = self.reader(preferences.parse(""))
        if options.delta_token:
            self._demand_whole(table)
            days = int(self.environment.organization("expirechangetrackingindays") or 0)
            number = tracking.count(reader, table, options, self.environment.store.version, days)
        else:
            number = reader.count(table, options, among)
        return Response(200, str(number).encode(), {"Content-Type": "text/plain"})

    def _bulk(self, operation: Operation, table: Table, name: str, transaction: Transaction) -> Response:
        if operation.method != "POST":
            raise method_not_allowed(operation.method, f"the action '{name}'")
        body = read_body(operation.body, table)
        return multiple.answer(self.writer(transaction), table, name.removeprefix(PREFIX), body, self)

    # -- rows ---------------------------------------------------------------------------------------------------------

    def row_id(self, table: Table, key: str) -> str:
        """The id a key in parentheses names. Raises ServiceError."""
        text = unquote(key).strip()
        name, equals, value = text.partition("=")
        if not equals:
            found = guid(text)
            if found is None:
                raise query_error(f"Bad Request - Error in query syntax: the key '{text}' is no GUID.")
            return found
        name, value = name.strip(), value.strip().strip("'")
        if name == table.primary_id and table.name not in _PRINCIPALS:
            found = guid(value)
            if found is not None:
                return found
        rows = self.environment.store.rows[table.name]
        if name == "azureactivedirectoryobjectid" and table.name == "systemuser":
            values = rows.values(name)
            place = next((i for i in rows.live() if values[i] == guid(value)), None)
            if place is None:
                raise keys.NoSuchRow(table, {})
            return rows.ids[place].decode()
        return rows.ids[keys.find(self.environment.store, table, text, self.environment.clock.now())].decode()

    def position(self, table: Table, row_id: str) -> int:
        """Where a row is. Raises 404."""
        place = self.environment.store.rows[table.name].index.get(row_id.encode())
        if place is None:
            raise does_not_exist(table.name, row_id)
        return place

    def _row(self, operation: Operation, table: Table, key: str, transaction: Transaction) -> Response:
        try:
            row_id = self.row_id(table, key)
        except keys.NoSuchRow as missing:
            if operation.method != "PATCH" or operation.headers.get("if-match") or not missing.values:
                raise
            return self._create_by_key(operation, table, missing.values, transaction)
        if operation.method == "GET":
            return self.read(operation, table, row_id)
        if operation.method == "PATCH":
            return self._patch(operation, table, row_id, transaction)
        if operation.method == "DELETE":
            place = self.position(table, row_id)
            self._match(operation, table, place)
            rules.delete(self.writer(transaction), table, place)
            return Response(204)
        raise method_not_allowed(operation.method, f"a row of '{table.set}'")

    def _visible(self, table: Table, among: list[int] | None) -> list[int] | None:
        """The rows (among some, or all) that the caller may read; None for all. Raises ServiceError for none at all."""
        store = self.environment.store
        near = privileges.within(store, self.caller, table, privileges.demand(self.caller, "read", table))
        if near is None:
            return among
        return [i for i in (store.rows[table.name].live() if among is None else among) if near(i)]

    def _demand_whole(self, table: Table) -> None:
        """Change tracking is for those who may read all rows."""
        if privileges.demand(self.caller, "read", table) < privileges.DEPTHS["Global"]:
            raise access_denied(self.caller.user_id, privileges.name_of("read", table), table.name)

    def read(self, operation: Operation, table: Table, row_id: str) -> Response:
        """The answer with one row."""
        privileges.demand(self.caller, "read", table)
        options = odata_options.parse(operation.query)
        prefer = preferences.parse(operation.headers.get("prefer", ""))
        place = self.position(table, row_id)
        privileges.demand_row(self.environment.store, self.caller, "read", table, place)
        version = self.environment.store.rows[table.name].versions[place]
        known = operation.headers.get("if-none-match", "")
        plain = not options.expand and not prefer.annotations
        if plain and known.strip() == f'W/"{version}"':
            return Response(304, headers={"ETag": f'W/"{version}"'})
        answer = as_json(self.reader(prefer).row(table, place, options), prefer.applied)
        answer.headers["ETag"] = f'W/"{version}"'
        answer.rows_read = 1
        return answer

    def _match(self, operation: Operation, table: Table, place: int) -> None:
        wanted = operation.headers.get("if-match", "").strip()
        if wanted in {"", "*"}:
            return
        version = self.environment.store.rows[table.name].versions[place]
        if wanted.removeprefix("W/").strip('"') != str(version):
            raise ServiceError(
                412,
                "0x80060882",
                "The version of the existing record doesn't match the RowVersion property provided.",
            )

    def _patch(self, operation: Operation, table: Table, row_id: str, transaction: Transaction) -> Response:
        place = self.environment.store.rows[table.name].index.get(row_id.encode())
        body = read_body(operation.body, table)
        if place is None:
            if operation.headers.get("if-match"):
                raise does_not_exist(table.name, row_id)
            return self._create(operation, table, row_id, transaction, body)
        if operation.headers.get("if-none-match", "").strip() == "*":
            raise ServiceError(412, "0x80040237", "A record with matching key values already exists.")
        self._match(operation, table, place)
        rules.update(self.writer(transaction), table, place, body)
        return self._written(operation, table, row_id, 200)

    def _create_by_key(
        self, operation: Operation, table: Table, values: Mapping[str, Any], transaction: Transaction
    ) -> Response:
        """An upsert that found no row: the key's values come from the address and may not stand in the body too."""
        body = read_body(operation.body, table)
        doubled = sorted(set(values) & set(body))
        if doubled:
            raise payload_error(table.set, f"The key property '{doubled[0]}' stands in the address and in the body")
        made = self.create(table, self.with_key(table, body, values), None, transaction)
        return self._written(operation, table, made, 201)

    def with_key(self, table: Table, body: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """A body with the values of a key; a lookup among them becomes a binding."""
        made = dict(body)
        for name, value in values.items():
            column = table.properties[name]
            if column.type in LOOKUPS:
                target, nav = column.binds[0]
                made[f"{nav}@odata.bind"] = f"/{self.environment.tables[target].set}({value})"
            else:
                made[name] = value
        return made

    def _create(
        self,
        operation: Operation,
        table: Table,
        row_id: str | None,
        transaction: Transaction,
        body: dict[str, Any] | None = None,
    ) -> Response:
        body = read_body(operation.body, table) if body is None else body
        made = self.create(table, body, row_id, transaction)
        return self._written(operation, table, made, 201)

    def create(self, table: Table, body: Mapping[str, Any], row_id: str | None, transaction: Transaction) -> str:
        """Create a row with all that goes with it, rows nested in its body among them; its id."""
        names = {one.client_id: one.name for one in self.environment.tenant.applications.values()}
        if not any(isinstance(value, dict | list) for value in body.values()):
            return rules.create(self.writer(transaction), table, body, row_id, names)
        own, behind = self._nested_before(table, body, transaction)
        made = rules.create(self.writer(transaction), table, own, row_id, names)
        for collection, nested in behind:
            lookup = dict(collection.column.binds)[table.name]
            for one in nested:
                bound = {**one, f"{lookup}@odata.bind": f"/{table.set}({made})"}
                self.create(collection.other, bound, None, transaction)
        return made

    def _nested_before(
        self, table: Table, body: Mapping[str, Any], transaction: Transaction
    ) -> tuple[dict[str, Any], list[tuple[relations.Collection, list[dict[str, Any]]]]]:
        """A body whose nested rows are made where its lookups lead, and the rows of collections still to be made."""
        own: dict[str, Any] = {}
        behind: list[tuple[relations.Collection, list[dict[str, Any]]]] = []
        collections = relations.collections(self.environment.tables, table)
        for name, value in body.items():
            if name in table.navigation and isinstance(value, dict):
                column, targets = table.navigation[name]
                if not column.for_create:
                    continue  # left aside, as every value that only the service sets
                other = self.environment.tables.get(targets[0])
                if len(targets) != 1 or other is None:
                    raise not_covered(f"a row nested in '{name}'")
                row_id = self.create(other, value, None, transaction)
                own[f"{name}@odata.bind"] = f"/{other.set}({row_id})"
            elif name in collections and isinstance(value, list) and all(isinstance(one, dict) for one in value):
                behind.append((collections[name], value))
            elif name in table.associations:
                raise not_covered("rows nested in a many-to-many collection")
            else:
                own[name] = value
        return own, behind

    def _written(self, operation: Operation, table: Table, row_id: str, status: int) -> Response:
        prefer = preferences.parse(operation.headers.get("prefer", ""))
        address = f"{self.base}{table.set}({row_id})"
        if not prefer.representation:
            return Response(204, headers={"OData-EntityId": address})
        options = odata_options.parse(operation.query)
        place = self.position(table, row_id)
        answer = as_json(self.reader(prefer).row(table, place, options), prefer.applied)
        answer.status = status
        answer.headers["ETag"] = f'W/"{self.environment.store.rows[table.name].versions[place]}"'
        return answer

    # -- helpers ------------------------------------------------------------------------------------------------------

    def body(self, operation: Operation, table: Table) -> dict[str, Any]:
        """The JSON object of an operation's body. Raises ServiceError."""
        return read_body(operation.body, table)

    def reader(self, prefer: preferences.Preferences) -> Reader:
        """A reader of rows, as the caller prefers them."""
        caller = self.caller
        asker = Asker(caller.user_id, caller.business_unit_id, self.environment.clock.moment(), caller.teams)
        return Reader(self.environment.store, self.base, prefer, asker)

    def writer(self, transaction: Transaction) -> Writer:
        """A writer of rows within a transaction, as the caller."""
        environment = self.environment
        return Writer(environment.store, environment.clock, self.caller, transaction, environment.base_currency)


def read_body(body: bytes, table: Table) -> dict[str, Any]:
    """The JSON object of a row's body; numbers with a fraction come as Decimal. Raises ServiceError."""
    return read_document(body, table.set)


def read_document(body: bytes, what: str) -> dict[str, Any]:
    """The JSON object of a body. Raises ServiceError."""
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise payload_error(what, f"The body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise payload_error(what, "The body must be a JSON object")
    return found
