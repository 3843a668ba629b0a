"""The numbered answers on demand: each has the status, code and shape that the service was seen to give."""

from typing import Any

import pytest
import requests

from sandbox.refusals import registry
from tests.sandbox.conftest import Api
from tests.sandbox.test_batch import GO_ON, part, send, statuses

FIRST = "11111111-1111-4111-8111-111111111111"
SECOND = "22222222-2222-4222-8222-222222222222"

ROWS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"refusal": 27, "ids": [FIRST]}, 404, "0x80040217", f"systemuser With Id = {FIRST} Does Not Exist"),
    ({"refusal": 28, "ids": [FIRST, SECOND]}, 404, "0x80040217", f"Account With Ids = {FIRST}, {SECOND} Do Not Exist"),
    ({"refusal": 28, "status": 400}, 400, "0x80040217", "Do Not Exist"),
    ({"refusal": 29}, 412, "0x80060892", "Entity Key No. violated. A record with the same value for No. already"),
    ({"refusal": 30}, 412, "0x80040333", "A record was not created or updated because a duplicate"),
    ({"refusal": 30, "status": 500}, 500, "0x80040333", "duplicate of the current record already exists."),
    ({"refusal": 31, "message": "Nein."}, 400, "0x80040265", "Nein."),
    ({"refusal": 32}, 400, "0x80040230", "The object cannot be updated because it is inactive."),
    ({"refusal": 33, "parallel": 1}, 500, "0x80044150", "Sql ErrorCode: -2146232060 Sql Number: 1205"),
    ({"refusal": 34}, 500, "0x80044151", "SQL timeout expired. CRM ErrorCode: -2147204783"),
    ({"refusal": 35}, 429, "0x80072322", "Number of requests exceeded the limit of 6000 over time window"),
    ({"refusal": 35, "variant": "execution"}, 429, "0x80072321", "Combined execution time of incoming requests"),
    ({"refusal": 35, "variant": "concurrency"}, 429, "0x80072326", "Number of concurrent requests exceeded"),
    ({"refusal": 36}, 500, "0x80072325", "The storage limit for the database has been met."),
]
"""Entries of the group `rows` that answer in the Web API's shape: entry, status, code, part of the text."""
PAGES = [("gateway", 502), ("front end", 503), ("time-out", 504), ("proxy", 403), ("portal", 200), ("unknown", 520)]
NEITHER_TABLE_NOR_SIGN_IN = {37}


def order(api: Api, *entries: dict[str, Any]) -> None:
    api.sandbox.control("POST", "faults", list(entries))


def bulk(api: Api, rows: int = 2, **headers: str) -> requests.Response:
    targets = [{"@odata.type": "Microsoft.Dynamics.CRM.account", "name": str(number)} for number in range(rows)]
    path = "accounts/Microsoft.Dynamics.CRM.CreateMultiple"
    return api.send("POST", path, json={"Targets": targets}, headers=headers)


def test_each_refusal_of_rows_has_the_services_status_code_and_text(api: Api) -> None:
    for entry, status, code, text in ROWS:
        order(api, entry)
        answer = bulk(api)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, code), entry
        assert text in error["message"], entry
        assert answer.headers["OData-Version"] == "4.0"
        assert bulk(api).status_code in {200, 204}, f"{entry} strikes once"
        api.sandbox.control("DELETE", "faults")


def test_each_number_of_rows_is_in_a_table_of_this_file() -> None:
    tested = {entry["refusal"] for entry, *_ in ROWS} | NEITHER_TABLE_NOR_SIGN_IN
    assert tested == {number for number in registry.known() if 27 <= number <= 37} == set(range(27, 38))


def test_something_between_answers_with_a_page(api: Api) -> None:
    for variant, status in PAGES:
        order(api, {"refusal": 37, "variant": variant})
        answer = api.send("GET", "accounts")
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert answer.text.startswith("<!DOCTYPE html>")


def test_wait_is_in_seconds_or_a_date_or_not_said(api: Api) -> None:
    for given, shown in ((None, "5"), (7, "7"), ("date 9", " GMT"), ("none", None)):
        order(api, {"refusal": 35, "retry_after": given})
        header = api.send("GET", "WhoAmI").headers.get("Retry-After")
        assert header is None if shown is None else shown in (header or ""), given


def test_details_stand_in_annotations_for_a_client_that_asks(api: Api) -> None:
    asking = {"Prefer": 'odata.include-annotations="Microsoft.PowerApps.CDS.*"'}
    order(api, {"refusal": 29, "times": 2}, {"refusal": 31})
    assert set(bulk(api).json()["error"]) == {"code", "message"}
    error = bulk(api, **asking).json()["error"]
    assert "<accountnumber>" in error["@Microsoft.PowerApps.CDS.ErrorDetails.DuplicateAttributes"]
    error = bulk(api, **asking).json()["error"]
    assert error["@Microsoft.PowerApps.CDS.ErrorDetails.ApiExceptionSourceKey"].startswith("Plugin/")


def test_timeout_strikes_bulk_messages_beyond_its_rows(api: Api) -> None:
    order(api, {"refusal": 34, "rows": 3, "times": 0})
    assert [bulk(api, rows).status_code for rows in (3, 4, 2)] == [200, 500, 200]


def test_refusal_passes_some_requests_and_lasts_some_seconds(api: Api) -> None:
    order(api, {"refusal": 36, "path": "accounts", "after": 1, "seconds": 60})
    assert [bulk(api).status_code for _ in range(4)] == [200, 500, 500, 500]
    assert api.send("POST", "contacts", json={"lastname": "x"}).status_code == 204
    api.sandbox.control("PUT", "clock", {"offset_s": 61})
    assert bulk(api).status_code == 200
    shown = api.sandbox.control("GET", "faults")[0]
    assert (shown["refusal"], shown["seconds"], shown["seen"], shown["struck"]) == (36, 60, 4, 3)


def test_part_of_a_batch_is_refused_by_itself(api: Api) -> None:
    order(api, {"refusal": 32, "path": "accounts", "after": 1})
    parts = [part("POST", "/api/data/v9.2/accounts", {"name": str(number)}) for number in range(3)]
    assert statuses(send(api, parts, **GO_ON)) == [204, 400, 204]


WRONG = [
    ({"refusal": 41}, "'41' is no refusal; they are numbered 1 to 40."),
    ({"refusal": True}, "is no refusal"),
    ({"refusal": 27, "ids": ["x"]}, "'ids' is a list of GUIDs."),
    ({"refusal": 35, "variant": "many"}, "Refusal 35 has no variant 'many'; there are requests, execution"),
    ({"refusal": 35, "retry_after": "soon"}, "'retry_after' is a number of seconds"),
    ({"refusal": 32, "status": 99}, "'99' is no status"),
    ({"refusal": 32, "until": 5}, "A fault has no 'until'."),
]


@pytest.mark.parametrize(("entry", "text"), WRONG)
def test_entry_that_cannot_be_read_is_refused_with_a_sentence(api: Api, entry: dict[str, Any], text: str) -> None:
    with pytest.raises(requests.HTTPError, match="400") as caught:
        order(api, entry)
    assert text in caught.value.response.json()["error"]["message"]
