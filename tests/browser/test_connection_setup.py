"""Dataverse Connection Setup in Chromium: with scripts and without, each state against axe, wide and narrow."""

from collections.abc import Callable
from typing import Any

import pytest

from connection_setup.models import DataverseConnection
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.browser.conftest import SCHEMES, WIDTHS, watch

PAGE = "/c/cronus-international/dataverse-connection-setup/"


@pytest.fixture
def company(transactional_db: None, sandbox: Sandbox) -> Company:
    return Company.objects.create(name="CRONUS International", currency_code="USD")


def fill_in(page: Any, sandbox: Sandbox, secret: str = "") -> None:
    page.get_by_label("Environment URL").fill(sandbox.environment_url)
    page.get_by_label("Tenant ID").fill(sandbox.tenant_id)
    page.get_by_label("Client ID").fill(sandbox.client_id)
    page.get_by_label("Client Secret", exact=True).fill(secret or sandbox.client_secret)


def accept(page: Any) -> None:
    """The consent, which is asked for once."""
    page.get_by_role("heading", name="Enable the Connection").wait_for()
    page.get_by_label("I accept").check()
    page.get_by_role("button", name="Accept and enable").last.click()


def test_the_switch_saves_what_was_typed_enables_and_asks_before_it_disables(
    page: Any, company: Company, sandbox: Sandbox, axe: Callable[..., None]
) -> None:
    page.goto(PAGE)
    fill_in(page, sandbox)
    page.get_by_label("Enabled").click()
    accept(page)
    page.get_by_text("The connection is enabled.").wait_for()
    assert page.get_by_label("Enabled").is_checked()
    axe(page)
    page.get_by_label("Enabled").click()
    page.get_by_role("heading", name="Disable the connection?").wait_for()
    axe(page)
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("heading", name="Dataverse Connection Setup").wait_for()
    assert page.get_by_label("Enabled").is_checked()
    page.get_by_label("Enabled").click()
    page.get_by_role("button", name="Disable", exact=True).click()
    page.get_by_text("The connection is disabled.").wait_for()
    assert not DataverseConnection.objects.get().enabled


def test_a_wrong_secret_leaves_the_switch_off_and_says_what_to_do(
    page: Any, company: Company, sandbox: Sandbox, axe: Callable[..., None]
) -> None:
    page.goto(PAGE)
    fill_in(page, sandbox, "wrong~secret")
    page.get_by_label("Enabled").click()
    accept(page)
    page.get_by_text("The connection is not enabled. The Client Secret is not right.").wait_for()
    axe(page)
    page.get_by_role("link", name="Change the settings").click()
    page.get_by_role("heading", name="Dataverse Connection Setup").wait_for()
    page.get_by_text("The connection is not enabled.").wait_for()
    assert not page.get_by_label("Enabled").is_checked()
    axe(page)


def test_entries_that_need_another_look_are_shown_by_the_switch_too(
    page: Any, company: Company, sandbox: Sandbox, axe: Callable[..., None]
) -> None:
    page.goto(PAGE)
    fill_in(page, sandbox)
    page.get_by_label("Tenant ID").fill("my tenant")
    page.get_by_label("Enabled").click()
    page.get_by_role("link", name="Tenant ID").wait_for()
    assert not page.get_by_label("Enabled").is_checked()
    axe(page)


def test_test_connection_in_the_menu_takes_along_what_was_typed(page: Any, company: Company, sandbox: Sandbox) -> None:
    page.goto(PAGE)
    fill_in(page, sandbox)
    page.get_by_role("button", name="Connection", exact=True).click()
    page.locator("[popover]").get_by_role("button", name="Test Connection").click()
    page.get_by_text("The connection test was successful.").wait_for()
    assert page.get_by_role("row").count() == 12


def test_everything_works_without_scripts(contexts: Callable[..., Any], company: Company, sandbox: Sandbox) -> None:
    page = contexts(java_script=False).new_page()
    page.goto(PAGE)
    fill_in(page, sandbox)
    page.get_by_label("Enabled").check()
    page.get_by_role("button", name="Save").click()
    accept(page)
    page.get_by_text("The connection is enabled.").wait_for()
    page.get_by_label("Enabled").uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Disable", exact=True).click()
    page.get_by_text("The connection is disabled.").wait_for()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_fits_every_width_and_scheme(
    contexts: Callable[..., Any],
    company: Company,
    sandbox: Sandbox,
    axe: Callable[..., None],
    screenshot: Callable[[Any, str], None],
    width: int,
    scheme: str,
) -> None:
    page = contexts(width=width, scheme=scheme).new_page()
    wrong = watch(page)
    page.goto(PAGE)
    page.get_by_label("Environment URL").fill("https://127.0.0.1:9")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("The settings are saved.").wait_for()
    page.evaluate("document.querySelectorAll('details.fasttab').forEach((tab) => { tab.open = true; })")
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    screenshot(page, "connection setup")
    assert not wrong
