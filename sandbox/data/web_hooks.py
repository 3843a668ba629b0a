"""Web hooks: after a committed write, the address that a step names is called, from a thread of its own.

As the service does for asynchronous steps: the writer never waits, and a call that fails changes nothing. The service
tries some failed calls again for a while; here each is made once.
"""

import json
import queue
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, uuid4, uuid5
from xml.etree import ElementTree as Xml  # nosec B405

from sandbox.base.errors import ServiceError, invalid_argument, not_covered
from sandbox.base.values import from_json
from sandbox.data.store import Change, Fragments, Store, Transaction
from sandbox.data.writing import Caller
from sandbox.metadata.eventing import AFTER_OPERATION, ASYNCHRONOUS, AUTH_HEADER, AUTH_KEY, AUTH_QUERY, WEB_HOOK
from sandbox.metadata.model import Table

_EVERYWHERE = ("Create", "Update", "Delete", "Retrieve", "RetrieveMultiple", "Upsert")
_BULK = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")
STEPS, ENDPOINTS = "sdkmessageprocessingstep", "serviceendpoint"
TIMEOUT_S = 60
"""The service gives up on a call after a minute."""
MOST_BYTES = 256 * 1024
"""A longer body comes without the record's values."""
_NAMESPACE = uuid5(NAMESPACE_URL, "https://tandem.invalid/sandbox/messages")


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be made."""

    address: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Step:
    id: str
    name: str
    endpoint: Fragments


class WebHooks:
    """Calls the web hooks that the rows of an environment register. `failures`: calls that were not answered with 2xx,
    each with its status, 0 where there was no answer.
    """

    def __init__(self, store: Store, organization: str) -> None:
        self.store, self.organization = store, organization
        self.failures: list[tuple[str, int]] = []
        self._known: dict[tuple[str, str], list[_Step]] = {}
        self._seen: tuple[int, int] = (-1, -1)
        self._waiting: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def note(self, changes: Iterable[Change], caller: Caller) -> None:
        """Have called what is registered for these committed changes. Expects the environment's lock to be held."""
        steps = self._steps()
        if not steps:
            return
        for change in changes:
            for step in steps.get((change.message, change.table), ()):
                self._waiting.put(_call(step, change, self.store, caller, self.organization))
                self._work()

    def _steps(self) -> dict[tuple[str, str], list[_Step]]:
        """Return the enabled steps by message and table, read again once one of them or of the endpoints changed."""
        rows, endpoints = self.store.rows.get(STEPS), self.store.rows.get(ENDPOINTS)
        if rows is None or endpoints is None or not rows.index:
            return {}
        if self._seen != (rows.change_count, endpoints.change_count):
            self._seen, self._known = (rows.change_count, endpoints.change_count), {}
            for key, step in self._read_steps():
                self._known.setdefault(key, []).append(step)
        return self._known

    def _read_steps(self) -> Iterator[tuple[tuple[str, str], _Step]]:
        rows, endpoints = self.store.rows[STEPS], self.store.rows[ENDPOINTS]
        for position in rows.live_positions():
            row = rows.fragments(position)
            message = self._value("sdkmessage", row.get("sdkmessageid", b""), "name")
            table = self._value("sdkmessagefilter", row.get("sdkmessagefilterid", b""), "primaryobjecttypecode")
            endpoint = endpoints.index.get(row.get("eventhandler", b"")[1:-1])
            if endpoint is not None and row.get("statecode", b"0") == b"0":
                name = str(from_json(row.get("name", b"")) or "")
                yield (message, table), _Step(rows.ids[position].decode(), name, endpoints.fragments(endpoint))

    def _value(self, table: str, row_id: bytes, column: str) -> str:
        rows = self.store.rows[table]
        position = rows.index.get(row_id[1:-1])
        return "" if position is None else str(from_json(rows.fragment(position, column)) or "")

    def _work(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._send_all, name="web-hooks", daemon=True)
            self._thread.start()

    def _send_all(self) -> None:
        while True:
            call = self._waiting.get()
            if status := send(call):
                self.failures.append((call.address, status))


