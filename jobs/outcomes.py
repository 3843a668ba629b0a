"""What became of a job's records, in whatever form it is kept: rows, and parts without rows (models.OutcomePart).

Where an outcome of a part has a row, too, that was written before what it is told from was deleted, and counts.

    found = JobOutcomes(job, Outcome.COUPLED)
    found.count, found[100:150], list(found), found.searched("fabrikam")

Pages, commands, exports and the history of a record read outcomes here; only who writes them knows their forms.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When

from core import collation
from jobs.models import Job, JobOutcome, Outcome, OutcomePart, Reason
from jobs.outcome_parts import unpack_notes, unpack_numbers
from jobs.registry import DerivedOutcomes, registry
from masterdata.models import Company

SEARCHED = ("local_key__istartswith", "local_name__icontains", "integration_name__icontains")
"""What a search looks at in outcomes that have rows; those without are searched by registry.DerivedOutcomes.find."""
_READ = 2000
"""Outcomes read at once by whoever goes through all."""


class JobOutcomes:
    """The outcomes of a job: all, those of one outcome, or of one reason within it; in the order of the lists.

    Positions are those of the list, from 0. Nothing is read before it is asked for.
    """

    def __init__(self, job: Job, outcome: str = "", reason: str | None = None, *, text: str = "") -> None:
        self.job, self.outcome, self.reason, self.text = job, outcome, reason, text

    def searched(self, text: str) -> "JobOutcomes":
        """Return those whose record's number begins with a text, or whose name here or in Dataverse has it."""
        return JobOutcomes(self.job, self.outcome, self.reason, text=text)

    @cached_property
    def _groups(self) -> list["_Group"]:
        """Return the groups of an outcome and a reason, in the order of the lists."""
        chosen = [
            (one, why, count)
            for one, by in self.job.breakdown.items()
            for why, count in by.items()
            if self.outcome in ("", one) and self.reason in (None, why)
        ]
        names = {*Outcome.values, *Reason.values, *(name for one, why, _ in chosen for name in (one, why))}
        rank = collation.ranks(names, JobOutcome.objects.db)
        chosen.sort(key=lambda group: (rank[group[0]], rank[group[1]]))
        return [_Group(self.job, one, why, count, self.text) for one, why, count in chosen]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(len(group) for group in self._groups)

    def __getitem__(self, span: slice) -> list[JobOutcome]:
        """Return a stretch of the list, given by its first position and the one behind its last."""
        found: list[JobOutcome] = []
        before = 0
        for group in self._groups:
            first, behind = max(0, (span.start or 0) - before), min(len(group), span.stop - before)
            if first < behind:
                found += group.read(first, behind)
            before += len(group)
            if before >= span.stop:
                break
        return found

    def __iter__(self) -> Iterator[JobOutcome]:
        """Yield all, read part by part."""
        for group in self._groups:
            for first in range(0, len(group), _READ):
                yield from group.read(first, min(len(group), first + _READ))


