"""Resolve Update Conflicts in Chromium: a conflict resolved field by field and by rule, a deleted record restored; with
and without scripts, by the keyboard, on a phone.
"""

from collections.abc import Callable
from typing import Any

import pytest

from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.browser.conftest import Looks
from tests.sync.conflicts.test_fields import both, connect_and_pair
from tests.sync.conftest import coupling_of, patch, synchronize, update_mapping
from tests.sync.deletions.test_services import delete_in_sql

PAGE = "/c/cronus-international/resolve-update-conflicts/"


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    """Return a company with three pairs."""
    return connected("CRONUS International", connect_and_pair, scene="CRONUS with three pairs")


@pytest.fixture
def pairs(company: Company, sandbox: Sandbox) -> list[Customer]:
    """Change two pairs on both sides, and delete the record of the third here."""
    mapping = update_mapping(company, synch_only_coupled=True)
    found = list(Customer.objects.filter(company=company).order_by("no"))
    for record in found[:2]:
        patch(sandbox, coupling_of(mapping, record).integration_id, address1_city="Ulm", telephone1="3")
        record.city, record.phone_no = "Köln", "2"
        record.save()
    delete_in_sql(found[2:])
    synchronize(mapping, find_deleted=True)
    synchronize(mapping)
    return found


def carry_out() -> None:
    run_to_end(Job.objects.latest("pk"))


def test_a_conflict_is_resolved_by_field_and_by_rule_and_a_deleted_record_restored(
    looks: Callable[..., Looks], company: Company, pairs: list[Customer], sandbox: Sandbox
) -> None:
    found = looks()
    page = found.page
    found.open("resolve update conflicts", PAGE)
    page.set_viewport_size({"width": 1440, "height": 900})
    first = page.get_by_role("region", name="10000 Customer 0")
    city = first.get_by_role("group", name="City of 10000 Customer 0")
    city.get_by_role("radio", name="Value in Dataverse").check()
    first.get_by_label("Another value for Phone No.").fill("4")
    assert first.get_by_role("radio", name="Another value").nth(1).is_checked(), "typing chooses what is typed"
    page.get_by_text("2 of 4 fields chosen. 1 record here and 1 row in Dataverse would be written.").wait_for()
    found.look("chosen fields")
    page.get_by_role("button", name="Resolve Chosen Fields").click()
    page.get_by_text("2 fields chosen").wait_for()
    carry_out()
    assert both(pairs[0], sandbox) == ("Ulm", "Ulm", "4", "4")
    page.goto(PAGE)
    page.get_by_label("Select 10001 Customer 1").check()
    page.get_by_label("Rule", exact=True).select_option("Send data update to integration table")
    page.get_by_role("button", name="Preview the Rule").click()
    page.get_by_text("2 fields of 1 pair would be chosen.").wait_for()
    found.look("preview of the rule")
    page.get_by_role("button", name="Resolve 2 Fields").click()
    page.get_by_role("heading", level=1).wait_for()
    carry_out()
    assert both(pairs[1], sandbox) == ("Köln", "Köln", "2", "2")
    found.open("deleted on one side", f"{PAGE}?show=deleted")
    page.get_by_label("Select 10002 Customer 2").check()
    page.get_by_role("button", name="Restore Records").click()
    page.get_by_role("heading", level=1).wait_for()
    carry_out()
    assert Customer.objects.filter(company=company, name="Customer 2").exists()
    found.open("no conflicts", PAGE)
    found.end()


def test_without_scripts_on_a_phone_a_field_is_chosen_by_the_keyboard(
    contexts: Callable[..., Any], company: Company, pairs: list[Customer], sandbox: Sandbox
) -> None:
    page = contexts(width=390, java_script=False).new_page()
    page.goto(PAGE)
    city = page.get_by_role("group", name="City of 10000 Customer 0")
    city.get_by_role("radio", name="Value here").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    assert city.get_by_role("radio", name="Value in Dataverse").is_checked()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("button", name="Resolve Chosen Fields").focus()
    page.keyboard.press("Enter")
    page.get_by_text("1 field chosen").wait_for()
    carry_out()
    assert both(pairs[0], sandbox) == ("Ulm", "Ulm", "2", "3")
