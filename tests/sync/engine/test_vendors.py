"""Vendors beside customers: two mappings on the table of accounts, told apart by the kind of relationship."""

from core.vocabulary import Direction
from coupling.couplings import services as couplings
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import JobOutcome
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer, Vendor
from sandbox.testing import Sandbox
from sync.engine.preview import Preview
from sync.full import services as full
from tests.sync.conftest import accounts, counters, coupling_of, customer, patch, synchronize, update_mapping

NAME = [Criterion("name", "name")]


def vendor(company: Company, no: str, name: str = "", **values: object) -> Vendor:
    return Vendor.objects.create(company=company, no=no, name=name or f"Vendor {no}", **values)


def vendors(company: Company) -> IntegrationTableMapping:
    return update_mapping(company, "VENDOR", synch_only_coupled=False)


def test_vendors_travel_both_ways_beside_customers(company, customers, remote: Sandbox):
    made = vendor(company, "40000", "Fabrikam", city="Ulm")
    customer(company, "10000", "Adatum")
    remote.load(
        {"accounts": [{"name": "Northwind", "customertypecode": 11}, {"name": "Alpine", "customertypecode": 3}]}
    )
    for mapping in (customers, vendors(company)):
        assert counters(synchronize(mapping)) == {"inserted": 2}
    rows = accounts(remote)
    assert (rows["Fabrikam"]["customertypecode"], rows["Fabrikam"]["address1_city"]) == (11, "Ulm")
    assert rows["Adatum"]["customertypecode"] == 3
    assert [*Vendor.objects.order_by("no").values_list("no", "name")] == [
        ("40000", "Fabrikam"),
        ("V00001", "Northwind"),
    ]
    assert set(Customer.objects.values_list("name", flat=True)) == {"Adatum", "Alpine"}
    patch(remote, coupling_of(vendors(company), made).integration_id, telephone1="555")
    Vendor.objects.get(name="Northwind").save()
    assert counters(synchronize(vendors(company))) == {"modified": 1, "unchanged": 1}
    made.refresh_from_db()
    assert made.phone_no == "555"
    for mapping in (customers, vendors(company)):
        assert synchronize(mapping).counters["modified"] == 0


def test_a_blocked_vendor_stays_here(company, remote: Sandbox):
    vendor(company, "40000", blocked="Payment")
    assert synchronize(vendors(company)).counters["total"] == 0
    assert accounts(remote) == {}


def test_an_account_coupled_to_a_vendor_is_no_match_for_a_customer_and_named(company, customers, remote: Sandbox):
    remote.load({"accounts": [{"name": "Fabrikam", "customertypecode": 11}]})
    made = vendor(company, "40000", "Fabrikam")
    run_to_end(couplings.start_coupling(mapping=vendors(company), criteria=NAME, synchronize=False))
    row = coupling_of(vendors(company), made).integration_id
    patch(remote, row, customertypecode=3)
    customer(company, "10000", "Fabrikam")
    job = run_to_end(couplings.start_coupling(mapping=customers, criteria=NAME, synchronize=False, create_new=False))
    outcome = JobOutcome.objects.get(job=job)
    assert outcome.reason == "already_coupled"
    assert "Vendor 40000 Fabrikam" in outcome.message


def test_a_row_that_one_table_holds_is_not_created_in_the_other(company, customers, remote: Sandbox):
    """An account that became a customer stays the vendor's while their coupling lasts: no run makes a second record."""
    made = vendor(company, "40000", "Fabrikam")
    synchronize(vendors(company), direction=Direction.TO)
    row = coupling_of(vendors(company), made).integration_id
    patch(remote, row, customertypecode=3)
    assert list(Preview(customers).outcomes()) == []
    full.generate(company)
    assert full.lines(company)[2].integration_count == 0
    synchronize(customers, full=True)
    assert Customer.objects.count() == 0
    assert Coupling.objects.filter(integration_id=row).count() == 1