class _Group:
    """A job's outcomes of one outcome and one reason: numbered from 1, some of them in rows, some in parts."""

    def __init__(self, job: Job, outcome: str, reason: str, count: int, text: str) -> None:
        self.job, self.outcome, self.reason, self.text = job, outcome, reason, text
        self._counted = count
        self.rows = JobOutcome.objects.filter(job=job, outcome=outcome, reason=reason)
        self._known_parts: list[OutcomePart] | None = None
        self._last_unpacked: tuple[int, np.ndarray[Any, np.dtype[np.int64]], list[Any]] | None = None

    def __len__(self) -> int:
        return len(self._matching) if self.text else self._counted

    def _parts(self, between: tuple[int, int] = (0, 0)) -> list[OutcomePart]:
        """Return the parts. Where they are read for the first time, what is packed comes along for those between these
        positions, of the first and behind the last.
        """
        if self._known_parts is None:
            self._known_parts = [] if self.reason else list(self._read_parts(*between))
        return self._known_parts

    def _read_parts(self, first: int, behind: int) -> "QuerySet[OutcomePart]":
        wanted = Q(first__lt=behind, first__gt=first - F("count"))
        parts = OutcomePart.objects.filter(job=self.job, outcome=self.outcome).defer("numbers", "notes")
        return parts.annotate(
            packed_numbers=Case(When(wanted, then="numbers"), default=None),
            packed_notes=Case(When(wanted, then="notes"), default=None),
        ).order_by("first")

    @property
    def _source(self) -> DerivedOutcomes:
        return registry.derived[self.job.type]

    def read(self, first: int, behind: int) -> list[JobOutcome]:
        """Return the outcomes from one place in the list to before another."""
        if self.text:
            return self._at(self._matching[first:behind].tolist())
        if not self._parts((first + 1, behind + 1)):
            return list(self.rows.order_by("position", "id")[first:behind])
        return self._at(range(first + 1, behind + 1))

    def _at(self, positions: Iterable[int]) -> list[JobOutcome]:
        """Return the outcomes at these positions of the group, in their order."""
        wanted = list(positions)
        if not wanted:
            return []
        found = {row.position: row for row in self._stored_at(wanted)}
        for part in self._parts():
            if part.first + part.count <= wanted[0] or part.first > wanted[-1]:
                continue
            inside = [at for at in wanted if part.first <= at < part.first + part.count and at not in found]
            if inside:
                found |= zip(inside, self._derived(part, inside), strict=True)
        return [found[at] for at in wanted if at in found]

    def _stored_at(self, wanted: list[int]) -> "QuerySet[JobOutcome]":
        if wanted[-1] - wanted[0] == len(wanted) - 1:
            return self.rows.filter(position__range=(wanted[0], wanted[-1]))
        return self.rows.filter(position__in=wanted)

    def _derived(self, part: OutcomePart, positions: list[int]) -> list[JobOutcome]:
        places = [at - part.first for at in positions]
        numbers, notes = self._unpacked(part)
        rows = self._source.rows(self.job, numbers[places].tolist(), [notes[place] for place in places])
        for row, position in zip(rows, positions, strict=True):
            row.job, row.outcome, row.reason, row.position = self.job, self.outcome, self.reason, position
        return rows

    def _unpacked(self, part: OutcomePart) -> tuple["np.ndarray[Any, np.dtype[np.int64]]", list[Any]]:
        """Return the numbers and notes of a part; those of the last one are kept for who goes through all."""
        if self._last_unpacked is None or self._last_unpacked[0] != part.pk:
            packed_numbers, packed_notes = vars(part).pop("packed_numbers", None), vars(part).pop("packed_notes", None)
            if packed_numbers is None:
                row = OutcomePart.objects.filter(pk=part.pk).values_list("numbers", "notes")
                packed_numbers, packed_notes = row.get()
            numbers, notes = unpack_numbers(packed_numbers), unpack_notes(packed_notes, part.count)
            self._last_unpacked = part.pk, numbers, notes
        return self._last_unpacked[1:]

    @cached_property
    def _matching(self) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """Return the positions of the outcomes that a search finds, in their order."""
        condition = Q()
        for lookup in SEARCHED:
            condition |= Q(**{lookup: self.text})
        stored = self.rows.filter(condition).values_list("position", flat=True)
        found = [np.fromiter(stored.iterator(chunk_size=_READ), np.int64)]
        if self._parts():
            known = np.fromiter(self._source.find(self.job, self.text), np.int64)
            derived = np.concatenate([part.first + self._places_in(part, known) for part in self._parts()])
            # What has got a row since is told from that one.
            kept = np.fromiter(self.rows.values_list("position", flat=True).iterator(chunk_size=_READ), np.int64)
            found.append(np.setdiff1d(derived, kept))
        return np.unique(np.concatenate(found))

    def _places_in(self, part: OutcomePart, known: Any) -> Any:
        """Return the places of a part whose number is known to match, or whose note does."""
        numbers, notes = self._unpacked(part)
        hits = np.isin(numbers, known)
        if part.notes:
            text, source = self.text.lower(), self._source
            hits |= np.fromiter((source.note_matches(note, text) for note in notes), np.bool_, part.count)
        return np.flatnonzero(hits)


