"""The coupling job: match the uncoupled records of a mapping, write couplings and outcomes, queue follow-ups.

Stages, each resumed from the job's resume state:
    left_out  selected records that take no part (gone, outside the filter, coupled already) get their outcomes
    match     both sides are read and decided, then written in key order, `after` the last key written

What is read is not saved: after a lost worker both sides are read again. Records written before are coupled by then,
and the decisions on the others come out the same without them: whoever took a row took it before them in any order.
"""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from core.vocabulary import ConflictOption, Direction
from coupling import local_records
from coupling.couplings.contact_relations import primary_contact_follow_ups
from coupling.couplings.couple_writer import CouplingWriter
from coupling.couplings.left_out import BEFORE, skipped_outcomes
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters, SyncParameters
from coupling.mappings import column_looks
from coupling.mappings.column_looks import require_criteria
from coupling.mappings.services import get_mapping
from coupling.matching import criteria
from coupling.matching.decisions import Result
from coupling.matching.run_matching import MatchingRun
from coupling.models import IntegrationTableMapping, pairs_of
from jobs import lease
from jobs import outcomes as job_outcomes
from jobs.errors import SliceEnded, Yielded
from jobs.models import Job, JobRecord, Outcome, Reason, Type
from jobs.running.context import JobContext, OutcomeRow

PROGRESS_INTERVAL_S = 1.0
"""Time between two progress notes while reading."""


def couple(context: JobContext) -> None:
    """Handle one slice of a coupling job. See the module."""
    mapping = get_mapping(context.company, context.job.mapping_name)
    given = CouplingParameters.load(context.parameters).criteria
    if not given:
        _without_criteria(context, mapping)
    if context.resume.get("stage") is None:
        local_records.get_table(mapping).find_changes(context.company)
    if context.resume.get("stage") is None and context.job.selection_only:
        _skip_selected(context, mapping)
    gateway = Gateway(context.company, context.usage)
    # Asked once for what is read and matched with it; later slices in this process send nothing any more.
    organization = context.kept.get("organization") or gateway.organization_id
    context.kept["organization"] = organization
    records = _records(context, mapping)
    matching = context.kept.get("matching")
    if matching is None:
        matching = _run_matching(context, mapping, given, gateway, records)
        context.kept["matching"] = matching
        context.kept["position"] = 0
    CouplingWriter(context, mapping, matching, organization).write()
    _finish(context, mapping)


def _records(context: JobContext, mapping: IntegrationTableMapping) -> "QuerySet[Any]":
    """Return what is still to be matched: uncoupled, inside the filter, selected, behind the last key written."""
    records = local_records.uncoupled_records(mapping)
    if context.job.selection_only:
        records = records.filter(Exists(JobRecord.objects.filter(job=context.job, local_id=OuterRef("system_id"))))
    if (after := context.resume.get("after")) is not None:
        records = records.filter(**{f"{local_records.get_table(mapping).key}__gt": after})
    return records


def _without_criteria(context: JobContext, mapping: IntegrationTableMapping) -> None:
    """End the job failed, with the one reason in its list of errors."""
    refusal = criteria.NoCriteria(mapping.name)
    with context.checkpoint() as point:
        point.outcomes.append(OutcomeRow(Outcome.FAILED, Reason.NO_CRITERIA, message=str(refusal)))
        point.fail(refusal, Reason.NO_CRITERIA)


# -- stage left_out -----------------------------------------------------------------------------------------------


def _skip_selected(context: JobContext, mapping: IntegrationTableMapping) -> None:
    """Store the outcomes of the selected records that take no part."""
    after = context.resume.get("left_out")
    selected = JobRecord.objects.filter(job=context.job, local_id__isnull=False).count()
    for ids in context.selection(after=UUID(after) if after else None):
        outcomes = list(skipped_outcomes(mapping, ids, BEFORE))
        with context.checkpoint() as point:
            point.total = selected
            point.phase = "Looking up the selected records"
            point.outcomes += outcomes
            point.processed(len(outcomes))
            point.resume = {"left_out": str(ids[-1])}
    with context.checkpoint() as point:
        point.total = selected
        point.resume = {"stage": "match"}


# -- stage match: reading -----------------------------------------------------------------------------------------


