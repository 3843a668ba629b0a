"""What customers and vendors get from Dataverse beside their fields: their company, their number, and being blocked."""

from typing import Any

import pytest

from connection_setup.connection.state import connection_of
from core.refusals import NotUsable
from core.vocabulary import Direction
from coupling.mappings.edit import Changes, change_mapping
from coupling.models import Coupling, IntegrationTableMapping
from masterdata.models import Company, Contact, Customer, Vendor
from masterdata.record_templates import save_template
from sandbox.testing import Sandbox
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    accounts,
    counters,
    coupling_of,
    customer,
    patch,
    synchronize,
    update_mapping,
)


def test_rows_that_become_records_here_are_this_companys_and_the_next_run_writes_nothing(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    own = str(connection_of(company).company_row_id)
    remote.load({"accounts": [{"name": "Adatum", **ACTIVE_CUSTOMER}, {"name": "Litware", "customertypecode": 11}]})
    vendors = update_mapping(company, "VENDOR", synch_only_coupled=False)
    contacts = update_mapping(company, "CONTACT", synch_only_coupled=False)
    assert counters(synchronize(customers)) == counters(synchronize(vendors)) == {"inserted": 1}
    account = accounts(remote)["Adatum"]["accountid"]
    remote.load({"contacts": [{"lastname": "Lee", "_parentcustomerid_value": account,
                               "parentcustomeridtype": "account"}]})  # fmt: skip
    assert counters(synchronize(contacts)) == {"inserted": 1}
    assert {row["_tandem_companyid_value"] for row in (*accounts(remote).values(), *remote.rows("contacts"))} == {own}
    remote.control("DELETE", "requests")
    for mapping in (customers, vendors, contacts):
        assert set(counters(synchronize(mapping))) <= {"unchanged"}
        assert counters(synchronize(mapping, full=True)) == {"unchanged": 1}
    assert remote.requests()["rows_written"] == 0


@pytest.mark.parametrize("case", ["multi-company", "from Dataverse alone"])
def test_rows_stay_everybodys_where_companies_share_them_and_where_nothing_goes_there(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox, case: str
) -> None:
    shared = case == "multi-company"
    update_mapping(company, **({"multi_company": True} if shared else {"direction": Direction.FROM}))
    remote.load({"accounts": [{"name": "Adatum", **ACTIVE_CUSTOMER}]})
    assert counters(synchronize(customers)) == {"inserted": 1}
    assert accounts(remote)["Adatum"]["_tandem_companyid_value"] is None


def test_an_inactive_account_blocks_its_customer_and_an_active_one_does_not_unblock(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    update_mapping(company, table_filter={}, integration_filter={"field": "customertypecode", "op": "eq", "value": 3})
    one = customer(company, "10000", "Adatum")
    other = customer(company, "10001", "Contoso", blocked="Ship")
    remote.load({"accounts": [{"name": "Litware", "customertypecode": 3, "statecode": 1, "statuscode": 2}]})
    assert counters(synchronize(customers)) == {"inserted": 3}
    assert Customer.objects.get(name="Litware").blocked == "All"
    for record, more in ((one, {}), (other, {"address1_city": "Oslo"})):
        patch(remote, coupling_of(customers, record).integration_id, statecode=1, statuscode=2, **more)
    job = synchronize(customers)
    assert counters(job)["modified"] == 2
    (shown,) = job.outcomes.get(local_key="10000").detail["fields"]
    assert (shown["caption"], shown["integration_value"], shown["written"]) == ("Blocked", "Inactive", "local")
    assert [Customer.objects.get(no=no).blocked for no in ("10000", "10001")] == ["All", "Ship"]
    remote.control("DELETE", "requests")
    before = list(Customer.objects.order_by("pk").values_list("modified_at"))
    assert "modified" not in counters(synchronize(customers))
    assert counters(synchronize(customers, full=True)) == {"unchanged": 3}
    patch(remote, coupling_of(customers, one).integration_id, statecode=0, statuscode=1)
    assert counters(synchronize(customers)) == {"unchanged": 1}
    assert Customer.objects.get(no="10000").blocked == "All"
    assert list(Customer.objects.order_by("pk").values_list("modified_at")) == before
    assert remote.requests()["rows_written"] == 0


def test_a_customer_or_vendor_that_changes_by_dataverse_takes_its_companys_contact_along(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    vendors = update_mapping(company, "VENDOR", synch_only_coupled=False)
    made: list[tuple[Any, Any, Contact]] = []
    for mapping, record, number in (
        (customers, customer(company, "10000", "Adatum"), "customer_no"),
        (vendors, Vendor.objects.create(company=company, no="40000", name="Litware"), "vendor_no"),
    ):
        synchronize(mapping)
        business = Contact.objects.create(
            company=company, no=f"CT{record.no}", type="Company", company_no=f"CT{record.no}", **{number: record.no}
        )
        made.append((mapping, record, business))
    stranger = Contact.objects.create(company=company, no="CT9", type="Company", company_no="CT9", name="Other")
    for mapping, record, business in made:
        patch(remote, coupling_of(mapping, record).integration_id, name=f"{record.name} Ltd.", telephone1="0121")
        assert counters(synchronize(mapping)) == {"modified": 1}
        business.refresh_from_db()
        assert (business.name, business.company_name) == (f"{record.name} Ltd.", f"{record.name} Ltd.")
        assert (business.phone_no, business.changed_by) == ("0121", "synchronization")
        known = business.modified_at
        patch(remote, coupling_of(mapping, record).integration_id, creditlimit=5)
        synchronize(mapping)
        business.refresh_from_db()
        assert business.modified_at == known
    stranger.refresh_from_db()
    assert stranger.name == "Other"


def test_new_customers_are_numbered_by_the_series_of_their_template(
    company: Company, customers: IntegrationTableMapping, remote: Sandbox
) -> None:
    save_template(company=company, code="SHOP", table="customer", first_no=" shop-0100 ")
    change_mapping(mapping=customers, changes=Changes(template="SHOP"))
    customer(company, "SHOP-0103", "Adatum")
    customer(company, "C00007", "Contoso")
    remote.load({"accounts": [{"name": name, **ACTIVE_CUSTOMER} for name in ("Litware", "Proseware")]})
    synchronize(customers, direction=Direction.FROM)
    made = Customer.objects.filter(system_id__in=Coupling.objects.values("local_id")).values_list("no", flat=True)
    assert sorted(made) == ["SHOP-0104", "SHOP-0105"]
    customer(company, "SHOP-" + "9" * 15, "The last one")
    remote.load({"accounts": [{"name": "One more", **ACTIVE_CUSTOMER}]})
    (failed,) = synchronize(customers, direction=Direction.FROM).outcomes.filter(outcome="failed")
    assert f"The next number of the series is SHOP-1{'0' * 15}, and No. holds 20 characters." in failed.message
    for wrong in ("SHOP", "SHOP-²", "X" * 20 + "1"):
        with pytest.raises(NotUsable, match="cannot be the first of a series of numbers") as refused:
            save_template(company=company, code="SHOP", table="customer", first_no=wrong)
        assert refused.value.field == "first_no"
