"""Text into the value of a field."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masterdata import catalog
from masterdata.files.types import Kind
from masterdata.files.values import BadValue, converter, number


def value(table, field, text):
    known = catalog.table(table)
    return converter(known, known.field(field))(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1234", "1234"),
        ("-12.50", "-12.5"),
        ("+3", "3"),
        ("1,234.50", "1234.5"),
        ("1.234,50", "1234.5"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("12,5", "12.5"),
        ("0,125", "0.125"),
        ("1234,567", "1234.567"),
        ("1 234.5", "1234.5"),
        ("1'234.5", "1234.5"),
        ("1.5E3", "1500"),
        (".5", "0.5"),
    ],
)
def test_numbers_are_read_as_people_write_them(text, wanted):
    assert number(text) == Decimal(wanted)


@pytest.mark.parametrize("text", ["abc", "1,2,3", "1.2.3", "$5", "12-", "--1", "NaN", "Infinity", "1e", "٣x"])
def test_what_is_no_number_is_said_so(text):
    with pytest.raises(BadValue, match="is not a number"):
        number(text)


def test_a_number_that_may_mean_two_things_is_not_guessed():
    with pytest.raises(BadValue) as bad:
        number("1,234")
    assert bad.value.fix == "Write 1234 or 1.234."


@pytest.mark.parametrize("field", ["no", "name"])
def test_a_text_that_a_spreadsheet_made_a_date_of_is_refused(field):
    known = catalog.table("customer")
    with pytest.raises(BadValue) as bad:
        converter(known, known.field(field))("2026-03-01", Kind.DATE)
    assert "is a date in the workbook (2026-03-01); what was typed there is lost." in bad.value.message


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_every_decimal_is_read_back_plain_and_grouped(amount):
    assert number(f"{amount:f}") == amount
    grouped = f"{amount:,.4f}"
    assert number(grouped) == amount


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_is_refused(text):
    try:
        assert number(text).is_finite()
    except BadValue as bad:
        assert bad.message
        assert bad.fix


@pytest.mark.parametrize(
    ("table", "field", "text", "wanted"),
    [
        ("customer", "name", "Alder & Söhne", "Alder & Söhne"),
        ("customer", "name", "NULL", ""),
        ("customer", "name", "\\N", ""),
        ("customer", "name", "null", "null"),
        ("customer", "credit_limit", "", Decimal(0)),
        ("customer", "credit_limit", "5000.00", Decimal("5000.00")),
        ("customer", "blocked", "ship", "Ship"),
        ("customer", "blocked", "", ""),
        ("contact", "type", "", "Person"),
        ("contact", "type", "COMPANY", "Company"),
        ("currency", "exchange_rate", "", None),
        ("item", "blocked", "Yes", True),
        ("item", "blocked", "0", False),
        ("item", "blocked", "", False),
        ("subscription", "starts_on", "2026-02-28", date(2026, 2, 28)),
        ("subscription", "starts_on", "2026-02-28T13:00:00", date(2026, 2, 28)),
        ("subscription", "starts_on", "", None),
        ("subscription", "seats", "12", 12),
        ("subscription", "seats", "12.0", 12),
        ("subscription", "seats", "", 1),
    ],
)
def test_text_becomes_the_field_s_value(table, field, text, wanted):
    assert value(table, field, text) == wanted
    assert type(value(table, field, text)) is type(wanted)


@pytest.mark.parametrize(
    ("table", "field", "text", "cause", "fix"),
    [
        ("customer", "no", "", "No. is blank.", "Every record needs one."),
        ("customer", "no", "NULL", "No. is blank.", "Every record needs one."),
        ("customer", "name", "x" * 101, "has 101 characters; Name takes 100.", "Shorten it."),
        ("customer", "name", "a\0b", "Name contains a zero character.", "Remove it."),
        ("customer", "blocked", "Perhaps", "'Perhaps' is no choice of Blocked.", "Choose one of: Ship, Invoice, All"),
        ("customer", "credit_limit", "1.005", "1.005 has too many decimals.", "keeps 2"),
        (
            "customer",
            "credit_limit",
            "99999999999999",
            "Credit Limit (LCY) is '99999999999999'.",
            "no more than 15 digits",
        ),
        ("currency", "exchange_rate", "-1", "Exchange Rate is '-1'.", "greater than or equal to 0"),
        ("item", "blocked", "perhaps", "is neither yes nor no.", "Write true or false"),
        ("subscription", "starts_on", "28.02.2026", "is not a date.", "2026-01-31"),
        ("subscription", "seats", "1.5", "is not a whole number.", "without decimals"),
        ("subscription", "seats", "9" * 30, "is not a whole number.", "without decimals"),
        ("subscription", "name", "", "Name is blank.", "Every record needs one."),
    ],
)
def test_a_bad_value_says_why_and_what_to_do(table, field, text, cause, fix):
    with pytest.raises(BadValue) as bad:
        value(table, field, text)
    assert cause in bad.value.message
    assert fix in bad.value.fix


def test_a_moment_without_time_zone_is_universal_time():
    from masterdata.files.values import _moment

    field = catalog.table("subscription").field("starts_on")
    assert _moment("2026-01-02T03:04", field) == datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
