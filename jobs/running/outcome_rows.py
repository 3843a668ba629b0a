"""Writing what became of records: a narrow row each (jobs.wording), or one part for those without rows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from core import bulk
from jobs.models import Job, JobOutcome, OutcomePart, OutcomeWording, Reason
from jobs.outcome_parts import pack_notes, pack_numbers
from jobs.wording import Wording, names_of

_FIELDS = (
    "job_id", "outcome", "reason", "position", "local_id", "local_key", "local_name", "integration_id",
    "integration_name", "message", "detail", "number", "wording_id", "arguments",
)  # fmt: skip


class OutcomeRow(NamedTuple):
    """What became of one record. `detail`: fields, candidates, trail, code and request id (models.JobOutcome)."""

    outcome: str
    reason: str = ""
    local_id: UUID | None = None
    local_key: str = ""
    local_name: str = ""
    integration_id: UUID | None = None
    integration_name: str = ""
    message: str = ""
    detail: Mapping[str, Any] | None = None
    number: int | None = None
    """The number under which parts of earlier jobs know it, which nobody else will from now on."""


class DerivedRows(NamedTuple):
    """Outcomes of one kind that get no row each: the number of each, and what is noted of it."""

    outcome: str
    numbers: Sequence[int]
    notes: Sequence[Any]


class OutcomeWriter:
    """Writes the outcomes of a job, checkpoint by checkpoint."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._wording_id: int | None = None
        self._saved_wording: Wording | None = None

    def insert(self, rows: Sequence[OutcomeRow]) -> None:
        """Insert rows, numbered on from those that the job's breakdown has counted. Call it inside a transaction."""
        self.insert_at(self._positions(rows), rows)

    def insert_at(self, positions: Iterable[int], rows: Sequence[OutcomeRow], *, as_they_are: bool = False) -> None:
        """Insert rows at these positions. as_they_are: with their texts, as where another may write the sentences."""
        fitted = [*map(_fitted, rows)]
        if as_they_are:
            bulk.insert(JobOutcome, _FIELDS, self._values(positions, fitted, [None] * len(fitted)))
            return
        wording = self._saved_wording or self._read()
        self._saved_wording = None  # until the commit; where there is none, it is read again
        arguments = [self._narrow(wording, row) for row in fitted]
        if any(one is not None for one in arguments):
            self._save(wording)
        bulk.insert(JobOutcome, _FIELDS, self._values(positions, fitted, arguments))
        transaction.on_commit(lambda: self._go_on_from(wording))

    def _read(self) -> Wording:
        stored = OutcomeWording.objects.filter(job=self.job).first()
        self._wording_id = None if stored is None else stored.pk
        return Wording() if stored is None else stored.known

    def _go_on_from(self, wording: Wording) -> None:
        self._saved_wording = wording

    @staticmethod
    def _narrow(wording: Wording, row: OutcomeRow) -> bytes | None:
        names = names_of(row.local_key, row.local_name, row.integration_name, row.integration_id, row.local_id)
        return wording.narrow(row.message, row.detail, names)

    def _save(self, wording: Wording) -> None:
        if self._wording_id is None:
            self._wording_id = OutcomeWording.objects.create(job=self.job, entries=wording.dump()).pk
        elif wording.grew:
            OutcomeWording.objects.filter(pk=self._wording_id).update(entries=wording.dump())
        wording.grew = False

    def _positions(self, rows: Iterable[OutcomeRow]) -> Iterator[int]:
        last = {(outcome, reason): n for outcome, by in self.job.breakdown.items() for reason, n in by.items()}
        for row in rows:
            group = row.outcome, row.reason
            last[group] = last.get(group, 0) + 1
            yield last[group]

    def _values(
        self, positions: Iterable[int], rows: Iterable[OutcomeRow], arguments: Iterable[bytes | None]
    ) -> Iterator[tuple[Any, ...]]:
        for position, row, own in zip(positions, rows, arguments, strict=True):
            message, detail, wording_id = (
                (row.message, row.detail, None) if own is None else ("", None, self._wording_id)
            )
            yield (
                self.job.pk, row.outcome, row.reason, position, row.local_id, row.local_key, row.local_name,
                row.integration_id, row.integration_name, message, detail, row.number, wording_id, own,
            )  # fmt: skip


def keep_told(job: Job, told: Sequence[JobOutcome]) -> None:
    """Insert outcomes that a job kept no rows of, as they are told now (outcomes.told_of): from now on they stay so.

    Call it inside a transaction.
    """
    if not told:
        return
    # Sentences are written by the worker that has the job, and once it ended by one at a time.
    ended = Job.objects.select_for_update().filter(pk=job.pk, ended_at__isnull=False).exists()
    rows = [
        OutcomeRow(
            one.outcome, one.reason, one.local_id, one.local_key, one.local_name, one.integration_id,
            one.integration_name, one.message, one.detail, one.number,
        )
        for one in told
    ]  # fmt: skip
    OutcomeWriter(job).insert_at([one.position for one in told], rows, as_they_are=not ended)


def parts(job: Job, rows: Iterable[OutcomeRow], all_derived: Iterable[DerivedRows]) -> Iterator[OutcomePart]:
    """Yield what has no rows, numbered on from the rows of the same checkpoint."""
    last = Counter(row.outcome for row in rows if not row.reason)
    for outcome, by in job.breakdown.items():
        last[outcome] += by.get(Reason.NONE.value, 0)
    for derived in all_derived:
        yield OutcomePart(
            job_id=job.pk, outcome=derived.outcome, first=last[derived.outcome] + 1, count=len(derived.numbers),
            numbers=pack_numbers(derived.numbers), notes=pack_notes(derived.notes),
        )  # fmt: skip
        last[derived.outcome] += len(derived.numbers)


def _fitted(row: OutcomeRow) -> OutcomeRow:
    """Return an outcome as its columns take it: cut, and without the one character PostgreSQL has no place for."""
    return row._replace(
        local_key=_fit(row.local_key, 80), local_name=_fit(row.local_name, 200),
        integration_name=_fit(row.integration_name, 200), message=_fit(row.message, 10_000),
    )  # fmt: skip


def _fit(text: str, length: int) -> str:
    return text[:length].replace("\0", "")
