"""The page kit in Chromium: menus, lists, Tell Me, dialogs, keys, without JavaScript too; axe on every kind of page."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from connection_setup.models import DataverseConnection
from coupling.models import IntegrationTableMapping
from jobs.models import Job, State, Type
from masterdata.models import Company, Customer
from tests.browser.conftest import SCHEMES, WIDTHS, watch
from tests.ui.conftest import customers

pytestmark = pytest.mark.browser


@pytest.fixture
def company(transactional_db: Any) -> Company:
    """Provide a connected company with 120 customers, and a second company."""
    company = Company.objects.create(name="CRONUS International", currency_code="EUR")
    Company.objects.create(name="Northwind Traders", currency_code="USD")
    DataverseConnection.objects.create(
        company=company, environment_url="https://contoso.crm4.dynamics.com", enabled=True
    )
    IntegrationTableMapping.objects.create(
        company=company, name="CUSTOMER", table="customer", integration_table="account", entity_set="accounts",
        uid_column="accountid",
    )  # fmt: skip
    customers(company, 120)
    return company


@pytest.fixture
def url(company: Company) -> str:
    return f"/c/{company.slug}/records/customer/"


def open_menu(page: Any, *names: str) -> None:
    for name in names:
        page.get_by_role("button", name=name).click()


@pytest.mark.parametrize("java_script", [True, False])
def test_the_menu_opens_level_by_level_with_and_without_java_script(
    contexts: Callable[..., Any], url: str, java_script: bool
) -> None:
    page = contexts(java_script=java_script).new_page()
    page.goto(url)
    page.get_by_label("Select 10001 Alder 00001").check()
    open_menu(page, "Related", "Dataverse", "Coupling")
    button = page.get_by_role("button", name="Match-Based Coupling")
    expect(button).to_be_in_viewport()
    with page.expect_request(lambda request: request.method == "POST") as sent:
        button.click()
    assert str(Customer.objects.get(no="10001").system_id) in (sent.value.post_data or "")


def test_the_menu_is_walked_by_keyboard_alone(page: Any, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Related").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Dataverse")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Dataverse")).to_be_hidden()


def test_a_menu_fits_a_narrow_screen(contexts: Callable[..., Any], url: str) -> None:
    page = contexts(width=390).new_page()
    page.goto(url)
    open_menu(page, "Related", "Dataverse", "Coupling")
    box = page.get_by_role("button", name="Match-Based Coupling").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def test_enter_on_a_tick_box_starts_nothing(page: Any, url: str) -> None:
    page.goto(url)
    page.get_by_label("Select 10001 Alder 00001").check()
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert page.url.endswith(url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Customers")


def test_the_head_ticks_the_page_and_the_count_says_so(page: Any, url: str) -> None:
    page.goto(url)
    page.get_by_label("Select all rows of this page").check()
    expect(page.locator(".count")).to_contain_text("50 selected")
    page.get_by_label("Select 10001 Alder 00001").uncheck()
    expect(page.locator(".count")).to_contain_text("49 selected")
    page.get_by_label("Select all 120").check()
    expect(page.locator(".count")).to_contain_text("all selected")
    page.get_by_label("Select 10001 Alder 00001").uncheck()
    expect(page.get_by_label("Select all 120")).not_to_be_checked()


def test_filters_sorting_and_pages_replace_the_rows_and_change_the_address(page: Any, url: str) -> None:
    page.goto(url)
    page.evaluate("window.stayed = true")
    page.get_by_label("Search customers").fill("alder")
    expect(page.locator(".count")).to_contain_text("60 customers, filtered")
    page.get_by_role("link", name="Name", exact=True).click()
    expect(page.get_by_role("columnheader", name="Name", exact=True)).to_have_attribute("aria-sort", "ascending")
    page.get_by_label("Coupled to Dataverse").select_option("no")
    expect(page).to_have_url(re.compile(r"coupled=no.*sort=name|sort=name.*coupled=no"))
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".foot")).to_contain_text("51 to 60 of 60")
    expect(page.locator("#announcer")).to_contain_text("60 customers")
    page.get_by_role("link", name="Remove the filter Search: alder").click()
    expect(page.get_by_label("Search customers")).to_have_value("")
    expect(page.locator(".count")).to_contain_text("120 customers, filtered")
    assert page.evaluate("window.stayed") is True
    page.go_back()
    expect(page.locator(".foot")).to_contain_text("51 to 60 of 60")


def test_a_list_works_without_java_script(contexts: Callable[..., Any], url: str) -> None:
    page = contexts(java_script=False).new_page()
    page.goto(url)
    page.get_by_label("Search customers").fill("alder")
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("link", name="Name", exact=True).click()
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".foot")).to_contain_text("51 to 60 of 60")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("link", name="Choose columns").click()
    page.get_by_label("Address 2", exact=True).check()
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="Address 2", exact=True)).to_be_visible()


def test_columns_are_chosen_in_place(page: Any, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Columns").click()
    page.get_by_label("Address 2", exact=True).check()
    page.get_by_label("City", exact=True).uncheck()
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="Address 2", exact=True)).to_be_visible()
    expect(page.get_by_role("columnheader", name="City", exact=True)).to_be_hidden()


def test_alt_q_tells_where_to_go(page: Any, url: str) -> None:
    page.goto(url)
    page.keyboard.press("Alt+q")
    page.keyboard.type("units of")
    expect(page.get_by_role("link", name="Units of Measure", exact=True)).to_be_visible()
    expect(page.locator("#announcer")).to_contain_text("found")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Units of Measure")


def test_enter_in_tell_me_opens_its_page(page: Any, url: str) -> None:
    page.goto(url)
    page.get_by_label("Tell me what you want to do").fill("Currencies")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tell me what you want to do")
    page.get_by_role("main").get_by_role("link", name="Currencies").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Currencies")


def test_a_confirmation_opens_as_a_dialog_and_gives_focus_back(page: Any, url: str) -> None:
    page.goto(url)
    page.get_by_role("link", name="10001", exact=True).click()
    delete = page.get_by_role("link", name="Delete")
    delete.click()
    dialog = page.get_by_role("dialog", name="Delete 10001 · Alder 00001?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(delete).to_be_focused()
    delete.click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status").filter(has_text="has been deleted")).to_be_visible()
    assert not Customer.objects.filter(no="10001").exists()


def test_f6_walks_the_fast_tabs_and_alt_f2_hides_the_details(page: Any, url: str) -> None:
    page.goto(url)
    page.get_by_role("link", name="10001", exact=True).click()
    page.get_by_role("heading", name="General").wait_for()
    page.wait_for_load_state()  # the key is for the card, whose script must be there
    page.keyboard.press("F6")
    expect(page.locator("#tab-general > summary")).to_be_focused()
    page.keyboard.press("F6")
    page.keyboard.press("Alt+F6")
    assert page.locator("#tab-address").get_attribute("open") is None
    expect(page.get_by_role("complementary", name="Details")).to_be_visible()
    page.keyboard.press("Alt+F2")
    expect(page.get_by_role("complementary", name="Details")).to_be_hidden()


def test_an_error_in_a_form_takes_the_focus_and_leads_to_its_field(page: Any, url: str) -> None:
    page.goto(f"{url}new/")
    page.get_by_label("Name", exact=True).fill("Nobody")
    page.keyboard.press("Enter")
    expect(page.locator("#form-errors")).to_be_focused()
    page.locator("#form-errors").get_by_role("link", name="No.").click()
    expect(page.get_by_label("No. (required)")).to_be_focused()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_on_the_kits_pages(
    contexts: Callable[..., Any], axe: Any, screenshot: Any, url: str, company: Company, width: int, scheme: str
) -> None:
    page = contexts(width=width, scheme=scheme).new_page()
    wrong = watch(page)
    one = Customer.objects.get(no="10001").system_id
    places = {
        "customers": f"{url}?coupled=no&sort=name",
        "items": f"/c/{company.slug}/records/item/",
        "card": f"{url}{one}/",
        "edit": f"{url}{one}/edit/",
        "delete": f"{url}{one}/delete/",
        "search": f"/c/{company.slug}/search/?q=cust",
        "role-center": f"/c/{company.slug}/",
        "help": "/help/records/",
        "not-found": "/c/nowhere/",
    }
    for name, address in places.items():
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the screen"
        axe(page)
        screenshot(page, name)
    page.goto(url)
    open_menu(page, "Related", "Dataverse", "Coupling")
    axe(page)
    screenshot(page, "menu")
    page.goto(f"{url}{one}/")
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    axe(page)
    screenshot(page, "dialog")
    signed_out = contexts(role=None, width=width, scheme=scheme).new_page()
    signed_out.goto("/sign-in/")
    axe(signed_out)
    screenshot(signed_out, "sign-in")
    assert not wrong, wrong


def test_a_running_job_shows_how_far_it_is_and_then_its_end_without_reloading(
    contexts: Callable[..., Any], company: Company
) -> None:
    later = timezone.now() + timedelta(hours=1)
    job = Job.objects.create(
        company=company, type=Type.COUPLING, state=State.IN_PROCESS, mapping_name="CUSTOMER", phase="Matching",
        processed=10, total=100, started_at=timezone.now(), lease_until=later, worker="somebody",
    )  # fmt: skip
    page = contexts().new_page()
    wrong = watch(page)
    page.goto(f"/c/{company.slug}/jobs/{job.pk}/")
    page.evaluate("window.stayed = true")
    expect(page.locator("#live")).to_contain_text("10 of 100")
    Job.objects.filter(pk=job.pk).update(processed=60, phase="Coupling")
    expect(page.locator("#live")).to_contain_text("60 of 100")
    expect(page.locator("#announcer")).to_have_text("Coupling")
    Job.objects.filter(pk=job.pk).update(state=State.FINISHED, processed=100, ended_at=timezone.now(), lease_until=None)
    expect(page.locator("#page-state")).to_contain_text("Finished")
    expect(page.locator("#live[data-poll]")).to_have_count(0)
    expect(page.locator("#announcer")).to_contain_text("Finished")
    assert page.evaluate("window.stayed") is True
    assert not wrong, wrong


def test_a_closed_section_is_closed_on_the_next_card_too(page: Any, url: str) -> None:
    page.goto(url)
    page.get_by_role("link", name="10001", exact=True).click()
    with page.expect_response(lambda answer: "preferences/tab" in answer.url):
        page.get_by_role("heading", name="Address & Contact").click()
    page.goto(url)
    page.get_by_role("link", name="10002", exact=True).click()
    expect(page.get_by_text("Mobile Phone No.")).to_be_hidden()


def test_when_the_session_has_ended_a_list_leads_to_sign_in(contexts: Callable[..., Any], url: str) -> None:
    context = contexts()
    page = context.new_page()
    page.goto(url)
    context.clear_cookies(name="sessionid")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_failing_request_is_told_on_the_page(contexts: Callable[..., Any], url: str) -> None:
    page = contexts().new_page()
    page.goto(url)
    page.route("**/*page=2*", lambda route: route.fulfill(status=503, body="busy"))
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("alert")).to_contain_text("did not answer as expected")
    expect(page.get_by_label("Select 10001 Alder 00001")).to_be_visible()
