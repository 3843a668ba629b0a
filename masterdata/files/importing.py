"""Master data from a file: known records are updated, new ones inserted, bad rows refused by row and cell.

The one importer, for the job that page and command start. A file is read by a process of its own (files.reader); here
its rows become values (`decide`, `Rows`) and go in, part by part, each in the caller's transaction (`apply_part`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.utils import timezone

from core import bulk
from core.ids import new_id
from masterdata import catalog
from masterdata.catalog import LocalTable
from masterdata.files import styles
from masterdata.files.columns import chosen_columns, columns_by_name
from masterdata.files.csv_lines import SEPARATOR_NAMES
from masterdata.files.reader import Contents, rows_from
from masterdata.files.types import FileFacts, Kind, Line, Options
from masterdata.files.values import NULL_TEXTS, BadValue, converter
from masterdata.files.workbook import letters
from masterdata.models import ChangedBy, Company

PART = 2000
"""Rows of one transaction, so that a long import does not hold the database."""

_TOTAL = re.compile(
    r"((grand|sub)[ -]?)?(totals?|sum|summe|gesamt\w*|zwischensumme|insgesamt|endsumme|somme|totaal|totale|suma|razem|"
    r"celkem|összesen|итого|всего)\b",
    re.IGNORECASE,
)
_OPEN = "not decided, so what may mean two things is refused"


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row was left out: its line in the file, the file's column, the workbook's cell, what is wrong, what to do.

    reason: of the outcomes' closed list; value: what stands in the cell; local: the field.
    """

    line: int
    column: str
    cause: str
    fix: str
    reason: str = "value_invalid"
    cell: str = ""
    value: str = ""
    local: str = ""
    key: str = ""


