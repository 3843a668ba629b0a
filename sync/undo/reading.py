"""How the couplings that a job made stand now, and what synchronization wrote of them since. Asks Dataverse nothing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Q

from coupling import local_records
from coupling.couplings.ended import Ending, endings_of
from coupling.couplings.pair_outcomes import pairs_by_id
from coupling.models import Coupling, EndedCoupling, IntegrationTableMapping, Method, UndoneRecord
from jobs import outcomes
from jobs.models import Job, Reason, Trigger, Type
from sync.engine.deleted_names import names_of_deleted
from sync.models import SynchronizedField, SynchronizedValue, WrittenSide
from sync.rules.changes import Won
from sync.rules.undoing import Line, Standing, Why, Write, follow, stays

_Ids = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Writes:
    """What synchronization wrote to a field of one side since the job: oldest first."""

    field: SynchronizedField
    here: bool
    writes: tuple[Write, ...]
    entered: bool = False
    """Whether people have entered a value there since the last of them."""


@dataclass(slots=True)
class Made:
    """A coupling that the job made, as it stands now.

    number: the id that it has, or had; why: why it stays as it is, None where it is ended; created: its row was made in
    Dataverse by Create New; written: what synchronization wrote of a pair that is ended.
    """

    number: int
    local_id: UUID | None
    row_id: UUID | None
    key: str = ""
    name: str = ""
    why: Why | None = None
    created: bool = False
    written: list[Writes] = field(default_factory=list)
    row_name: str = ""
    """Of a choice alone: rows are named where they are read."""


class MadeByJob:
    """The couplings that a coupling job made, with those of the rows that it had created."""

    def __init__(self, job: Job, mapping: IntegrationTableMapping) -> None:
        self.job, self.mapping = job, mapping

    @cached_property
    def created_by(self) -> list[int]:
        """The jobs that created rows for records without a match."""
        created = self.job.followups.filter(type=Type.SYNCHRONIZATION, selection_only=True)
        return list(created.filter(parameters__create=True).values_list("pk", flat=True))

    @cached_property
    def _own(self) -> Q:
        return Q(job_id=self.job.pk) | Q(job_id__in=self.created_by, method=Method.CREATED)

    @property
    def there(self) -> Any:
        """Its couplings that are there still."""
        return Coupling.objects.filter(self._own, mapping=self.mapping)

    @cached_property
    def numbers(self) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """The ids of all its couplings, of those that are gone too, in ascending order."""
        gone = EndedCoupling.objects.filter(self._own, company=self.job.company_id)
        queries = self.there.order_by().values_list("pk", flat=True), gone.values_list("number", flat=True)
        found = [np.fromiter(query.iterator(chunk_size=10_000), np.int64) for query in queries]
        return np.unique(np.concatenate([outcomes.numbers_without_rows(self.job), *found]))

    def look(self, numbers: Sequence[int]) -> list[Made]:
        """Return how these couplings stand, in their order, with what was written of those that are ended."""
        there = {one.pk: one for one in self.there.filter(pk__in=list(numbers))}
        gone = self._gone([number for number in numbers if number not in there])
        ids = {one.local_id for one in there.values()} | {one.local_id for one in gone.values() if one.local_id}
        names = local_records.read_keys_and_names(self.mapping, ids)
        decided = self._decided(there.values())
        found = []
        for number in numbers:
            made = gone.get(number) or self._made(there[number])
            known = names.get(made.local_id) if made.local_id else None
            if known is not None:
                made.key, made.name = known
            if number in there:
                standing = Standing(
                    there=True, record_exists=known is not None, pending=there[number].pending,
                    decided=decided.get(number, ""),
                )  # fmt: skip
                made.why = stays(standing)
            found.append(made)
        self._name_deleted([made for made in found if not made.key])
        self._read_written([made for made in found if made.why is None])
        return found

    def _made(self, coupling: Coupling) -> Made:
        created = coupling.method == Method.CREATED
        return Made(coupling.pk, coupling.local_id, coupling.integration_id, created=created)

    # -- those that are gone ------------------------------------------------------------------------------------------

    def _gone(self, numbers: Sequence[int]) -> dict[int, Made]:
        """Return what is known of couplings that are not there any more, each with why there is nothing to undo."""
        if not numbers:
            return {}
        found = {
            one.number: Made(one.number, one.local_id, one.integration_id, created=one.method == Method.CREATED)
            for one in EndedCoupling.objects.filter(number__in=numbers)
        }
        for number, pair in pairs_by_id([number for number in numbers if number not in found]).items():
            found[number] = Made(number, pair.local_id, pair.integration_id, pair.key, pair.name)
        endings = endings_of(numbers)
        ids = [made.local_id for made in found.values() if made.local_id is not None]
        now = {one.local_id: one for one in Coupling.objects.filter(mapping=self.mapping, local_id__in=ids)}
        for number in numbers:
            made = found.setdefault(number, Made(number, None, None))
            anew = now.get(made.local_id) if made.local_id is not None else None
            standing = Standing(
                there=False, ended=ended_words(endings.get(number)), coupled_by=_coupled_by(anew) if anew else ""
            )
            made.why = stays(standing)
        return found

    @staticmethod
    def _name_deleted(unnamed: Sequence[Made]) -> None:
        """Give records that are gone the key and name that people knew them by."""
        known = names_of_deleted({made.number: made.local_id for made in unnamed if made.local_id is not None})
        for made in unnamed:
            made.key, made.name = known.get(made.number, ("", ""))

    # -- what was done since ------------------------------------------------------------------------------------------

    def _decided(self, couplings: Iterable[Coupling]) -> dict[int, str]:
        """Return what a person has decided about pairs since the job, as a clause, by their couplings."""
        by_pair = {(one.local_id, one.integration_id): one.pk for one in couplings}
        if not by_pair:
            return {}
        accepted = UndoneRecord.objects.filter(coupling_id__in=by_pair.values(), settled_at__isnull=False)
        found = dict.fromkeys(
            accepted.values_list("coupling_id", flat=True), "Somebody has accepted since that the two sides differ"
        )
        chosen = self._lines([local_id for local_id, _ in by_pair]).filter(
            won__in=(Won.PERSON, Won.VALUE),
            job__trigger=Trigger.USER,
            job__type=Type.SYNCHRONIZATION,
            job__selection_only=True,
        )
        for line in chosen.exclude(job__parent=self.job).select_related("job__requested_by"):
            number = by_pair.get((line.local_id, line.integration_id))
            if number is not None:
                who = line.job.requested_by or "Somebody"
                found[number] = f"{who} chose since which side counts (job {line.job_id})"
        return found

    def _lines(self, local_ids: Sequence[UUID]) -> Any:
        """Return the history's lines of these records since the job, oldest first."""
        since = self.job.started_at or self.job.created_at
        lines = SynchronizedValue.objects.filter(company=self.job.company_id, local_id__in=list(local_ids))
        return lines.filter(at__gte=since).order_by("id")

    def _read_written(self, pairs: Sequence[Made]) -> None:
        """Have pairs that are ended tell what synchronization wrote of them.

        Of a row that the job had created, nothing goes back: before the job it was not there.
        """
        by_pair: dict[_Ids, Made] = {
            (made.local_id, made.row_id): made for made in pairs if made.local_id and made.row_id
        }
        if not by_pair:
            return
        fields: dict[int, SynchronizedField] = {}
        found: dict[tuple[_Ids, int], list[Line]] = defaultdict(list)
        # What people asked to be put back is their word on the value, not something that synchronization did.
        lines = self._lines([local_id for local_id, _ in by_pair]).exclude(job__type__in=(Type.RESTORE, Type.UNDO))
        lines = lines.exclude(won__in=(Won.NEW, Won.RULE))  # before, there was nothing, or nothing that is known
        for line in lines.select_related("field"):
            made = by_pair.get((line.local_id, line.integration_id))
            if made is None:
                continue
            fields[line.field_id] = line.field
            here, asked = line.side == WrittenSide.LOCAL, line.won == Won.PERSON
            told = Line(here, line.before, line.after, asked)
            found[(line.local_id, line.integration_id), line.field_id].append(told)
        for (ids, field_id), told_of in found.items():
            for here, of_side in follow(told_of).items():
                if here or not by_pair[ids].created:
                    by_pair[ids].written.append(Writes(fields[field_id], here, *of_side))


def _coupled_by(coupling: Coupling) -> str:
    if coupling.method == Method.MANUAL or coupling.job_id is None:
        return "hand"
    return f"job {coupling.job_id}"


def ended_words(ending: Ending | None) -> str:
    """Return how a coupling ended as a clause, "ada deleted the coupling"; "" where nobody noted it."""
    if ending is None:
        return ""
    if ending.job is None:
        return f"{ending.person or 'somebody'} deleted the coupling"
    job = ending.job
    if job.type == Type.UNDO:
        return f"job {job.pk} has undone it"
    if job.type == Type.UNCOUPLING:
        return f"{job.requested_by or 'somebody'} had job {job.pk} delete the coupling"
    why = f" ({Reason(ending.reason).label})" if ending.reason in Reason.values and ending.reason else ""
    return f"job {job.pk} ended the coupling{why}"
