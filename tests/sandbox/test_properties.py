"""Properties that hold for all generated filters, bodies, batches and paths."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sandbox.base.errors import ServiceError
from sandbox.base.values import decode, encode
from sandbox.base.wildcards import build_text_test, like_to_regex
from sandbox.metadata import catalog
from sandbox.odata.parser import parse_filter
from sandbox.testing import Sandbox
from tests.sandbox.conftest import Api

Row = dict[str, Any]
Test = Callable[[Row], bool]

LETTERS = "abAB ß%_'[]"
TEXTS = st.text(LETTERS, max_size=4)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.none() | TEXTS,
            "fax": st.none() | TEXTS,
            "customertypecode": st.none() | st.sampled_from([1, 3, 11]),
            "numberofemployees": st.none() | st.integers(0, 3),
            "creditlimit": st.none() | st.sampled_from([0, 1, 1.5, 2, 99.99]),
            "donotphone": st.booleans(),
            "lastusedincampaign": st.none()
            | st.sampled_from(["2024-01-01T00:00:00Z", "2024-06-01T12:30:00Z", "2025-01-01T00:00:00Z"]),
            "processid": st.none()
            | st.sampled_from(["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"]),
        }
    ),
    max_size=8,
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def comparable(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def comparison_test(column: str, operator: str, value: Any) -> Test:
    def test(row: Row) -> bool:
        one, two = comparable(row[column] or None if isinstance(row[column], str) else row[column]), comparable(value)
        if operator in {"eq", "ne"}:
            return (one == two) is (operator == "eq")
        if one is None or two is None:
            return False
        return {"gt": one > two, "ge": one >= two, "lt": one < two, "le": one <= two}[operator]

    return test


NUMBERS = {"customertypecode": [1, 3, 4], "numberofemployees": [0, 1, 2], "creditlimit": [0, 1, 1.5, 100]}
COMPARISONS = ["eq", "ne", "gt", "ge", "lt", "le"]


@st.composite
def leaves(draw: st.DrawFn) -> tuple[str, Test]:
    """Generate a comparison or function as text, with its evaluation for a row."""
    kind = draw(st.sampled_from(["text", "number", "null", "bool", "date", "guid", "function", "in", "columns"]))
    if kind == "text":
        column, operator = draw(st.sampled_from(["name", "fax"])), draw(st.sampled_from(COMPARISONS))
        value = draw(TEXTS.filter(bool))
        return f"{column} {operator} {quoted(value)}", comparison_test(column, operator, value)
    if kind == "number":
        column, operator = draw(st.sampled_from(sorted(NUMBERS))), draw(st.sampled_from(COMPARISONS))
        value = draw(st.sampled_from(NUMBERS[column]))
        return f"{column} {operator} {value}", comparison_test(column, operator, value)
    if kind == "null":
        column, operator = (
            draw(st.sampled_from(["name", "creditlimit", "processid"])),
            draw(st.sampled_from(["eq", "ne"])),
        )
        return f"{column} {operator} null", comparison_test(column, operator, None)
    if kind == "bool":
        operator, value = draw(st.sampled_from(["eq", "ne"])), draw(st.booleans())
        return f"donotphone {operator} {str(value).lower()}", comparison_test("donotphone", operator, value)
    if kind == "date":
        operator = draw(st.sampled_from(COMPARISONS))
        return f"lastusedincampaign {operator} 2024-06-01T12:30:00Z", comparison_test(
            "lastusedincampaign", operator, "2024-06-01T12:30:00Z"
        )
    if kind == "guid":
        operator, value = draw(st.sampled_from(["eq", "ne"])), "00000000-0000-4000-8000-000000000001"
        return f"processid {operator} {value}", comparison_test("processid", operator, value)
    if kind == "in":
        values = draw(st.lists(st.sampled_from([1, 3, 11]), min_size=1, max_size=2))
        listed = ",".join(f'"{value}"' for value in values)
        text = f"Microsoft.Dynamics.CRM.In(PropertyName='customertypecode',PropertyValues=[{listed}])"
        return text, lambda row: row["customertypecode"] in values
    if kind == "columns":
        operator = draw(st.sampled_from(["eq", "ne"]))
        return f"name {operator} fax", lambda row: comparison_test("name", operator, row["fax"] or None)(row)
    function = draw(st.sampled_from(["contains", "startswith", "endswith"]))
    column, value = draw(st.sampled_from(["name", "fax"])), draw(st.text("abAB ß'", min_size=1, max_size=2))

    def test(row: Row) -> bool:
        text, wanted = (row[column] or "").casefold(), value.casefold()
        return {"contains": wanted in text, "startswith": text.startswith(wanted), "endswith": text.endswith(wanted)}[
            function
        ]

    return f"{function}({column},{quoted(value)})", test


def combinations(inner: st.SearchStrategy[tuple[str, Test]]) -> st.SearchStrategy[tuple[str, Test]]:
    def all_of(parts: list[tuple[str, Test]]) -> tuple[str, Test]:
        return "(" + " and ".join(text for text, _ in parts) + ")", lambda row: all(test(row) for _, test in parts)

    def one_of(parts: list[tuple[str, Test]]) -> tuple[str, Test]:
        return "(" + " or ".join(text for text, _ in parts) + ")", lambda row: any(test(row) for _, test in parts)

    def none_of(part: tuple[str, Test]) -> tuple[str, Test]:
        return f"not ({part[0]})", lambda row: not part[1](row)

    many = st.lists(inner, min_size=2, max_size=3)
    return many.map(all_of) | many.map(one_of) | inner.map(none_of)


FILTERS = st.recursive(leaves(), combinations, max_leaves=6)
OVER_HTTP = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@OVER_HTTP
@given(rows=ROWS, chosen=FILTERS)
def test_filter_agrees_with_a_plain_evaluation(api: Api, rows: list[Row], chosen: tuple[str, Test]) -> None:
    text, test = chosen
    api.sandbox.reset()
    numbered = [{**row, "accountnumber": str(number)} for number, row in enumerate(rows)]
    api.sandbox.load({"accounts": numbered})
    address = f"accounts?$select=accountnumber&$filter={quote(text)}"
    found = api.values(address, Prefer="odata.maxpagesize=2")
    assert [row["accountnumber"] for row in found] == [str(number) for number, row in enumerate(rows) if test(row)]


PIECES = st.sampled_from(
    [
        "name",
        "eq",
        "'a'",
        "(",
        ")",
        "and",
        "or",
        "not",
        "contains",
        "startswith",
        ",",
        "null",
        "true",
        "5",
        "-1",
        "1e400",
        "2024-01-01",
        "2024-13-45T99:00:00Z",
        "/",
        "$it",
        "any",
        "all",
        "(",
        "x",
        ":",
        "00000000-0000-4000-8000-000000000001",
        "Microsoft.Dynamics.CRM.In(PropertyName=",
        "[",
        "]",
        '"',
        "\\",
        "@p",
        "%",
        "+",
        "&",
        "=",
        "#",
        "'",
        "''",
        "in",
        "has",
        "add",
        "ownerid/fullname",
        "primarycontactid",
        "accountid",
        "statecode",
        "createdon",
        "eq",
        "ne",
        "gt",
        "$filter",
    ]
)
QUERIES = st.lists(PIECES, max_size=12).map(" ".join) | st.text(max_size=30)
OPTIONS = st.sampled_from(
    ["$filter", "$select", "$orderby", "$expand", "$top", "$count", "$skiptoken", "$deltatoken", "$apply", "$id", "@p"]
)
PATHS = st.sampled_from(
    [
        "accounts",
        "accounts/$count",
        "accounts(00000000-0000-4000-8000-000000000001)",
        "EntityDefinitions",
        "systemusers",
    ]
)


@OVER_HTTP
@given(options=st.lists(st.tuples(OPTIONS, QUERIES), max_size=3), tracked=st.booleans(), path=PATHS)
def test_no_query_makes_the_sandbox_fail(api: Api, options: list[tuple[str, str]], tracked: bool, path: str) -> None:
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in options)
    headers = {"Prefer": "odata.track-changes, odata.include-annotations=*"} if tracked else {}
    answer = api.send("GET", f"{path}?{query}", headers=headers)
    assert answer.status_code in {200, 400, 404, 501}, (query, answer.text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
COLUMNS = st.sampled_from(
    [
        *sorted(catalog.build_tables()["account"].columns),
        "ownerid@odata.bind",
        "primarycontactid@odata.bind",
        "@odata.type",
        "@odata.id",
        "_ownerid_value",
        "nonsense",
        "Targets",
    ]
)


@OVER_HTTP
@given(
    body=st.dictionaries(COLUMNS, JSON, max_size=4) | JSON, action=st.sampled_from(["", "Create", "Update", "Upsert"])
)
@example(body={"preferredsystemuserid": {}}, action="")  # a row within a row of a table the caller may not create in
def test_no_body_makes_the_sandbox_fail_or_store_half_a_row(api: Api, body: Any, action: str) -> None:
    path = "accounts"
    if action:
        path, body = f"accounts/Microsoft.Dynamics.CRM.{action}Multiple", {"Targets": [body]}
    before = api.sandbox.environment.request_counts.rows_written
    answer = api.send("POST", path, json=body)
    denied = answer.status_code == 403 and answer.json()["error"]["code"] == "0x80040220"
    assert denied or answer.status_code in {200, 204, 400, 404, 412, 501}, answer.text
    written = api.sandbox.environment.request_counts.rows_written - before
    assert written == (1 + count_nested_rows(body) if answer.status_code < 300 else 0)


def count_nested_rows(body: Any) -> int:
    """Return the number of rows nested in a body for an account."""
    row = body["Targets"][0] if isinstance(body, dict) and isinstance(body.get("Targets"), list) else body
    if not isinstance(row, dict):
        return 0
    ways = catalog.build_tables()["account"].navigation
    return sum(isinstance(row[name], dict) and column.for_create for name, (column, _) in ways.items() if name in row)


@OVER_HTTP
@given(text=st.text("-batch_1\r\n: /HTPGEjson{}$(", max_size=120), inner=st.binary(max_size=40))
def test_no_batch_makes_the_sandbox_fail(api: Api, text: str, inner: bytes) -> None:
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    for body in (
        text.encode() + inner,
        b"--b\r\nContent-Type: application/http\r\n\r\n" + text.encode() + inner + b"\r\n--b--",
        b"--b\r\nContent-Type: application/http\r\n\r\nPOST /api/data/v9.2/accounts HTTP/1.1\r\n\r\n"
        + inner
        + b"\r\n--b--",
    ):
        answer = api.send("POST", "$batch", data=body, headers=headers)
        assert answer.status_code in {200, 400, 404, 415}, answer.text


@OVER_HTTP
@given(path=st.text(max_size=30), method=st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"]))
def test_no_path_makes_the_sandbox_fail(api: Api, path: str, method: str) -> None:
    for begin in ("/api/data/v9.2/", "/", "/_sandbox/", "/api/data/v9.2/accounts("):
        answer = api.send(method, f"{api.sandbox.environment_url}{begin}{quote(path)}", data=b"{}")
        assert answer.status_code != 500, answer.text


@given(st.text(max_size=40))
def test_parser_reads_or_refuses_any_text(text: str) -> None:
    try:
        parse_filter(text)
    except ServiceError as error:
        assert error.status in {400, 501}


@given(st.text("ab%_[]^-.*+\\()", max_size=12), st.text("ab-.*", max_size=6))
def test_every_wildcard_pattern_compiles(pattern: str, text: str) -> None:
    re.compile(like_to_regex(pattern), re.DOTALL).fullmatch(text)


@given(st.text("ab%_[]^-", max_size=9), st.text("ab-%", max_size=9))
def test_a_wildcard_test_is_its_regular_expression_and_takes_no_time(pattern: str, text: str) -> None:
    around = {"contains": ("%", "%"), "startswith": ("", "%"), "endswith": ("%", "")}
    for function, (before, after) in around.items():
        if any(mark in pattern for mark in "%_["):
            expected = re.fullmatch(like_to_regex(f"{before}{pattern}{after}"), text, re.DOTALL) is not None
            assert build_text_test(function, pattern)(text) is expected
    assert not build_text_test("contains", "%".join("a" * 20 + "b"))("a" * 5_000)


LIKES = [
    ("a%", "abc", True),
    ("a_c", "abc", True),
    ("a_c", "ac", False),
    ("[a-c]x", "bx", True),
    ("[^a-c]x", "bx", False),
    ("[^a-c]x", "dx", True),
    ("100[%]", "100%", True),
    ("100[%]", "1000", False),
    ("a.c", "abc", False),
    ("[]", "[]", True),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), LIKES)
def test_wildcards_are_those_of_sql(pattern: str, text: str, expected: bool) -> None:
    assert (re.fullmatch(like_to_regex(pattern), text, re.DOTALL) is not None) is expected


ACCOUNT = catalog.build_tables()["account"]


ALLOWED = st.characters(codec="utf-8").filter(lambda letter: letter >= " " or letter in "\t\n\r")
"""What the service stores: other control characters it refuses."""


@given(st.text(ALLOWED, min_size=1, max_size=80))
def test_text_is_returned_as_it_was_stored(text: str) -> None:
    import msgspec

    fragment = encode(ACCOUNT, ACCOUNT.columns["name"], text)
    assert b"\x1f" not in fragment
    assert msgspec.json.decode(fragment) == text


@given(st.decimals(0, 10**14, places=2))
def test_money_keeps_every_cent(value: Decimal) -> None:
    assert decode(ACCOUNT.columns["creditlimit"], encode(ACCOUNT, ACCOUNT.columns["creditlimit"], value)) == value


def test_filter_nested_too_deep_is_refused_without_a_crash(sandbox: Sandbox, api: Api) -> None:
    deep = "(" * 3000 + "name eq 'a'" + ")" * 3000
    assert api.refusal("GET", f"accounts?$filter={deep}") == (400, "0x80060888")
    assert api.refusal("GET", f"accounts?$filter={'not ' * 3000}donotphone") == (400, "0x80060888")
    assert api.send("GET", f"accounts?$filter=name eq '{'x' * 33_000}'").status_code == 414
