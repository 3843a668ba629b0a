"""Codes and numbers are trimmed and in capitals wherever they come in; for another app's table it is an option."""

from io import StringIO

import pytest
from django.core.management import call_command

from core import unsettled
from coupling.records.forms import record_form
from masterdata import catalog, codes
from masterdata.models import Company, Currency, Customer
from tests.example_app.models import Subscription

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return Company.objects.create(name="CRONUS", currency_code="USD")


@pytest.fixture
def register(monkeypatch):
    """Register the other app's table anew with options; afterwards it is as it was."""
    monkeypatch.setitem(catalog._tables, "subscription", catalog.table("subscription"))
    monkeypatch.setattr(Subscription, "code_fields", Subscription.code_fields)
    references = {"customer_no": "customer"}
    return lambda **options: catalog.register(
        Subscription, key="number", title="name", references=references, **options
    )


def test_a_record_is_stored_with_its_codes_in_capitals(company):
    made = Customer.objects.create(company=company, no=" k1 ", name="kiefer", currency_code="eur", city="ulm")
    made.refresh_from_db()
    assert (made.no, made.currency_code, made.name, made.city) == ("K1", "EUR", "kiefer", "ulm")
    made.salesperson_code = "jr "
    made.save(update_fields=["salesperson_code"])
    made.refresh_from_db()
    assert made.salesperson_code == "JR"


def test_a_form_takes_codes_in_any_letters_and_sees_what_is_taken(company):
    customer = catalog.table("customer")
    Currency.objects.create(company=company, code="EUR")
    form = record_form(
        customer, company, data={"no": "k1", "name": "Kiefer", "currency_code": "eur", "credit_limit": 0}
    )
    assert form.is_valid(), form.errors
    stored = form.store()
    assert (stored.no, stored.currency_code) == ("K1", "EUR")
    again = record_form(customer, company, data={"no": "k1 ", "name": "Other", "credit_limit": 0})
    assert not again.is_valid()
    assert again.errors["no"] == ["K1 is taken by another record."]


def test_the_admin_takes_them_too(company, admin_client):
    values = {"company": company.pk, "code": "eur", "description": "Euro", "seen": ""}
    answer = admin_client.post("/admin/masterdata/currency/add/", values)
    assert answer.status_code == 302, answer.content.decode()
    assert Currency.objects.get().code == "EUR"
    answer = admin_client.post("/admin/masterdata/currency/add/", values)
    assert answer.status_code == 200
    assert "already has a record with this code" in answer.content.decode()


def test_an_import_stores_capitals_and_updates_by_code_in_any_letters(company, tmp_path):
    def load(text):
        path = tmp_path / "customers.csv"
        path.write_text(text)
        call_command("masterdata", "import", "customer", str(path), "--company", "CRONUS", "--json", stdout=StringIO())

    load("No.,Name,Currency Code\nk1,Kiefer,eur\n")
    assert Customer.objects.values_list("no", "name", "currency_code").get() == ("K1", "Kiefer", "EUR")
    load("No.,Name\nK1,Kiefer two\n")
    assert Customer.objects.values_list("no", "name").get() == ("K1", "Kiefer two")


@pytest.mark.parametrize(("options", "stored"), [({}, ("s-1", "K1")), ({"upper_case_codes": True}, ("S-1", "K1"))])
def test_for_another_apps_table_it_is_an_option_of_its_registration(company, register, options, stored):
    register(**options)
    made = Subscription.objects.create(company=company, number="s-1", customer_no="k1")
    # A reference is written as the table that it names writes its own.
    assert (made.number, made.customer_no) == stored


def test_an_upgrade_puts_codes_in_capitals_lists_what_clashes_and_starts(company, capsys):
    other = Company.objects.create(name="Northwind", currency_code="USD")
    Currency.objects.bulk_create([Currency(company=company, code=code) for code in ("eur", "GBP")])
    Customer.objects.bulk_create(
        [
            Customer(company=company, no="k1", name="Kiefer one"),
            Customer(company=company, no="K1", name="Kiefer two"),
            Customer(company=company, no="k2", name="Linde", currency_code="eur", primary_contact_no=" ct1"),
            Customer(company=other, no="k1", name="Elsewhere"),
        ]
    )
    before = dict(Customer.objects.values_list("name", "modified_at"))
    assert codes.settle() == ["Customers of CRONUS: k1 Kiefer one and K1 Kiefer two."]
    rows = Customer.objects.order_by("name").values_list("company__name", "no", "name", "currency_code")
    assert list(rows) == [
        ("Northwind", "K1", "Elsewhere", ""),
        ("CRONUS", "k1", "Kiefer one", ""),
        ("CRONUS", "K1", "Kiefer two", ""),
        ("CRONUS", "K2", "Linde", "EUR"),
    ]
    assert dict(Customer.objects.values_list("name", "modified_at")) == before  # nothing is to be sent for it
    assert Customer.objects.get(no="K2").primary_contact_no == "CT1"
    assert set(Currency.objects.values_list("code", flat=True)) == {"EUR", "GBP"}
    assert codes.settle() == ["Customers of CRONUS: k1 Kiefer one and K1 Kiefer two."]
    unsettled.list_after_upgrade("default", [("a migration", False)])
    assert "k1 Kiefer one and K1 Kiefer two" in capsys.readouterr().err


def test_a_reference_to_a_code_that_clashes_stays_as_it_is(company):
    Currency.objects.bulk_create([Currency(company=company, code=code) for code in ("eur", "EUR")])
    Customer.objects.bulk_create([Customer(company=company, no="K1", currency_code="eur")])
    assert codes.settle() == ["Currencies of CRONUS: eur and EUR."]
    assert Customer.objects.get().currency_code == "eur"
