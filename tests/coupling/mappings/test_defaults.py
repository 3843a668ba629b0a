"""The default mappings: as the reference lists them, made when a connection is enabled, kept and reset."""

import pytest

from connection_setup.models import DataverseConnection
from core.refusals import NotUsable
from coupling import local_records
from coupling.mappings import defaults
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from masterdata import catalog
from masterdata.models import Company


@pytest.fixture
def plain_company(db):
    return Company.objects.create(name="Plain", currency_code="USD")


EXPECTED = {
    "SALESPEOPLE": {"e_mail": "internalemailaddress", "name": "fullname", "phone_no": "mobilephone"},
    "CURRENCY": {"code": "isocurrencycode", "symbol": "currencysymbol", "description": "currencyname"},
    "CUSTOMER": {
        "name": "name", "contact": "address1_primarycontactname", "address": "address1_line1",
        "address_2": "address1_line2", "post_code": "address1_postalcode", "city": "address1_city",
        "country_region_code": "address1_country", "county": "address1_stateorprovince",
        "currency_code": "transactioncurrencyid", "e_mail": "emailaddress1", "fax_no": "fax",
        "home_page": "websiteurl", "phone_no": "telephone1", "credit_limit": "creditlimit",
        "shipment_method_code": "address1_freighttermscode", "payment_terms_code": "paymenttermscode",
        "shipping_agent_code": "address1_shippingmethodcode", "primary_contact_no": "primarycontactid",
    },
    "CONTACT": {
        "currency_code": "transactioncurrencyid", "address": "address1_line1", "address_2": "address1_line2",
        "post_code": "address1_postalcode", "city": "address1_city", "country_region_code": "address1_country",
        "county": "address1_stateorprovince", "e_mail": "emailaddress1", "fax_no": "fax", "first_name": "firstname",
        "middle_name": "middlename", "surname": "lastname", "home_page": "websiteurl",
        "mobile_phone_no": "mobilephone", "pager": "pager", "phone_no": "telephone1", "type": "",
        "company_no": "parentcustomerid",
    },
    "PAYMENT TERMS": {"code": "paymenttermscode"},
    "SHIPMENT METHOD": {"code": "address1_freighttermscode"},
    "SHIPPING AGENT": {"code": "address1_shippingmethodcode"},
}  # fmt: skip
CHOICES = ["PAYMENT TERMS", "SHIPMENT METHOD", "SHIPPING AGENT"]
EXPECTED["VENDOR"] = {name: column for name, column in EXPECTED["CUSTOMER"].items() if name != "credit_limit"}


def test_enabling_makes_the_default_mappings(company):
    assert set(IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True)) == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_default_mapping_has_the_fields_of_the_reference(plain_company, name):
    defaults.create_missing(plain_company)
    mapping = IntegrationTableMapping.objects.get(company=plain_company, name=name)
    enabled = {row.field: row.integration_field for row in mapping.fields.filter(enabled=True)}
    assert enabled == EXPECTED[name]
    table = catalog.table(mapping.table)
    for row in mapping.fields.exclude(field=""):
        assert table.field(row.field)
    local_records.table_filter_q(mapping)


def test_a_field_that_cannot_be_on_says_why_and_all_others_have_the_mappings_they_need(plain_company):
    DataverseConnection.objects.create(company=plain_company, ownership_model="person")
    defaults.create_missing(plain_company)
    off = {
        (row.mapping.name, row.integration_field): row.disabled_reason
        for row in IntegrationFieldMapping.objects.exclude(disabled_reason="").select_related("mapping")
    }
    owner = "Dataverse takes the kind of owner from the owner itself."
    company = "Dataverse takes the kind of company from the company itself."
    assert off == {
        **{(name, "owneridtype"): owner for name in ("CUSTOMER", "VENDOR", "CONTACT")},
        ("CONTACT", "parentcustomeridtype"): company,
    }
    assert not IntegrationFieldMapping.objects.exclude(disabled_reason="").filter(enabled=True).exists()


