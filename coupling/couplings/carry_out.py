"""Carrying out a preview: its pairs are coupled as they were shown, and those that changed since fail, each with why.

Part after part of the preview, `part` the last one done: the records and rows are read anew, and compared with what the
preview kept. Pairs are not matched: a row that would be a better match by now changes nothing. What is to be created
is: a record that had no match and has one by now would be a duplicate.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from coupling import claims, filters, local_records
from coupling.couplings.match_step import progress_notes, without_ending
from coupling.couplings.new_pairs import insert_choices, insert_pairs, note_new
from coupling.couplings.preview_changes import AGAIN, Change, changes_of_records, partners_now, taken_since
from coupling.couplings.preview_store import PreviewTicks, compared_fields, preview_groups
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters
from coupling.matching.choice_rows import ChoiceRows, choice_name, value_of
from coupling.matching.decisions import Decision
from coupling.matching.explanation import will_be_created
from coupling.matching.match import Group
from coupling.matching.previewed import CREATABLE, Found, PreviewedRecord, pack_values, unpack_records
from coupling.matching.read_plan import MAX_PROBED_RECORDS
from coupling.matching.run_matching import MatchingRun
from coupling.models import CouplingPreview, IntegrationTableMapping, PreviewPart, pairs_of
from jobs.models import Outcome, Reason
from jobs.running.context import Checkpoint, JobContext, OutcomeRow


class _Row(NamedTuple):
    """A Dataverse row as it is now; inside: whether the mapping's filter lets it take part."""

    values: bytes
    inside: bool


_WITHOUT_MATCH = (Found.NEW, Found.NEAR)
_AGAIN = "Matching again what is to be created"


def _matches_now(decision: Decision, mapping: IntegrationTableMapping) -> Change:
    """Return that a record that is not to be created any more has a row by now, or several."""
    first = decision.candidates[0].name or "without a name"
    rows = f"The row {first} of {mapping.integration_table} matches"
    if decision.row_count > 1:
        rows = f"{decision.row_count:,} rows of {mapping.integration_table} match"
    text = f"{rows} the record since the preview, so none was created for it. {AGAIN}"
    return Change(Reason.CHANGED_SINCE_PREVIEW.value, text)


def carry_out(context: JobContext, mapping: IntegrationTableMapping, gateway: Gateway, organization: UUID) -> None:
    """Couple the ticked pairs of a preview, and queue the ticked records that are to be created."""
    preview = CouplingPreview.objects.filter(carried_out_by=context.job).first()
    if preview is None:
        context.fail(Reason.CONFIGURATION, "The preview whose pairs were to be coupled is no longer kept.", fix=AGAIN)
    _Carrying(context, mapping, preview, gateway, organization).run()


