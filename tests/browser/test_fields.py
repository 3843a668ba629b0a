"""Integration Field Mapping List in Chromium: a field with rules, tested on real records and added; without scripts."""

from collections.abc import Callable
from typing import Any

import pytest

from coupling.models import IntegrationFieldMapping
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.browser.conftest import Looks
from tests.sync.conftest import ACTIVE_CUSTOMER, connect

FIELDS = "/c/cronus-international/mappings/of/CUSTOMER/fields/"


@pytest.fixture
def company(connected: Callable[..., Company], sandbox: Sandbox) -> Company:
    """Provide a connected company with customers here and accounts there."""
    owner = connected("CRONUS International", connect)
    for number, name in enumerate(("adatum corporation", "Contoso Ltd.", "Fabrikam, Inc.")):
        Customer.objects.create(company=owner, no=f"1000{number}", name=name, name_2=f"  {name.upper()} {number}")
    sandbox.load({"accounts": [{"name": "Tailspin", "yominame": "tailspin toys", **ACTIVE_CUSTOMER}]})
    return owner


def stored() -> IntegrationFieldMapping:
    return IntegrationFieldMapping.objects.get(mapping__name="CUSTOMER", field="name_2")


def test_a_field_with_rules_is_tested_added_changed_and_removed(looks: Callable[..., Looks], company: Company) -> None:
    found = looks()
    found.open("field mapping list", FIELDS)
    page = found.page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("link", name="New Field Mapping").click()
    page.get_by_role("heading", name="New Field Mapping").wait_for()
    found.look("new field mapping")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("Field Name", exact=True).select_option("name_2")
    page.get_by_label("Integration Field Name").select_option("yominame")
    page.get_by_role("textbox", name="Transformation Rules").fill("title\nreplace= ,-")
    page.get_by_role("button", name="Test Rules").click()
    page.get_by_text("Contoso-Ltd.-1").first.wait_for()
    page.get_by_text("Tailspin-Toys").first.wait_for()
    found.look("rules tested")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("The field mapping name_2 - yominame is saved.").wait_for()
    assert stored().rules == ["title", "replace= ,-"]
    page.get_by_role("link", name="Name 2").click()
    page.get_by_role("textbox", name="Transformation Rules").fill("shout")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#id_rules-error").get_by_text("There is no rule “shout”.").wait_for()
    found.look("rule refused")
    page.goto(FIELDS)
    page.get_by_role("link", name="Reset Transformation Rules").click()
    page.get_by_role("button", name="Reset Transformation Rules").click()
    page.get_by_text("Field mappings without transformation rules from now on: 1.").wait_for()
    assert stored().rules == []
    page.get_by_role("link", name="Look-up Tables").click()
    page.get_by_role("link", name="New Look-up Table").click()
    page.get_by_label("Name").fill("Grade")
    page.get_by_role("textbox", name="Rows").fill("A=Good\n*=Other")
    found.look("look-up table")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("The look-up table Grade is saved with 2 rows.").wait_for()
    found.look("look-up tables")
    found.end()


def test_without_scripts_on_a_phone_a_field_is_added_and_removed_by_the_keyboard(
    contexts: Callable[..., Any], company: Company
) -> None:
    page = contexts(width=390, java_script=False).new_page()
    page.goto(f"{FIELDS}new/")
    page.get_by_label("Field Name", exact=True).select_option("name_2")
    page.get_by_label("Integration Field Name").select_option("yominame")
    page.get_by_role("textbox", name="Transformation Rules").focus()
    page.keyboard.type("upper")
    page.keyboard.press("Enter")
    page.keyboard.type("prefix=x ")
    page.get_by_role("button", name="Test Rules").focus()
    page.keyboard.press("Enter")
    page.get_by_text("x CONTOSO LTD. 1").first.wait_for()
    page.get_by_role("button", name="Save", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_text("is saved.").wait_for()
    assert stored().rules == ["upper", "prefix=x "]
    page.goto(f"{FIELDS}{stored().pk}/remove/")
    page.get_by_role("button", name="Remove name_2 - yominame").focus()
    page.keyboard.press("Enter")
    page.get_by_text("is removed.").wait_for()
    assert not IntegrationFieldMapping.objects.filter(field="name_2", integration_field="yominame").exists()


def test_ticked_fields_are_changed_alike_and_removed_also_without_scripts(
    looks: Callable[..., Looks], contexts: Callable[..., Any], company: Company
) -> None:
    found = looks()
    page = found.page
    page.goto(FIELDS)
    for name in ("City", "County"):
        page.get_by_label(f"Select {name}", exact=True).check()
    page.get_by_role("button", name="Change Selected").click()
    page.get_by_role("heading", name="Change Field Mappings").wait_for()
    found.look("change field mappings")
    page.get_by_label("Blank values").select_option(label="A blank never overwrites a value")
    page.get_by_label("Validate Field", exact=True).select_option(label="No")
    page.get_by_role("combobox", name="Transformation Rules").select_option(label="Those written below")
    page.get_by_role("textbox", name="Rules").fill("trim\nshout")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("There is no rule “shout”.").wait_for()
    found.look("change field mappings, refused")
    page.get_by_role("textbox", name="Rules").fill("trim\ntitle")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Field mappings that changed: 2.").wait_for()
    found.end()
    plain = contexts(width=390, java_script=False).new_page()
    plain.goto(FIELDS)
    for name in ("City", "County"):
        plain.get_by_label(f"Select {name}", exact=True).check()
    plain.get_by_role("button", name="Remove Selected").click()
    plain.get_by_text("This removes 2 field mappings from CUSTOMER").wait_for()
    kept = IntegrationFieldMapping.objects.filter(mapping__name="CUSTOMER", blanks="keep")
    assert {one.field for one in kept} == {"city", "county"}
    assert [(one.rules, one.validate_field) for one in kept] == [(["trim", "title"], False)] * 2
    plain.get_by_role("button", name="Remove 2 field mappings").click()
    plain.get_by_text("Field mappings removed: 2.").wait_for()
    assert not kept.all().exists()
