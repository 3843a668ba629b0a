"""What people read where a value cannot be transferred, whole, and the limits at which they read it."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vocabulary import Direction
from dataverse.types import ColumnInfo
from sync.rules.canonical import FieldSpec, canonical_local, canonical_remote, local_reader, remote_reader
from sync.rules.transfer import to_local, to_remote
from sync.rules.values import Links, Problem, Reference
from tests.sync.rules.test_transfer import BLOCKED, CURRENCIES, CURRENCY, EURO, MONEY, TERMS, spec

CORRECT = "Correct the value."
CORRECT_THERE = "Correct it in Dataverse."
COUPLE = "Couple or synchronize it; the next run then goes on with this by itself."
DISABLE = "Disable this field on Integration Field Mapping List."
SHORTEN = "Shorten the value, or disable this field on Integration Field Mapping List."
CHOOSE = "Change the value, or add the choice in Dataverse."
OFFERS = "which Column (col) does not offer (it offers"
STRANGER = "0e0e0e0e-0000-4000-8000-00000000ffff"


def invalid(message, fix=CORRECT):
    return Problem("value_invalid", message, fix)


@pytest.mark.parametrize(
    ("one", "value", "problem"),
    [
        (spec("Integer", "text"), "7.5", invalid("Field holds “7.5”, which is not a whole number.")),
        (spec("Money", "text"), "Infinity", invalid("Field holds “Infinity”, which is not a number.")),
        (spec("DateTime", "text", date_only=True), "soon", invalid("Field holds “soon”, which is not a date.")),
        (spec("DateTime", "text"), "soon", invalid("Field holds “soon”, which is not a date and time.")),
        (spec("Boolean", "text"), "perhaps", invalid("Field holds “perhaps”, which is not yes or no.")),
        (spec("Uniqueidentifier", "text"), "me", invalid("Field holds “me”, which is not an id.")),
        (spec("Integer", "text"), "x" * 60, invalid(f"Field holds “{'x' * 60}”, which is not a whole number.")),
        (spec("Integer", "text"), "x" * 61, invalid(f"Field holds “{'x' * 57}...”, which is not a whole number.")),
        (
            spec("Picklist", "text", column_choices={3: "Customer", 4: " "}),
            "Friend",
            Problem("unknown_choice", f"Field is “Friend”, {OFFERS} Customer).", CHOOSE),
        ),
        (
            spec("Picklist", "text", column_choices=dict.fromkeys(range(8), "x")),
            "Friend",
            Problem("unknown_choice", f"Field is “Friend”, {OFFERS} x, x, x, x, x, x, x, x).", CHOOSE),
        ),
        (
            spec("Picklist", "text", column_choices=dict.fromkeys(range(9), "x")),
            "Friend",
            Problem("unknown_choice", f"Field is “Friend”, {OFFERS} x, x, x, x, x, x, x, x and 1 more).", CHOOSE),
        ),
        (
            spec("Picklist", "text"),
            "Friend",
            Problem("unknown_choice", "Field is “Friend”, which Column (col) does not offer.", CHOOSE),
        ),
        (
            CURRENCY,
            "SEK",
            Problem(
                "reference_not_coupled", "Field is “SEK”, and that currency is not coupled to Dataverse.", COUPLE,
                Reference("", code="SEK"),
            ),
        ),
        (
            spec("Lookup", "reference"),
            "X",
            Problem("reference_not_coupled", "Field refers to a table that has no integration table mapping.", DISABLE),
        ),
    ],
)  # fmt: skip
def test_a_local_value_that_has_no_canonical_form(one, value, problem):
    assert canonical_local(one, value) == problem
    assert local_reader(one)(value) == problem


@pytest.mark.parametrize(
    ("one", "value", "problem"),
    [
        (spec("Integer", "integer"), "x", invalid("Column (col) holds “x”, which is not a whole number.")),
        (
            CURRENCY,
            STRANGER,
            Problem(
                "reference_not_coupled",
                "Column (col) points to a row that no currency here is coupled to.",
                COUPLE,
                Reference("", row_id=STRANGER),
            ),
        ),
        (
            spec("Lookup", "reference"),
            STRANGER,
            Problem("reference_not_coupled", "Field refers to a table that has no integration table mapping.", DISABLE),
        ),
    ],
)
def test_a_value_of_dataverse_that_has_no_canonical_form(one, value, problem):
    assert canonical_remote(one, value) == problem
    assert remote_reader(one)(value) == problem


BOTH_LIMITS = spec("Money", "number", minimum=-1, maximum=1000)


@pytest.mark.parametrize(
    ("one", "value", "problem"),
    [
        (
            spec(column_length=5),
            "ab\U0001f600cd",
            Problem("value_too_long", "Field has 6 characters; Column (col) takes at most 5.", SHORTEN),
        ),
        (
            BLOCKED,
            30,
            Problem("unknown_choice", f"Field is “30”, {OFFERS} Ship, ALL).", CHOOSE),
        ),
        (BOTH_LIMITS, "-1.01", invalid("Field is -1.01; Column (col) takes -1 to 1,000.")),
        (BOTH_LIMITS, "1000.01", invalid("Field is 1000.01; Column (col) takes -1 to 1,000.")),
        (spec("Money", "number", minimum=0), "-1", invalid("Field is -1; Column (col) takes 0 to any number.")),
        (spec("Money", "number", maximum=0), "1", invalid("Field is 1; Column (col) takes any number to 0.")),
        (
            spec("Lookup", "reference", links=CURRENCIES, binds={"contact": "a"}),
            EURO,
            invalid("Column (col) cannot point to the table transactioncurrency.", DISABLE),
        ),
        (
            spec("Lookup", "reference", binds={"contact": "a"}),
            EURO,
            invalid("Column (col) cannot point to the table of this field.", DISABLE),
        ),
    ],
)  # fmt: skip
def test_a_value_that_the_column_cannot_take(one, value, problem):
    assert to_remote(one, value) == problem


@pytest.mark.parametrize(
    ("one", "value", "problem"),
    [
        (
            spec(length=5),
            "sixsix",
            Problem("value_too_long", "Column (col) has 6 characters; Field takes at most 5.", SHORTEN),
        ),
        (
            spec(required=True),
            None,
            invalid("Column (col) is blank, and Field must have a value.", "Enter a value in Dataverse."),
        ),
        (
            spec("String", "number"),
            "many",
            invalid("Column (col) holds “many”, which Field cannot hold.", CORRECT_THERE),
        ),
        (
            BLOCKED,
            30,
            Problem("unknown_choice", "Column (col) holds 30, which is none of its known choices.", CORRECT_THERE),
        ),
        (
            spec("String", "choice", choices=[("", " "), ("a", "Alpha")]),
            "Beta",
            Problem(
                "unknown_choice",
                "Column (col) is “Beta”, which Field does not offer (it offers Alpha).",
                "Change it in Dataverse.",
            ),
        ),
        (
            spec("String", "choice", choices=[("a", "Alpha")]),
            None,
            Problem(
                "unknown_choice",
                "Column (col) is “”, which Field does not offer (it offers Alpha).",
                "Change it in Dataverse.",
            ),
        ),
        (
            spec("Picklist", "text", column_choices={3: "Customer"}, length=5),
            3,
            Problem("value_too_long", "Column (col) has 8 characters; Field takes at most 5.", SHORTEN),
        ),
        (
            CURRENCY,
            STRANGER,
            Problem("reference_not_coupled", "Column (col) points to a row that is not coupled here.", COUPLE),
        ),
        (
            spec("Lookup", "reference", links=CURRENCIES, length=2),
            EURO,
            Problem("value_too_long", "Column (col) has 3 characters; Field takes at most 2.", SHORTEN),
        ),
        (
            spec("Lookup", "reference"),
            True,
            Problem("reference_not_coupled", "Column (col) points to a row that is not coupled here.", COUPLE),
        ),
    ],
)
def test_a_value_that_the_local_field_cannot_take(one, value, problem):
    assert to_local(one, value) == problem


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (spec(column_length=6), "ab\U0001f600cd"),
        (spec(column_length=6), "ab\uffffcde"),
        (BOTH_LIMITS, "-1"),
        (BOTH_LIMITS, "1000"),
        (spec("Money", "number", minimum=0, maximum=0), None),
    ],
)
def test_a_column_takes_what_just_fits(one, value):
    assert not isinstance(to_remote(one, value), Problem)


@pytest.mark.parametrize(
    ("one", "value", "expected"),
    [
        (spec(length=6), "sixsix", "sixsix"),
        (spec("Boolean", "text"), False, "No"),
        (spec("String", "number"), None, Decimal(0)),
        (spec("DateTime", "datetime"), "2026-11-22T18:30:00", datetime(2026, 11, 22, 18, 30, tzinfo=UTC)),
        (spec("Picklist", "text", column_choices={3: "Customer"}, length=8), 3, "Customer"),
        (spec("Picklist", "text"), None, ""),
        (spec("Picklist", "integer", column_choices={3: "Customer"}), None, 0),
        (spec("Picklist", "integer"), 4, 4),
        (spec("Lookup", "reference", links=CURRENCIES, length=3), EURO, "EUR"),
        (spec("String", "choice", choices=[("a", "Alpha"), ("b", "Beta")]), "BETA", "b"),
        (spec("String", "choice", choices=[("", "None"), ("a", "Alpha")]), None, ""),
    ],
)
def test_a_local_field_takes_what_just_fits(one, value, expected):
    assert to_local(one, value) == expected


EVENING = datetime(2026, 11, 22, 19, 30, 15, 999, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("one", "value", "canonical"),
    [
        (spec("String", "number"), Decimal("10.500"), "10.5"),
        (spec("String", "number"), Decimal("100"), "100"),
        (spec("String", "number"), Decimal("1E+2"), "100"),
        (spec("String", "number"), Decimal("0.00"), "0"),
        (spec("String", "text"), Decimal("10.500"), "10.500"),
        (spec("Money", "number"), Decimal(1), "1"),
        (spec("Memo"), "one\rtwo\r\nthree", "one\ntwo\nthree"),
        (spec("Integer", "text"), "", 0),
        (spec("Integer", "text"), None, 0),
        (spec("DateTime", "date"), None, None),
        (spec("DateTime", "text", date_only=True), "", None),
        (spec("DateTime", "text", date_only=True), " 2026-11-22T18:30:00Z ", "2026-11-22"),
        (spec("DateTime", "date"), datetime(2026, 11, 22, 19, tzinfo=UTC), "2026-11-22"),
        (spec("DateTime", "datetime"), date(2026, 11, 22), "2026-11-22T00:00:00Z"),
        (spec("DateTime", "datetime"), datetime(2026, 11, 22, 7), "2026-11-22T07:00:00Z"),
        (spec("DateTime", "datetime"), EVENING, "2026-11-22T18:30:15Z"),
        (BLOCKED, "all", 20),
        (spec("Picklist", "choice", choices=[("a", "X"), ("b", "Y")], column_choices={1: "X", 2: "Y"}), "b", 2),
        (spec("Picklist", "text", column_choices={-1: "Left"}), "-1", -1),
        (spec("Picklist", "text"), "12", 12),
        (spec("Picklist", "reference", links=TERMS), "2/10", 2),
        (spec("Integer", "integer", constant="5"), 0, 5),
        (spec("Boolean", "boolean", constant="yes"), False, True),
        (spec("Integer", "integer", constant="5"), 1, 1),
    ],
)
def test_the_canonical_form_of_a_local_value(tokyo, one, value, canonical):
    assert canonical_local(one, value) == canonical
    assert local_reader(one)(value) == canonical


SPECS = [
    spec(), spec("Memo"), spec("String", "number"), spec("Integer", "integer"), MONEY, BLOCKED, CURRENCY,
    spec("Boolean", "boolean"), spec("Boolean", "text"), spec("DateTime", "date"), spec("DateTime", "datetime"),
    spec("Picklist", "reference", links=TERMS), spec(constant="fixed"),
    FieldSpec("c", ColumnInfo("kind", "Picklist", choices={3: "Customer"}), None, Direction.TO, constant="3"),
    FieldSpec("c", ColumnInfo("name", "String"), None, Direction.TO, constant="fixed"),
]  # fmt: skip


@given(st.sampled_from(SPECS), st.none() | st.text(max_size=8) | st.sampled_from([0, 1, False, True, Decimal("1.50")]))
def test_a_prepared_reader_reads_as_the_plain_function_does(one, value):
    assert local_reader(one)(value) == canonical_local(one, value)
    if one.kind not in ("choice", "link") or value is None:
        assert remote_reader(one)(value) == canonical_remote(one, value)


@pytest.mark.parametrize(
    ("length", "text", "fits"),
    [(None, "ä" * 9, True), (3, "abc", True), (3, "abcd", False), (3, "ä", False), (3, "", True)],
)
def test_a_text_surely_fits_where_no_unit_must_be_counted(length, text, fits):
    assert spec(column_length=length).surely_fits(text) is fits


def test_links_without_a_partner_for_blank_send_blank():
    links = Links("contact", {}, {}, "contact")
    assert to_remote(spec("Lookup", "reference", links=links, binds={"contact": "x"}), None) == {"col": None}
