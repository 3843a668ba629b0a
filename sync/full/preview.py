"""What Sync All would do, line by line, with nothing written on either side."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.refusals import Refusal
from core.vocabulary import Recommendation
from coupling.couplings.preview_store import stopped_by
from coupling.couplings.services import start_preview
from coupling.mappings.services import get_mapping
from coupling.matching import criteria
from coupling.matching.previewed import Found
from coupling.models import CouplingPreview
from dataverse.errors import DataverseError
from dataverse.types import Usage
from jobs.models import COUNTERS, Outcome, Reason, State
from jobs.running.context import OutcomeRow
from jobs.running.waiting import run_to_end
from sync.engine.preview import Preview
from sync.full.counting import count_all, counted_lines, couples_first
from sync.models import FullSynchReviewLine

SAMPLES = 5
"""Records of a line that are shown, of each outcome."""


@dataclass
class LinePreview:
    """What one line would do.

    couples: its criteria couple first, by which `found` counts; after_others: records that refer to one which an
    earlier line of the run couples or creates, so that what becomes of them shows then; brake: why one would stop
    what the line couples, or what it does about deleted sides.
    """

    line: FullSynchReviewLine
    couples: bool = False
    counters: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    found: dict[str, int] = field(default_factory=dict)
    after_others: int = 0
    samples: list[OutcomeRow] = field(default_factory=list)
    message: str = ""
    failed: bool = False
    brake: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as commands print it."""
        return {
            "mapping": self.line.name, "recommendation": self.line.recommendation, "couples_first": self.couples,
            "counters": {name: self.counters[name] for name in COUNTERS} | {"total": sum(self.counters.values())},
            "reasons": dict(sorted(self.reasons.items())), "found": self.found, "after_others": self.after_others,
            "estimate": self.line.estimate or None, "message": self.message, "failed": self.failed,
            "brake": self.brake or None,
            "samples": [
                {
                    "local": {"id": one.local_id, "key": one.local_key, "name": one.local_name},
                    "integration": {"id": one.integration_id, "name": one.integration_name},
                    "outcome": str(one.outcome), "reason": str(one.reason), "message": one.message,
                }
                for one in self.samples
            ],
        }  # fmt: skip

    @property
    def text(self) -> str:
        """The preview in one line."""
        if self.message:
            return f"{self.line.name}: {self.message} {self.brake}".rstrip()
        counted = [f"{count:,} {name}" for name, count in sorted(self.counters.items()) if count]
        later = f"; {self.after_others:,} after what an earlier line brings" if self.after_others else ""
        return f"{self.line.name}: {', '.join(counted) or 'nothing'}{later}. {self.brake}".rstrip()


def lines_as_asked(company: Any, in_full: Sequence[str], usage: Usage | None = None) -> list[FullSynchReviewLine]:
    """Return the lines, counted anew, as they would be with these in full. Nothing of it is saved.

    Raises Refusal, DataverseError.
    """
    found = [line for line in counted_lines(company, count_all(company, usage)) if not line.removed]
    for line in found:
        if line.name in in_full and not line.status:
            line.overridden, line.recommendation = True, Recommendation.FULL
    return found


def of_line(line: FullSynchReviewLine, *, user: Any = None) -> LinePreview:
    """Return what a line would do, or why that cannot be said. Sends requests that read."""
    shown = LinePreview(line)
    try:
        _fill(shown, user)
    except (Refusal, DataverseError) as error:
        shown.failed, shown.message = True, error.user_message
    return shown


def _fill(shown: LinePreview, user: Any) -> None:
    settle(shown)
    if shown.message:
        return
    if shown.couples:
        _add_coupling(shown, user)
    else:
        _add_creating(shown)


def settle(shown: LinePreview) -> None:
    """Find out whether a line couples first; a message where nothing of it would run, or it would fail."""
    line = shown.line
    if line.status:
        shown.message = "has run already. Restart it, or reset the review, to run it again."
    elif line.recommendation == Recommendation.NO_RECORDS:
        shown.message = "there are no records to synchronize now."
    elif line.recommendation == Recommendation.DEPENDENCY:
        shown.message = "cannot start: a mapping that it depends on has no coupling criteria."
    else:
        mapping = get_mapping(line.company, line.name)
        chosen = bool(criteria.stored_criteria(mapping))
        shown.couples = line.recommendation == Recommendation.NONE or couples_first(line, has_criteria=chosen)
        if shown.couples and not chosen:
            shown.message = "fails, since no coupling criteria are selected."


def _add_coupling(shown: LinePreview, user: Any) -> None:
    """Match by the criteria, as the line would; a job keeps the records, so that they can be looked at."""
    mapping = get_mapping(shown.line.company, shown.line.name)
    job = run_to_end(start_preview(mapping=mapping, create_new=False, user=user))
    shown.message = job.message
    if job.state != State.FINISHED:
        shown.failed = True
        return
    preview = CouplingPreview.objects.get(job=job)
    numbers, shown.brake = preview.numbers, stopped_by(preview)
    shown.found = {name: int(count) for name, count in numbers.items() if count}
    shown.counters["coupled"] = int(numbers.get(Found.COUPLE, 0))


def _add_creating(shown: LinePreview) -> None:
    """Decide each record as a full run would."""
    mapping = get_mapping(shown.line.company, shown.line.name)
    preview = Preview(mapping, create=True)
    kept: Counter[str] = Counter()
    for outcome in preview.outcomes():
        shown.after_others += is_after_others(outcome)
        if outcome.outcome != Outcome.UNCHANGED and kept[str(outcome.outcome)] < SAMPLES:
            kept[str(outcome.outcome)] += 1
            shown.samples.append(outcome)
    shown.counters.update(preview.counts)
    shown.reasons.update(preview.reasons)
    shown.brake = preview.brake


def is_after_others(outcome: OutcomeRow) -> bool:
    """Return whether a record fails now, and may not once an earlier line has coupled or created what it refers to."""
    return outcome.outcome == Outcome.FAILED and outcome.reason == Reason.REFERENCE_NOT_COUPLED
