"""Import and copy of mappings in Chromium: the difference first; without scripts, by the keyboard, on a phone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coupling.mappings import defaults
from coupling.mappings.file_services import export_text
from coupling.models import IntegrationTableMapping
from masterdata.models import Company
from tests.browser.conftest import Looks

MAPPINGS = "/c/cronus-international/mappings/"


@pytest.fixture
def file(transactional_db: Any, tmp_path: Path) -> Path:
    """Provide a file in which CUSTOMER is synchronized every 5 minutes, unlike in the company."""
    company = Company.objects.create(name="CRONUS International", currency_code="USD")
    Company.objects.create(name="Northwind Traders", currency_code="EUR")
    defaults.create_missing(company)
    path = tmp_path / "mappings.yaml"
    path.write_text(export_text(company, ["CUSTOMER"]).replace("every_minutes: 30", "every_minutes: 5"))
    return path


def test_a_file_is_exported_and_imported_and_a_mapping_is_copied(looks: Callable[..., Looks], file: Path) -> None:
    found = looks()
    found.open("mappings", MAPPINGS)
    page = found.page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="File", exact=True).click()
    with page.expect_download() as exported:
        page.get_by_role("link", name="Export All").click()
    assert exported.value.suggested_filename == "cronus-international-mappings.yaml"
    page.goto(f"{MAPPINGS}import/")
    found.look("import mappings")
    page.get_by_label("File", exact=False).set_input_files(file)
    page.get_by_role("button", name="Show Difference").click()
    page.get_by_text("Synchronize every (minutes) was 30 and becomes 5.").wait_for()
    found.look("difference")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Import (1 difference)").click()
    page.get_by_text("1 change is stored in CRONUS International: CUSTOMER.").wait_for()
    assert IntegrationTableMapping.objects.get(name="CUSTOMER").every_minutes == 5
    page.get_by_role("checkbox", name="CUSTOMER").check()
    page.get_by_role("button", name="File", exact=True).click()
    page.get_by_role("button", name="Copy to Another Company").click()
    page.get_by_label("To Company").select_option("Northwind Traders")
    found.look("copy mappings")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Show Difference").click()
    page.get_by_role("button", name="Copy (1 difference)").click()
    page.get_by_text("1 change is stored in Northwind Traders: CUSTOMER.").wait_for()
    page.goto(f"{MAPPINGS}reset/?id={IntegrationTableMapping.objects.filter(name='CUSTOMER').earliest('pk').pk}")
    page.get_by_text("CUSTOMER: 1 setting of the schedule (Synchronize every (minutes)).").wait_for()
    found.look("reset")
    found.end()


def test_without_scripts_on_a_phone_a_file_is_imported_by_the_keyboard(
    contexts: Callable[..., Any], file: Path
) -> None:
    page = contexts(width=390, java_script=False).new_page()
    page.goto(f"{MAPPINGS}import/")
    page.get_by_label("File", exact=False).set_input_files(file)
    page.get_by_role("button", name="Show Difference").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Import (1 difference)").focus()
    page.keyboard.press("Enter")
    page.get_by_text("1 change is stored in CRONUS International: CUSTOMER.").wait_for()
