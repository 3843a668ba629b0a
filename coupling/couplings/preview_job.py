"""The job of a preview: match as the coupling job does, and keep what was decided instead of carrying it out.

Stages:
    match  both sides are read and decided
    store  what was found is stored in key order, a packed part for each thing found and checkpoint; last, what
           synchronization would do to the first pairs
What is read is not saved: after a lost worker both sides are read again, and what was stored is stored anew. Nothing is
written in Dataverse, and no coupling is changed.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from coupling import local_records
from coupling.couplings.foreseen import foresee_first
from coupling.couplings.left_out import BEFORE, skipped_outcomes
from coupling.couplings.match_step import run_matching, without_ending
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters
from coupling.mappings.services import get_mapping
from coupling.matching import criteria
from coupling.matching.decisions import Decision, Result
from coupling.matching.partners import Partner, candidate_to_json, partner_names
from coupling.matching.previewed import Found, PreviewedRecord, PreviewedRow, digest_of, pack_records
from coupling.matching.run_matching import MatchingRun, to_json_value
from coupling.models import CouplingPreview, IntegrationTableMapping, PreviewPart
from jobs.models import OPEN_STATES, Job
from jobs.running.context import JobContext, OutcomeRow

KEPT = timedelta(hours=24)
"""How long a preview is kept."""
CHUNK = 5000
"""Records whose parts are written together."""
_DROPPED_AT_ONCE = 5


def preview(context: JobContext) -> None:
    """Handle one slice of a preview. See the module."""
    mapping = get_mapping(context.company, context.job.mapping_name)
    given = CouplingParameters.load(context.parameters).criteria
    if not context.resume:
        local_records.get_table(mapping).find_changes(context.company)
    matching = context.kept.get("matching")
    if matching is None:
        gateway = Gateway(context.company, context.usage)
        matching = run_matching(context, mapping, given, gateway, keeps=True)
        context.kept |= {"matching": matching, "store": _Store()}
        _begin(context, mapping, matching)
    writer = _Writer(context, mapping, matching, context.kept["store"])
    writer.write()
    writer.write_left_out()
    _finish(context, mapping, matching, context.kept["store"].numbers)


class _Store:
    """How far storing is: the position of the next record, the next chunk, and how many were found of each kind."""

    def __init__(self) -> None:
        self.position = self.chunk = 0
        self.numbers: dict[str, int] = {found.value: 0 for found in Found}
        self.left_out_behind: UUID | None = None


def _begin(context: JobContext, mapping: IntegrationTableMapping, matching: MatchingRun) -> None:
    """Drop what an earlier worker has stored, and note what was compared."""
    with without_ending(), context.checkpoint() as point:
        row, _ = CouplingPreview.objects.get_or_create(
            job=context.job, defaults={"mapping": mapping, "kept_until": timezone.now() + KEPT}
        )
        PreviewPart.objects.filter(preview=row).delete()
        row.fields, row.columns = matching.fields, matching.value_columns
        row.rows_compared = matching.rows_compared
        row.save(update_fields=["fields", "columns", "rows_compared"])
        point.resume = {"stage": "store"}
        point.processed(-context.job.processed)


def _finish(
    context: JobContext, mapping: IntegrationTableMapping, matching: MatchingRun, numbers: Mapping[str, int]
) -> None:
    decisions = matching.decisions
    coupled = decisions.count_coupled_by_priority()
    orders = [
        [criteria.group_caption(mapping, group), count] for group, count in zip(matching.groups, coupled, strict=True)
    ]
    total = len(decisions) + numbers[Found.LEFT_OUT]
    kept = CouplingPreview.objects.select_related("job", "mapping", "mapping__company").get(job=context.job)
    foreseen = foresee_first(kept).pack()
    with context.checkpoint() as point:
        CouplingPreview.objects.filter(job=context.job).update(
            complete=True, numbers=dict(numbers), orders=orders, foreseen=foreseen, kept_until=timezone.now() + KEPT
        )
        point.total = total
        point.finish(" ".join(filter(None, (_message(numbers), matching.note))))


def _message(numbers: Mapping[str, int]) -> str:
    several = {
        "several matches": numbers[Found.SEVERAL], "a match that is taken": numbers[Found.TAKEN],
        "no match": numbers[Found.NEW] + numbers[Found.NEAR],
    }  # fmt: skip
    others = ", ".join(f"{count:,} with {what}" for what, count in several.items() if count)
    return f"{numbers[Found.COUPLE]:,} would be coupled{f'; {others}' if others else ''}. Nothing was changed."


class _Writer:
    """Stores what was found, chunk by chunk in key order."""

    def __init__(
        self, context: JobContext, mapping: IntegrationTableMapping, matching: MatchingRun, store: _Store
    ) -> None:
        self.context, self.mapping, self.matching, self.store = context, mapping, matching, store

    def write(self) -> None:
        """Store the records that take part."""
        while self.store.position < len(self.matching.decisions):
            first = self.store.position
            end = min(first + CHUNK, len(self.matching.decisions))
            by_found = self._found(first, end)
            self.store.position = end
            self._save(by_found, end - first)

    def write_left_out(self) -> None:
        """Store the selected records that take no part."""
        if not self.context.job.selection_only:
            return
        for ids in self.context.selection(after=self.store.left_out_behind):
            matched = self.matching.decisions.find_position  # those that were coupled since then stand there
            outcomes = [
                row for row in skipped_outcomes(self.mapping, ids, BEFORE)
                if row.local_id is None or matched(row.local_id.bytes) is None
            ]  # fmt: skip
            self.store.left_out_behind = ids[-1]
            self._save({Found.LEFT_OUT: [_left_out(row, at) for at, row in enumerate(outcomes)]}, len(outcomes))

    def _save(self, by_found: Mapping[Found, list[PreviewedRecord]], done: int) -> None:
        """Store a chunk. What is kept moves on first: a signal that ends the slice leaves after the commit."""
        store, chunk = self.store, self.store.chunk
        before = dict(store.numbers)
        for found, records in by_found.items():
            store.numbers[found] += len(records)
        store.chunk += 1
        parts = [
            PreviewPart(
                preview_id=self.context.job.pk, found=found.value, chunk=chunk, first=before[found],
                count=len(records), packed=pack_records(records),
            )
            for found, records in by_found.items()
            if records
        ]  # fmt: skip
        with without_ending(), self.context.checkpoint() as point:
            PreviewPart.objects.bulk_create(parts)
            point.phase = "Keeping what was found"
            point.processed(done)

    def _found(self, first: int, end: int) -> dict[Found, list[PreviewedRecord]]:
        """Return what was found of a stretch of decisions."""
        decisions = self.matching.decisions
        coupled = [at for at in range(first, end) if decisions.group_at(at) is not None]
        others = [decisions.decision_at(at) for at in range(first, end) if decisions.group_at(at) is None]
        partners = partner_names(self.mapping, self.matching, others)
        by_found = {Found.COUPLE: [self._pair(at) for at in coupled]}
        for decision in others:
            found = _what(self.matching, decision)
            by_found.setdefault(found, []).append(self._record(decision, partners))
        return by_found

    def _pair(self, position: int) -> PreviewedRecord:
        """Return a record that would be coupled."""
        decisions = self.matching.decisions
        row_id, (values,) = decisions.row_at(position), decisions.candidate_values(position)
        found = PreviewedRow(row_id.bytes if row_id is not None else b"", decisions.row_name_at(position), values)
        tried = [(one.row_count, one.result.value) for one in decisions.tried_before(position)]
        return self._kept(position, decisions.group_at(position) or 0, [found], tried=tried)

    def _record(self, decision: Decision, partners: dict[UUID, Partner]) -> PreviewedRecord:
        """Return a record that would not be coupled."""
        position = decision.position
        values = self.matching.decisions.candidate_values(position)
        rows = [PreviewedRow(one.id.bytes, one.name, values[at]) for at, one in enumerate(decision.candidates)]
        told = self._told(decision, self.matching.kept[position][2:], partners)
        near = self.matching.decisions.near_miss_at(position)
        return self._kept(position, decision.group, rows, told=told, near=near)

    def _kept(self, position: int, group: int, rows: list[PreviewedRow], **more: Any) -> PreviewedRecord:
        key, name, *values = self.matching.kept[position]
        local_id = self.matching.decisions.id_at(position)
        shown = [to_json_value(one) for one in values]
        return PreviewedRecord(
            position, local_id, str(key), str(name or ""), digest_of(values), shown, group, rows, **more
        )

    def _told(self, decision: Decision, values: Sequence[Any], partners: dict[UUID, Partner]) -> dict[str, Any]:
        """Return what is told of a record that would not be coupled, as the job's outcome would hold it."""
        first = decision.candidates[0] if len(decision.candidates) == 1 else None
        searched = self.matching.searched(decision, values)
        text = self.matching.explain(decision, searched, values, partners.get(first.id, "") if first else "")
        return {
            "reason": decision.result.value,
            "message": text.text,
            "fields": self.matching.compared_fields(searched),
            "candidates": [candidate_to_json(candidate, partners) for candidate in decision.candidates],
            "trail": self.matching.trail(decision, values),
            **text.detail(),
        }


