"""Files of master data as rows of text: CSV as people really have it, and Excel workbooks. No Django here."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from core.refusals import Refusal

# Where two take a header apart equally well, the rarer in names comes first.
DELIMITERS = ("\t", ";", "|", ",")
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}

# Far above any column, far below what an unclosed quotation mark would swallow from a large file.
_MAX_VALUE = 1_000_000
_MAX_UNPACKED = 500 * 2**20


class Unreadable(Refusal):
    """The file cannot be read at all."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__("unreadable_file", message, fix)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its first line in the file (1 is the header's), and its values as text, trimmed. `problem`, `column` and
    `fix` are filled where the row cannot be taken apart into the header's columns.
    """

    number: int
    values: list[str]
    problem: str = ""
    column: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file's header and its rows, blank rows left out."""

    columns: list[str]
    lines: list[Line] = field(default_factory=list)


def read_file(path: Path) -> Sheet:
    """Read a CSV file or an Excel workbook (its first sheet). Raises Unreadable."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise Unreadable(f"There is no file {path}.", "Check the path.") from None
    except IsADirectoryError:
        raise Unreadable(f"{path} is a folder.", "Name the file in it.") from None
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None
    return read_content(content)


def read_content(content: bytes, *, most_rows: int | None = None) -> Sheet:
    """Read a file's bytes, a CSV file or an Excel workbook. Raises Unreadable.

    most_rows: read on to one row more than that, and leave the rest.
    """
    if content[:4] == b"PK\x03\x04":
        return read_workbook(content, most_rows=most_rows)
    return read_csv(content)


def read_csv(content: bytes) -> Sheet:
    """Read CSV in UTF-8 (with or without byte order mark), UTF-16 with one, or Windows-1252.

    The delimiter is found out. Raises Unreadable where there is no header.
    """
    text = decoded(content)
    delimiter = delimiter_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    csv.field_size_limit(_MAX_VALUE)
    rows: list[tuple[int, list[str]]] = []
    before = 0
    try:
        for row in reader:
            rows.append((before + 1, row))
            before = reader.line_num
    except csv.Error:
        raise Unreadable(
            f"From line {before + 1} on the file cannot be taken apart: a value runs on without end.",
            "A quotation mark is probably missing; close it and try again.",
        ) from None
    return _sheet(rows, delimiter)


def read_workbook(content: bytes, *, most_rows: int | None = None) -> Sheet:
    """Read the first sheet of an Excel workbook, all of it or the header and one row more than `most_rows`.

    Raises Unreadable, also for a file that unpacks to more than any workbook of master data has.
    """
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > _MAX_UNPACKED:
            raise Unreadable(
                f"The workbook unpacks to {unpacked // 2**20:,} MB, which no list of records needs.",
                "Save the sheet as CSV, and try again.",
            )
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError):
        raise Unreadable(
            "The file is not an Excel workbook.",
            "Save it as .xlsx or as CSV, and try again.",
        ) from None
    try:
        last = None if most_rows is None else most_rows + 2
        cells = book.worksheets[0].iter_rows(values_only=True, max_row=last)
        return _sheet([(number, [_text(cell) for cell in row]) for number, row in enumerate(cells, 1)], "")
    finally:
        book.close()


def decoded(content: bytes) -> str:
    """Return the text of a file. Raises Unreadable where it is none."""
    encodings = ["utf-16"] if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Unreadable(
        "The file is not text.",
        "Save it as CSV in UTF-8, or as an Excel workbook (.xlsx), and try again.",
    )


def delimiter_of(text: str) -> str:
    """Return the delimiter that takes the header apart into most columns."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    counts = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in DELIMITERS}
    return max(DELIMITERS, key=lambda mark: counts[mark])


def _sheet(rows: Iterable[tuple[int, list[str]]], delimiter: str) -> Sheet:
    lines = iter([(number, [value.strip() for value in row]) for number, row in rows if any(v.strip() for v in row)])
    raw = dict(rows) if delimiter else {}
    try:
        _, header = next(lines)
    except StopIteration:
        raise Unreadable("The file is empty.", "It must begin with a header that names the columns.") from None
    while header and not header[-1]:
        header.pop()
    doubles = sorted({name for name in header if name and header.count(name) > 1})
    if doubles:
        raise Unreadable(
            f"The header names {', '.join(doubles)} more than once.",
            "Give each column a name of its own.",
        )
    return Sheet(header, list(_lines(lines, header, delimiter, raw)))


def _lines(
    lines: Iterator[tuple[int, list[str]]], header: list[str], delimiter: str, raw: dict[int, list[str]]
) -> Iterator[Line]:
    width = len(header)
    for number, values in lines:
        while len(values) > width and not values[-1]:
            values.pop()
        if len(values) == width:
            yield Line(number, values)
        elif not delimiter and len(values) < width:
            yield Line(number, values + [""] * (width - len(values)))
        elif len(values) > width:
            column, fix = _torn(raw.get(number, []), header, delimiter)
            yield Line(
                number, values, f"The row has {len(values)} values, the header names {width} columns.", column, fix
            )
        else:
            missing = header[len(values)]
            yield Line(
                number,
                values,
                f"The row has {len(values)} values, the header names {width} columns.",
                missing,
                f"Add the missing values, blank ones too, from {missing} on.",
            )


def _torn(row: list[str], header: list[str], delimiter: str) -> tuple[str, str]:
    """Return where a row with too many values was probably torn: before a value that begins with a space."""
    name = DELIMITER_NAMES.get(delimiter, "delimiter")
    for position, value in enumerate(row[1 : len(header)], 1):
        if value.startswith(" ") and value.strip() and row[position - 1].strip():
            whole = f"{row[position - 1]}{delimiter}{value}".strip()
            return header[position - 1], f'Put the value that contains a {name} in quotation marks, probably "{whole}".'
    return "", f"Put values that contain a {name} in quotation marks."


def _text(cell: Any) -> str:
    """Return a workbook's cell as a person would have typed it into CSV."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return (cell.date() if cell.time() == cell.time().min else cell).isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return str(cell)
