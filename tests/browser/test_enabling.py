"""Enabling in Chromium: the steps as they happen, a connection lost in the middle, administration mode, a reload."""

from collections.abc import Callable
from typing import Any

import pytest

from connection_setup.connection import settings, state
from connection_setup.enabling.steps import STEPS
from connection_setup.models import DataverseConnection, EnablingRun
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.browser.conftest import watch
from tests.browser.test_connection_setup import accept
from tests.connection_setup.provisioning.test_environment import values

PAGE = "/c/cronus-international/dataverse-connection-setup/"


@pytest.fixture
def company(transactional_db: None, sandbox: Sandbox) -> Company:
    """Provide a company whose settings are saved."""
    made = Company.objects.create(name="CRONUS International", currency_code="USD")
    connection = state.connection_of(made)
    settings.save_settings(connection=connection, values=values(sandbox), secret=sandbox.client_secret, user=None)
    return made


def turn_on(page: Any) -> None:
    page.goto(PAGE)
    page.get_by_label("Enabled").click()
    accept(page)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_connection_lost_in_the_middle_is_told_at_its_step_and_enabling_goes_on_from_there(
    contexts: Callable[..., Any],
    company: Company,
    sandbox: Sandbox,
    axe: Callable[..., None],
    screenshot: Callable[..., None],
    width: int,
    scheme: str,
) -> None:
    page = contexts(width=width, scheme=scheme).new_page()
    wrong = watch(page)
    fault = {"method": "POST", "path": "teams", "fault": "reset", "times": 60}
    sandbox.control("POST", "faults", [fault])
    page.goto(PAGE)
    page.get_by_label("Enabled").click()
    page.get_by_role("heading", name="Enable the Connection").wait_for()
    axe(page)
    screenshot(page, "enabling consent")
    accept(page)
    page.get_by_role("cell", name="Failed").wait_for()
    row = page.get_by_role("row").filter(has_text="Owning team").first
    assert "Failed" in row.inner_text()
    assert page.get_by_role("row").filter(has_text="Business unit").first.get_by_text("Done").is_visible()
    page.get_by_text("The connection is not enabled.").wait_for()
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    screenshot(page, "enabling failed")
    assert not DataverseConnection.objects.get().enabled
    page.goto(PAGE)
    page.get_by_role("link", name="Continue enabling").click()
    sandbox.control("DELETE", "faults")
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("The connection is enabled.").wait_for()
    assert DataverseConnection.objects.get().enabled
    page.goto(f"{PAGE}enabling/")
    assert page.get_by_role("row").count() == len(STEPS) + 1
    axe(page)
    screenshot(page, "enabling done")
    units = [one for one in sandbox.rows("businessunits") if str(company.system_id) in one["name"]]
    assert len(units) == 1
    assert not wrong, wrong


def test_without_scripts_all_steps_go_at_once_and_a_failed_one_is_tried_again(
    contexts: Callable[..., Any], company: Company, sandbox: Sandbox
) -> None:
    page = contexts(java_script=False).new_page()
    sandbox.control("POST", "faults", [{"method": "POST", "path": "tandem_companies", "fault": "reset", "times": 60}])
    page.goto(PAGE)
    page.get_by_label("Enabled").check()
    page.get_by_role("button", name="Save").click()
    accept(page)
    page.get_by_role("cell", name="Failed").wait_for()
    sandbox.control("DELETE", "faults")
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("The connection is enabled.").wait_for()


def test_an_environment_in_administration_mode_is_told_and_enabling_goes_on_once_it_ended(
    page: Any, company: Company, sandbox: Sandbox, axe: Callable[..., None]
) -> None:
    sandbox.control("PUT", "environment", {"admin_mode": True})
    turn_on(page)
    page.get_by_text("in administration mode").first.wait_for()
    row = page.get_by_role("row").filter(has_text="Administration mode").first
    assert "Failed" in row.inner_text()
    assert "Turn administration mode off" in row.inner_text()
    axe(page)
    sandbox.control("PUT", "environment", {"admin_mode": False})
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("The connection is enabled.").wait_for()


def test_a_page_that_is_left_in_the_middle_and_opened_again_goes_on_by_itself(
    page: Any, company: Company, sandbox: Sandbox
) -> None:
    sandbox.control("PUT", "latency", {"request_ms": 150})
    turn_on(page)
    page.get_by_role("row").filter(has_text="Sign-in of the application").get_by_text("Done").wait_for()
    page.goto("about:blank")
    kept = len(EnablingRun.objects.get().steps)
    assert not DataverseConnection.objects.get().enabled
    page.goto(f"{PAGE}enabling/")
    page.get_by_text("The connection is enabled.").wait_for(timeout=20_000)
    assert kept < len(EnablingRun.objects.get().steps)
