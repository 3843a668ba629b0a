"""The handler of synchronization jobs: recover what was interrupted, then run."""

from core.refusals import NotUsable
from coupling.brakes import creating_stopped
from coupling.job_parameters import SyncParameters
from coupling.models import IntegrationTableMapping
from dataverse.errors import DataverseError
from jobs.models import Reason
from jobs.running.context import JobContext
from sync.engine.choice_run import ChoiceRun
from sync.engine.column_changes import MOST_LOOKS, SUSPECT, ColumnsChanged, look_again
from sync.engine.deleted_run import DeletedRun
from sync.engine.mapping_run import MappingRun
from sync.engine.recovery import recover
from sync.engine.run import Run
from sync.engine.selected_run import SelectedRun


def handle(context: JobContext) -> None:
    """Synchronize one mapping, or selected records of it. Raises Refusal, DataverseError."""
    mapping = IntegrationTableMapping.objects.filter(company=context.company, name=context.job.mapping_name).first()
    if mapping is None:
        raise NotUsable(f"There is no integration table mapping {context.job.mapping_name} any more.")
    _brake(context)
    if mapping.uid_kind == "option":
        ChoiceRun(context, mapping).execute()
    for looks_left in reversed(range(MOST_LOOKS)):
        run = _run_for(context, mapping)
        try:
            run.take_up()
            recover(run)
            run.execute()
        except ColumnsChanged:
            if not looks_left:
                raise
        except DataverseError as error:
            # Dataverse does not know a column that was read from its own metadata: it is gone since.
            if not looks_left or error.reason not in SUSPECT or not look_again(mapping, run.gateway, run.drift):
                raise


def _brake(context: JobContext) -> None:
    """End a job failed that was asked to create more records than its brake lets it."""
    most = SyncParameters.load(context.parameters).stop_above
    if most is None or context.resume or not context.job.selection_only:
        return
    if (asked := context.job.records.count()) > most:
        with context.checkpoint() as point:
            point.fail(creating_stopped(asked, most), Reason.BRAKE)


def _run_for(context: JobContext, mapping: IntegrationTableMapping) -> Run:
    if SyncParameters.load(context.parameters).find_deleted:
        return DeletedRun(context, mapping)
    return SelectedRun(context, mapping) if context.job.selection_only else MappingRun(context, mapping)
