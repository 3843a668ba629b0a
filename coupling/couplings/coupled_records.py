"""What became of the records that coupling jobs coupled, told from the couplings: they have no outcome rows.

The number of such an outcome is the id of its coupling, and its note the row's name: [name], or [name, tried] where
earlier priorities gave no row: [[rows, result], ...].
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from coupling import local_records
from coupling.couplings.pair_outcomes import (
    KnownPair,
    PairOutcomes,
    mapping_and_table,
    names_of_deleted,
    pairs_by_id,
    read_by_id,
)
from coupling.job_parameters import CouplingParameters
from coupling.matching import criteria, explanation
from coupling.matching.explanation import Searched, SearchedField
from coupling.matching.match import Decisions, Group, group_by_priority
from coupling.matching.run_matching import to_json_value
from coupling.models import Coupling, IntegrationTableMapping
from jobs import outcomes as job_outcomes
from jobs.models import Job, JobOutcome, Outcome, Type
from jobs.running import outcome_rows
from jobs.running.context import OutcomeRow
from masterdata.models import Company

Note = list[Any]
_PART = 500


def keep_outcomes(numbers: Sequence[int]) -> None:
    """Save what coupling jobs told of these couplings without rows as rows, with the values that records have now.

    Call it in the transaction that deletes the couplings, before: afterwards it could not be told any more.
    """
    by_job: dict[int, list[int]] = {}
    for start in range(0, len(numbers), _PART):
        known = Coupling.objects.filter(pk__in=numbers[start : start + _PART], criterion__isnull=False)
        for pk, job_id in known.values_list("pk", "job_id"):
            by_job.setdefault(job_id or 0, []).append(pk)
    for job in Job.objects.select_related("company").filter(pk__in=by_job, type=Type.COUPLING).order_by("pk"):
        outcome_rows.keep_told(job, job_outcomes.told_of(job, Outcome.COUPLED, by_job[job.pk]))


def kept_of_ended(outcomes: Iterable[OutcomeRow]) -> list[OutcomeRow]:
    """Return outcomes that end couplings, given their numbers, with what those of earlier jobs are told from.

    Call it before the couplings are deleted.
    """
    given = list(outcomes)
    unnamed = {one.number: one.local_id for one in given if one.number is not None and not one.local_key}
    names = names_of_deleted({number: local_id for number, local_id in unnamed.items() if local_id is not None})
    given = [_named(one, names) for one in given]
    numbers = [one.number for one in given if one.number is not None]
    criteria_of: dict[int, int | None] = {}
    for start in range(0, len(numbers), _PART):
        found = Coupling.objects.filter(pk__in=numbers[start : start + _PART], criterion__isnull=False)
        criteria_of |= dict(found.values_list("pk", "criterion"))
    return [
        one._replace(detail={**(one.detail or {}), "criterion": criteria_of[one.number]})
        if one.number in criteria_of
        else one
        for one in given
    ]


def _named(outcome: OutcomeRow, names: Mapping[int, tuple[str, str]]) -> OutcomeRow:
    key, name = names.get(outcome.number or 0, (outcome.local_key, outcome.local_name))
    return outcome._replace(local_key=key, local_name=name)


def note_of(decisions: Decisions, position: int) -> Note:
    """Return what is noted of a record that is coupled."""
    name = decisions.row_name_at(position)
    tried = decisions.tried_before(position)
    return [name, [[one.row_count, one.result.value] for one in tried]] if tried else [name]


class CoupledRecords(PairOutcomes):
    """The derived outcomes of coupling jobs (jobs.registry.DerivedOutcomes)."""

    def newest_of(self, company: Company, local_id: UUID) -> tuple[int, int] | None:
        """Return the newest job that coupled a record, and its coupling."""
        # The index by a record's id begins with the mapping.
        mappings = IntegrationTableMapping.objects.filter(company=company)
        pairs = Coupling.objects.filter(mapping__in=mappings, local_id=local_id, criterion__isnull=False)
        newest = pairs.order_by("-job_id").values_list("job_id", "pk").first()
        return None if newest is None else (newest[0] or 0, newest[1])

    def rows(self, job: Job, numbers: Sequence[int], notes: Sequence[Any]) -> list[JobOutcome]:
        """Return the outcomes of these couplings, in their order."""
        pairs = pairs_by_id(numbers)
        outcomes = _CoupledOutcomes(job)
        known = outcomes.read_records(pair.local_id for pair in pairs.values())
        return [
            outcomes.outcome_of(pairs.get(number), note, known) for number, note in zip(numbers, notes, strict=True)
        ]


class _CoupledOutcomes:
    """The outcomes of one job, told from pairs and from the values that their records have now."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.mapping, self.table = mapping_and_table(job)

    @cached_property
    def groups(self) -> dict[int, tuple[int, Group]]:
        """The priorities the job went by: the place of each, and its criteria."""
        if self.mapping is None:
            return {}
        given = CouplingParameters.load(self.job.parameters).criteria
        try:
            grouped = criteria.group_criteria(self.mapping, given)
        except local_records.Unusable:  # a field that was compared is gone
            grouped = group_by_priority(given)
        return {group.priority: (at, group) for at, group in enumerate(grouped)}

    @cached_property
    def fields(self) -> list[str]:
        """The local fields that the criteria compare, those that are still there."""
        if self.table is None:
            return []
        names = {one.local for _, group in self.groups.values() for one in group.criteria}
        return [field.name for field in self.table.fields if field.name in names]

    def read_records(self, ids: Iterable[UUID]) -> dict[UUID, tuple[Any, ...]]:
        """Return (key, name, values of `fields`) of the records of these ids, by id; those gone are missing."""
        return {} if self.table is None else read_by_id(self.job, self.table, ids, self.fields)

    def outcome_of(self, pair: KnownPair | None, note: Note | None, known: dict[UUID, tuple[Any, ...]]) -> JobOutcome:
        """Return the outcome of a pair; without one, of a coupling of which nothing is known any more."""
        row_name = note[0] if note else ""
        if pair is None:
            return JobOutcome(integration_name=row_name, message="Its coupling was deleted since.")
        record = known.get(pair.local_id)
        key, name = (str(record[0]), str(record[1] or "")) if record else (pair.key, pair.name)
        message, detail = self._why(pair, note, record)
        return JobOutcome(
            local_id=pair.local_id, local_key=key, local_name=name, integration_id=pair.integration_id,
            integration_name=row_name, message=message, detail=detail,
        )  # fmt: skip

    def _why(
        self, pair: KnownPair, note: Note | None, record: tuple[Any, ...] | None
    ) -> tuple[str, dict[str, Any] | None]:
        """Return on what a record was matched, and the fields with the values it has now."""
        if pair.criterion not in self.groups:
            return "", None
        at, group = self.groups[pair.criterion]
        values = dict(zip(self.fields, record[2:], strict=True)) if record else {}
        searched = self._searched(group, values)
        detail: dict[str, Any] = {
            "fields": [
                {
                    "local": one.criterion.local, "integration": one.criterion.integration,
                    "local_value": to_json_value(one.value),
                }
                for one in searched.used
            ]
        }  # fmt: skip
        if note and len(note) > 1:
            groups = [group for _, group in sorted(self.groups.values(), key=lambda placed: placed[0])]
            tried = [*note[1], [1, "coupled"]]
            detail["trail"] = [
                {
                    "priority": one.priority,
                    "fields": [field.criterion.local for field in self._searched(one, values).used],
                    "rows": rows, "result": result,
                }
                for one, (rows, result) in zip(groups[: at + 1], tried, strict=False)
            ]  # fmt: skip
        return explanation.matched_on(searched) if record else "", detail

    def _searched(self, group: Group, values: dict[str, Any]) -> Searched:
        return Searched([SearchedField(one, self._caption(one.local), values.get(one.local)) for one in group.criteria])

    def _caption(self, field: str) -> str:
        return field if self.mapping is None else criteria.field_caption(self.mapping, field)
