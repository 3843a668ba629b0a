"""Undo This Job in Chromium: from the job's page, with and without scripts, by the keyboard, on a phone."""

from collections.abc import Callable
from typing import Any

import pytest

from core.vocabulary import ConflictOption
from coupling.couplings.services import delete_coupling
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.models import UndoPreview
from tests.browser.conftest import Looks
from tests.sync.conftest import accounts, coupling_of, patch, synchronize, update_mapping
from tests.sync.undo.conftest import connect_with_matches, couple, coupled


@pytest.fixture
def job(connected: Callable[..., Company], sandbox: Sandbox, django_user_model: Any) -> Job:
    """Provide a coupling job of whose three pairs one was uncoupled, and one holds a value that somebody changed."""
    owner = connected("Undo Ltd", connect_with_matches)
    mapping = update_mapping(owner)
    found = couple(mapping, synchronize=True, create_new=True, conflicts=ConflictOption.SEND)
    records = {record.no: record for record in Customer.objects.filter(company=owner)}
    delete_coupling(coupling_of(mapping, records["20000"]), None)
    patch(sandbox, coupling_of(mapping, records["10000"]).integration_id, telephone1="555-7")
    synchronize(mapping)
    found.refresh_from_db()
    return found


def job_url(job: Job) -> str:
    return f"/c/{job.company.slug}/jobs/{job.pk}/"


def previewed(page: Any) -> UndoPreview:
    """Have the preview made that a person just asked for, and show it."""
    page.wait_for_url("**/undo-previews/*/")
    made = Job.objects.filter(type="undo_preview").latest("pk")
    run_to_end(made)
    page.goto(page.url)
    page.get_by_role("heading", name="Undo CUSTOMER, match-based coupling").wait_for()
    return UndoPreview.objects.get(job=made)


def test_a_coupling_job_is_undone_from_its_page(looks: Callable[..., Looks], job: Job, sandbox: Sandbox) -> None:
    found = looks()
    page = found.page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(job_url(job))
    page.get_by_role("button", name="Undo This Job").click()
    previewed(page)
    address = page.url
    tabs = {"stays": "already", "back": "Köln", "kept": "was changed in Dataverse since", "ends": "Adatum"}
    for tab, words in tabs.items():
        found.open(f"what undo does: {tab}", f"{address}?tab={tab}")
        page.get_by_text(words).first.wait_for()
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.set_viewport_size({"width": 1440, "height": 900})
    with page.expect_download() as file:
        page.get_by_role("link", name="Export to CSV").click()
    assert "Adatum" in file.value.path().read_text(encoding="utf-8-sig")
    page.get_by_role("button", name="Undo This Job").click()
    page.get_by_role("heading", name="CUSTOMER, undo of a coupling job").wait_for()
    run_to_end(Job.objects.get(type="undo"))
    assert coupled(update_mapping(job.company)) == set()
    row = accounts(sandbox)["Adatum"]
    assert (row["address1_city"], row["telephone1"]) == ("Köln", "555-7")
    found.open("a job that has undone another", page.url)
    found.open("a preview that was carried out", address)
    page.get_by_text("undoes this, exactly as it stands here").wait_for()
    record = Customer.objects.get(company=job.company, no="10000")
    found.open("the couplings of a record", f"/c/{job.company.slug}/records/customer/{record.system_id}/")
    page.get_by_text("Coupling undone").wait_for()
    found.end()


def test_without_scripts_on_a_phone_a_job_is_undone_by_the_keyboard_and_values_stay(
    contexts: Callable[..., Any], job: Job, sandbox: Sandbox
) -> None:
    page = contexts(width=390, java_script=False).new_page()
    page.goto(job_url(job))
    page.get_by_role("button", name="Undo This Job").first.focus()
    page.keyboard.press("Enter")
    previewed(page)
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("link", name="Stay as they are").focus()
    page.keyboard.press("Enter")
    page.get_by_text("already").first.wait_for()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("radio", name="Go back").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Undo This Job").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="CUSTOMER, undo of a coupling job").wait_for()
    run_to_end(Job.objects.get(type="undo"))
    assert accounts(sandbox)["Adatum"]["address1_city"] == "Bonn"
    assert coupled(update_mapping(job.company)) == set()
