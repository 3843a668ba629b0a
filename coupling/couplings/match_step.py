"""The step that coupling jobs and their previews share: read both sides and decide, with the progress on the job."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from coupling import local_records
from coupling.gateway import Gateway
from coupling.job_parameters import CouplingParameters
from coupling.mappings import column_looks
from coupling.mappings.column_looks import require_criteria
from coupling.matching.run_matching import MatchingRun
from coupling.models import IntegrationTableMapping
from jobs import lease
from jobs.errors import SliceEnded, Yielded
from jobs.models import JobRecord
from jobs.running.context import JobContext

PROGRESS_INTERVAL_S = 1.0
"""Time between two progress notes while reading."""


def records_to_match(context: JobContext, mapping: IntegrationTableMapping) -> "QuerySet[Any]":
    """Return what is still to be matched: uncoupled, inside the filter, selected, behind the last key written."""
    records = local_records.uncoupled_records(mapping)
    if context.job.selection_only:
        records = records.filter(Exists(JobRecord.objects.filter(job=context.job, local_id=OuterRef("system_id"))))
    if (after := context.resume.get("after")) is not None:
        records = records.filter(**{f"{local_records.get_table(mapping).key}__gt": after})
    return records


def run_matching(
    context: JobContext,
    mapping: IntegrationTableMapping,
    given: Sequence[Any],
    gateway: Gateway,
    *,
    keeps: bool = False,
) -> MatchingRun:
    """Read both sides and decide, noting the progress on the job. keeps: what a preview needs is kept of both sides."""
    columns = gateway.table(mapping).columns
    look = column_looks.preview if keeps else column_looks.look
    require_criteria(look(mapping, columns), given)
    matching = MatchingRun(
        mapping,
        given,
        gateway,
        records_to_match(context, mapping),
        blank_is_no_match=CouplingParameters.load(context.parameters).blank_is_no_match,
        on_part=progress_notes(context),
        keeps=keeps,
    )
    matching.run()
    total = context.job.total if context.job.total is not None else len(matching.decisions)
    phase = "Keeping what was found" if keeps else "Writing"
    with without_ending(), context.checkpoint() as point:
        point.phase, point.total, point.plan = phase, total, matching.plan.kind
        point.resume = {**context.resume, "stage": "match", "note": matching.note}
    return matching


def progress_notes(context: JobContext, of: str = "") -> Callable[[str, int, int | None], None]:
    """Return what notes on the job how far reading is, and ends it where somebody cancels it. of: what is read for."""
    last_note = 0.0

    def note_progress(phase: str, done: int, total: int | None) -> None:
        nonlocal last_note
        if time.monotonic() - last_note < PROGRESS_INTERVAL_S:
            return
        last_note = time.monotonic()
        note = f"{phase}: {done:,}" if done else phase
        is_first = phase.startswith("Reading") and context.job.total is None
        _note(context, f"{of}. {note}" if of else note, total if is_first else None)

    return note_progress


def _note(context: JobContext, phase: str, total: int | None) -> None:
    """Note how far reading is.

    A slice does not end here: see without_ending.
    """
    with without_ending(), context.checkpoint() as point:
        point.phase = phase
        if total is not None:
            point.total = total


@contextmanager
def without_ending() -> Iterator[None]:
    """Let no slice end with the checkpoint inside, unless the worker is stopping: what was read cannot be saved."""
    try:
        yield
    except (SliceEnded, Yielded):
        if lease.stopping.is_set():
            raise
