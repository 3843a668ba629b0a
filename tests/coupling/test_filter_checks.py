"""A filter's fields, operators and values are checked: what does not fit is refused with a sentence that names it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from coupling import filters
from coupling.filters import Condition, FilterField, Kind
from coupling.local_filters import filter_field
from dataverse.types import ColumnInfo
from masterdata import catalog

COLUMNS = {
    one.name: filters.of_column(one)
    for one in (
        ColumnInfo("name", "String", "Account Name", max_length=10),
        ColumnInfo("seats", "Integer", "Seats", minimum=0, maximum=1000),
        ColumnInfo("creditlimit", "Money", "Credit Limit"),
        ColumnInfo("donotphone", "Boolean"),
        ColumnInfo("code", "Picklist", "Relationship Type", choices={3: "Customer", 11: "Vendor"}),
        ColumnInfo("born", "DateTime", date_only=True),
        ColumnInfo("seen", "DateTime"),
        ColumnInfo("ownerid", "Owner"),
        ColumnInfo("picture", "Image", "Picture"),
    )
}
OWNER = "6F9619FF-8B86-D011-B42D-00C04FC964FF"


def resolved(field, op, value=None, fields=COLUMNS):
    return filters.resolve(Condition(field, op, value), fields.__getitem__)


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        (("name", "eq", "Adatum"), "Adatum"),
        (("name", "in", ["A", None]), ["A", None]),
        (("seats", "lt", 5), 5),
        (("seats", "eq", 5.0), 5),
        (("creditlimit", "ge", 0.1), Decimal("0.1")),
        (("donotphone", "eq", False), False),
        (("code", "in", [3, 11]), [3, 11]),
        (("born", "lt", "2026-01-31"), date(2026, 1, 31)),
        (("seen", "ge", "2026-01-31T08:00:00Z"), datetime(2026, 1, 31, 8, tzinfo=UTC)),
        (("seen", "ge", "2026-01-31T08:00:00+02:00"), datetime(2026, 1, 31, 6, tzinfo=UTC)),
        (("seen", "ge", "2026-01-31"), datetime(2026, 1, 31, tzinfo=UTC)),
        (("ownerid", "eq", OWNER), UUID(OWNER)),
        (("name", "begins_with", "a"), "a"),
        (("name", "blank"), None),
    ],
)
def test_a_value_becomes_what_its_field_has(condition, value):
    found = resolved(*condition)
    assert (found.value, type(found.value)) == (value, type(value))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (("name", "eq", 5), "Account Name (name) takes a text, not 5."),
        (("name", "in", ["A", True]), "Account Name (name) takes a text, not True."),
        (("name", "eq", "x" * 11), f"Account Name (name) takes 10 characters, but '{'x' * 11}' has 11."),
        (("name", "eq", "a\0"),
         r"The filter on Account Name (name) compares with characters that no text has: 'a\x00'."),
        (("name", "eq", "\ud800"),
         r"The filter on Account Name (name) compares with characters that no text has: '\ud800'."),
        (("name", "lt", "M"),
         "'lt' cannot compare Account Name (name): Dataverse sorts texts by the rules of its language."),
        (("seats", "eq", "5"), "Seats (seats) takes a whole number, not '5'."),
        (("seats", "eq", 5.5), "Seats (seats) takes a whole number, not 5.5."),
        (("seats", "eq", True), "Seats (seats) takes a whole number, not True."),
        (("seats", "lt", 1001), "Seats (seats) takes 0 to 1,000, not 1001."),
        (("creditlimit", "eq", "much"), "Credit Limit (creditlimit) takes a number, not 'much'."),
        (("creditlimit", "eq", float("inf")), "Credit Limit (creditlimit) takes a number, not inf."),
        (("creditlimit", "contains", "1"), "'contains' compares texts, but Credit Limit (creditlimit) takes a number."),
        (("donotphone", "eq", 1), "donotphone takes true or false, not 1."),
        (("donotphone", "gt", False),
         "'gt' compares numbers, dates and texts, but donotphone takes true or false."),
        (("code", "eq", 4), "Relationship Type (code) has no choice 4; it has 3 Customer, 11 Vendor."),
        (("code", "eq", "Customer"), "Relationship Type (code) takes one of its choices by number, not 'Customer'."),
        (("born", "eq", "31.1.2026"), "born takes a date such as 2026-01-31, not '31.1.2026'."),
        (("seen", "eq", 2026), "seen takes a time such as 2026-01-31T08:00:00Z, not 2026."),
        (("seen", "eq", "0001-01-01T00:00:00+14:00"),
         "seen takes a time such as 2026-01-31T08:00:00Z, not '0001-01-01T00:00:00+14:00'."),
        (("ownerid", "eq", "ada"), "ownerid takes a GUID, not 'ada'."),
        (("ownerid", "contains", "ada"), "'contains' compares texts, but ownerid takes a GUID."),
        (("picture", "blank"), "Picture (picture) has values that a filter cannot compare."),
    ],
)  # fmt: skip
def test_what_a_field_does_not_take_is_refused(condition, message):
    with pytest.raises(filters.BadFilter) as refused:
        resolved(*condition)
    assert refused.value.message == message


def test_a_field_of_which_nothing_is_known_takes_any_single_value():
    known = {"x": FilterField("x", "x", Kind.ANY)}
    assert resolved("x", "lt", "M", known).value == "M"
    assert resolved("x", "in", [1, "a"], known).value == [1, "a"]
    with pytest.raises(filters.BadFilter, match="'begins_with' compares texts"):
        resolved("x", "begins_with", 5, known)


@pytest.mark.parametrize(
    ("table", "condition", "outcome"),
    [
        ("customer", ("blocked", "eq", "all"), "All"),
        ("customer", ("blocked", "eq", "Some"), "Blocked (blocked) has no choice 'Some'; it has Ship, Invoice, All."),
        ("customer", ("credit_limit", "lt", 0.125),
         "Credit Limit (LCY) (credit_limit) has 2 decimals, but 0.125 has more."),
        ("customer", ("credit_limit", "lt", 1e40),
         "Credit Limit (LCY) (credit_limit) takes -9,999,999,999,999 to 9,999,999,999,999, not 1E+40."),
        ("customer", ("city", "eq", "x" * 31), f"City (city) takes 30 characters, but '{'x' * 31}' has 31."),
        ("item", ("blocked", "eq", "no"), "Blocked (blocked) takes true or false, not 'no'."),
        ("customer", ("no", "ge", "10000"), "10000"),
    ],
)  # fmt: skip
def test_the_catalog_says_what_local_fields_take(table, condition, outcome):
    known = catalog.table(table)
    try:
        found = filters.resolve(Condition(*condition), lambda name: filter_field(known, name)).value
    except filters.BadFilter as error:
        found = error.message
    assert found == outcome


def test_a_local_field_that_is_not_there_is_named():
    with pytest.raises(LookupError, match="Customer has no field 'colour'; it has no, name"):
        filter_field(catalog.table("customer"), "colour")


@pytest.mark.parametrize(
    ("op", "value", "given", "expected"),
    [
        ("eq", 5, 5.0, True), ("eq", 5, "5", True), ("lt", 5, 4, True), ("lt", 5, 5, False), ("le", 5, 5, True),
        ("gt", 5, 6, True), ("gt", 5, 5, False), ("ge", 5, 5, True), ("ge", 5, "x", False), ("ne", 5, "x", True),
    ],
)  # fmt: skip
def test_numbers_compare_by_value(op, value, given, expected):
    assert filters.matches(resolved("seats", op, value), {"seats": given}.get) is expected


@pytest.mark.parametrize(
    ("field", "op", "value", "given", "expected"),
    [
        ("seen", "lt", "2026-01-31T08:00:00Z", "2026-01-31T07:59:59Z", True),
        ("seen", "eq", "2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC), True),
        ("born", "ge", "2026-01-31", "2026-01-31", True),
        ("born", "ge", "2026-01-31", "2026-01-30T00:00:00Z", False),
        ("born", "eq", "2026-01-31", date(2026, 1, 31), True),
        ("name", "begins_with", "ad", "ADATUM", True),
        ("name", "begins_with", "%d", "Adatum", False),
        ("name", "contains", "É", "caf\u00e9", True),
        ("name", "eq", "STRASSE", "Stra\u00dfe", True),
        ("ownerid", "eq", OWNER, OWNER.lower(), True),
        ("donotphone", "ne", True, False, True),
    ],
)
def test_dates_texts_and_ids_compare_as_what_they_are(field, op, value, given, expected):
    assert filters.matches(resolved(field, op, value), {field: given}.get) is expected