class _Carrying:
    """One slice of carrying out a preview."""

    def __init__(
        self,
        context: JobContext,
        mapping: IntegrationTableMapping,
        preview: CouplingPreview,
        gateway: Gateway,
        organization: UUID,
    ) -> None:
        self.context, self.mapping, self.preview, self.organization = context, mapping, preview, organization
        self.of_choices = mapping.uid_kind == "option"
        self.rows: Gateway | ChoiceRows = ChoiceRows(gateway, mapping) if self.of_choices else gateway
        self.gateway = gateway
        self.groups: list[Group] = preview_groups(mapping, preview)
        self.ticks = PreviewTicks(preview)

    def run(self) -> None:
        """Carry out the parts that are not done yet, a checkpoint each."""
        if self.context.job.total is None:
            with self.context.checkpoint() as point:
                point.total = self.ticks.count_all()
                point.plan, point.phase, point.resume = self.preview.job.plan, "Writing", {"stage": "match"}
        wanted = [found.value for found in (Found.COUPLE, *CREATABLE) if self.ticks.count(found)]
        parts = PreviewPart.objects.filter(preview=self.preview, found__in=wanted).order_by("pk")
        while part := parts.filter(pk__gt=self.context.resume.get("part", 0)).first():
            self._carry_out(part)

    def _carry_out(self, part: PreviewPart) -> None:
        found = Found(part.found)
        records = [one for one in unpack_records(part.packed) if self.ticks.has(found, UUID(bytes=one.local_id))]
        changed = changes_of_records(self.preview, records)
        done = self._done_before(records) if found is Found.COUPLE else set()
        outcomes = [
            self._done(one) if one.local_id in done else self._failed(one, *changed[one.local_id])
            for one in records if one.local_id in changed
        ]  # fmt: skip
        left = [one for one in records if one.local_id not in changed]
        if left and found in _WITHOUT_MATCH:
            matched = self._matched_since()
            outcomes += [self._failed(one, *matched[one.local_id]) for one in left if one.local_id in matched]
            left = [one for one in left if one.local_id not in matched]
        rows: Mapping[bytes, _Row] = {}
        if found is Found.COUPLE:
            rows = self._rows_now([UUID(bytes=one.rows[0].id) for one in left])
        with self.context.checkpoint() as point:
            point.outcomes += outcomes
            if found is Found.COUPLE:
                self._couple(point, left, rows)
            else:
                point.outcomes += map(self._queued, left)
            point.processed(len(records))
            point.phase = "Writing"
            point.resume = {**self.context.resume, "stage": "match", "part": part.pk}

    def _matched_since(self) -> Mapping[bytes, Change]:
        """Return which of the records that are to be created, and had no match, have one by now; read once a slice."""
        kept: Mapping[bytes, Change] | None = self.context.kept.get("matched since")
        if kept is None:
            with without_ending(), self.context.checkpoint() as point:
                point.phase = _AGAIN
            kept = self._match_again()
            self.context.kept["matched since"] = kept
        return kept

    def _match_again(self) -> dict[bytes, Change]:
        asked = CouplingParameters.load(self.preview.job.parameters)
        records = local_records.uncoupled_records(self.mapping)
        ids = self._to_be_created()
        if len(ids) <= MAX_PROBED_RECORDS:
            records = records.filter(system_id__in=ids)
        run = MatchingRun(
            self.mapping, asked.criteria, self.gateway, records, asked.blank_is_no_match,
            on_part=progress_notes(self.context, "Matching again"), only_matches=True,
        )  # fmt: skip
        decisions = run.run()
        return {
            decisions.id_at(at): _matches_now(decisions.decision_at(at), self.mapping)
            for at in decisions.positions_with_rows()
        }

    def _to_be_created(self) -> list[UUID]:
        """Return the ticked records that had no match: all of them where they are few, else more than a few."""
        wanted = [found.value for found in _WITHOUT_MATCH if self.ticks.count(found)]
        ids: list[UUID] = []
        for part in PreviewPart.objects.filter(preview=self.preview, found__in=wanted).order_by("pk").iterator(10):
            local_ids = [UUID(bytes=one.local_id) for one in unpack_records(part.packed)]
            ids += [local_id for local_id in local_ids if self.ticks.has(Found(part.found), local_id)]
            if len(ids) > MAX_PROBED_RECORDS:
                break
        return ids

    def _done_before(self, records: Sequence[PreviewedRecord]) -> set[bytes]:
        """Return the records that are coupled with the row of the preview already, as by a job that did not end."""
        row_ids = {one.local_id: UUID(bytes=one.rows[0].id) for one in records}
        pairs = pairs_of(self.mapping).filter(local_id__in=[UUID(bytes=local_id) for local_id in row_ids])
        known: Iterable[tuple[UUID, Any]] = pairs.values_list(
            "local_id", "value" if self.of_choices else "integration_id"
        )
        wanted = {one: value_of(row_id) if self.of_choices else row_id for one, row_id in row_ids.items()}
        return {local_id.bytes for local_id, other in known if wanted[local_id.bytes] == other}

    # -- the Dataverse side --------------------------------------------------------------------------------------------

    def _rows_now(self, ids: Sequence[UUID]) -> dict[bytes, _Row]:
        """Return the rows of these ids as they are now; those that are gone are missing."""
        columns = list(self.preview.columns)
        if isinstance(self.rows, ChoiceRows):
            wanted = {row_id.hex for row_id in ids}
            (page,) = self.rows.scan_columns(self.mapping, columns)
            return {
                UUID(row_id).bytes: _Row(pack_values([page.columns[name][at] for name in columns]), inside=True)
                for at, row_id in enumerate(page.ids)
                if row_id in wanted
            }
        if not ids:
            return {}
        row_filter = self.gateway.row_filter(self.mapping)
        read = list(dict.fromkeys([*columns, *filters.field_names(row_filter)]))
        return {
            row.id.bytes: _Row(
                pack_values([row.values.get(name) for name in columns]), filters.matches(row_filter, row.values.get)
            )
            for row in self.gateway.read(self.mapping, read, ids).values()
        }

    def _couple(self, point: Checkpoint, records: Sequence[PreviewedRecord], rows: Mapping[bytes, _Row]) -> None:
        """Couple the pairs whose rows are as they were; what somebody else coupled meanwhile keeps that coupling."""
        same: list[PreviewedRecord] = []
        for one in records:
            outcome = self._changed_there(one, rows.get(one.rows[0].id))
            if outcome is None:
                same.append(one)
            else:
                point.outcomes.append(outcome)
        if self.of_choices:
            point.outcomes += self._couple_choices(same)
            return
        row_ids = [UUID(bytes=one.rows[0].id) for one in same]
        holders = claims.claim(self.mapping, self.organization, row_ids)
        point.outcomes += [
            self._held(one, holders[row_id]) for one, row_id in zip(same, row_ids, strict=True) if row_id in holders
        ]
        partners = partners_now(self.mapping, [row_id for row_id in row_ids if row_id not in holders])
        free = []
        for one, row_id in zip(same, row_ids, strict=True):
            if row_id in partners:
                point.outcomes.append(self._failed(one, *taken_since(partners[row_id])))
            elif row_id not in holders:
                free.append(one)
        self._insert(point, free)

    def _changed_there(self, one: PreviewedRecord, row: _Row | None) -> OutcomeRow | None:
        """Return the outcome of a pair whose row is gone, outside the filter or changed since; None where it is not."""
        table = self.mapping.integration_table
        if row is None:
            text = f"The row was deleted in Dataverse since the preview. {AGAIN}"
            return self._failed(one, Reason.INTEGRATION_DELETED, text)
        if row.values != pack_values(one.rows[0].values):
            text = f"The row of {table} has other values since the preview in what was compared. {AGAIN}"
            return self._failed(one, Reason.CHANGED_SINCE_PREVIEW, text)
        if not row.inside:
            text = f"The row of {table} was changed since the preview, and is outside the mapping's filter now. {AGAIN}"
            return self._failed(one, Reason.OUTSIDE_FILTER, text)
        return None

    def _insert(self, point: Checkpoint, records: Sequence[PreviewedRecord]) -> None:
        places, ids = insert_pairs(
            self.mapping, self.context.job.pk, self.organization, [one.local_id.hex() for one in records],
            [one.rows[0].id.hex() for one in records], [self.groups[one.group].priority for one in records],
        )  # fmt: skip
        note_new(self.mapping, self.context.job.pk, ids)
        made = set(places)
        point.outcomes += [self._lost(one) for at, one in enumerate(records) if at not in made]
        notes = [[records[at].rows[0].name, *([records[at].tried] if records[at].tried else [])] for at in places]
        point.derive(Outcome.COUPLED, ids, notes)

    def _couple_choices(self, records: Sequence[PreviewedRecord]) -> Iterator[OutcomeRow]:
        pairs = [(UUID(bytes=one.local_id), UUID(bytes=one.rows[0].id), one.rows[0].name) for one in records]
        made = insert_choices(self.mapping, self.context.job.pk, pairs)
        for one, (local_id, _, _) in zip(records, pairs, strict=True):
            yield self._outcome(one, Outcome.COUPLED, "", "") if local_id in made else self._lost(one)

    # -- outcomes ------------------------------------------------------------------------------------------------------

    def _queued(self, one: PreviewedRecord) -> OutcomeRow:
        """Return the outcome of a record that is to be created."""
        message = f"{one.told['message']} {will_be_created(of_choices=self.of_choices)}"
        outcome = self._outcome(one, Outcome.SKIPPED, Reason.CREATE_QUEUED, message)
        detail = {name: value for name, value in one.told.items() if name not in ("message", "reason")}
        return outcome._replace(detail={**detail, "found": one.told["reason"]})

    def _done(self, one: PreviewedRecord) -> OutcomeRow:
        text = "The record is coupled with the row of the preview already; it was left as it is."
        return self._outcome(one, Outcome.SKIPPED, Reason.ALREADY_COUPLED, text)

    def _lost(self, one: PreviewedRecord) -> OutcomeRow:
        text = "The record or the row was coupled by somebody else while the job ran. That coupling stays."
        return self._failed(one, Reason.ALREADY_COUPLED, text)

    def _held(self, one: PreviewedRecord, holder: claims.Holder) -> OutcomeRow:
        text = claims.refusal(self.mapping, holder)
        outcome = self._failed(one, Reason.ALREADY_COUPLED, text.text)
        return outcome._replace(detail={**(outcome.detail or {}), **text.detail()})

    def _failed(self, one: PreviewedRecord, reason: str, message: str) -> OutcomeRow:
        return self._outcome(one, Outcome.FAILED, reason, message)

    def _outcome(self, one: PreviewedRecord, outcome: str, reason: str, message: str) -> OutcomeRow:
        row = OutcomeRow(outcome, reason, UUID(bytes=one.local_id), message=message)
        return self._named(one, row)._replace(
            detail={"fields": compared_fields(self.mapping, self.preview, self.groups[one.group], one)}
        )

    def _named(self, one: PreviewedRecord, row: OutcomeRow) -> OutcomeRow:
        """Return an outcome with what both sides are called."""
        named = row._replace(local_key=row.local_key or one.key, local_name=row.local_name or one.name)
        if one.row is None:
            return named
        row_id = UUID(bytes=one.row.id)
        if self.of_choices:
            return named._replace(integration_name=choice_name(value_of(row_id), one.row.name))
        return named._replace(integration_id=row_id, integration_name=one.row.name)
