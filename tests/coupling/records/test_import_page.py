"""The page Import: a file, what was decided about it, what it would change, and the job that writes it."""

import csv
from collections import Counter
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from openpyxl import Workbook, load_workbook

from coupling.records import import_form
from jobs.models import Job, JobOutcome, State, Type
from jobs.running import waiting
from masterdata.files import reader
from masterdata.files.types import Limits
from masterdata.models import Company, Customer, Item

pytestmark = pytest.mark.usefixtures("contexts")


@pytest.fixture
def company(db):
    return Company.objects.create(name="Alder & Finch", currency_code="USD")


@pytest.fixture
def client(client, db):
    user = User.objects.create_user("ada")
    user.groups.add(Group.objects.get_or_create(name="Administrator")[0])
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def url(name, company, **parts):
    return reverse(f"records:{name}", kwargs={"company": company.slug, **parts})


def upload(client, company, content, name="customers.csv", table="customer", into=None):
    """Choose a file; returns the preview's job, not run yet."""
    raw = content if isinstance(content, bytes) else content.encode()
    data = {"file": SimpleUploadedFile(name, raw), "table": table, "company": (into or company).slug}
    answer = client.post(url("import", company), data)
    assert answer.status_code == 302, answer.content.decode()
    return Job.objects.latest("pk")


def previewed(client, company, content, **more):
    """Choose a file and have it previewed; returns the job and the page."""
    job = waiting.run_to_end(upload(client, company, content, **more))
    return job, client.get(url("import-preview", company, pk=job.pk))


def chosen(page, **changed):
    """Return what the page's form would send."""
    form = page.context["page"].fast_tabs[0].fields[0].form_field.form
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in {**values, **changed}.items() if value not in (None, False)}


def test_a_file_is_previewed_and_nothing_is_written_before_it_is_agreed(client, company):
    Customer.objects.create(company=company, no="1", name="Alder", city="Oslo")
    job, page = previewed(client, company, "no,name,city\n1,Alder,Bergen\n2,<b>Birch</b>,\n3,Elm,x\n4,Fir\n")
    text = page.content.decode()
    assert "<h1" in text
    assert ">Import</h1>" in text
    assert "Nothing is written yet" in text
    for facts in ("Bergen", "Oslo", "&lt;b&gt;Birch&lt;/b&gt;", "Line 5", "The row has 2 values", "Import 3 rows"):
        assert facts in text
    assert Customer.objects.get().city == "Oslo"
    answer = client.post(url("import-start", company, pk=job.pk))
    started = Job.objects.latest("pk")
    assert answer["Location"] == reverse("jobs:job", kwargs={"company": company.slug, "pk": started.pk})
    waiting.run_to_end(started)
    assert dict(Customer.objects.values_list("no", "city")) == {"1": "Bergen", "2": "", "3": "x"}
    assert JobOutcome.objects.filter(job=started).count() == 4


def test_an_import_is_started_once_however_often_the_button_is_pressed(client, company):
    job, _ = previewed(client, company, "no,name\n1,Alder\n")
    for _ in range(2):
        client.post(url("import-start", company, pk=job.pk))
    started = Job.objects.get(type=Type.IMPORT, parameters__preview=False)
    waiting.run_to_end(started)
    client.post(url("import-start", company, pk=job.pk))
    assert Job.objects.filter(type=Type.IMPORT).count() == 2
    assert not list((Path(settings.STATE_DIR) / "imports").iterdir())


def test_the_job_of_an_import_speaks_of_rows_and_fields_not_of_a_mapping(client, company):
    job, _ = previewed(client, company, "no,name\n1,Alder\n,Birch\n")
    client.post(url("import-start", company, pk=job.pk))
    job = waiting.run_to_end(Job.objects.latest("pk"))
    text = client.get(reverse("jobs:job", kwargs={"company": company.slug, "pk": job.pk})).content.decode()
    assert "Line 3, column no: No. is blank." in text
    for wrong in ("All of the mapping", "(the job)", "Compared Fields"):
        assert wrong not in text, wrong


