"""The full synchronization in Chromium: previewed, started, stopped and taken up again; by keyboard, on a phone."""

from collections.abc import Callable
from typing import Any

import pytest

from coupling.models import Coupling
from jobs.models import Job, State, Type
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sandbox.testing import Sandbox
from sync.full import services as full
from tests.browser.conftest import Looks
from tests.sync.conftest import accounts, connect, customer

RECORDS = 8
TITLE = "Dataverse Full Synch. Review"


@pytest.fixture
def owner(connected: Callable[..., Company]) -> Company:
    """Provide a company with records on this side only."""
    found = connected("Full Ltd", connect)
    for number in range(RECORDS):
        customer(found, f"{10000 + number}", f"Customer {number}", city="Oslo")
    return found


def review_of(owner: Company) -> str:
    return f"/c/{owner.slug}/dataverse-full-synch-review/"


def run_all(owner: Company) -> None:
    """Work as a worker would, until nothing is left to start."""
    while full.is_running(owner):
        for job in Job.objects.filter(state=State.QUEUED):
            run_to_end(job)
        full.advance(owner)


def test_a_full_synchronization_is_previewed_started_stopped_and_taken_up_again(
    looks: Callable[..., Looks], owner: Company, sandbox: Sandbox
) -> None:
    found = looks()
    page = found.page
    found.open("the review", review_of(owner))
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="Preview of the Full Synchronization").wait_for()
    run_to_end(Job.objects.get(type=Type.FULL_PREVIEW))
    page.get_by_role("link", name="CUSTOMER", exact=True).first.wait_for()
    page.goto(page.url + "?mapping=CUSTOMER")
    page.get_by_text("Customer 3").first.wait_for()
    found.look("what sync all would do")
    assert not accounts(sandbox) and not Coupling.objects.exists()

    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(review_of(owner))
    page.get_by_role("link", name="Sync All").click()
    page.get_by_role("button", name="Sync All").click()
    page.get_by_role("link", name="Stop").click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("The run was stopped").wait_for()
    found.look("a run that was stopped")
    assert not full.is_running(owner) and not accounts(sandbox)

    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Go On").click()
    page.get_by_role("link", name="Stop").wait_for()
    run_all(owner)
    found.open("a run that has ended", review_of(owner))
    assert len(accounts(sandbox)) == RECORDS == Coupling.objects.filter(mapping__name="CUSTOMER").count()
    found.end()


def test_without_scripts_on_a_phone_it_is_previewed_and_run_by_the_keyboard(
    contexts: Callable[..., Any], owner: Company, sandbox: Sandbox
) -> None:
    page = contexts(width=390, java_script=False).new_page()
    page.goto(review_of(owner))
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("button", name="Preview").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Preview of the Full Synchronization").wait_for()
    run_to_end(Job.objects.get(type=Type.FULL_PREVIEW))
    page.goto(page.url + "?mapping=CUSTOMER")
    page.get_by_text("Customer 3").first.wait_for()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("link", name="Sync All").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sync All").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=TITLE).wait_for()
    run_all(owner)
    assert len(accounts(sandbox)) == RECORDS