def send(call: Call) -> int:
    """Make a call. Return 0 where it was answered with 2xx, else the status; -1 where there was no answer."""
    request = urllib.request.Request(call.address, call.body, call.headers, method="POST")  # noqa: S310
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl.create_default_context())
    )
    try:
        with opener.open(request, timeout=TIMEOUT_S):
            return 0
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, ValueError):
        return -1


# -- what is sent -----------------------------------------------------------------------------------------------------


def _call(step: _Step, change: Change, store: Store, caller: Caller, organization: str) -> Call:
    address, proof = _address_and_proof(step.endpoint)
    headers = {
        "Content-Type": "application/json; charset=utf-8", "x-request-id": str(uuid4()),
        "x-ms-dynamics-organization": "localhost", "x-ms-dynamics-entity-name": change.table,
        "x-ms-dynamics-request-name": change.message, "x-ms-correlation-request-id": str(uuid4()), **proof,
    }  # fmt: skip
    target = _target(change, store)
    body = json.dumps(_context(step, change, caller, organization, target)).encode()
    if len(body) > MOST_BYTES:
        headers["x-ms-dynamics-msg-size-exceeded"] = "true"
        body = json.dumps(_context(step, change, caller, organization, None)).encode()
    return Call(address, headers, body)


def _address_and_proof(endpoint: Fragments) -> tuple[str, dict[str, str]]:
    address, kind = str(from_json(endpoint["url"])), int(endpoint.get("authtype", b"0"))
    secret = str(from_json(endpoint.get("authvalue", b"")) or "")
    if kind == AUTH_KEY:
        return f"{address}{'&' if '?' in address else '?'}{urlencode({'code': secret})}", {}
    pairs = read_settings(secret)
    if kind == AUTH_QUERY:
        return f"{address}{'&' if '?' in address else '?'}{urlencode(pairs)}", {}
    return address, pairs


def read_settings(text: str) -> dict[str, str]:
    """Return names and values of `<settings><setting name="" value=""/></settings>`. Raises ServiceError."""
    try:
        # What a caller registered itself, in a stand-in on loopback.
        root = Xml.fromstring(text)  # noqa: S314 # nosec B314
    except Xml.ParseError:
        raise invalid_argument("The authentication value of a web hook with headers is no XML of settings.") from None
    return {one.get("name", ""): one.get("value", "") for one in root.iter("setting") if one.get("name")}


def _target(change: Change, store: Store) -> dict[str, Any]:
    if change.message == "Delete":
        return {"__type": "EntityReference:http://schemas.microsoft.com/xrm/2011/Contracts", "Id": change.row_id,
                "KeyAttributes": [], "LogicalName": change.table, "Name": None, "RowVersion": None}  # fmt: skip
    rows = store.rows[change.table]
    position = rows.index.get(change.row_id.encode())
    values = {} if position is None else rows.fragments(position)
    plain = [{"key": name, "value": from_json(piece)} for name, piece in values.items() if not piece.startswith(b"[")]
    return {"__type": "Entity:http://schemas.microsoft.com/xrm/2011/Contracts", "Attributes": _as_text(plain),
            "EntityState": None, "FormattedValues": [], "Id": change.row_id, "KeyAttributes": [],
            "LogicalName": change.table, "RelatedEntities": [], "RowVersion": None}  # fmt: skip


