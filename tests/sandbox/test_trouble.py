"""Limits, latency and faults: what a client has to survive."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from sandbox.base.clock import Clock
from sandbox.base.limits import IN_FLIGHT_S, ServiceProtection
from tests.sandbox.conftest import Api
from tests.sandbox.test_batch import GO_ON, part, send, statuses


def add_fault(api: Api, **described: Any) -> None:
    api.sandbox.control("POST", "faults", [described])


LIMITS = [
    ({"requests": 2}, "0x80072322", "Number of requests exceeded the limit of 2 over time window of 300 seconds."),
    ({"execution_s": 0}, "0x80072321", "exceeded limit of 0 milliseconds over time window of 300 seconds"),
]


@pytest.mark.parametrize(("limits", "code", "text"), LIMITS)
def test_user_beyond_a_limit_gets_429_with_retry_after(api: Api, limits: dict[str, int], code: str, text: str) -> None:
    api.sandbox.control("PUT", "limits", limits)
    answers = [api.send("GET", "WhoAmI") for _ in range(3)]
    assert answers[0].status_code == 200
    last = answers[-1]
    assert (last.status_code, last.json()["error"]["code"]) == (429, code)
    assert text in last.json()["error"]["message"]
    wait = int(last.headers["Retry-After"])
    assert 290 <= wait <= 300
    assert api.sandbox.requests()["throttled"] >= 1
    api.sandbox.control("PUT", "clock", {"offset_s": wait + 1})
    assert api.send("GET", "WhoAmI").status_code == 200


def test_request_before_retry_after_is_counted(api: Api) -> None:
    add_fault(api, method="GET", path="WhoAmI", fault="429", retry_after=30)
    assert api.send("GET", "WhoAmI").headers["Retry-After"] == "30"
    assert api.sandbox.requests()["before_retry_after"] == 0
    api.send("GET", "WhoAmI")
    assert api.sandbox.requests()["before_retry_after"] == 1


def test_request_sent_before_the_refusal_arrived_is_not_too_early() -> None:
    """Under load a request is handled late: what counts is when it arrived, and when the refusal was sent."""
    protection = ServiceProtection(Clock())
    protection.note_refusal("ada", 5, connection=1)
    came = time.monotonic()
    assert not protection.is_too_early("ada", 2, came)
    protection.note_refusal_sent(1)
    assert not protection.is_too_early("ada", 2, came)
    assert protection.is_too_early("ada", 2, time.monotonic() + IN_FLIGHT_S + 0.01)
    assert protection.is_too_early("ada", 1, came), "who was refused on this very connection knows"
    assert not protection.is_too_early("bob", 2, time.monotonic() + 1)


def test_requests_beyond_the_concurrency_limit_are_refused_immediately(api: Api) -> None:
    api.sandbox.control("PUT", "limits", {"concurrency": 2})
    api.sandbox.control("PUT", "latency", {"request_ms": 300})
    token = api.session.headers["Authorization"]

    def ask(_: int) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"{api.base}WhoAmI", headers={"Authorization": token}, verify=api.sandbox.ca_file)

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(ask, range(5)))
    refused = [one for one in answers if one.status_code == 429]
    assert len(refused) == 3
    assert {one.json()["error"]["code"] for one in refused} == {"0x80072326"}
    assert all(one.headers["Retry-After"] for one in refused)
    assert api.sandbox.requests()["max_concurrency"] >= 2


def test_answers_carry_remaining_budget_and_parallelism_hint(api: Api) -> None:
    headers = api.send("GET", "WhoAmI").headers
    assert headers["x-ms-ratelimit-burst-remaining-xrm-requests"] == "5999"
    assert headers["x-ms-ratelimit-time-remaining-xrm-requests"].startswith("1,")
    assert int(headers["x-ms-dop-hint"]) > 0
    assert headers["x-ms-service-request-id"]
    assert headers["OData-Version"] == "4.0"


def test_latency_applies_per_request_and_per_row(api: Api) -> None:
    api.sandbox.load({"accounts": [{"name": str(number)} for number in range(20)]})
    api.sandbox.control("PUT", "latency", {"request_ms": 50, "row_read_ms": 10})
    begun = time.monotonic()
    api.get("accounts")
    assert 0.25 <= time.monotonic() - begun < 2


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("503", 503), ("500", 500), ("401", 401)])
def test_fault_replaces_the_answer(api: Api, kind: str, status: int) -> None:
    add_fault(api, method="POST", path="accounts", after=1, times=2, fault=kind, retry_after=0)
    seen = [api.send("POST", "accounts", json={"name": "x"}).status_code for _ in range(4)]
    assert seen == [204, status, status, 204]
    assert len(api.sandbox.rows("accounts")) == 2
    shown = api.sandbox.control("GET", "faults")
    assert (shown[0]["seen"], shown[0]["struck"]) == (3, 2)
    api.sandbox.control("DELETE", "faults")
    assert api.sandbox.control("GET", "faults") == []


LOST = [("reset", 0), ("lost_reply", 1), ("truncate", 1), ("timeout", 0)]


@pytest.mark.parametrize(("kind", "rows"), LOST)
def test_connection_fault_hits_before_or_after_the_row_is_written(api: Api, kind: str, rows: int) -> None:
    add_fault(api, method="POST", path="accounts", fault=kind)
    with pytest.raises(requests.RequestException) as caught:
        api.session.post(
            f"{api.base}accounts", json={"name": "x"}, headers={"Prefer": "return=representation"}, timeout=2
        )
    if kind == "timeout":
        assert isinstance(caught.value, requests.ReadTimeout)
    else:
        assert isinstance(caught.value, requests.ConnectionError | requests.exceptions.ChunkedEncodingError)
    assert len(api.sandbox.rows("accounts")) == rows


def test_slow_answer_arrives_complete(api: Api) -> None:
    add_fault(api, method="GET", path="WhoAmI", fault="slow")
    begun = time.monotonic()
    assert api.get("WhoAmI")["UserId"]
    assert time.monotonic() - begun > 1


def test_fault_hits_parts_inside_a_batch(api: Api) -> None:
    add_fault(api, method="POST", path="accounts", after=1, times=1, fault="503")
    parts = [part("POST", "/api/data/v9.2/accounts", {"name": str(number)}) for number in range(3)]
    assert statuses(send(api, parts, **GO_ON)) == [204, 503, 204]
    add_fault(api, method="POST", path="accounts", after=1, fault="lost_reply")
    with pytest.raises(requests.ConnectionError):
        send(api, parts, **GO_ON)
    assert len(api.sandbox.rows("accounts")) == 5
    add_fault(api, method="POST", path="accounts", after=1, fault="reset")
    with pytest.raises(requests.ConnectionError):
        send(api, parts, **GO_ON)
    assert len(api.sandbox.rows("accounts")) == 6


def test_partial_batch_fails_every_second_part(api: Api) -> None:
    add_fault(api, fault="partial_batch")
    parts = [part("POST", "/api/data/v9.2/accounts", {"name": str(number)}) for number in range(4)]
    assert statuses(send(api, parts, **GO_ON)) == [204, 500, 204, 500]
    assert statuses(send(api, parts, **GO_ON)) == [204] * 4


def test_partial_batch_may_be_selected_by_the_shape_of_its_parts(api: Api) -> None:
    add_fault(api, method="POST", path="accounts", fault="partial_batch")
    other = [part("GET", "/api/data/v9.2/contacts?$top=1") for _ in range(2)]
    assert statuses(send(api, other, **GO_ON)) == [200, 200]
    parts = [part("POST", "/api/data/v9.2/accounts", {"name": str(number)}) for number in range(4)]
    assert statuses(send(api, parts, **GO_ON)) == [204, 500, 204, 500]
    assert statuses(send(api, parts, **GO_ON)) == [204] * 4


SHAPES = [
    ("accounts", "GET", "accounts", True),
    ("accounts", "GET", "accounts(00000000-0000-4000-8000-000000000001)", True),
    ("accounts(id)", "GET", "accounts", False),
    ("CreateMultiple", "POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", True),
    ("contacts", "GET", "accounts", False),
    ("*", "GET", "accounts", True),
]


@pytest.mark.parametrize(("path", "method", "asked", "struck"), SHAPES)
def test_fault_matches_by_the_shape_of_a_path(api: Api, path: str, method: str, asked: str, struck: bool) -> None:
    add_fault(api, method=method, path=path, fault="503")
    assert (api.send(method, asked, json={}).status_code == 503) is struck


def test_many_clients_at_once_lose_nothing_and_see_no_half_rows(api: Api) -> None:
    token = api.session.headers["Authorization"]
    body = {"Targets": [{"@odata.type": "Microsoft.Dynamics.CRM.account", "name": "n", "fax": "n"}] * 20}

    def work(number: int) -> set[int]:
        seen = set()
        with requests.Session() as session:
            session.trust_env = False
            session.verify = api.sandbox.ca_file
            session.headers["Authorization"] = str(token)
            for turn in range(10):
                made = session.post(f"{api.base}accounts/Microsoft.Dynamics.CRM.CreateMultiple", json=body).json()[
                    "Ids"
                ]
                text = f"{number}.{turn}"
                session.patch(f"{api.base}accounts({made[0]})", json={"name": text, "fax": text})
                session.delete(f"{api.base}accounts({made[1]})")
                page = session.get(f"{api.base}accounts?$select=name,fax&$filter=contains(name,'.')&$orderby=name")
                seen.add(page.status_code)
                assert all(row["name"] == row["fax"] for row in page.json()["value"])
        return seen

    with ThreadPoolExecutor(6) as pool:
        assert set().union(*pool.map(work, range(6))) == {200}
    rows = api.sandbox.rows("accounts", "name")
    assert len(rows) == 6 * 10 * 19
    assert len({row["@odata.etag"] for row in rows}) == len(rows)
    assert api.sandbox.requests()["rows_written"] == 6 * 10 * 22
