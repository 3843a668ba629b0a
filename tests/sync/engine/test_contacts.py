"""Contacts: their company both ways, primary contacts, and what coupling and uncoupling customers means for them."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from coupling import local_records
from coupling.couplings import services as couplings
from coupling.gateway import Gateway
from coupling.models import Coupling, IntegrationTableMapping, UndoneRecord
from coupling.rows import Criterion
from jobs.models import Job, JobOutcome
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Contact, Customer, Vendor
from sandbox.testing import Sandbox
from sync.engine.preview import Preview
from sync.full import services as full
from sync.start.services import synchronize_in_order
from tests.sync.conftest import accounts, counters, coupling_of, customer, patch, synchronize, update_mapping


@pytest.fixture
def contacts(company: Company) -> IntegrationTableMapping:
    return update_mapping(company, "CONTACT", synch_only_coupled=False)


def business(company: Company, no: str, **partner: str) -> Contact:
    return Contact.objects.create(
        company=company, no=no, type="Company", name=f"Business {no}", company_no=no, **partner
    )


def person(company: Company, no: str, company_no: str = "", **values: Any) -> Contact:
    return Contact.objects.create(company=company, no=no, company_no=company_no, **{"surname": f"P{no}", **values})


def rows(remote: Sandbox) -> dict[str, dict[str, Any]]:
    return {row["lastname"]: row for row in remote.rows("contacts")}


def load(remote: Sandbox, surname: str, account: Any = None, **columns: Any) -> UUID:
    row_id = uuid4()
    parent = {"_parentcustomerid_value": str(account), "parentcustomeridtype": "account"} if account else {}
    remote.load({"contacts": [{"contactid": str(row_id), "lastname": surname, **parent, **columns}]})
    return row_id


def row_of(mapping: IntegrationTableMapping, record: Any) -> str:
    return str(coupling_of(mapping, record).integration_id)


def test_a_contacts_row_belongs_to_the_account_of_its_companys_customer_or_vendor(
    company, customers, contacts, remote: Sandbox
):
    one = customer(company, "10000", "Adatum")
    other = Vendor.objects.create(company=company, no="40000", name="Fabrikam")
    business(company, "CT1", customer_no="10000")
    business(company, "CT2", vendor_no="40000")
    business(company, "CT3")
    ada = person(company, "CT4", "CT1", first_name="Ada")
    person(company, "CT5", "CT2")
    person(company, "CT6", "CT3")
    person(company, "CT7")
    synchronize(customers)
    vendors = update_mapping(company, "VENDOR", synch_only_coupled=False)
    synchronize(vendors)
    assert counters(synchronize(contacts)) == {"inserted": 2}
    found = rows(remote)
    assert set(found) == {"PCT4", "PCT5"}, "companies, and persons of businesses that are neither, are left out"
    assert found["PCT4"]["_parentcustomerid_value"] == row_of(customers, one)
    assert found["PCT5"]["_parentcustomerid_value"] == row_of(vendors, other)
    assert found["PCT4"]["firstname"] == "Ada"
    job = synchronize(contacts)
    assert counters(job) == {"unchanged": 2} and job.requests <= 4
    Contact.objects.filter(no="CT1").update(customer_no="")
    ada.refresh_from_db()
    ada.save()
    synchronize(contacts)
    undone = UndoneRecord.objects.get(mapping=contacts)
    assert "The contact's company CT1 is no customer or vendor" in undone.condition


def test_a_contact_waits_for_its_companys_account(company, customers, contacts, remote: Sandbox):
    customer(company, "10000", "Adatum")
    business(company, "CT1", customer_no="10000")
    person(company, "CT2", "CT1")
    job = synchronize(contacts)
    assert counters(job) == {"failed": 1}
    failed = JobOutcome.objects.get(job=job)
    assert failed.reason == "reference_not_coupled"
    assert "Company No. is “CT1”, and that company is not coupled to Dataverse." in failed.message
    synchronize(customers)
    assert counters(synchronize(update_mapping(company, "CONTACT", synch_only_coupled=True))) == {"inserted": 1}


def test_contacts_of_accounts_come_here_with_their_company(company, customers, contacts, remote: Sandbox):
    remote.load({"accounts": [{"name": "Alpine", "customertypecode": 3, "telephone1": "1"}]})
    account = accounts(remote)["Alpine"]["accountid"]
    load(remote, "Adams", account, firstname="Ada")
    load(remote, "Nobody")
    job = synchronize(contacts)
    assert counters(job) == {"failed": 1}
    assert "points to a row that no company here is coupled to" in JobOutcome.objects.get(job=job).message
    assert counters(synchronize(customers)) == {"inserted": 1}
    made = Customer.objects.get()
    assert [(one.outcome, one.message) for one in Preview(contacts).outcomes()] == [
        ("inserted", "It would be created here.")
    ]
    assert not Contact.objects.exists()
    synchronize(contacts)
    alpine = Contact.objects.get(type="Company")
    ada = Contact.objects.get(surname="Adams")
    assert (alpine.name, alpine.customer_no, alpine.phone_no, alpine.company_no) == ("Alpine", made.no, "1", alpine.no)
    assert (ada.type, ada.name, ada.company_no) == ("Person", "Ada Adams", alpine.no)
    assert counters(synchronize(contacts, full=True)) == {"unchanged": 1}
    assert not Coupling.objects.filter(mapping=contacts).exclude(local_id=ada.system_id).exists()
    other = Vendor.objects.create(company=company, no="40000", name="Fabrikam")
    vendors = update_mapping(company, "VENDOR", synch_only_coupled=False)
    synchronize(vendors)
    patch_contact(remote, ada, contacts, _parentcustomerid_value=row_of(vendors, other))
    assert counters(synchronize(contacts)) == {"modified": 1}
    ada.refresh_from_db()
    assert Contact.objects.get(no=ada.company_no).vendor_no == "40000"


def patch_contact(remote: Sandbox, record: Contact, mapping: IntegrationTableMapping, **columns: Any) -> None:
    row_id = row_of(mapping, record)
    known = next(row for row in remote.rows("contacts") if row["contactid"] == row_id)
    kept = {name: value for name, value in known.items() if not name.startswith("@") and value is not None}
    kept = {name: value for name, value in kept.items() if name not in ("versionnumber", "modifiedon", "fullname")}
    remote.load({"contacts": [{**kept, **columns}]})


def test_primary_contacts_go_both_ways_once_the_contact_is_there(company, customers, contacts, remote: Sandbox):
    here = customer(company, "10000", "Adatum", primary_contact_no="CT2")
    business(company, "CT1", customer_no="10000")
    ada = person(company, "CT2", "CT1")
    remote.load({"accounts": [{"name": "Alpine", "customertypecode": 3}]})
    account = accounts(remote)["Alpine"]["accountid"]
    ben = load(remote, "Burns", account)
    patch(remote, account, _primarycontactid_value=str(ben))
    assert counters(synchronize(customers)) == {"inserted": 2}
    assert accounts(remote)["Adatum"]["_primarycontactid_value"] is None
    job = synchronize(contacts)
    (follow_up,) = Job.objects.filter(parent=job)
    assert (follow_up.mapping_name, counters(follow_up)) == ("CUSTOMER", {"modified": 2})
    assert accounts(remote)["Adatum"]["_primarycontactid_value"] == row_of(contacts, ada)
    there = Customer.objects.get(name="Alpine")
    assert there.primary_contact_no == Contact.objects.get(surname="Burns").no
    for mapping in (customers, contacts):
        job = synchronize(mapping)
        assert job.counters["modified"] == 0 and not Job.objects.filter(parent=job).exists()
    patch(remote, row_of(customers, here), _primarycontactid_value=None)
    assert counters(synchronize(customers)) == {"modified": 1}
    here.refresh_from_db()
    assert here.primary_contact_no == "", "taken away there, it goes here too"


def test_a_blank_primary_contact_there_keeps_an_uncoupled_one_here(company, customers, contacts, remote: Sandbox):
    one = customer(company, "10000", "Adatum", primary_contact_no="CT9")
    person(company, "CT9")
    synchronize(customers)
    patch(remote, row_of(customers, one), telephone1="1")
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert (one.phone_no, one.primary_contact_no) == ("1", "CT9")


def test_uncoupling_a_customer_uncouples_the_persons_of_its_account(company, customers, contacts, remote: Sandbox):
    one, _ = customer(company, "10000", "Adatum"), customer(company, "20000", "Contoso")
    business(company, "CT1", customer_no="10000")
    business(company, "CT2", customer_no="20000")
    for no, company_no in (("CT3", "CT1"), ("CT4", "CT1"), ("CT5", "CT2")):
        person(company, no, company_no)
    synchronize(customers)
    synchronize(contacts)
    elsewhere = Contact.objects.get(no="CT4")
    patch_contact(remote, elsewhere, contacts, _parentcustomerid_value=accounts(remote)["Contoso"]["accountid"])
    job = run_to_end(couplings.start_uncoupling(mapping=customers, selection=[one.system_id]))
    (follow_up,) = Job.objects.filter(parent=job)
    assert (follow_up.mapping_name, follow_up.type, counters(follow_up)) == ("CONTACT", "uncoupling", {"uncoupled": 1})
    left = Coupling.objects.filter(mapping=contacts).values_list("local_id", flat=True)
    assert set(Contact.objects.filter(system_id__in=left).values_list("no", flat=True)) == {"CT4", "CT5"}
    assert rows(remote)["PCT3"]["_tandem_companyid_value"] is None


def test_an_account_that_becomes_a_customer_gives_its_persons_their_company(
    company, customers, contacts, remote: Sandbox
):
    remote.load({"accounts": [{"name": "Alpine", "customertypecode": 3}]})
    account = accounts(remote)["Alpine"]["accountid"]
    row = load(remote, "Adams", account)
    ada = person(company, "CT1", surname="Adams")
    organization = company.connection.organization_id
    couplings.couple_by_hand(mapping=contacts, local_id=ada.system_id, integration_id=row, organization_id=organization)
    assert counters(synchronize(contacts)) == {"skipped": 1}
    synchronize(customers)
    job = synchronize(contacts)
    assert counters(job) == {"unchanged": 1}, [(one.outcome, one.message) for one in job.outcomes.all()]
    ada.refresh_from_db()
    assert Contact.objects.get(no=ada.company_no).customer_no == Customer.objects.get().no


def test_contacts_couple_by_criteria_and_companies_take_no_part(company, customers, contacts, remote: Sandbox):
    customer(company, "10000", "Adatum")
    business(company, "CT1", customer_no="10000")
    business(company, "CT2")
    ada, _ = (
        person(company, "CT3", "CT1", e_mail="ada@adatum.example"),
        person(company, "CT4", "CT2", e_mail="b@x.example"),
    )
    synchronize(customers)
    row = load(remote, "Adams", accounts(remote)["Adatum"]["accountid"], emailaddress1="ada@adatum.example")
    load(remote, "Burns", emailaddress1="b@x.example")
    assert [one.no for one in local_records.uncoupled_records(contacts)] == ["CT3"]
    mail = [Criterion("e_mail", "emailaddress1"), Criterion("company_no", "parentcustomerid")]
    job = run_to_end(couplings.start_coupling(mapping=contacts, criteria=mail, synchronize=False))
    assert counters(job) == {"coupled": 1}
    assert coupling_of(contacts, ada).integration_id == row


@pytest.mark.parametrize("full", [False, True])
def test_a_row_that_lost_its_company_in_dataverse_gets_it_back(company, customers, contacts, remote: Sandbox, full):
    """It would be outside the filter for good: what is blank is filled, whether or not the contact was changed."""
    one = customer(company, "10000", "Adatum")
    business(company, "CT1", customer_no="10000")
    ada, ben = person(company, "CT2", "CT1"), person(company, "CT3", "CT1")
    synchronize(customers)
    synchronize(contacts)
    for contact, more in ((ada, {}), (ben, {"telephone1": "5", "statecode": 1})):
        patch_contact(remote, contact, contacts, _parentcustomerid_value=None, parentcustomeridtype=None, **more)
    job = synchronize(contacts, full=full)
    assert counters(job) == {"modified": 1, "skipped": 1}
    found = rows(remote)
    assert found["PCT2"]["_parentcustomerid_value"] == row_of(customers, one)
    assert found["PCT3"]["_parentcustomerid_value"] is None, "an inactive row stays outside"
    ada.refresh_from_db()
    assert ada.company_no == "CT1"
    assert counters(synchronize(contacts)) in ({"unchanged": 1}, {})
    patch_contact(remote, ada, contacts, _parentcustomerid_value=None, parentcustomeridtype=None)
    assert counters(synchronize(contacts, direction="from_integration_table")) == {"skipped": 1}
    assert rows(remote)["PCT2"]["_parentcustomerid_value"] is None, "nothing is sent by a run from Dataverse"


def test_contacts_come_after_customers_and_vendors(company, contacts):
    names = [job.mapping_name for job in synchronize_in_order(company=company)]
    assert names.index("CONTACT") > max(names.index("CUSTOMER"), names.index("VENDOR"))
    lines = {line.name: line.dependencies for line in full.generate(company)}
    assert lines["CONTACT"] == ["CUSTOMER", "VENDOR"]


def test_persons_of_another_contact_are_outside_in_a_filter_in_changes_and_when_read_by_id(
    company, customers, contacts, remote: Sandbox
):
    remote.load({"accounts": [{"name": "Alpine", "customertypecode": 3}]})
    account = accounts(remote)["Alpine"]["accountid"]
    synchronize(customers)
    ada = load(remote, "Adams", account)
    ben = load(remote, "Burns", _parentcustomerid_value=str(ada), parentcustomeridtype="contact")
    gateway = Gateway(company)
    assert "parentcustomerid_account/accountid ne null" in gateway.filter_text(contacts)
    assert gateway.size(contacts) == 1
    assert [row.id for page in gateway.scan(contacts, ["lastname"]) for row in page.rows] == [ada]
    tracked = [row for page in gateway.scan(contacts, gateway.filter_columns(contacts), track_changes=True)
               for row in page.rows]  # fmt: skip
    assert {row.id: gateway.inside(contacts, row) for row in tracked} == {ada: True, ben: False}
    read = gateway.read(contacts, ["parentcustomeridtype"], [ada, ben])
    assert {row.id: row.values["parentcustomeridtype"] for row in read.values()} == {ada: "account", ben: "contact"}
    assert counters(synchronize(contacts)) == {"inserted": 1}
    made = Contact.objects.get(type="Person")
    patch_contact(remote, made, contacts, _parentcustomerid_value=str(ben), parentcustomeridtype="contact")
    synchronize(contacts)
    undone = UndoneRecord.objects.get(mapping=contacts)
    assert "Company Type is contact (CONTACT takes Account)" in undone.condition
