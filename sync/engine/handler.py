"""The handler of synchronization jobs."""

from coupling.models import IntegrationTableMapping
from jobs.running.runner import JobContext
from sync.engine.field_specs import MappingNotUsable
from sync.engine.mapping_run import Run
from sync.engine.recovery import recover
from sync.engine.selected_run import SelectedRun


def handle(ctx: JobContext) -> None:
    """Synchronize one mapping, or selected records of it."""
    mapping = IntegrationTableMapping.objects.filter(company=ctx.company, name=ctx.job.mapping_name).first()
    if mapping is None:
        raise MappingNotUsable(f"There is no integration table mapping {ctx.job.mapping_name} any more.")
    if mapping.uid_kind == "option":
        raise MappingNotUsable(
            f"{mapping.name} couples records with the choices of a column, which have no rows to synchronize.",
            "Open Dataverse Option Mapping to see and change them.",
        )
    run = SelectedRun(ctx, mapping) if ctx.job.selection_only else Run(ctx, mapping)
    recover(run)
    run.go()
