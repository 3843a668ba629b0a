"""The coupling job: match the uncoupled records of a mapping, write couplings and outcomes, queue follow-ups.

Stages, each resumed from the job's resume state:
    left_out  selected records that take no part (gone, outside the filter, coupled already) get their outcomes
    match     both sides are read and decided, then written in key order, `after` the last key written

Where the job carries out a preview, nothing is matched: see coupling.couplings.carry_out.

What is read is not saved: after a lost worker both sides are read again. Records written before are coupled by then,
and the decisions on the others come out the same without them: whoever took a row took it before them in any order.
"""

from uuid import UUID

from core.vocabulary import ConflictOption, Direction
from coupling import local_records
from coupling.brakes import Brakes, coupling_stopped, record_not_created
from coupling.couplings.carry_out import carry_out
from coupling.couplings.contact_relations import primary_contact_follow_ups
from coupling.couplings.couple_writer import CouplingWriter
from coupling.couplings.left_out import BEFORE, skipped_outcomes
from coupling.couplings.match_step import run_matching
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters, SyncParameters
from coupling.mappings.services import get_mapping
from coupling.matching import criteria
from coupling.matching.decisions import Result
from coupling.matching.run_matching import MatchingRun
from coupling.models import IntegrationTableMapping, pairs_of
from jobs import outcomes as job_outcomes
from jobs.models import Job, JobRecord, Outcome, Reason, Type
from jobs.running.context import JobContext, OutcomeRow


def couple(context: JobContext) -> None:
    """Handle one slice of a coupling job. See the module."""
    mapping = get_mapping(context.company, context.job.mapping_name)
    asked = CouplingParameters.load(context.parameters)
    given = asked.criteria
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
    if asked.preview is not None:
        carry_out(context, mapping, gateway, organization)
        _finish(context, mapping)
    matching = context.kept.get("matching")
    if matching is None:
        matching = run_matching(context, mapping, given, gateway)
        context.kept["matching"] = matching
        context.kept["position"] = 0
    if "braked" not in context.resume:
        _brake(context, matching, asked)
    CouplingWriter(context, mapping, matching, organization).write()
    _finish(context, mapping)


def _without_criteria(context: JobContext, mapping: IntegrationTableMapping) -> None:
    """End the job failed, with the one reason in its list of errors."""
    refusal = criteria.NoCriteria(mapping.name)
    with context.checkpoint() as point:
        point.outcomes.append(OutcomeRow(Outcome.FAILED, Reason.NO_CRITERIA, message=str(refusal)))
        point.fail(refusal, Reason.NO_CRITERIA)


def _brake(context: JobContext, matching: MatchingRun, asked: CouplingParameters) -> None:
    """Decide, before anything is written, whether a brake stops the job, or what it would create."""
    brakes = Brakes.asked(asked)
    if not brakes:
        return
    decisions = matching.decisions
    coupled = decisions.count_coupled()
    if brakes.coupled is not None and brakes.stops_coupling(coupled):
        refusal = coupling_stopped(coupled, brakes.coupled)
        with context.checkpoint() as point:
            point.outcomes.append(OutcomeRow(Outcome.FAILED, Reason.BRAKE, message=str(refusal)))
            point.fail(refusal)
    total = len(decisions)
    created = matching.count_created(only_unmatched=asked.only_unmatched) if asked.create else 0
    most = brakes.most_created(total)
    told = record_not_created(created, most) if most is not None and created > most else ""
    with context.checkpoint() as point:
        point.resume = {**context.resume, "braked": told, "most_created": most}


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


# -- the end ------------------------------------------------------------------------------------------------------


def _finish(context: JobContext, mapping: IntegrationTableMapping) -> None:
    """End the job; what follows is queued in the same transaction."""
    job, follow_ups = context.job, []
    asked = CouplingParameters.load(context.parameters)
    # What a brake stops is asked for as well: its job fails at once, and says so. Also where fewer than its limit are
    # left by now: they were told that they are not created.
    most = context.resume.get("most_created")
    for reason in (Reason.CREATE_QUEUED, Reason.BRAKE):
        if asked.create and (stopped := job.reasons.get(reason.value)):
            waiting = job_outcomes.with_reason(job, reason)
            if reason is Reason.BRAKE and most is not None:
                most = min(most, stopped - 1)
            follow_ups.append(
                {
                    "type": Type.SYNCHRONIZATION.value,
                    "description": f"Create in {mapping.integration_table} what found no match",
                    "direction": Direction.TO.value,
                    "parameters": SyncParameters(
                        create=True, direction=Direction.TO, conflict=asked.conflict, stop_above=most
                    ).dump(),
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
                    create=False, direction=direction_after(mapping, asked.conflict), conflict=asked.conflict
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
    told = (_message(job), str(context.resume.get("note") or ""))
    context.finish(" ".join(filter(None, told)), follow_ups=follow_ups)


def direction_after(mapping: IntegrationTableMapping, conflict: ConflictOption) -> Direction:
    """Return which way the synchronization after coupling goes: the mapping's own, or where the option points."""
    if mapping.direction != Direction.BIDIRECTIONAL:
        return Direction(mapping.direction)
    by_option = {ConflictOption.SEND: Direction.TO, ConflictOption.GET: Direction.FROM}
    return by_option.get(conflict, Direction.BIDIRECTIONAL)


_OTHER_WHYS = (Reason.BRAKE.value, Reason.CHANGED_SINCE_PREVIEW.value)


def _message(job: Job) -> str:
    counters, reasons = job.counters, job.reasons
    parts = [f"{counters.get('coupled', 0):,} coupled"]
    if failed := counters.get("failed", 0):
        why = {reason: reasons[reason] for reason in (*(r.value for r in Result), *_OTHER_WHYS) if reasons.get(reason)}
        because = ", ".join(f"{count:,} {Reason(reason).label.lower()}" for reason, count in why.items())
        parts.append(f"{failed:,} failed ({because})" if because else f"{failed:,} failed")
    if queued := reasons.get(Reason.CREATE_QUEUED.value, 0):
        parts.append(f"{queued:,} will be created")
    return ", ".join(parts) + "."
