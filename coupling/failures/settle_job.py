"""The coupling job that settles failed records of its selection, however many: couple them to candidates, or ignore
them for a reason. What settles a few at once does the same (services of this package, sync.failures.services).

Part after part in the order of the records' ids, `after` the last one done. Each record gets one outcome: those that
are not failed any more, and those for which no row is chosen or stands out, are left with why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from coupling import claims
from coupling.couplings.by_hand import RowsSeen, SeenRow
from coupling.couplings.couple_job import couple
from coupling.couplings.left_out import MEANWHILE, skipped_outcomes
from coupling.couplings.new_pairs import insert_pairs, note_new
from coupling.couplings.services import delete_coupling, pair_of
from coupling.failures import services
from coupling.failures.candidates import look_at_all
from coupling.failures.choosing import Chosen, choose
from coupling.failures.standing import standing
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters, Settle
from coupling.mappings.services import get_mapping
from coupling.models import Coupling, FailedRecord, IntegrationTableMapping, Method
from jobs.models import Job, JobRecord, Outcome, Reason
from jobs.running.context import Checkpoint, JobContext, OutcomeRow

DESCRIPTIONS = {Settle.COUPLE: "Couple to Candidate", Settle.IGNORE: "Ignore failed records"}
"""What the jobs are called."""
PART = 500
"""Records that one checkpoint settles."""
NOT_CHOSEN = "No row is chosen for the record, and none stands out that may be coupled. Choose one in its line."
_SETTLED = "The record was settled, ignored or tried again while the job ran, so nothing was done."
_ANOTHER = "Choose another row in the record's line."
_LOST = "The record or the row was coupled by somebody else while the job ran. That coupling stays."


def match_or_settle(context: JobContext) -> None:
    """Handle one slice of a coupling job: match, or settle failed records."""
    asked = CouplingParameters.load(context.parameters)
    if asked.settle is Settle.NO:
        couple(context)
    else:
        _Settling(context, asked).run()


def label_of(job: Job) -> str:
    """Return what the card of a job that settles failed records says it does; "" of other coupling jobs.

    By its description: lists do not read the parameters of jobs.
    """
    return job.description.lower() if job.description in DESCRIPTIONS.values() else ""


class _Settling:
    """One slice of settling."""

    def __init__(self, context: JobContext, asked: CouplingParameters) -> None:
        self.context, self.asked = context, asked
        self.mapping: IntegrationTableMapping = get_mapping(context.company, context.job.mapping_name)
        self.user = context.job.requested_by
        if asked.settle is Settle.COUPLE:
            self.gateway = Gateway(context.company, context.usage)
            self.organization: UUID = context.kept.get("organization") or self.gateway.organization_id
            context.kept["organization"] = self.organization

    def run(self) -> None:
        """Settle the parts that are not done yet, a checkpoint each."""
        context = self.context
        if context.job.total is None:
            with context.checkpoint() as point:
                point.total = JobRecord.objects.filter(job=context.job, local_id__isnull=False).count()
                point.phase = "Settling failed records"
        after = context.resume.get("after")
        for ids in context.selection(after=UUID(after) if after else None):
            for start in range(0, len(ids), PART):
                self._part(ids[start : start + PART])
        context.finish(_message(context.job.counters, context.job.breakdown))

    def _part(self, ids: Sequence[UUID]) -> None:
        if self.asked.settle is Settle.IGNORE:
            with self.context.checkpoint() as point:
                point.outcomes += self._ignored(ids)
                self._go_on(point, ids)
            return
        failed = self._standing(ids)
        others = self._others(ids, failed)
        pairs, left = self._choose(failed)
        with self.context.checkpoint() as point:
            point.outcomes += [*others, *left]
            self._couple(point, pairs)
            self._go_on(point, ids)

    def _standing(self, ids: Sequence[UUID]) -> list[FailedRecord]:
        return list(standing(self.context.company, mappings=[self.mapping]).filter(local_id__in=ids))

    @staticmethod
    def _go_on(point: Checkpoint, ids: Sequence[UUID]) -> None:
        point.processed(len(ids))
        point.resume = {"after": str(ids[-1])}

    def _others(self, among: Sequence[UUID], failed: Sequence[FailedRecord]) -> list[OutcomeRow]:
        """Return the outcomes of those of the records that are not failed any more."""
        known = {one.local_id for one in failed}
        ids = [one for one in among if one not in known]
        if not ids:
            return []
        told = {row.local_id: row for row in skipped_outcomes(self.mapping, ids, MEANWHILE)}
        return [
            told.get(one, OutcomeRow(Outcome.SKIPPED, Reason.CHANGED_SINCE, one, message=_SETTLED)) for one in ids
        ]  # fmt: skip

    def _ignored(self, ids: Sequence[UUID]) -> list[OutcomeRow]:
        """Ignore those of the records that are failed still, in a checkpoint; return the outcomes of all."""
        lines = FailedRecord.objects.filter(mapping=self.mapping, local_id__in=ids).order_by("pk")
        list(lines.select_for_update().values_list("pk"))  # so that nobody settles one between looking and ignoring
        failed = self._standing(ids)
        if failed:
            rows = FailedRecord.objects.filter(pk__in=[one.pk for one in failed])
            services.ignore(failed=rows, because=self.asked.because, user=self.user)
        ignored = [_outcome(one, Outcome.SKIPPED, "", f"Ignored: {self.asked.because}") for one in failed]
        return [*ignored, *self._others(ids, failed)]

    # -- couple to candidates ------------------------------------------------------------------------------------------

    def _choose(self, failed: Sequence[FailedRecord]) -> tuple[list[Chosen], list[OutcomeRow]]:
        """Return the pairs to couple, and the outcomes of records for which there is none."""
        if not failed:
            return [], []
        lines = look_at_all(self.mapping, self.gateway, failed, user=self.user)
        rows = {str(record): str(row) for record, row in self.asked.chosen}
        chosen = {one.pk: rows[str(one.local_id)] for one in failed if str(one.local_id) in rows}
        pairs, open_ = choose(lines, chosen)
        refused = self._refused({one.failed.pk: chosen[one.failed.pk] for one in open_ if one.failed.pk in chosen})
        return pairs, [refused.get(one.failed.pk, _Left(one.failed.reason, NOT_CHOSEN)).of(one.failed) for one in open_]

    def _refused(self, chosen: Mapping[int, str]) -> dict[int, "_Left"]:
        """Return why rows that a person chose cannot be coupled, by failed record. Raises DataverseError."""
        if not chosen:
            return {}
        ids = {pk: UUID(row) for pk, row in chosen.items()}
        rows = RowsSeen(self.mapping, self.gateway, user=self.user).read_all(set(ids.values()))
        return {pk: _why_refused(row_id, rows.get(row_id)) for pk, row_id in ids.items()}

    def _couple(self, point: Checkpoint, pairs: Sequence[Chosen]) -> None:
        """Insert the couplings; what somebody else coupled meanwhile keeps that coupling."""
        if not pairs:
            return
        holders = claims.claim(self.mapping, self.organization, [one.row_id for one in pairs])
        point.outcomes += [_held(self.mapping, one, holders[one.row_id]) for one in pairs if one.row_id in holders]
        waiting = sorted((one for one in pairs if one.row_id not in holders), key=lambda one: not one.by_person)
        self._release([one.row_id for one in waiting])
        coupled: dict[UUID, Chosen] = {}
        made: list[int] = []
        while (
            waiting
        ):  # those that want a row that is given away already, or the first one of which was lost, come later
            first = {one.row_id: one for one in reversed(waiting)}
            now = [one for one in waiting if first[one.row_id] is one]
            places, ids = insert_pairs(
                self.mapping, self.context.job.pk, self.organization, [one.seen.failed.local_id.hex for one in now],
                [one.row_id.hex for one in now], [None] * len(now), Method.MANUAL,
            )  # fmt: skip
            made += ids
            coupled |= {now[at].row_id: now[at] for at in places}
            done = set(places)
            point.outcomes += [
                _of_pair(one, Outcome.COUPLED, "", _coupled(one)) if at in done
                else _of_pair(one, Outcome.FAILED, Reason.ALREADY_COUPLED, _LOST)
                for at, one in enumerate(now)
            ]  # fmt: skip
            later = [one for one in waiting if first[one.row_id] is not one]
            point.outcomes += [
                _of_pair(one, Outcome.FAILED, Reason.ALREADY_COUPLED, _given(coupled[one.row_id]))
                for one in later if one.row_id in coupled
            ]  # fmt: skip
            waiting = [one for one in later if one.row_id not in coupled]
        note_new(self.mapping, self.context.job.pk, made)

    def _release(self, row_ids: Iterable[UUID]) -> None:
        """End the couplings of rows whose records were deleted here: they are in nobody's way."""
        own = Coupling.objects.filter(
            company=self.mapping.company, table=self.mapping.table, integration_id__in=list(row_ids)
        )
        for coupling in own.select_related("mapping__company"):
            pair = pair_of(self.mapping, coupling)
            if pair is not None and not pair.record and pair.creating_job is None:
                delete_coupling(coupling, self.user)


