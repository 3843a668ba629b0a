"""The verbs of importing: start an import or its preview, tell what came of it."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from core.refusals import Refusal
from coupling.job_parameters import ImportParameters
from jobs import outcomes
from jobs import services as jobs
from jobs.models import OPEN_STATES, Job, JobOutcome, State, Type
from jobs.services import failure_of
from masterdata import catalog
from masterdata.files import kept
from masterdata.files.kept import KeptFile
from masterdata.files.plan import Plan
from masterdata.files.types import Options
from masterdata.models import Company

MOST_ERRORS = 1000
"""Refused rows that a document lists; all of them stand in the job."""


def start_import(
    *,
    company: Company,
    table: catalog.LocalTable,
    file: KeptFile,
    file_name: str,
    columns: Mapping[str, str] | None = None,
    options: Options | None = None,
    blank_clears: bool = False,
    blank_clears_of: Mapping[str, bool] | None = None,
    preview: bool = False,
    user: Any = None,
) -> Job:
    """Queue the import of a kept file into a table, or its preview, which writes nothing.

    columns: field -> column of the file, none for those named like fields. Raises Unreadable where the file has gone.
    """
    file.path  # noqa: B018 - it refuses a file that has gone
    kept.remove_old(needed={file.name, *files_needed()})
    parameters = ImportParameters(
        table=table.name, file=file.name, file_name=file_name[:120], columns=dict(columns or {}),
        options=options or Options(), blank_clears=blank_clears, blank_clears_of=dict(blank_clears_of or {}),
        preview=preview,
    )  # fmt: skip
    return jobs.start(
        company=company,
        type=Type.IMPORT,
        exclusive_key="" if preview else f"import:{company.pk}:{table.name}",
        parameters=parameters.dump(),
        description=f"{'Preview: ' if preview else ''}{file_name[:100]} into {table.caption_plural}",
        user=user,
    )


def start_previewed(*, job: Job, user: Any = None) -> Job:
    """Start the import that a job has previewed, or return the one that was started for it.

    Raises Refusal where the preview has not ended well, Unreadable where the file has gone.
    """
    parameters = ImportParameters.load(job.parameters)
    if job.state != State.FINISHED:
        raise Refusal("not_previewed", "The file was not previewed to its end.", "Choose it again.")
    with transaction.atomic():
        Job.objects.select_for_update().get(pk=job.pk)
        same = Job.objects.filter(company=job.company, type=Type.IMPORT, parameters__file=parameters.file)
        started = same.filter(parameters__preview=False).exclude(state__in=(State.FAILED, State.CANCELLED)).first()
        return started or start_import(
            company=job.company, table=catalog.table(parameters.table), file=KeptFile(parameters.file),
            file_name=parameters.file_name, columns=parameters.columns, options=parameters.options,
            blank_clears=parameters.blank_clears, blank_clears_of=parameters.blank_clears_of, user=user,
        )  # fmt: skip


def files_needed() -> set[str]:
    """Return the files that open jobs need."""
    open_jobs = Job.objects.filter(type=Type.IMPORT, state__in=OPEN_STATES)
    return {str(name) for name in open_jobs.values_list("parameters__file", flat=True)}


def plan_of(job: Job) -> Plan | None:
    """Return what was decided about the job's file; None before that, and where it was refused."""
    return Plan.load(job.resume["plan"]) if job.resume.get("plan") else None


def refusal_of(job: Job) -> dict[str, str] | None:
    """Return why the file was refused as a whole, or the job did not end well: reason, message, fix."""
    if job.resume.get("refused"):
        return dict(job.resume["refused"])
    if job.state in (State.FAILED, State.CANCELLED):
        return failure_of(job)
    return None


def document_of(job: Job) -> dict[str, Any]:
    """Return what came of an import, as the command prints it."""
    parameters = ImportParameters.load(job.parameters)
    counts = {**job.counters, **job.resume.get("counts", {})}
    plan = plan_of(job)
    failed = outcomes.failed(job).order_by("pk")
    return {
        "table": parameters.table,
        "file": parameters.file_name,
        **{name: int(counts.get(name, 0)) for name in ("total", "inserted", "modified", "unchanged", "failed")},
        "errors": [error_of(outcome) for outcome in failed[:MOST_ERRORS]],
        "decisions": {
            **(plan.decisions() if plan else {}),
            "blanks_kept": int(job.resume.get("blanks_kept", 0)),
            "blanks_kept_of": dict(job.resume.get("blanks_kept_of", {})),
        },
        **(_previewed(job) if parameters.preview else {}),
    }


def _previewed(job: Job) -> dict[str, Any]:
    """Return what an import would change and add: the first rows of each, as the page shows them."""
    return {"preview": True, "changes": job.resume.get("modified", []), "new": job.resume.get("inserted", [])}


def error_of(outcome: JobOutcome) -> dict[str, Any]:
    """Return a refused row: line, column, cell, cause, fix, reason."""
    detail = outcome.detail or {}
    shown = {name: detail.get(name, "") for name in ("line", "column", "cell", "cause", "fix")}
    return {**shown, "reason": outcome.reason}