def with_parts_known(jobs: "QuerySet[Job]") -> "QuerySet[Job]":
    """Return the jobs, each of which knows whether it has outcomes without rows."""
    return jobs.annotate(_has_parts=Exists(OutcomePart.objects.filter(job=OuterRef("pk"))))


def has_parts(job: Job) -> bool:
    """Return whether a job has outcomes without rows; one query, unless it was read by `with_parts_known`."""
    known: bool | None = vars(job).get("_has_parts")
    if known is not None:
        return known
    return OutcomePart.objects.filter(job=job).exists()


def outcomes_without_rows(job: Job) -> set[str]:
    """Return the outcomes of which a job has some without rows."""
    return set(OutcomePart.objects.filter(job=job).values_list("outcome", flat=True).distinct())


def told_of(job: Job, outcome: str, numbers: Sequence[int]) -> list[JobOutcome]:
    """Return those of a job's outcomes without rows that are known by these numbers, as they are told now."""
    wanted, found = np.asarray(numbers, np.int64), []
    parts = OutcomePart.objects.filter(job=job, outcome=outcome).defer("notes").order_by("first")
    for part in parts.iterator(chunk_size=50):
        known = unpack_numbers(part.numbers)
        if not len(places := np.flatnonzero(np.isin(known, wanted))):
            continue
        notes = unpack_notes(part.notes, part.count)  # read now: they take most of a part
        own = known[places].tolist()
        rows = registry.derived[job.type].rows(job, own, [notes[place] for place in places])
        for row, number, place in zip(rows, own, places.tolist(), strict=True):
            row.job, row.outcome, row.reason, row.number = job, outcome, Reason.NONE.value, number
            row.position = part.first + place
        found += rows
    return found


def numbers_without_rows(job: Job) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return the numbers of all outcomes of a job that have no rows, in ascending order."""
    parts = OutcomePart.objects.filter(job=job).values_list("numbers", flat=True)
    found = [unpack_numbers(packed) for packed in parts.iterator(chunk_size=50)]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


def rows_of(job: Job, *outcomes: str) -> "QuerySet[JobOutcome]":
    """Return the rows of a job's outcomes, all or these, for conditions of other queries: those without are not among
    them.
    """
    return job.outcomes.filter(outcome__in=outcomes) if outcomes else job.outcomes.all()


def rows_of_record(company: Company, local_id: UUID, outcomes: Collection[str]) -> "QuerySet[JobOutcome]":
    """Return the rows of these outcomes that the jobs of a company have about one record; in no order."""
    return JobOutcome.objects.filter(local_id=local_id, job__company=company, outcome__in=outcomes)


def jobs_of_record(company: Company, local_id: UUID) -> set[int]:
    """Return the ids of the jobs of a company that are known to have dealt with a record: those that have a row about
    it, and of each kind that keeps none the newest.
    """
    rows = JobOutcome.objects.filter(local_id=local_id, job__company=company).order_by()
    newest = [source.newest_of(company, local_id) for source in registry.derived.values()]
    known = {*rows.values_list("job_id", flat=True).distinct(), *(found[0] for found in newest if found)}
    return set(Job.objects.filter(company=company, pk__in=known).values_list("pk", flat=True))  # some are removed


def rows_in_order(job: Job, outcome: str = "", reason: str | None = None) -> "QuerySet[JobOutcome]":
    """Return the rows of a job's outcomes, of one outcome or of one reason within it, in the order of the lists."""
    rows = rows_of(job, outcome) if outcome else rows_of(job)
    if outcome and reason is not None:
        rows = rows.filter(reason=reason)
    # As the index outcome_by_position has them, so that no page sorts.
    return rows.order_by("outcome", "reason", "position", "id")


def ends_of(numbers: Iterable[int]) -> "QuerySet[JobOutcome]":
    """Return the outcomes by which jobs ended what parts know by these numbers, and what was kept of it then."""
    return JobOutcome.objects.filter(number__in=list(numbers)).order_by("pk")


