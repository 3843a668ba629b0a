"""Web hooks of the stand-in: what may be registered, what is called after a committed write, and what is not told."""

import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from tests.sandbox.conftest import Api

SECRET = '<settings><setting name="x-proof" value="open sesame"/></settings>'


class Call(NamedTuple):
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Listener:
    """A web server on loopback that keeps what it is called with."""

    def __init__(self) -> None:
        self.calls: queue.Queue[Call] = queue.Queue()
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                calls.put(Call(self.path, headers, body))
                self.send_response(500 if "broken" in self.path else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def next(self) -> Call:
        return self.calls.get(timeout=20)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


def register(api: Api, url: str, table: str, *messages: str, **values: Any) -> str:
    """Register a web hook with steps for messages of a table; return the endpoint's id."""
    body = {"name": "Hook", "contract": 8, "authtype": 5, "authvalue": SECRET, "url": url, **values}
    endpoint = api.create("serviceendpoints", **body)
    for message in messages:
        api.create("sdkmessageprocessingsteps", **step(api, endpoint, table, message))
    return endpoint


def step(api: Api, endpoint: str, table: str, message: str) -> dict[str, Any]:
    query = f"sdkmessageid/name eq '{message}' and primaryobjecttypecode eq '{table}'"
    (found,) = api.values(f"sdkmessagefilters?$select=sdkmessagefilterid,_sdkmessageid_value&$filter={query}")
    return {
        "name": f"{message} of {table}", "stage": 40, "mode": 1, "rank": 1, "asyncautodelete": True,
        "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint})",
        "sdkmessageid@odata.bind": f"/sdkmessages({found['_sdkmessageid_value']})",
        "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({found['sdkmessagefilterid']})",
    }  # fmt: skip


def test_a_committed_write_calls_the_web_hook_with_what_changed_and_the_proof(api: Api, listener: Listener) -> None:
    register(api, listener.url, "account", "Create", "Update", "Delete")
    row = api.create("accounts", name="Adatum", creditlimit=1250.5)
    assert api.send("PATCH", f"accounts({row})", json={"name": "Adatum 2"}).status_code == 204
    assert api.send("DELETE", f"accounts({row})").status_code == 204
    created, updated, deleted = (listener.next() for _ in range(3))
    assert [one.body["MessageName"] for one in (created, updated, deleted)] == ["Create", "Update", "Delete"]
    for one in (created, updated, deleted):
        assert (one.body["PrimaryEntityName"], one.body["PrimaryEntityId"]) == ("account", row)
        assert one.headers["x-ms-dynamics-entity-name"] == "account"
        assert one.headers["x-proof"] == "open sesame"
        assert one.body["InputParameters"][0]["key"] == "Target"
        assert one.body["Stage"] == 40
    attributes = created.body["InputParameters"][0]["value"]["Attributes"]
    assert {"key": "creditlimit", "value": 1250.5} in attributes
    assert updated.headers["x-ms-dynamics-request-name"] == "Update"


def test_what_is_undone_or_of_another_table_or_a_disabled_step_calls_nothing(api: Api, listener: Listener) -> None:
    endpoint = register(api, listener.url, "account", "Create")
    disabled = api.create("sdkmessageprocessingsteps", **step(api, endpoint, "contact", "Create"))
    off = {"statecode": 1, "statuscode": 2}
    assert api.send("PATCH", f"sdkmessageprocessingsteps({disabled})", json=off).status_code == 204
    api.create("contacts", lastname="Nobody")
    many = {"Targets": [{"@odata.type": "Microsoft.Dynamics.CRM.account", "name": "A"},
                        {"@odata.type": "Microsoft.Dynamics.CRM.account", "nope": "B"}]}  # fmt: skip
    path = "accounts/Microsoft.Dynamics.CRM.CreateMultiple"
    assert api.send("POST", path, json=many).status_code == 400
    del many["Targets"][1]["nope"]
    many["Targets"][1]["name"] = "B"
    assert api.send("POST", path, json=many).status_code == 200
    first, second = listener.next(), listener.next()
    assert {first.body["PrimaryEntityName"], second.body["PrimaryEntityName"]} == {"account"}
    assert listener.calls.empty()


def test_a_key_comes_as_code_and_a_call_that_fails_changes_nothing(api: Api, listener: Listener) -> None:
    register(api, f"{listener.url}/broken", "account", "Create", authtype=4, authvalue="k+1")
    row = api.create("accounts", name="Stays")
    assert listener.next().path == "/hook/broken?code=k%2B1"
    assert api.get(f"accounts({row})?$select=name")["name"] == "Stays"


def test_the_secret_of_a_web_hook_is_never_read_back(api: Api, listener: Listener) -> None:
    endpoint = register(api, listener.url, "account", "Create")
    for path in (f"serviceendpoints({endpoint})", f"serviceendpoints({endpoint})?$select=authvalue"):
        plain, annotated = api.get(path), api.get(path, Prefer='odata.include-annotations="*"')
        assert "sesame" not in json.dumps([plain, annotated])
        assert plain["authvalue"] is None
    assert "sesame" not in json.dumps(api.sandbox.rows("serviceendpoints"))


def test_an_endpoint_with_steps_is_not_deleted_and_other_kinds_are_refused(
    api: Api, admin: Api, listener: Listener
) -> None:
    endpoint = register(api, listener.url, "account", "Create")
    assert api.refusal("DELETE", f"serviceendpoints({endpoint})")[0] == 400
    good = {"name": "Hook", "contract": 8, "authtype": 5, "authvalue": SECRET, "url": listener.url}
    for wrong, status in (
        ({"contract": 2}, 501), ({"url": "ftp://elsewhere"}, 400), ({"authtype": 2}, 400), ({"url": None}, 400),
        ({"authvalue": "plain"}, 400),
    ):  # fmt: skip
        assert api.refusal("POST", "serviceendpoints", json={**good, **wrong})[0] == status, wrong
    right = step(api, endpoint, "account", "Update")
    for wrong, status in (
        ({"mode": 0}, 501), ({"stage": 20}, 501), ({"filteringattributes": "name"}, 501),
        ({"sdkmessagefilterid@odata.bind": None}, 400), ({"eventhandler_serviceendpoint@odata.bind": None}, 501),
    ):  # fmt: skip
        assert api.refusal("POST", "sdkmessageprocessingsteps", json={**right, **wrong})[0] == status, wrong
    assert admin.refusal("POST", "sdkmessages", json={"name": "Own"})[0] == 405
