"""Transferring values: canonical forms, limits, references, the packed base."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vocabulary import Direction
from dataverse.types import ColumnInfo
from sync.rules.canonical import FieldSpec, canonical_local, canonical_remote, canonical_text
from sync.rules.transfer import columns_for, fields_for, pack, to_local, to_new_row, to_remote, unpack
from sync.rules.values import Links, LocalColumn, Problem

EURO, DOLLAR = "0e0e0e0e-0000-4000-8000-000000000001", "0e0e0e0e-0000-4000-8000-000000000002"
CURRENCIES = Links(
    "currency",
    {"EUR": EURO, "USD": DOLLAR},
    {EURO: "EUR", DOLLAR: "USD"},
    "transactioncurrency",
    blank_partner=DOLLAR,
    blank_code="USD",
)
TERMS = Links("payment terms", {"NET30": 1, "2/10": 2}, {1: "NET30", 2: "2/10"})


def spec(column_type="String", local="text", *, links=None, choices=(), column_choices=None, **more):
    column = ColumnInfo(
        "col", column_type, label="Column", max_length=more.pop("column_length", None),
        precision=more.pop("precision", None), choices=column_choices or {}, binds=more.pop("binds", {}),
        date_only=more.pop("date_only", False), minimum=more.pop("minimum", None), maximum=more.pop("maximum", None),
    )  # fmt: skip
    field = LocalColumn(
        "field", "Field", local, max_length=more.pop("length", None), choices=tuple(choices),
        decimals=more.pop("decimals", None), required=more.pop("required", False),
        upper_case=more.pop("upper_case", False),
    )  # fmt: skip
    return FieldSpec("field:col", column, field, links=links, **more)


EVENING = datetime(2026, 11, 22, 19, 30, 0, 123, tzinfo=timezone(timedelta(hours=1)))
MONEY = spec("Money", "number", precision=4, decimals=2)
BLOCKED = spec(
    "Picklist", "choice", choices=[("", " "), ("ship", "Ship"), ("all", "All")], column_choices={10: "Ship", 20: "ALL"}
)
CURRENCY = spec("Lookup", "reference", links=CURRENCIES, binds={"transactioncurrency": "transactioncurrencyid"})


@pytest.mark.parametrize(
    ("one", "local", "remote"),
    [
        (spec(), "  Ålesund ", "A\u030alesund"),
        (spec(local="code", upper_case=True), "EXT-1", " ext-1"),
        (spec(local="reference", upper_case=True), "EUR", "eur"),
        (spec(), "", None),
        (spec(), "   ", ""),
        (spec("Memo"), "one\r\ntwo", "one\ntwo"),
        (MONEY, Decimal("10.50"), 10.5),
        (MONEY, Decimal("10.12"), 10.1234),
        (MONEY, Decimal(0), None),
        (spec("Integer", "integer"), 7, 7),
        (spec("Integer", "text"), "7", 7),
        (spec("Boolean", "boolean"), False, None),
        (spec("Boolean", "text"), "Yes", True),
        (spec("DateTime", "date", date_only=True), date(2026, 11, 22), "2026-11-22"),
        (spec("DateTime", "date"), date(2026, 11, 22), "2026-11-22T00:00:00Z"),
        (spec("DateTime", "datetime"), EVENING, "2026-11-22T18:30:00Z"),
        (spec("DateTime", "datetime"), None, None),
        (BLOCKED, "ship", 10),
        (BLOCKED, "all", 20),
        (BLOCKED, "", None),
        (spec("Picklist", "text", column_choices={3: "Customer"}), "customer", 3),
        (spec("Picklist", "integer", column_choices={3: "Customer"}), 3, 3),
        (spec("Picklist", "reference", links=TERMS, column_choices={1: "Net 30", 2: "2% 10"}), "NET30", 1),
        (CURRENCY, "EUR", EURO.upper()),
        (CURRENCY, "", DOLLAR),
        (CURRENCY, "usd", None),
        (spec("Uniqueidentifier", "text"), EURO.upper(), UUID(EURO)),
        (spec("Uniqueidentifier", "text"), "", "00000000-0000-0000-0000-000000000000"),
    ],
)  # fmt: skip
def test_values_that_mean_the_same_have_one_canonical_form(one, local, remote):
    assert not isinstance(canonical_local(one, local), Problem)
    assert canonical_local(one, local) == canonical_remote(one, remote)


@pytest.mark.parametrize(
    ("one", "local", "remote"),
    [
        (spec(), "Bonn", "bonn"),
        (MONEY, Decimal("10.01"), 10),
        (BLOCKED, "ship", 20),
        (CURRENCY, "EUR", DOLLAR),
        (spec("Boolean", "boolean"), True, None),
    ],
)
def test_values_that_differ_stay_apart(one, local, remote):
    assert canonical_local(one, local) != canonical_remote(one, remote)


@pytest.mark.parametrize(
    ("one", "value", "reason", "words"),
    [
        (spec("Integer", "text"), "seven", "value_invalid", ["Field", "seven", "whole number"]),
        (spec("DateTime", "text"), "soon", "value_invalid", ["date and time"]),
        (spec("Money", "text"), "NaN", "value_invalid", ["a number"]),
        (
            spec("Picklist", "text", column_choices={3: "Customer"}),
            "Friend",
            "unknown_choice",
            ["(it offers Customer)"],
        ),
        (
            spec("Picklist", "text", column_choices={n: f"No. {n}" for n in range(11)}),
            "Friend",
            "unknown_choice",
            ["Friend", "No. 0, No. 1", "No. 7 and 3 more)"],
        ),
        (CURRENCY, "SEK", "reference_not_coupled", ["SEK", "currency", "Couple"]),
        (spec("Lookup", "reference"), "X", "reference_not_coupled", ["integration table mapping"]),
    ],
)
def test_a_local_value_that_cannot_be_transferred_says_why_and_what_to_do(one, value, reason, words):
    found = canonical_local(one, value)
    assert isinstance(found, Problem)
    assert found.reason == reason
    assert all(word in found.user_message for word in words)


def test_an_uncoupled_reference_is_a_problem_unless_it_may_be_cleared():
    stranger = "0e0e0e0e-0000-4000-8000-00000000ffff"
    found = canonical_remote(CURRENCY, stranger)
    assert isinstance(found, Problem) and found.reason == "reference_not_coupled"
    lenient = spec("Lookup", "reference", links=CURRENCIES, clear_on_failed=True)
    assert canonical_remote(lenient, stranger) is None
    assert canonical_local(lenient, "SEK") is None


@pytest.mark.parametrize(
    ("one", "value", "expected"),
    [
        (spec(), "Bonn", {"col": "Bonn"}),
        (spec(), None, {"col": None}),
        (MONEY, "10.5", {"col": 10.5}),
        (spec("Boolean", "boolean"), True, {"col": True}),
        (BLOCKED, 10, {"col": 10}),
        (BLOCKED, None, {"col": None}),
        (CURRENCY, EURO, {"col": ("transactioncurrency", EURO)}),
        (CURRENCY, None, {"col": ("transactioncurrency", DOLLAR)}),
        (
            spec(
                "Lookup",
                "reference",
                links=Links("contact", {}, {}, "contact"),
                binds={"contact": "primarycontactid"},
            ),
            None,
            {"col": None},
        ),
        (spec("Picklist", "reference", links=TERMS), 2, {"col": 2}),
    ],
)
def test_canonical_values_are_sent_as_the_web_api_takes_them(one, value, expected):
    assert to_remote(one, value) == expected


def test_a_new_row_is_sent_with_blank_choices_but_without_blank_text():
    assert to_new_row(spec(), None) == {}
    assert to_new_row(BLOCKED, None) == {"col": None}
    assert to_new_row(CURRENCY, None) == {"col": ("transactioncurrency", DOLLAR)}


@pytest.mark.parametrize(
    ("one", "value", "reason", "words"),
    [
        (spec(column_length=5), "sixsix", "value_too_long", ["Field", "6 characters", "Column (col)", "at most 5"]),
        (BLOCKED, 30, "unknown_choice", ["Ship, ALL"]),
        (spec("Money", "number", minimum=0, maximum=1000), "-1", "value_invalid", ["-1", "0 to 1,000"]),
        (
            spec("Lookup", "reference", links=CURRENCIES, binds={"contact": "a", "account": "b"}),
            EURO,
            "value_invalid",
            ["cannot point"],
        ),
    ],
)
def test_values_that_a_column_cannot_take_are_refused_before_sending(one, value, reason, words):
    found = to_remote(one, value)
    assert isinstance(found, Problem)
    assert found.reason == reason
    assert all(word in found.user_message for word in words), found.user_message


@pytest.mark.parametrize(
    ("one", "value", "expected"),
    [
        (spec(length=10), "Bonn", "Bonn"),
        (spec(), None, ""),
        (MONEY, "10.5", Decimal("10.5")),
        (spec("Boolean", "boolean"), True, True),
        (spec("Boolean", "text"), True, "Yes"),
        (spec("Integer", "integer"), 7, 7),
        (spec("DateTime", "date", date_only=True), "2026-11-22", date(2026, 11, 22)),
        (spec("DateTime", "datetime"), "2026-11-22T18:30:00Z", datetime(2026, 11, 22, 18, 30, tzinfo=UTC)),
        (spec("DateTime", "datetime"), None, None),
        (BLOCKED, 20, "all"),
        (BLOCKED, None, ""),
        (spec("Picklist", "text", column_choices={3: "Customer"}), 3, "Customer"),
        (CURRENCY, EURO, "EUR"),
        (CURRENCY, None, ""),
        (spec("Picklist", "reference", links=TERMS), 1, "NET30"),
    ],
)
def test_canonical_values_are_written_as_the_local_field_takes_them(one, value, expected):
    assert to_local(one, value) == expected


@pytest.mark.parametrize(
    ("one", "value", "reason", "words"),
    [
        (spec(length=5), "sixsix", "value_too_long", ["Column (col)", "6 characters", "Field", "at most 5"]),
        (spec(required=True), None, "value_invalid", ["blank", "must have a value"]),
        (BLOCKED, 30, "unknown_choice", ["30"]),
        (spec("String", "choice", choices=[("a", "Alpha")]), "Beta", "unknown_choice", ["Beta", "Alpha"]),
        (spec("String", "number"), "many", "value_invalid", ["many"]),
        (CURRENCY, "0e0e0e0e-0000-4000-8000-00000000ffff", "reference_not_coupled", ["not coupled"]),
    ],
)
def test_values_that_a_local_field_cannot_take_are_refused(one, value, reason, words):
    found = to_local(one, value)
    assert isinstance(found, Problem)
    assert found.reason == reason
    assert all(word in found.user_message for word in words), found.user_message


def test_a_constant_is_sent_when_the_field_is_blank_or_there_is_none():
    only = FieldSpec("c", ColumnInfo("kind", "Picklist", choices={3: "Customer"}), None, Direction.TO, constant="3")
    assert canonical_local(only, None) == 3
    beside = spec(constant="n/a")
    assert canonical_local(beside, "") == "n/a"
    assert canonical_local(beside, "x") == "x"


def test_many_fields_are_transferred_with_all_their_problems():
    specs = {"a": spec(column_length=3), "b": spec("Integer", "integer"), "c": BLOCKED}
    columns, problems = columns_for(specs, {"a": "four", "b": 1, "c": 99})
    assert columns == {"col": 1}
    assert [(name, problem.reason) for name, problem in problems] == [("a", "value_too_long"), ("c", "unknown_choice")]
    fields, problems = fields_for({"a": spec(length=3), "b": spec("Integer", "integer")}, {"a": "four", "b": 2})
    assert fields == {"field": 2}
    assert [name for name, _ in problems] == ["a"]


values = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=40)


@given(st.dictionaries(st.text(max_size=30), values))
def test_a_packed_base_comes_back_as_it_was(base):
    assert unpack(pack(base)) == base


@given(st.text(max_size=60))
def test_canonical_text_is_its_own_canonical_form(word):
    once = canonical_text(word)
    assert canonical_text(once) == once


@given(st.text(max_size=60))
def test_transferred_text_compares_equal(word):
    one = spec()
    value = canonical_local(one, word)
    sent = to_remote(one, value)
    assert canonical_remote(one, sent["col"]) == value
    assert canonical_local(one, to_local(one, value)) == value


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_transferred_numbers_compare_equal(number):
    value = canonical_local(MONEY, number)
    assert canonical_remote(MONEY, to_remote(MONEY, value)["col"]) == value
    assert canonical_local(MONEY, to_local(MONEY, value)) == value
