"""Files made to do harm: each ends by a limit of ours, with a sentence; nothing but its reader is touched."""

import os
import resource
import subprocess
import sys
import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from coupling.records import import_services
from jobs.models import Job, State
from masterdata import catalog
from masterdata.files import kept
from masterdata.files.reader import read_file
from masterdata.files.types import LIMITS, Limits, Options, Unreadable
from masterdata.models import Company, Customer
from tests.jobs.running.test_worker import database_url
from tests.masterdata.files.workbooks import HEADER, MAIN, row, text, workbook


@pytest.fixture
def refusal(tmp_path):
    """Read a file in its process; gives the sentence why it was refused. Neither it nor we take more than the limit."""

    def refusal(content, limits=LIMITS):
        path = tmp_path / "file"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content(path)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(Unreadable) as refused:
            read_file(path, tmp_path / "rows", Options(), limits=limits)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
        assert refused.value.fix
        return refused.value.message

    return refusal


def packed(name, parts, **more):
    """Return a workbook with one more part, written bit by bit."""

    def write(path):
        path.write_bytes(workbook(HEADER, row(2, text("A2", "1")), **more))
        with (
            zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as book,
            book.open(name, "w", force_zip64=True) as part,
        ):
            for content in parts:
                part.write(content)

    return write


def zip_bomb():
    return packed("xl/media/zeros.bin", (b"\0" * 2**20 for _ in range(600)))


def shared_texts(count, said):
    """Return a workbook with so many texts, which says how many it has."""
    many = (b"<si/>" * 50_000 for _ in range(count // 50_000))
    parts = (f'<sst xmlns="{MAIN}" uniqueCount="{said}">'.encode(), *many, b"</sst>")
    return packed("xl/sharedStrings.xml", parts, texts_at="sharedStrings.xml")


def large(path):
    """Write a file of 200 MB that takes no room."""
    with path.open("wb") as file:
        file.write(b"no,name\n")
        file.truncate(200 * 2**20)


def test_a_zip_bomb_is_not_unpacked(refusal):
    began = time.monotonic()
    said = refusal(zip_bomb())
    assert "The workbook unpacks to 600 MB; at most 500 MB are read." in said
    assert time.monotonic() - began < 60


def test_a_sheet_that_unpacks_to_more_than_the_archive_says_is_refused(refusal):
    content = bytearray(workbook(HEADER, *(row(n, text(f"A{n}", n)) for n in range(2, 5000))))
    size = zipfile.ZipFile(BytesIO(bytes(content))).getinfo("xl/worksheets/sheet1.xml").file_size
    content = bytes(content).replace(size.to_bytes(4, "little"), (200).to_bytes(4, "little"))
    assert "damaged" in refusal(content)


def test_25_million_shared_texts_are_refused_before_one_is_read(refusal):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert "holds more than 5,000,000 texts" in refusal(shared_texts(25_000_000, "25000000"))
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 3, "processor seconds of the reader"


@pytest.mark.processes
def test_25_million_shared_texts_of_a_workbook_that_says_otherwise_are_not_kept(refusal):
    assert "holds more than 5,000,000 texts" in refusal(shared_texts(25_000_000, "3"))


def test_what_a_workbook_says_about_its_size_is_not_what_counts(refusal):
    """Texts, rows and bytes are counted while they are read."""
    assert "more than 1,000 texts" in refusal(shared_texts(50_000, "3"), Limits(texts=1000))
    rows = [row(n, text(f"A{n}", n)) for n in range(2, 400)]
    small = '<dimension ref="A1:C2"/>'
    assert "more than 100 rows of 3 columns" in refusal(workbook(HEADER, *rows, dimension=small), Limits(cells=300))
    again = workbook(HEADER, *rows, texts_at="worksheets/sheet1.xml")  # the sheet is its own list of texts: read twice
    size = sum(part.file_size for part in zipfile.ZipFile(BytesIO(again)).infolist())
    assert "unpacks to more than 0 MB" in refusal(again, Limits(unpacked=size + 1000))


def test_a_value_in_the_last_cell_there_is_is_refused_by_its_column(refusal):
    said = refusal(workbook(HEADER, row(1048576, text("XFD1048576", "x"))))
    assert said == "Row 1048576 has a value in column XFD; at most 500 columns are read."
    thousand = workbook(HEADER, *(row(n, text(f"XFD{n}", "x")) for n in range(2, 1002)))
    assert "column XFD" in refusal(thousand)


@pytest.mark.parametrize("columns", [10_000, 20_000])
def test_a_header_of_too_many_columns_is_refused_at_once(refusal, columns):
    began = time.monotonic()
    said = refusal((",".join(f"c{n}" for n in range(columns)) + "\n" + "," * columns + "\n").encode())
    assert said == f"The header names {columns:,} columns; at most 500 are read."
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("content", [b"\0" * 2**20, b"no,name\n1,a\0b\n", b"no,name\n1,a\n" * 1000 + b"\0"])
def test_zero_characters_are_no_text(refusal, content):
    assert refusal(content) == "The file is not text."


def test_zero_characters_in_a_workbook_are_refused(refusal):
    assert "damaged" in refusal(workbook(HEADER, row(2, text("A2", "a\0b"))))


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]>',
        '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
    ],
)
def test_xml_entities_are_not_taken(refusal, document):
    cell = '<c r="A2" t="inlineStr"><is><t>&c;&a;</t></is></c>'
    assert "defines XML entities" in refusal(workbook(HEADER, row(2, cell), before=document))


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels"])
def test_xml_entities_are_not_taken_in_any_part(refusal, part):
    evil = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "x">]><a>&a;</a>'
    content = workbook(HEADER, row(2, text("A2", "1")), texts="<si/>", others={part: evil})
    assert "defines XML entities" in refusal(content)


