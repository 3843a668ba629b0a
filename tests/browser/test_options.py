"""Dataverse Option Mapping in Chromium, with the keyboard alone: choices are coupled from there and shown."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from coupling.models import OptionMapping
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, PaymentTerms
from sandbox.testing import Sandbox
from tests.browser.conftest import Looks
from tests.browser.test_filters import ready
from tests.browser.test_keyboard import Keys
from tests.sync.conftest import connect

OPTIONS = "/c/cronus-international/mappings/of/PAYMENT%20TERMS/options/"


@pytest.fixture
def company(connected: Callable[..., Company], sandbox: Sandbox) -> Company:
    """Provide a connected company with terms of payment, of which Dataverse has one as a choice."""
    owner = connected("CRONUS International", connect)
    for code, text in (("NET 30", "Net 30 days"), ("14 DAYS", "Net 14 days")):
        PaymentTerms.objects.create(company=owner, code=code, description=text)
    return owner


def test_choices_are_coupled_from_their_page_by_the_keyboard_and_shown(
    looks: Callable[..., Looks], company: Company
) -> None:
    found = looks()
    page = found.page
    found.open("option mapping, empty", OPTIONS)
    page.set_viewport_size({"width": 1440, "height": 900})
    keys = Keys(page)
    keys.choose("Match-Based Coupling")
    page.get_by_role("heading", level=1, name="Select Coupling Criteria").wait_for()
    code = page.get_by_role("checkbox", name="Match on Code", exact=True)
    if not code.is_checked():
        keys.to(code)
        keys.press("Space")
    keys.to(page.get_by_role("button", name="Couple", exact=True).first)
    keys.press("Enter")
    page.get_by_role("heading", level=1, name="PAYMENT TERMS, match-based coupling").wait_for()
    assert run_to_end(Job.objects.filter(type="coupling").latest("pk")).counters["coupled"] == 1
    keys.tell_me("Dataverse Option Mapping")
    row = page.get_by_role("row", name="NET 30")
    assert "Net 30" in row.inner_text()
    found.look("option mappings")
    keys.to(row.get_by_role("link").first)
    keys.press("Enter")
    page.get_by_text("Net 30 days").first.wait_for()
    assert OptionMapping.objects.get(company=company, caption="Net 30").value == 1
    found.end()


def test_without_scripts_on_a_phone_choices_are_coupled_shown_and_uncoupled(
    contexts: Callable[..., Any], company: Company
) -> None:
    page = contexts(java_script=False, width=390).new_page()

    def fits() -> None:
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), page.url

    page.goto(OPTIONS)
    page.get_by_text("No option mappings yet").wait_for()
    fits()
    page.get_by_role("link", name="Match-Based Coupling").click()
    page.get_by_role("checkbox", name="Match on Code", exact=True).check()
    fits()
    page.get_by_role("button", name="Couple", exact=True).first.click()
    page.get_by_role("heading", level=1, name="PAYMENT TERMS, match-based coupling").wait_for()
    assert run_to_end(Job.objects.filter(type="coupling").latest("pk")).counters["coupled"] == 1
    page.goto(OPTIONS)
    page.get_by_role("link", name="Payment Terms NET 30").wait_for()
    fits()
    page.get_by_role("link", name="Delete Couplings").click()
    page.get_by_role("button", name=re.compile(r"Delete .*coupling")).click()
    page.get_by_role("heading", level=1, name="PAYMENT TERMS, delete couplings").wait_for()
    run_to_end(Job.objects.filter(type="uncoupling").latest("pk"))
    page.goto(OPTIONS)
    page.get_by_text("No option mappings yet").wait_for()


def test_the_guide_maps_records_with_the_choices_of_a_column(looks: Callable[..., Looks], company: Company) -> None:
    found = looks()
    page = found.page
    page.goto("/c/cronus-international/mappings/new/?table=payment_terms")
    page.get_by_role("textbox", name="Name").fill("INDUSTRY")
    page.get_by_role("button", name="Next", exact=True).click()
    table = page.get_by_role("combobox", name="Integration Table (required)", exact=True)
    ready(table).select_option("account")
    unique_id = page.get_by_label("Integration Table Unique Identifier Field Name")
    ready(unique_id).select_option("paymenttermscode")
    page.get_by_role("combobox", name="Direction (required)").select_option("to_integration_table")
    page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_role("heading", name="What are the choices called here?").wait_for()
    page.get_by_text("1 of 2 records are called like one").wait_for()
    found.look("new mapping choices")
    found.end()
