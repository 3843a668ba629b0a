"""New Table Mapping in Chromium, for an app's own model: from nothing to synchronized, and without scripts."""

from collections.abc import Callable
from typing import Any

import pytest

from core.roles import Role
from coupling.models import IntegrationTableMapping, NewMappingDraft
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.browser.conftest import Looks
from tests.browser.test_filters import ready
from tests.browser.test_keyboard import Keys
from tests.coupling.mappings.custom_table import make_plan_table
from tests.example_app.models import Subscription
from tests.sync.conftest import connect

MAPPINGS = "/c/cronus-international/mappings/"


@pytest.fixture
def company(connected: Callable[..., Company], sandbox: Sandbox) -> Company:
    """Provide a connected company with subscriptions here, and a table for them there that knows one of them."""
    owner = connected("CRONUS International", connect)
    make_plan_table(sandbox)
    for number, name in (("S1", "Gold, yearly"), ("S2", "Silver, monthly")):
        Subscription.objects.create(company=owner, number=number, name=name, monthly_fee=12)
    sandbox.load({"new_plans": [{"new_number": "S1", "new_name": "gold"}]})
    return owner


def heading(page: Any, text: str) -> None:
    page.get_by_role("heading", name=text).wait_for()


def goes_on(page: Any, name: str = "Next") -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_from_nothing_to_synchronized(looks: Callable[..., Looks], company: Company, sandbox: Sandbox) -> None:
    found = looks()
    page = found.page

    def look(name: str) -> None:
        found.look(name)
        page.set_viewport_size({"width": 1440, "height": 900})
        found.wear(1440, "light")

    page.goto(MAPPINGS)
    page.get_by_role("link", name="New Table Mapping").click()
    heading(page, "What is the mapping called?")
    page.get_by_label("Name").fill("PLAN")
    look("new mapping name")
    goes_on(page)
    heading(page, "Which tables belong together?")
    page.get_by_role("combobox", name="Table (required)", exact=True).select_option("subscription")
    page.get_by_text("2 records. No mapping yet.").wait_for()
    ready(page.get_by_role("combobox", name="Integration Table (required)", exact=True)).select_option("new_plan")
    page.get_by_text("1 row. Unique identifier new_planid").wait_for()
    look("new mapping tables")
    goes_on(page)
    heading(page, "Which fields belong together?")
    page.get_by_text("7 of 7 fields mapped").wait_for()
    looking = "**/mappings/new/fields/"
    page.route(looking, lambda _: None)
    with page.expect_request(looking):
        page.get_by_label("Column for Seats").select_option(label="Not mapped")
    page.get_by_label("Constant for Tier").fill("Base")
    page.unroute(looking)  # which lets go on what was held
    page.get_by_text("6 of 7 fields mapped").wait_for()
    assert ready(page.get_by_label("Constant for Tier")).input_value() == "Base"
    look("new mapping fields")
    name, seats = (page.get_by_role("row").filter(has_text=text) for text in ("Gold", "Seats"))
    page.get_by_text("Without a column", exact=False).first.click()
    seats.wait_for()
    assert not name.first.is_visible()
    page.get_by_role("radio", name="All").press("Space")
    ready(page.get_by_label("Map Name")).uncheck()
    page.get_by_text("5 of 7 fields mapped").wait_for()
    ready(page.get_by_label("Map Name")).check()
    page.get_by_text("6 of 7 fields mapped").wait_for()
    everything = page.get_by_label("Map all proposed fields that are shown")
    ready(everything).uncheck()
    page.get_by_text("0 of 7 fields mapped").wait_for()
    ready(everything).check()
    page.get_by_text("6 of 7 fields mapped").wait_for()
    ways = page.get_by_role("group", name="Direction of Name")
    for key, way in (("ArrowLeft", "To integration table"), ("ArrowRight", "Bidirectional")):
        with page.expect_response(looking):
            ready(ways.get_by_role("radio", checked=True)).press(key)
        ready(ways.get_by_role("radio", name=way, checked=True))
    goes_on(page)
    heading(page, "Which records and rows take part?")
    here = page.locator("#builder-table")
    ready(here.get_by_role("button", name="Add condition", exact=True)).click()
    ready(here.get_by_label("Operator of Number")).select_option(label="begins with")
    ready(here.get_by_label("Value of Number")).fill("S")
    ready(here.get_by_label("Value of Number")).press("Tab")
    here.get_by_text("2 of 2 Subscriptions").wait_for()
    look("new mapping filters")
    goes_on(page)
    heading(page, "When does it run")
    page.get_by_label("Synch. Only Coupled Records").uncheck()
    look("new mapping schedule")
    goes_on(page)
    heading(page, "Make the mapping PLAN?")
    look("new mapping finish")
    assert not IntegrationTableMapping.objects.filter(name="PLAN").exists()
    goes_on(page, "Finish")
    page.get_by_text("PLAN is made with 7 fields.").wait_for()
    page.get_by_role("link", name="Match-Based Coupling").click()
    page.get_by_role("checkbox", name="Match on Number", exact=True).check()
    page.get_by_role("button", name="Couple", exact=True).first.click()
    page.get_by_role("heading", level=1, name="PLAN, match-based coupling").wait_for()
    assert run_to_end(Job.objects.latest("pk")).counters["coupled"] == 1
    page.goto(f"{MAPPINGS}of/PLAN/")
    page.get_by_role("link", name="Synchronize Modified Records").click()
    page.get_by_role("button", name="Synchronize").first.click()
    page.get_by_role("heading", level=1, name="PLAN").wait_for()
    assert run_to_end(Job.objects.latest("pk")).counters["failed"] == 0
    there = {row["new_number"]: row["new_tier"] for row in sandbox.rows("new_plans")}
    assert there["S2"] == "Base"
    found.open("manual mappings", f"{MAPPINGS}manual/")
    found.end()


