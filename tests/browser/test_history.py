"""Synchronization History in Chromium: on the record's card, on its page and on a job's list; a value is put back with
and without scripts, by the keyboard, on a phone.
"""

from collections.abc import Callable
from typing import Any

import pytest

from coupling.models import IntegrationTableMapping
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.browser.conftest import Looks
from tests.sync.conftest import accounts, coupling_of, patch, synchronize, update_mapping
from tests.sync.history.conftest import connect_one_in_step, edit

LIST = "/c/one-in-step/synchronization-history/"


@pytest.fixture
def company(connected: Callable[..., Company], sandbox: Sandbox) -> Company:
    """Provide a company whose record was written on both sides, and has a conflict."""
    owner = connected("One in Step", connect_one_in_step)
    mapping: IntegrationTableMapping = update_mapping(owner)
    record = Customer.objects.get(company=owner, no="10000")
    row_id = coupling_of(mapping, record).integration_id
    edit(record, city="Köln", post_code="50670", e_mail="einkauf@adatum.example")
    synchronize(mapping)
    patch(sandbox, row_id, telephone1="+49 221 4710 356", address1_line1="Hansaring 80")
    synchronize(mapping)
    edit(record, city="Bonn")
    patch(sandbox, row_id, address1_city="Ulm")
    synchronize(mapping)
    return owner


def card(company: Company) -> str:
    record = Customer.objects.get(company=company, no="10000")
    return f"/c/{company.slug}/records/customer/{record.system_id}/"


def test_the_history_is_seen_and_a_value_put_back_from_the_card(
    looks: Callable[..., Looks], company: Company, sandbox: Sandbox
) -> None:
    found = looks()
    page = found.page
    found.open("synchronization history", LIST)
    found.open("a record's history", card(company))
    job = Job.objects.filter(company=company, counters__modified=1).order_by("pk").first()
    assert job is not None
    found.open("a job's modified records", f"/c/{company.slug}/jobs/{job.pk}/outcomes/?outcome=modified")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(card(company))
    page.get_by_role("link", name="Put E-Mail back in Dataverse").click()
    page.get_by_role("heading", name="Put Back?").wait_for()
    found.look("put back")
    page.get_by_role("button", name="Put Back", exact=True).click()
    page.get_by_role("heading", name="CUSTOMER, values put back").wait_for()
    run_to_end(Job.objects.get(type="restore"))
    assert not accounts(sandbox)["Adatum"].get("emailaddress1")
    found.open("a job that put a value back", page.url)
    found.end()


def test_the_history_is_narrowed_by_field_and_days_without_leaving_the_card(
    contexts: Callable[..., Any], company: Company
) -> None:
    page = contexts().new_page()
    page.goto(card(company))
    page.get_by_label("Field", exact=True).select_option("Address")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_text("1 change in 1 run").wait_for()
    assert page.get_by_text("Hansaring 80").last.is_visible()
    page.get_by_role("link", name="To Dataverse").click()
    page.get_by_text("No change matches.").wait_for()


def test_without_scripts_on_a_phone_a_value_is_put_back_by_the_keyboard(
    contexts: Callable[..., Any], company: Company, sandbox: Sandbox
) -> None:
    page = contexts(width=390, java_script=False).new_page()
    page.goto(LIST)
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.goto(card(company))
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("link", name="What synchronization wrote").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Today").wait_for()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("link", name="Put Address back here").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Put Back", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="CUSTOMER, values put back").wait_for()
    run_to_end(Job.objects.get(type="restore"))
    assert Customer.objects.get(company=company, no="10000").address == ""