def test_what_was_decided_can_be_chosen_again(client, company):
    job, page = previewed(client, company, "no;name;credit_limit\n1;Bjørn;1.234\n".encode("cp1252"))
    assert "can be read in more than one way" in page.content.decode()
    client.post(url("import-again", company, pk=job.pk), chosen(page, encoding="cp1252"))
    job = waiting.run_to_end(Job.objects.latest("pk"))
    page = client.get(url("import-preview", company, pk=job.pk))
    text = page.content.decode()
    assert "may mean thousands or decimals" in text
    assert "Decimal mark of Credit Limit (LCY): not decided, so what may mean two things is refused." in text
    assert ">Not decided</option>" in text
    client.post(url("import-again", company, pk=job.pk), chosen(page, decimal=","))
    job = waiting.run_to_end(Job.objects.latest("pk"))
    client.post(url("import-start", company, pk=job.pk))
    waiting.run_to_end(Job.objects.latest("pk"))
    assert Customer.objects.values_list("name", "credit_limit").get() == ("Bjørn", 1234)


def test_columns_that_no_field_is_named_like_are_chosen_on_the_page(client, company):
    job, page = previewed(client, company, "customerID,companyName,city\nALFKI,Alfreds,Berlin\n")
    assert "Choose below which field each column holds" in page.content.decode()
    for given, said in (
        ({}, "No column gives No."),
        ({"column-0": "no", "column-1": "no"}, "takes customerID already"),
    ):
        refused = client.post(url("import-again", company, pk=job.pk), chosen(page, **given))
        assert said in refused.content.decode()
    choice = chosen(page, **{"column-0": "no", "column-1": "name", "column-2": ""})
    client.post(url("import-again", company, pk=job.pk), choice)
    job = waiting.run_to_end(Job.objects.latest("pk"))
    client.post(url("import-start", company, pk=job.pk))
    waiting.run_to_end(Job.objects.latest("pk"))
    assert Customer.objects.values_list("no", "name", "city").get() == ("ALFKI", "Alfreds", "")


def test_blank_cells_clear_only_when_the_person_agrees(client, company):
    Customer.objects.create(company=company, no="1", name="Alder", city="Oslo")
    job, page = previewed(client, company, "no,name,city\n1,Alder,\n")
    assert "Blank cells over values that records have: 1." in page.content.decode()
    assert job.resume["counts"] == {"unchanged": 1}
    client.post(url("import-again", company, pk=job.pk), chosen(page, blank_clears="on"))
    job = waiting.run_to_end(Job.objects.latest("pk"))
    client.post(url("import-start", company, pk=job.pk))
    waiting.run_to_end(Job.objects.latest("pk"))
    assert Customer.objects.get().city == ""


def test_each_column_has_a_choice_of_its_own_beside_what_was_decided(client, company):
    Item.objects.create(company=company, no="1", description="Stool", unit_price=5, unit_cost=7)
    text = "no;description;unit_price;unit_cost\n1;;1.234;\n2;Table;1.234;1.234\n"
    job, page = previewed(client, company, text, table="item")
    told = page.content.decode()
    assert (
        "Not decided, so what may mean two things is refused. 1.234 is 1.234 with a point, 1234 with a comma." in told
    )
    choice = chosen(page, **{"decimal": ".", "decimal-2": ",", "blanks-3": "clear"})
    client.post(url("import-again", company, pk=job.pk), choice)
    job = waiting.run_to_end(Job.objects.latest("pk"))
    page = client.get(url("import-preview", company, pk=job.pk))
    assert "Over a value that the record has: 1" in page.content.decode()
    assert {name: value for name, value in chosen(page).items() if value in (",", ".", "clear")} == {
        "decimal": ".", "decimal-2": ",", "blanks-3": "clear",
    }  # fmt: skip
    client.post(url("import-start", company, pk=job.pk))
    waiting.run_to_end(Job.objects.latest("pk"))
    assert list(Item.objects.order_by("no").values_list("description", "unit_price", "unit_cost")) == [
        ("Stool", 1234, 0), ("Table", 1234, Decimal("1.234")),
    ]  # fmt: skip


def test_a_column_given_another_field_takes_along_only_choices_that_fit_it(client, company):
    job, page = previewed(client, company, "no;name;credit_limit\n1;Alder;1.234\n")
    choice = chosen(page, **{"decimal-2": ",", "column-2": "city", "blanks-1": "clear"})
    client.post(url("import-again", company, pk=job.pk), choice)
    job = waiting.run_to_end(Job.objects.latest("pk"))
    assert job.resume["plan"]["decimal"] == {}
    client.post(url("import-start", company, pk=job.pk))
    waiting.run_to_end(Job.objects.latest("pk"))
    assert Customer.objects.values_list("name", "city").get() == ("Alder", "1.234")


def preview_rows(answer):
    """Return the rows of a preview's CSV."""
    return list(csv.reader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()))


