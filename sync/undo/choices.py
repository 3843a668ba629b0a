"""Undoing a job that coupled records with choices of a column: no value of either side is ever written by it."""

from collections.abc import Iterator
from typing import NoReturn
from uuid import UUID

from core import bulk
from coupling import local_records
from coupling.matching.choice_rows import choice_name
from coupling.models import IntegrationTableMapping, OptionMapping, pairs_of
from jobs.errors import Ended
from jobs.models import Job, Outcome, Reason
from jobs.outcomes import rows_of
from jobs.running.context import JobContext, OutcomeRow
from sync.rules.undoing import Standing, Stays, Why, stays
from sync.undo.as_previewed import AsPreviewed
from sync.undo.reading import Made


def choices_there(job: Job, mapping: IntegrationTableMapping) -> list[OptionMapping]:
    """Return the couplings with choices that a job made and that are there still."""
    return list(pairs_of(mapping).filter(job_id=job.pk).order_by("pk"))


def choices_made(job: Job, mapping: IntegrationTableMapping) -> Iterator[tuple[Made, OptionMapping | None]]:
    """Yield the couplings with choices that a job made as they stand now; of those that are gone, none.

    They go by numbers of their own: a coupling's where it is there, below zero where it is gone.
    """
    there = choices_there(job, mapping)
    ids = {one.local_id for one in there}
    names = local_records.read_keys_and_names(mapping, [*ids])
    for one in there:
        named = names.get(one.local_id, ("", ""))
        yield Made(one.pk, one.local_id, None, *named, row_name=choice_name(one.value, one.caption)), one
    coupled = rows_of(job, Outcome.COUPLED).order_by("pk")
    gone = [one for one in coupled if one.local_id is not None and one.local_id not in ids]
    now = {one.local_id: one for one in pairs_of(mapping).filter(local_id__in=[one.local_id for one in gone])}
    for row in gone:
        anew = now.get(row.local_id) if row.local_id is not None else None
        by = "" if anew is None else f"job {anew.job_id}" if anew.job_id else "hand"
        why = stays(Standing(there=False, coupled_by=by))
        yield Made(-row.pk, row.local_id, None, row.local_key, row.local_name, why, row_name=row.integration_name), None


def undo_choices(
    context: JobContext, mapping: IntegrationTableMapping, undone: Job, previewed: AsPreviewed | None
) -> NoReturn:
    """End what a job coupled with choices, in one transaction, and the job that undoes it."""
    made = list(choices_made(undone, mapping))
    if previewed is not None:
        told = previewed.ending()
        for one, _ in made:
            if one.why is None and one.number not in told:
                one.why = Why(Stays.NOT_PREVIEWED, "It was not among what the preview told. Preview the undo again.")
    ended = [choice.pk for one, choice in made if choice is not None and one.why is None]
    outcomes = [_outcome(one) for one, _ in made]
    with context.checkpoint() as point:
        bulk.delete(OptionMapping, "id", ended)
        point.total = len(outcomes)
        point.outcomes += outcomes
        point.processed(len(outcomes))
        point.finish(f"{len(ended):,} uncoupled.")
    raise Ended


def _outcome(one: Made) -> OutcomeRow:
    outcome, reason, message = Outcome.UNCOUPLED, Reason.NONE, ""
    if one.why is not None:
        outcome, reason, message = Outcome.SKIPPED, Reason(one.why.why.value), one.why.message
    local_id: UUID | None = one.local_id
    return OutcomeRow(
        outcome, reason, local_id, one.key, one.name, integration_name=one.row_name, message=message
    )  # fmt: skip
