"""What undoing a job would do, as far as is known here: read part after part, and counted."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jobs.models import Job, Outcome
from sync.rules.changes import told
from sync.rules.undoing import Back
from sync.undo.reading import PART, Made, MadeByJob, Value

LOOKED_AT = 2_000
"""Couplings of which a page tells what would become of them; the job looks at all."""
LISTED = 100
"""Records and values that a page lists one by one."""


@dataclass(slots=True)
class UndoPreview:
    """What undoing a job would do. whole: whether all couplings were looked at; ended, stay, values: the first ones."""

    total: int = 0
    looked_at: int = 0
    count_ended: int = 0
    count_created: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    goes_here: int = 0
    goes_there: int = 0
    changed_since: int = 0
    ended: list[Made] = field(default_factory=list)
    stay: list[Made] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether all couplings of the job were looked at."""
        return self.looked_at == self.total

    @property
    def count_values(self) -> int:
        """How many values would go back."""
        return self.goes_here + self.goes_there

    def add(self, pairs: list[Made], values: list[Value]) -> None:
        """Count a part."""
        self.looked_at += len(pairs)
        for made in pairs:
            if made.why is not None:
                self.reasons[made.why.why.value] += 1
            else:
                self.count_ended += 1
                self.count_created += made.created
            kept = self.ended if made.why is None else self.stay
            if len(kept) < LISTED:
                kept.append(made)
        for value in values:
            if value.way.what is Back.CHANGED_SINCE:
                self.changed_since += 1
            elif value.here:
                self.goes_here += 1
            else:
                self.goes_there += 1
            if len(self.values) < LISTED:
                self.values.append(value)


def parts(made: MadeByJob, most: int | None = None) -> Iterator[tuple[list[Made], list[Value]]]:
    """Yield the couplings of a job part by part, with what becomes of their values. most: of the first ones alone."""
    numbers = made.numbers[:most]
    for start in range(0, len(numbers), PART):
        pairs = made.look(numbers[start : start + PART].tolist())
        yield pairs, made.values([one for one in pairs if one.why is None])


def preview(made: MadeByJob) -> UndoPreview:
    """Return what undoing a job would do."""
    found = UndoPreview(total=len(made.numbers))
    for pairs, values in parts(made, LOOKED_AT):
        found.add(pairs, values)
    return found


def to_json(made: Made, values: list[Value]) -> dict[str, Any]:
    """Return a record in the shape that the command prints."""
    stays = made.why
    return {
        "local": {"id": made.local_id, "key": made.key, "name": made.name},
        "integration": {"id": made.row_id, "name": ""} if made.row_id is not None else None,
        "outcome": "uncouple" if stays is None else "skip",
        "reason": stays.why.value if stays is not None else "",
        "message": stays.message if stays is not None else "",
        "values": [
            {
                "field": value.caption, "side": "local" if value.here else "integration", "now": told(value.held),
                "back": told(value.way.value) if value.way.what is Back.GOES else None,
            }
            for value in values
        ],
    }  # fmt: skip


def document(job: Job, found: UndoPreview) -> dict[str, Any]:
    """Return the preview in the shape of a job's document; nothing was done, so no job is named but the undone one."""
    counters = {"total": found.total, Outcome.UNCOUPLED.value: found.count_ended,
                Outcome.SKIPPED.value: sum(found.reasons.values())}  # fmt: skip
    return {
        "job": job.pk, "type": "undo", "mapping": job.mapping_name, "state": "preview", "counters": counters,
        "reasons": dict(sorted(found.reasons.items())),
        "values": {"local": found.goes_here, "integration": found.goes_there, "changed_since": found.changed_since},
    }  # fmt: skip
