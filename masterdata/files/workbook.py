"""An Excel workbook as rows, read as a stream: what its cells hold, whatever the sheet says about its size. No Django.

openpyxl reads a formula without a stored result as blank, keeps every shared text and pads rows to the last column, so
the parts are read here, by an expat that takes no entities (defusedxml). What is used of openpyxl is imported where it
is used: it would be a good part of what every program of ours takes to start, and few read a workbook.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from posixpath import join, normpath
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError  # nosec B405 - the types alone; defusedxml parses
from xml.sax import SAXParseException  # nosec B406 - the error alone
from xml.sax.handler import ContentHandler  # nosec B406 - the interface alone

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from defusedxml.expatreader import DefusedExpatParser

from masterdata.files.types import FileFacts, Kind, Limits, Options, Unreadable

Cells = tuple[int, list[tuple[int, str, str]]]
"""A row: its number, and (position, text, kind) of each cell that holds something."""

_PART = 2**16
_SMALL = 16 * 2**20
"""Bytes of a part that is read as a whole: the list of sheets, the styles."""
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LETTERS = re.compile(r"[A-Z]{1,3}")


def read_workbook(content: bytes, options: Options, limits: Limits) -> tuple[Iterator[Cells], FileFacts]:
    """Return the rows of the sheet that the workbook shows, or of the chosen one. Raises Unreadable."""
    try:
        book = _Book(zipfile.ZipFile(BytesIO(content)), limits)
        return _checked(book.rows(book.choose(options.sheet))), book.facts
    except (zipfile.BadZipFile, KeyError, ParseError, DefusedXmlException, NotImplementedError, RuntimeError) as error:
        raise _damaged(error) from None


def _checked(rows: Iterator[Cells]) -> Iterator[Cells]:
    try:
        yield from rows
    except (
        SAXParseException, DefusedXmlException, zipfile.BadZipFile, OSError, EOFError, ValueError, IndexError, KeyError,
        NotImplementedError, RuntimeError,
    ) as error:  # fmt: skip
        if isinstance(error, Unreadable):
            raise
        raise _damaged(error) from None


def _damaged(error: Exception) -> Unreadable:
    if isinstance(error, DefusedXmlException):
        return Unreadable(
            "The workbook defines XML entities, which no program that writes workbooks does.",
            "Save it again in Excel as .xlsx, and try again.",
        )
    return Unreadable(
        "The file is not an Excel workbook, or it is damaged.", "Save it as .xlsx or as CSV, and try again."
    )


class _Book:
    def __init__(self, packed: zipfile.ZipFile, limits: Limits) -> None:
        self.packed, self.limits = packed, limits
        self.left = limits.unpacked
        self.facts = FileFacts(kind="workbook")
        names = set(packed.namelist())
        if "xl/workbook.bin" in names:
            raise Unreadable("The file is a binary workbook (.xlsb).", "Save it as .xlsx, and try again.")
        unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > limits.unpacked:
            raise Unreadable(
                f"The workbook unpacks to {unpacked // 2**20:,} MB; at most {limits.unpacked // 2**20:,} MB are read.",
                "Save the sheet as CSV, and try again.",
            )
        main = self._relations("_rels/.rels", "").get("officeDocument", [("", "xl/workbook.xml")])[0][1]
        self.main = main
        self.tree = self._whole(main)
        relations = self._relations(f"{main.rpartition('/')[0]}/_rels/{main.rpartition('/')[2]}.rels", main)
        self.sheets_at = dict(relations.get("worksheet", []))
        self.styles_at = next((at for _, at in relations.get("styles", [])), "")
        self.texts_at = next((at for _, at in relations.get("sharedStrings", [])), "")

    def choose(self, wanted: str) -> str:
        """Return where the sheet is. Raises Unreadable with the sheets' names."""
        sheets = [
            (one.get("name", ""), one.get("state", "visible") == "visible", self.sheets_at[one.get(_RELATION, "")])
            for one in self.tree.iter()
            if _local(one.tag) == "sheet" and one.get(_RELATION, "") in self.sheets_at
        ]
        self.facts.sheets = [name for name, shown, _ in sheets if shown]
        names = ", ".join(name for name, _, _ in sheets)
        if wanted:
            for name, _, at in sheets:
                if name.casefold() == wanted.strip().casefold():
                    self.facts.sheet = name
                    return at
            raise Unreadable(f"The workbook has no sheet {wanted!r}. Its sheets are: {names}.", "Choose one of them.")
        for name, shown, at in sheets:
            if shown:
                self.facts.sheet = name
                return at
        if not sheets:
            raise Unreadable("The workbook has no sheet.", "Save the records as .xlsx or as CSV, and try again.")
        raise Unreadable(
            f"The workbook shows none of its sheets: {names}.", "Choose the one to read (--sheet), or unhide it."
        )

    def rows(self, at: str) -> Iterator[Cells]:
        """Yield the rows of a sheet."""
        texts = self._texts()
        dates = self._date_styles()
        properties = next((one for one in self.tree.iter() if _local(one.tag) == "workbookPr"), None)
        since_1904 = properties is not None and properties.get("date1904", "0") in ("1", "true")
        handler = _SheetHandler(texts, dates, _moments_since(since_1904), self.limits)
        for _ in self._fed(at, handler):
            yield from handler.taken()
        yield from handler.taken()

    def _texts(self) -> list[str]:
        if not self.texts_at or self.texts_at not in self.packed.namelist():
            return []
        handler = _TextsHandler(self.limits)
        for _ in self._fed(self.texts_at, handler):
            pass
        return handler.texts

    def _date_styles(self) -> set[int]:
        """Return the numbers of the styles that show a number as a date."""
        from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format

        if not self.styles_at:
            return set()
        tree = self._whole(self.styles_at)
        formats = {**BUILTIN_FORMATS}
        for one in tree.iter():
            if _local(one.tag) == "numFmt":
                formats[int(one.get("numFmtId", "0"))] = one.get("formatCode", "")
        styles = next((one for one in tree.iter() if _local(one.tag) == "cellXfs"), None)
        return {
            number
            for number, style in enumerate(styles if styles is not None else [])
            if is_date_format(formats.get(int(style.get("numFmtId", "0")), ""))
        }

    def _relations(self, at: str, of: str) -> dict[str, list[tuple[str, str]]]:
        """Return the parts that a part names: kind -> (id, where)."""
        if at not in self.packed.namelist():
            return {}
        folder = of.rpartition("/")[0]
        found: dict[str, list[tuple[str, str]]] = {}
        for one in self._whole(at):
            target = one.get("Target", "")
            where = target.lstrip("/") if target.startswith("/") else normpath(join(folder, target))
            found.setdefault(one.get("Type", "").rpartition("/")[2], []).append((one.get("Id", ""), where))
        return found

    def _whole(self, at: str) -> Element:
        with self.packed.open(at) as part:
            content = part.read(_SMALL + 1)
        if len(content) > _SMALL:
            raise Unreadable(
                "The workbook's list of sheets or styles is larger than any program writes.", "Save it as CSV."
            )
        tree: Element = fromstring(content, forbid_dtd=True)
        return tree

    def _fed(self, at: str, handler: ContentHandler) -> Iterator[None]:
        """Parse a part bit by bit. Raises Unreadable where more unpacks than the workbook says."""
        parser: Any = DefusedExpatParser(forbid_dtd=True)
        parser.setContentHandler(handler)
        part: IO[bytes]
        with self.packed.open(at) as part:
            while content := part.read(_PART):
                self.left -= len(content)
                if self.left < 0:
                    raise Unreadable(
                        f"The workbook unpacks to more than {self.limits.unpacked // 2**20:,} MB.",
                        "Save the sheet as CSV, and try again.",
                    )
                parser.feed(content)
                yield
        parser.close()


