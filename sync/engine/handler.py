"""The handler of synchronization jobs: recover what was interrupted, then run."""

from core.refusals import NotUsable
from coupling.models import IntegrationTableMapping
from jobs.running.context import JobContext
from sync.engine.mapping_run import MappingRun
from sync.engine.recovery import recover
from sync.engine.selected_run import SelectedRun


def handle(context: JobContext) -> None:
    """Synchronize one mapping, or selected records of it. Raises Refusal, DataverseError."""
    mapping = IntegrationTableMapping.objects.filter(company=context.company, name=context.job.mapping_name).first()
    if mapping is None:
        raise NotUsable(f"There is no integration table mapping {context.job.mapping_name} any more.")
    run = SelectedRun(context, mapping) if context.job.selection_only else MappingRun(context, mapping)
    recover(run)
    run.execute()
