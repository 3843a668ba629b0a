"""Preview of match-based coupling, by the matcher of the job; nothing is written."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Q

from coupling import local_records
from coupling.couplings.left_out import BEFORE, skipped_outcomes
from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.mappings.column_looks import require_criteria
from coupling.matching import criteria
from coupling.matching.decisions import Decision, Result
from coupling.matching.explanation import will_be_created
from coupling.matching.partners import Partner, candidate_to_json, partner_names
from coupling.matching.run_matching import MatchingRun
from coupling.models import IntegrationTableMapping
from coupling.rows import Criterion
from jobs.mentions import NOBODY, Reader
from jobs.models import Reason, no_counts
from jobs.running.context import OutcomeRow

_BATCH_SIZE = 500
"""Records whose lines are made together."""


@dataclass(frozen=True, slots=True)
class PriorityCount:
    """One priority, by the captions of its fields, and how many records it couples."""

    caption: str
    coupled: int


@dataclass
class Preview:
    """The numbers of a preview, and on demand a line per record.

    creates: whether what finds no match would be created, only_unmatched: without likely duplicates; skipped: the
    selected records that take no part, with the outcome that the job would store; order: the priorities in the order
    they are tried; plan: scan or probe; requests: those sent to Dataverse; held_back: records without a match that rows
    outside the filter would match; near: others without a match that nearly match a row.
    """

    matching: MatchingRun
    total: int
    coupled: int
    no_match: int
    multiple: int
    already_coupled: int
    held_back: int
    near: int
    skipped: list[OutcomeRow]
    order: list[PriorityCount]
    plan: str
    rows_compared: int
    requests: int
    seconds: float
    creates: bool = False
    only_unmatched: bool = False

    @classmethod
    def make(
        cls,
        mapping: IntegrationTableMapping,
        given: Sequence[Criterion],
        gateway: Gateway,
        selection: Sequence[UUID] | None = None,
        on_part: Callable[[str, int, int | None], None] = lambda _phase, _done, _total: None,
        *,
        creates: bool = False,
        only_unmatched: bool = False,
    ) -> "Preview":
        """Read both sides and decide. Raises what the gateway and `on_part` raise."""
        began = time.monotonic()
        local_records.get_table(mapping).find_changes(mapping.company)
        records = local_records.uncoupled_records(mapping)
        skipped: list[OutcomeRow] = []
        if selection is not None:
            chosen = list(dict.fromkeys(selection))
            records = records.filter(_among(chosen))
            for start in range(0, len(chosen), _BATCH_SIZE):
                skipped += skipped_outcomes(mapping, chosen[start : start + _BATCH_SIZE], BEFORE)
        if given:
            require_criteria(column_looks.preview(mapping, gateway.table(mapping).columns), given)
        matching = MatchingRun(mapping, given, gateway, records, mapping.blank_is_no_match, on_part)
        decisions = matching.run()
        tally = decisions.count_results()
        order = [
            PriorityCount(criteria.group_caption(mapping, group), coupled)
            for group, coupled in zip(matching.groups, decisions.count_coupled_by_priority(), strict=True)
        ]
        return cls(
            matching,
            len(decisions),
            tally[Result.COUPLED],
            tally[Result.NO_MATCH],
            tally[Result.MULTIPLE],
            tally[Result.ALREADY_COUPLED],
            matching.count_held_back(),
            matching.count_near_misses(),
            skipped,
            order,
            matching.plan.kind,
            matching.rows_compared,
            gateway.requests,
            time.monotonic() - began,
            creates,
            only_unmatched,
        )

    @property
    def outside(self) -> int:
        """The number of selected records that take no part."""
        return len(self.skipped)

    @property
    def unmatched(self) -> int:
        """The number of records that Create New would apply to."""
        return self.no_match + self.multiple + self.already_coupled

    @property
    def likely_duplicates(self) -> int:
        """The number of records among them that have a row in Dataverse already, by all that is known."""
        return self.multiple + self.already_coupled + self.held_back + self.near

    @property
    def created(self) -> int:
        """The number of records that would be created."""
        left = self.likely_duplicates if self.only_unmatched else 0
        return self.unmatched - left if self.creates else 0

    def lines(self, reader: Reader = NOBODY) -> Iterator[dict[str, Any]]:
        """Yield one object per record, as the reader sees it: those that take part in key order, then those that were
        selected and do not.
        """
        matching = self.matching
        decisions = iter(matching.decisions)
        for part in local_records.iter_batches(matching.records, matching.table, matching.fields, size=_BATCH_SIZE):
            chunk = list(islice(decisions, len(part)))
            partners = partner_names(matching.mapping, matching, chunk)
            for decision, row in zip(chunk, part, strict=False):
                creates = self.creates and not (self.only_unmatched and matching.is_likely_duplicate(decision))
                yield preview_line(matching, decision, row, partners, reader, creates=creates)
        for outcome in self.skipped:
            yield _skipped_line(outcome)

    def summary(self) -> dict[str, Any]:
        """Return the numbers in the shape of a job's summary."""
        mapping = self.matching.mapping
        reasons = Counter(str(row.reason) for row in self.skipped)
        created = self.created
        reasons[Reason.CREATE_QUEUED.value] += created
        if not self.creates or self.only_unmatched:
            reasons[Result.NO_MATCH.value] += self.no_match - created
            reasons[Result.MULTIPLE.value] += self.multiple
            reasons[Result.ALREADY_COUPLED.value] += self.already_coupled
        return {
            "job": None,
            "type": "coupling",
            "mapping": mapping.name,
            "state": "preview",
            "plan": self.plan,
            "counters": {
                **no_counts(), "total": self.total + self.outside, "coupled": self.coupled,
                "failed": self.unmatched - created, "skipped": self.outside + created,
            },
            "reasons": {reason: count for reason, count in sorted(reasons.items()) if count},
            "by_priority": [{"fields": one.caption, "coupled": one.coupled} for one in self.order],
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "followups": [],
        }  # fmt: skip


