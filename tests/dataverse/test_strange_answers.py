"""Answers that gateways, proxies and a service in trouble give: each is one kind of refusal with a sentence and a fix.

Nothing that is not a DataverseError leaves the client, and one bad row never costs its page.
"""

import contextlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from dataverse import bulk
from dataverse.bodies import readable
from dataverse.client import DataverseClient
from dataverse.errors import AccessDenied, ConfigurationError, DataverseError, InvalidAnswer, Unavailable
from dataverse.types import ColumnInfo, TableInfo
from tests.dataverse.server import Received, Reply, Server
from tests.dataverse.test_bulk import client_of as sandbox_client
from tests.dataverse.test_bulk import new

PAGE = b"<!DOCTYPE html>\r\n<html><head><title>Access\r\n Denied</title></head><body>no</body></html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}
ROW = UUID("11111111-2222-3333-4444-555555555555")
OTHER = UUID("99999999-2222-3333-4444-555555555555")
TABLE = TableInfo("account", "accounts", "accountid", "name", {"name": ColumnInfo("name", "String")})

PAGES = [(200, True), (503, True), (520, True), (527, True), (403, False)]
"""Status of a page, and whether the request may be repeated."""


def test_page_in_the_place_of_an_answer_names_what_stands_between(server: Server, client: DataverseClient) -> None:
    for status, repeat in PAGES:
        server.answer = lambda _, status=status: Reply(status, PAGE, HTML)
        with pytest.raises(Unavailable) as caught:
            client.first_page("accounts", select=["name"])
        error = caught.value
        assert "answered in its place with a web page (Access Denied)" in error.message, status
        assert "who runs the network" in error.fix
        assert (error.status, error.repeat, error.reason) == (status, repeat, "unreachable")


def test_refusal_without_a_word_is_never_taken_for_a_missing_role(server: Server, client: DataverseClient) -> None:
    for reply in (Reply(403), Reply(403, PAGE, HTML), Reply(403, b"Forbidden", {"Content-Type": "text/plain"})):
        server.answer = lambda _, reply=reply: reply
        with pytest.raises(DataverseError) as caught:
            client.who_am_i()
        assert not isinstance(caught.value, AccessDenied)
        assert "role" not in caught.value.user_message
    server.answer = lambda _: Reply(403, {"error": {"code": "", "message": "No."}})
    with pytest.raises(AccessDenied):
        client.who_am_i()


def test_write_that_a_page_answers_is_not_repeated_unseen(server: Server, client: DataverseClient) -> None:
    for status, unknown in ((200, True), (520, True), (403, False)):
        server.received.clear()
        server.answer = lambda _, status=status: Reply(status, PAGE, HTML)
        with pytest.raises(Unavailable) as caught:
            client.create("accounts", {"name": "x"})
        assert (len(server.api), caught.value.outcome_unknown) == (1, unknown), status


STRANGE: list[tuple[Reply, type[DataverseError]]] = [
    (Reply(200, b""), Unavailable),
    (Reply(200, b"null"), InvalidAnswer),
    (Reply(200, b"[]"), InvalidAnswer),
    (Reply(200, b"{}"), InvalidAnswer),
    (Reply(200, b'{"UserId": 1}'), InvalidAnswer),
    (Reply(200, b'{"value": [null]}'), InvalidAnswer),
    (Reply(200, b'{"value": [{"name": "M\xfcller"}]}'), InvalidAnswer),
    (Reply(200, '{"value": []}'.encode("utf-16")), InvalidAnswer),
    (Reply(200, b'{"value": [{"@odata.context": "x/$deletedEntity", "id": "?"}]}'), InvalidAnswer),
    (Reply(200, b'{"value": [{"@odata.context": "x/$deletedEntity"}]}'), InvalidAnswer),
    (Reply(204, b""), InvalidAnswer),
    (Reply(302, b"", {"Location": "https://elsewhere.example/"}), ConfigurationError),
    (Reply(500, b"\xff\xfe", {"Content-Type": "application/json"}), Unavailable),
    (Reply(400, b'{"error": {"code": "0x80040265", "message": "\\ud83d cut"}}'), DataverseError),
    (Reply(418, b"M\xfcller", {"Content-Type": "text/plain"}), DataverseError),
]


