"""The job that measures a mapping's both sides and suggests criteria. Nothing is written in Dataverse, nothing coupled.

What is read is not saved: after a lost worker both sides are read again.
"""

import time

from core.refusals import NotUsable
from coupling import local_records
from coupling.couplings.match_step import PROGRESS_INTERVAL_S, without_ending
from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.mappings.services import get_mapping
from coupling.matching.measurement import Measurement
from coupling.matching.measuring import Measuring
from coupling.models import CriteriaMeasurement, IntegrationTableMapping
from jobs.running.context import JobContext


def suggest(context: JobContext) -> None:
    """Handle the job."""
    mapping = get_mapping(context.company, context.job.mapping_name)
    local_records.get_table(mapping).find_changes(context.company)
    gateway = Gateway(context.company, context.usage)
    drift = column_looks.preview(mapping, gateway.table(mapping).columns)
    drift.require_usable()
    stopped = frozenset(key for change in drift.changes for key in change.stopped)
    last_note = 0.0

    def note(phase: str, done: int) -> None:
        nonlocal last_note
        if done and time.monotonic() - last_note < PROGRESS_INTERVAL_S:
            return
        last_note = time.monotonic()
        with without_ending(), context.checkpoint() as point:
            point.phase = f"{phase}: {done:,}" if done else phase

    found = Measuring(mapping, gateway, stopped, note).measure()
    with context.checkpoint() as point:
        if not IntegrationTableMapping.objects.select_for_update(no_key=True).filter(pk=mapping.pk).exists():
            raise NotUsable(f"The mapping {mapping.name} was deleted while its fields were measured.")
        CriteriaMeasurement.objects.filter(mapping=mapping).delete()  # the newest one alone is shown
        CriteriaMeasurement.objects.create(job=context.job, mapping=mapping, measured=found.dump())
        point.total = found.records
        point.processed(found.records)
        point.finish(_message(found))


def _message(found: Measurement) -> str:
    if not found.suggestions:
        return "No criteria would couple a record. Nothing was changed."
    unique = found.suggestions[0].unique
    return f"{unique:,} of {found.records:,} would be coupled by the criteria suggested. Nothing was changed."
