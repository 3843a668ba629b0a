"""Records whose table has two mappings: each action asks by which one it is meant, and acts by that."""

import pytest

from coupling.models import Coupling, IntegrationFieldMapping, IntegrationTableMapping, Selection
from jobs.models import Job
from sync.coupling_setup import services
from tests.sync.conftest import customer, page_text, page_url
from tests.sync.coupling_setup.conftest import CALGARY
from tests.ui.pages import check


@pytest.fixture
def other(customers):
    """Return a second mapping of customers, to the same table."""
    fields = list(customers.fields.all())
    made = IntegrationTableMapping.objects.get(pk=customers.pk)
    made.pk, made.name, made.direction = None, "CUSTOMER SHOP", "to_integration_table"
    made.save()
    for one in fields:
        one.pk, one.mapping = None, made
    IntegrationFieldMapping.objects.bulk_create(fields)
    return made


@pytest.fixture
def iris(company, rows):
    return customer(company, "12030", "Iris Bicycles Ltd.", phone_no="(587) 555-0117")


def token_of(page):
    return page.split('name="selection" value="')[1].split('"')[0]


def test_each_action_on_a_list_asks_by_which_mapping(company, other, operator):
    one = customer(company, "10000", "Adatum")
    for action in ("create-in-dataverse", "synchronize-selection"):
        address = page_url(company, action, table="customer")
        asked = operator.post(address, {"selected": [str(one.system_id)]})
        page = page_text(asked)
        assert "1 customer: by which mapping?" in page
        assert "CUSTOMER SHOP, to account in Dataverse" in page
        assert "CUSTOMER, both ways with account in Dataverse" in page
        check(asked)
        operator.post(address, {"selection": token_of(page), "mapping": "CUSTOMER SHOP"})
        assert Job.objects.latest("pk").mapping_name == "CUSTOMER SHOP"
    couple = f"/c/{company.slug}/records/customer/couple/"
    page = page_text(operator.post(couple, {"selected": [str(one.system_id)]}))
    assert not Selection.objects.exists()
    answer = operator.post(couple, {"selection": token_of(page), "mapping": "CUSTOMER SHOP"})
    assert Selection.objects.get().mapping == other
    assert "/mappings/of/CUSTOMER%20SHOP/criteria/" in answer.headers["Location"]


def test_what_is_coupled_through_one_is_not_asked_about(company, customers, other, operator, iris):
    services.couple(mapping=other, local_id=iris.system_id, integration_id=CALGARY)
    uncouple = f"/c/{company.slug}/records/customer/uncouple/"
    answer = operator.post(uncouple, {"selected": [str(iris.system_id)]})
    assert "/mappings/of/CUSTOMER%20SHOP/uncouple/" in answer.headers["Location"]
    Coupling.objects.all().delete()
    asked = page_text(operator.post(uncouple, {"selected": [str(iris.system_id)]}))
    assert "1 customer: by which mapping?" in asked


def test_the_list_and_set_up_coupling_lead_to_each(company, other, operator, iris):
    page = page_text(operator.get(f"/c/{company.slug}/records/customer/"))
    assert "Create Here from Dataverse, CUSTOMER SHOP" in page
    assert "Integration Coupling Job Log, CUSTOMER" in page
    page = page_text(operator.get(page_url(company, "set-up-coupling", table="customer", system_id=iris.system_id)))
    assert "By CUSTOMER SHOP" in page
    assert "By CUSTOMER<" not in page
    other.delete()
    page = page_text(operator.get(f"/c/{company.slug}/records/customer/"))
    assert "Create Here from Dataverse" in page
    assert "Create Here from Dataverse, CUSTOMER" not in page
