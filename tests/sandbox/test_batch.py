"""$batch: many operations in one request."""

import json
import re
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import Api

ID = "00000000-0000-4000-8000-0000000000a1"


def part(method: str, path: str, body: Any = None, *, content_id: str = "", **headers: str) -> str:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if content_id:
        lines.append(f"Content-ID: {content_id}")
    inner = [f"{method} {path} HTTP/1.1", "Content-Type: application/json"]
    inner += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    text = "" if body is None else json.dumps(body)
    return "\r\n".join([*lines, "", *inner, "", text])


def batch_body(parts: list[str], boundary: str = "batch_1") -> str:
    return "".join(f"--{boundary}\r\n{one}\r\n" for one in parts) + f"--{boundary}--\r\n"


def change_set(parts: list[str]) -> str:
    return "Content-Type: multipart/mixed; boundary=changes\r\n\r\n" + batch_body(parts, "changes")


def send(api: Api, parts: list[str], **headers: str) -> requests.Response:
    given = {"Content-Type": 'multipart/mixed; boundary="batch_1"', **headers}
    return api.send("POST", "$batch", data=batch_body(parts).encode(), headers=given)


def statuses(answer: requests.Response) -> list[int]:
    return [int(one) for one in re.findall(r"^HTTP/1\.1 (\d+)", answer.text, re.MULTILINE)]


GO_ON = {"Prefer": "odata.continue-on-error"}


def test_parts_are_answered_in_order_by_path_or_by_whole_address(api: Api) -> None:
    answer = send(
        api,
        [
            part("POST", "/api/data/v9.2/accounts", {"accountid": ID, "name": "x"}),
            part("GET", f"{api.base}accounts({ID})?$select=name"),
            part("PATCH", f"/api/data/v9.2/accounts({ID})", {"name": "y"}, If_Match="*"),
            part("DELETE", f"/api/data/v9.2/accounts({ID})"),
        ],
    )
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert statuses(answer) == [204, 200, 204, 204]
    assert f"OData-EntityId: {api.base}accounts({ID})" in answer.text
    assert f"Location: {api.base}accounts({ID})" in answer.text
    assert api.sandbox.requests()["rows_written"] == 3


def test_the_first_failure_ends_the_batch_and_gives_it_its_status(api: Api) -> None:
    parts = [part("POST", "/api/data/v9.2/accounts", {"name": name}) for name in ("a", "x" * 200, "c")]
    answer = send(api, parts)
    assert answer.status_code == 400
    assert statuses(answer) == [204, 400]
    assert [row["name"] for row in api.sandbox.rows("accounts")] == ["a"]


def test_continue_on_error_answers_every_part(api: Api) -> None:
    parts = [part("POST", "/api/data/v9.2/accounts", {"name": name}) for name in ("a", "x" * 200, "c")]
    answer = send(api, parts, **GO_ON)
    assert answer.status_code == 200
    assert statuses(answer) == [204, 400, 204]
    assert "0x80044331" in answer.text
    assert [row["name"] for row in api.sandbox.rows("accounts")] == ["a", "c"]


def test_change_set_is_atomic_and_can_refer_to_rows_it_created(api: Api) -> None:
    good = [
        part("POST", "/api/data/v9.2/contacts", {"lastname": "Lind"}, content_id="1"),
        part("POST", "/api/data/v9.2/accounts", {"name": "a", "primarycontactid@odata.bind": "$1"}, content_id="2"),
        part("PATCH", "$2", {"fax": "7"}, content_id="3"),
    ]
    answer = send(api, [change_set(good)])
    assert statuses(answer) == [204, 204, 204]
    assert "changesetresponse_" in answer.text
    row = api.sandbox.rows("accounts")[0]
    assert (row["fax"], row["_primarycontactid_value"]) == ("7", api.sandbox.rows("contacts")[0]["contactid"])
    bad = [*good[:2], part("PATCH", "$2", {"fax": "x" * 99}, content_id="3")]
    answer = send(api, [change_set(bad), part("GET", "/api/data/v9.2/WhoAmI")], **GO_ON)
    assert statuses(answer) == [400, 200]
    assert "changesetresponse_" not in answer.text
    assert len(api.sandbox.rows("accounts")) == len(api.sandbox.rows("contacts")) == 1


BROKEN = [
    pytest.param("", id="nothing"),
    pytest.param("no boundary", id="no boundary"),
    pytest.param("--batch_1\r\n", id="no end"),
    pytest.param("--batch_1--\r\n", id="no parts"),
    pytest.param(batch_body(["Content-Type: text/plain\r\n\r\nx"]), id="not http"),
    pytest.param(batch_body(["Content-Type: application/http\r\n\r\nnonsense\r\n\r\n"]), id="no request line"),
    pytest.param(batch_body([change_set([part("POST", "/api/data/v9.2/accounts", {})])]), id="no content id"),
    pytest.param(batch_body([part("GET", "/api/data/v9.2/WhoAmI")] * 1001), id="too many"),
]


@pytest.mark.parametrize("body", BROKEN)
def test_invalid_batch_body_is_refused_as_a_whole(api: Api, body: str) -> None:
    headers = {"Content-Type": "multipart/mixed; boundary=batch_1"}
    assert api.refusal("POST", "$batch", data=body.encode(), headers=headers) == (400, "0x80060888")
    assert api.refusal("POST", "$batch", data=body.encode(), headers={"Content-Type": "application/json"})[0] == 400


BAD_PARTS = [
    part("GET", "accounts"),
    part("POST", "/api/data/v9.2/$batch", {}),
    part("GET", "$7"),
    part("POST", "/api/data/v9.2/accounts", {"primarycontactid@odata.bind": "$9"}),
    change_set([part("GET", "/api/data/v9.2/WhoAmI", content_id="1")]),
]


@pytest.mark.parametrize("one", BAD_PARTS)
def test_invalid_part_is_refused_alone(api: Api, one: str) -> None:
    answer = send(api, [one, part("GET", "/api/data/v9.2/WhoAmI")], **GO_ON)
    assert statuses(answer) == [400, 200]


def test_batch_counts_as_one_request_and_its_parts_separately(api: Api) -> None:
    send(api, [part("GET", "/api/data/v9.2/WhoAmI")] * 3 + [part("POST", "/api/data/v9.2/accounts", {"name": "x"})])
    counted = api.sandbox.requests()
    assert counted["by"] == {"POST $batch": 1}
    assert counted["parts"] == {"GET WhoAmI": 3, "POST accounts": 1}
    assert (counted["total"], counted["writes"], counted["rows_written"]) == (1, 1, 1)
