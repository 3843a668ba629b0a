"""Preview of match-based coupling, by the matcher of the job; nothing is written."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Q

from coupling import local_records
from coupling.gateway import Gateway
from coupling.matching import criteria
from coupling.matching.decisions import Decision, Result
from coupling.matching.partners import Partner, candidate_to_json, partner_names
from coupling.matching.run_matching import MatchingRun
from coupling.models import IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import no_counts

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

    outside: selected records that take no part; order: the priorities in the order they are tried; plan: scan or probe;
    requests: those sent to Dataverse; held_back: records without a match that rows outside the filter would match.
    """

    matching: MatchingRun
    total: int
    coupled: int
    no_match: int
    multiple: int
    already_coupled: int
    held_back: int
    outside: int
    order: list[PriorityCount]
    plan: str
    rows_compared: int
    requests: int
    seconds: float

    @classmethod
    def make(
        cls,
        mapping: IntegrationTableMapping,
        given: Sequence[Criterion],
        gateway: Gateway,
        selection: Sequence[UUID] | None = None,
        on_part: Callable[[str, int, int | None], None] = lambda _phase, _done, _total: None,
    ) -> "Preview":
        """Read both sides and decide. Raises what the gateway and `on_part` raise."""
        began = time.monotonic()
        records = local_records.uncoupled_records(mapping)
        outside = 0
        if selection is not None:
            records = records.filter(_among(selection))
            outside = len(set(selection)) - records.count()
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
            outside,
            order,
            matching.plan.kind,
            matching.rows_compared,
            gateway.requests,
            time.monotonic() - began,
        )

    @property
    def unmatched(self) -> int:
        """The number of records that Create New would apply to."""
        return self.no_match + self.multiple + self.already_coupled

    @property
    def likely_duplicates(self) -> int:
        """The number of records among them that have a row in Dataverse already, by all that is known."""
        return self.multiple + self.already_coupled + self.held_back

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield one object per record, in key order."""
        matching = self.matching
        decisions = iter(matching.decisions)
        for part in local_records.iter_batches(matching.records, matching.table, matching.fields, size=_BATCH_SIZE):
            chunk = list(islice(decisions, len(part)))
            partners = partner_names(matching.mapping, matching, chunk)
            for decision, row in zip(chunk, part, strict=False):
                yield preview_line(matching, decision, row, partners)

    def summary(self) -> dict[str, Any]:
        """Return the numbers in the shape of a job's summary."""
        mapping = self.matching.mapping
        failed = {
            Result.NO_MATCH.value: self.no_match,
            Result.MULTIPLE.value: self.multiple,
            Result.ALREADY_COUPLED.value: self.already_coupled,
        }
        return {
            "job": None,
            "type": "coupling",
            "mapping": mapping.name,
            "state": "preview",
            "plan": self.plan,
            "counters": {
                **no_counts(), "total": self.total + self.outside, "coupled": self.coupled, "failed": self.unmatched,
                "skipped": self.outside,
            },
            "reasons": {reason: count for reason, count in failed.items() if count},
            "by_priority": [{"fields": one.caption, "coupled": one.coupled} for one in self.order],
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "followups": [],
        }  # fmt: skip


def preview_line(
    matching: MatchingRun, decision: Decision, row: Sequence[Any], partners: dict[UUID, Partner]
) -> dict[str, Any]:
    """Return one record of a preview, in the shape of an error object with the outcome in front."""
    first = decision.candidates[0] if len(decision.candidates) == 1 else None
    coupled = decision.result is Result.COUPLED
    searched = matching.searched(decision, row[3:])
    return {
        "outcome": "coupled" if coupled else "failed",
        "local": {"id": str(decision.local_id), "key": str(row[1]), "name": str(row[2] or "")},
        "integration": {"id": str(first.id), "name": first.name} if first else None,
        "reason": "" if coupled else decision.result.value,
        "message": matching.explain(decision, searched, row[3:], partners.get(first.id, "") if first else ""),
        "fields": matching.compared_fields(searched),
        "candidates": [candidate_to_json(candidate, partners) for candidate in decision.candidates],
        "trail": matching.trail(decision, row[3:]),
    }


def _among(selection: Sequence[UUID]) -> Q:
    """Return the condition for the selected records, in short lists: a database takes only so many values in one."""
    chosen = list(dict.fromkeys(selection))
    wanted = Q()
    for start in range(0, len(chosen), 900):
        wanted |= Q(system_id__in=chosen[start : start + 900])
    return wanted
