"""The demo's data: the same in every run, plausible, and with the faults that real data has."""

import re
from collections import Counter
from unicodedata import normalize

import pytest

from config.demo import data, remote
from config.demo.seed import seed
from coupling.matching.phones import phone
from masterdata import catalog
from masterdata.models import Company, Customer

FIRST, SECOND = data.companies()
ROWS = remote.rows(FIRST)
ACCOUNTS = {row["accountid"]: row for row in ROWS["accounts"]}
PAIRS = [
    (customer, ACCOUNTS[key])
    for customer in FIRST.tables["customer"]
    if (key := remote.identity("customer", customer["no"])) in ACCOUNTS
]


def plain(text):
    return normalize("NFC", text).strip().casefold()


def test_every_run_makes_the_same():
    assert data.companies() == (FIRST, SECOND)
    assert remote.rows(FIRST) == ROWS


@pytest.mark.parametrize("company", [FIRST, SECOND], ids=lambda company: company.name)
def test_every_value_fits_its_field(company):
    for name, rows in company.tables.items():
        table = catalog.table(name)
        assert len({row[table.key] for row in rows}) == len(rows)
        for row in rows:
            table.model(**row).clean_fields(exclude=["company"])


@pytest.mark.parametrize("company", [FIRST, SECOND], ids=lambda company: company.name)
def test_every_reference_names_a_record_that_is_there(company):
    for name, rows in company.tables.items():
        for field, other in catalog.table(name).references.items():
            known = {row[catalog.table(other).key] for row in company.tables[other]} | {""}
            assert {row.get(field, "") for row in rows} <= known, (name, field)


def test_each_company_has_four_hundred_customers_and_they_are_different():
    names = [{row["name"] for row in company.tables["customer"]} for company in (FIRST, SECOND)]
    assert [len(company.tables["customer"]) for company in (FIRST, SECOND)] == [400, 400]
    assert len(names[0] & names[1]) < 40


def test_phones_and_addresses_of_the_web_are_kept_for_fiction():
    fiction = "|".join(
        (
            r"\(\d{3}\) 555-01\d\d",
            r"\+44 (20 7946 0|1\d\d 49[68] 0)\d{3}",
            r"\+49 (30 23125|40 66969|69 90009|89 99998|221 4710) ",
            r"\+33 (1 99 00|2 61 91|3 53 01|4 65 71|5 36 49) ",
        )
    )
    for customer in FIRST.tables["customer"] + SECOND.tables["customer"]:
        assert not customer["phone_no"] or re.match(fiction, customer["phone_no"]), customer["phone_no"]
        assert not customer["e_mail"] or customer["e_mail"].endswith(".example")


def test_about_sixty_in_a_hundred_customers_are_in_dataverse_already():
    assert 0.55 < len(PAIRS) / len(FIRST.tables["customer"]) < 0.65


def test_a_pair_s_phone_is_the_same_number_however_it_is_written():
    written = [(c["phone_no"], a["telephone1"]) for c, a in PAIRS if a.get("telephone1")]
    assert all(phone(here, "US") == phone(there, "US") for here, there in written)
    assert sum(here != there for here, there in written) > 60


def test_names_differ_in_case_spacing_and_by_a_slip():
    kinds = Counter(
        "same" if c["name"] == a["name"] else "typing" if plain(c["name"]) == plain(a["name"]) else "slip"
        for c, a in PAIRS
    )
    assert all(kinds[kind] >= 20 for kind in ("same", "typing", "slip"))


def test_there_are_doubles_blanks_strangers_and_rows_outside_the_filter():
    accounts = list(ACCOUNTS.values())
    phones = Counter(row.get("telephone1") for row in accounts)
    assert sum(1 for phone, n in phones.items() if phone and n > 1) >= 6
    assert sum("telephone1" not in row for row in accounts) >= 10
    assert sum(row["customertypecode"] != remote.CUSTOMER for row in accounts) >= 10
    assert sum(row.get("statecode") == 1 for row in accounts) >= 3
    assert sum(len(row["name"]) > 100 for row in accounts) == 1
    known = {plain(customer["name"]) for customer in FIRST.tables["customer"]}
    assert sum(plain(row["name"]) not in known for row in accounts) >= 60
    local = Counter(customer["phone_no"] for customer in FIRST.tables["customer"])
    assert local[""] >= 20
    assert sum(1 for phone, n in local.items() if phone and n > 1) >= 9
    assert sum(customer["blocked"] != "" for customer in FIRST.tables["customer"]) == 10


def test_people_and_vendors_are_there_too_and_some_rows_name_choices_and_primary_contacts():
    vendors = [row for row in ACCOUNTS.values() if row["customertypecode"] == remote.VENDOR]
    assert len(vendors) == 32
    contacts = {row["contactid"]: row for row in ROWS["contacts"]}
    assert {row["_parentcustomerid_value"] for row in contacts.values()} <= set(ACCOUNTS)
    primary = {row["_primarycontactid_value"] for row in ACCOUNTS.values() if "_primarycontactid_value" in row}
    assert len(primary) > 100 and primary <= set(contacts)
    assert sum(row.get("paymenttermscode") == 1 for row in ACCOUNTS.values()) > 20
    businesses = [row for row in FIRST.tables["contact"] if row["type"] == "Company"]
    assert all(bool(row["customer_no"]) != bool(row["vendor_no"]) for row in businesses)


def test_currencies_that_are_there_are_used_and_only_missing_ones_made():
    there = [
        {"isocurrencycode": "EUR", "transactioncurrencyid": "e"},
        {"isocurrencycode": "USD", "transactioncurrencyid": "u"},
    ]
    rows = remote.rows(FIRST, there)
    assert {row["isocurrencycode"] for row in rows["transactioncurrencies"]} == {"GBP", "CAD"}
    assert {"e", "u"} <= {row.get("_transactioncurrencyid_value") for row in rows["accounts"]}


def test_seeding_twice_leaves_everything_as_it_is(db):
    small = data.companies(40)
    seed(small)
    before = list(Customer.objects.order_by("pk").values())
    first, second = seed(small)
    assert list(Customer.objects.order_by("pk").values()) == before
    assert (first.currency_code, second.currency_code) == ("USD", "USD")
    assert Company.objects.count() == 2
    for table in catalog.tables():
        of_the_example = table.model._meta.app_label == "example_app"
        assert of_the_example or table.records(first).exists(), table.name
