"""manage.py conflicts: what it lists, in the shape programs rely on, and how it chooses for fields and pairs."""

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.models import ConflictChoice
from tests.coupling.test_commands import spoken
from tests.sync.conflicts.test_fields import both, connect_and_pair
from tests.sync.conftest import accounts, coupling_of, patch, synchronize, update_mapping
from tests.sync.deletions.test_services import delete_in_sql


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    """Return a company with three pairs that were synchronized."""
    return connected("Conflicts by Command", connect_and_pair)


@pytest.fixture
def pairs(company: Company, customers: IntegrationTableMapping, remote: Sandbox) -> list[Customer]:
    """Change City of two records and Phone No. of one on both sides, and synchronize."""
    found = list(Customer.objects.filter(company=company).order_by("no"))
    for record, city, there in ((found[0], "Köln", "Ulm"), (found[1], "Trier", "Hof")):
        columns = {"address1_city": there} | ({"telephone1": "3"} if record is found[0] else {})
        patch(remote, coupling_of(customers, record).integration_id, **columns)
        record.city = city
        record.phone_no = "2" if record is found[0] else "1"
        record.save()
    synchronize(customers)
    return found


def conflicts(company: Company, *words: str) -> tuple[list[dict[str, Any]], int]:
    return spoken("conflicts", *words, "--company", company.name)


def test_it_lists_each_field_with_three_values_and_who_and_when(company: Company, pairs: list[Customer]) -> None:
    (told,), code = conflicts(company, "list")
    assert code == 0 and list(told) == ["conflicts"]
    first = told["conflicts"][0]
    assert (first["mapping"], first["kind"], first["local"]["key"]) == ("CUSTOMER", "update", "10000")
    assert first["integration"]["name"] == "Customer 0"
    by_name = {field["field"]: field for field in first["fields"]}
    city = by_name["city"]
    assert list(city) == ["field", "here", "there", "base", "here_at", "here_by", "there_at", "there_by"]
    assert (city["here"], city["there"], city["base"]) == ("Köln", "Ulm", "Bonn")
    assert city["here_at"] and city["there_at"] and set(by_name) == {"city", "phone_no"}
    (one,), _ = conflicts(company, "list", "--mapping", "CUSTOMER", "--select", "10001")
    assert [pair["local"]["key"] for pair in one["conflicts"]] == ["10001"]


def test_times_are_printed_with_their_zone(company: Company, pairs: list[Customer]) -> None:
    out = StringIO()
    call_command("conflicts", "list", "--company", company.name, stdout=out)
    assert re.search(r"city: here .*\(\d{4}-\d\d-\d\d \d\d:\d\d UTC", out.getvalue()), out.getvalue()


def test_a_value_for_a_field_that_waits_with_two_columns_is_told_apart_by_its_column(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer], remote: Sandbox
) -> None:
    base = CouplingBase.objects.get(coupling=coupling_of(customers, pairs[1]))
    (city,) = (base.conflict or {})["fields"]
    other = {**city, "name": "city:address2_city", "integration": "address2_city"}
    CouplingBase.objects.filter(pk=base.pk).update(conflict={**(base.conflict or {}), "fields": [city, other]})
    asked = ("resolve", "--mapping", "CUSTOMER", "--select", "10001", "--value", "Jena", "--field")
    (refused,), code = conflicts(company, *asked, "city")
    assert (code, refused["error"]["fix"]) == (
        1, "Say which: --field city=address1_city or --field city=address2_city.",
    )  # fmt: skip
    _, code = conflicts(company, *asked, "city=address1_city")
    assert code == 0 and accounts(remote)[pairs[1].name]["address1_city"] == "Jena"


