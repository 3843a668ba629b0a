"""Set Up Coupling in Chromium: from a card with scripts, from a list by keyboard alone on a phone without them."""

from collections.abc import Callable
from typing import Any

import pytest

from coupling.models import Coupling
from jobs.models import Job
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.browser.conftest import Looks
from tests.sync.conftest import connect
from tests.sync.coupling_setup.conftest import CALGARY, EDMONTON, PARTS, ROWS

LIST = "/c/cronus-international/records/customer/"


@pytest.fixture
def company(connected: Callable[..., Company], sandbox: Sandbox) -> Company:
    """Provide a connected company with a record that two rows may belong to, and one whose row is taken."""
    owner = connected("CRONUS International", connect)
    Customer.objects.create(
        company=owner, no="12030", name="Iris Bicycles Ltd.", city="Calgary", phone_no="(587) 555-0117",
        address="410 Railway St SW", e_mail="orders@irisbicycles.example",
    )  # fmt: skip
    taken = Customer.objects.create(company=owner, no="10440", name="Iris Bicycle Parts")
    mapping = owner.mappings.get(name="CUSTOMER")
    Coupling.objects.create(
        company=owner, mapping=mapping, table="customer", local_id=taken.system_id, integration_id=PARTS
    )
    sandbox.load({"accounts": [{**ROWS[0], "address1_line1": "410 Railway St"}, *ROWS[1:]]})
    return owner


def coupled_row() -> Any:
    record = Customer.objects.get(no="12030")
    return Coupling.objects.filter(local_id=record.system_id).values_list("integration_id", flat=True).first()


def test_a_record_is_coupled_by_hand_from_its_card(looks: Callable[..., Looks], company: Company) -> None:
    found = looks()
    page = found.page
    record = Customer.objects.get(no="12030")
    page.goto(f"{LIST}{record.system_id}/")
    page.get_by_role("link", name="Set Up Coupling", exact=True).click()
    page.get_by_role("heading", name="Set Up Coupling", level=1).wait_for()
    found.look("set up coupling")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("Iris Bicycles Ltd. A-100, Calgary").check()
    page.get_by_role("heading", name="Field by field").wait_for()
    page.get_by_text("equal as phone").wait_for()
    page.get_by_text("Writes there: ").wait_for()
    assert str(CALGARY) in page.get_by_role("link", name="Open in Dataverse").get_attribute("href")
    assert str(CALGARY) in page.url
    found.look("set up coupling compared")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("Create New").check()
    page.get_by_role("heading", name="Field by field").wait_for(state="detached")
    page.get_by_label("Iris Bicycles Ltd. A-100, Calgary").check()
    page.get_by_role("link", name="Different").click()
    page.get_by_label("Yes - Use the Dataverse data").check()
    page.get_by_role("button", name="Couple", exact=True).click()
    page.get_by_text("This job is its first synchronization.").wait_for()
    assert coupled_row() == CALGARY
    assert Job.objects.get().direction == "from_integration_table"
    found.open("coupled", f"{LIST}{record.system_id}/set-up-coupling/")
    page.get_by_role("button", name="Delete Coupling").wait_for()
    found.open("rows not coupled", "/c/cronus-international/mappings/of/CUSTOMER/uncoupled-rows/")
    page.get_by_label("Select 100% Cotton_Mills").check()
    page.get_by_role("button", name="Create Here").click()
    page.get_by_role("heading", level=1).get_by_text("CUSTOMER").or_(page.get_by_text("Queued")).first.wait_for()
    assert Job.objects.count() == 2
    found.end()


def test_without_scripts_on_a_phone_a_record_is_coupled_by_the_keyboard(
    contexts: Callable[..., Any], company: Company
) -> None:
    page = contexts(width=390, java_script=False).new_page()
    page.goto(LIST)
    page.get_by_role("checkbox", name="Select 12030 Iris Bicycles Ltd.").focus()
    page.keyboard.press("Space")
    for name in ("Related", "Dataverse", "Coupling", "Set Up Coupling"):
        page.get_by_role("button", name=name, exact=True).focus()
        page.keyboard.press("Enter")
    page.get_by_role("searchbox", name="Search by name, number, city, mail or phone").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("bicycle")
    page.keyboard.press("Enter")
    page.get_by_text("coupled to").wait_for()
    assert page.get_by_role("radio", name="Iris Bicycle Parts").is_disabled()
    page.get_by_role("radio", name="Iris Bicycles Ltd. A-100").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Compare").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Field by field").wait_for()
    assert page.get_by_role("radio", name="Iris Bicycles Ltd. Edmonton").is_checked()
    page.get_by_role("radio", name="No ", exact=False).first.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Couple", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_text("The record is coupled.").wait_for()
    assert coupled_row() == EDMONTON
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
