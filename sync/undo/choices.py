"""Undoing a job that coupled records with choices of a column: no value of either side is ever written by it."""

from typing import NoReturn

from core import bulk
from coupling import local_records
from coupling.matching.choice_rows import choice_name
from coupling.models import IntegrationTableMapping, OptionMapping, pairs_of
from jobs.errors import Ended
from jobs.models import Job, Outcome, Reason
from jobs.outcomes import rows_of
from jobs.running.context import JobContext, OutcomeRow
from sync.rules.undoing import Standing, stays


def choices_there(job: Job, mapping: IntegrationTableMapping) -> list[OptionMapping]:
    """Return the couplings with choices that a job made and that are there still."""
    return list(pairs_of(mapping).filter(job_id=job.pk).order_by("pk"))


def undo_choices(context: JobContext, mapping: IntegrationTableMapping, undone: Job) -> NoReturn:
    """End what a job coupled with choices, in one transaction, and the job that undoes it."""
    there = choices_there(undone, mapping)
    ids = {one.local_id for one in there}
    coupled = rows_of(undone, Outcome.COUPLED).order_by("pk")
    gone = [one for one in coupled if one.local_id is not None and one.local_id not in ids]
    now = {one.local_id: one for one in pairs_of(mapping).filter(local_id__in=[one.local_id for one in gone])}
    names = local_records.read_keys_and_names(mapping, [*ids])
    outcomes = [
        OutcomeRow(
            Outcome.UNCOUPLED, Reason.NONE, one.local_id, *names.get(one.local_id, ("", "")),
            integration_name=choice_name(one.value, one.caption),
        )
        for one in there
    ]  # fmt: skip
    for row in gone:
        anew = now.get(row.local_id) if row.local_id is not None else None
        by = "" if anew is None else f"job {anew.job_id}" if anew.job_id else "hand"
        why = stays(Standing(there=False, coupled_by=by))
        assert why is not None
        outcomes.append(
            OutcomeRow(
                Outcome.SKIPPED, Reason(why.why.value), row.local_id, row.local_key, row.local_name,
                integration_name=row.integration_name, message=why.message,
            )
        )  # fmt: skip
    with context.checkpoint() as point:
        bulk.delete(OptionMapping, "id", [one.pk for one in there])
        point.total = len(outcomes)
        point.outcomes += outcomes
        point.processed(len(outcomes))
        point.finish(f"{len(there):,} uncoupled.")
    raise Ended
