"""One operation on the Web API, and the context in which all kinds of operations are answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import msgspec

from sandbox.base import preferences
from sandbox.base.asked import Asked
from sandbox.base.errors import (
    access_denied,
    method_not_allowed,
    not_covered,
    payload_error,
    query_error,
    row_not_found,
)
from sandbox.base.messages import Response, json_response
from sandbox.base.values import parse_guid
from sandbox.data import aggregation, keys, privileges, relations, rules, tracking
from sandbox.data.query_functions import QueryUser
from sandbox.data.reading import Reader
from sandbox.data.store import Transaction
from sandbox.data.writing import Caller, Writer
from sandbox.environment import Environment
from sandbox.identity.records import Grant
from sandbox.metadata.model import LOOKUPS, Table
from sandbox.odata import options as odata_options

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_PRINCIPALS = frozenset({"systemuser", "team"})


@dataclass(slots=True)
class Operation:
    """One request. `path` is relative to the root of the Web API and decoded; header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class _NestedRows:
    """Rows of a collection that a body brings along; they can be created once their parent has its id."""

    collection: relations.Collection
    bodies: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Context:
    """The environment, the caller and the Web API's root address; with the reads and writes that answers share.

    `grant` is what the access token stands for.

    Every method expects the environment's lock to be held, and raises ServiceError where the service would refuse.
    """

    environment: Environment
    caller: Caller
    base: str
    grant: Grant | None = None

    def asked(self, operation: Operation, shape: str, *, in_batch: bool = False) -> Asked:
        """Return what a fault may look at of an operation; `shape` is its path without ids."""
        return Asked(
            method=operation.method,
            shape=shape,
            path=operation.path,
            query=operation.query,
            headers=operation.headers,
            body=operation.body,
            table=self.environment.table_name(shape),
            user_id=self.caller.user_id,
            application=self.grant.application if self.grant else "",
            person=self.grant.person if self.grant else "",
            in_batch=in_batch,
        )

    # -- finding rows -------------------------------------------------------------------------------------------------

    def find_row_id(self, table: Table, key: str) -> str:
        """Return the id of the row that a key in parentheses names: a GUID, or the values of an alternate key."""
        text = unquote(key).strip()
        name, equals, value = text.partition("=")
        if not equals:
            found = parse_guid(text)
            if found is None:
                raise query_error(f"Bad Request - Error in query syntax: the key '{text}' is no GUID.")
            return found
        name, value = name.strip(), value.strip().strip("'")
        if name == table.primary_id and table.name not in _PRINCIPALS:
            found = parse_guid(value)
            if found is not None:
                return found
        rows = self.environment.store.rows[table.name]
        if name == "azureactivedirectoryobjectid" and table.name == "systemuser":
            values = rows.column_values(name)
            position = next((i for i in rows.live_positions() if values[i] == parse_guid(value)), None)
            if position is None:
                raise keys.NoSuchRow(table, {})
            return rows.ids[position].decode()
        return rows.ids[keys.find_row(self.environment.store, table, text, self.environment.clock.now())].decode()

    def find_position(self, table: Table, row_id: str) -> int:
        """Return the position of a row. Raises 404 where there is none."""
        position = self.environment.store.rows[table.name].index.get(row_id.encode())
        if position is None:
            raise row_not_found(table.name, row_id)
        return position

    def _visible(self, table: Table, positions: list[int] | None) -> list[int] | None:
        """Narrow positions (None: all of the table) to what the caller may read; None where that is every row."""
        store = self.environment.store
        is_near = privileges.row_access_test(
            store, self.caller, table, privileges.require_privilege(self.caller, "read", table)
        )
        if is_near is None:
            return positions
        return [i for i in (store.rows[table.name].live_positions() if positions is None else positions) if is_near(i)]

    def _demand_whole_table(self, table: Table) -> None:
        """Raise 403 unless the caller may read all rows, as change tracking needs."""
        if privileges.require_privilege(self.caller, "read", table) < privileges.DEPTHS["Global"]:
            raise access_denied(self.caller.user_id, privileges.privilege_name("read", table), table.name)

    # -- answers to reads ---------------------------------------------------------------------------------------------

    def answer_page(self, operation: Operation, table: Table, positions: list[int] | None = None) -> Response:
        """Answer with a page of a table's rows, or of those at some positions."""
        positions = self._visible(table, positions)
        options = odata_options.parse(operation.query)
        prefer = preferences.parse(operation.headers.get("prefer", ""))
        reader = self.make_reader(prefer)
        store = self.environment.store
        if "$apply" in options.given:
            groups = aggregation.aggregate(store, table, options, reader.user, positions)
            context = msgspec.json.encode(f"{self.base}$metadata#{table.set}")
            return json_response(b'{"@odata.context":%b,"value":%b}' % (context, groups), prefer.applied)
        if options.delta_token or prefer.track_changes or tracking.is_tracked_page(options):
            self._demand_whole_table(table)
        if options.delta_token:
            days = int(self.environment.organization_value("expirechangetrackingindays") or 0)
            page = tracking.read_changes(reader, table, options, operation.path, store.version, days)
        elif prefer.track_changes or tracking.is_tracked_page(options):
            page = tracking.read_tracked(reader, table, options, operation.path, store.version)
        else:
            page = reader.read_page(table, options, operation.path, positions)
        answer = json_response(page.body, prefer.applied)
        answer.rows_read = page.rows
        return answer

    def answer_count(self, operation: Operation, table: Table, positions: list[int] | None = None) -> Response:
        """Answer with the number of a table's rows, or of those at some positions, as text."""
        if operation.method != "GET":
            raise method_not_allowed(operation.method, "$count")
        positions = self._visible(table, positions)
        options = odata_options.parse(operation.query)
        reader = self.make_reader(preferences.parse(""))
        if options.delta_token:
            self._demand_whole_table(table)
            days = int(self.environment.organization_value("expirechangetrackingindays") or 0)
            number = tracking.count_changes(reader, table, options, self.environment.store.version, days)
        else:
            number = reader.count_rows(table, options, positions)
        return Response(200, str(number).encode(), {"Content-Type": "text/plain"})

    def answer_row(self, operation: Operation, table: Table, row_id: str) -> Response:
        """Answer with one row; 304 where the client knows its version and asks for no annotations or expansions."""
        privileges.require_privilege(self.caller, "read", table)
        options = odata_options.parse(operation.query)
        prefer = preferences.parse(operation.headers.get("prefer", ""))
        position = self.find_position(table, row_id)
        privileges.require_row_access(self.environment.store, self.caller, "read", table, position)
        etag = f'W/"{self.environment.store.rows[table.name].versions[position]}"'
        known = operation.headers.get("if-none-match", "")
        if known.strip() == etag and not options.expand and not prefer.annotations:
            return Response(304, headers={"ETag": etag})
        answer = json_response(self.make_reader(prefer).read_row(table, position, options), prefer.applied)
        answer.headers["ETag"] = etag
        answer.rows_read = 1
        return answer

    # -- creating rows ------------------------------------------------------------------------------------------------

    def create_row(self, table: Table, body: Mapping[str, Any], row_id: str | None, transaction: Transaction) -> str:
        """Create a row, the rows nested in its body and what the service adds by itself; return its id."""
        names = {one.client_id: one.name for one in self.environment.tenant.applications.values()}
        if not any(isinstance(value, dict | list) for value in body.values()):
            return rules.create(self.make_writer(transaction), table, body, row_id, names)
        own, nested_rows = self._create_nested_lookups(table, body, transaction)
        created_id = rules.create(self.make_writer(transaction), table, own, row_id, names)
        for nested in nested_rows:
            lookup = dict(nested.collection.column.binds)[table.name]
            for one in nested.bodies:
                bound = {**one, f"{lookup}@odata.bind": f"/{table.set}({created_id})"}
                self.create_row(nested.collection.other, bound, None, transaction)
        return created_id

    def _create_nested_lookups(
        self, table: Table, body: Mapping[str, Any], transaction: Transaction
    ) -> tuple[dict[str, Any], list[_NestedRows]]:
        """Create the rows nested in lookups and bind them; return that body and the collections still to be created."""
        own: dict[str, Any] = {}
        nested_rows: list[_NestedRows] = []
        collections = relations.collections(self.environment.tables, table)
        for name, value in body.items():
            if name in table.navigation and isinstance(value, dict):
                column, targets = table.navigation[name]
                if not column.for_create:
                    continue  # ignored, as every value that only the service sets
                other = self.environment.tables.get(targets[0])
                if len(targets) != 1 or other is None:
                    raise not_covered(f"a row nested in '{name}'")
                row_id = self.create_row(other, value, None, transaction)
                own[f"{name}@odata.bind"] = f"/{other.set}({row_id})"
            elif name in collections and isinstance(value, list) and all(isinstance(one, dict) for one in value):
                nested_rows.append(_NestedRows(collections[name], value))
            elif name in table.associations:
                raise not_covered("rows nested in a many-to-many collection")
            else:
                own[name] = value
        return own, nested_rows

    def add_key_values(self, table: Table, body: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a body with the values of a key; a lookup among them becomes a binding."""
        bound = dict(body)
        for name, value in values.items():
            column = table.properties[name]
            if column.type in LOOKUPS:
                target, nav = column.binds[0]
                bound[f"{nav}@odata.bind"] = f"/{self.environment.tables[target].set}({value})"
            else:
                bound[name] = value
        return bound

    # -- readers, writers, bodies -------------------------------------------------------------------------------------

    def make_reader(self, prefer: preferences.Preferences) -> Reader:
        """Return a reader that answers as the caller prefers."""
        caller = self.caller
        user = QueryUser(caller.user_id, caller.business_unit_id, self.environment.clock.moment(), caller.teams)
        return Reader(self.environment.store, self.base, prefer, user)

    def make_writer(self, transaction: Transaction) -> Writer:
        """Return a writer that acts as the caller, within a transaction."""
        environment = self.environment
        return Writer(environment.store, environment.clock, self.caller, transaction, environment.base_currency)

    @staticmethod
    def read_body(operation: Operation, table: Table) -> dict[str, Any]:
        """Return the JSON object of an operation's body; numbers with a fraction are Decimal."""
        return read_document(operation.body, table.set)


def read_document(body: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object of a body; `what` names its kind in an error. Raises ServiceError."""
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise payload_error(what, f"The body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise payload_error(what, "The body must be a JSON object")
    return found
