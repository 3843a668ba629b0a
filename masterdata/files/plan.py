"""What is decided about a file's columns, over all of its rows: which field each holds, and how it is written."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from masterdata import catalog
from masterdata.catalog import LocalTable
from masterdata.files import styles
from masterdata.files.columns import UnknownColumns, chosen_columns, columns_by_name
from masterdata.files.csv_lines import SEPARATOR_NAMES
from masterdata.files.reader import Contents, rows_from
from masterdata.files.types import FileFacts, Kind, Options

OPEN = "not decided, so what may mean two things is refused"
NUMBERS = ("number", "integer")
DATES = ("date", "datetime")
"""Types of fields."""


class Plan(msgspec.Struct):
    """What was decided about a file for a table; kept with the job, so that it is decided once.

    columns: field -> (position in a row, the file's word for it); decimal, dates: field -> how the column is written;
    examples: field -> a text of such a column; blank_clears: blank cells clear what the record has, blank_clears_of:
    field -> the same for its column alone; spaced_keys: numbers or codes of the table hold spaces; last: the last row's
    line.
    """

    table: str
    columns: dict[str, tuple[int, str]]
    rows: int
    facts: FileFacts
    decimal: dict[str, str] = {}
    dates: dict[str, str] = {}
    examples: dict[str, str] = {}
    blank_clears: bool = False
    blank_clears_of: dict[str, bool] = {}
    spaced_keys: bool = False
    last: int = 0

    def dump(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> "Plan":
        """Return what `dump` gave."""
        return msgspec.convert(dict(kept), cls)

    def clears(self, name: str) -> bool:
        """Return whether a column's blank cells clear its field."""
        return self.blank_clears_of.get(name, self.blank_clears)

    def blanks(self) -> dict[str, str]:
        """Return "clear" or "keep" for each column that may be blank."""
        return {name: "clear" if self.clears(name) else "keep" for name in _may_be_blank(self.table, self.columns)}

    def decisions(self) -> dict[str, Any]:
        """Return what was decided, as commands print it."""
        several = {name: (text, styles.readings(text)) for name, text in self.examples.items()}
        return {
            "encoding": self.facts.encoding,
            "separator": self.facts.separator,
            "sheet": self.facts.sheet,
            "columns": {name: word for name, (_, word) in self.columns.items()},
            "decimal": dict(self.decimal),
            "dates": dict(self.dates),
            "readings": {name: {"value": text, **read} for name, (text, read) in several.items() if read},
            "blank_clears": self.blank_clears,
            "blanks": self.blanks(),
        }

    def style_of(self, name: str) -> str:
        """Return how a column is written, in words; "" for one that is neither numbers with a mark nor dates."""
        if name in self.decimal:
            return styles.DECIMAL_NAMES.get(self.decimal[name], OPEN)
        return styles.ORDER_NAMES.get(self.dates[name], OPEN) if name in self.dates else ""

    def readings_of(self, name: str) -> str:
        """Return an example of a column with each of its meanings, as a sentence; "" where none has several."""
        text = self.examples.get(name, "")
        found = styles.readings(text)
        if name in self.decimal:
            words = [f"{value} with a {styles.DECIMAL_NAMES[mark]}" for mark, value in found.items()]
        else:
            words = [f"{value} as {styles.ORDER_NAMES[order]}" for order, value in found.items()]
        return f"{text} is {'; '.join(words) if name in self.dates else ', '.join(words)}." if words else ""

    def sentences(self) -> list[str]:
        """Return what was decided, for people."""
        facts = self.facts
        found = []
        if facts.kind == "workbook":
            others = [name for name in facts.sheets if name != facts.sheet]
            more = f" The workbook also shows {', '.join(others)}." if others else ""
            found.append(f"Read from the sheet {facts.sheet}.{more}")
        else:
            name = SEPARATOR_NAMES.get(facts.separator, facts.separator)
            found.append(f"Read as {facts.encoding}, values separated by {name}.")
        table = catalog.table(self.table)
        for name in (*self.decimal, *self.dates):
            what = "Decimal mark" if name in self.decimal else "Dates"
            told = f"{what} of {table.field(name).caption}: {self.style_of(name)}."
            found.append(f"{told} {self.readings_of(name)}".strip())
        if cleared := [name for name, word in self.blanks().items() if word == "clear"]:
            every = self.blank_clears and len(cleared) == len(self.blanks())
            where = "" if every else f" in {_listed(table.field(name).caption for name in cleared)}"
            found.append(f"Blank cells{where} clear the field.")
        return found


def decide(
    *,
    table: LocalTable,
    contents: Contents,
    rows: Path,
    columns: Mapping[str, str] | None = None,
    options: Options | None = None,
    blank_clears: bool = False,
    blank_clears_of: Mapping[str, bool] | None = None,
) -> Plan:
    """Decide what a file's columns mean and how they are written, from all of its rows.

    columns: field -> column of the file; only these are read. Without it every column must be named like a field or its
    caption. Raises UnknownColumns, also for a choice about a column that it cannot be for.
    """
    options = options or Options()
    header = contents.columns
    taken = (
        chosen_columns(table, header, columns)
        if columns
        else columns_by_name(
            table, header,
            fix=f'Name those to take with --columns "{table.key}={header[0]},...", or rename the columns in the file.',
        )
    )  # fmt: skip
    plan = Plan(
        table.name, taken, contents.rows, contents.facts,
        blank_clears=blank_clears, blank_clears_of=dict(blank_clears_of or {}),
    )  # fmt: skip
    _check_choices(table, plan, options)
    types = {name: table.field(name).type for name in taken}
    numbers = {name: styles.Decimals() for name, type_ in types.items() if type_ in NUMBERS}
    dates = {name: styles.Dates() for name, type_ in types.items() if type_ in DATES}
    styled: dict[str, styles.Decimals | styles.Dates] = {**numbers, **dates}
    _measure(plan, rows, table.key, styled)
    given = {**dict.fromkeys(numbers, options.decimal), **options.decimal_of}
    own = {found.style() for found in numbers.values()} - {"", styles.MIXED}
    elsewhere = own.pop() if len(own) == 1 else ""
    plan.decimal = {name: style for name, d in numbers.items() if (style := given[name] or d.style(elsewhere))}
    given = {**dict.fromkeys(dates, options.dates), **options.dates_of}
    plan.dates = {name: order for name, d in dates.items() if (order := given[name] or d.order())}
    plan.examples = {name: found.example[:60] for name, found in styled.items() if found.example}
    return plan


def is_spaced(key: str) -> bool:
    """Return whether a number or code holds what only few do: a space or a colon."""
    return " " in key or ":" in key


def _measure(plan: Plan, rows: Path, key: str, styled: Mapping[str, styles.Decimals | styles.Dates]) -> None:
    """Look at all rows: what the columns with styles hold, and what is special about keys."""
    place = {name: position for name, (position, _) in plan.columns.items()}
    spaced = last_spaced = False
    for line, _ in rows_from(rows):
        if line.problem:
            continue
        for name, found in styled.items():
            if line.kind(place[name]) == Kind.TEXT:
                found.add(line.values[place[name]])
        spaced = spaced or last_spaced
        last_spaced = is_spaced(line.values[place[key]])
        plan.last = line.number
    plan.spaced_keys = spaced


def _check_choices(table: LocalTable, plan: Plan, options: Options) -> None:
    """Check that each choice about one column is about one that is read and can be so. Raises UnknownColumns."""
    blank = _may_be_blank(plan.table, plan.columns)
    for names, types, cannot in (
        (options.decimal_of, NUMBERS, "holds no numbers, so it has no decimal mark"),
        (options.dates_of, DATES, "holds no dates, so these have no order"),
        (plan.blank_clears_of, (), "is never blank"),
    ):
        for name in names:
            field = next((one for one in table.fields if one.name == name), None)
            if field is None:
                known = ", ".join(one.name for one in table.fields)
                raise UnknownColumns(f"{table.caption} has no field {name!r}.", f"The possible ones are: {known}.")
            if name not in plan.columns:
                words = ", ".join(plan.columns)
                raise UnknownColumns(f"The file has no column for {field.caption} ({name}).", f"It has: {words}.")
            if field.type not in types if types else name not in blank:
                raise UnknownColumns(f"{field.caption} {cannot}.", "Leave that choice out.")


def _may_be_blank(table: str, names: Collection[str]) -> list[str]:
    fields = {one.name: one for one in catalog.table(table).fields}
    return [name for name in names if not fields[name].required]


def _listed(words: Iterable[str]) -> str:
    every: Sequence[str] = list(words)
    return " and ".join(filter(None, (", ".join(every[:-1]), every[-1])))
