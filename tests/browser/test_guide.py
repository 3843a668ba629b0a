"""The assisted setup guide in Chromium: from an empty environment to a company that is synchronized."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from connection_setup.models import AdministratorSignIn, AssistedSetup, DataverseConnection
from coupling.models import Coupling
from jobs.models import Job, Type
from jobs.running.runner import run as run_job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox, running
from tests.browser.conftest import Site, watch
from tests.browser.test_administrator import sign_in_at_microsoft
from tests.browser.test_main_path import tell_me

TITLE = "Set up a connection to Microsoft Dataverse"
SHARED = {"name": "CANNON GROUP", "telephone1": "0121 555 0100", "customertypecode": 3}


@pytest.fixture(scope="module")
def empty_server() -> Iterator[Sandbox]:
    with running(empty=True) as made:
        yield made


@pytest.fixture
def empty(empty_server: Sandbox, settings: Any, site: Site, tmp_path: Any) -> Sandbox:
    """Register the application and nothing else; this machine knows of the sandbox, as after `make demo`."""
    empty_server.reset()
    settings.SITE_URL = site.origin
    settings.SANDBOX_FILE = tmp_path / "sandbox.json"
    said = {"environment_url": empty_server.environment_url, "ca_file": empty_server.ca_file}
    settings.SANDBOX_FILE.write_text(json.dumps(said))
    empty_server.load({"accounts": [SHARED, {"name": "Only there", "telephone1": "1", "customertypecode": 3}]})
    return empty_server


@pytest.fixture
def company(transactional_db: None) -> Company:
    made = Company.objects.create(name="CRONUS International", currency_code="USD")
    Customer.objects.create(company=made, no="10000", name="The Cannon Group PLC", phone_no="0121 555 0100")
    Customer.objects.create(company=made, no="20000", name="Only here Ltd.", phone_no="0121 555 0199")
    return made


def at(page: Any, heading: str) -> None:
    """Expect the step that asks this to be shown."""
    page.get_by_role("heading", level=2, name=heading).wait_for()


def go_on(page: Any) -> None:
    page.get_by_role("button", name="Next", exact=True).or_(page.get_by_role("link", name="Next", exact=True)).click()


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"unmanaged_customizations": False}, {}, "Download Solution File"),
    ({"unmanaged_customizations": True}, {"refusal": 1, "path": "publishers"}, "Open the job"),
    ({}, {"refusal": 10, "path": "RelationshipDefinitions"}, "Open the job"),
    ({}, {"refusal": 1, "path": "roles"}, "Open the job"),
    ({}, {"refusal": 14, "path": "systemusers"}, "Open the job"),
]
"""What the environment and one request answer, and what the guide then offers beside trying again."""


def every_refusal_leads_on(page: Any, empty: Sandbox) -> None:
    """Meet one refusal after the other at the step Connect, each with a way on; then none is left."""
    for number, (state, fault, way) in enumerate(REFUSED):
        empty.control("PUT", "environment", state)
        if fault:
            empty.control("POST", "faults", [{"method": "POST", **fault, "times": 0}])
        page.get_by_role("button", name="Try again" if number else "Connect", exact=True).click()
        at(page, "Preparing the environment")
        if fault.get("refusal") == 10:  # it is waited for, and the page says so
            run_job(Job.objects.latest("pk").pk)
            page.reload()
            page.get_by_text("does not show it yet").first.wait_for()
            page.get_by_role("link", name=way).wait_for()
            Job.objects.filter(state="postponed").update(not_before=timezone.now())
            empty.control("DELETE", "faults")
            empty.control("POST", "faults", [{"method": "POST", "refusal": 1, "path": "roles", "times": 0}])
        run_to_end(Job.objects.latest("pk"))
        page.reload()
        page.get_by_role("cell", name="Failed").wait_for()
        page.get_by_role("link", name=way).first.wait_for()
        assert not DataverseConnection.objects.get().enabled
        empty.control("DELETE", "faults")


def to_the_sign_in(page: Any, empty: Sandbox) -> None:
    """From the list Assisted Setup to the step Sign in."""
    tell_me(page, "Assisted Setup")
    page.get_by_role("link", name=TITLE, exact=True).click()
    page.get_by_role("heading", level=1, name=TITLE, exact=True).wait_for()
    at(page, "Connect CRONUS International to Dataverse")
    go_on(page)
    at(page, "What the administrator permits")
    page.get_by_label("I accept").check()
    go_on(page)
    at(page, "Which application signs in?")
    page.get_by_label("Client ID").fill(empty.client_id)
    page.get_by_label("Client Secret", exact=True).fill(empty.client_secret)
    go_on(page)
    at(page, "Who administers the environment?")


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_from_nothing_to_a_synchronized_company(
    contexts: Callable[..., Any],
    worker: Any,
    company: Company,
    empty: Sandbox,
    axe: Callable[..., None],
    screenshot: Callable[..., None],
    width: int,
    scheme: str,
) -> None:
    page = contexts(width=width, scheme=scheme, ignore_https_errors=True).new_page()
    wrong = watch(page)
    page.goto("/c/cronus-international/")
    to_the_sign_in(page, empty)
    axe(page)
    screenshot(page, "guide sign in")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Sign in with administrator user").click()
    page.get_by_text("Waiting for the sign-in").first.wait_for()
    sign_in_at_microsoft(opened.value, empty)
    page.get_by_text(f"{empty.admin_user} is signed in").wait_for()
    go_on(page)

    at(page, "Which environment?")
    page.get_by_text("One environment was found").wait_for()
    axe(page)
    screenshot(page, "guide environment")
    go_on(page)

    at(page, "Who should own new rows?")
    axe(page)
    screenshot(page, "guide ownership")
    go_on(page)

    at(page, "Connect now?")
    screenshot(page, "guide connect")
    page.get_by_role("button", name="Connect", exact=True).click()
    at(page, "CRONUS International is connected")
    axe(page)
    screenshot(page, "guide connected")
    connection = DataverseConnection.objects.get()
    assert (connection.enabled, connection.environment_url) == (True, empty.environment_url)
    assert connection.tenant_id == empty.tenant_id
    assert not AdministratorSignIn.objects.exists()
    go_on(page)

    at(page, "What to synchronize first?")
    axe(page)
    screenshot(page, "guide recommendations")
    page.get_by_role("row", name="CUSTOMER").get_by_role("link", name="Select Coupling Criteria").click()
    page.get_by_role("checkbox", name="Match on Phone No.", exact=True).check()
    page.get_by_role("button", name="OK", exact=True).last.click()
    at(page, "What to synchronize first?")
    assert not Job.objects.exclude(type=Type.PREPARATION).exists()
    page.get_by_role("row", name="CUSTOMER").get_by_text("Review Selected Coupling Criteria").wait_for()
    page.get_by_label("CUSTOMER", exact=True).check()
    go_on(page)

    at(page, "Everything is set up")
    axe(page)
    screenshot(page, "guide finish")
    page.get_by_role("button", name="Finish", exact=True).click()
    page.get_by_role("heading", level=2, name="The setup is completed").wait_for(timeout=60_000)
    axe(page)
    screenshot(page, "guide finished")
    assert AssistedSetup.objects.get().completed_at is not None
    pairs = Coupling.objects.filter(company=company, table="customer")
    assert pairs.count() == Customer.objects.filter(company=company).count() == 3
    assert not wrong, wrong


@pytest.mark.timeout(240)
def test_with_person_the_salespeople_are_coupled_on_the_way(
    contexts: Callable[..., Any],
    company: Company,
    empty: Sandbox,
    axe: Callable[..., None],
    screenshot: Callable[..., None],
) -> None:
    page = contexts(ignore_https_errors=True).new_page()
    wrong = watch(page)
    page.goto("/c/cronus-international/")
    to_the_sign_in(page, empty)
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Sign in with administrator user").click()
    sign_in_at_microsoft(opened.value, empty)
    page.get_by_text(f"{empty.admin_user} is signed in").wait_for()
    go_on(page)
    at(page, "Which environment?")
    go_on(page)
    at(page, "Who should own new rows?")
    page.get_by_label("Person").check()
    go_on(page)
    page.get_by_role("button", name="Connect", exact=True).click()
    at(page, "Preparing the environment")
    run_to_end(Job.objects.get())
    at(page, "CRONUS International is connected")
    go_on(page)
    at(page, "Which user is which salesperson?")
    page.get_by_text("No user is coupled with a salesperson.").wait_for()
    axe(page)
    screenshot(page, "guide salespeople")
    page.get_by_role("link", name="Couple Salespeople to Users").click()
    page.get_by_role("heading", level=1, name="Couple Dataverse Users with Salespeople").wait_for()
    page.get_by_role("link", name="Cancel", exact=True).click()
    at(page, "Which user is which salesperson?")
    go_on(page)
    at(page, "What to synchronize first?")
    page.get_by_role("row", name="SALESPEOPLE").wait_for()
    assert not wrong, wrong


@pytest.mark.timeout(240)
def test_the_guide_is_walked_without_scripts_left_and_gone_on_with(
    contexts: Callable[..., Any], company: Company, empty: Sandbox
) -> None:
    context = contexts(java_script=False, ignore_https_errors=True)
    page = context.new_page()
    page.goto("/c/cronus-international/assisted-setup/")
    page.get_by_role("link", name=TITLE, exact=True).click()
    go_on(page)
    page.get_by_label("I accept").check()
    go_on(page)
    page.get_by_label("Client ID").fill(empty.client_id)
    page.get_by_label("Client Secret", exact=True).fill(empty.client_secret)
    go_on(page)
    page.get_by_role("link", name="Finish later").click()
    page.get_by_text("Not Completed").wait_for()
    page.close()

    page = context.new_page()
    page.goto("/c/cronus-international/assisted-setup/dataverse/")
    at(page, "Who administers the environment?")
    page.get_by_role("button", name="Sign in with administrator user").click()
    sign_in_at_microsoft(page, empty)
    page.get_by_text(f"{empty.admin_user} is signed in").wait_for()
    assert "code=" not in page.url
    go_on(page)
    go_on(page)
    page.get_by_label("Complete setup without synchronization").check()
    go_on(page)
    every_refusal_leads_on(page, empty)
    page.get_by_role("button", name="Try again").click()
    at(page, "Preparing the environment")
    run_to_end(Job.objects.latest("pk"))
    page.reload()
    at(page, "CRONUS International is connected")
    go_on(page)
    at(page, "The connection is ready")
    page.get_by_role("button", name="Finish", exact=True).click()
    page.get_by_text("The setup is completed.").wait_for()
    assert AssistedSetup.objects.get().completed_at is not None


def test_where_the_window_is_not_seen_the_sign_in_goes_on_in_this_one(
    contexts: Callable[..., Any], company: Company, empty: Sandbox
) -> None:
    page = contexts(ignore_https_errors=True).new_page()
    page.goto("/c/cronus-international/")
    to_the_sign_in(page, empty)
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Sign in with administrator user").click()
    opened.value.get_by_label("User name").wait_for()  # closed before, the sign-in would not have begun
    opened.value.close()
    page.get_by_role("button", name="Sign in in this window").click()
    sign_in_at_microsoft(page, empty)
    page.get_by_text(f"{empty.admin_user} is signed in").wait_for()


def test_a_declined_sign_in_and_blocked_pop_ups_are_told_at_the_step(
    contexts: Callable[..., Any], company: Company, empty: Sandbox
) -> None:
    context = contexts(ignore_https_errors=True)
    context.add_init_script("window.open = () => null")
    page = context.new_page()
    page.goto("/c/cronus-international/")
    to_the_sign_in(page, empty)
    page.get_by_role("button", name="Sign in with administrator user").click()
    page.get_by_label("User name").fill(empty.admin_user)
    page.get_by_label("Password").fill(empty.admin_password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("The sign-in did not work.").wait_for()
    page.get_by_role("button", name="Sign in with administrator user").click()
    sign_in_at_microsoft(page, empty)
    page.get_by_text(f"{empty.admin_user} is signed in").wait_for()
