"""Columns that changed in Dataverse, in Chromium: the card, both lists, the role center; accepted without scripts."""

from collections.abc import Callable
from typing import Any

import pytest

from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.models import IntegrationTableMapping
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.browser.conftest import Looks
from tests.sync.conftest import connect

HOME = "/c/cronus-international/"


@pytest.fixture
def mapping(connected: Callable[..., Company], sandbox: Sandbox) -> IntegrationTableMapping:
    """Return the CUSTOMER mapping, of whose columns one is gone, one is shorter and one is required now."""
    company = connected("CRONUS International", connect)
    found = IntegrationTableMapping.objects.select_related("company").get(company=company, name="CUSTOMER")
    column_looks.look(found, Gateway(company).table(found).columns)
    changes = {"address1_city": {"gone": True}, "name": {"max_length": 50}, "sic": {"required": "ApplicationRequired"}}
    for column, change in changes.items():
        sandbox.control("POST", "columns", {"table": "account", "column": column, **change})
    column_looks.look(found, Gateway(company).table_again(found).columns)
    return found


def test_changed_columns_are_told_and_accepted(
    looks: Callable[..., Looks], contexts: Callable[..., Any], mapping: IntegrationTableMapping
) -> None:
    found = looks()
    found.open("role center with drift", HOME)
    found.open("mappings with drift", f"{HOME}mappings/")
    found.page.set_viewport_size({"width": 1440, "height": 900})
    assert found.page.locator("#mappings .scroll").evaluate("(one) => one.scrollWidth <= one.clientWidth"), "sideways"
    found.open("fields with drift", f"{HOME}mappings/of/CUSTOMER/fields/")
    found.open("card with drift", f"{HOME}mappings/of/CUSTOMER/")
    page = contexts(java_script=False, width=390).new_page()
    page.goto(f"{HOME}mappings/of/CUSTOMER/")
    page.get_by_role("button", name="Accept Column Changes").first.press("Enter")
    page.get_by_text("Accepted: name, sic.").wait_for()
    assert [change.column for change in column_looks.read(mapping).changes] == ["address1_city"]
    assert not found.complaints, found.complaints