def test_it_previews_a_rule_to_the_field_and_carries_out_exactly_that(
    company: Company, pairs: list[Customer], remote: Sandbox
) -> None:
    told, code = conflicts(company, "resolve", "--take", "there", "--preview")
    assert code == 0 and not ConflictChoice.objects.exists()
    assert [(line["local"]["key"], line["field"], line["take"]) for line in told[:-1]] == [
        ("10000", "city", "there"), ("10000", "phone_no", "there"), ("10001", "city", "there"),
    ]  # fmt: skip
    assert told[-1] == {
        "state": "preview", "fields": 3, "pairs": 2, "records_here": 2, "rows_there": 0, "waiting": 0,
    }  # fmt: skip
    (done,), code = conflicts(company, "resolve", "--take", "there")
    assert (code, [job["counters"]["modified"] for job in done["jobs"]]) == (0, [2])
    assert both(pairs[0], remote) == ("Ulm", "Ulm", "3", "3") and both(pairs[1], remote)[:2] == ("Hof", "Hof")


def test_one_field_of_one_record_takes_a_side_or_a_value(
    company: Company, pairs: list[Customer], remote: Sandbox
) -> None:
    one = ("--mapping", "CUSTOMER", "--select", "10000")
    conflicts(company, "resolve", *one, "--field", "phone_no", "--take", "here")
    assert both(pairs[0], remote) == ("Köln", "Ulm", "2", "2")
    conflicts(company, "resolve", *one, "--field", "city", "--value", "Jena")
    assert both(pairs[0], remote)[:2] == ("Jena", "Jena")
    (left,), _ = conflicts(company, "list")
    assert [pair["local"]["key"] for pair in left["conflicts"]] == ["10001"]
    (refused,), code = conflicts(company, "resolve", *one, "--take", "here")
    assert (code, refused["error"]["reason"]) == (1, "empty_selection")
    (refused,), code = conflicts(
        company, "resolve", "--mapping", "CUSTOMER", "--select", "10001", "--field", "city", "--value", "x" * 99
    )
    assert (code, refused["error"]["reason"]) == (1, "value_invalid") and "at most" in refused["error"]["message"]


@pytest.mark.parametrize(
    "words",
    [
        ("resolve",),
        ("resolve", "--value", "x"),
        ("resolve", "--take", "here", "--select", "10000"),
        ("resolve", "--deleted", "restore", "--preview"),
        ("resolve", "--deleted", "restore", "--field", "city"),
        ("resolve", "--deleted", "delete"),
        ("resolve", "--deleted", "uncouple"),
        ("resolve", "--deleted", "restore", "--beyond-brake"),
        ("resolve", "--take", "here", "--beyond-brake"),
        ("list", "--beyond-brake"),
        ("list", "--take", "here"),
    ],
)
def test_words_that_make_no_sense_together_are_usage_errors(company: Company, words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as error:
        spoken("conflicts", *words, "--company", company.name)
    assert error.value.returncode == 2


def test_pairs_with_a_deleted_side_are_listed_and_settled_too(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    records = list(Customer.objects.filter(company=company).order_by("no"))
    delete_in_sql(records[:2])
    spoken("skipped", "find-deleted", "--company", company.name, "--mapping", "CUSTOMER")
    (told,), _ = conflicts(company, "list")
    assert [(one["kind"], one["deleted"], one["local"]["key"]) for one in told["conflicts"]] == [
        ("deletion", "here", "10000"), ("deletion", "here", "10001"),
    ]  # fmt: skip
    one = ("--mapping", "CUSTOMER", "--select", "10000")
    (done,), code = conflicts(company, "resolve", *one, "--deleted", "restore")
    assert (code, [job["counters"]["inserted"] for job in done["jobs"]]) == (0, [1])
    assert Customer.objects.filter(company=company, name="Customer 0").exists()
    update_mapping(company, brakes={"deleted": 0})
    two = ("--mapping", "CUSTOMER", "--select", "10001")
    (refused,), code = conflicts(company, "resolve", *two, "--deleted", "delete")
    assert (code, refused["error"]["reason"]) == (1, "brake")
    assert "the brake stops above 0" in refused["error"]["message"]
    assert "Customer 1" in accounts(remote)
    (done,), code = conflicts(company, "resolve", *two, "--deleted", "delete", "--beyond-brake")
    assert (code, [job["counters"]["deleted"] for job in done["jobs"]]) == (0, [1])
    assert "Customer 1" not in accounts(remote)
    assert Coupling.objects.count() == 2
