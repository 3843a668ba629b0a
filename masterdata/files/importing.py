"""Master data from a file: known records are updated, new ones inserted, bad rows refused by row and cell.

The one importer, for the job that page and command start. A file is read by a process of its own (files.reader); here
its rows become values (`Rows`), as was decided (files.plan), and go in, part by part, each in the caller's transaction
(`apply_part`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.utils import timezone

from core.ids import new_id
from masterdata import catalog
from masterdata.catalog import LocalTable
from masterdata.files.plan import Plan, is_spaced
from masterdata.files.types import Line
from masterdata.files.values import NULL_TEXTS, BadValue, converter
from masterdata.files.workbook import letters
from masterdata.models import ChangedBy, Company
from masterdata.record_writing import insert_records, update_records

PART = 2000
"""Rows of one transaction, so that a long import does not hold the database."""

_TOTAL = re.compile(
    r"((grand|sub)[ -]?)?(totals?|sum|summe|gesamt\w*|zwischensumme|insgesamt|endsumme|somme|totaal|totale|suma|razem|"
    r"celkem|összesen|итого|всего)\b",
    re.IGNORECASE,
)


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


@dataclass(frozen=True, slots=True)
class Change:
    """A field's value before and after."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a good row: inserted, modified or unchanged; kept: fields whose value its blank cells left."""

    outcome: str
    line: int
    system_id: UUID
    key: str
    title: str
    changes: tuple[Change, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def blanks_kept(self) -> int:
        """How many blank cells left a value as it was."""
        return len(self.kept)


@dataclass(frozen=True, slots=True)
class Values:
    """A good row: field -> value; blank: the fields whose cells are blank."""

    line: int
    values: dict[str, Any]
    blank: frozenset[str] = field(default_factory=frozenset)


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
        refused: list[RowError] = []
        for name, position, word, convert in self._readers:
            text = line.values[position]
            try:
                values[name] = convert(text, line.kind(position))
            except BadValue as bad:
                refused.append(self._error(line, position, word, name, bad))
            if not text or text in NULL_TEXTS:
                blank.add(name)
        if refused:
            return _together(refused)
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
        return alone and is_spaced(key) and not self.plan.spaced_keys


def _together(errors: Sequence[RowError]) -> RowError:
    """Return the first of a row's errors, with what is wrong in its other cells too: one look shows them all."""
    first, *others = errors
    more = [f"{one.cause.rstrip('.')} ({one.cell})." if one.cell else one.cause for one in others]
    return replace(first, cause=" ".join([first.cause, *more]))


def apply_part(plan: Plan, company: Company, rows: Sequence[Values], *, write: bool = True) -> list[RowResult]:
    """Put good rows in, inside the caller's transaction; what became of each. Without `write` nothing is written."""
    if not rows:
        return []
    table = catalog.table(plan.table)
    key = table.key
    given = list(plan.columns)
    derived = [name for name in table.derives if name not in given]
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
            inserts.append((system_id, *values))
            filled = tuple(Change(name, "", new[name]) for name in given if name not in row.blank)
            results.append(RowResult("inserted", row.line, system_id, str(new[key]), title, filled))
            continue
        changes = tuple(
            Change(name, old[name], value) for name, value in zip(names, values, strict=True) if value != old[name]
        )
        if changes:
            updates.append((old["system_id"], *values))
        outcome = "modified" if changes else "unchanged"
        results.append(RowResult(outcome, row.line, old["system_id"], str(old[key]), title, changes, kept))
    if write:
        insert_records(table, company, names, inserts, now=now, changed_by=ChangedBy.IMPORT)
        update_records(table, names, updates, now=now, changed_by=ChangedBy.IMPORT)
    return results


def _merged(
    plan: Plan, table: LocalTable, row: Values, old: dict[str, Any] | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a record's values with a row's over them, and the fields whose value its blank cells left as it was."""
    taken, kept = dict(row.values), []
    if old is not None:
        taken[table.key] = old[table.key]
        for name in row.blank:
            if plan.clears(name):
                continue
            if taken[name] != old[name]:
                kept.append(name)
            taken[name] = old[name]
    new = {**(old or {}), **taken}
    new.update(table.derived({**new, **taken}))
    return new, tuple(kept)


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
    wanted = {*names, *table.derived_from, table.key, table.title}
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
        if lock:
            table.give_ids(table.stored(company).filter(**{f"{table.key}__in": part}))
        found += records.filter(**{f"{table.key}__in": part}).values("system_id", *wanted)
    return _Known(table, found)