def test_every_strange_answer_is_inside_the_contract(server: Server, client: DataverseClient) -> None:
    questions: list[Callable[[], Any]] = [
        lambda: client.first_page("accounts", select=["name"]),
        client.who_am_i,
        client.organization,
        lambda: client.get("accounts", ROW, select=["name"]) and client.count("accounts"),
        lambda: client.table("account"),
    ]
    for number, (reply, kind) in enumerate(STRANGE):
        server.answer = lambda _, reply=reply: reply
        with pytest.raises(kind) as caught:
            questions[0]()
        assert caught.value.message.endswith((".", "…")), reply
        with contextlib.suppress(DataverseError):
            questions[1 + number % 4]()


def test_half_a_character_costs_neither_its_row_nor_its_page(server: Server, client: DataverseClient) -> None:
    rows = b'{"accountid":"1","name":"cut \\ud83d"},{"accountid":"2","name":"whole \\ud83d\\ude00"}'
    body = b'\xef\xbb\xbf{"value":[%b]}' % rows
    server.answer = lambda _: Reply(200, body)
    page = client.first_page("accounts", select=["name"])
    assert [row["name"] for row in page.rows] == ["cut �", "whole 😀"]


HALVES = [
    (rb'"\ud83d"', rb'"\ufffd"'), (rb'"\ude00"', rb'"\ufffd"'), (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
    (rb'"\\ud83d"', rb'"\\ud83d"'), (rb'"\\\ud83d"', rb'"\\\ufffd"'),
    (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
    (rb'"\uD83Dx"', rb'"\ufffdx"'), (rb'"\u00e4"', rb'"\u00e4"'),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), HALVES)
def test_only_halves_of_pairs_are_replaced(given: bytes, expected: bytes) -> None:
    assert readable(given) == expected


def creating(server: Server, named: list[UUID], existing: set[UUID]) -> list[str]:
    """Answer CreateMultiple with these ids, and reads with those of the rows that exist; return what is sent later."""
    later: list[str] = []

    def answer(received: Received) -> Reply:
        if "CreateMultiple" in received.path:
            return Reply(200, {"Ids": [str(one) for one in named]})
        if received.method == "GET":
            found = [one for one in existing if str(one) in received.path]
            return Reply(200, {"value": [{"accountid": str(one)} for one in found]})
        later.append(received.path)
        boundary = "b"
        part = "HTTP/1.1 204 No Content\r\n\r\n"
        count = received.body.count(b"POST ")
        text = "".join(f"--{boundary}\r\nContent-Type: application/http\r\n\r\n{part}\r\n" for _ in range(count))
        return Reply(200, f"{text}--{boundary}--".encode(), {"Content-Type": f"multipart/mixed; boundary={boundary}"})

    server.answer = answer
    return later


def test_ids_that_create_multiple_does_not_name_are_read_back(server: Server, client: DataverseClient) -> None:
    second = UUID("22222222-2222-3333-4444-555555555555")
    rows = [(ROW, {"name": "a"}), (second, {"name": "b"})]
    for named, existing, sent_again in (
        ([ROW, second], set(), 0),
        ([ROW], {ROW, second}, 0),
        ([ROW], {ROW}, 1),
        ([second, ROW], {ROW, second}, 0),
    ):
        later = creating(server, named, existing)
        results = bulk.create(client, TABLE, rows)
        assert [(one.id, one.error) for one in results] == [(ROW, None), (second, None)], named
        assert len(later) == sent_again, named
    later = creating(server, [ROW, OTHER], {ROW, OTHER})
    first, other = bulk.create(client, TABLE, rows)
    assert (first.error, later) == (None, [])
    assert other.error is not None
    assert "under another id" in other.error.message
    assert "couple the record" in other.error.fix


def test_transaction_after_a_failure_of_the_service_is_read_back_before_it_is_repeated(sandbox: Any) -> None:
    """The service may have carried out what it then answers 500 or 503 to."""
    client = sandbox_client(sandbox)
    account = client.table("account")
    for kind in ("500", "503"):
        rows = new(3)
        sandbox.control("DELETE", "requests")
        sandbox.control("POST", "faults", [{"fault": kind, "path": "CreateMultiple", "retry_after": 1}])
        assert all(one.error is None for one in bulk.create(client, account, rows))
        asked = sandbox.requests()["by"]
        assert asked["POST accounts/CreateMultiple"] == 1, kind
        assert asked["GET accounts"] == 1, "what exists is read before anything is sent again"
        assert sandbox.requests()["rows_written"] == 3
