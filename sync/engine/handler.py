"""The handler of synchronization jobs."""

from coupling.models import IntegrationTableMapping
from jobs.running.runner import JobContext
from sync.engine.field_specs import MappingNotUsable
from sync.engine.mapping_run import MappingRun
from sync.engine.recovery import recover
from sync.engine.selected_run import SelectedRun


def handle(context: JobContext) -> None:
    """Synchronize one mapping, or selected records of it."""
    mapping = IntegrationTableMapping.objects.filter(company=context.company, name=context.job.mapping_name).first()
    if mapping is None:
        raise MappingNotUsable(f"There is no integration table mapping {context.job.mapping_name} any more.")
    if mapping.uid_kind == "option":
        raise MappingNotUsable(
            f"{mapping.name} couples records with the choices of a column, which have no rows to synchronize.",
            "Open Dataverse Option Mapping to see and change them.",
        )
    run = SelectedRun(context, mapping) if context.job.selection_only else MappingRun(context, mapping)
    recover(run)
    run.execute()
