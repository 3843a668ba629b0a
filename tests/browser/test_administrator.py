"""An administrator prepares an empty environment in Chromium: in a window, with pop-ups blocked, without scripts."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connection_setup.connection import settings as connection_settings
from connection_setup.connection import state
from connection_setup.models import AdministratorSignIn, DataverseConnection
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sandbox.testing import Sandbox, running
from tests.browser.conftest import Site, watch
from tests.connection_setup.provisioning.test_environment import values

PAGE = "/c/cronus-international/dataverse-connection-setup/"


@pytest.fixture(scope="module")
def empty_server() -> Iterator[Sandbox]:
    with running(empty=True) as made:
        yield made


@pytest.fixture
def empty(empty_server: Sandbox) -> Sandbox:
    empty_server.reset()
    return empty_server


@pytest.fixture
def company(transactional_db: None, empty: Sandbox, settings: Any, site: Site) -> Company:
    """Provide a company whose settings are saved; this site's address is the one it is served at."""
    settings.SITE_URL = site.origin
    made = Company.objects.create(name="CRONUS International", currency_code="USD")
    connection = state.connection_of(made)
    connection_settings.save_settings(
        connection=connection, values=values(empty), secret=empty.client_secret, user=None
    )
    return made


def sign_in_at_microsoft(page: Any, empty: Sandbox) -> None:
    """Answer the sandbox's sign-in pages: the account, then the consent."""
    page.get_by_label("User name").fill(empty.admin_user)
    page.get_by_label("Password").fill(empty.admin_password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Permissions requested").wait_for()
    page.get_by_role("button", name="Accept").click()


def to_the_sign_in(page: Any) -> None:
    """From a test that fails to the page that prepares, as a person would find it."""
    page.goto(PAGE)
    page.get_by_role("button", name="Test Connection").last.click()
    page.get_by_role("link", name="Prepare the environment").click()
    page.get_by_role("heading", name="Administrator Sign-In").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_an_administrator_signs_in_in_a_window_and_the_environment_is_prepared_step_by_step(
    contexts: Callable[..., Any],
    company: Company,
    empty: Sandbox,
    axe: Callable[..., None],
    screenshot: Callable[..., None],
    width: int,
    scheme: str,
) -> None:
    page = contexts(width=width, scheme=scheme, ignore_https_errors=True).new_page()
    wrong = watch(page)
    to_the_sign_in(page)
    axe(page)
    screenshot(page, "administrator sign-in")
    page.get_by_role("button", name="Sign in with administrator user").last.click()
    page.get_by_text("Tick this to go on").first.wait_for()
    page.get_by_label("I accept").check()
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Sign in with administrator user").last.click()
    page.get_by_text("Waiting for the sign-in").first.wait_for()
    axe(page)
    screenshot(page, "administrator waiting")
    sign_in_at_microsoft(opened.value, empty)
    page.locator("#page-state").get_by_text(f"Signed in as {empty.admin_user}").wait_for()
    axe(page)
    screenshot(page, "administrator signed in")
    page.get_by_role("button", name="Prepare the environment").click()
    page.get_by_text("A job prepares it.").wait_for()
    axe(page)
    screenshot(page, "preparing")
    run_to_end(Job.objects.get())
    page.get_by_text("The environment is prepared and the connection is enabled.").wait_for()
    assert DataverseConnection.objects.get().enabled
    assert not AdministratorSignIn.objects.exists()
    assert not wrong, wrong
    screenshot(page, "prepared")


def test_where_pop_ups_are_blocked_the_sign_in_happens_in_this_window(
    contexts: Callable[..., Any], company: Company, empty: Sandbox
) -> None:
    context = contexts(ignore_https_errors=True)
    context.add_init_script("window.open = () => null")
    page = context.new_page()
    to_the_sign_in(page)
    page.get_by_label("I accept").check()
    page.get_by_role("button", name="Sign in with administrator user").last.click()
    sign_in_at_microsoft(page, empty)
    page.locator("#page-state").get_by_text(f"Signed in as {empty.admin_user}").wait_for()
    assert "code=" not in page.url


def test_without_scripts_and_broken_in_the_middle_it_is_repeated(
    contexts: Callable[..., Any], company: Company, empty: Sandbox
) -> None:
    page = contexts(java_script=False, ignore_https_errors=True).new_page()
    to_the_sign_in(page)
    page.get_by_label("I accept").check()
    page.get_by_role("button", name="Sign in with administrator user").last.click()
    sign_in_at_microsoft(page, empty)
    empty.control("POST", "faults", [{"method": "POST", "path": "roles", "refusal": 1, "times": 0}])
    page.get_by_role("button", name="Prepare the environment").click()
    page.get_by_text("A job prepares it.").wait_for()
    run_to_end(Job.objects.get())
    page.reload()
    page.get_by_role("cell", name="Failed").wait_for()
    empty.control("DELETE", "faults")
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("A job prepares it.").wait_for()
    run_to_end(Job.objects.latest("pk"))
    page.reload()
    page.locator("#page-state").get_by_text("Enabled", exact=True).wait_for()


def test_a_declined_consent_is_told_and_the_sign_in_can_be_begun_again(
    contexts: Callable[..., Any], company: Company, empty: Sandbox
) -> None:
    page = contexts(java_script=False, ignore_https_errors=True).new_page()
    to_the_sign_in(page)
    page.get_by_label("I accept").check()
    page.get_by_role("button", name="Sign in with administrator user").last.click()
    page.get_by_label("User name").fill(empty.admin_user)
    page.get_by_label("Password").fill(empty.admin_password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("The sign-in did not work.").wait_for()
    assert page.get_by_role("button", name="Sign in with administrator user").last.is_visible()


@pytest.mark.parametrize("java_script", [True, False])
def test_enabling_asks_for_the_administrator_and_goes_on_by_itself_after_the_sign_in(
    contexts: Callable[..., Any],
    company: Company,
    empty: Sandbox,
    axe: Callable[..., None],
    screenshot: Callable[..., None],
    java_script: bool,
) -> None:
    page = contexts(java_script=java_script, ignore_https_errors=True).new_page()
    page.goto(PAGE)
    page.get_by_label("Enabled").click()  # it leads to a page that asks
    if not java_script:
        page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Enable the Connection").wait_for()
    page.get_by_label("I accept").check()
    page.get_by_role("button", name="Accept and enable").last.click()
    page.get_by_text("An administrator is needed.").wait_for()
    waits = page.get_by_role("row").filter(has_text="Waits for you")
    assert waits.get_by_text("Administrator", exact=True).is_visible()
    if java_script:
        axe(page)
        screenshot(page, "enabling needs an administrator")
    page.get_by_role("link", name="Sign in with administrator user").click()
    page.get_by_role("heading", name="Administrator Sign-In").wait_for()
    assert not page.get_by_label("I accept").count(), "the consent was given already"
    button = page.get_by_role("button", name="Sign in with administrator user").last
    if java_script:
        with page.expect_popup() as opened:
            button.click()
        sign_in_at_microsoft(opened.value, empty)
    else:
        button.click()
        sign_in_at_microsoft(page, empty)
        page.get_by_role("button", name="Continue").click()
    page.get_by_text("A job prepares it.").wait_for()
    run_to_end(Job.objects.get())
    if not java_script:
        page.reload()
        page.locator("#page-state").get_by_text("Enabled", exact=True).wait_for()
        return
    page.get_by_text("The environment is prepared and the connection is enabled.").wait_for(timeout=20_000)
    assert DataverseConnection.objects.get().enabled
    assert not AdministratorSignIn.objects.exists()