def _as_text(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the pairs with numbers that JSON cannot hold exactly as floats."""
    simple = (str, int, bool, type(None))
    return [{**one, "value": one["value"] if isinstance(one["value"], simple) else float(one["value"])}
            for one in pairs]  # fmt: skip


def _context(
    step: _Step, change: Change, caller: Caller, organization: str, target: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the RemoteExecutionContext as its JSON has it."""
    moment = f"/Date({int(datetime.now(UTC).timestamp() * 1000)}+0000)/"
    return {
        "BusinessUnitId": caller.business_unit_id, "CorrelationId": str(uuid4()), "Depth": 1,
        "InitiatingUserId": caller.user_id, "IsExecutingOffline": False, "IsInTransaction": False,
        "IsOfflinePlayback": False, "IsolationMode": 1, "MessageName": change.message, "Mode": ASYNCHRONOUS,
        "OperationCreatedOn": moment, "OperationId": str(uuid4()), "OrganizationId": organization,
        "OrganizationName": "localhost", "OutputParameters": [], "ParentContext": None, "PostEntityImages": [],
        "PreEntityImages": [], "PrimaryEntityId": change.row_id, "PrimaryEntityName": change.table,
        "RequestId": str(uuid4()), "SecondaryEntityName": "none", "SharedVariables": [], "Stage": AFTER_OPERATION,
        "UserId": caller.user_id,
        "InputParameters": [] if target is None else [{"key": "Target", "value": target}],
        "OwningExtension": {"Id": step.id, "KeyAttributes": [], "LogicalName": STEPS, "Name": step.name,
                            "RowVersion": None},
    }  # fmt: skip


# -- what may be registered -------------------------------------------------------------------------------------------


def add_message_filters(store: Store, table: Table, transaction: Transaction) -> None:
    """Add the rows that say which messages a table has."""
    for message in _messages_of(table):
        known = _row_id(message)
        if known not in store.rows["sdkmessage"].index:
            store.insert("sdkmessage", known, {"name": f'"{message}"'.encode()}, transaction)
        row: Fragments = {
            "sdkmessageid": b'"%b"' % known, "primaryobjecttypecode": f'"{table.name}"'.encode(),
            "iscustomprocessingstepallowed": b"true",
        }  # fmt: skip
        if (filter_id := _row_id(f"{message} of {table.name}")) not in store.rows["sdkmessagefilter"].index:
            store.insert("sdkmessagefilter", filter_id, row, transaction)


def remove_message_filters(store: Store, table: Table, transaction: Transaction) -> None:
    """Remove a table's messages."""
    rows = store.rows["sdkmessagefilter"]
    for message in (*_EVERYWHERE, *_BULK):
        if (position := rows.index.get(_row_id(f"{message} of {table.name}"))) is not None:
            store.delete("sdkmessagefilter", position, transaction)


def _messages_of(table: Table) -> tuple[str, ...]:
    """Return what is done to a table; many rows at once not to every kind of it."""
    return (*_EVERYWHERE, *(_BULK if table.takes_bulk else ()))


def _row_id(what: str) -> bytes:
    return str(uuid5(_NAMESPACE, what)).encode()


def check(table: Table, row: Fragments) -> None:
    """Raise ServiceError where a service endpoint or step is of a kind that the service, or the stand-in, refuses."""
    if table.name == ENDPOINTS:
        _check_endpoint(row)
    elif table.name == STEPS:
        _check_step(row)


def _check_endpoint(row: Fragments) -> None:
    if row.get("contract") != b"%d" % WEB_HOOK:
        raise not_covered("service endpoints other than web hooks")
    address, kind = str(from_json(row.get("url", b"")) or ""), int(row.get("authtype", b"0"))
    if not address.startswith(("https://", "http://")):
        raise invalid_argument("The address of a web hook begins with https://.")
    if kind not in (AUTH_KEY, AUTH_HEADER, AUTH_QUERY):
        raise invalid_argument("A web hook needs a key, headers, or parameters of its address to prove itself.")
    secret = str(from_json(row.get("authvalue", b"")) or "")
    if kind != AUTH_KEY and not read_settings(secret):
        raise invalid_argument("A web hook needs a name and a value to prove itself.")


def _check_step(row: Fragments) -> None:
    if not row.get("eventhandler"):
        raise not_covered("steps that call a plug-in")
    if row.get("stage") != b"%d" % AFTER_OPERATION or row.get("mode") != b"%d" % ASYNCHRONOUS:
        raise not_covered("steps that are not asynchronous, after the operation")
    if row.get("filteringattributes"):
        raise not_covered("steps for some columns")
    if not row.get("sdkmessageid") or not row.get("sdkmessagefilterid"):
        raise ServiceError(400, "0x80040200", "Required field missing.")
