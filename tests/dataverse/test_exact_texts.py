"""What the pure modules of the client write and say, letter by letter: paths, literals, batches and refusals."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from dataverse import batch, odata, retry
from dataverse.errors import Invalid, InvalidAnswer, Throttled, Unavailable
from dataverse.lost_replies import versions_if_applied
from dataverse.types import ColumnInfo, PartResult, Request

ROOT = "/api/data/v9.2/"
ID = UUID("11111111-2222-3333-4444-5555555555aa")
CHANGE = "Change the value or the field mapping."

TEXT = ColumnInfo("name", "String", label="Account Name", max_length=5)
MEMO = ColumnInfo("description", "Memo", max_length=5)
WHOLE = ColumnInfo("numberofemployees", "Integer", minimum=0, maximum=100)
AT_LEAST = ColumnInfo("ordernumber", "Integer", minimum=1)
AT_MOST = ColumnInfo("discount", "Decimal", maximum=9)
MONEY = ColumnInfo("creditlimit", "Money", label="Credit Limit", minimum=-10, maximum=1000, precision=2)
DOUBLE = ColumnInfo("latitude", "Double", precision=2)
CHOICE = ColumnInfo("customertypecode", "Picklist", choices={3: "Customer", 11: "Vendor"})
EIGHT = ColumnInfo("c", "Picklist", choices=dict.fromkeys(range(8), "x"))
DAY = ColumnInfo("birthdate", "DateTime", date_only=True)
MOMENT = ColumnInfo("lastonholdtime", "DateTime")
FLAG = ColumnInfo("creditonhold", "Boolean")
LOOKUP = ColumnInfo("ownerid", "Owner")


def refused_type(value: Any, column: str, takes: str) -> tuple[str, str]:
    return f"{value!r} cannot be the value of {column}: it takes {takes}.", CHANGE


@pytest.mark.parametrize(
    ("column", "value", "reason", "texts"),
    [
        (
            TEXT,
            "Adatum",
            "value_too_long",
            (
                "The value has 6 characters, but Account Name takes 5 in Dataverse.",
                "Shorten it, or map the field to a longer column.",
            ),
        ),
        (
            MEMO,
            "Adatum",
            "value_too_long",
            (
                "The value has 6 characters, but description takes 5 in Dataverse.",
                "Shorten it, or map the field to a longer column.",
            ),
        ),
        (FLAG, "yes", "value_invalid", refused_type("yes", "creditonhold", "yes or no")),
        (WHOLE, "1.5", "value_invalid", refused_type("1.5", "numberofemployees", "a whole number")),
        (WHOLE, "many", "value_invalid", refused_type("many", "numberofemployees", "a number")),
        (MONEY, "NaN", "value_invalid", refused_type("NaN", "Credit Limit", "a number")),
        (MONEY, "x" * 70, "value_invalid", refused_type("x" * 60, "Credit Limit", "a number")),
        (MONEY, True, "value_invalid", refused_type("True", "Credit Limit", "a number")),
        (DAY, "soon", "value_invalid", refused_type("soon", "birthdate", "a date")),
        (DAY, 7, "value_invalid", refused_type("7", "birthdate", "a date")),
        (LOOKUP, "me", "value_invalid", refused_type("me", "ownerid", "a GUID")),
        (CHOICE, "Gold", "unknown_choice", refused_type("Gold", "customertypecode", "one of its choices")),
        (
            CHOICE,
            4,
            "unknown_choice",
            (
                "customertypecode has no choice 4 in Dataverse. It has: 3 Customer, 11 Vendor.",
                "Map the option to one of them.",
            ),
        ),
        (
            EIGHT,
            9,
            "unknown_choice",
            (
                "c has no choice 9 in Dataverse. It has: 0 x, 1 x, 2 x, 3 x, 4 x, 5 x, 6 x, 7 x.",
                "Map the option to one of them.",
            ),
        ),
        (
            WHOLE,
            101,
            "value_invalid",
            (
                "101 is outside the range numberofemployees takes in Dataverse (0 to 100).",
                "Change the value.",
            ),
        ),
        (
            MONEY,
            -11,
            "value_invalid",
            (
                "-11 is outside the range Credit Limit takes in Dataverse (-10 to 1,000).",
                "Change the value.",
            ),
        ),
        (
            AT_LEAST,
            0,
            "value_invalid",
            ("0 is outside the range ordernumber takes in Dataverse.", "Change the value."),
        ),
        (
            AT_MOST,
            10,
            "value_invalid",
            ("10 is outside the range discount takes in Dataverse.", "Change the value."),
        ),
    ],
)
def test_a_value_that_a_column_does_not_take(
    column: ColumnInfo, value: Any, reason: str, texts: tuple[str, str]
) -> None:
    with pytest.raises(Invalid) as refused:
        odata.to_json(value, column)
    assert (refused.value.reason, (refused.value.message, refused.value.fix)) == (reason, texts)


@pytest.mark.parametrize(
    ("column", "value", "json"),
    [
        (MEMO, "short", "short"),
        (TEXT, "ab\uffffcd", "ab\uffffcd"),
        (WHOLE, 0, 0),
        (WHOLE, 100, 100),
        (AT_LEAST, 1, 1),
        (AT_MOST, 9, 9.0),
        (DOUBLE, "1.23456", 1.23456),
        (MOMENT, "1990-05-06T01:00:00Z", "1990-05-06T01:00:00Z"),
        (MOMENT, datetime(1990, 5, 6, 1), "1990-05-06T01:00:00Z"),
        (MOMENT, datetime(1990, 5, 6, 1, tzinfo=timezone(timedelta(hours=-2))), "1990-05-06T03:00:00Z"),
    ],
)
def test_a_value_at_the_limit_is_taken(tokyo: None, column: ColumnInfo, value: Any, json: Any) -> None:
    assert odata.to_json(value, column) == json


@pytest.mark.parametrize(
    ("column", "json", "value"),
    [
        (MONEY, 0.1, Decimal("0.1")),
        (WHOLE, 12.0, 12),
        (DAY, "1990-05-06T22:00:00Z", date(1990, 5, 6)),
        (MOMENT, "1990-05-06T01:00:00Z", datetime(1990, 5, 6, 1, tzinfo=UTC)),
        (MOMENT, "1990-05-06T01:00:00+02:00", datetime(1990, 5, 5, 23, tzinfo=UTC)),
    ],
)
def test_json_becomes_a_value_of_the_columns_type(tokyo: None, column: ColumnInfo, json: Any, value: Any) -> None:
    found = odata.from_json(json, column)
    assert (found, type(found)) == (value, type(value))
    if isinstance(found, datetime):
        assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("column", "json", "message"),
    [
        (MOMENT, "soon", "'soon' cannot be the value of lastonholdtime: it takes a value of type DateTime."),
        (MONEY, "x", "'x' cannot be the value of Credit Limit: it takes a value of type Money."),
    ],
)
def test_json_that_is_not_of_the_columns_type(column: ColumnInfo, json: Any, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        odata.from_json(json, column)
    assert (refused.value.message, refused.value.fix, refused.value.reason) == (message, CHANGE, "value_invalid")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (odata.quote(1.5), "1.5"),
        (odata.quote(1e22), "1e+22"),
        (odata.ne("name", "x"), "name ne 'x'"),
        (odata.contains("name", "O'B"), "contains(name,'O''B')"),
        (odata.startswith("name", "O'B"), "startswith(name,'O''B')"),
        (odata.query({}), ""),
        (odata.query({"$select": "a,b", "$filter": ""}), "?$select=a,b"),
        (odata.query({"$filter": "a eq 'b&c'"}), "?$filter=a%20eq%20'b%26c'"),
        (odata.rows_path("accounts", select=["name"]), "accounts?$select=name"),
        (
            odata.rows_path(
                "accounts", select=["name", "city"], filter_text="a eq 1", order_by="name", expand="owner", count=True
            ),
            "accounts?$select=name,city&$filter=a%20eq%201&$orderby=name&$expand=owner&$count=true",
        ),
        *((odata.compare("a", operator, 1), f"a {operator} 1") for operator in ("eq", "ne", "gt", "ge", "lt", "le")),
    ],
)
def test_a_request_is_written_as_the_service_reads_it(text: str, expected: str) -> None:
    assert text == expected


def test_an_operator_or_a_number_that_the_service_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="'like' is no comparison operator"):
        odata.compare("a", "like", 1)
    with pytest.raises(Invalid) as refused:
        odata.quote(float("inf"))
    assert refused.value.message == "inf is not a number that Dataverse accepts."
    assert refused.value.reason == "value_invalid"


def test_the_longest_address_is_sent_and_one_character_more_is_refused() -> None:
    room = odata.LONGEST_ADDRESS - len("accounts?$select=")
    assert len(odata.rows_path("accounts", select=["x" * room])) == odata.LONGEST_ADDRESS
    with pytest.raises(Invalid) as refused:
        odata.rows_path("accounts", select=["x" * (room + 1)])
    assert refused.value.message == "The query is longer than Dataverse accepts in one request."
    assert refused.value.fix == "Choose fewer values or columns."
    assert refused.value.reason == "configuration"


def test_a_batch_is_written_byte_by_byte_as_the_service_reads_it() -> None:
    requests = [
        Request("GET", "/api/other/accounts"),
        Request("PATCH", f"accounts({ID})", {"name": "A"}, {"If-Match": 'W/"1"', "Accept": "text/plain"}),
    ]
    assert batch.encode(requests, root=ROOT, boundary="b").decode().split("\r\n") == [
        "--b", "Content-Type: application/http", "Content-Transfer-Encoding: binary", "",
        "GET /api/other/accounts HTTP/1.1", "Accept: application/json", "", "",
        "--b", "Content-Type: application/http", "Content-Transfer-Encoding: binary", "",
        f"PATCH {ROOT}accounts({ID}) HTTP/1.1", "Accept: text/plain", 'If-Match: W/"1"',
        "Content-Type: application/json; type=entry", "Content-Length: 12", "", '{"name":"A"}',
        "--b--", "",
    ]  # fmt: skip
    assert batch.encode([Request("GET", "a")] * batch.MAX_PARTS, root=ROOT, boundary="b").count(b"--b\r\n") == 1000
    with pytest.raises(ValueError, match=r"^A request's path or header contains a space or a line break\.$"):
        batch.encode([Request("GET", "accounts HTTP/1.1")], root=ROOT, boundary="b")


def part(*lines: str) -> bytes:
    return "\r\n".join(["--r", *lines, "--r--", ""]).encode()


HTTP = "Content-Type: application/http"
MIXED = "multipart/mixed; boundary=r"


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (
            b"{}",
            "application/json",
            "Dataverse answered a batch with something that is no batch of answers.",
        ),
        (
            part(HTTP, "", "HTTP/1.1 204 No Content", "", ""),
            "text/plain; boundary=r",
            "Dataverse answered a batch with something that is no batch of answers.",
        ),
        (
            b"--r\r\n" + HTTP.encode(),
            MIXED,
            "Dataverse's answer to a batch is cut off, so what was done is read back before the work continues.",
        ),
        (part("Content-Type: text/html", "", "sorry"), MIXED, "A part of Dataverse's answer to a batch is no answer."),
        (part(HTTP, "", "sorry"), MIXED, "A part of Dataverse's answer to a batch has no status."),
    ],
)
def test_an_answer_that_cannot_be_read_leaves_open_what_was_done(body: bytes, content_type: str, message: str) -> None:
    with pytest.raises(InvalidAnswer) as refused:
        batch.decode(body, content_type)
    assert refused.value.message.startswith(message)
    assert refused.value.outcome_unknown
    assert batch.throttled_parts(body.replace(b"sorry", b"sorry\nHTTP/1.1 429"), content_type) == []


def test_the_parts_refused_for_a_limit_are_found_before_anything_else_is_sent() -> None:
    body = "\r\n".join(
        [
            "--r", HTTP, "", "HTTP/1.1 204 No Content", "OData-EntityId: https://x/accounts(1)", "", "",
            "--r", HTTP, "", "HTTP/1.0 429 Too Many Requests", "Retry-After: 3", "", "{}",
            "--r", HTTP, "", "HTTP/1.1 429 Too Many Requests", "Retry-After: 4", "X: \udc81", "", "", "--r--", "",
        ]
    ).encode(errors="surrogateescape")  # fmt: skip
    assert [part.headers["retry-after"] for part in batch.throttled_parts(body, MIXED)] == ["3", "4"]
    assert batch.decode(body, MIXED)[0].headers["odata-entityid"] == "https://x/accounts(1)"
    for status in (b"1.1 429", b"1.0 429"):
        only = body.replace(b"HTTP/1.0 429" if status == b"1.1 429" else b"HTTP/1.1 429", b"HTTP/1.1 430")
        assert [part.status for part in batch.throttled_parts(only, MIXED)] == [429]
    assert batch.throttled_parts(body.replace(b" 429 ", b" 430 "), MIXED) == []


def test_a_batch_of_one_answer_without_a_body_is_read() -> None:
    assert batch.decode(b"--r--", MIXED) == []
    assert batch.decode(part("", HTTP, "", "HTTP/1.1 204 No Content"), MIXED) == [batch.Part(204, {}, b"")]


@pytest.mark.parametrize(
    ("error", "attempt", "slept", "repeatable", "decision"),
    [
        (Throttled("x", retry_after=10), 1, 20, False, retry.Wait(10)),
        (Throttled("x", retry_after=10.1), 1, 0, False, retry.Postpone(10.1)),
        (Throttled("x", retry_after=10), 1, 20.1, False, retry.Postpone(10)),
        (Throttled("x"), 1, 0, False, retry.Wait(1)),
        (Throttled("x", retry_after=0), 30, 0, False, retry.Postpone(60)),
        (Unavailable("x", repeat=True, outcome_unknown=True), 1, 0, False, retry.GiveUp()),
        (Unavailable("x", repeat=True, outcome_unknown=True), 3, 0, True, retry.Wait(1.2)),
        (Unavailable("x", repeat=True, outcome_unknown=True), 4, 0, True, retry.GiveUp()),
        (Unavailable("x", repeat=True, retry_after=10), 1, 0, True, retry.Wait(10)),
        (Unavailable("x", repeat=True, retry_after=11), 1, 0, True, retry.Postpone(11)),
    ],
)
def test_a_failed_request_is_repeated_postponed_or_given_up(
    error: Any, attempt: int, slept: float, repeatable: bool, decision: object
) -> None:
    assert retry.decide(error, attempt=attempt, slept=slept, repeatable=repeatable) == decision


def test_an_answer_missing_for_a_change_is_noticed_and_a_lookup_is_compared_by_its_row() -> None:
    row = {"_ownerid_value": str(ID), "_ownerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty": "owner"}
    for target, holds in ((f"/systemusers({ID})", True), (f"https://x/a(1)/systemusers({ID})", True), ("/t(1)", False)):
        results = [PartResult(200, {}, {**row, "@odata.etag": 'W/"2"'})]
        found = versions_if_applied(lambda _, got=results: got, "accounts", [(ID, {"owner@odata.bind": target})])
        assert found == ['W/"2"' if holds else None]
    with pytest.raises(ValueError, match="zip"):
        versions_if_applied(lambda _: [], "accounts", [(ID, {"name": "x"})])