def test_a_file_past_the_limit_of_bytes_is_not_read(refusal):
    assert refusal(large) == "The file has 200 MB; at most 100 MB are read."
    with pytest.raises(Unreadable, match="more than 1 MB"):
        kept.keep((b"x" * 2**16 for _ in range(17)), limits=Limits(bytes=2**20))


@pytest.mark.processes
def test_too_many_rows_are_refused(refusal):
    assert "more than 1,048,576 rows" in refusal(b"no\n" + b"1\n" * (LIMITS.rows + 1))


def test_too_many_cells_are_refused(refusal):
    content = b"a,b,c,d\n" + b"1,2,3,4\n" * 300
    assert "more than 250 rows of 4 columns" in refusal(content, Limits(cells=1000))


def test_one_line_without_end_is_refused(refusal):
    assert "runs on without end" in refusal(b"no,name\n1," + b"x" * (20 * 2**20) + b"\n")
    refusal(b'no,name\n1,"' + b"x\n" * (10 * 2**20))


def test_more_memory_than_the_limit_ends_the_reader_alone(refusal):
    many = "".join(f"<si><t>{n:0100}</t></si>" for n in range(300_000))
    said = refusal(workbook(HEADER, row(2, text("A2", "1")), texts=many), Limits(memory=160 * 2**20))
    assert said == "Reading the file takes more than 160 MB of memory, which no list of records needs."


def test_more_time_than_the_limit_ends_the_reader_alone(refusal):
    rows = b"no,name\n" + b"1,a\n" * 900_000
    for limits, seconds in ((Limits(cpu_s=1), 1), (Limits(wall_s=0), 0)):
        assert f"takes longer than {seconds} seconds" in refusal(rows, limits)


KINDS = {
    "zip bomb": (zip_bomb(), "unpacks to 600 MB"),
    "25 million texts": (shared_texts(25_000_000, "25000000"), "more than 5,000,000 texts"),
    "last cell": (workbook(HEADER, row(1048576, text("XFD1048576", "x"))), "value in column XFD"),
    "10,000 columns": (",".join(f"c{n}" for n in range(10_000)).encode(), "names 10,000 columns"),
    "zeros": (b"\0" * 100, "is not text"),
    "entities": (workbook(HEADER, before='<!DOCTYPE a [<!ENTITY a "ha">]>'), "defines XML entities"),
    "200 MB": (large, "has 200 MB"),
    "good": (b"no,name\n1,Alder\n", ""),
}
WORK = "import django; django.setup(); from jobs.running.runner import run; [run(int(pk)) for pk in {pks}]"


@pytest.mark.processes
@pytest.mark.sample
@pytest.mark.django_db(transaction=True)
def test_one_worker_meets_every_kind_and_goes_on(settings):
    company = Company.objects.create(name="CRONUS", currency_code="EUR")
    jobs = []
    for name, (content, _) in KINDS.items():
        file = kept.keep([content if isinstance(content, bytes) else b"a"])
        if callable(content):
            content(file.path)
        jobs.append(
            import_services.start_import(
                company=company, table=catalog.table("customer"), file=file, file_name=name, preview=name != "good"
            )
        )
    environment = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    worker = [sys.executable, "-c", WORK.format(pks=[job.pk for job in jobs])]
    subprocess.run(worker, cwd=settings.BASE_DIR, env=environment, check=True, timeout=120)
    for job, (_, said) in zip(Job.objects.order_by("pk"), KINDS.values(), strict=True):
        assert (job.state, job.failure_reason) == ((State.FAILED, "unreadable_file") if said else (State.FINISHED, ""))
        assert said in job.message
    assert Customer.objects.get().name == "Alder"


def test_a_kept_file_is_its_owner_s_alone():
    assert Path(kept.keep([b"x"]).path).stat().st_mode & 0o177 == 0
