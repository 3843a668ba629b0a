"""Preview of Match-Based Coupling in Chromium: from the criteria, ticked, and coupled; without scripts on a phone."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from coupling.couplings import services
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import Job
from jobs.running import waiting
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.browser.conftest import Looks
from tests.sync.conftest import connect

CRITERIA = "/c/cronus-international/mappings/of/CUSTOMER/criteria/"
HERE = (
    ("Alpine Ski House", "425 555 0100"), ("Trey Research", "425 555 0101"), ("Adventure Works", "425 555 0102"),
    ("Fabrikam, Inc.", "425 555 0103"), ("Relecloud", "425 555 0104"), ("Woodgrove Bank", "425 555 0105"),
    ("Northwind Trading", "425 555 0106"),
)  # fmt: skip
THERE = (
    ("Alpine Ski House", "425 555 0100"), ("Trey Research GmbH", "425 555 0101"), ("Adventure Works", None),
    ("Fabrikam Inc", None), ("Relecloud", None), ("Relecloud", None),
)  # fmt: skip


@pytest.fixture
def company(connected: Callable[..., Company], sandbox: Sandbox) -> Company:
    owner = connected("CRONUS International", connect)
    for number, (name, phone) in enumerate(HERE):
        Customer.objects.create(company=owner, no=f"{10000 + 10 * number}", name=name, phone_no=phone)
    rows = [
        {"accountid": str(uuid4()), "customertypecode": 3, "name": name, "telephone1": phone} for name, phone in THERE
    ]
    sandbox.load({"accounts": rows})
    return owner


def names_coupled() -> set[str]:
    coupled = Coupling.objects.values("local_id")
    return set(Customer.objects.filter(system_id__in=coupled).values_list("name", flat=True))


def test_what_is_previewed_and_ticked_is_coupled(looks: Callable[..., Looks], company: Company) -> None:
    found = looks()
    page = found.page
    page.goto(CRITERIA)
    page.get_by_label("Match on Phone No.").check()
    page.get_by_label("Match on Name", exact=True).check()
    page.get_by_label("Match priority of Name", exact=True).fill("1")
    page.get_by_label("Create New if Unable to Find a Match").check()
    page.get_by_role("button", name="Preview", exact=True).click()
    page.get_by_role("heading", name="Preview of Match-Based Coupling", level=1).wait_for()
    waiting.run_to_end(Job.objects.get())
    page.get_by_role("heading", name="7 customers would end like this").wait_for()  # the page has asked by itself
    page.get_by_role("heading", name="Then synchronized").wait_for()
    assert page.get_by_role("columnheader", name="Will change").is_visible()
    found.look("preview")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("checkbox", name="Leave 10010 in").uncheck()
    page.get_by_role("button", name="Couple these 2").wait_for()
    page.get_by_role("link", name="Likely duplicates").click()
    page.get_by_role("checkbox", name="Create 10030").wait_for()
    assert not page.get_by_role("checkbox", name="Create 10030").is_checked()
    found.look("likely duplicates")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_text("Change the limits").click()
    page.get_by_label("Created, at most", exact=True).fill("1")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Stopped by a brake").wait_for()
    found.look("preview stopped by a brake")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("Also create the 2 that are no duplicates").uncheck()
    page.get_by_role("button", name="Couple these 2").click()
    page.wait_for_url("**/jobs/*/")
    waiting.run_to_end(Job.objects.latest("pk"))
    assert names_coupled() == {"Alpine Ski House", "Adventure Works"}
    page.reload()
    page.get_by_role("link", name="Open the Preview").click()
    page.get_by_text("Nothing can be ticked any more.").wait_for()
    found.look("preview that is coupled")
    found.open("previews", "/c/cronus-international/previews/")
    found.open("criteria after a preview", CRITERIA)
    found.end()


def test_without_scripts_on_a_phone_a_preview_is_ticked_and_coupled_by_the_keyboard(
    contexts: Callable[..., Any], company: Company
) -> None:
    mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    given = [Criterion("name", "name")]
    preview = waiting.run_to_end(services.start_preview(mapping=mapping, criteria=given, create_new=True))
    page = contexts(width=390, java_script=False).new_page()
    page.goto(f"/c/cronus-international/previews/{preview.pk}/")
    page.get_by_role("checkbox", name="Leave 10020 in").focus()
    page.keyboard.press("Space")
    page.get_by_role("checkbox", name="Also create the").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Apply").last.focus()
    page.keyboard.press("Enter")
    page.get_by_role("checkbox", name="Leave 10020 in").wait_for()
    page.get_by_role("checkbox", name="Leave 10020 in").uncheck()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("button", name="Couple these").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs/*/")
    waiting.run_to_end(Job.objects.latest("pk"))
    assert names_coupled() == {"Alpine Ski House"}
