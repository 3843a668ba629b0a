"""Master data imported by the admin's page in Chromium: a file, its preview, its confirmation; or why it is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from openpyxl import Workbook

from core.roles import Role
from masterdata.models import Company, Customer
from tests.browser.conftest import SCHEMES, WIDTHS, watch
from tests.browser.test_keyboard import Keys

PAGE = "/admin/masterdata/customer/import/"


@pytest.fixture
def company(transactional_db: None) -> Company:
    company = Company.objects.create(name="CRONUS International", currency_code="USD")
    Customer.objects.create(company=company, no="10000", name="Alder", city="Oslo")
    return company


@pytest.fixture
def page(contexts: Callable[..., Any], company: Company) -> Any:
    context = contexts()
    User.objects.filter(username="administrator").update(is_staff=True, is_superuser=True)
    opened = context.new_page()
    wrong = watch(opened)
    yield opened
    assert not wrong, wrong


def choose(page: Any, file: Path) -> None:
    page.goto(PAGE)
    page.get_by_label("File to import").set_input_files(str(file))
    page.get_by_role("button", name="Submit").click()


def test_a_workbook_is_previewed_and_confirmed(page: Any, company: Company, tmp_path: Path, axe: Any) -> None:
    book = Workbook()
    for row in (["No.", "Name", "City"], ["10000", "Alder", "Bergen"], ["20000", "<b>Birch</b>", "Rome"]):
        book.active.append(row)
    book.save(tmp_path / "customers.xlsx")
    choose(page, tmp_path / "customers.xlsx")
    page.get_by_text("Below is a preview").wait_for()
    assert page.locator("table.import-preview tbody tr").count() == 2
    assert "Bergen" in page.locator("table.import-preview").inner_text()
    assert "<b>Birch</b>" in page.locator("table.import-preview").inner_text()
    assert Customer.objects.count() == 1
    page.get_by_role("button", name="Confirm import").click()
    page.get_by_text("Import finished").wait_for()
    assert sorted(Customer.objects.values_list("no", "name", "city")) == [
        ("10000", "Alder", "Bergen"), ("20000", "<b>Birch</b>", "Rome"),
    ]  # fmt: skip


def test_bad_rows_are_told_with_what_to_do(page: Any, company: Company, tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("no;name;credit_limit\n1;Cedar;much\n2;Elm;5\n2;Elm;5\n")
    choose(page, tmp_path / "customers.csv")
    page.get_by_role("heading", name="Some rows failed to validate").wait_for()
    told = page.locator("#content").inner_text()
    assert page.get_by_role("button", name="Confirm import").count() == 0
    assert page.locator("table.import-preview tbody tr").count() == 2
    assert "Write digits with a decimal point" in page.locator("#content").text_content()
    assert "Elm" in told
    assert Customer.objects.count() == 1


def test_a_file_of_another_kind_is_refused_in_words(page: Any, company: Company, tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_bytes(b"\x00\x01" * 200)
    choose(page, tmp_path / "customers.csv")
    page.get_by_text("The file is not text. Save it as CSV in UTF-8").wait_for()


def test_somebody_else_than_an_administrator_does_not_get_there(contexts: Callable[..., Any], company: Company) -> None:
    for role in (Role.VIEWER, Role.OPERATOR, Role.MAPPER):
        page = contexts(role=role).new_page()
        page.goto(PAGE)
        assert "/login/" in page.url or "/sign-in/" in page.url or "You may not do this" in page.content()
        assert page.get_by_label("File to import").count() == 0


@pytest.mark.parametrize("java_script", [True, False])
def test_it_is_walked_without_scripts_too(
    contexts: Callable[..., Any], company: Company, tmp_path: Path, java_script: bool
) -> None:
    """From the first page of the administration to the record: a file that will not do, one that will, an export."""
    context = contexts(java_script=java_script)
    User.objects.filter(username="administrator").update(is_staff=True, is_superuser=True)
    page, file = context.new_page(), tmp_path / "customers.csv"
    page.goto("/admin/")
    page.locator("#content").get_by_role("link", name="Customers").click()
    page.locator(".object-tools").get_by_role("link", name="Import").click()
    for text, button in (("no,name,credit_limit\n3,Fir,much\n", "Submit"), ("no,name\n3,Fir\n", "Confirm import")):
        file.write_text(text)
        page.get_by_label("File to import").set_input_files(str(file))
        page.get_by_role("button", name="Submit").click()
        page.get_by_role("button", name=button).wait_for()
        if button == "Submit":
            assert page.get_by_text("Write digits with a decimal point").is_visible()
    page.get_by_role("button", name="Confirm import").click()
    page.get_by_text("Import finished").wait_for()
    assert Customer.objects.get(no="3").name == "Fir"

    page.locator(".object-tools").get_by_role("link", name="Export").click()
    for name in ("City", "Address"):
        page.get_by_label(name, exact=True).uncheck()
    with page.expect_download() as download:
        page.get_by_role("button", name="Submit").click()
    header = download.value.path().read_text().splitlines()[0].split(",")
    assert "name" in header
    assert not {"city", "address"} & set(header)


def test_every_field_of_an_export_is_chosen_or_not_at_once(page: Any, company: Company) -> None:
    page.goto("/admin/masterdata/customer/export/")
    every, name = page.get_by_label("Select all"), page.get_by_label("Name", exact=True)
    every.uncheck()
    assert not name.is_checked()
    every.check()
    assert name.is_checked()
    name.uncheck()
    assert not every.is_checked()


def test_it_is_walked_with_the_keyboard_alone(page: Any, company: Company, tmp_path: Path) -> None:
    """The errors of rows are read where they are, and wide tables are scrolled, without a mouse."""
    keys, file = Keys(page), tmp_path / "customers.csv"
    page.on("filechooser", lambda chooser: None)  # dialogs are caught from now on: asked for late, a key may be quicker
    page.goto("/admin/")
    keys.press("Tab")
    assert "Skip" in page.evaluate("document.activeElement.textContent"), "the first stop leads past the head"
    keys.press("Enter")
    keys.to(page.locator("#content").get_by_role("link", name="Customers"))
    keys.press("Enter")
    keys.to(page.locator(".object-tools").get_by_role("link", name="Import"))
    keys.press("Enter")
    for text, button in (("no,name,credit_limit\n3,Fir,much\n", "Submit"), ("no,name\n3,Fir\n", "Confirm import")):
        file.write_text(text)
        keys.to(page.get_by_label("File to import"))
        with page.expect_file_chooser() as chooser:
            keys.press("Enter")
        chooser.value.set_files(str(file))
        keys.to(page.get_by_role("button", name="Submit"))
        keys.press("Enter")
        page.locator("table.import-preview").wait_for()
        keys.to(page.locator(".results"))
        keys.press("End", "ArrowRight")
        if button == "Submit":
            assert page.get_by_text("Write digits with a decimal point").is_visible()
    keys.to(page.get_by_role("button", name="Confirm import"))
    keys.press("Enter")
    page.get_by_text("Import finished").wait_for()
    assert Customer.objects.get(no="3").name == "Fir"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_on_the_pages_of_an_import(
    contexts: Callable[..., Any], company: Company, tmp_path: Path, axe: Any, width: int, scheme: str
) -> None:
    context = contexts(width=width, scheme=scheme)
    User.objects.filter(username="administrator").update(is_staff=True, is_superuser=True)
    page = context.new_page()
    page.goto(PAGE)
    axe(page)
    (tmp_path / "customers.csv").write_text("no,name,credit_limit\n1,Cedar,much\n")
    choose(page, tmp_path / "customers.csv")
    page.get_by_role("heading", name="Some rows failed to validate").wait_for()
    axe(page)
    (tmp_path / "customers.csv").write_text("no,name\n3,Fir\n")
    choose(page, tmp_path / "customers.csv")
    page.get_by_role("button", name="Confirm import").wait_for()
    axe(page)
