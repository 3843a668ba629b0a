"""The history of a record's couplings: when, by whom and on what each came about, and what ended it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from auditlog.models import LogEntry

from coupling.couplings.coupled_records import CoupledRecords
from coupling.couplings.ended import Ending, endings_of, entries_of
from coupling.models import Coupling, EndedCoupling, Method, couplings_of_table
from jobs import outcomes
from jobs.models import Job, Reason, Type
from jobs.pages.lists import job_url
from masterdata.catalog import LocalTable
from masterdata.models import Company
from sync.history.entries import Entry
from ui.kit import Link

MOST = 20
"""Couplings that a card tells of, the newest."""
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Life:
    """A coupling of the record. made_at: blank for what a coupling job made; ended_at: blank while it lasts."""

    number: int
    row_id: UUID
    method: str
    job_id: int | None
    criterion: int | None
    made_at: datetime | None
    ended_at: datetime | None = None


def lives_of(company: Company, table: LocalTable, record: Any) -> "Lives":
    """Return the couplings that a record has and had."""
    own = couplings_of_table(company, table.name).filter(local_id=record.system_id, pending=False)
    ended = EndedCoupling.objects.filter(company=company, table=table.name, local_id=record.system_id)
    found = [_of(one, one.pk, one.created_at) for one in own]
    found += [_of(one, one.number, one.made_at, one.ended_at) for one in ended.order_by("-number")[:MOST]]
    return Lives(company, table, record.system_id, sorted(found, key=lambda one: one.number)[-MOST:])


def _of(one: Coupling | EndedCoupling, number: int, made_at: datetime | None, ended_at: datetime | None = None) -> Life:
    return Life(number, one.integration_id, one.method, one.job_id, one.criterion, made_at, ended_at)


class Lives:
    """The couplings of one record, told as entries of its timeline."""

    def __init__(self, company: Company, table: LocalTable, local_id: UUID, lives: Sequence[Life]) -> None:
        self.company, self.table, self.local_id, self.lives = company, table, local_id, lives

    @property
    def told(self) -> list[int]:
        """The numbers of the couplings of whose end is told."""
        return [one.number for one in self.lives if one.ended_at is not None]

    @cached_property
    def _jobs(self) -> dict[int, Job]:
        ids = {one.job_id for one in self.lives if one.job_id is not None}
        return Job.objects.filter(company=self.company).select_related("requested_by").in_bulk(ids)

    @cached_property
    def _endings(self) -> dict[int, Ending]:
        return endings_of(self.told)

    @cached_property
    def _made_by(self) -> dict[int, str]:
        """Who coupled by hand, by the numbers of the couplings."""
        by_hand = [one.number for one in self.lives if one.method == Method.MANUAL]
        entries = entries_of(by_hand, LogEntry.Action.CREATE) if by_hand else ()
        return {one.object_id: str(one.actor or "") for one in entries if one.object_id is not None}

    @cached_property
    def _row_names(self) -> dict[tuple[UUID, UUID], str]:
        return outcomes.newest_row_names([self.local_id]) if self.lives else {}

    def entries(self) -> Iterator[Entry]:
        """Yield when each came about, and when and by what it ended."""
        for at, life in enumerate(self.lives):
            job = self._jobs.get(life.job_id) if life.job_id is not None else None
            made_at = life.made_at or (job.started_at if job is not None else None)
            if made_at is not None:
                again = "again " if at else ""
                title = f"Coupled {again}to {name}" if (name := self._row_name(life)) else f"Coupled {again}".strip()
                yield Entry(made_at, title, "couple", self._link(job), notes=self._how(life, job))
            if life.ended_at is not None:
                yield self._end(life, life.ended_at)

    def _row_name(self, life: Life) -> str:
        return self._row_names.get((self.local_id, life.row_id), "")

    def _how(self, life: Life, job: Job | None) -> list[str]:
        """Return how a coupling came about: by match with the criterion and its values, by hand, created; by whom."""
        if life.method == Method.MATCHED:
            notes = ["match-based", *self._matched_on(life, job)]
        else:
            notes = [str(Method(life.method).label).lower()]
        who = self._made_by.get(life.number, "") or str(job.requested_by if job and job.requested_by else "")
        return [*notes, f"by {who}"] if who else notes

    def _matched_on(self, life: Life, job: Job | None) -> list[str]:
        """Return the criterion with the values that the record holds in its fields, and its priority."""
        if life.criterion is None:
            return []
        fields: list[Any] = []
        if job is not None and job.type == Type.COUPLING:
            (row,) = CoupledRecords().rows(job, [life.number], [None])
            fields = (row.detail or {}).get("fields", [])
        words = [f"{self._caption(one['local'])} {_cut(str(one['local_value'] or ''))}".strip() for one in fields]
        priority = f"priority {life.criterion}"
        return [f"{' + '.join(words)} ({priority})" if words else priority]

    def _caption(self, name: str) -> str:
        try:
            return self.table.field(name).caption
        except LookupError:
            return name

    def _end(self, life: Life, at: datetime) -> Entry:
        ending = self._endings.get(life.number) or Ending()
        job = ending.job
        notes = [f"by {ending.person}"] if ending.person else []
        if job is None:
            return Entry(at, "Coupling deleted", "uncouple", notes=notes)
        if job.requested_by is not None:
            notes.append(f"by {job.requested_by}")
        if job.type == Type.UNDO:
            return Entry(at, "Coupling undone", "reset", self._link(job), notes=[*self._undone(life), *notes])
        if ending.reason and ending.reason in Reason.values:
            notes.insert(0, str(Reason(ending.reason).label))
        return Entry(at, "Coupling deleted", "uncouple", self._link(job), notes=notes)

    @staticmethod
    def _undone(life: Life) -> list[str]:
        return [f"of job {life.job_id}"] if life.job_id is not None else []

    def _link(self, job: Job | None) -> Link | None:
        return Link(f"job {job.pk}", job_url(job, self.company)) if job is not None else None


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
