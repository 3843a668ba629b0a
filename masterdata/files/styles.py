"""How a column writes its numbers and dates, decided over the whole column. Pure, no Django.

A value that may mean two things counts for nothing; where nothing else decides, it is refused, never guessed.
"""

import re
from dataclasses import dataclass, field
from datetime import date

MIXED = "mixed"
"""Numbers of both styles in one column, or nothing that decides: what may mean two things is refused."""

_POINT = re.compile(
    r"[+-]?(\d*\.(\d{1,2}|\d{4,})|0*\.\d+|0+\.\d+|\d{4,}\.\d+|\d{1,3}(,\d{3})+\.\d+|\d{1,3}(,\d{3}){2,})"
)
_COMMA = re.compile(r"[+-]?(\d*,(\d{1,2}|\d{4,})|0*,\d+|0+,\d+|\d{4,},\d+|\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,})")
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_NUMBERS = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:[ T]+(\d{1,2}:\d{2}(?::\d{2})?))?")
SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]\d{1,3}")
"""What a spreadsheet makes of a long number: its digits are lost."""

ORDERS = ("dmy", "mdy", "ymd")
ORDER_NAMES = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}
DECIMAL_NAMES = {".": "point", ",": "comma"}


def ungrouped(text: str) -> str:
    """Return a number without the spaces and apostrophes between its thousands."""
    return text.replace("\u00a0", "").replace("\u202f", "").replace(" ", "").replace("'", "").replace("’", "")


def in_plain_digits(text: str, decimal: str) -> str:
    """Return a number without the groups of thousands that go with a decimal mark, and with a point for the mark."""
    return ungrouped(text).replace("," if decimal == "." else ".", "").replace(",", ".")


def readings(text: str) -> dict[str, str]:
    """Return what a text that may mean several things means in each style; nothing where there is but one meaning.

    A number has a reading for each decimal mark, a date for each order.
    """
    if _EITHER.fullmatch(ungrouped(text)):
        return {mark: in_plain_digits(text, mark) for mark in DECIMAL_NAMES}
    days = {order: found[0].isoformat() for order in ORDERS if (found := parts_as_date(text, order))}
    return days if len(set(days.values())) > 1 else {}


@dataclass(slots=True)
class Decimals:
    """What a column's numbers say of their decimal mark.

    example: the first that may mean two things, else the first with a mark.
    """

    point: int = 0
    comma: int = 0
    either: int = 0
    example: str = ""

    def add(self, text: str) -> None:
        """Count one more text."""
        number = ungrouped(text)
        if _POINT.fullmatch(number):
            self.point += 1
        elif _COMMA.fullmatch(number):
            self.comma += 1
        elif _EITHER.fullmatch(number):
            self.example = self.example if self.either else text
            self.either += 1
        else:
            return
        self.example = self.example or text

    def style(self, elsewhere: str = "") -> str:
        """Return ".", "," or MIXED; "" where the column has no decimals. elsewhere: what other columns decided."""
        if self.point and self.comma:
            return MIXED
        if self.point or self.comma:
            return "." if self.point else ","
        return (elsewhere or MIXED) if self.either else ""


@dataclass(slots=True)
class Dates:
    """What a column's dates say of the order of their parts.

    example: the first that may be several days, else the first.
    """

    fits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ORDERS, 0))
    dotted: int = 0
    count: int = 0
    example: str = ""
    several: bool = False
    """The example may be several days."""

    def add(self, text: str) -> None:
        """Count one more text."""
        found = _NUMBERS.fullmatch(text)
        if not found or (len(found[1]) == 4 and found[2] == "-"):
            return
        self.count += 1
        self.dotted += found[2] == "."
        days = set()
        for order in ORDERS:
            if (day := parts_as_date(text, order)) is not None:
                self.fits[order] += 1
                days.add(day)
        if not self.example or (len(days) > 1 and not self.several):
            self.example, self.several = text, len(days) > 1

    def order(self) -> str:
        """Return dmy, mdy or ymd; MIXED where two are as likely; "" where all dates are ISO's."""
        if not self.count:
            return ""
        best = max(self.fits.values())
        likely = [order for order in ORDERS if self.fits[order] == best and best]
        if len(likely) > 1 and self.dotted == self.count and "dmy" in likely:
            return "dmy"  # nobody writes a month first with points
        return likely[0] if len(likely) == 1 else MIXED


def parts_as_date(text: str, order: str) -> tuple[date, str] | None:
    """Return the date that three numbers are in an order, with the time behind them; None where they are none."""
    found = _NUMBERS.fullmatch(text)
    if not found:
        return None
    parts = dict(zip(order, (found[1], found[3], found[4]), strict=True))
    if len(parts["y"]) != 4 or len(parts["m"]) > 2 or len(parts["d"]) > 2:
        return None
    try:
        return date(int(parts["y"]), int(parts["m"]), int(parts["d"])), found[5] or ""
    except ValueError:
        return None
