"""Writing what a coupling job decided: couplings, outcomes and progress, checkpoint by checkpoint in key order."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from core import bulk
from coupling import claims, local_records
from coupling.couplings.coupled_records import note_of
from coupling.couplings.left_out import MEANWHILE, skipped_outcomes
from coupling.couplings.new_pairs import insert_choices, insert_pairs, note_new
from coupling.job_parameters import CouplingParameters
from coupling.matching.choice_rows import choice_name, value_of
from coupling.matching.decisions import UNLOOKED, Decision, Result
from coupling.matching.explanation import will_be_created
from coupling.matching.partners import Partner, candidate_to_json, nearly_to_json, partner_names
from coupling.matching.run_matching import MatchingRun
from coupling.models import IntegrationTableMapping, pairs_of
from jobs.models import Outcome, Reason
from jobs.running.context import Checkpoint, JobContext, OutcomeRow


def records_per_checkpoint() -> int:
    """Return how many records one transaction settles; nearly each writes one row. SQLite has one lock for writing."""
    return bulk.MAX_ROWS if connection.vendor == "sqlite" else 4 * bulk.MAX_ROWS


class _Part(NamedTuple):
    """What one checkpoint writes.

    coupled: positions of the records to couple with rows; outcomes: those of all others; last: the last record in key
    order that still takes part, None where none does.
    """

    coupled: list[int]
    outcomes: list[OutcomeRow]
    last: UUID | None


class CouplingWriter:
    """Writes decisions in key order. Records coupled with rows get no outcome row (coupled_records)."""

    def __init__(
        self, context: JobContext, mapping: IntegrationTableMapping, matching: MatchingRun, organization: UUID
    ) -> None:
        self.context = context
        self.mapping = mapping
        self.matching = matching
        self.organization = organization
        self.table = local_records.get_table(mapping)
        self.records = local_records.filtered_records(mapping)
        self.of_choices = mapping.uid_kind == "option"
        asked = CouplingParameters.load(context.parameters)
        self.creates, self.only_unmatched = asked.create, asked.only_unmatched
        self.braked = str(context.resume.get("braked") or "")
        """Why nothing is created, where a brake stops it."""

    def write(self) -> None:
        """Write all that is not written yet, checkpoint by checkpoint."""
        decisions, kept = self.matching.decisions, self.context.kept
        while (first := kept.get("position", 0)) < len(decisions):
            end = kept["position"] = min(first + records_per_checkpoint(), len(decisions))
            part = self._part(first, end)
            after = self._key_of(part.last) if part.last is not None else None
            with self.context.checkpoint() as point:
                self._save(point, part)
                point.phase = "Writing"
                point.processed(len(point.outcomes) + sum(len(one.numbers) for one in point.derived))
                point.resume = {**self.context.resume, "stage": "match"}
                if after is not None:
                    point.resume["after"] = after

    def _part(self, first: int, end: int) -> _Part:
        """Return what is to be written of a stretch of decisions, as the records stand now."""
        decisions = self.matching.decisions
        coupled = [] if self.of_choices else decisions.coupled_between(first, end)
        others = sorted(set(range(first, end)).difference(coupled))
        ids = {at: UUID(bytes=decisions.id_at(at)) for at in others}
        rows = self._rows(others)
        taken = pairs_of(self.mapping).filter(local_id__in=[ids[at] for at in others])
        for local_id in taken.values_list("local_id", flat=True):
            rows.pop(local_id.bytes, None)
        present = [at for at in others if ids[at].bytes in rows]
        outcomes = self._outcomes([(decisions.decision_at(at), rows[ids[at].bytes]) for at in present])
        gone = [one for one in ids.values() if one.bytes not in rows]
        wanted = decisions.ids_at(coupled)
        if missing := local_records.find_missing(self.records, wanted):
            gone += map(UUID, missing)
            coupled = [at for at, one in zip(coupled, wanted, strict=True) if one not in missing]
        outcomes += skipped_outcomes(self.mapping, gone, MEANWHILE) if gone else []
        last = max(coupled[-1:] + present[-1:], default=None)
        return _Part(coupled, outcomes, None if last is None else UUID(bytes=decisions.id_at(last)))

    def _rows(self, positions: Sequence[int]) -> dict[bytes, tuple[Any, ...]]:
        """Return the records at these positions with the values compared, by id; those that are gone are missing."""
        ids = [UUID(bytes=self.matching.decisions.id_at(at)) for at in positions]
        return local_records.read_by_ids(self.records, self.table, self.matching.fields, ids) if ids else {}

    def _key_of(self, local_id: UUID) -> Any:
        return self.records.order_by().filter(system_id=local_id).values_list(self.table.key, flat=True).first()

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
            message, _ = self.matching.explain(decision, searched, row[3:])
            return OutcomeRow(
                Outcome.COUPLED, Reason.NONE, decision.local_id, key, name, only.id, only.name, message, detail
            )
        text = self.matching.explain(decision, searched, row[3:], partners.get(only.id, "") if only else "")
        detail |= {
            "candidates": [candidate_to_json(candidate, partners) for candidate in decision.candidates]
            + nearly_to_json(self.matching, decision, partners),
            "trail": self.matching.trail(decision, row[3:]),
            **text.detail(),
        }
        if decision.result is Result.NO_MATCH and not self.matching.looked_nearly:
            detail[UNLOOKED] = True
        message = text.text
        if self.creates and not (self.only_unmatched and self.matching.is_likely_duplicate(decision)):
            detail["found"] = decision.result.value
            message += f" {self.braked or will_be_created(of_choices=self.of_choices)}"
            outcome, reason = Outcome.SKIPPED, Reason.CREATE_QUEUED.value
            if self.braked:
                outcome, reason = Outcome.FAILED, Reason.BRAKE.value
        else:
            outcome, reason = Outcome.FAILED, decision.result.value
        return OutcomeRow(
            outcome, reason, decision.local_id, key, name, only.id if only else None, only.name if only else "",
            message, detail,
        )  # fmt: skip

    def _save(self, point: Checkpoint, part: _Part) -> None:
        """Insert the couplings; a record or a row that somebody else coupled meanwhile keeps that coupling."""
        if self.of_choices:
            point.outcomes += self._save_choices(part.outcomes)
            return
        point.outcomes += part.outcomes
        decisions = self.matching.decisions
        free, row_ids = part.coupled, decisions.row_ids_at(part.coupled)
        if holders := claims.claim(self.mapping, self.organization, map(UUID, row_ids)):
            taken = {row_id.hex for row_id in holders}
            held = [at for at, row_id in zip(free, row_ids, strict=True) if row_id in taken]
            point.outcomes += [self._refused(row, holders) for row in self._outcomes_at(held)]
            free = sorted(set(free).difference(held))
            row_ids = decisions.row_ids_at(free)
        priorities = [group.priority for group in self.matching.groups]
        criteria = [priorities[decisions.group_at(at) or 0] for at in free]
        places, ids = insert_pairs(
            self.mapping, self.context.job.pk, self.organization, decisions.ids_at(free), row_ids, criteria
        )
        note_new(self.mapping, self.context.job.pk, ids)
        made = [free[at] for at in places]
        if len(made) < len(free):
            point.outcomes += self._outcomes_of_lost(sorted(set(free).difference(made)))
        point.derive(Outcome.COUPLED, ids, [note_of(decisions, at) for at in made])

    def _outcomes_at(self, positions: Sequence[int]) -> list[OutcomeRow]:
        """Return the outcomes of records that were to be coupled, with the values compared."""
        rows, decisions = self._rows(positions), self.matching.decisions
        present = [at for at in positions if decisions.id_at(at) in rows]
        return self._outcomes([(decisions.decision_at(at), rows[decisions.id_at(at)]) for at in present])

    def _outcomes_of_lost(self, positions: Sequence[int]) -> Iterator[OutcomeRow]:
        """Yield the outcomes of records of which somebody else coupled either side since they were read."""
        ids = [UUID(bytes=self.matching.decisions.id_at(at)) for at in positions]
        skipped = {row.local_id: row for row in skipped_outcomes(self.mapping, ids, MEANWHILE)} if ids else {}
        yield from skipped.values()
        rest = [at for at, local_id in zip(positions, ids, strict=True) if local_id not in skipped]
        yield from map(self._coupled_meanwhile, self._outcomes_at(rest))

    def _save_choices(self, outcomes: Sequence[OutcomeRow]) -> Iterator[OutcomeRow]:
        """Insert the couplings with choices, and yield all outcomes as they are then."""
        coupled = [row for row in outcomes if row.outcome == Outcome.COUPLED]
        pairs = [
            (row.local_id, row.integration_id, row.integration_name)
            for row in coupled
            if row.local_id is not None and row.integration_id is not None
        ]
        made = insert_choices(self.mapping, self.context.job.pk, pairs)
        for row in outcomes:
            lost = row.outcome == Outcome.COUPLED and row.local_id not in made
            yield self._named(self._coupled_meanwhile(row) if lost else row)

    @staticmethod
    def _named(row: OutcomeRow) -> OutcomeRow:
        """Return an outcome about a choice, which has a value and a caption where rows have an id and a name."""
        if row.integration_id is None:
            return row
        return row._replace(
            integration_id=None, integration_name=choice_name(value_of(row.integration_id), row.integration_name)
        )

    def _refused(self, row: OutcomeRow, holders: dict[UUID, claims.Holder]) -> OutcomeRow:
        """Return the outcome of a record whose row another company holds; other outcomes as they are."""
        holder = holders.get(row.integration_id) if row.integration_id is not None else None
        if holder is None or row.outcome != Outcome.COUPLED:
            return row
        text = claims.refusal(self.mapping, holder)
        detail = {**(row.detail or {}), **text.detail()}
        return row._replace(outcome=Outcome.FAILED, reason=Reason.ALREADY_COUPLED, message=text.text, detail=detail)

    @staticmethod
    def _coupled_meanwhile(row: OutcomeRow) -> OutcomeRow:
        """Return the outcome of a record whose coupling was not inserted."""
        return OutcomeRow(
            Outcome.FAILED, Reason.ALREADY_COUPLED, row.local_id, row.local_key, row.local_name, row.integration_id,
            row.integration_name,
            "The record or the row was coupled by somebody else while the job ran. That coupling stays.",
            row.detail,
        )  # fmt: skip
