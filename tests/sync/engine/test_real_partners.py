"""A real business's salespeople, currencies, customers, vendors and contacts, each way its mapping goes."""

from typing import Any

import pytest

from coupling.models import Coupling
from masterdata.models import Company, Contact, Currency, Customer, Salesperson, Vendor
from sandbox.testing import Sandbox
from tests.sync.conftest import accounts, counters, patch, synchronize, update_mapping
from tests.sync.engine.test_real_sales import pytestmark, rows_of

_ = pytestmark  # skipped without the data

NAMES = ("SALESPEOPLE", "CURRENCY", "CUSTOMER", "VENDOR", "CONTACT")
LOCAL = "USD"


def numbered(name: str) -> list[dict[str, str]]:
    """Return rows of the data by their numbers: a few numbers stand twice in it."""
    return list({row["No."]: row for row in rows_of(name)}.values())


def partner(company: Company, row: dict[str, str]) -> dict[str, Any]:
    return {
        "company": company, "no": row["No."], "name": row["Name"], "address": row["Address"],
        "address_2": row["Address 2"], "post_code": row["Post Code"][:20], "contact": row["Contact Name"],
        "country_region_code": row["Country Code"],
        "currency_code": "" if row["Currency Code"] == LOCAL else row["Currency Code"],
    }  # fmt: skip


def fill(company: Company, remote: Sandbox) -> int:
    """Put the business in here, its salespeople into Dataverse; return how many persons belong to a customer."""
    remote.load(
        {
            "systemusers": [
                {"firstname": first, "lastname": last, "fullname": f"{first} {last}", "isdisabled": False,
                 "islicensed": True, "isintegrationuser": False, "internalemailaddress": f"{row['Code']}@a.example"}
                for row in rows_of("salespeople")
                for first, _, last in [row["Name"].partition(" ")]
            ]
        }
    )  # fmt: skip
    customers, vendors = numbered("customers"), numbered("vendors")
    for model, rows in ((Customer, customers), (Vendor, vendors)):
        for row in rows:
            model.objects.create(**partner(company, row))
    for code in sorted({row["Currency Code"] for row in (*customers, *vendors)} - {"", LOCAL}):
        Currency.objects.create(company=company, code=code, description=code, exchange_rate=1)
    widest = Contact._meta.get_field("company_no").max_length or 0
    persons = [
        row for row in numbered("contacts") if row["Type"] == "1" and 0 < len(row["Company No."]) <= widest
    ]  # a few cells hold an expression instead of a number
    businesses = dict(zip(sorted({row["Company No."] for row in persons}), customers, strict=False))
    for number, row in businesses.items():
        Contact.objects.create(
            company=company, no=number, type="Company", name=row["Name"], company_no=number, customer_no=row["No."]
        )
    for row in persons:
        first, _, last = row["Name"].rpartition(" ")
        Contact.objects.create(
            company=company, no=row["No."], type="Person", first_name=first, surname=last, address=row["Address"],
            company_no=row["Company No."], post_code=row["Post Code"][:20], country_region_code=row["Country Code"],
        )  # fmt: skip
    return sum(row["Company No."] in businesses for row in persons)


@pytest.mark.timeout(120)
def test_a_real_business_goes_to_dataverse_comes_back_and_a_second_run_writes_nothing(
    company: Company, remote: Sandbox
) -> None:
    persons = fill(company, remote)
    mappings = [update_mapping(company, name, synch_only_coupled=False) for name in NAMES]
    done = {one.name: counters(synchronize(one)) for one in mappings}
    assert done["CUSTOMER"]["inserted"] == Customer.objects.count() == len(numbered("customers"))
    assert done["VENDOR"]["inserted"] == Vendor.objects.count() == len(numbered("vendors"))
    assert done["CONTACT"] == {"inserted": persons} and persons > 100
    assert {row["Name"] for row in rows_of("salespeople")} <= set(Salesperson.objects.values_list("name", flat=True))
    codes = {row["transactioncurrencyid"]: row["isocurrencycode"] for row in remote.rows("transactioncurrencies")}
    there = accounts(remote)
    for one in Customer.objects.all():
        assert codes[there[one.name]["_transactioncurrencyid_value"]] == (one.currency_code or LOCAL)

    remote.load({"accounts": [{"name": "Alpine", "customertypecode": 3}, {"name": "Wide", "customertypecode": 11}]})
    here, changed = Customer.objects.order_by("no")[:2]
    here.city = "Leeds"
    here.save()
    pair = Coupling.objects.get(local_id=changed.system_id)
    patch(remote, pair.integration_id, address1_city="York")
    for name, wanted in (("CUSTOMER", {"inserted": 1, "modified": 2}), ("VENDOR", {"inserted": 1})):
        found = counters(synchronize(update_mapping(company, name)))
        assert {key: found.get(key) for key in wanted} == wanted, name
    assert Customer.objects.get(pk=changed.pk).city == "York"
    assert accounts(remote)[here.name]["address1_city"] == "Leeds"

    remote.control("DELETE", "requests")
    for full in (False, True):
        for one in mappings:
            assert set(counters(synchronize(one, full=full))) <= {"unchanged"}, (one.name, full)
    assert remote.requests()["rows_written"] == 0
