"""Values of some records here and some rows there: how many are filled, and how many are the same. Pure.

Records and rows are paired by what people know them by, where a field and a column for that are proposed; then their
values are compared. Without such pairs it is counted how many of the values here are there too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from dataverse.types import ColumnInfo
from masterdata.catalog import LocalField

_SHOWN = 40
"""Letters of a value that are shown."""
LEAST = 3
"""Values that have to be compared before they say anything."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many. of_pairs: of records with a row that is the same; else of the different values here."""

    count: int
    total: int
    of_pairs: bool = True

    @property
    def percent(self) -> int:
        """It in percent."""
        return round(100 * self.count / self.total) if self.total else 0

    @property
    def text(self) -> str:
        """It in words."""
        if self.of_pairs:
            return f"{self.percent} % of {self.total} equal"
        return f"{self.count} of {self.total} values here are there too"


@dataclass(frozen=True, slots=True)
class ValueSamples:
    """The values of records by field, and of rows by column. pairs: places of a record and a row that are the same."""

    records: Sequence[Mapping[str, Any]] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    pairs: Sequence[tuple[int, int]] = field(default_factory=tuple)

    def paired_by(self, one: LocalField, column: ColumnInfo) -> "ValueSamples":
        """Return them with records and rows paired by a field and a column, where a value is that of one each."""
        here = _places(_plain(record.get(one.name)) for record in self.records)
        there = _places(_plain(_label(column, row.get(column.name))) for row in self.rows)
        both = ((here[value], there[value]) for value in here if value in there)
        pairs = [(records[0], rows[0]) for records, rows in both if len(records) == len(rows) == 1]
        return ValueSamples(self.records, self.rows, pairs)

    def example_here(self, name: str) -> str:
        """Return a value of a field, "" where all are blank."""
        return next((_short(record[name]) for record in self.records if _plain(record.get(name))), "")

    def example_there(self, column: ColumnInfo) -> str:
        """Return a value of a column, "" where all are blank."""
        return next((_short(_label(column, row[column.name])) for row in self.rows if _plain(row.get(column.name))), "")

    def filled(self, name: str, column: str) -> str:
        """Return how much is filled on both sides, in words; "" where nothing is known."""
        said = []
        for where, rows, key in (("here", self.records, name), ("there", self.rows, column)):
            if rows:
                count = sum(1 for row in rows if _plain(row.get(key)))
                said.append(f"{round(100 * count / len(rows))} % {where}")
        return f"filled {', '.join(said)}" if said else ""

    def same(self, one: LocalField, column: ColumnInfo) -> Share | None:
        """Return how many values are the same; None where too few can be compared, or a lookup holds ids."""
        if column.binds:
            return None
        words = {_plain(value): _plain(label) for value, label in one.choices}

        def here(record: Mapping[str, Any]) -> str:
            value = _plain(record.get(one.name))
            return words.get(value, value)

        compared = [
            (value, other)
            for at, place in self.pairs
            if (value := here(self.records[at])) and (other := _remote(column, self.rows[place]))
        ]
        if len(compared) >= LEAST:
            return Share(sum(1 for value, other in compared if value == other), len(compared))
        values = {value for record in self.records if (value := here(record))}
        others = {value for row in self.rows if (value := _remote(column, row))}
        if len(values) < LEAST or not others:
            return None
        return Share(len(values & others), len(values), of_pairs=False)


def _remote(column: ColumnInfo, row: Mapping[str, Any]) -> str:
    return _plain(_label(column, row.get(column.name)))


def _places(values: Iterator[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at, value in enumerate(values):
        if value:
            found.setdefault(value, []).append(at)
    return found


def _label(column: ColumnInfo, value: Any) -> Any:
    known = isinstance(value, int) and not isinstance(value, bool)
    return column.choices.get(value, value) if column.choices and known else value


def _short(value: Any) -> str:
    text = ("Yes" if value else "No") if isinstance(value, bool) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _plain(value: Any) -> str:
    """Return a value so that the same one on both sides is the same text; "" for a blank."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return _number(str(value))
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="seconds").casefold()
    if isinstance(value, date):
        return value.isoformat()
    text = str(value).strip().casefold()
    return text.removesuffix("z") if text[:4].isdigit() and text.endswith("z") else text


def _number(text: str) -> str:
    try:
        return format(Decimal(text).normalize(), "f")
    except InvalidOperation:
        return text