def test_owner_fields_and_the_dependency_on_salespeople_belong_to_person_ownership(plain_company):
    defaults.create_missing(plain_company)
    mapping = IntegrationTableMapping.objects.get(name="CUSTOMER")
    assert mapping.dependencies == ["CURRENCY", *CHOICES]
    assert not mapping.fields.filter(field="salesperson_code").exists()
    DataverseConnection.objects.create(company=plain_company, ownership_model="person")
    defaults.reset_mappings(plain_company)
    mapping.refresh_from_db()
    assert mapping.dependencies == ["SALESPEOPLE", "CURRENCY", *CHOICES]
    assert mapping.fields.get(field="salesperson_code").integration_field == "ownerid"


def test_making_them_again_leaves_what_a_person_changed(plain_company):
    defaults.create_missing(plain_company)
    IntegrationTableMapping.objects.filter(name="CUSTOMER").update(create_new=True)
    assert defaults.create_missing(plain_company) == []
    assert IntegrationTableMapping.objects.get(name="CUSTOMER").create_new


def test_a_reset_takes_back_everything_but_the_couplings(plain_company):
    defaults.create_missing(plain_company)
    mapping = IntegrationTableMapping.objects.get(name="CUSTOMER")
    mapping.fields.filter(field="name").delete()
    mapping.fields.update(use_for_match=True, enabled=True)
    IntegrationTableMapping.objects.filter(pk=mapping.pk).update(
        create_new=True, update_conflict="send", direction="to_integration_table", table_filter=[]
    )
    defaults.reset_mappings(plain_company, ["CUSTOMER"])
    again = IntegrationTableMapping.objects.get(name="CUSTOMER")
    assert again.pk == mapping.pk
    assert (again.create_new, again.update_conflict, again.direction) == (False, "", "bidirectional")
    assert again.table_filter
    assert not again.fields.filter(use_for_match=True).exists()
    assert again.fields.filter(field="name").exists()


def test_a_mapping_without_a_default_cannot_be_reset(plain_company):
    with pytest.raises(NotUsable, match="NOTHING"):
        defaults.reset_mappings(plain_company, ["NOTHING"])


def test_mappings_follow_the_ownership_model_and_keep_what_people_changed(plain_company):
    connection = DataverseConnection.objects.create(company=plain_company, ownership_model="team")
    defaults.create_missing(plain_company)
    mapping = IntegrationTableMapping.objects.get(company=plain_company, name="CUSTOMER")
    mapping.fields.filter(field="city").update(enabled=False)

    def owner_rows():
        mapping.refresh_from_db()
        return sorted(mapping.fields.filter(integration_field__startswith="owner").values_list("field", flat=True))

    for _ in range(2):
        connection.ownership_model = "person"
        connection.save()
        defaults.apply_ownership_model(plain_company)
        defaults.apply_ownership_model(plain_company)
        assert owner_rows() == ["", "salesperson_code"]
        assert mapping.dependencies == ["SALESPEOPLE", "CURRENCY", *CHOICES]
        connection.ownership_model = "team"
        connection.save()
        defaults.apply_ownership_model(plain_company)
        assert owner_rows() == []
        assert mapping.dependencies == ["CURRENCY", *CHOICES]
    assert not mapping.fields.get(field="city").enabled


def test_a_field_is_switched_on_once_the_mapping_it_waited_for_exists(plain_company):
    defaults.create_missing(plain_company)
    mapping = IntegrationTableMapping.objects.get(company=plain_company, name="CUSTOMER")
    reason = "The related records have no mapping CURRENCY yet."
    mapping.fields.filter(field="currency_code").update(enabled=False, disabled_reason=reason)
    mapping.fields.filter(field="city").update(enabled=False)
    IntegrationTableMapping.objects.filter(company=plain_company, name="CURRENCY").delete()
    mapping.dependencies = CHOICES
    mapping.save()
    defaults.create_missing(plain_company)
    waited = mapping.fields.get(field="currency_code")
    mapping.refresh_from_db()
    assert (waited.enabled, waited.disabled_reason) == (True, "")
    assert mapping.dependencies == [*CHOICES, "CURRENCY"]
    assert not mapping.fields.get(field="city").enabled, "what a person switched off stays off"
