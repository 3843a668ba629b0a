"""The page Import in Chromium: a file, what was decided, its preview, refused cells, progress, result."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from core.roles import Role
from jobs.models import Job, State
from jobs.running import waiting
from masterdata.models import Company, Customer
from tests.browser.conftest import SCHEMES, WIDTHS, watch
from tests.browser.test_keyboard import Keys

PAGE = "/c/cronus-international/import/"


@pytest.fixture
def company(transactional_db: None) -> Company:
    company = Company.objects.create(name="CRONUS International", currency_code="USD")
    Customer.objects.create(company=company, no="10000", name="Alder", city="Oslo")
    return company


@pytest.fixture
def page(contexts: Callable[..., Any], company: Company) -> Any:
    opened = contexts().new_page()
    wrong = watch(opened)
    yield opened
    assert not wrong, wrong


def choose(page: Any, file: Path) -> None:
    """Choose a file, and have it previewed by a worker."""
    page.goto(PAGE)
    page.get_by_label("File").set_input_files(str(file))
    page.get_by_role("button", name="Preview").click()
    previewed(page)


def previewed(page: Any) -> None:
    page.wait_for_url("**/import/*/")
    waiting.run_to_end(Job.objects.latest("pk"))
    page.reload()


def written(page: Any) -> None:
    page.wait_for_url("**/jobs/*/")
    waiting.run_to_end(Job.objects.latest("pk"))
    page.reload()


def fits(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page does not scroll sideways"


def worked_on(page: Any, rows: str, *, reloads: bool) -> None:
    """Have the job done by a worker, and see on the page how far it is meanwhile."""
    seen: list[int] = []

    def look(job: Job) -> None:
        if seen or not job.processed or job.ended:
            return
        if reloads:
            page.reload()
        progress = page.get_by_role("region", name="Progress")
        progress.get_by_text(f"{job.processed:,} of {rows}").wait_for()
        assert 0 < int(progress.get_by_role("progressbar").get_attribute("value")) < 100
        assert Job.objects.get(pk=job.pk).state == State.IN_PROCESS
        fits(page)
        seen.append(job.processed)

    waiting.run_to_end(Job.objects.latest("pk"), on_progress=look)
    assert seen
    if reloads:
        page.reload()


def test_a_workbook_is_previewed_with_before_and_after_and_imported(
    page: Any, company: Company, tmp_path: Path, axe: Any
) -> None:
    book = Workbook()
    for row in (["No.", "Name", "City"], ["10000", "Alder", "Bergen"], ["20000", "<b>Birch</b>", "Rome"]):
        book.active.append(row)
    book.save(tmp_path / "customers.xlsx")
    choose(page, tmp_path / "customers.xlsx")
    page.get_by_text("Nothing is written yet").wait_for()
    changed = page.get_by_role("table", name="Changed records").inner_text()
    assert changed.index("Oslo") < changed.index("Bergen")
    assert "<b>Birch</b>" in page.get_by_role("table", name="New records").inner_text()
    assert Customer.objects.count() == 1
    page.get_by_role("button", name="Import 2 rows").click()
    written(page)
    page.get_by_text("1 new, 1 changed, 0 unchanged, 0 refused.").wait_for()
    assert sorted(Customer.objects.values_list("no", "name", "city")) == [
        ("10000", "Alder", "Bergen"), ("20000", "<b>Birch</b>", "Rome"),
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "java_script"), [(390, True), (1440, False)])
def test_the_page_shows_the_job_under_way_and_goes_on_to_its_result(
    contexts: Callable[..., Any], company: Company, tmp_path: Path, width: int, java_script: bool
) -> None:
    """By itself where there are scripts."""
    page = contexts(width=width, java_script=java_script).new_page()
    text = "no,name,city\n10000,Alder,Bergen\n" + "".join(f"{n},Customer {n},Bath\n" for n in range(2100))
    (tmp_path / "customers.csv").write_text(text)
    page.goto(PAGE)
    page.get_by_label("File").set_input_files(str(tmp_path / "customers.csv"))
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("Starts as soon as a worker is free").wait_for()
    worked_on(page, "2,101", reloads=not java_script)
    page.get_by_role("button", name="Import 2,101 rows").wait_for()
    changed = page.get_by_role("table", name="Changed records")
    for value in ("Oslo", "Bergen"):
        shown = changed.get_by_text(value).bounding_box()
        assert 0 <= shown["x"] < shown["x"] + shown["width"] <= width, f"{value} is on the screen"
    page.get_by_role("button", name="Import 2,101 rows").click()
    page.wait_for_url("**/jobs/*/")
    page.get_by_text("Starts as soon as a worker is free").wait_for()
    worked_on(page, "2,101", reloads=not java_script)
    page.get_by_text("2,100 new, 1 changed, 0 unchanged, 0 refused.").wait_for()
    fits(page)


def test_bad_rows_are_told_by_cell_with_what_to_do_and_the_others_go_in(
    page: Any, company: Company, tmp_path: Path
) -> None:
    (tmp_path / "customers.csv").write_text("no;name;credit_limit\n1;Cedar;much\n2;Elm;5\n2;Elm;5\n")
    choose(page, tmp_path / "customers.csv")
    told = page.get_by_role("table", name="Refused rows").inner_text()
    for words in ("Line 2", "credit_limit", "much", "Write digits with a decimal point", "Line 4", "already on line 3"):
        assert words in told
    page.get_by_role("button", name="Import 1 row").click()
    written(page)
    assert sorted(Customer.objects.values_list("no", flat=True)) == ["10000", "2"]


def test_a_file_of_another_kind_is_refused_in_words(page: Any, company: Company, tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_bytes(b"\x00\x01" * 200)
    choose(page, tmp_path / "customers.csv")
    page.get_by_text("The file is not text. Save it as CSV in UTF-8").wait_for()
    assert page.get_by_role("button", name="Import").count() == 0


def test_somebody_else_than_an_administrator_does_not_get_there(contexts: Callable[..., Any], company: Company) -> None:
    for role in (Role.VIEWER, Role.OPERATOR, Role.MAPPER):
        page = contexts(role=role).new_page()
        page.goto(PAGE)
        assert "You may not do this" in page.content()
        page.goto("/c/cronus-international/records/customer/")
        assert page.get_by_role("link", name="Import").count() == 0


@pytest.mark.parametrize("java_script", [True, False])
def test_it_is_walked_without_scripts_too(
    contexts: Callable[..., Any], company: Company, tmp_path: Path, java_script: bool
) -> None:
    """From the list to the record: a file that needs a choice, the choice, the import, the export."""
    page, file = contexts(java_script=java_script).new_page(), tmp_path / "customers.csv"
    page.goto("/c/cronus-international/records/customer/")
    page.get_by_role("link", name="Import").click()
    file.write_text("no,name,shoe size\n3,Fir,44\n")
    page.get_by_label("File").set_input_files(str(file))
    page.get_by_role("button", name="Preview").click()
    previewed(page)
    page.get_by_text("Choose below which field each column holds").wait_for()
    page.get_by_role("button", name="Preview again").click()
    page.wait_for_load_state()
    previewed(page)
    page.get_by_role("button", name="Import 1 row").click()
    written(page)
    assert Customer.objects.get(no="3").name == "Fir"
    page.goto("/c/cronus-international/records/customer/?q=Fir")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
        page.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("No.,Name")
    assert [line.split(",")[0] for line in lines[1:]] == ["3"]


@pytest.mark.parametrize("java_script", [True, False])
def test_a_number_that_may_mean_two_things_is_settled_beside_its_column(
    contexts: Callable[..., Any], company: Company, tmp_path: Path, java_script: bool
) -> None:
    page, file = contexts(width=390, java_script=java_script).new_page(), tmp_path / "customers.csv"
    file.write_text("no;name;credit_limit\n3;Fir;1.234\n10000;;5\n")
    choose(page, file)
    table = page.get_by_role("table", name="Columns of the file")
    assert "1.234 is 1.234 with a point, 1234 with a comma." in table.inner_text()
    assert "Over a value that the record has: 1" in table.inner_text()
    page.get_by_label("Decimal mark of credit_limit").select_option("Comma")
    page.get_by_label("Blank cells of name").select_option("Clear the field")
    page.get_by_role("button", name="Preview again").click()
    page.wait_for_load_state()
    previewed(page)
    fits(page)
    page.get_by_role("button", name="Import 2 rows").click()
    written(page)
    assert dict(Customer.objects.values_list("name", "credit_limit")) == {"Fir": 1234, "": 5}


def test_it_is_walked_with_the_keyboard_alone(page: Any, company: Company, tmp_path: Path) -> None:
    keys, file = Keys(page), tmp_path / "customers.csv"
    page.on("filechooser", lambda chooser: None)  # dialogs are caught from now on: asked for late, a key may be quicker
    page.goto("/c/cronus-international/records/customer/")
    keys.to(page.get_by_role("link", name="Import"))
    keys.press("Enter")
    file.write_text("no,name,credit_limit\n3,Fir,much\n4,Oak,5\n")
    keys.to(page.get_by_label("File"))
    with page.expect_file_chooser() as chooser:
        keys.press("Enter")
    chooser.value.set_files(str(file))
    keys.to(page.locator(".formfoot button"))
    keys.press("Enter")
    previewed(page)
    keys.to(page.get_by_role("region", name="Refused rows"))
    keys.press("End", "ArrowRight")
    assert page.get_by_text("Write digits with a decimal point").is_visible()
    page.reload()
    keys.to(page.get_by_role("button", name="Import 1 row"))
    keys.press("Enter")
    written(page)
    assert Customer.objects.get(no="4").name == "Oak"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_on_the_pages_of_an_import(
    contexts: Callable[..., Any], company: Company, tmp_path: Path, axe: Any, screenshot: Any, width: int, scheme: str
) -> None:
    page = contexts(width=width, scheme=scheme).new_page()
    page.goto(PAGE)
    axe(page)
    screenshot(page, "import")
    (tmp_path / "customers.csv").write_text("no,name,shoe size\n1,Cedar,44\n")
    choose(page, tmp_path / "customers.csv")
    page.get_by_text("Choose below which field each column holds").wait_for()
    axe(page)
    screenshot(page, "import columns")
    rows = "10000;Alder;Bergen;\n3;Fir;;1\n4;Elm;;much\n5;Oak;;1.234\n"
    (tmp_path / "customers.csv").write_text(f"no;name;city;credit_limit\n{rows}")
    choose(page, tmp_path / "customers.csv")
    page.get_by_role("button", name="Import 2 rows").wait_for()
    axe(page)
    screenshot(page, "import preview")
    fits(page)
