"""Couple Dataverse Users with Salespeople in Chromium: with scripts and without, wide and narrow, against axe."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from connection_setup.enabling import services as enabling_services
from connection_setup.models import DataverseConnection
from coupling.mappings import defaults
from coupling.models import Coupling
from masterdata.models import Company, Salesperson
from sandbox.testing import Sandbox
from tests.browser.conftest import SCHEMES, WIDTHS, watch
from tests.connection_setup.provisioning.test_environment import values

PAGE = "/c/cronus-international/couple-dataverse-users-with-salespeople/"


@pytest.fixture
def company(transactional_db: None, sandbox: Sandbox) -> Company:
    """Provide a connected company of the ownership model Person, with salespeople here and users there."""
    made = Company.objects.create(name="CRONUS International", currency_code="USD")
    assert enabling_services.enable(company=made, user=None, values=values(sandbox), secret=sandbox.client_secret).ok
    DataverseConnection.objects.update(ownership_model="person")
    defaults.apply_ownership_model(made)
    root = sandbox.rows("systemusers")[0]["_businessunitid_value"]
    names = [("Ada", "Adams"), ("Ben", "Bright"), ("Cy", "Cole"), ("Dora", "Dent")]
    sandbox.load(
        {
            "systemusers": [
                {
                    "systemuserid": str(uuid4()),
                    "fullname": f"{first} {last}",
                    "firstname": first,
                    "lastname": last,
                    "islicensed": True,
                    "isdisabled": False,
                    "isintegrationuser": False,
                    "businessunitid": root,
                    "internalemailaddress": f"{first.lower()}@contoso.example",
                }
                for first, last in names
            ]
        }
    )
    for first, last in names[:3]:
        Salesperson.objects.create(
            company=made, code=first[0] + last[0], name=f"{first} {last}", e_mail=f"{first.lower()}@contoso.example"
        )
    return made


def row(page: Any, name: str) -> Any:
    return page.get_by_role("row").filter(has_text=name)


def test_a_person_couples_matches_creates_and_fills_the_team(
    page: Any, company: Company, sandbox: Sandbox, axe: Callable[..., None]
) -> None:
    page.goto(PAGE)
    page.get_by_label("Salesperson of Ada Adams").select_option("BB")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("1 user is coupled.").wait_for()
    axe(page)
    page.get_by_label("Coupled", exact=True).select_option("yes")
    page.get_by_text("1 of 10 users").wait_for()
    page.get_by_label("Search by name or e-mail").fill("ben")
    page.get_by_label("Coupled", exact=True).select_option("")
    page.get_by_text("1 of 10 users").wait_for()
    page.goto(PAGE)
    page.get_by_label("Salesperson of Ben Bright").select_option("BB")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("heading", name="Move the coupling?").wait_for()
    axe(page)
    page.get_by_role("button", name="Move").click()
    page.get_by_text("1 user is coupled.").wait_for()
    page.get_by_role("link", name="Match-Based Coupling").click()
    page.get_by_role("button", name="Couple", exact=True).click()
    page.get_by_text("2 users are coupled by e-mail.").wait_for()
    page.get_by_role("button", name="OK").click()
    page.get_by_role("heading", name="Create salespeople for the rest?").wait_for()
    page.get_by_role("button", name="Create Salesperson").click()
    page.get_by_text("created and coupled.").wait_for()
    assert row(page, "Dora Dent").get_by_text("Yes").first.is_visible()
    page.get_by_role("button", name="Add Coupled Users to Team").click()
    page.get_by_text("coupled users are in the owning team.").wait_for()
    assert Coupling.objects.filter(company=company, table="salesperson").count() >= 4


def test_all_of_it_works_without_scripts(contexts: Callable[..., Any], company: Company, sandbox: Sandbox) -> None:
    page = contexts(java_script=False).new_page()
    page.goto(f"{PAGE}?q=adams")
    assert page.get_by_role("row").count() == 2
    page.get_by_label("Salesperson of Ada Adams").select_option("AA")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("1 user is coupled.").wait_for()
    assert page.get_by_role("row").count() == 2, "it stays as narrowed"
    page.get_by_label("Select Ada Adams").check()
    page.get_by_role("button", name="Delete Coupling").click()
    page.get_by_text("1 coupling is deleted").wait_for()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_fits_every_width_and_scheme(
    contexts: Callable[..., Any],
    company: Company,
    axe: Callable[..., None],
    screenshot: Callable[[Any, str], None],
    width: int,
    scheme: str,
) -> None:
    page = contexts(width=width, scheme=scheme).new_page()
    wrong = watch(page)
    page.goto(PAGE)
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    screenshot(page, "salespeople")
    assert not wrong
