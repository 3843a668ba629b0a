"""The condition builder in Chromium: counts follow what is chosen, without scripts, narrow, against axe."""

from collections.abc import Callable
from typing import Any

import pytest

from connection_setup.enabling import services as enabling_services
from coupling.models import Coupling, IntegrationTableMapping
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.browser.conftest import WIDTHS, Looks
from tests.connection_setup.provisioning.test_environment import values

CARD = "/c/cronus-international/mappings/of/CUSTOMER/"
BUILDERS = f"{CARD}?filters=change"


@pytest.fixture
def company(transactional_db: None, sandbox: Sandbox) -> Company:
    """Provide a connected company with customers in three cities, each coupled with an account."""
    made = Company.objects.create(name="CRONUS International", currency_code="USD")
    assert enabling_services.enable(company=made, user=None, values=values(sandbox), secret=sandbox.client_secret).ok
    mapping = IntegrationTableMapping.objects.get(company=made, name="CUSTOMER")
    for number, city in ((10000, "Berlin"), (10010, "Bonn"), (10020, "Rome")):
        one = Customer.objects.create(company=made, no=str(number), name=f"Customer in {city}", city=city)
        row = {"accountid": str(one.system_id), "name": one.name, "customertypecode": 3, "address1_city": city}
        sandbox.load({"accounts": [row]})
        Coupling.objects.create(
            company=made, mapping=mapping, table="customer", local_id=one.system_id, integration_id=one.system_id
        )
    return made


def ready(one: Any) -> Any:
    """Return a control once it is there and what swapped it in has been wired up."""
    one.wait_for()
    busy = ".htmx-request, .htmx-added, .htmx-settling, .htmx-swapping"
    one.page.locator(busy).first.wait_for(state="detached")
    return one


def stored() -> tuple[Any, Any]:
    one = IntegrationTableMapping.objects.get(name="CUSTOMER")
    return one.table_filter, one.integration_filter


def test_counts_follow_what_is_chosen_and_save_stores_it(page: Any, company: Company, axe: Callable[..., None]) -> None:
    page.goto(CARD)
    page.get_by_role("link", name="Change Filters").click()
    here, there = page.locator("#builder-table"), page.locator("#builder-integration")
    here.get_by_text("3 of 3 Customers").wait_for()
    ready(here.get_by_role("button", name="Add condition", exact=True)).click()
    ready(here.get_by_label("Field").nth(1)).select_option(label="City")
    ready(here.get_by_label("Operator of City")).select_option(label="is one of")
    ready(here.get_by_label("Value of City")).fill("berlin, bonn")
    ready(here.get_by_label("Value of City")).press("Tab")
    here.get_by_text("2 of 3 Customers").wait_for()
    here.get_by_text("1 coupled would leave: they stay coupled").wait_for()
    here.get_by_text("Leaving: show them").click()
    here.get_by_role("link", name="10020 Customer in Rome").wait_for()
    ready(there.get_by_label("Operator of Relationship Type")).select_option(label="is one of")
    ready(there.locator("select[multiple]")).select_option(["3", "11"])
    there.get_by_text("Relationship Type is Customer or Vendor").wait_for()
    axe(page)
    assert stored()[0] == {"field": "blocked", "op": "blank"}
    ready(here.get_by_label("Value of City")).press("Enter")
    page.get_by_text("1 coupling is outside the Table Filter").wait_for()
    assert stored()[0]["all"][1] == {"field": "city", "op": "in", "value": ["berlin", "bonn"]}
    assert stored()[1]["all"][1]["value"] == [3, 11]


def test_what_is_typed_while_the_counts_are_on_their_way_is_kept(page: Any, company: Company) -> None:
    page.goto(BUILDERS)
    here = page.locator("#builder-table")
    ready(here.get_by_label("Field")).select_option(label="City")
    ready(here.get_by_label("Operator of City")).select_option(label="is")
    ready(here.get_by_label("Value of City"))
    looking = "**/CUSTOMER/?filters=change&do=look"
    page.route(looking, lambda _: None)
    with page.expect_request(looking):
        ready(here.get_by_label("Operator of City")).select_option(label="begins with")
    here.get_by_label("Value of City").fill("Ro")
    page.unroute(looking)  # which lets go on what was held
    here.get_by_text("1 of 3 Customers").wait_for()
    assert here.get_by_label("Value of City").input_value() == "Ro"