def test_every_row_of_a_preview_can_be_had_as_a_file_each_once_and_in_the_file_s_order(client, company):
    for number in range(150):
        Customer.objects.create(company=company, no=f"C{number}", name=f"Name {number}", city="Oslo" * (number % 2))
    rows = [f"C{number},Name {number},Oslo" for number in range(150)] + [f"N{number},New," for number in range(130)]
    rows[200:200] = [f",Nobody,{'x' * 30}" for _ in range(120)]
    job, page = previewed(client, company, "no,name,city\n" + "\n".join(rows) + "\n")
    told = page.content.decode()
    assert "the first 100 of 130" in told
    assert "the first 100 of 120" in told
    address = url("import-preview-rows", company, pk=job.pk)
    assert f'href="{address}"' in told
    answer = client.get(address)
    assert answer["Content-Disposition"] == f'attachment; filename="preview-{job.pk}.csv"'
    header, *found = preview_rows(answer)
    assert header == ["Line", "Outcome", "No.", "Name", "Field", "Before", "After", "Why"]
    assert ["2", "Changed", "C0", "Name 0", "City", "", "Oslo", ""] in found
    assert ["3", "Unchanged", "C1", "Name 1", "", "", "", ""] in found
    assert ["153", "New", "N1", "New", "Name", "", "New", ""] in found
    refused = next(row for row in found if row[1] == "Refused")
    assert refused[:7] == ["202", "Refused", "", "", "No.", "", ""]
    assert refused[7] == "No. is blank. Every record needs one."
    lines = [int(row[0]) for row in found]
    assert lines == sorted(lines)
    by_line = {row[0]: row[1] for row in found}
    assert Counter(by_line.values()) == {"Changed": 75, "Unchanged": 75, "New": 130, "Refused": 120}


def test_the_rows_of_a_preview_go_with_its_file(client, company):
    job, _ = previewed(client, company, "no,name\n1,Alder\n")
    address = url("import-preview-rows", company, pk=job.pk)
    client.post(url("import-start", company, pk=job.pk))
    waiting.run_to_end(Job.objects.latest("pk"))
    assert address not in client.get(url("import-preview", company, pk=job.pk)).content.decode()
    answer = client.get(address, follow=True)
    assert "The rows of this preview are no longer kept." in answer.content.decode()


def test_with_several_companies_the_company_is_chosen(client, company):
    assert 'type="hidden" name="company"' in client.get(url("import", company)).content.decode()
    other = Company.objects.create(name="Birch", currency_code="EUR")
    assert '<select name="company"' in client.get(url("import", company)).content.decode()
    job = upload(client, company, "no,name\n1,x\n", into=other)
    assert job.company == other
    page = client.post(url("import", company), {"company": "nowhere", "table": "customer"})
    assert "Select a valid choice" in page.content.decode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n\n", "begin with a header"),
        (b"\x00\x01\x02\xff" * 50, "not text"),
        (b"PK\x03\x04 not a workbook", "not an Excel workbook"),
        (b"name\nAlder\n", "No column gives no (No.), which every record of Customer needs."),
        (b"no,name,No.\n1,a,2\n", "both mean no"),
        (b"no,no\n1,2\n", "more than once"),
        (b"no,name\n", "a header, and no row below it"),
        (b"<html><table></table></html>", "web page"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(client, company, content, said):
    job, page = previewed(client, company, content)
    text = page.content.decode()
    assert said in text
    assert "Preview again" in text
    assert job.state == State.FAILED
    assert not Customer.objects.exists()
    client.post(url("import-start", company, pk=job.pk))
    assert Job.objects.count() == 1


def test_without_a_file_or_with_one_too_large_the_page_says_so(client, company, monkeypatch):
    data = {"company": company.slug, "table": "customer"}
    assert "Choose the file to import." in client.post(url("import", company), data).content.decode()
    empty = client.post(url("import", company), {**data, "file": SimpleUploadedFile("a.csv", b"")})
    assert "The file is empty." in empty.content.decode()
    monkeypatch.setattr(import_form, "LIMITS", Limits(bytes=2**20))
    large = client.post(url("import", company), {**data, "file": SimpleUploadedFile("a.csv", b"x" * 2**21)})
    assert "The file has 2 MB; at most 1 MB are read." in large.content.decode()
    assert not Job.objects.exists()


def test_what_waits_is_for_us_alone_to_read(client, company):
    upload(client, company, "no,name\n1,Alder\n")
    (folder,) = (Path(settings.STATE_DIR) / "imports").iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o177 == 0 for file in folder.iterdir())


