"""Synchronize Now in Chromium: what changed on which side, the warning, and what is not coupled."""

from collections.abc import Callable

import pytest

from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.browser.conftest import Looks
from tests.sync.conflicts.test_fields import connect_and_pair
from tests.sync.conftest import accounts, coupling_of, customer, patch, update_mapping


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    """Return a company with three pairs."""
    return connected("CRONUS International", connect_and_pair, scene="CRONUS with three pairs")


def test_newer_data_is_warned_of_and_overwritten_once_confirmed(
    looks: Callable[..., Looks], company: Company, sandbox: Sandbox
) -> None:
    record = Customer.objects.filter(company=company).earliest("no")
    patch(sandbox, coupling_of(update_mapping(company), record).integration_id, address1_city="Ulm")
    found = looks()
    page = found.page
    card = f"/c/cronus-international/records/customer/{record.system_id}/"
    page.goto(card)
    page.get_by_role("button", name="Synchronize Now").first.click()
    page.get_by_text("would overwrite newer data in Dataverse").wait_for()
    assert page.get_by_role("radio", name="Get data update from Dataverse").is_checked()
    found.look("synchronize now")
    page.get_by_role("radio", name="Send data update to Dataverse").check()
    page.get_by_role("button", name="Synchronize", exact=True).click()
    page.get_by_role("button", name="Overwrite").wait_for()
    found.look("overwrite newer data")
    page.get_by_role("button", name="Overwrite").click()
    page.get_by_role("heading", level=1).wait_for()
    run_to_end(Job.objects.latest("pk"))
    assert accounts(sandbox)["Customer 0"]["address1_city"] == "Bonn"
    found.end()


def test_what_is_not_coupled_leads_to_its_coupling(looks: Callable[..., Looks], company: Company) -> None:
    new = customer(company, "20000", "Not There")
    found = looks()
    page = found.page
    page.goto("/c/cronus-international/records/customer/")
    page.get_by_label("Select 20000", exact=False).check()
    page.get_by_role("button", name="Synchronize", exact=True).click()
    page.get_by_role("button", name="Synchronize Now").click()
    page.get_by_text("is not coupled to a Dataverse row").wait_for()
    found.look("not coupled")
    page.get_by_role("link", name="Set Up Coupling").click()
    page.get_by_role("heading", name="Set Up Coupling").wait_for()
    assert str(new.system_id) in page.url
    found.end()