def test_on_a_phone_without_scripts_it_is_walked_by_the_keyboard_left_and_gone_on_with(
    contexts: Callable[..., Any], company: Company
) -> None:
    page = contexts(role=Role.MAPPER, width=390, java_script=False).new_page()
    keys = Keys(page)

    def fits() -> None:
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), page.url

    def enter(label: str, role: Any = "button") -> None:
        keys.to(page.get_by_role(role, name=label, exact=True).first)
        keys.press("Enter")

    page.goto(f"{MAPPINGS}new/?table=subscription")
    keys.to(page.get_by_role("textbox", name="Name"))
    keys.press("Enter")  # with the name that is proposed
    heading(page, "Which tables belong together?")
    keys.to(page.get_by_role("combobox", name="Integration Table (required)", exact=True))
    page.keyboard.type("Subscription")
    enter("Show what these tables hold")
    page.get_by_text("2 records. No mapping yet.").wait_for()
    fits()
    enter("Next")
    heading(page, "Which fields belong together?")
    fits()
    enter("Finish later", "link")
    page.goto(f"{MAPPINGS}new/")
    heading(page, "Which fields belong together?")
    keys.type(page.get_by_label("Constant for Tier"), "Base")
    keys.press("Enter")  # in a field is Next, not what the first button does
    heading(page, "Which records and rows take part?")
    enter("Add condition")
    keys.type(page.get_by_label("Value of Number").first, "S1")
    keys.press("Enter")
    heading(page, "When does it run")
    for step in ("Make the mapping SUBSCRIPTION?",):
        enter("Next")
        heading(page, step)
        fits()
    enter("Finish")
    page.get_by_text("SUBSCRIPTION is made with 8 fields.").wait_for()
    made = IntegrationTableMapping.objects.get(name="SUBSCRIPTION")
    assert made.fields.get(constant="Base").integration_field == "new_tier"
    assert made.table_filter == {"field": "number", "op": "eq", "value": "S1"}
    assert not NewMappingDraft.objects.exists()