def _outcome(one: FailedRecord, outcome: str, reason: str, message: str) -> OutcomeRow:
    return OutcomeRow(outcome, reason, one.local_id, one.local_key, one.local_name, message=message)


def _of_pair(one: Chosen, outcome: str, reason: str, message: str, told: Mapping[str, Any] | None = None) -> OutcomeRow:
    row = _outcome(one.seen.failed, outcome, reason, message)
    detail = {"fields": [dict(field) for field in one.seen.fields], **(told or {})}
    return row._replace(integration_id=one.row_id, integration_name=one.candidate.name, detail=detail)


def _held(mapping: IntegrationTableMapping, one: Chosen, holder: claims.Holder) -> OutcomeRow:
    text = claims.refusal(mapping, holder)
    return _of_pair(one, Outcome.FAILED, Reason.ALREADY_COUPLED, text.text, text.detail())


def _given(to: Chosen) -> str:
    """Return why a row is not coupled with a record that wanted it, too."""
    return f"This job coupled the row with {to.seen.failed}, for which it was in question, too. {_ANOTHER}"


@dataclass(frozen=True, slots=True)
class _Left:
    """Why a record is left as it is. row_id, name: the row that a person chose for it."""

    reason: str
    message: str
    row_id: UUID | None = None
    name: str = ""

    def of(self, failed: FailedRecord) -> OutcomeRow:
        """Return the outcome of a record."""
        row = _outcome(failed, Outcome.SKIPPED, self.reason, self.message)
        return row._replace(integration_id=self.row_id, integration_name=self.name)


