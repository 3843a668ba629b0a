"""The coupling job: match the uncoupled records of a mapping, write couplings and outcomes, queue follow-ups.

Stages, each resumed from the job's resume state:
    left_out  selected records that take no part (gone, outside the filter, coupled already) get their outcomes
    match     both sides are read and decided, then written in key order, `after` the last key written

What is read is not saved: after a lost worker both sides are read again. Records written before are coupled by then,
and the decisions on the others come out the same without them: whoever took a row took it before them in any order.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from core import bulk
from core.vocabulary import ConflictOption, Direction
from coupling import claims, local_records
from coupling.couplings.left_out import BEFORE, MEANWHILE, skipped_outcomes
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters, SyncParameters
from coupling.mappings.services import get_mapping
from coupling.matching import criteria
from coupling.matching.decisions import Decision, Result
from coupling.matching.partners import Partner, candidate_to_json, partner_names
from coupling.matching.run_matching import MatchingRun
from coupling.models import Coupling, IntegrationTableMapping, Method
from jobs import lease
from jobs.errors import SliceEnded, Yielded
from jobs.models import Job, JobOutcome, JobRecord, Outcome, Reason, Type
from jobs.running.context import Checkpoint, JobContext, OutcomeRow

RECORDS_PER_CHECKPOINT = 2000
"""Each makes up to two rows, and a transaction holds at most bulk.MAX_ROWS."""
PROGRESS_INTERVAL_S = 1.0
"""Time between two progress notes while reading."""

_COUPLING_FIELDS = (
    "company_id", "mapping_id", "table", "local_id", "integration_id", "organization_id", "method", "job_id",
)  # fmt: skip


def couple(context: JobContext) -> None:
    """Handle one slice of a coupling job. See the module."""
    mapping = get_mapping(context.company, context.job.mapping_name)
    given = CouplingParameters.load(context.parameters).criteria
    if not given:
        _without_criteria(context, mapping)
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
    _Writer(context, mapping, matching, organization).write()
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
        point.fail(Reason.NO_CRITERIA, str(refusal))


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


# -- stage match: writing -----------------------------------------------------------------------------------------


class _Writer:
    """Writes decisions in key order."""

    def __init__(
        self, context: JobContext, mapping: IntegrationTableMapping, matching: MatchingRun, organization: UUID
    ) -> None:
        self.context = context
        self.mapping = mapping
        self.matching = matching
        self.organization = organization
        self.table = local_records.get_table(mapping)
        self.creates = CouplingParameters.load(context.parameters).create

    def write(self) -> None:
        """Write all that is not written yet, checkpoint by checkpoint."""
        decisions, kept = self.matching.decisions, self.context.kept
        records = local_records.filtered_records(self.mapping)
        while (first := kept.get("position", 0)) < len(decisions):
            end = kept["position"] = min(first + RECORDS_PER_CHECKPOINT, len(decisions))
            ids = [UUID(bytes=decisions.id_at(at)) for at in range(first, end)]
            rows = local_records.read_by_ids(records, self.table, self.matching.fields, ids)
            for taken in Coupling.objects.filter(mapping=self.mapping, local_id__in=ids).values_list(
                "local_id", flat=True
            ):
                rows.pop(taken.bytes, None)
            gone = [local_id for local_id in ids if local_id.bytes not in rows]
            decided = [(decisions.decision_at(at), rows.get(decisions.id_at(at))) for at in range(first, end)]
            present = [(decision, row) for decision, row in decided if row is not None]
            outcomes = self._outcomes(present)
            outcomes += skipped_outcomes(self.mapping, gone, MEANWHILE) if gone else []
            with self.context.checkpoint() as point:
                self._save(point, outcomes)
                point.phase = "Writing"
                point.processed(len(outcomes))
                point.resume = {**self.context.resume, "stage": "match"}
                if present:
                    point.resume["after"] = present[-1][1][1]

    def _outcomes(self, decided: list[tuple[Decision, tuple[Any, ...]]]) -> list[OutcomeRow]:
        partners = partner_names(self.mapping, self.matching, [decision for decision, _ in decided])
        return [self._outcome(decision, row, partners) for decision, row in decided]

    def _outcome(self, decision: Decision, row: tuple[Any, ...], partners: dict[UUID, Partner]) -> OutcomeRow:
        key, name = str(row[1]), str(row[2] or "")
        searched = self.matching.searched(decision, row[3:])
        detail: dict[str, Any] = {"fields": self.matching.compared_fields(searched)}
        only = decision.candidates[0] if len(decision.candidates) == 1 else None
        if decision.result is Result.COUPLED and only is not None:
            if len(decision.trail) > 1:
                detail["trail"] = self.matching.trail(decision, row[3:])
            message = self.matching.explain(decision, searched, row[3:])
            return OutcomeRow(
                Outcome.COUPLED, Reason.NONE, decision.local_id, key, name, only.id, only.name, message, detail
            )
        detail |= {
            "candidates": [candidate_to_json(candidate, partners) for candidate in decision.candidates],
            "trail": self.matching.trail(decision, row[3:]),
        }
        message = self.matching.explain(decision, searched, row[3:], partners.get(only.id, "") if only else "")
        if self.creates:
            detail["found"] = decision.result.value
            message += " A new row will be created in Dataverse."
            outcome, reason = Outcome.SKIPPED, Reason.CREATE_QUEUED.value
        else:
            outcome, reason = Outcome.FAILED, decision.result.value
        return OutcomeRow(
            outcome, reason, decision.local_id, key, name, only.id if only else None, only.name if only else "",
            message, detail,
        )  # fmt: skip

    def _save(self, point: Checkpoint, outcomes: list[OutcomeRow]) -> None:
        """Insert the couplings; a record or a row that somebody else coupled meanwhile keeps that coupling."""
        coupled = [row for row in outcomes if row.outcome == Outcome.COUPLED]
        row_ids = [row.integration_id for row in coupled if row.integration_id is not None]
        holders = claims.claim(self.mapping, self.organization, row_ids)
        if holders:
            outcomes = [self._refused(row, holders) for row in outcomes]
            coupled = [row for row in outcomes if row.outcome == Outcome.COUPLED]
        inserted = bulk.insert(
            Coupling,
            _COUPLING_FIELDS,
            [
                (
                    self.mapping.company_id, self.mapping.pk, self.mapping.table, row.local_id, row.integration_id,
                    self.organization, Method.MATCHED.value, self.context.job.pk,
                )
                for row in coupled
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        if inserted != len(coupled):
            outcomes = list(self._with_conflicts(outcomes, coupled))
        point.outcomes += outcomes

    def _refused(self, row: OutcomeRow, holders: dict[UUID, claims.Holder]) -> OutcomeRow:
        """Return the outcome of a record whose row another company holds; other outcomes as they are."""
        holder = holders.get(row.integration_id) if row.integration_id is not None else None
        if holder is None or row.outcome != Outcome.COUPLED:
            return row
        message = claims.refusal(self.mapping, holder)
        return row._replace(outcome=Outcome.FAILED, reason=Reason.ALREADY_COUPLED, message=message)

    def _with_conflicts(self, outcomes: list[OutcomeRow], coupled: list[OutcomeRow]) -> Iterator[OutcomeRow]:
        """Yield the outcomes, failed ones for records whose coupling was not inserted."""
        own: dict[UUID | None, UUID] = {}
        for start in range(0, len(coupled), 500):
            ids = [row.local_id for row in coupled[start : start + 500] if row.local_id is not None]
            own |= dict(
                Coupling.objects.filter(mapping=self.mapping, local_id__in=ids, job_id=self.context.job.pk).values_list(
                    "local_id", "integration_id"
                )
            )
        for row in outcomes:
            if row.outcome != Outcome.COUPLED or own.get(row.local_id) == row.integration_id:
                yield row
                continue
            yield OutcomeRow(
                Outcome.FAILED, Reason.ALREADY_COUPLED, row.local_id, row.local_key, row.local_name, row.integration_id,
                row.integration_name,
                "The record or the row was coupled by somebody else while the job ran. That coupling stays.",
                row.detail,
            )  # fmt: skip


# -- the end ------------------------------------------------------------------------------------------------------


def _finish(context: JobContext, mapping: IntegrationTableMapping) -> None:
    """End the job; what follows is queued in the same transaction."""
    job, follow_ups = context.job, []
    asked = CouplingParameters.load(context.parameters)
    if asked.create and job.reasons.get(Reason.CREATE_QUEUED.value):
        waiting = JobOutcome.objects.filter(job=job, reason=Reason.CREATE_QUEUED).order_by("id")
        follow_ups.append(
            {
                "type": Type.SYNCHRONIZATION.value,
                "description": f"Create in {mapping.integration_table} what found no match",
                "direction": Direction.TO.value,
                "parameters": SyncParameters(create=True, direction=Direction.TO, conflict=asked.conflict).dump(),
                "selection": waiting.values_list("local_id", flat=True),
            }
        )  # fmt: skip
    coupled = Coupling.objects.filter(mapping=mapping, job_id=job.pk).order_by("id")
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
