"""Files of master data as rows of text: CSV as people really have it, and Excel workbooks. No Django.

What is read here may be made to do harm: a process of its own does it, under limits (masterdata.files.reader).
"""

from collections import Counter
from collections.abc import Iterator

from masterdata.files.csv_lines import SEPARATOR_NAMES, line_of, read_csv
from masterdata.files.types import LIMITS, Kind, Limits, Line, Options, Sheet, Unreadable
from masterdata.files.workbook import Cells, read_workbook

_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PAGES = (b"<html", b"<!doctype", b"<table", b"<body", b"<meta", b"<div")


MOST_NAMED = 5
"""Columns that a sentence names one by one."""


def read_content(content: bytes, options: Options | None = None, limits: Limits = LIMITS) -> Sheet:
    """Read a file's bytes, a CSV file or an Excel workbook. Raises Unreadable, also while its lines are read.

    Blank lines are left out; a file without any other line than its header is refused.
    """
    options = options or Options()
    check_size(len(content), limits)
    if content[:4] == b"PK\x03\x04":
        cells, facts = read_workbook(content, options, limits)
        return _of_workbook(cells, limits, Sheet([], iter(()), facts))
    _refuse_other_kinds(content)
    rows, facts = read_csv(content, options, limits)
    return _of_csv(rows, limits, Sheet([], iter(()), facts))


def check_size(size: int, limits: Limits = LIMITS) -> None:
    """Check that a file is not larger than any list of records. Raises Unreadable."""
    if size > limits.bytes:
        raise Unreadable(
            f"The file has {size / 2**20:,.0f} MB; at most {limits.bytes / 2**20:,.0f} MB are read.",
            "Split it, and import the parts one after the other.",
        )


def _refuse_other_kinds(content: bytes) -> None:
    """Check that the file is not another kind of file under a workbook's name. Raises Unreadable."""
    start = content[:2048].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if content.startswith(_OLD_WORKBOOK):
        raise Unreadable(
            "The file is a workbook of the old kind (.xls), or one with a password.",
            "Open it in Excel, save it as .xlsx without a password, and try again.",
        )
    if start.startswith(b"<?xml") and b"urn:schemas-microsoft-com:office:spreadsheet" in start:
        raise Unreadable("The file is an XML spreadsheet.", "Open it in Excel, save it as .xlsx, and try again.")
    if start.startswith((*_PAGES, b"<?xml")):
        raise Unreadable(
            "The file is a web page, not a workbook, whatever its name says.",
            "Open it in Excel, save it as .xlsx, and try again.",
        )


def _of_csv(rows: Iterator[tuple[int, list[str], str]], limits: Limits, sheet: Sheet) -> Sheet:
    filled = (row for row in rows if any(value.strip() for value in row[1]))
    number, values, problem = next(filled, (0, [], ""))
    if problem:
        raise Unreadable(f"Line {number}: {problem}", "Close it, and try again.")
    head = line_of(number, values)
    if Kind.UNDECODABLE in head.kinds:
        raise Unreadable(
            f"Line {number}, the header, is not in {sheet.facts.encoding}.",
            "Save the file as UTF-8 (in Excel: CSV UTF-8), or choose its encoding (--encoding).",
        )
    sheet.columns = _header(head.values, limits)
    sheet.lines = _counted(_csv_lines(filled, sheet.columns, sheet.facts.separator), limits, len(sheet.columns))
    return sheet


def _of_workbook(rows: Iterator[Cells], limits: Limits, sheet: Sheet) -> Sheet:
    number, cells = next(rows, (0, []))
    names = [""] * (cells[-1][0] + 1 if cells else 0)
    for position, text, kind in cells:
        if kind in (Kind.ERROR, Kind.NO_RESULT):
            raise Unreadable(
                f"Row {number}, the header, holds {text if kind == Kind.ERROR else 'a formula without a result'}.",
                "Give each column a name of its own.",
            )
        names[position] = text.strip()
    sheet.columns = _header(names, limits)
    sheet.lines = _counted(_workbook_lines(rows, len(sheet.columns)), limits, len(sheet.columns))
    return sheet


def _header(values: list[str], limits: Limits) -> list[str]:
    """Return the columns' names. Raises Unreadable."""
    while values and not values[-1]:
        values.pop()
    if not values:
        raise Unreadable("The file is empty.", "It must begin with a header that names the columns.")
    if len(values) > limits.columns:
        raise Unreadable(
            f"The header names {len(values):,} columns; at most {limits.columns:,} are read.",
            "Save the file with the columns of the table alone, and try again.",
        )
    doubles = sorted(name for name, times in Counter(values).items() if name and times > 1)
    if doubles:
        named = ", ".join(map(repr, doubles[:MOST_NAMED]))
        if (more := len(doubles) - MOST_NAMED) > 0:
            named += f" and {more:,} others"
        raise Unreadable(f"The header names {named} more than once.", "Give each column a name of its own.")
    return values


def _counted(lines: Iterator[Line], limits: Limits, width: int) -> Iterator[Line]:
    """Yield the lines, up to the limits. Raises Unreadable."""
    count = 0
    most = min(limits.rows, limits.cells // max(1, width))
    for count, line in enumerate(lines, 1):
        if count > most:
            raise Unreadable(
                f"The file has more than {most:,} rows of {width:,} columns, which is the most that is read.",
                "Split it, and import the parts one after the other.",
            )
        yield line
    if not count:
        raise Unreadable(
            "The file has a header, and no row below it.", "Nothing was imported. Check that the right sheet was saved."
        )


def _workbook_lines(rows: Iterator[Cells], width: int) -> Iterator[Line]:
    for number, cells in rows:
        values, kinds = [""] * width, [Kind.TEXT] * width
        beyond = ""
        for position, text, kind in cells:
            if position < width:
                values[position], kinds[position] = text.strip(), kind
            else:
                beyond = beyond or text
        if beyond:
            problem = f"The row has a value, {beyond[:40]!r}, beside the {width} columns that the header names."
            yield Line(number, values, "".join(kinds), problem, "", "Name its column in the header, or delete it.")
        elif any(values):
            yield Line(number, values, "".join(kinds))


def _csv_lines(rows: Iterator[tuple[int, list[str], str]], header: list[str], separator: str) -> Iterator[Line]:
    width = len(header)
    for number, raw, problem in rows:
        line = line_of(number, raw)
        values = line.values
        if problem:
            at = next((n for n, value in enumerate(raw[:width]) if value.count('"') % 2), 0)
            yield Line(number, values, "", problem, header[at], "Close it, and import the file again.")
            continue
        while len(values) > width and not values[-1]:
            values.pop()
        if len(values) == width:
            yield Line(number, values, line.kinds[:width])
            continue
        sentence = f"The row has {len(values)} values, the header names {width} columns."
        if len(values) > width:
            column, fix = _torn(raw, header, separator)
        else:
            column = header[len(values)]
            fix = f"Add the missing values, blank ones too, from {column} on."
        yield Line(number, values, "", sentence, column, fix)


def _torn(row: list[str], header: list[str], separator: str) -> tuple[str, str]:
    """Return where a row with too many values was probably torn: before a value that begins with a space."""
    name = SEPARATOR_NAMES.get(separator, "separator")
    for position, value in enumerate(row[1 : len(header)], 1):
        if value.startswith(" ") and value.strip() and row[position - 1].strip():
            whole = f"{row[position - 1]}{separator}{value}".strip()
            return header[position - 1], f'Put the value that contains a {name} in quotation marks, probably "{whole}".'
    return "", f"Put values that contain a {name} in quotation marks."