def _why_refused(row_id: UUID, seen: SeenRow | None) -> _Left:
    """Return why a row that a person chose is not coupled. Others read it: no other company is named in it."""
    if seen is None:
        return _Left(
            Reason.RECORD_GONE, f"The row chosen for the record, {row_id}, was deleted in Dataverse. {_ANOTHER}", row_id
        )
    if seen.standing.held:
        return _Left(
            Reason.ALREADY_COUPLED,
            f"The row chosen for the record belongs to another company. {_ANOTHER} Or {seen.standing.ways_out}",
            row_id,
        )
    chosen = f"{seen.label} was chosen for the record."
    if (refused := seen.refusal) is not None:
        return _Left(refused.reason, f"{chosen} {refused.message} {refused.fix}".rstrip(), row_id, seen.label)
    if seen.elsewhere:
        taken = f"The row is coupled already to {', '.join(seen.elsewhere)}."
        return _Left(Reason.ALREADY_COUPLED, f"{chosen} {taken} {_ANOTHER}", row_id, seen.label)
    not_among = "The row is not among those that come into question for the record any more."
    return _Left(Reason.CHANGED_SINCE, f"{chosen} {not_among} {_ANOTHER}", row_id, seen.label)


def _coupled(one: Chosen) -> str:
    """Return how it was known with which row to couple a record."""
    if one.by_person:
        return "The row was chosen in the record's line."
    if one.candidate.nearly:
        return f"The row is {one.candidate.nearly} % alike, and stands out."
    return "It is the only row that may be coupled with the record."


def _message(counters: Mapping[str, int], breakdown: Mapping[str, Mapping[str, int]]) -> str:
    """Return what came of it: "600 coupled, 2 failed, 12 left as they were."."""
    skipped = breakdown.get(Outcome.SKIPPED, {})
    ignored = skipped.get("", 0)
    counts = {
        "coupled": counters.get("coupled", 0), "ignored": ignored, "failed": counters.get("failed", 0),
        "left as they were": sum(skipped.values()) - ignored,
    }  # fmt: skip
    return f"{', '.join(f'{count:,} {what}' for what, count in counts.items() if count) or 'Nothing was done'}."