def test_a_filter_with_a_look_up_is_built_by_keyboard_alone(page: Any, company: Company, sandbox: Sandbox) -> None:
    """What is typed finds rows as it is typed; one is chosen by the arrow keys, and its id stored."""
    names = ["Contoso Group", "Fabrikam", "Coho Winery"]
    ids = [f"0b000000-0000-4000-8000-00000000000{at}" for at in range(3)]
    rows = zip(ids, names, strict=True)
    sandbox.load({"accounts": [{"accountid": row_id, "name": name} for row_id, name in rows]})
    page.goto(CARD)
    there = page.locator("#builder-integration")

    def tab_to(one: Any) -> None:
        for _ in range(200):
            if one.count() and one.evaluate("(one) => one === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"The keyboard does not reach {one}.")

    tab_to(page.get_by_role("link", name="Change Filters"))
    page.keyboard.press("Enter")
    ready(there.get_by_label("Field").first)
    tab_to(there.get_by_label("Field").first)
    page.keyboard.type("Parent Account")
    search = ready(there.get_by_label("Search Parent Account"))
    tab_to(search)
    page.keyboard.type("co")
    chosen = there.get_by_label("Value of Parent Account")
    chosen.locator("option", has_text="Fabrikam").wait_for(state="detached")
    assert search.input_value() == "co" and search.evaluate("(one) => one === document.activeElement")
    ready(chosen.locator("option", has_text="Contoso Group").locator("xpath=.."))
    tab_to(chosen)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    there.get_by_text("Parent Account is Contoso Group").wait_for()
    tab_to(page.get_by_role("button", name="Save", exact=True))
    page.keyboard.press("Enter")
    page.get_by_text("CUSTOMER is saved.").wait_for()
    assert stored()[1]["all"][0]["value"] == ids[0]


def test_it_works_without_scripts(contexts: Callable[..., Any], company: Company) -> None:
    page = contexts(java_script=False, width=390).new_page()
    page.goto(BUILDERS)
    here = page.locator("#builder-table")
    here.get_by_role("button", name="Add group").click()
    here.get_by_label("Field").nth(1).select_option(label="City")
    here.get_by_label("Operator of No.").select_option(label="begins with")
    here.get_by_role("button", name="Count again").click()
    here.get_by_label("Value of City").fill("B")
    here.get_by_role("button", name="Add condition to the group").click()
    here.get_by_role("button", name="Remove condition No.").click()
    here.get_by_text("2 of 3 Customers").wait_for()
    there = page.locator("#builder-integration")
    there.get_by_label("Field").nth(1).select_option(label="Parent Account")
    there.get_by_role("button", name="Count again").click()
    there.get_by_label("Search Parent Account").fill("rome")
    there.get_by_role("button", name="Search records for Parent Account").click()
    there.get_by_label("Value of Parent Account").select_option(label="Customer in Rome")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("CUSTOMER is saved.").wait_for()
    assert stored()[0]["all"][1] == {"field": "city", "op": "begins_with", "value": "B"}
    assert stored()[1]["all"][1]["label"] == "Customer in Rome"


def test_it_looks_right_at_every_width(
    page: Any, company: Company, axe: Callable[..., None], screenshot: Callable[[Any, str], None]
) -> None:
    looks = Looks(page, axe, screenshot)
    looks.open("mapping card", CARD)
    page.goto(BUILDERS)
    here = page.locator("#builder-table")
    ready(here.get_by_role("button", name="Add group")).click()
    ready(here.get_by_label("Field").nth(1)).select_option(label="City")
    ready(here.get_by_label("Operator of City")).select_option(label="is one of")
    ready(here.get_by_label("Value of City")).fill("Berlin, Bonn")
    ready(here.get_by_label("Value of City")).press("Tab")
    here.get_by_text("2 of 3 Customers").wait_for()
    there = page.locator("#builder-integration")
    ready(there.get_by_label("Field").nth(1)).select_option(label="Parent Account")
    ready(there.get_by_label("Search Parent Account")).fill("customer in b")
    there.locator("option", has_text="Customer in Rome").wait_for(state="detached")
    ready(there.get_by_label("Value of Parent Account")).select_option(label="Customer in Bonn")
    there.get_by_text("Parent Account is Customer in Bonn").wait_for()
    page.locator("#tab-filters").scroll_into_view_if_needed()
    looks.look("filters")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for side in ("table", "integration"):
            page.locator(f"#builder-{side}").evaluate("(one) => one.scrollIntoView()")
            screenshot(page, f"builder {side}")
    looks.end()
