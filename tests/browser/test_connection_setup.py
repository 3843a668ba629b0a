"""Dataverse Connection Setup in Chromium: with scripts and without, each state against axe, wide and narrow."""

from collections.abc import Callable
from typing import Any

import pytest

from connection_setup.connection import settings as connection_settings
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.browser.conftest import SCHEMES, WIDTHS, watch
from tests.browser.test_administrator import sign_in_at_microsoft
from tests.connection_setup.business_units.test_business_units import make_unit
from tests.connection_setup.provisioning.test_environment import values

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
    """Give the consent, which is asked for once."""
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
    assert page.get_by_role("row").count() == 14


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


def test_an_address_that_can_be_mended_is_asked_about_while_the_rest_is_typed(
    page: Any, company: Company, axe: Callable[..., None], screenshot: Callable[..., None]
) -> None:
    from playwright.sync_api import expect

    page.goto(PAGE)
    address = page.get_by_label("Environment URL")
    address.fill("contoso.crm4.dynamics.com")
    page.get_by_label("Client Secret", exact=True).fill("only~typed")
    question = page.get_by_text("Replace contoso.crm4.dynamics.com with the suggested https://contoso")
    question.wait_for()
    axe(page)
    screenshot(page, "address question")
    page.get_by_role("button", name="No", exact=True).click()
    page.get_by_text("is kept in the field, but cannot be saved").wait_for()
    assert address.input_value() == "contoso.crm4.dynamics.com"
    address.fill("https://contoso.crm4.dynamics.com/main.aspx")
    address.blur()
    page.get_by_role("button", name="Yes", exact=True).click()
    question.wait_for(state="detached")
    expect(address).to_have_value("https://contoso.crm4.dynamics.com")
    assert page.get_by_label("Client Secret", exact=True).input_value() == "only~typed"
    assert not DataverseConnection.objects.exists(), "nothing is saved by looking at an address"


def test_the_question_is_answered_without_scripts(contexts: Callable[..., Any], company: Company) -> None:
    page = contexts(java_script=False).new_page()
    page.goto(PAGE)
    page.get_by_label("Environment URL").fill("contoso.crm4.dynamics.com")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="No", exact=True).click()
    page.get_by_text("is kept in the field, but cannot be saved").first.wait_for()
    page.get_by_label("Environment URL").fill("contoso.crm4.dynamics.com/")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Yes", exact=True).click()
    page.get_by_text("The settings are saved.").wait_for()
    assert DataverseConnection.objects.get().environment_url == "https://contoso.crm4.dynamics.com"


@pytest.mark.parametrize(
    ("width", "scheme", "java_script"), [(1440, "light", True), (390, "dark", True), (1440, "light", False)]
)
def test_an_environment_is_looked_up_and_chosen(
    contexts: Callable[..., Any],
    company: Company,
    sandbox: Sandbox,
    site: Any,
    settings: Any,
    axe: Callable[..., None],
    screenshot: Callable[..., None],
    width: int,
    scheme: str,
    java_script: bool,
) -> None:
    settings.SITE_URL = site.origin
    second = sandbox.control("POST", "environments", {"name": "Wide World Importers"})
    context = contexts(width=width, scheme=scheme, java_script=java_script, ignore_https_errors=True)
    page = context.new_page()
    wrong = watch(page)
    connection_settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    page.goto(PAGE)
    page.get_by_role("button", name="Look Up").click()
    page.get_by_role("heading", name="Dataverse User Environments").wait_for()
    if java_script:
        axe(page)
    screenshot(page, "environments sign-in")
    if java_script:
        with page.expect_popup() as opened:
            page.get_by_role("button", name="Sign in with administrator user").last.click()
        page.locator("#progress-phase").get_by_text("Waiting for the sign-in").wait_for()
        sign_in_at_microsoft(opened.value, sandbox)
    else:
        page.get_by_role("button", name="Sign in with administrator user").last.click()
        sign_in_at_microsoft(page, sandbox)
    page.get_by_text("2 environments were found").wait_for()
    if java_script:
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    screenshot(page, "environments found")
    page.get_by_role("button", name="Choose Wide World Importers").click()
    if second["environment_url"] != sandbox.environment_url:
        page.get_by_text("is filled in, but not saved yet. Environment URL changed").wait_for()
        assert page.get_by_label("Environment URL").input_value() == second["environment_url"]
        page.get_by_label("Client Secret", exact=True).fill(sandbox.client_secret)
        page.get_by_role("button", name="Save").click()
        page.get_by_text("The settings are saved.").wait_for()
    assert DataverseConnection.objects.get().environment_url == second["environment_url"]
    assert not wrong, wrong


@pytest.mark.parametrize(("width", "scheme", "java_script"), [(1440, "light", True), (390, "dark", False)])
def test_a_business_unit_is_looked_up_and_chosen(
    contexts: Callable[..., Any],
    company: Company,
    sandbox: Sandbox,
    axe: Callable[..., None],
    screenshot: Callable[..., None],
    width: int,
    scheme: str,
    java_script: bool,
) -> None:
    page = contexts(width=width, scheme=scheme, java_script=java_script).new_page()
    wrong = watch(page)
    connection = connection_settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    for name in ("Sales", "Service", *[f"Branch {number:02}" for number in range(15)]):
        make_unit(connection, name)
    page.goto(PAGE)
    page.get_by_role("heading", name="Advanced Settings").click()
    page.locator("#tab-advanced").get_by_role("button", name="Look Up").click()
    page.get_by_role("heading", name="Dataverse Business Units").wait_for()
    if java_script:
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    screenshot(page, "business units")
    page.get_by_label("Name or parent").fill("serv")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("button", name="Choose Service").click()
    page.get_by_text("Service is the Coupled Business Unit.").wait_for()
    assert DataverseConnection.objects.get().business_unit_name == "Service"
    assert not wrong, wrong


def test_the_redirect_url_is_copied_as_it_stands_in_the_field(
    contexts: Callable[..., Any], company: Company, site: Any
) -> None:
    context = contexts()
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.origin)
    page = context.new_page()
    page.goto(PAGE)
    copy = page.get_by_role("button", name="Copy Redirect URL")
    field = page.get_by_label("Redirect URL", exact=True)
    copy.click()
    page.locator("#announcer").get_by_text("Copied").wait_for(state="attached")
    assert page.evaluate("navigator.clipboard.readText()") == field.input_value()
    field.fill("https://localhost/connection/signed-in")
    copy.click()
    for _ in range(100):
        if page.evaluate("navigator.clipboard.readText()") == "https://localhost/connection/signed-in":
            break
        page.wait_for_timeout(50)
    assert page.evaluate("navigator.clipboard.readText()") == "https://localhost/connection/signed-in"
