"""Integration Synchronization Errors in Chromium: several matches settled by candidate in the list, with and without
scripts, nothing covered when tabbing, on a phone as cards.
"""

from collections.abc import Callable
from typing import Any

import pytest

from coupling.models import Coupling
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.failures import services
from tests.browser.conftest import Looks
from tests.sync.conftest import connect
from tests.sync.failures.conftest import CALGARY, EDMONTON, fail, load

LIST = "/c/cronus-international/integration-synchronization-errors/"

COVERED = """() => {
    const one = document.activeElement, box = one.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return one !== document.body && !one.contains(top) && !top?.contains(one) && !one.labels?.[0]?.contains(top)
        ? one.outerHTML : "";
}"""
"""What stands on the focused element; "" for nothing."""


@pytest.fixture
def company(connected: Callable[..., Company], sandbox: Sandbox) -> Company:
    """Provide a company whose coupling job failed in each way."""
    owner = connected("CRONUS International", connect)
    load(owner, sandbox)
    fail(owner)
    return owner


def row_of(no: str) -> Any:
    record = Customer.objects.get(no=no)
    return Coupling.objects.filter(local_id=record.system_id).values_list("integration_id", flat=True).first()


def test_several_matches_are_settled_by_candidate_in_the_list(looks: Callable[..., Looks], company: Company) -> None:
    found = looks()
    page = found.page
    found.open("integration synchronization errors", LIST)
    page.set_viewport_size({"width": 1440, "height": 500})
    page.get_by_label("Couple 10020 to Iris Bicycles Ltd., Calgary").check()
    assert page.get_by_label("Select 10020 Iris Bicycles Ltd.").is_checked()
    page.get_by_role("button", name="Couple to Candidate").click()
    page.get_by_text("Coupled to Iris Bicycles Ltd.").wait_for()
    assert row_of("10020") == CALGARY
    assert not page.get_by_label("Select 10020 Iris Bicycles Ltd.").count()
    found.look("a settled record")
    page.set_viewport_size({"width": 1440, "height": 500})
    page.get_by_role("link", name="Nearly alike").click()
    page.locator("a[aria-current]", has_text="Nearly alike").wait_for()
    page.get_by_role("link", name="Select this one").click()
    page.get_by_role("button", name="Couple to Candidate").click()
    page.get_by_text("10030 Pine Logistics Ltd with").wait_for()
    found.look("couple what is nearly alike")
    page.get_by_role("button", name="Couple", exact=True).click()
    page.get_by_text("1 record is coupled.").wait_for()
    assert row_of("10030") is not None
    page.goto(LIST)
    page.get_by_label("Select all shown").check()  # at 390, as the last look has left it
    page.get_by_role("button", name="Ignore").click()
    page.get_by_role("heading", name="Ignore 2 records").wait_for()
    found.look("ignore")
    page.get_by_label("Reason").fill("closed branches")
    page.get_by_role("button", name="Ignore", exact=True).click()
    page.get_by_text("2 records are ignored").wait_for()
    found.open("what is ignored", f"{LIST}?ignored=yes")
    found.end()


def test_many_are_coupled_to_their_candidates_by_a_job_after_a_question(
    looks: Callable[..., Looks], company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MOST_AT_ONCE", 2)
    found = looks()
    page = found.page
    page.goto(LIST)
    page.get_by_label("Couple 10020 to Iris Bicycles Ltd., Edmonton").check()
    page.get_by_label("Select all shown").check()
    page.get_by_role("button", name="Couple to Candidate").click()
    page.get_by_text("4 records are taken up by a job.").wait_for()
    found.look("couple many to candidates")
    page.get_by_role("button", name="Couple", exact=True).click()
    page.get_by_role("link", name="Taken up by job").first.wait_for()
    assert not page.get_by_label("Select 10040 Falcon Workshop").count()
    found.look("what a job has taken up")
    run_to_end(Job.objects.latest("pk"))
    assert row_of("10020") == EDMONTON
    page.reload()
    page.get_by_text("Coupled to Pine Logistics Ltd").wait_for()
    page.get_by_role("link", name="Tried by job").first.wait_for()
    found.end()


def test_nothing_of_the_list_is_covered_when_tabbing(contexts: Callable[..., Any], company: Company) -> None:
    page = contexts(width=1200).new_page()
    page.set_viewport_size({"width": 1200, "height": 420})
    page.goto(LIST)
    covered = []
    for key in ["Tab"] * 60 + ["Shift+Tab"] * 40:
        page.keyboard.press(key)
        if found := page.evaluate(COVERED):
            covered.append(found)
    assert not covered, "\n".join(covered)


def test_without_scripts_on_a_phone_a_candidate_is_chosen_by_the_keyboard(
    contexts: Callable[..., Any], company: Company
) -> None:
    page = contexts(width=390, java_script=False).new_page()
    page.goto(LIST)
    page.get_by_role("checkbox", name="Select 10020 Iris Bicycles Ltd.").focus()
    page.keyboard.press("Space")
    page.get_by_role("radio", name="Couple 10020 to Iris Bicycles Ltd., Edmonton").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Couple to Candidate").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Coupled to Iris Bicycles Ltd.").wait_for()
    assert row_of("10020") == EDMONTON
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
