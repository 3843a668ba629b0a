"""Filled and Distinct on the criteria page: what matching takes as blank counts as blank."""

import pytest

from coupling.matching.criteria import available_criteria
from coupling.matching.field_statistics import field_statistics
from coupling.models import IntegrationTableMapping
from masterdata.models import Company, Customer


@pytest.fixture
def mapping(db):
    company = Company.objects.create(name="Cronus", currency_code="USD")
    made = IntegrationTableMapping.objects.create(
        company=company, name="CUSTOMER", table="customer", integration_table="account"
    )
    for field, column in (("name", "name"), ("phone_no", "telephone1"), ("e_mail", "emailaddress1"), ("city", "city")):
        made.fields.create(field=field, integration_field=column)
    return made


def test_placeholders_and_blanks_are_not_filled(mapping):
    for number, (name, phone, mail, city) in enumerate(
        [
            ("Alder", "0121 555 0100", "a@example.com", "Oslo"),
            ("ALDER ", "0", "none", "-"),
            ("n/a", "-", "b@example.com", " "),
            ("-", "call the office", "", ""),
            ("Birch", "000", "@", "oslo"),
        ]
    ):
        Customer.objects.create(
            company=mapping.company, no=str(number), name=name, phone_no=phone, e_mail=mail, city=city
        )
    found = field_statistics(mapping, available_criteria(mapping))
    assert found.records == 5
    assert found.fields == {"name": (60, 67), "phone_no": (20, 100), "e_mail": (40, 100), "city": (60, 67)}


def test_a_field_compared_as_a_phone_number_has_the_placeholders_of_one(mapping):
    mapping.fields.filter(field="city").update(compare_as="phone")
    Customer.objects.create(company=mapping.company, no="1", name="Alder", city="Oslo")
    assert field_statistics(mapping, available_criteria(mapping)).fields["city"] == (0, 0)
