"""Mappings that share a table are told, with whether their filters can take the same record or row."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from coupling.filters import parse
from coupling.mappings import defaults
from coupling.mappings.overlaps import Overlap, can_share, overlaps
from coupling.models import IntegrationTableMapping
from coupling.page_parts import mapping_url
from masterdata.models import Company

pytestmark = pytest.mark.django_db


def eq(value: Any, field: str = "code") -> dict[str, Any]:
    return {"field": field, "op": "eq", "value": value}


def op(word: str, value: Any = None) -> dict[str, Any]:
    return {"field": "code", "op": word} | ({} if value is None else {"value": value})


def every(*parts: Any) -> dict[str, Any]:
    return {"all": list(parts)}


def some(*parts: Any) -> dict[str, Any]:
    return {"any": list(parts)}


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ({}, {}, True),
        (eq(3), {}, True),
        (eq(3), eq(11), False),
        (eq("a"), eq("A"), True),
        (eq(3), eq(0, "state"), True),
        (every(eq(3), eq(0, "state")), every(eq(3), eq(1, "state")), False),
        (op("in", [1, 2]), op("in", [2, 3]), True),
        (op("in", [1, 2]), op("in", [3, 4]), False),
        (op("in", [1, 2]), op("ne", 1), True),
        (op("in", [1, 2]), op("not_in", [1, 2]), False),
        (op("ne", 1), op("ne", 2), True),
        (op("blank"), op("not_blank"), False),
        (op("blank"), op("gt", 1), False),
        (eq(5), op("lt", 5), False),
        (eq(5), op("lt", 6), True),
        (eq(5), op("lt", "x"), False),
        (eq("North"), op("begins_with", "no"), True),
        (eq("North"), op("begins_with", "so"), False),
        (some(eq(1), eq(2)), eq(2), True),
        (some(eq(1), eq(2)), some(eq(3), eq(4)), False),
        (every(eq(1), some(eq(0, "state"), eq(1, "state"))), every(eq(1), eq(2, "state")), False),
        (every(*(some(*(eq(n, f"f{at}") for n in range(9))) for at in range(9))), eq(99, "f1"), True),
    ],
)
def test_two_filters_can_share_a_row_unless_a_field_stands_against_it(first: Any, second: Any, shared: bool) -> None:
    assert can_share(parse(first), parse(second)) is can_share(parse(second), parse(first)) is shared


@pytest.fixture
def customers() -> IntegrationTableMapping:
    company = Company.objects.create(name="Cronus", currency_code="USD")
    defaults.create_missing(company)
    IntegrationTableMapping.objects.filter(company=company).exclude(name="CUSTOMER").delete()
    rows = {"integration_table": "account", "entity_set": "accounts", "company": company}
    made = IntegrationTableMapping.objects.create
    made(name="A-VENDOR", table="vendor", **rows, integration_filter=eq(11, "customertypecode"))
    made(name="B-BROKEN", table="item", **rows, integration_filter={"field": "x", "op": "like", "value": 1})
    made(name="C-PROSPECT", table="customer", integration_table="lead", company=company)
    made(name="D-CHOICES", table="payment_terms", **rows, uid_kind="option")
    made(name="D-ELSE", table="contact", integration_table="contact", company=company)
    return IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")


def test_the_other_mappings_of_both_tables_are_named(customers: IntegrationTableMapping) -> None:
    assert overlaps(customers) == [
        Overlap("A-VENDOR", "integration", False), Overlap("B-BROKEN", "integration", None),
        Overlap("C-PROSPECT", "local", True),
    ]  # fmt: skip


def test_card_and_command_tell_of_them(customers: IntegrationTableMapping) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"), backend="django.contrib.auth.backends.ModelBackend")
    card = client.get(mapping_url("mapping", customers)).content.decode()
    for text in ("Other Mappings of account", "A-VENDOR: no row is inside both filters.",
                 "Other Mappings of Customers", "C-PROSPECT: a record may be inside both filters."):  # fmt: skip
        assert text in card
    out = StringIO()
    call_command("mapping", "show", "CUSTOMER", "--company", "Cronus", "--json", stdout=out)
    assert json.loads(out.getvalue())["shares"][0] == {
        "mapping": "A-VENDOR", "table": "integration", "in_common": False,
    }  # fmt: skip
    out = StringIO()
    call_command("mapping", "show", "CUSTOMER", "--company", "Cronus", stdout=out)
    assert "Other Mappings of Customers: C-PROSPECT: a record may be inside both filters." in out.getvalue()


def test_filters_with_more_ways_than_are_tried_are_said_to_share_a_row() -> None:
    """A card is not kept waiting by them: here no row is in both, which 400,000 values would have shown."""
    cities = {"field": "city", "op": "in", "value": [str(at) for at in range(400)]}
    either = [every(eq("a", f"name{at}"), eq("b", f"name{at}")) | {} for at in range(10)]
    either = [{"any": one["all"]} for one in either]
    with_x = {"field": "city", "op": "begins_with", "value": "x"}
    assert not can_share(parse(cities), parse(with_x))
    assert can_share(parse({"all": [*either, cities]}), parse(with_x))
