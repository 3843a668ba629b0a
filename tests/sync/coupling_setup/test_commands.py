"""manage.py pair and create, as programs use them."""

from uuid import uuid4

import pytest
from django.core.management import CommandError

from coupling.models import Coupling
from masterdata.models import Customer
from tests.coupling.test_commands import spoken
from tests.sync.conftest import accounts, customer, update_mapping
from tests.sync.coupling_setup.conftest import CALGARY, COTTON, PARTS, VENDOR

CRONUS = ("--company", "CRONUS International")
EVERY_KEY = {"job", "type", "mapping", "state", "plan", "counters", "reasons", "requests", "seconds", "followups"}


def pair(local, row, *more):
    return spoken("pair", "CUSTOMER", *CRONUS, "--local", local, "--integration", str(row), *more)


def test_pair_prints_the_coupling_and_the_job_that_followed(company, customers, rows):
    customer(company, "10000", "Iris", city="Bonn")
    customer(company, "10001", "Parts")
    (result,), code = pair("10000", CALGARY)
    assert (code, result) == (0, {"coupling": {"local": "10000", "integration": str(CALGARY)}, "job": None})
    (result,), code = pair("10001", PARTS, "--initial", "from")
    assert code == 0
    assert set(result["job"]) >= EVERY_KEY
    assert (result["job"]["type"], result["job"]["counters"]["modified"]) == ("synchronization", 1)
    assert Customer.objects.get(no="10001").city == "Red Deer"


@pytest.mark.parametrize(
    ("local", "row", "reason", "says"),
    [
        ("10001", CALGARY, "already_coupled", "10000 Iris in CRONUS International"),
        ("10000", PARTS, "already_coupled", f"the row {CALGARY}"),
        ("10001", VENDOR, "outside_filter", "CUSTOMER"),
        ("10001", uuid4(), "record_gone", "no such row"),
        ("99999", PARTS, "unknown_record", "99999"),
        ("10001", "not-a-guid", "value_invalid", "not-a-guid"),
    ],
)
def test_pair_refuses_with_the_reason_and_couples_nothing(company, customers, rows, local, row, reason, says):
    customer(company, "10000", "Iris")
    customer(company, "10001", "Parts")
    pair("10000", CALGARY)
    (refusal,), code = pair(local, row, "--initial", "to")
    assert (code, refusal["error"]["reason"]) == (1, reason)
    assert says in refusal["error"]["message"]
    assert Coupling.objects.filter(table="customer").count() == 1


def test_create_makes_rows_for_records_and_records_for_rows(company, customers, rows):
    customer(company, "10000", "Iris")
    customer(company, "10001", "Novelty")
    pair("10000", CALGARY)
    (result,), code = spoken("create", "CUSTOMER", *CRONUS, "--in-dataverse", "--select", "10000", "10001")
    assert (code, result["counters"]["inserted"], result["counters"]["skipped"]) == (0, 1, 1)
    assert set(result) >= EVERY_KEY
    assert (result["reasons"], "Novelty" in accounts(rows)) == ({"already_coupled": 1}, True)
    (result,), code = spoken("create", "CUSTOMER", *CRONUS, "--here", "--row", str(COTTON), str(VENDOR))
    assert (code, result["counters"]["inserted"], result["reasons"]) == (0, 1, {"outside_filter": 1})
    assert Customer.objects.filter(name="100% Cotton_Mills").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--here", "--select", "1"),
        ("--in-dataverse", "--row", str(COTTON)),
        ("--here",),
        ("--here", "--row", str(COTTON), "--select", "1"),
    ],
)
def test_create_asks_for_what_belongs_to_the_side(company, words):
    with pytest.raises(CommandError) as misused:
        spoken("create", "CUSTOMER", *words, *CRONUS)
    assert misused.value.returncode == 2


def test_create_refuses_the_way_that_a_mapping_does_not_go(company, rows):
    customer(company, "10000")
    update_mapping(company, direction="from_integration_table")
    (refusal,), code = spoken("create", "CUSTOMER", *CRONUS, "--in-dataverse", "--select", "10000")
    assert (code, refusal["error"]["reason"]) == (1, "configuration")
    assert "from the integration table only" in refusal["error"]["message"]
    update_mapping(company, direction="to_integration_table")
    (refusal,), code = spoken("create", "CUSTOMER", *CRONUS, "--here", "--row", str(COTTON))
    assert (code, refusal["error"]["reason"]) == (1, "configuration")
