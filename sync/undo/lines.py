"""A preview of an undo as the command prints it: an object per coupling, and the numbers last."""

from typing import Any
from uuid import UUID

from jobs import services as jobs
from jobs.models import Outcome, no_counts
from sync.models import UndoPreview
from sync.rules.changes import told
from sync.undo.previewed import ENDS, FAILS
from sync.undo.store import Found, Numbers


def to_json(found: Found) -> dict[str, Any]:
    """Return a coupling in the shape that the command prints."""
    pair, kind = found.pair, found.kind
    row_id = UUID(bytes=pair.row_id) if pair.row_id else None
    return {
        "local": {"id": found.local_id, "key": pair.key, "name": pair.name},
        "integration": {"id": row_id, "name": pair.row_name} if row_id is not None or pair.row_name else None,
        "outcome": {ENDS: "uncouple", FAILS: "fail"}.get(kind, "skip"),
        "reason": "" if kind in (ENDS, FAILS) else kind,
        "message": pair.message,
        "values": [
            {
                "field": value.caption, "side": "local" if value.here else "integration", "now": told(value.held),
                "back": told(value.back) if not value.why else None, "why": value.why,
            }
            for value in pair.values
        ],
    }  # fmt: skip


def summary(preview: UndoPreview) -> dict[str, Any]:
    """Return the numbers in the shape of a job's document, with the state `preview`; it names the undone job."""
    numbers = Numbers(preview)
    here = numbers.of("here")
    counted = {
        "total": numbers.total, Outcome.UNCOUPLED.value: numbers.of(ENDS), Outcome.FAILED.value: numbers.of(FAILS),
        Outcome.SKIPPED.value: numbers.stay,
    }  # fmt: skip
    return {
        **jobs.summary(preview.job),
        "job": preview.undone_id,
        "type": "undo",
        "state": "preview",
        "counters": {**no_counts(), **counted},
        "reasons": numbers.reasons,
        "values": {"local": here, "integration": numbers.back - here, "stay": numbers.kept},
    }