class _TextsHandler(ContentHandler):
    """The texts that cells share."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.limits = limits
        self.texts: list[str] = []
        self.parts: list[str] = []
        self.inside = self.reading = False

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - the library's
        """See ContentHandler."""
        match _local(name):
            case "sst":
                self._check(int(attrs.get("uniqueCount") or 0))  # what it says may be too small, and is not relied on
            case "si":
                self._check(len(self.texts) + 1)
                self.parts = []
            case "t":
                self.inside = not self.reading
            case "rPh":
                self.reading = True

    def _check(self, count: int) -> None:
        """Check how many texts there are. Raises Unreadable."""
        if count > self.limits.texts:
            raise Unreadable(
                f"The workbook holds more than {self.limits.texts:,} texts.",
                "Save the sheet as CSV in several files, and import them one after the other.",
            )

    def endElement(self, name: str) -> None:  # noqa: N802 - the library's
        """See ContentHandler."""
        match _local(name):
            case "si":
                self.texts.append(_unescaped("".join(self.parts)))
            case "t":
                self.inside = False
            case "rPh":
                self.reading = False

    def characters(self, content: str) -> None:
        """See ContentHandler."""
        if self.inside:
            self.parts.append(content)


class _SheetHandler(ContentHandler):
    """The cells of a sheet, row by row."""

    def __init__(self, texts: list[str], dates: set[int], moment_of: "_MomentOf", limits: Limits) -> None:
        super().__init__()
        self.texts, self.dates, self.moment_of, self.limits = texts, dates, moment_of, limits
        self.rows: list[Cells] = []
        self.row: list[tuple[int, str, str]] = []
        self.number = self.position = 0
        self.type = self.style = ""
        self.formula = self.reading = False
        self.into: list[str] | None = None
        self.value: list[str] = []
        self.text: list[str] = []
        self.ends: dict[str, Callable[[], None]] = {"row": self._end_row, "c": self._end_cell}

    def taken(self) -> list[Cells]:
        """Return the rows read since."""
        rows, self.rows = self.rows, []
        return rows

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - the library's
        """See ContentHandler."""
        match _local(name):
            case "c":
                reference = attrs.get("r", "")
                self.position = _position(reference) if reference else self.position + 1
                self.type, self.style = attrs.get("t", "n"), attrs.get("s", "")
                self.formula = False
                self.value, self.text = [], []
            case "v":
                self.into = self.value
            case "t":
                self.into = None if self.reading else self.text
            case "f":
                self.formula = True
            case "rPh":
                self.reading = True
            case "row":
                self.number = int(attrs.get("r", "") or self.number + 1)
                self.position = -1
                self.row = []

    def endElement(self, name: str) -> None:  # noqa: N802 - the library's
        """See ContentHandler."""
        local = _local(name)
        if local in ("v", "t"):
            self.into = None
        elif local == "rPh":
            self.reading = False
        elif local in self.ends:
            self.ends[local]()

    def characters(self, content: str) -> None:
        """See ContentHandler."""
        if self.into is not None:
            self.into.append(content)

    def _end_row(self) -> None:
        if self.row:
            self.rows.append((self.number, self.row))

    def _end_cell(self) -> None:
        text, kind = self._read()
        if not text.strip():
            return
        if self.position >= self.limits.columns:
            raise Unreadable(
                f"Row {self.number} has a value in column {letters(self.position)}; at most {self.limits.columns:,} "
                "columns are read.",
                "Delete what stands beside the records, and try again.",
            )
        self.row.append((self.position, text, kind))

    def _read(self) -> tuple[str, str]:
        """Return what the cell holds as text, and its kind."""
        value = "".join(self.value)
        match self.type:
            case "inlineStr":
                return _unescaped("".join(self.text)), Kind.TEXT
            case "e":
                return value or "#N/A", Kind.ERROR
            case "str":
                if self.formula and not self.value:
                    return "formula", Kind.NO_RESULT
                return _unescaped(value), Kind.TEXT
        if not value.strip():
            return ("formula", Kind.NO_RESULT) if self.formula else ("", Kind.TEXT)
        match self.type:
            case "s":
                return self.texts[int(value)], Kind.TEXT
            case "b":
                return "true" if value.strip() in ("1", "true") else "false", Kind.TEXT
            case "d":
                return value.strip(), Kind.DATE
        return self._number(float(value))

    def _number(self, value: float) -> tuple[str, str]:
        if self.style and int(self.style) in self.dates:
            try:
                moment = self.moment_of(value)
            except (ValueError, OverflowError):
                return f"{value:g} as a date", Kind.ERROR
            return _moment(moment)
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text, Kind.NUMBER


_MomentOf = Callable[[float], datetime | date | time | timedelta]
"""What a number stands for where it is shown as a date. Raises ValueError, OverflowError."""


def _moments_since(since_1904: bool) -> _MomentOf:
    from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

    epoch = CALENDAR_MAC_1904 if since_1904 else CALENDAR_WINDOWS_1900
    return lambda number: from_excel(number, epoch)


def _moment(value: datetime | date | time | timedelta) -> tuple[str, str]:
    if isinstance(value, datetime):
        return (value.date() if value.time() == time.min else value).isoformat(), Kind.DATE
    if isinstance(value, date):
        return value.isoformat(), Kind.DATE
    return str(value), Kind.TEXT


def letters(position: int) -> str:
    """Return a column's letters: 0 is A."""
    name = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        name = chr(65 + rest) + name
    return name


def _position(reference: str) -> int:
    """Return the column of a cell, from 0: 27 for AB7."""
    found = _LETTERS.match(reference)
    if not found:
        raise ValueError(reference)
    number = 0
    for letter in found[0]:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _local(name: Any) -> str:
    return str(name).rpartition("}")[2].rpartition(":")[2]
