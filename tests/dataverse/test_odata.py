"""What requests say: pure tables and properties."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataverse import odata
from dataverse.errors import Invalid
from dataverse.types import ColumnInfo

ID = UUID("11111111-2222-3333-4444-5555555555aa")


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        ("O'Brien & Sons", "'O''Brien & Sons'"),
        ("", "''"),
        (ID, "11111111-2222-3333-4444-5555555555aa"),
        (date(2026, 2, 1), "2026-02-01"),
        (datetime(2026, 2, 1, 12, 0, tzinfo=timezone(timedelta(hours=2))), "2026-02-01T10:00:00Z"),
    ],
)
def test_a_literal_is_written_as_the_service_reads_it(value: Any, literal: str) -> None:
    assert odata.quote(value) == literal


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN")])
def test_a_number_that_is_not_finite_has_no_literal(value: Any) -> None:
    with pytest.raises(Invalid):
        odata.quote(value)


@given(st.text())
def test_quoted_text_reads_back_as_itself_and_never_ends_early(text: str) -> None:
    literal = odata.quote(text)
    inner = literal[1:-1]
    assert literal[0] == literal[-1] == "'"
    assert inner.replace("''", "").count("'") == 0
    assert inner.replace("''", "'") == text


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_filter_survives_percent_encoding(column_value: str, other: str) -> None:
    text = odata.all_of(odata.eq("name", column_value), odata.ne("address1_city", other))
    path = odata.rows_path("accounts", select=["name"], filter_text=text)
    query = urlsplit("https://x/" + path).query
    found = dict(part.split("=", 1) for part in query.split("&"))
    assert unquote(found["$filter"]) == text
    assert "+" not in query
    assert "#" not in path
    assert parse_qs(query)["$select"] == ["name"]


def test_parts_of_a_filter_are_joined_with_brackets_and_blanks_dropped() -> None:
    assert odata.all_of("a eq 1", "", odata.any_of("b eq 2", "c eq 3")) == "(a eq 1 and (b eq 2 or c eq 3))"
    assert odata.all_of("", "a eq 1") == "a eq 1"
    assert odata.all_of() == ""


def test_a_pattern_s_marks_can_stand_for_themselves() -> None:
    assert odata.literal_pattern("50% [a_b]") == "50[%] [[]a[_]b]"
    assert odata.contains("name", odata.literal_pattern("O'Neil_")) == "contains(name,'O''Neil[_]')"


def test_a_list_of_values_becomes_a_chain_of_or_and_an_empty_one_is_refused() -> None:
    assert odata.one_of("statecode", [0, 1]) == "(statecode eq 0 or statecode eq 1)"
    assert odata.one_of("name", ["x"]) == "name eq 'x'"
    with pytest.raises(ValueError, match="at least one value"):
        odata.one_of("name", [])


def test_keys_lookups_and_bindings() -> None:
    assert odata.key("accounts", str(ID).upper()) == f"accounts({ID})"
    assert odata.lookup("primarycontactid") == "_primarycontactid_value"
    assert odata.bind("ownerid", "teams", ID) == {"ownerid@odata.bind": f"/teams({ID})"}
    assert odata.bind("ownerid", "teams", None) == {"ownerid@odata.bind": None}
    with pytest.raises(ValueError, match="badly formed"):
        odata.key("accounts", "1) or (1")


def test_a_query_too_long_for_an_address_is_refused_before_it_is_sent() -> None:
    with pytest.raises(Invalid):
        odata.rows_path("accounts", select=["name"], filter_text=odata.one_of("name", ["x" * 200] * 200))


TEXT = ColumnInfo("name", "String", label="Account Name", max_length=5)
WHOLE = ColumnInfo("numberofemployees", "Integer", minimum=0, maximum=100)
MONEY = ColumnInfo("creditlimit", "Money", minimum=-10, maximum=1000, precision=2)
CHOICE = ColumnInfo("customertypecode", "Picklist", choices={3: "Customer", 11: "Vendor"})
DAY = ColumnInfo("birthdate", "DateTime", date_only=True)
MOMENT = ColumnInfo("lastonholdtime", "DateTime")
FLAG = ColumnInfo("creditonhold", "Boolean")
LOOKUP = ColumnInfo("ownerid", "Owner")


@pytest.mark.parametrize(
    ("column", "value", "json"),
    [
        (TEXT, "Adatu", "Adatu"),
        (TEXT, "", None),
        (TEXT, None, None),
        (WHOLE, 0, 0),
        (WHOLE, "12", 12),
        (WHOLE, Decimal("12.0"), 12),
        (MONEY, Decimal("12.345"), 12.34),
        (CHOICE, 3, 3),
        (CHOICE, "11", 11),
        (DAY, date(1990, 5, 6), "1990-05-06"),
        (DAY, datetime(1990, 5, 6, 22, tzinfo=UTC), "1990-05-06"),
        (MOMENT, date(1990, 5, 6), "1990-05-06T00:00:00Z"),
        (MOMENT, "1990-05-06T01:00:00+01:00", "1990-05-06T00:00:00Z"),
        (FLAG, False, False),
        (LOOKUP, ID, str(ID)),
    ],
)
def test_a_value_becomes_the_json_of_its_column(column: ColumnInfo, value: Any, json: Any) -> None:
    assert odata.to_json(value, column) == json


@pytest.mark.parametrize(
    ("column", "value", "reason", "says"),
    [
        (TEXT, "Adatum", "value_too_long", "6 characters, but Account Name takes 5"),
        (TEXT, "😀😀😀", "value_too_long", "6 characters"),
        (WHOLE, 101, "value_invalid", "outside the range"),
        (WHOLE, "1.5", "value_invalid", "whole number"),
        (WHOLE, "many", "value_invalid", "number"),
        (MONEY, True, "value_invalid", "number"),
        (CHOICE, 4, "unknown_choice", "It has: 3 Customer, 11 Vendor"),
        (
            ColumnInfo("c", "Picklist", choices=dict.fromkeys(range(11), "x")),
            20,
            "unknown_choice",
            "7 x and 3 more.",
        ),
        (CHOICE, "Gold", "unknown_choice", "choices"),
        (DAY, "soon", "value_invalid", "date"),
        (FLAG, "yes", "value_invalid", "yes or no"),
        (LOOKUP, "me", "value_invalid", "GUID"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_reason_and_message(
    column: ColumnInfo, value: Any, reason: str, says: str
) -> None:
    with pytest.raises(Invalid) as refused:
        odata.to_json(value, column)
    assert refused.value.reason == reason
    assert says in refused.value.user_message


@given(st.decimals(min_value=-10, max_value=1000, places=2))
def test_money_reads_back_as_it_was_written(value: Decimal) -> None:
    assert odata.from_json(odata.to_json(value, MONEY), MONEY) == value


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_datetime_reads_back_to_the_second(value: datetime) -> None:
    assert odata.from_json(odata.to_json(value, MOMENT), MOMENT) == value.replace(microsecond=0)


@pytest.mark.parametrize(
    ("column", "json", "value"),
    [
        (MONEY, 12.1, Decimal("12.1")),
        (MONEY, 12, Decimal(12)),
        (CHOICE, 3, 3),
        (LOOKUP, str(ID), ID),
        (DAY, "1990-05-06", date(1990, 5, 6)),
        (FLAG, True, True),
        (TEXT, "x", "x"),
        (TEXT, None, None),
    ],
)
def test_the_json_of_a_column_becomes_a_value(column: ColumnInfo, json: Any, value: Any) -> None:
    assert odata.from_json(json, column) == value


def test_json_of_another_type_is_refused() -> None:
    with pytest.raises(Invalid):
        odata.from_json("soon", MOMENT)