def _run_matching(
    context: JobContext,
    mapping: IntegrationTableMapping,
    given: Sequence[Any],
    gateway: Gateway,
    records: "QuerySet[Any]",
) -> MatchingRun:
    """Read both sides and decide, noting the progress on the job."""
    last_note = 0.0

    def note_progress(phase: str, done: int, total: int | None) -> None:
        nonlocal last_note
        if time.monotonic() - last_note < PROGRESS_INTERVAL_S:
            return
        last_note = time.monotonic()
        note = f"{phase}: {done:,}" if done else phase
        _note(context, note, total if phase.startswith("Reading") and context.job.total is None else None)

    columns = gateway.table(mapping).columns
    require_criteria(column_looks.look(mapping, columns), given)
    matching = MatchingRun(
        mapping,
        given,
        gateway,
        records,
        blank_is_no_match=CouplingParameters.load(context.parameters).blank_is_no_match,
        on_part=note_progress,
    )
    matching.run()
    total = context.job.total if context.job.total is not None else len(matching.decisions)
    _note(context, "Writing", total, plan=matching.plan.kind, stage="match")
    return matching


def _note(context: JobContext, phase: str, total: int | None, *, plan: str = "", stage: str = "") -> None:
    """Note how far reading is.

    A slice does not end here, since what is read cannot be saved, unless the worker is stopping.
    """
    try:
        with context.checkpoint() as point:
            point.phase = phase
            if total is not None:
                point.total = total
            if plan:
                point.plan = plan
            if stage:
                point.resume = {**context.resume, "stage": stage}
    except (SliceEnded, Yielded):
        if lease.stopping.is_set():
            raise


# -- the end ------------------------------------------------------------------------------------------------------


def _finish(context: JobContext, mapping: IntegrationTableMapping) -> None:
    """End the job; what follows is queued in the same transaction."""
    job, follow_ups = context.job, []
    asked = CouplingParameters.load(context.parameters)
    if asked.create and job.reasons.get(Reason.CREATE_QUEUED.value):
        waiting = job_outcomes.with_reason(job, Reason.CREATE_QUEUED)
        follow_ups.append(
            {
                "type": Type.SYNCHRONIZATION.value,
                "description": f"Create in {mapping.integration_table} what found no match",
                "direction": Direction.TO.value,
                "parameters": SyncParameters(create=True, direction=Direction.TO, conflict=asked.conflict).dump(),
                "selection": waiting.values_list("local_id", flat=True),
            }
        )  # fmt: skip
    coupled = pairs_of(mapping).filter(job_id=job.pk).order_by("id")
    if asked.synchronize and coupled.exists():
        follow_ups.append(
            {
                "type": Type.SYNCHRONIZATION.value,
                "description": "Synchronize after coupling",
                "parameters": SyncParameters(
                    create=False, direction=_direction(mapping, asked.conflict), conflict=asked.conflict
                ).dump(),
                "selection": coupled.values_list("local_id", flat=True),
            }
        )  # fmt: skip
    if asked.full_after:
        follow_ups.append(
            {
                "type": Type.SYNCHRONIZATION.value,
                "description": "Full synchronization after coupling",
                "parameters": SyncParameters(full=True, create=True).dump(),
            }
        )
    follow_ups += primary_contact_follow_ups(mapping, job)
    context.finish(_message(job), follow_ups=follow_ups)


def _direction(mapping: IntegrationTableMapping, conflict: ConflictOption) -> Direction:
    """Return which way the synchronization after coupling goes: the mapping's own, or where the option points."""
    if mapping.direction != Direction.BIDIRECTIONAL:
        return Direction(mapping.direction)
    by_option = {ConflictOption.SEND: Direction.TO, ConflictOption.GET: Direction.FROM}
    return by_option.get(conflict, Direction.BIDIRECTIONAL)


def _message(job: Job) -> str:
    counters, reasons = job.counters, job.reasons
    parts = [f"{counters.get('coupled', 0):,} coupled"]
    if failed := counters.get("failed", 0):
        why = {reason: reasons[reason] for reason in (r.value for r in Result) if reasons.get(reason)}
        because = ", ".join(f"{count:,} {Reason(reason).label.lower()}" for reason, count in why.items())
        parts.append(f"{failed:,} failed ({because})" if because else f"{failed:,} failed")
    if queued := reasons.get(Reason.CREATE_QUEUED.value, 0):
        parts.append(f"{queued:,} will be created")
    return ", ".join(parts) + "."
