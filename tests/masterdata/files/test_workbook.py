"""Excel workbooks: what their cells hold, never what the sheet says about itself, and nothing guessed."""

from datetime import date, datetime, time
from io import BytesIO

import pytest
from openpyxl import Workbook

from masterdata.files.reading import read_content
from masterdata.files.types import Kind, Options, Unreadable
from tests.masterdata.files.workbooks import HEADER, row, text, workbook


def lines(content, **options):
    return list(read_content(content, Options(**options)).lines)


def saved(book):
    out = BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("said", ["A1:A1", "A1:XFD1048576", "A1"])
def test_a_sheet_s_own_dimension_is_not_believed(said):
    rows = row(2, text("A2", "1"), text("B2", "Fir")), row(3, text("A3", "2"))
    content = workbook(HEADER, *rows, dimension=f'<dimension ref="{said}"/>')
    assert [line.values for line in lines(content)] == [["1", "Fir", ""], ["2", "", ""]]


def test_an_error_cell_and_a_formula_without_result_are_marked_and_never_blank():
    content = workbook(
        HEADER, row(2, text("A2", "1"), '<c r="B2"><f>A2&amp;"x"</f></c>', '<c r="C2" t="e"><v>#N/A</v></c>'),
        row(3, text("A3", "2"), '<c r="B3" t="str"><f>A3</f><v>Fir</v></c>', '<c r="C3"><f>1</f><v></v></c>'),
    )  # fmt: skip
    one, other = lines(content)
    assert [one.kind(n) for n in range(3)] == [Kind.TEXT, Kind.NO_RESULT, Kind.ERROR]
    assert one.values[2] == "#N/A"
    assert [other.kind(n) for n in range(3)] == [Kind.TEXT, Kind.TEXT, Kind.NO_RESULT]
    assert other.values[1] == "Fir"


def test_numbers_and_dates_are_what_the_cells_hold():
    book = Workbook()
    book.active.append(["no", "a", "b", "c", "d"])
    book.active.append([493012000000, 1500.5, date(2026, 1, 31), datetime(2026, 1, 31, 9, 5), time(9, 5)])
    book.active.append([1e20, 0.0000001, -3, True, 20.0])
    one, other = lines(saved(book))
    assert one.values == ["493012000000", "1500.5", "2026-01-31", "2026-01-31T09:05:00", "09:05:00"]
    assert [one.kind(n) for n in range(5)] == [Kind.NUMBER, Kind.NUMBER, Kind.DATE, Kind.DATE, Kind.TEXT]
    assert other.values == ["100000000000000000000", "0.0000001", "-3", "true", "20"]


def test_the_sheet_that_is_shown_is_read_or_the_chosen_one():
    content = workbook(HEADER, row(2, text("A2", "1")), sheets=[("Info", "hidden"), ("Customers", "visible")])
    sheet = read_content(content)
    assert (sheet.facts.sheet, sheet.facts.sheets, len(list(sheet.lines))) == ("Customers", ["Customers"], 1)
    with pytest.raises(Unreadable, match=r"no sheet 'Vendors'. Its sheets are: Info, Customers"):
        read_content(content, Options(sheet="Vendors"))
    hidden = workbook(HEADER, row(2, text("A2", "1")), sheets=[("A", "hidden"), ("B", "veryHidden")])
    with pytest.raises(Unreadable, match=r"shows none of its sheets: A, B.*--sheet"):
        read_content(hidden)
    assert [line.values[0] for line in lines(hidden, sheet="b")] == ["1"]


def test_several_sheets_are_told_beside_the_one_that_is_read():
    book = Workbook()
    book.active.title = "First"
    book.create_sheet("Second")
    book.active.append(["no"])
    book.active.append(["1"])
    assert read_content(saved(book)).facts.sheets == ["First", "Second"]


def test_a_value_beside_the_header_s_columns_is_reported():
    (line,) = lines(workbook(HEADER, row(2, text("A2", "1"), text("F2", "stray"))))
    assert "'stray'" in line.problem


def test_styled_blank_cells_far_away_are_no_values():
    content = workbook(HEADER, row(2, text("A2", "1"), '<c r="XFD2" s="1"/>'), row(1048576, '<c r="A1048576"/>'))
    assert [line.values for line in lines(content)] == [["1", "", ""]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (workbook(HEADER), "a header, and no row below it"),
        (workbook(), "The file is empty"),
        (workbook(row(1, '<c r="A1" t="e"><v>#REF!</v></c>')), "the header, holds #REF!"),
        (workbook(HEADER, "<row>"), "damaged"),
        (workbook(HEADER, row(2, '<c r="A2" t="s"><v>7</v></c>')), "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old kind"),
        (b"<html><table><tr><th>No.</th></tr></table></html>", "web page"),
        (b"\xef\xbb\xbf \n<!DOCTYPE html><p>", "web page"),
        (b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "XML spreadsheet"),
        (workbook(HEADER, others={"xl/workbook.bin": b""}), "binary workbook"),
    ],
)
def test_what_is_no_workbook_of_records_is_refused_with_a_sentence_and_a_way_out(content, said):
    with pytest.raises(Unreadable) as refused:
        lines(content)
    assert said in refused.value.message
    assert refused.value.fix
