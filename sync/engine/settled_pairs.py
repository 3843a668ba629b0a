"""Pairs that a synchronization found settled, or alike: they have no outcome rows, and are told from their couplings.

The number of such an outcome is the id of its coupling; the note, [name], is there where the row was called otherwise
than the record.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Q

from core import bulk
from coupling.couplings.pair_outcomes import KnownPair, PairOutcomes, mapping_and_table, pairs_by_id, read_by_id
from coupling.models import CouplingBase, IntegrationTableMapping, UndoneRecord
from jobs import outcomes
from jobs.models import Job, JobOutcome
from jobs.running.context import OutcomeRow
from masterdata.models import Company
from sync.engine.deleted_names import Names, names_of_deleted
from sync.models import DuePair, Waits

_PART = 500


def note_of(outcome: OutcomeRow) -> list[str] | None:
    """Return what is noted of an outcome that gets no row."""
    called_alike = outcome.integration_name == outcome.local_name
    return None if called_alike else [outcome.integration_name]


class SettledPairs(PairOutcomes):
    """The derived outcomes of synchronization jobs (jobs.registry.DerivedOutcomes)."""

    def newest_of(self, company: Company, local_id: UUID) -> tuple[int, int] | None:
        """Return the newest job that settled a record's pair, and the pair; none once it is uncoupled."""
        mappings = IntegrationTableMapping.objects.filter(company=company)
        pairs = CouplingBase.objects.filter(
            coupling__mapping__in=mappings, coupling__local_id=local_id, last_job_id__isnull=False
        )
        newest = pairs.order_by("-last_job_id").values_list("last_job_id", "coupling_id").first()
        return None if newest is None else (newest[0] or 0, newest[1])

    def rows(self, job: Job, numbers: Sequence[int], notes: Sequence[Any]) -> list[JobOutcome]:
        """Return the outcomes of these couplings, in their order."""
        pairs = pairs_by_id(numbers)
        _, table = mapping_and_table(job)
        known = {} if table is None else read_by_id(job, table, (pair.local_id for pair in pairs.values()))
        gone = {pk: pair.local_id for pk, pair in pairs.items() if pair.local_id not in known and not pair.key}
        names = names_of_deleted(gone) if gone else {}
        return [
            _outcome(number, pairs.get(number), note, known, names)
            for number, note in zip(numbers, notes, strict=True)
        ]  # fmt: skip

    def find(self, job: Job, text: str) -> Iterable[int]:
        """Yield the couplings whose record's number begins with a text, or whose name has it; of deleted ones too."""
        yield from super().find(job, text)
        mapping, _ = mapping_and_table(job)
        meant = Q(local_key__istartswith=text) | Q(local_name__icontains=text)
        deleted = DuePair.objects.filter(mapping=mapping, waits=Waits.DELETED).filter(meant)
        yield from deleted.values_list("pk", flat=True)
        undone = UndoneRecord.objects.filter(meant, mapping=mapping, coupling__isnull=False)
        yield from filter(None, undone.values_list("coupling_id", flat=True))


def _outcome(
    number: int, pair: KnownPair | None, note: list[str] | None, known: dict[UUID, tuple[Any, ...]], names: Names
) -> JobOutcome:
    if pair is None:
        return JobOutcome(integration_name=note[0] if note else "", message="Its coupling was deleted since.")
    key, name = known.get(pair.local_id) or names.get(number) or (pair.key, pair.name)
    return JobOutcome(
        local_id=pair.local_id, local_key=str(key), local_name=str(name or ""), integration_id=pair.integration_id,
        integration_name=note[0] if note else str(name or ""),
    )  # fmt: skip


class ReportedPairs:
    """The pairs of which a job has told already without a row, where other jobs worked on the mapping meanwhile."""

    def __init__(self, job: Job, mapping: IntegrationTableMapping) -> None:
        self.job, self.mapping = job, mapping
        self.numbers = outcomes.numbers_without_rows(job)

    def mark_again(self, checkpoint: Callable[[], AbstractContextManager[object]]) -> None:
        """Let the bases of these pairs carry this job's number again, by which its stages leave them alone.

        Each part is saved in a checkpoint of its own; one in which none lacks it takes none.
        """
        for start in range(0, len(self.numbers), bulk.MAX_ROWS):
            numbers = self.numbers[start : start + bulk.MAX_ROWS]
            parts = [numbers[first : first + _PART].tolist() for first in range(0, len(numbers), _PART)]
            marked_by_others = [
                CouplingBase.objects.filter(pk__in=part).exclude(last_job_id=self.job.pk) for part in parts
            ]
            if any(part.exists() for part in marked_by_others):
                with checkpoint():
                    for part in marked_by_others:
                        part.update(last_job_id=self.job.pk)

    def ended(self, local_ids: Iterable[UUID]) -> set[UUID]:
        """Return those of these records whose pairs were told of and have been uncoupled since."""
        return self._ended("local_id", list(local_ids))

    def ended_rows(self, row_ids: Iterable[UUID]) -> set[UUID]:
        """Return those of these Dataverse rows whose pairs were told of and have been uncoupled since."""
        return self._ended("integration_id", list(row_ids))

    def _ended(self, side: str, ids: list[UUID]) -> set[UUID]:
        if not len(self.numbers):
            return set()
        found: set[UUID] = set()
        for start in range(0, len(ids), _PART):
            part = {f"{side}__in": ids[start : start + _PART]}
            ended = outcomes.ended_in(self.job.company, **part)
            found |= {one for one, number in ended.values_list(side, "number") if self._has(number)}
        return found

    def _has(self, number: int | None) -> bool:
        at = int(np.searchsorted(self.numbers, number or 0))
        return at < len(self.numbers) and int(self.numbers[at]) == number
