"""Jobs and outcomes in the words of the commands."""

from typing import Any

from jobs.mentions import Reader
from jobs.models import Job
from jobs.running.runner import OutcomeRow


def outcome_object(row: OutcomeRow, reader: Reader) -> dict[str, Any]:
    """Return an outcome in the shape the commands print, as the reader sees it."""
    message, detail = reader.read_outcome(row.message, dict(row.detail or {}))
    return {
        "outcome": str(row.outcome),
        "local": {"id": row.local_id, "key": row.local_key, "name": row.local_name},
        "integration": {"id": row.integration_id, "name": row.integration_name} if row.integration_id else None,
        "reason": str(row.reason),
        "message": message,
        "fields": detail.get("fields", []),
        "candidates": detail.get("candidates", []),
    }


def progress_line(job: Job) -> str:
    """Return how far a job is, as one line."""
    kind = str(job.get_type_display())
    what = f"{job.mapping_name} {kind.lower()}" if job.mapping_name else kind
    total = f" of {job.total:,}" if job.total else ""
    count = f", {job.processed:,}{total}" if job.processed or job.total else ""
    return f"{what}: {job.phase or job.get_state_display()}{count}"
