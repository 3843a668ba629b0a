"""Schedules in Chromium: one is set on hold, set ready and run now from the list; by the keyboard without scripts."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from connection_setup.models import DataverseConnection
from coupling.mappings import defaults
from coupling.models import IntegrationTableMapping
from jobs.models import Job
from masterdata.models import Company
from tests.browser.conftest import Looks

QUEUE = "/c/cronus-international/jobs/queue/"


@pytest.fixture
def company(transactional_db: Any) -> Company:
    """Provide a company whose connection is enabled, with CUSTOMER and VENDOR ready."""
    company = Company.objects.create(name="CRONUS International", currency_code="USD")
    DataverseConnection.objects.create(company=company, environment_url="https://127.0.0.1:9", enabled=True)
    defaults.create_missing(company)
    soon = timezone.now() + timedelta(minutes=20)
    mappings = IntegrationTableMapping.objects.filter(company=company)
    mappings.filter(name__in=("CUSTOMER", "VENDOR")).update(scheduled=True, next_run_at=soon)
    return company


def mapping(name: str = "CUSTOMER") -> IntegrationTableMapping:
    return IntegrationTableMapping.objects.get(name=name)


def test_a_schedule_is_set_on_hold_and_ready_and_run_now(looks: Callable[..., Looks], company: Company) -> None:
    found = looks()
    found.open("queue", QUEUE)
    page = found.page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Hold: CUSTOMER").click()
    page.get_by_text("CUSTOMER is on hold; a run in process goes on.").wait_for()
    assert not mapping().scheduled
    page.get_by_role("link", name="On Hold").click()
    page.get_by_role("button", name="Set Ready: CUSTOMER").click()
    page.get_by_text("CUSTOMER is ready; its first run follows after one period.").wait_for()
    page.get_by_role("button", name="Run Now: CUSTOMER").click()
    page.get_by_text("CUSTOMER begins as soon as a worker is free.").wait_for()
    assert Job.objects.get(type="synchronization").mapping_name == "CUSTOMER"
    found.look("queue with a run")
    found.end()


def test_several_are_held_by_the_keyboard_without_scripts_on_a_phone(
    contexts: Callable[..., Any], company: Company
) -> None:
    page = contexts(width=390, java_script=False).new_page()
    page.goto(QUEUE)
    for name in ("CUSTOMER", "VENDOR"):
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Set On Hold", exact=True).first.focus()
    page.keyboard.press("Enter")
    page.get_by_text("CUSTOMER, VENDOR: each is on hold; a run in process goes on.").wait_for()
    assert not mapping().scheduled
    assert not mapping("VENDOR").scheduled
