"""A text file as rows: separator, quotation marks, lines. No Django.

A quotation mark that is not closed costs its own line, not all that follow.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator

from masterdata.files.encoding import Encoding, find_encoding, not_text
from masterdata.files.types import FileFacts, Kind, Limits, Line, Options, Unreadable

# Where two take a header apart equally well, the rarer in names comes first.
SEPARATORS = ("\t", ";", "|", ",")
SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "bar": "|"}

_MOST_LINES = 1000
"""Lines of one value: far above any address, far below what an open quotation mark would swallow."""
_MOST_OPEN = 1000
"""Quotation marks left open that are told; a file with more is no CSV."""

Raw = tuple[int, list[str], str]
"""A row: the number of its first line, its values, and what is wrong with its quotation marks."""


def read_csv(content: bytes, options: Options, limits: Limits) -> tuple[Iterator[Raw], FileFacts]:
    """Return the rows of a text file, and what was found out about it. Raises Unreadable."""
    encoding = find_encoding(content, options.encoding)
    declared, header = _first_lines(content, encoding)
    separator = _separator(options.separator) or declared or separator_of(header)
    return _rows(content, encoding, separator, limits, skip=bool(declared)), FileFacts(
        encoding=encoding.name, separator=separator
    )


def separator_of(text: str) -> str:
    """Return the separator that takes the header apart into most columns."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(SEPARATORS, key=lambda mark: _columns(header, mark))


def _columns(header: str, mark: str) -> int:
    """Return into how many columns a separator takes a header apart; 0 where one would be longer than any is read."""
    try:
        return len(next(csv.reader([header], delimiter=mark), []))
    except csv.Error:
        return 0


def _separator(chosen: str) -> str:
    """Return the separator that a person named by itself or by a word. Raises Unreadable."""
    mark = _WORDS.get(chosen.strip().casefold(), chosen.strip(" ") or chosen)
    if mark and (len(mark) > 1 or mark in '"\r\n' or mark.isalnum()):
        raise Unreadable(f"{chosen!r} is no separator.", "Choose another: comma, semicolon, tab or |.")
    return mark


def _first_lines(content: bytes, encoding: Encoding) -> tuple[str, str]:
    """Return the separator that Excel's line `sep=;` names, "" where there is none, and the header."""
    declared = ""
    for line in _physical(content[:_HEAD], encoding, beginning=len(content) > _HEAD):
        said = re.fullmatch(r"sep=(.)\s*", line, re.IGNORECASE)
        if said and not declared:
            declared = said[1]
        elif line.strip():
            return declared, line
    return declared, ""


_HEAD = 2**20


def _physical(content: bytes, encoding: Encoding, *, beginning: bool = False) -> Iterator[str]:
    """Yield the lines of a file with their ends. Bytes that are no text become surrogates.

    beginning: the content is cut off somewhere, which is no fault.
    """
    whole = encoding.codec.startswith(("utf-16", "utf-32"))
    lines = io.TextIOWrapper(
        io.BytesIO(content), encoding=encoding.codec, errors="strict" if whole else "surrogateescape", newline=""
    )
    try:
        yield from lines
    except UnicodeError:
        if not beginning:
            raise not_text() from None


def _rows(content: bytes, encoding: Encoding, separator: str, limits: Limits, *, skip: bool) -> Iterator[Raw]:
    csv.field_size_limit(limits.value)
    source = enumerate(_physical(content, encoding), 1)
    again: deque[tuple[int, str]] = deque()
    width = opened = 0
    while (entry := again.popleft() if again else next(source, None)) is not None:
        number, text = entry
        if "\0" in text:
            raise not_text()
        if skip:
            skip = False
            continue
        following: list[tuple[int, str]] = []
        values, problem = _row(text, separator, width, again, source, following)
        if problem:
            opened += 1
            if opened > _MOST_OPEN:
                raise Unreadable(
                    f"More than {_MOST_OPEN:,} quotation marks are opened and not closed, the first ones up to line "
                    f"{number}.",
                    "Save the file again as CSV, and try again.",
                )
            again.extendleft(reversed(following))
        width = width or len(values)
        yield number, values, problem


def _row(
    text: str,
    separator: str,
    width: int,
    again: "deque[tuple[int, str]]",
    source: "Iterator[tuple[int, str]]",
    following: list[tuple[int, str]],
) -> tuple[list[str], str]:
    """Return a row's values, taking the lines that belong to it into `following`; or why it cannot be taken apart."""
    if '"' not in text:
        return _parsed([text], separator), ""
    lines, size = [text], len(text)
    while True:
        try:
            values = next(csv.reader(lines, delimiter=separator, strict=True), [])
        except csv.Error as error:
            if "unexpected end" not in str(error):
                if len(lines) == 1:
                    return _parsed(lines, separator), ""  # "Walnut" Ltd, as spreadsheet programs read it
                return _left_open(text, separator)
        else:
            if len(lines) > 1 and width and len(values) != width and len(_parsed([lines[1]], separator)) == width:
                return _left_open(text, separator)
            return values, ""
        while True:
            entry = again.popleft() if again else next(source, None)
            if entry is None:
                return _left_open(text, separator)
            following.append(entry)
            lines.append(entry[1])
            size += len(entry[1])
            if len(lines) > _MOST_LINES or size > _HEAD:
                return _left_open(text, separator)
            if '"' in entry[1]:
                break


def _parsed(lines: list[str], separator: str) -> list[str]:
    try:
        return next(csv.reader(lines, delimiter=separator), [])
    except csv.Error:
        raise Unreadable(
            "A value runs on without end.", "A quotation mark is probably missing; close it and try again."
        ) from None


def _left_open(text: str, separator: str) -> tuple[list[str], str]:
    """Return a line whose quotation mark is not closed: its values as they stand, and a sentence."""
    values = text.rstrip("\r\n").split(separator)
    at = next((n for n, value in enumerate(values) if value.count('"') % 2), 0)
    return values, f"The quotation mark before {values[at].strip().lstrip(chr(34))[:40]!r} is not closed."


def line_of(number: int, values: list[str]) -> Line:
    """Return a row with its values trimmed, those that are no text marked."""
    trimmed = [value.strip() for value in values]
    if all(value.isascii() or _is_text(value) for value in trimmed):
        return Line(number, trimmed)
    kinds = "".join(Kind.TEXT if _is_text(value) else Kind.UNDECODABLE for value in trimmed)
    return Line(number, [value if _is_text(value) else _readable(value) for value in trimmed], kinds)


def _is_text(value: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in value)


def _readable(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
