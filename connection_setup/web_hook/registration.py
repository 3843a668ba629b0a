"""The web hook in Dataverse: a service endpoint, and a step for each message of each table. Free of Django.

Source: "Register a WebHook" and "Use Webhooks to create external handlers for server events" of Microsoft's
documentation: contract 8, a key in a header, ports 443 (https) and 80.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID, uuid5

from dataverse import odata
from dataverse.errors import Duplicate, Gone
from dataverse.types import Page

ENDPOINTS, STEPS = "serviceendpoints", "sdkmessageprocessingsteps"
MESSAGES = ("Create", "Update", "Delete")
HEADER = "x-tandem-key"
"""The header in which the key comes."""
RIGHTS: Mapping[str, Sequence[str]] = {
    "serviceendpoint": ("Create", "Read", "Write", "Delete", "Append", "AppendTo"),
    "sdkmessageprocessingstep": ("Create", "Read", "Write", "Delete", "Append", "AppendTo"),
    "sdkmessage": ("Read", "AppendTo"),
    "sdkmessagefilter": ("Read", "AppendTo"),
}
"""Table -> rights that the integration's role gets where a web hook is registered: to renew and remove it."""
_WEB_HOOK, _IN_A_HEADER, _JSON = 8, 5, 2
_AFTER_OPERATION, _ASYNCHRONOUS = 40, 1
_MOST_NAME = 100


class Registrar(Protocol):
    """The part of the client that registers."""

    def first_page(self, entity_set: str, *, select: Sequence[str], filter: str = "") -> Page: ...  # noqa: A002, D102
    def create(self, entity_set: str, row: Mapping[str, Any], *, primary_id: str = "") -> UUID: ...  # noqa: D102
    def update(self, entity_set: str, row_id: UUID | str, changes: Mapping[str, Any]) -> str | None: ...  # noqa: D102
    def delete(self, entity_set: str, row_id: UUID | str) -> None: ...  # noqa: D102


def register(
    client: Registrar, endpoint_id: UUID, *, name: str, address: str, key: str, tables: Iterable[str]
) -> list[str]:
    """Make or renew the web hook with this id, and its steps; return the tables that call it. Repeatable.

    key: of characters that are themselves in XML. A table whose changes Dataverse does not send is left out. Raises
    DataverseError.
    """
    values = {
        "name": name[:_MOST_NAME], "url": address, "contract": _WEB_HOOK, "authtype": _IN_A_HEADER,
        "messageformat": _JSON, "authvalue": f'<settings><setting name="{HEADER}" value="{key}"/></settings>',
    }  # fmt: skip
    there = client.first_page(
        ENDPOINTS, select=["serviceendpointid"], filter=odata.eq("serviceendpointid", endpoint_id)
    )
    if there.rows:
        client.update(ENDPOINTS, endpoint_id, values)
    else:
        client.create(ENDPOINTS, {"serviceendpointid": str(endpoint_id), **values}, primary_id="serviceendpointid")
    wanted = _wanted_steps(client, endpoint_id, tables)
    known = _step_ids(client, endpoint_id)
    for step_id in known - wanted.keys():
        _delete(client, STEPS, step_id)
    for step_id, (table, message, filter_id, message_id) in wanted.items():
        if step_id not in known:
            _create_step(client, endpoint_id, step_id, f"{name}: {message} of {table}", filter_id, message_id)
    return sorted({table for table, *_ in wanted.values()})


def remove(client: Registrar, endpoint_id: UUID) -> None:
    """Remove the web hook with its steps; what is gone already is well. Raises DataverseError."""
    for step_id in _step_ids(client, endpoint_id):
        _delete(client, STEPS, step_id)
    _delete(client, ENDPOINTS, endpoint_id)


def _wanted_steps(client: Registrar, endpoint_id: UUID, tables: Iterable[str]) -> dict[UUID, tuple[str, str, str, str]]:
    """Return step id -> table, message, and the ids of the message's filter and of the message."""
    messages = client.first_page("sdkmessages", select=["sdkmessageid", "name"], filter=odata.one_of("name", MESSAGES))
    names = {str(row["sdkmessageid"]): str(row["name"]) for row in messages.rows}
    of_message = odata.lookup("sdkmessageid")
    filters = client.first_page(
        "sdkmessagefilters",
        select=["sdkmessagefilterid", "primaryobjecttypecode", of_message],
        filter=odata.all_of(
            odata.one_of(of_message, [UUID(one) for one in names]), odata.one_of("primaryobjecttypecode", tables),
            odata.eq("iscustomprocessingstepallowed", True),
        ),
    )  # fmt: skip
    found = {}
    for row in filters.rows:
        table, message = str(row["primaryobjecttypecode"]), names[str(row[of_message])]
        ids = str(row["sdkmessagefilterid"]), str(row[of_message])
        found[uuid5(endpoint_id, f"{message} {table}")] = (table, message, *ids)
    return found


def _step_ids(client: Registrar, endpoint_id: UUID) -> set[UUID]:
    mine = odata.eq(odata.lookup("eventhandler"), endpoint_id)
    rows = client.first_page(STEPS, select=["sdkmessageprocessingstepid"], filter=mine).rows
    return {UUID(str(row["sdkmessageprocessingstepid"])) for row in rows}


def _create_step(
    client: Registrar, endpoint_id: UUID, step_id: UUID, name: str, filter_id: str, message_id: str
) -> None:
    body = {
        "sdkmessageprocessingstepid": str(step_id), "name": name[:_MOST_NAME], "stage": _AFTER_OPERATION,
        "mode": _ASYNCHRONOUS, "rank": 1, "supporteddeployment": 0, "asyncautodelete": True,
        **odata.bind("eventhandler_serviceendpoint", ENDPOINTS, endpoint_id),
        **odata.bind("sdkmessageid", "sdkmessages", message_id),
        **odata.bind("sdkmessagefilterid", "sdkmessagefilters", filter_id),
    }  # fmt: skip
    try:
        client.create(STEPS, body, primary_id="sdkmessageprocessingstepid")
    except Duplicate:
        return  # somebody registers at the same time: it is the same step


def _delete(client: Registrar, entity_set: str, row_id: UUID) -> None:
    try:
        client.delete(entity_set, row_id)
    except Gone:
        return
