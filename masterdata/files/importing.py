"""Master data from a file: known records are updated, new ones inserted, bad rows reported; the rest goes in."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from core import bulk
from core.refusals import Refusal
from masterdata.catalog import LocalTable
from masterdata.files.reading import Line, read_file
from masterdata.files.values import BadValue, converter
from masterdata.models import ChangedBy, Company

_CHUNK = 2000
# A file of the wrong kind would fill the memory with the same sentence.
MAX_ERRORS = 1000


class UnknownColumns(Refusal):
    """A column was named that the file or the table does not have."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__("unknown_column", message, fix)


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row was left out: its line in the file, the file's column, what is wrong and what to do."""

    line: int
    column: str
    cause: str
    fix: str


@dataclass(slots=True)
class Summary:
    """What an import did, in numbers of rows; `errors` holds the first MAX_ERRORS of `failed`."""

    total: int = 0
    inserted: int = 0
    modified: int = 0
    unchanged: int = 0
    failed: int = 0
    errors: list[RowError] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers and errors as plain data."""
        return asdict(self)

    def reject(self, error: RowError) -> None:
        """Count a row that stays out."""
        self.failed += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(error)


def import_file(
    *,
    table: LocalTable,
    company: Company,
    path: Path,
    columns: Mapping[str, str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Import a CSV file or Excel workbook.

    columns: field -> column of the file; only these are read. Without it every column must be named like a field or its
    caption. on_progress gets rows done and rows in all. Raises Unreadable (the file) or UnknownColumns (a name).
    """
    sheet = read_file(path)
    plan = (
        _chosen(table, sheet.columns, columns)
        if columns
        else columns_by_name(
            table, sheet.columns,
            fix=f'Name those to take with --columns "{table.key}={sheet.columns[0]},...", or rename the columns in the '
            "file.",
        )
    )  # fmt: skip
    return import_rows(table=table, company=company, columns=plan, lines=sheet.lines, on_progress=on_progress)


def import_rows(
    *,
    table: LocalTable,
    company: Company,
    columns: Mapping[str, tuple[int, str]],
    lines: Sequence[Line],
    on_progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Import rows of text.

    columns: field -> (position in a row, the file's word for it); the table's key must be among them. Rows go in by
    parts of a transaction each, so that a long import does not hold the database.
    """
    summary = Summary(total=len(lines))
    seen: dict[str, int] = {}
    for start in range(0, len(lines), _CHUNK):
        _import_part(
            table, company, list(_converted(table, columns, lines[start : start + _CHUNK], seen, summary)), summary
        )
        if on_progress:
            on_progress(min(start + _CHUNK, len(lines)), len(lines))
    return summary


def _converted(
    table: LocalTable,
    columns: Mapping[str, tuple[int, str]],
    lines: Iterable[Line],
    seen: dict[str, int],
    summary: Summary,
) -> Iterator[dict[str, Any]]:
    """Yield the good rows as field -> value; the others are counted and reported."""
    readers = [
        (name, position, word, converter(table, table.field(name))) for name, (position, word) in columns.items()
    ]
    for line in lines:
        if line.problem:
            summary.reject(RowError(line.number, line.column, line.problem, line.fix))
            continue
        values: dict[str, Any] = {}
        for name, position, word, convert in readers:
            try:
                values[name] = convert(line.values[position])
            except BadValue as bad:
                summary.reject(RowError(line.number, word, bad.message, bad.fix))
                break
        else:
            key = values[table.key]
            if key in seen:
                word = columns[table.key][1]
                cause = f"{table.field(table.key).caption} {key} is already on line {seen[key]}."
                summary.reject(RowError(line.number, word, cause, "Keep one of the two rows."))
                continue
            seen[key] = line.number
            yield values


def _import_part(table: LocalTable, company: Company, rows: list[dict[str, Any]], summary: Summary) -> None:
    if not rows:
        return
    model, key = table.model, table.key
    given = list(rows[0])
    derived = [name for name in model.derives if name not in given]
    names = [*given, *derived]
    wanted = {*names, *model.derived_from}
    now = timezone.now()
    with transaction.atomic():
        existing = {
            record[key]: record
            for record in table.records(company)
            .select_for_update()
            .filter(**{f"{key}__in": [row[key] for row in rows]})
            .values("id", *wanted)
        }
        inserts: list[tuple[Any, ...]] = []
        updates: list[tuple[Any, ...]] = []
        for row in rows:
            old = existing.get(row[key])
            new = {**(old or {}), **row}
            new.update(model.derived({**new, **row}) if model.derives else {})
            values = tuple(new.get(name, "") for name in names)
            if old is None:
                inserts.append((company.pk, now, now, ChangedBy.IMPORT.value, *values))
            elif values == tuple(old[name] for name in names):
                summary.unchanged += 1
            else:
                updates.append((old["id"], now, ChangedBy.IMPORT.value, *values))
        bulk.insert(model, ("company_id", "created_at", "modified_at", "changed_by", *names), inserts)
        bulk.update(model, "id", ("modified_at", "changed_by", *names), updates)
    summary.inserted += len(inserts)
    summary.modified += len(updates)


def _chosen(table: LocalTable, header: Sequence[str], columns: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """Return the columns a person chose. Raises UnknownColumns."""
    fields = [known.name for known in table.fields]
    positions = {word.casefold(): position for position, word in enumerate(header)}
    for name, word in columns.items():
        if name not in fields:
            raise UnknownColumns(
                f"{table.caption} has no field {name!r}.",
                f"The possible ones are: {', '.join(fields)}.",
            )
        if word.casefold() not in positions:
            raise UnknownColumns(
                f"The file has no column {word!r}.",
                f"Its columns are: {', '.join(filter(None, header))}.",
            )
    _need_key(table, columns, header)
    return {name: (positions[word.casefold()], word) for name, word in columns.items()}


def columns_by_name(table: LocalTable, header: Sequence[str], *, fix: str) -> dict[str, tuple[int, str]]:
    """Return each column found by a field's name or caption. Raises UnknownColumns, ending with `fix`."""
    known = {_plain(word): one.name for one in table.fields for word in (one.caption, one.name)}
    unknown = [word for word in header if word and _plain(word) not in known]
    if unknown:
        raise UnknownColumns(
            f"{table.caption} has no field for the file's {'column' if len(unknown) == 1 else 'columns'} "
            f"{', '.join(unknown)}.",
            f"The possible ones are: {', '.join(one.name for one in table.fields)}. {fix}",
        )
    plan: dict[str, tuple[int, str]] = {}
    for position, word in enumerate(header):
        if not word:
            continue
        name = known[_plain(word)]
        if name in plan:
            raise UnknownColumns(
                f"The file's columns {plan[name][1]} and {word} both mean {name}.",
                "Keep one of them.",
            )
        plan[name] = (position, word)
    _need_key(table, plan, header)
    return plan


def _need_key(table: LocalTable, columns: Iterable[str], header: Sequence[str]) -> None:
    """Check that the key, which tells records apart, and each field without blank and default are in the file."""
    for needed in table.fields:
        if needed.required and needed.name not in columns:
            raise UnknownColumns(
                f"No column gives {needed.name} ({needed.caption}), which every record of {table.caption} needs.",
                f"The file's columns are: {', '.join(filter(None, header))}.",
            )


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "", word.casefold())