class Plan(msgspec.Struct):
    """What was decided about a file for a table; kept with the job, so that it is decided once.

    columns: field -> (position in a row, the file's word for it); decimal, dates: field -> how the column is written;
    spaced_keys: numbers or codes of the table hold spaces; last: the last row's line.
    """

    table: str
    columns: dict[str, tuple[int, str]]
    rows: int
    facts: FileFacts
    decimal: dict[str, str] = {}
    dates: dict[str, str] = {}
    blank_clears: bool = False
    spaced_keys: bool = False
    last: int = 0

    def dump(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> "Plan":
        """Return what `dump` gave."""
        return msgspec.convert(dict(kept), cls)

    def decisions(self) -> dict[str, Any]:
        """Return what was decided, as commands print it."""
        return {
            "encoding": self.facts.encoding,
            "separator": self.facts.separator,
            "sheet": self.facts.sheet,
            "columns": {name: word for name, (_, word) in self.columns.items()},
            "decimal": dict(self.decimal),
            "dates": dict(self.dates),
            "blank_clears": self.blank_clears,
        }

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
        for name, style in self.decimal.items():
            word = styles.DECIMAL_NAMES.get(style, _OPEN)
            found.append(f"Decimal mark of {table.field(name).caption}: {word}.")
        for name, order in self.dates.items():
            word = styles.ORDER_NAMES.get(order, _OPEN)
            found.append(f"Dates of {table.field(name).caption}: {word}.")
        if self.blank_clears:
            found.append("Blank cells clear the field.")
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """A field's value before and after."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a good row: inserted, modified or unchanged; blanks_kept: fields that its blank cells left."""

    outcome: str
    line: int
    system_id: UUID
    key: str
    title: str
    changes: tuple[Change, ...] = ()
    blanks_kept: int = 0


@dataclass(frozen=True, slots=True)
class Values:
    """A good row: field -> value; blank: the fields whose cells are blank."""

    line: int
    values: dict[str, Any]
    blank: frozenset[str] = field(default_factory=frozenset)


def decide(
    *,
    table: LocalTable,
    contents: Contents,
    rows: Path,
    columns: Mapping[str, str] | None = None,
    options: Options | None = None,
    blank_clears: bool = False,
) -> Plan:
    """Decide what a file's columns mean and how they are written, from all of its rows.

    columns: field -> column of the file; only these are read. Without it every column must be named like a field or its
    caption. Raises UnknownColumns.
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
    plan = Plan(table.name, taken, contents.rows, contents.facts, blank_clears=blank_clears)
    types = {name: table.field(name).type for name in taken}
    numbers = {name: styles.Decimals() for name, type_ in types.items() if type_ in ("number", "integer")}
    dates = {name: styles.Dates() for name, type_ in types.items() if type_ in ("date", "datetime")}
    place = {name: position for name, (position, _) in taken.items()}
    styled: dict[str, styles.Decimals | styles.Dates] = {**numbers, **dates}
    spaced = last_spaced = False
    for line, _ in rows_from(rows):
        if line.problem:
            continue
        for name, found in styled.items():
            if line.kind(place[name]) == Kind.TEXT:
                found.add(line.values[place[name]])
        spaced = spaced or last_spaced
        last_spaced = _is_spaced(line.values[place[table.key]])
        plan.last = line.number
    plan.spaced_keys = spaced
    own = {found.style() for found in numbers.values()} - {"", styles.MIXED}
    elsewhere = own.pop() if len(own) == 1 else ""
    plan.decimal = {name: style for name, d in numbers.items() if (style := options.decimal or d.style(elsewhere))}
    plan.dates = {name: order for name, d in dates.items() if (order := options.dates or d.order())}
    return plan


class Rows:
    """Turns a file's rows into values, one after the other; remembers the keys it has met."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.table = table = catalog.table(plan.table)
        self._seen: dict[str, int] = {}
        self._readers = [
            (
                name, position, word,
                converter(
                    table, table.field(name), decimal=plan.decimal.get(name, ""), dates=plan.dates.get(name, "")
                ),
            )
            for name, (position, word) in plan.columns.items()
        ]  # fmt: skip
        self._key_at, self._key_word = plan.columns[table.key]

    def read(self, line: Line) -> Values | RowError:
        """Return a row's values, or why it is refused."""
        key_text = line.values[self._key_at] if self._key_at < len(line.values) else ""
        if line.problem:
            position = next((at for at, word in self.plan.columns.values() if word == line.column), None)
            value = line.values[position] if position is not None and position < len(line.values) else ""
            return RowError(line.number, line.column, line.problem, line.fix, "unreadable", "", value, "", key_text)
        if self._is_footer(line, key_text):
            cause = f"{key_text[:60]!r} looks like a line of totals, not like a record."
            caption = self.table.field(self.table.key).caption
            return self._error(line, self._key_at, self._key_word, self.table.key, BadValue(
                cause, f"Take the line out; if it is a record, give it a {caption} like the others.", "unreadable",
            ))  # fmt: skip
        values: dict[str, Any] = {}
        blank = set()
        for name, position, word, convert in self._readers:
            text = line.values[position]
            try:
                values[name] = convert(text, line.kind(position))
            except BadValue as bad:
                return self._error(line, position, word, name, bad)
            if not text or text in NULL_TEXTS:
                blank.add(name)
        key = str(values[self.table.key])
        if (first := self._seen.setdefault(key, line.number)) != line.number:
            caption = self.table.field(self.table.key).caption
            double = BadValue(f"{caption} {key} is already on line {first}.", "Keep one of the two rows.", "same_key")
            return self._error(line, self._key_at, self._key_word, self.table.key, double)
        return Values(line.number, values, frozenset(blank))

    def _error(self, line: Line, position: int, word: str, name: str, bad: BadValue) -> RowError:
        cell = f"{letters(position)}{line.number}" if self.plan.facts.kind == "workbook" else ""
        return RowError(
            line.number, word, bad.message, bad.fix, bad.reason, cell, line.values[position][:200], name,
            line.values[self._key_at],
        )  # fmt: skip

    def _is_footer(self, line: Line, key: str) -> bool:
        """Return whether a row is a line of totals, or what a report writes below its last record."""
        others = [value for at, value in enumerate(line.values) if value and at != self._key_at]
        if _TOTAL.match(key) and (":" in key or not any(re.search(r"[^\W\d_]", value) for value in others)):
            return ":" in key or bool(others) or line.number == self.plan.last
        alone = not others and len(line.values) > 1 and line.number == self.plan.last and self.plan.rows > 1
        return alone and _is_spaced(key) and not self.plan.spaced_keys


def apply_part(plan: Plan, company: Company, rows: Sequence[Values], *, write: bool = True) -> list[RowResult]:
    """Put good rows in, inside the caller's transaction; what became of each. Without `write` nothing is written."""
    if not rows:
        return []
    table = catalog.table(plan.table)
    model, key = table.model, table.key
    given = list(plan.columns)
    derived = [name for name in model.derives if name not in given]
    names = [*given, *derived]
    existing = _existing(table, company, [row.values[key] for row in rows], names, lock=write)
    now = timezone.now()
    results: list[RowResult] = []
    inserts: list[tuple[Any, ...]] = []
    updates: list[tuple[Any, ...]] = []
    for row in rows:
        old = existing(row.values[key])
        new, kept = _merged(plan, table, row, old)
        values = tuple(new.get(name, "") for name in names)
        title = str(new.get(table.title, "") or "")
        if old is None:
            system_id = new_id()
            inserts.append((system_id, company.pk, now, now, ChangedBy.IMPORT.value, *values))
            filled = tuple(Change(name, "", new[name]) for name in given if name not in row.blank)
            results.append(RowResult("inserted", row.line, system_id, str(new[key]), title, filled))
            continue
        changes = tuple(
            Change(name, old[name], value) for name, value in zip(names, values, strict=True) if value != old[name]
        )
        if changes:
            updates.append((old["id"], now, ChangedBy.IMPORT.value, *values))
        outcome = "modified" if changes else "unchanged"
        results.append(RowResult(outcome, row.line, old["system_id"], str(old[key]), title, changes, kept))
    if write:
        bulk.insert(model, ("system_id", "company_id", "created_at", "modified_at", "changed_by", *names), inserts)
        bulk.update(model, "id", ("modified_at", "changed_by", *names), updates)
    return results


def _merged(plan: Plan, table: LocalTable, row: Values, old: dict[str, Any] | None) -> tuple[dict[str, Any], int]:
    """Return a record's values with a row's over them, and how many of its blank cells left a value as it was."""
    taken, kept = dict(row.values), 0
    if old is not None:
        taken[table.key] = old[table.key]
        for name in () if plan.blank_clears else row.blank:
            kept += taken[name] != old[name]
            taken[name] = old[name]
    new = {**(old or {}), **taken}
    new.update(table.model.derived({**new, **taken}) if table.model.derives else {})
    return new, kept


class _Known:
    """Records by key, also where a code is written in other letters."""

    def __init__(self, table: LocalTable, records: Iterable[dict[str, Any]]) -> None:
        self.exact = {record[table.key]: record for record in records}
        self.codes = table.upper_case_codes
        self.folded = {str(key).casefold(): record for key, record in self.exact.items()} if self.codes else {}

    def __call__(self, key: Any) -> dict[str, Any] | None:
        found = self.exact.get(key)
        return self.folded.get(str(key).casefold()) if found is None and self.codes else found


def _existing(table: LocalTable, company: Company, keys: Sequence[Any], names: Sequence[str], *, lock: bool) -> _Known:
    wanted = {*names, *table.model.derived_from, table.key, table.title}
    asked = dict.fromkeys(keys)
    if table.upper_case_codes:
        asked |= dict.fromkeys(form for key in keys for form in (str(key).upper(), str(key).lower()))
    records = table.records(company)
    if lock:
        records = records.select_for_update()
    found: list[dict[str, Any]] = []
    every = list(asked)
    for start in range(0, len(every), PART):
        part = every[start : start + PART]
        found += records.filter(**{f"{table.key}__in": part}).values("id", "system_id", *wanted)
    return _Known(table, found)


def _is_spaced(key: str) -> bool:
    return " " in key or ":" in key
