"""What reading a file knows: lines, limits, choices, refusals. No Django: the process that reads loads little."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from core.refusals import Refusal


class Unreadable(Refusal):
    """The file cannot be read at all."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__("unreadable_file", message, fix)


class Kind:
    """What stands in a cell beside text, one letter each."""

    TEXT = "t"
    NUMBER = "n"
    DATE = "d"
    ERROR = "e"
    """An error of a workbook, such as #N/A."""
    NO_RESULT = "f"
    """A formula whose result was not stored."""
    UNDECODABLE = "u"
    """Bytes that are no text in the file's encoding."""


class Line(msgspec.Struct, array_like=True, omit_defaults=True, frozen=True):
    """One row: its first line in the file (1 is the header's), and its values as text, trimmed.

    kinds: a letter of Kind for each value, "" where all are text. `problem`, `column` and `fix` are filled where the
    row cannot be taken apart into the header's columns.
    """

    number: int
    values: list[str]
    kinds: str = ""
    problem: str = ""
    column: str = ""
    fix: str = ""

    def kind(self, position: int) -> str:
        """Return the letter of the value at a position."""
        return self.kinds[position] if self.kinds else Kind.TEXT


class Limits(msgspec.Struct, frozen=True):
    """How large a file may be; none needs more, and nobody's memory goes for one that does."""

    bytes: int = 100 * 2**20
    unpacked: int = 500 * 2**20
    """Of a workbook, bytes once unpacked."""
    rows: int = 1_048_576
    columns: int = 500
    cells: int = 15_000_000
    texts: int = 5_000_000
    """Of a workbook, the texts that its cells share."""
    value: int = 1_000_000
    """Characters of one value."""
    memory: int = 2**30
    """Address space of the process that reads, in bytes."""
    cpu_s: int = 300
    wall_s: int = 600


LIMITS = Limits()


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person chose about a file; blank: found out.

    decimal: "," or "."; dates: dmy, mdy or ymd; decimal_of, dates_of: field -> the same for its column alone.
    """

    encoding: str = ""
    separator: str = ""
    sheet: str = ""
    decimal: str = ""
    dates: str = ""
    decimal_of: dict[str, str] = {}
    dates_of: dict[str, str] = {}


class FileFacts(msgspec.Struct):
    """What was found out about a file, or chosen."""

    kind: str = "csv"
    encoding: str = ""
    separator: str = ""
    sheet: str = ""
    sheets: list[str] = []
    """All that the workbook shows."""


@dataclass(slots=True)
class Sheet:
    """A file's header, and its rows without blank ones, read as they are asked for."""

    columns: list[str]
    lines: Iterator[Line]
    facts: FileFacts = field(default_factory=FileFacts)
