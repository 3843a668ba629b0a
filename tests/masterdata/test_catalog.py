"""The catalog: which tables there are, and how another app's joins."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, models, transaction
from django.http import Http404

from accounts import access
from accounts.roles import set_roles
from core.roles import Can, Role
from masterdata import catalog
from masterdata.models import ChangedBy, Company, Customer, SynchronizedRecord
from tests.example_app.models import Subscription

TITLES = {
    "customer": "Customers",
    "vendor": "Vendors",
    "contact": "Contacts",
    "item": "Items",
    "resource": "Resources",
    "customer_price_group": "Customer Price Groups",
    "sales_price": "Sales Prices",
    "price_list_header": "Price Lists",
    "price_list_line": "Price List Lines",
    "opportunity": "Opportunities",
    "salesperson": "Salespeople/Purchasers",
    "currency": "Currencies",
    "payment_terms": "Payment Terms",
    "shipment_method": "Shipment Methods",
    "shipping_agent": "Shipping Agents",
    "unit_of_measure": "Units of Measure",
    "unit_group": "Unit Groups",
    "item_unit_of_measure": "Item Units of Measure",
    "resource_unit_of_measure": "Resource Units of Measure",
}


def test_the_tables_are_in_menu_order_under_their_titles():
    assert list({table.name: table.caption_plural for table in catalog.tables()}.items())[: len(TITLES)] == list(
        TITLES.items()
    )


@pytest.mark.parametrize("table", list(catalog.tables()), ids=lambda table: table.name)
def test_every_name_a_table_uses_is_there(table):
    for name in (table.key, table.title, *table.default_columns, *table.references):
        assert table.field(name)
    for other in table.references.values():
        assert catalog.table(other).field(catalog.table(other).key).unique
    assert catalog.table_of(table.model) is table


@pytest.mark.parametrize(
    ("name", "caption", "kind"),
    [
        ("no", "No.", "code"),
        ("phone_no", "Phone No.", "text"),
        ("e_mail", "E-Mail", "text"),
        ("country_region_code", "Country/Region Code", "text"),
        ("credit_limit", "Credit Limit (LCY)", "number"),
        ("salesperson_code", "Salesperson Code", "reference"),
        ("currency_code", "Currency Code", "reference"),
        ("blocked", "Blocked", "choice"),
    ],
)
def test_a_customer_s_fields_have_the_captions_people_know(name, caption, kind):
    field = catalog.table("customer").field(name)
    assert (field.caption, field.type) == (caption, kind)


def test_only_what_nothing_fills_in_is_required():
    assert [f.name for f in catalog.table("customer").fields if f.required] == ["no"]
    assert [f.name for f in catalog.table("subscription").fields if f.required] == ["number", "name"]


@pytest.mark.parametrize(("look", "said"), [(lambda: catalog.table("shoe"), "there are contact"),
                                            (lambda: catalog.table("item").field("shoe"), "it has no, description"),
                                            (lambda: catalog.table_of(Company), "is not registered")])  # fmt: skip
def test_what_is_not_there_is_said_with_what_is(look, said):
    with pytest.raises(LookupError, match=said):
        look()


def test_another_app_s_table_is_described_like_our_own():
    table = catalog.table("subscription")
    assert (table.caption, table.caption_plural, table.model) == ("Subscription", "Subscriptions", Subscription)
    assert {field.name: field.type for field in table.fields} == {
        "number": "code",
        "name": "text",
        "customer_no": "reference",
        "monthly_fee": "number",
        "starts_on": "date",
        "seats": "integer",
        "active": "boolean",
    }
    assert table.field("customer_no").references == "customer"


WITH_BASE_CLASS = [table.model for table in catalog.tables() if issubclass(table.model, SynchronizedRecord)]


@pytest.mark.parametrize("model", WITH_BASE_CLASS, ids=lambda m: m.__name__)
def test_every_synchronized_table_has_the_indexes_that_jobs_need(model):
    assert ["company", "modified_at"] in [list(index.fields) for index in model._meta.indexes]
    key = catalog.table_of(model).key
    unique = [c.fields for c in model._meta.constraints if isinstance(c, models.UniqueConstraint)]
    assert ("company", key) in unique


def test_a_number_is_there_once_in_each_company(company):
    other = Company.objects.create(name="Other", currency_code="USD")
    Customer.objects.create(company=company, no="1")
    Customer.objects.create(company=other, no="1")
    with pytest.raises(IntegrityError), transaction.atomic():
        Customer.objects.create(company=company, no="1")


def test_saving_stamps_the_time_even_for_named_fields(company):
    customer = Customer.objects.create(company=company, no="1", changed_by=ChangedBy.SYNCHRONIZATION)
    before = customer.modified_at
    customer.name, customer.changed_by = "Alder", ChangedBy.PERSON
    customer.save(update_fields=["name"])
    customer.refresh_from_db()
    assert customer.modified_at > before
    assert customer.changed_by == ChangedBy.PERSON


def test_a_company_is_found_by_its_address_or_not_at_all(company, rf, django_user_model):
    request = rf.get("/")
    request.user = ada = django_user_model.objects.create(username="ada")
    with pytest.raises(Http404, match="There is no company with the address 'alder-finch'"):
        access.company_or_404(request, "alder-finch")
    set_roles(person=ada, company=company, roles=[Role.VIEWER])
    request = rf.get("/")
    request.user = ada
    assert access.company_or_404(request, "alder-finch") == company
    with pytest.raises(Http404, match="There is no company with the address 'alder-finch'"):
        access.company_or_404(request, "alder-finch", Can.OPERATE)
    with pytest.raises(Http404, match="There is no company with the address 'elsewhere'"):
        access.company_or_404(request, "elsewhere")


def test_nobody_signed_in_sees_a_company(company, rf):
    request = rf.get("/")
    request.user = AnonymousUser()
    with pytest.raises(Http404):
        access.company_or_404(request, "alder-finch")