def preview_line(
    matching: MatchingRun,
    decision: Decision,
    row: Sequence[Any],
    partners: dict[UUID, Partner],
    reader: Reader,
    *,
    creates: bool,
) -> dict[str, Any]:
    """Return one record of a preview, in the shape of an error object with the outcome in front.

    The outcome is what the job would do: couple, create (in a job that follows), fail. Reason and message are those
    that the job would store.
    """
    first = decision.candidates[0] if len(decision.candidates) == 1 else None
    searched = matching.searched(decision, row[3:])
    text = matching.explain(decision, searched, row[3:], partners.get(first.id, "") if first else "")
    message = reader.read(*text)
    candidates = [candidate_to_json(candidate, partners) for candidate in decision.candidates]
    if decision.result is Result.COUPLED:
        outcome, reason = "couple", ""
    elif creates:
        created = will_be_created(of_choices=matching.mapping.uid_kind == "option")
        outcome, reason, message = "create", Reason.CREATE_QUEUED.value, f"{message} {created}"
    else:
        outcome, reason = "fail", decision.result.value
    return {
        "outcome": outcome,
        "local": {"id": str(decision.local_id), "key": str(row[1]), "name": str(row[2] or "")},
        "integration": {name: candidate_to_json(first, {})[name] for name in ("id", "name")} if first else None,
        "reason": reason,
        "message": message,
        "fields": matching.compared_fields(searched),
        "candidates": [reader.read_candidate(candidate) for candidate in candidates],
        "trail": matching.trail(decision, row[3:]),
    }


def _skipped_line(row: OutcomeRow) -> dict[str, Any]:
    """Return a selected record that takes no part, in the same shape."""
    return {
        "outcome": "skip",
        "local": {"id": str(row.local_id), "key": row.local_key, "name": row.local_name},
        "integration": None,
        "reason": str(row.reason),
        "message": row.message,
        "fields": [],
        "candidates": [],
        "trail": [],
    }


def _among(selection: Sequence[UUID]) -> Q:
    """Return the condition for the selected records, in short lists: a database takes only so many values in one."""
    chosen = list(dict.fromkeys(selection))
    wanted = Q()
    for start in range(0, len(chosen), 900):
        wanted |= Q(system_id__in=chosen[start : start + 900])
    return wanted
