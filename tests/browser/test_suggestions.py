"""Suggest Criteria and criteria sets in Chromium: measured, taken, kept; without scripts on a phone by the keyboard."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from core.roles import Role
from coupling.couplings import suggest_services
from coupling.models import CriteriaSet, IntegrationFieldMapping, IntegrationTableMapping
from jobs.models import Job
from jobs.running import waiting
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.browser.conftest import Looks
from tests.sync.conftest import connect

CRITERIA = "/c/cronus-international/mappings/of/CUSTOMER/criteria/"
HERE = (
    ("Alpine Ski House", "425 555 0100", "Denver"), ("Trey Research", "425 555 0101", "Reno"),
    ("Adventure Works", "425 555 0102", "Reno"), ("Fabrikam, Inc.", "425 555 0109", "Boise"),
    ("Fabrikam, Inc.", "425 555 0109", "Salem"), ("Woodgrove Bank", "425 555 0109", "Salem"),
)  # fmt: skip
THERE = (
    ("Alpine", "+1 (425) 555-0100", "Denver"), ("Trey", "425.555.0101", "Reno"), ("Fabrikam, Inc.", None, "Boise"),
    ("Fabrikam, Inc.", None, "Salem"), ("Woodgrove Bank", "425 555 0109", "Salem"),
)  # fmt: skip


@pytest.fixture
def company(connected: Callable[..., Company], sandbox: Sandbox) -> Company:
    owner = connected("CRONUS International", connect)
    for number, (name, phone, city) in enumerate(HERE):
        Customer.objects.create(company=owner, no=f"{10000 + 10 * number}", name=name, phone_no=phone, city=city)
    rows = [
        {"accountid": str(uuid4()), "customertypecode": 3, "name": name, "telephone1": phone, "address1_city": city}
        for name, phone, city in THERE
    ]
    sandbox.load({"accounts": rows})
    return owner


def used() -> set[str]:
    fields = IntegrationFieldMapping.objects.filter(mapping__name="CUSTOMER", use_for_match=True)
    return set(fields.values_list("field", flat=True))


def test_criteria_are_measured_taken_with_one_click_and_kept_as_a_set(
    looks: Callable[..., Looks], company: Company
) -> None:
    found = looks()
    page = found.page
    page.goto(CRITERIA)
    page.get_by_role("button", name="Suggest Criteria").click()
    page.get_by_role("heading", name="Suggest Criteria", level=1).wait_for()
    waiting.run_to_end(Job.objects.get())
    page.get_by_text("Measured on 6 customers and 5 accounts, just now").wait_for()  # the page has asked by itself
    found.look("suggestions")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Use These").first.click()
    page.get_by_text("The matching criteria of CUSTOMER are saved").wait_for()
    assert used() == {"name", "city", "phone_no"}
    page.get_by_text("The present criteria are in no set").wait_for()
    page.get_by_label("Save the present criteria as").fill("Names and phones")
    page.get_by_role("button", name="Save As").click()
    page.get_by_text("The criteria set Names and phones is saved").wait_for()
    page.get_by_label("Match on Phone No.").uncheck()
    page.get_by_role("button", name="Save Criteria").click()
    page.get_by_text("The present criteria are in no set").wait_for()
    page.get_by_label("Save the present criteria as").fill("Names")
    page.get_by_role("button", name="Save As").click()
    page.get_by_role("button", name="Choose Names and phones").wait_for()
    found.look("criteria with sets")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Choose Names and phones").click()
    page.get_by_text("those of the set Names and phones").wait_for()
    assert used() == {"name", "city", "phone_no"}
    found.end()


def test_without_scripts_on_a_phone_criteria_are_suggested_taken_and_named_by_the_keyboard(
    contexts: Callable[..., Any], company: Company
) -> None:
    mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    page = contexts(width=390, java_script=False).new_page()
    page.goto(f"{CRITERIA}suggestions/")
    page.get_by_role("button", name="Measure").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Cancel").wait_for()
    waiting.run_to_end(Job.objects.get())
    page.reload()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("button", name="Use These").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{CRITERIA}")
    page.get_by_label("Save the present criteria as").focus()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    page.get_by_text("The criteria set By keyboard is saved").wait_for()
    page.locator("summary", has_text="Rename or delete").focus()
    page.keyboard.press("Enter")
    page.get_by_label("New name").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("Renamed")
    page.keyboard.press("Enter")
    page.get_by_text("It is called Renamed now.").wait_for()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert CriteriaSet.objects.get(mapping=mapping).name == "Renamed"


def test_a_viewer_sees_what_was_measured_and_changes_nothing(contexts: Callable[..., Any], company: Company) -> None:
    mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    waiting.run_to_end(suggest_services.start_suggestion(mapping=mapping))
    page = contexts(role=Role.VIEWER).new_page()
    page.goto(f"{CRITERIA}suggestions/")
    page.get_by_text("Measured on 6 customers and 5 accounts").wait_for()
    assert page.get_by_role("button", name="Use These").count() == 0
    page.goto(CRITERIA)
    assert page.get_by_role("button", name="Save As").count() == 0
