"""Records as a file: CSV or an Excel workbook. A text that a spreadsheet would calculate is marked as text."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MOST_ROWS = 1_048_575
"""Rows below the header that a workbook takes."""

_FORMULA = re.compile(r"[\t\r]*(?:[=@]|[+-](?![\d\s()./-]*$))|[\t\r]")
"""What a spreadsheet calculates; a number or phone number with its sign is none of it and stays as it is."""


def marked(value: str) -> str:
    """Return a text with a mark before it where a spreadsheet would calculate it, or where it looks marked."""
    return f"'{value}" if _FORMULA.match(value.lstrip("'")) else value


def unmarked(value: str) -> str:
    """Return a text as it was before an export marked it."""
    return value[1:].strip() if value.startswith("'") and _FORMULA.match(value.lstrip("'")) else value


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yield a CSV file line by line, with the mark that tells spreadsheet programs that it is UTF-8."""

    class Line:
        text = ""

        def write(self, text: str) -> None:
            self.text = text

    line = Line()
    writer = csv.writer(line)
    yield b"\xef\xbb\xbf"
    for row in _chained(header, rows):
        writer.writerow([_text(value) for value in row])
        yield line.text.encode()


def workbook(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return an Excel workbook with one sheet."""
    from openpyxl import Workbook  # here: see workbook.py

    book, out = Workbook(write_only=True), BytesIO()
    sheet = book.create_sheet(re.sub(r"[\\/*?:\[\]]", " ", title)[:31])
    for row in _chained(header, rows):
        sheet.append([_text(value) for value in row])
    book.save(out)
    return out.getvalue()


def _chained(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    yield header
    yield from rows


def _text(value: Any) -> str:
    """Return a value as the importer reads it back."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return marked(value) if isinstance(value, str) else str(value)