def _what(matching: MatchingRun, decision: Decision) -> Found:
    by_result = {Result.MULTIPLE: Found.SEVERAL, Result.ALREADY_COUPLED: Found.TAKEN}
    if (found := by_result.get(decision.result)) is not None:
        return found
    return Found.NEAR if matching.is_likely_duplicate(decision) else Found.NEW


def _left_out(row: OutcomeRow, position: int) -> PreviewedRecord:
    """Return a record that takes no part."""
    told = {"reason": str(row.reason), "message": row.message, "fields": [], "candidates": [], "trail": []}
    local_id = row.local_id.bytes if row.local_id is not None else b""
    return PreviewedRecord(position, local_id, row.local_key, row.local_name, told=told)


def drop_expired(now: Any) -> None:
    """Delete previews that are kept no longer, a few at a tick: the hook of jobs.registry.on_tick.

    One whose pairs are being coupled stays, and so does one that is still made.
    """
    expired = CouplingPreview.objects.filter(kept_until__lt=now).exclude(job__state__in=OPEN_STATES)
    busy = Job.objects.filter(state__in=OPEN_STATES, carries_out__isnull=False).values("pk")
    for one in expired.exclude(carried_out_by__in=busy).order_by("pk")[:_DROPPED_AT_ONCE]:
        PreviewPart.objects.filter(preview=one)._raw_delete(PreviewPart.objects.db)
        one.delete()
