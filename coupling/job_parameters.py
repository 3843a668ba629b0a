"""The parameters of the kinds of job that work on a mapping or import records. No Django."""

from core.job_parameters import JobParameters
from core.vocabulary import ConflictOption, DeletionOption, Direction
from coupling.rows import Criterion
from masterdata.files.types import Options


class CouplingParameters(JobParameters, frozen=True):
    """What match-based coupling is asked to do.

    create: records without a unique match are created in Dataverse; synchronize: what was coupled is synchronized;
    conflict: the side that wins then; blank_is_no_match: a blank local value matches nothing, instead of dropping its
    field; full_after: a full synchronization follows that creates, either way, what found no partner.
    """

    criteria: tuple[Criterion, ...] = ()
    create: bool = False
    synchronize: bool = False
    conflict: ConflictOption = ConflictOption.ASK
    blank_is_no_match: bool = False
    full_after: bool = False


class UncouplingParameters(JobParameters, frozen=True):
    """What uncoupling is asked to do.

    all: every coupling of the mapping; otherwise the job's selection; delete_mapping: with all, the mapping goes too
    once none of its couplings is left.
    """

    all: bool = False
    delete_mapping: bool = False


class SyncParameters(JobParameters, frozen=True):
    """What a synchronization is asked to do.

    full: every pair is compared, not only what changed; direction: narrows the mapping's own; conflict: the side that
    wins where both changed, and with a direction wherever they differ; create: whether what is uncoupled is created
    on the other side, None for what `creates` says; retry: what failed before does not count, so that it may fail once
    more; deletion: what becomes of pairs one side of which was deleted, blank for what the mapping says.
    """

    full: bool = False
    direction: Direction = Direction.BIDIRECTIONAL
    conflict: ConflictOption = ConflictOption.ASK
    create: bool | None = None
    retry: bool = False
    deletion: DeletionOption = DeletionOption.ASK

    def creates(self, *, only_coupled: bool, whole: bool) -> bool:
        """Return whether uncoupled records are created.

        Where the job does not say, a run over the whole mapping goes by the mapping's Synch. Only Coupled Records,
        and a run over selected records creates nothing.
        """
        return self.create if self.create is not None else whole and not only_coupled


class ImportParameters(JobParameters, frozen=True):
    """What an import is asked to do.

    table: the local table's word; file: the name it is kept under; file_name: what people call it; columns: field ->
    column of the file, none for those named like fields; preview: nothing is written.
    """

    table: str
    file: str
    file_name: str = ""
    columns: dict[str, str] = {}
    options: Options = Options()
    blank_clears: bool = False
    preview: bool = False
