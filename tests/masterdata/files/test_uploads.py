"""A file imported by the admin's page: as people really have it, refused in words where it will not do."""

import os
import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import Workbook

from masterdata.files import uploads
from masterdata.models import ChangedBy, Company, Customer
from tests.masterdata.test_admin import admin

__all__ = ["admin"]
IMPORT = "admin:masterdata_customer_import"
CONFIRM = "admin:masterdata_customer_process_import"


@pytest.fixture(autouse=True)
def nothing_waits() -> None:
    for file in (Path(settings.STATE_DIR) / "imports").glob("*"):
        file.unlink()


def upload(admin, content, name="customers.csv"):
    raw = content if isinstance(content, bytes) else content.encode()
    return admin.post(reverse(IMPORT), {"import_file": SimpleUploadedFile(name, raw), "format": "0"})


def confirm(admin, page, **changed):
    return admin.post(
        reverse(CONFIRM), {**page.context["confirm_form"].initial, "resource": "", **changed}, follow=True
    )


def workbook(*rows):
    book, file = Workbook(), BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def refused(page):
    """The sentence why a file was not taken."""
    assert page.status_code == 200
    assert "confirm_form" not in page.context
    return " ".join(page.context["form"].errors.get("import_file", []))


@pytest.mark.parametrize(
    "content",
    [
        "company,no,name,city\nAlder & Finch,1,Åse,Oslo\n".encode(),
        "company,no,name,city\nAlder & Finch,1,Åse,Oslo\n".encode("utf-8-sig"),
        "company;no;name;city\r\nAlder & Finch;1;Åse;Oslo\r\n".encode("cp1252"),
        "company\tno\tname\tcity\nAlder & Finch\t1\tÅse\tOslo\n".encode("utf-16"),
        "No.;Name;City\n1;Åse;Oslo\n".encode(),
        workbook(["company", "no", "name", "city"], ["Alder & Finch", 1, "Åse", "Oslo"]),
        workbook(["No.", "Name", "City", None], ["1", "Åse", "Oslo", None], [None, None, None, None]),
    ],
    ids=[
        "UTF-8",
        "with a mark",
        "Windows, semicolons",
        "UTF-16, tabs",
        "captions, one company",
        "workbook",
        "captions",
    ],
)
def test_a_file_is_read_as_the_command_reads_one(admin, company, content):
    page = upload(admin, content)
    assert [row.import_type for row in page.context["result"].valid_rows()] == ["new"], refused(page)
    assert not Customer.objects.exists()
    answer = confirm(admin, page)
    assert "Import finished" in answer.content.decode()
    one = Customer.objects.get()
    assert (one.company, one.no, one.name, one.city, one.changed_by) == (company, "1", "Åse", "Oslo", ChangedBy.IMPORT)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The submitted file is empty."),
        (b"\n\n", "begin with a header"),
        (b"\x00\x01\x02\xff" * 50, "not text"),
        (b"PK\x03\x04 not a workbook", "not an Excel workbook"),
        (b'no,name\n1,Alder,"torn, off\n2,x\n', "Line 2"),
        (b"no,name\n1,Alder,Birch\n", "Line 2: The row has 3 values, the header names 2 columns."),
        (
            b"no,name,shoe_size\n1,Alder,44\n",
            "no field for the file's column shoe_size. The possible ones are: no, name",
        ),
        (b"name\nAlder\n", "No column gives no (No.), which every record of Customer needs."),
        (b"no,name,No.\n1,a,2\n", "both mean no"),
        (b"no,no\n1,2\n", "more than once"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(admin, company, content, said):
    told = refused(upload(admin, content))
    assert said in told
    assert "Exception" not in told
    assert "Traceback" not in told


def test_rows_that_will_not_do_are_each_told_and_none_goes_in(admin, company):
    page = upload(
        admin,
        'no,name,credit_limit,blocked\n1,Alder,100,\n,Nobody,1,\n2,Birch,much,\n3,Cedar,"1.234,5",\n'
        f"1,Again,1,\n4,{'x' * 200},1,\n5,Elm,1,perhaps\n",
    )
    wrong = {row.number: " ".join(row.error.messages) for row in page.context["result"].invalid_rows}
    assert set(wrong) == {2, 3, 5, 6, 7}
    assert "No. is blank" in wrong[2]
    assert "'much' is not a number. Write digits with a decimal point" in wrong[3]
    assert "1 is already in row 1. Keep one of the two rows." in wrong[5]
    assert "has 200 characters; Name takes" in wrong[6]
    assert "is no choice of Blocked" in wrong[7]
    text = page.content.decode()
    assert "much" in text
    assert "confirm_form" not in page.context
    assert not Customer.objects.exists()


def test_a_row_of_a_company_that_is_not_there_is_told_and_one_of_another_goes_there(admin, company):
    other = Company.objects.create(name="Birch", currency_code="EUR")
    Customer.objects.create(company=company, no="1", name="Ours")
    assert "needs a column company" in refused(upload(admin, "no,name\n1,x\n"))
    page = upload(admin, "company,no,name\nNowhere,1,x\n")
    (row,) = page.context["result"].invalid_rows
    assert row.error.message_dict["company"] == ["There is no company called 'Nowhere'."]
    confirm(admin, upload(admin, "company,no,name\nBirch,1,Theirs\n"))
    assert sorted(Customer.objects.values_list("company__name", "name")) == [
        ("Alder & Finch", "Ours"),
        ("Birch", "Theirs"),
    ]
    assert other.pk


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "=cmd|' /C calc'!A0"])
def test_what_a_cell_holds_is_shown_as_text_and_kept_as_text(admin, company, name):
    Customer.objects.create(company=company, no="1", name="Alder")
    page = upload(admin, f'no,name\n1,"{name}"\n2,"{name}"\n')
    text = page.content.decode()
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    confirm(admin, page)
    assert set(Customer.objects.values_list("name", flat=True)) == {name}
    listed = admin.get(reverse("admin:masterdata_customer_changelist")).content.decode()
    assert "<script>alert" not in listed
    assert "<img src=x" not in listed


