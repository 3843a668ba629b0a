"""What synchronization wrote: lines of the history with the records they are about, and what it came to in sum."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from core.vocabulary import Direction
from coupling.matching.choice_rows import is_choice
from jobs import outcomes
from jobs.models import Job, Type
from masterdata import catalog
from masterdata.models import Company
from sync.models import SynchronizedField, SynchronizedValue, WrittenSide
from sync.rules.changes import Kept, Won, net, told

_PART = 500
"""Ids in one query."""


def lines_of(company: Company) -> "QuerySet[SynchronizedValue]":
    """Return the lines of a company's history, newest first, with their fields and jobs."""
    return (
        SynchronizedValue.objects.filter(company=company).select_related("field", "job__requested_by").order_by("-id")
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the history as people read it."""

    pk: int
    at: datetime
    mapping: str
    table: str
    local_id: UUID
    key: str
    name: str
    gone: bool
    """Whether the record is not there any more."""
    integration_id: UUID
    row_name: str
    field: str
    """The local field's name; of a field without one the column's."""
    caption: str
    here: bool
    """Whether the record here was written, and not the row in Dataverse."""
    before: str
    after: str
    winner: str
    job_id: int
    put_back: bool
    """Whether a person put the value back."""
    new: bool
    """Whether the record or row was created with it."""
    choice: bool
    """Whether it is about a choice of a column, which no job puts back."""
    person: str
    """Who asked for the job; blank for a schedule."""
    changed_by: str = ""
    """Who changed the row in Dataverse that the value comes from."""
    by_rule: bool = False
    """Whether a rule of the table sent it along: what it replaced is not known."""

    @property
    def direction(self) -> str:
        """Which way the value went: a word of core.vocabulary."""
        return str(Direction.FROM if self.here else Direction.TO)

    @property
    def way(self) -> str:
        """Which way the value went, in words."""
        return str(WrittenSide(WrittenSide.LOCAL if self.here else WrittenSide.INTEGRATION).label)


_WINNERS = {
    (Won.OPTION, True): "Dataverse, by Resolve Update Conflicts",
    (Won.OPTION, False): "Here, by Resolve Update Conflicts",
    (Won.VALUE, True): "A value that a person chose",
    (Won.VALUE, False): "A value that a person chose",
    (Won.PERSON, True): "Dataverse, a person chose",
    (Won.PERSON, False): "Here, a person chose",
}


def winner(won: int, here: bool) -> str:
    """Return which side counted where both had changed, and by whom; "" where one had."""
    return _WINNERS.get((Won(won), here), "") if won in Won._value2member_map_ else ""


def read(rows: Sequence[SynchronizedValue]) -> list[Line]:
    """Return lines with the names of their records and rows; a few queries for each table."""
    names = _names(rows)
    ids = {row.local_id for row in rows}
    row_names = outcomes.newest_row_names(ids)
    return [_line(row, names.get(row.local_id), row_names.get((row.local_id, row.integration_id), "")) for row in rows]


def _line(row: SynchronizedValue, known: tuple[str, str, bool] | None, row_name: str) -> Line:
    field, job, here = row.field, row.job, row.side == WrittenSide.LOCAL
    key, name, gone = known or ("", "", True)
    return Line(
        row.pk, row.at, field.mapping_name, field.table, row.local_id, key, name, gone, row.integration_id, row_name,
        field.local or field.column, field.caption, here, told(row.before), told(row.after),
        winner(row.won, here), job.pk, job.type in (Type.RESTORE, Type.UNDO), row.won == Won.NEW,
        is_choice(row.integration_id),
        str(job.requested_by) if job.requested_by is not None else "", row.changed_by, row.won == Won.RULE,
    )  # fmt: skip


def _names(rows: Iterable[SynchronizedValue]) -> dict[UUID, tuple[str, str, bool]]:
    """Return key, name and whether it is gone of each record; those of deleted ones as a job knew them last."""
    by_table: dict[tuple[int, str], set[UUID]] = defaultdict(set)
    for row in rows:
        by_table[row.company_id, row.field.table].add(row.local_id)
    companies = Company.objects.in_bulk({company for company, _ in by_table})
    found: dict[UUID, tuple[str, str, bool]] = {}
    for (company_id, name), ids in by_table.items():
        try:
            table = catalog.table(name)
        except LookupError:
            continue  # of an app that is not installed any more
        wanted = list(ids)
        for start in range(0, len(wanted), _PART):
            records = table.rows(companies[company_id]).filter(system_id__in=wanted[start : start + _PART])
            for local_id, key, title in records.values_list("system_id", table.key, table.title):
                found[local_id] = str(key), str(title or ""), False
    missing = {row.local_id for row in rows} - found.keys()
    if missing:
        found |= {one: (*names, True) for one, names in outcomes.newest_names(missing).items()}
    return found


def changed_fields(job: Job, rows: Sequence[Any]) -> dict[UUID, list[tuple[str, str, str]]]:
    """Return what a job changed of these outcomes' records, by record: caption, before and after (jobs.registry)."""
    ids = [row.local_id for row in rows if row.local_id is not None]
    found: dict[UUID, list[tuple[str, str, str]]] = defaultdict(list)
    for start in range(0, len(ids), _PART):
        part = SynchronizedValue.objects.filter(job=job, local_id__in=ids[start : start + _PART])
        for line in part.select_related("field").order_by("id"):
            there = "" if line.side == WrittenSide.LOCAL else " in Dataverse"
            found[line.local_id].append((f"{line.field.caption}{there}", told(line.before), told(line.after)))
    return found


# -- in sum -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NetChange:
    """What a field of one side was before, and what it was last written, over all lines asked for.

    lines: their numbers, oldest first. before and after are kept as sync.rules.changes has it.
    """

    local_id: UUID
    integration_id: UUID
    field: SynchronizedField
    side: WrittenSide
    before: Kept
    after: Kept
    lines: tuple[int, ...]


def in_sum(lines: "QuerySet[SynchronizedValue]") -> list[NetChange]:
    """Return what these lines changed in sum, for each record, field and side. What came back is left out."""
    found: dict[tuple[UUID, UUID, int, int], list[SynchronizedValue]] = defaultdict(list)
    for line in lines.exclude(won=Won.RULE).order_by("id"):
        found[line.local_id, line.integration_id, line.field_id, line.side].append(line)
    changed = net((key, one.before, one.after) for key, own in found.items() for one in own)
    return [
        NetChange(
            key[0], key[1], found[key][0].field, WrittenSide(key[3]), before, after,
            tuple(one.pk for one in found[key]),
        )
        for key, (before, after) in changed.items()
    ]  # fmt: skip


def written_since(
    company: Company, pairs: Iterable[tuple[UUID, UUID]], job_id: int
) -> dict[tuple[UUID, UUID], list[NetChange]]:
    """Return what synchronization wrote of pairs (record, row) from a job on, on either side: before and after in sum.

    A pair of which nothing was written, or all of it came back to what it was, is missing.
    """
    wanted = set(pairs)
    ids = list({local_id for local_id, _ in wanted})
    found: dict[tuple[UUID, UUID], list[NetChange]] = defaultdict(list)
    for start in range(0, len(ids), _PART):
        part = lines_of(company).filter(local_id__in=ids[start : start + _PART], job_id__gte=job_id)
        for one in in_sum(part):
            if (one.local_id, one.integration_id) in wanted:
                found[one.local_id, one.integration_id].append(one)
    return dict(found)
