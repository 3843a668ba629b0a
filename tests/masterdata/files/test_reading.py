"""Files of master data as people really have them."""

import csv
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from masterdata.files.csv_lines import SEPARATORS, separator_of
from masterdata.files.kept import keep_path
from masterdata.files.reading import read_content
from masterdata.files.types import Options, Unreadable


def read(content, **options):
    """Return a file's header and all of its rows."""
    sheet = read_content(content, Options(**options))
    sheet.lines = list(sheet.lines)
    return sheet


@pytest.mark.parametrize("delimiter", SEPARATORS)
def test_the_delimiter_is_found_in_the_header(delimiter):
    assert separator_of(delimiter.join(["no", "name", "city"]) + "\n1,5;3") == delimiter


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [('"a;b;c;d",x,y\n', ","), ("only\n1\n", "\t"), ("\n\nno;name\n", ";"), ("no\tname of it, or not\n", "\t")],
)
def test_a_delimiter_inside_quotation_marks_does_not_count(text, delimiter):
    assert separator_of(text) == delimiter


@pytest.mark.parametrize(
    "content",
    [
        "no;name\n1;Müller\n".encode(),
        b"\xef\xbb\xbf" + "no;name\n1;Müller\n".encode(),
        "no;name\r\n1;Müller\r\n".encode("cp1252"),
        "no;name\n1;Müller\n".encode("utf-16"),
    ],
    ids=["UTF-8", "UTF-8 with byte order mark", "Windows-1252", "UTF-16"],
)
def test_the_encodings_of_spreadsheet_programs_are_read(content):
    sheet = read(content)
    assert sheet.columns == ["no", "name"]
    assert [line.values for line in sheet.lines] == [["1", "Müller"]]


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00\x00\x00", b"no,name\n1,a\0b\n", b"\xff\xfea"])
def test_what_is_not_text_is_refused_with_a_way_out(content):
    with pytest.raises(Unreadable, match="Save it as CSV"):
        read(content)


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(content):
    with pytest.raises(Unreadable, match="header"):
        read(content)


def test_a_column_named_twice_is_refused():
    with pytest.raises(Unreadable, match="names 'name' more than once"):
        read(b"no,name,name\n1,a,b\n")


def test_lines_are_counted_as_an_editor_counts_them():
    sheet = read(b'no,name\n1,"two\nlines"\n\n2,b\n')
    assert [(line.number, line.values) for line in sheet.lines] == [(2, ["1", "two\nlines"]), (5, ["2", "b"])]


def test_a_row_torn_by_an_unquoted_delimiter_is_reported_with_the_value_to_quote():
    line = read("no,name,address,city\n1,Blondel,24, place Kléber,Strasbourg\n".encode()).lines[0]
    assert (line.number, line.column) == (2, "address")
    assert line.problem == "The row has 5 values, the header names 4 columns."
    assert '"24, place Kléber"' in line.fix


def test_a_row_with_too_few_values_is_reported_with_the_first_missing_column():
    line = read(b"no,name,city\n1,Alder\n").lines[0]
    assert line.column == "city"
    assert "2 values" in line.problem


def test_blank_values_after_the_last_column_are_no_fault():
    sheet = read(b"no,name,,\n1,Alder,,\n2,Birch,,,,\n")
    assert sheet.columns == ["no", "name"]
    assert [line.values for line in sheet.lines] == [["1", "Alder"], ["2", "Birch"]]


def test_a_missing_quotation_mark_costs_its_own_line_and_no_other():
    lines = read(b'no,name\n1,"Alder\n' + b"2,Birch\n" * 200_000).lines
    assert len(lines) == 200_001
    assert [line for line in lines if line.problem] == lines[:1]
    assert (lines[0].number, lines[0].column) == (2, "name")
    assert lines[0].problem == "The quotation mark before 'Alder' is not closed."
    assert (lines[-1].number, lines[-1].values) == (200_002, ["2", "Birch"])


def test_a_workbook_is_read_like_its_csv(tmp_path):
    book = Workbook()
    sheet = book.active
    sheet.append(["no", "name", "credit_limit", "blocked"])
    sheet.append([10000, "Alder", 1500.5, None])
    sheet.append([None, None, None, None])
    sheet.append(["00020", "Birch", 20.0, True])
    book.save(tmp_path / "customers.xlsx")
    sheet = read((tmp_path / "customers.xlsx").read_bytes())
    assert [(line.number, line.values) for line in sheet.lines] == [
        (2, ["10000", "Alder", "1500.5", ""]),
        (4, ["00020", "Birch", "20", "true"]),
    ]


@pytest.mark.parametrize("content", [b"PK\x03\x04 no workbook", b"PK\x03\x04"])
def test_a_file_that_only_looks_like_a_workbook_is_refused(content):
    with pytest.raises(Unreadable, match="not an Excel workbook"):
        read(content)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Unreadable, match="There is no file"):
        keep_path(tmp_path / "nothing.csv")
    with pytest.raises(Unreadable, match="is a folder"):
        keep_path(tmp_path)


def read_rows(content):
    """Return the rows; none where the file says that it has none."""
    try:
        return [line.values for line in read(content).lines]
    except Unreadable as refusal:
        assert "no row below it" in str(refusal)
        return []


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(cells, cells, cells), max_size=20), st.sampled_from(SEPARATORS), st.booleans())
@example([("\r", "", "x")], ";", False)
def test_what_a_csv_writer_wrote_is_read_back(rows, delimiter, mark):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["no", "name", "city"])
    writer.writerows(rows)
    content = out.getvalue().encode("utf-8-sig" if mark else "utf-8")
    wanted = [[value.strip() for value in row] for row in rows if any(value.strip() for value in row)]
    assert read_rows(content) == wanted


@settings(deadline=None)
@given(st.binary(max_size=400))
@example(b"PK\x03\x04")
def test_any_bytes_are_read_or_refused_with_a_sentence(content):
    try:
        sheet = read(content)
    except Unreadable as refusal:
        assert str(refusal).endswith(".")
    else:
        assert all(line.problem or len(line.values) == len(sheet.columns) for line in sheet.lines)