def ended_in(company: Company, **those: Any) -> "QuerySet[JobOutcome]":
    """Return the outcomes by which jobs of a company ended what parts know by numbers; those: conditions."""
    return JobOutcome.objects.filter(number__isnull=False, job__company=company, **those)


def failed(job: Job) -> "QuerySet[JobOutcome]":
    """Return what failed in a job, in the order of the lists; it always has rows."""
    return rows_in_order(job, Outcome.FAILED)


def with_reason(job: Job, reason: str) -> "QuerySet[JobOutcome]":
    """Return a job's outcomes of one reason, as they were written; whatever has a reason has a row."""
    return job.outcomes.filter(reason=reason).order_by("id")


def with_errors(jobs: "QuerySet[Job]") -> "QuerySet[Job]":
    """Return those of the jobs that have failed records."""
    return jobs.filter(Exists(JobOutcome.objects.filter(job=OuterRef("pk"), outcome=Outcome.FAILED)))


def newest_details(company: Company, job_type: str, local_ids: Iterable[UUID]) -> dict[UUID, Any]:
    """Return what the newest job of a type noted of each of these records, of those about which it kept a row."""
    reported = JobOutcome.objects.filter(local_id__in=list(local_ids), job__company=company, job__type=job_type)
    return {row.local_id: row.detail for row in reported.order_by("job_id", "pk") if row.local_id is not None}


def newest_outcome(company: Company, job_type: str, local_id: UUID) -> JobOutcome | None:
    """Return what a record came to in the newest job of a type that dealt with it, with the job; None for none."""
    rows = JobOutcome.objects.filter(local_id=local_id, job__company=company, job__type=job_type)
    newest = rows.select_related("job").order_by("-job_id").first()
    source = registry.derived.get(job_type)
    job_id, number = (source.newest_of(company, local_id) if source else None) or (0, 0)
    if job_id > (newest.job_id if newest else 0):
        for job in Job.objects.select_related("company").filter(pk=job_id, company=company, type=job_type):
            for outcome in sorted(outcomes_without_rows(job)):
                if told := told_of(job, outcome, [number]):
                    return told[0]
    return newest


def newest_names(local_ids: Iterable[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return key and name by which the newest outcome with a row knew each of these records."""
    rows = JobOutcome.objects.filter(local_id__in=list(local_ids)).exclude(local_key="").order_by("pk")
    found = rows.values_list("local_id", "local_key", "local_name")
    return {row_id: (key, name) for row_id, key, name in found if row_id is not None}


def newest_row_names(local_ids: Iterable[UUID]) -> dict[tuple[UUID, UUID], str]:
    """Return what the newest outcome with a row called the Dataverse row of each of these records, by both ids."""
    wanted, found = list(local_ids), {}
    for start in range(0, len(wanted), 500):
        rows = JobOutcome.objects.filter(local_id__in=wanted[start : start + 500]).exclude(integration_name="")
        for local_id, row_id, name in rows.order_by("pk").values_list("local_id", "integration_id", "integration_name"):
            if local_id is not None and row_id is not None:
                found[local_id, row_id] = name
    return found


def failures_of(job_ids: Iterable[int], local_ids: Iterable[UUID]) -> dict[tuple[int, UUID], JobOutcome]:
    """Return what failed in these jobs of these records, by job and record; the newest where a job has several."""
    rows = JobOutcome.objects.filter(
        local_id__in=list(local_ids), job_id__in=list(job_ids), outcome=Outcome.FAILED
    ).order_by("pk")
    return {(row.job_id, row.local_id): row for row in rows if row.local_id is not None}


def to_json(row: JobOutcome) -> dict[str, Any]:
    """Return a record's outcome in the shape the commands print."""
    detail = row.detail if isinstance(row.detail, dict) else {}
    return {
        "local": {"id": row.local_id, "key": row.local_key, "name": row.local_name},
        "integration": {"id": row.integration_id, "name": row.integration_name} if row.integration_id else None,
        "reason": row.reason,
        "message": row.message,
        "fields": detail.get("fields", []),
        "candidates": detail.get("candidates", []),
    }