def test_the_page_reads_no_file_itself(client, company, monkeypatch):
    monkeypatch.setattr(reader, "read_content", lambda *_: pytest.fail("read in the web process"))
    job = upload(client, company, "no,name\n1,Alder\n")
    page = client.get(url("import-preview", company, pk=job.pk))
    assert page.context["page"].progress is not None


def test_a_file_that_has_gone_is_said_so(client, company):
    job, page = previewed(client, company, "no,name\n1,Alder\n")
    for folder in (Path(settings.STATE_DIR) / "imports").iterdir():
        (folder / "file").unlink()
    for name in ("import-again", "import-start"):
        answer = client.post(url(name, company, pk=job.pk), chosen(page, **{"column-0": "no"}), follow=True)
        assert "The file has been imported already, or waited too long." in answer.content.decode()
    assert not Customer.objects.exists()


def test_a_job_that_is_no_preview_of_the_company_is_not_found(client, company):
    other = Company.objects.create(name="Birch", currency_code="EUR")
    job, _ = previewed(client, company, "no,name\n1,Alder\n")
    assert client.get(url("import-preview", other, pk=job.pk)).status_code == 404
    assert client.post(url("import-start", other, pk=job.pk)).status_code == 404
    client.post(url("import-start", company, pk=job.pk))
    assert client.get(url("import-preview", company, pk=Job.objects.latest("pk").pk)).status_code == 404


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "=cmd|' /C calc'!A0"])
def test_what_a_cell_holds_is_shown_as_text_and_kept_as_text(client, company, name):
    Customer.objects.create(company=company, no="1", name="Alder")
    job, page = previewed(client, company, f'no,name\n1,"{name}"\n2,"{name}"\n')
    assert "<script>alert" not in page.content.decode()
    client.post(url("import-start", company, pk=job.pk))
    waiting.run_to_end(Job.objects.latest("pk"))
    assert set(Customer.objects.values_list("name", flat=True)) == {name}


def test_tell_me_and_the_lists_lead_to_the_page(client, company):
    found = client.get(reverse("ui:search", kwargs={"company": company.slug}), {"q": "import"}).content.decode()
    assert url("import", company) in found
    listed = client.get(url("list", company, table="vendor")).content.decode()
    assert f"{url('import', company)}?table=vendor" in listed


# -- export ------------------------------------------------------------------------------------------------------------

FORMULAS = [
    "=cmd|' /C calc'!A0", "==1+1", "@SUM(1)", "+1+cmd", "-2+3+cmd", "\t=1", "'=kept", "+47 22 33 44", "-", "plain",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_holds_no_formula_and_reads_back_as_it_was(client, company, kind):
    for number, name in enumerate(FORMULAS):
        Customer.objects.create(company=company, no=f"C{number}", name=name, name_2=name)
    answer = client.get(url("export", company, table="customer", kind=kind))
    content = answer.getvalue() if answer.streaming else answer.content
    assert answer["Content-Disposition"] == f'attachment; filename="customer.{kind}"'
    if kind == "xlsx":
        cells = [cell for row in load_workbook(BytesIO(content)).active for cell in row]
        assert "f" not in {cell.data_type for cell in cells}
    before = dict(Customer.objects.values_list("no", "name"))
    Customer.objects.update(name="")
    job, _ = previewed(client, company, content, name=f"customer.{kind}")
    client.post(url("import-start", company, pk=job.pk))
    started = waiting.run_to_end(Job.objects.latest("pk"))
    assert started.counters["failed"] == 0
    assert {no: name.strip() for no, name in before.items()} == dict(Customer.objects.values_list("no", "name"))


def test_an_export_is_narrowed_as_the_list_is_and_names_fields_as_pages_do(client, company):
    Customer.objects.create(company=company, no="1", name="Alder")
    Customer.objects.create(company=company, no="2", name="Birch")
    answer = client.get(url("export", company, table="customer", kind="csv"), {"q": "Birch"})
    header, row = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert header.startswith("No.,Name,")
    assert "VAT Registration No." in header
    assert row.startswith("2,Birch,")
    assert client.get(url("export", company, table="customer", kind="pdf")).status_code == 404


def test_a_workbook_goes_through_the_page_as_a_csv_does(client, company):
    book, file = Workbook(), BytesIO()
    for row in (["No.", "Name", "City", None], [1, "Åse", "Oslo", None], [None] * 4):
        book.active.append(row)
    book.save(file)
    job, page = previewed(client, company, file.getvalue(), name="customers.xlsx")
    assert job.resume["counts"] == {"inserted": 1}, page.content.decode()
