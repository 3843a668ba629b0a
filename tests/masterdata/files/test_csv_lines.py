"""Text files taken apart: separators, quotation marks, the header alone."""

import pytest

from masterdata.files.reading import read_content
from masterdata.files.types import Options, Unreadable


def read(content, **options):
    sheet = read_content(content, Options(**options))
    return sheet, list(sheet.lines)


@pytest.mark.parametrize("content", [b"sep=;\r\nNo.;Name\r\n1;a,b\r\n", b"\xef\xbb\xbfSEP=;\nNo.;Name\n1;a,b\n"])
def test_excel_s_line_sep_names_the_separator_and_is_no_header(content):
    sheet, (line,) = read(content)
    assert (sheet.columns, sheet.facts.separator) == (["No.", "Name"], ";")
    assert (line.number, line.values) == (3, ["1", "a,b"])


@pytest.mark.parametrize(
    ("chosen", "separator"), [(";", ";"), ("tab", "\t"), ("\\t", "\t"), ("comma", ","), ("#", "#")]
)
def test_a_chosen_separator_counts(chosen, separator):
    content = f"no{separator}name\n1{separator}a"
    sheet, (line,) = read(content.encode(), separator=chosen)
    assert (sheet.facts.separator, line.values) == (separator, ["1", "a"])


@pytest.mark.parametrize("chosen", ["ab", '"', "x"])
def test_what_is_no_separator_is_refused(chosen):
    with pytest.raises(Unreadable, match="is no separator"):
        read(b"no,name\n1,a\n", separator=chosen)


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ('1,"Walnut Ltd,Hull\n2,b,c\n3,d,e\n', ["2", "3"], [2]),
        ('1,"Walnut Ltd,Hull\n2,"Birch",York\n3,d,e\n', ["2", "3"], [2]),
        ('1,"Walnut,Hull\n2,b,"York"\n3,d,e\n', ["2", "3"], [2]),
        ('1,"a,x\n2,"b,y\n3,d,e\n', ["3"], [2, 3]),
        ('1,a,"Hull\n2,b,c\n', ["2"], [2]),
        ('1,a,Hull"\n2,b,c\n', ["1", "2"], []),
        ('1,5" pipe,x\n2,b,c\n', ["1", "2"], []),
        ('1,"two\nlines",x\n2,b,c\n', ["1", "2"], []),
        ('1,"a ""quoted"" word",x\n', ["1"], []),
    ],
)
def test_a_quotation_mark_left_open_costs_its_own_line_alone(text, good, bad):
    _, lines = read(b"no,name,city\n" + text.encode())
    assert [line.values[0] for line in lines if not line.problem] == good
    assert [line.number for line in lines if line.problem] == bad


def test_many_quotation_marks_left_open_refuse_the_file():
    with pytest.raises(Unreadable, match="quotation marks are opened and not closed"):
        read(b"no,name\n" + b'1,"x\n' * 1101)


@pytest.mark.parametrize("content", [b"no,name\n", b"No.;Name;City\r\n\r\n", b"sep=;\nNo.;Name\n"])
def test_a_header_without_rows_says_so(content):
    with pytest.raises(Unreadable, match="a header, and no row below it"):
        read(content)