def test_a_large_file_is_previewed_and_a_larger_one_is_the_commands(admin, company, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_ROWS", 300)
    rows = "".join(f"C{n},Customer {n}\n" for n in range(300))
    page = upload(admin, "no,name\n" + rows)
    assert len(page.context["result"].valid_rows()) == 300
    confirm(admin, page)
    assert Customer.objects.count() == 300
    for file in (
        "no,name\n" + rows + "C300,One more\n",
        workbook(["no", "name"], *([f"C{n}", "x"] for n in range(301))),
    ):
        told = refused(upload(admin, file))
        assert "more than 300 rows" in told
        assert "manage.py masterdata import customer FILE --company NAME" in told
    monkeypatch.setattr(uploads, "MOST_BYTES", 2**20)
    assert "a page takes 1 MB" in refused(upload(admin, "no,name\n" + "x" * 2**21))


def test_a_workbook_that_unpacks_without_end_is_not_unpacked(admin, company, monkeypatch):
    file = BytesIO(workbook(["no"], ["1"]))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/media/zeros.bin", b"\0" * (3 * 2**20))
    monkeypatch.setattr("masterdata.files.reading._MAX_UNPACKED", 2**20)
    assert "unpacks to 3 MB" in refused(upload(admin, file.getvalue(), "bomb.xlsx"))


def test_what_was_confirmed_is_imported_once_and_nothing_is_left_behind(admin, company):
    page = upload(admin, "no,name\n1,Alder\n")
    folder = Path(settings.STATE_DIR) / "imports"
    (waiting,) = folder.iterdir()
    assert waiting.stat().st_mode & 0o077 == 0
    confirm(admin, page)
    assert not list(folder.iterdir())
    again = confirm(admin, page)
    assert again.status_code == 200
    assert "imported already, or waited too long" in again.content.decode()
    assert Customer.objects.count() == 1


@pytest.mark.parametrize("name", ["../secret-key", "secret-key", "/etc/passwd", "x" * 32, "0" * 32, ""])
def test_only_a_file_that_waits_can_be_confirmed(admin, company, name):
    page = upload(admin, "no,name\n1,Alder\n")
    answer = confirm(admin, page, import_file_name=name)
    assert answer.status_code == 200
    assert not Customer.objects.exists()
    assert settings.SECRET_KEY[:20] not in answer.content.decode()


@pytest.mark.parametrize("changed", [{"format": "7"}, {"format": "x"}, {"resource": "9"}, {"format": ""}])
def test_a_forged_confirmation_is_refused(admin, company, changed):
    page = upload(admin, "no,name\n1,Alder\n")
    assert confirm(admin, page, **changed).status_code == 200
    assert not Customer.objects.exists()


def test_what_nobody_confirmed_goes_after_an_hour(admin, company):
    upload(admin, "no,name\n1,Alder\n")
    folder = Path(settings.STATE_DIR) / "imports"
    (old,) = folder.iterdir()
    os.utime(old, (time.time() - 3700,) * 2)
    upload(admin, "no,name\n1,Alder\n")
    assert old not in list(folder.iterdir())


def test_an_import_says_in_the_log_who_made_it(admin, company):
    from django.contrib.admin.models import LogEntry

    confirm(admin, upload(admin, "no,name\n1,Alder\n"))
    entry = LogEntry.objects.latest("action_time")
    assert (entry.user.username, entry.object_repr) == ("ada", "customers.csv")
    assert entry.change_message == "Imported from a file: 1 new, 0 changed, 0 unchanged."


def test_what_changed_between_preview_and_confirmation_is_told_and_nothing_is_written(admin, company):
    other = Company.objects.create(name="Birch", currency_code="EUR")
    page = upload(admin, "company,no,name\nAlder & Finch,1,x\nBirch,2,y\n")
    other.delete()
    assert "There is no company called" in confirm(admin, page).content.decode()
    assert not Customer.objects.exists()


def test_a_preview_asks_the_database_little_and_writes_nothing(admin, company, django_assert_max_num_queries):
    for n in range(0, 200, 2):
        Customer.objects.create(company=company, no=f"C{n}", name=f"Customer {n}")
    before = list(Customer.objects.order_by("pk").values())
    with CaptureQueriesContext(connection) as asked:
        page = upload(admin, "no,name\n" + "".join(f"C{n},Customer {n}\n" for n in range(200)))
    assert len([one for one in asked.captured_queries if "SAVEPOINT" not in one["sql"]]) < 30
    kinds = [row.import_type for row in page.context["result"].valid_rows()]
    assert (kinds.count("skip"), kinds.count("new")) == (100, 100)
    assert list(Customer.objects.order_by("pk").values()) == before
    with django_assert_max_num_queries(40):
        assert "100 new, 0 changed, 100 unchanged." in confirm(admin, page).content.decode()
