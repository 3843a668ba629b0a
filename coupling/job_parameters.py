"""The parameters of the kinds of job that work on a mapping or import records. No Django."""

from enum import StrEnum
from uuid import UUID

from core.job_parameters import JobParameters
from core.vocabulary import ConflictOption, DeletionOption, Direction
from coupling.rows import Criterion
from masterdata.files.types import Options


class Settle(StrEnum):
    """How a coupling job settles failed records, instead of matching."""

    NO = ""
    COUPLE = "couple"
    IGNORE = "ignore"


class CouplingParameters(JobParameters, frozen=True):
    """What match-based coupling is asked to do.

    create: records without a unique match are created in Dataverse; only_unmatched: of these no likely duplicates
    (those with several matches, with a match that is taken or outside the filter, and near misses); synchronize: what
    was coupled is synchronized;
    conflict: the side that wins then; blank_is_no_match: a blank local value matches nothing, instead of dropping its
    field; full_after: a full synchronization follows that creates, either way, what found no partner.

    stop_above, stop_above_percent, stop_coupled_above: the brakes (coupling.brakes), None for none; preview:
    the job of the preview whose pairs are carried out, instead of matching anew.

    settle: the failed records of the selection are settled instead (coupling.failures.settle_job); chosen: the rows
    that a person chose for some of them, as (record, row); because: why they are ignored.
    """

    criteria: tuple[Criterion, ...] = ()
    create: bool = False
    only_unmatched: bool = False
    synchronize: bool = False
    conflict: ConflictOption = ConflictOption.ASK
    blank_is_no_match: bool = False
    full_after: bool = False
    stop_above: int | None = None
    stop_above_percent: int | None = None
    stop_coupled_above: int | None = None
    preview: int | None = None
    settle: Settle = Settle.NO
    chosen: tuple[tuple[UUID, UUID], ...] = ()
    because: str = ""


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
    more; deletion: what becomes of pairs one side of which was deleted, blank for what the mapping says;
    delete_survivors: instead, the side that still exists is deleted too; find_deleted: pairs one side of which was
    deleted are looked for, and nothing else is synchronized; only_new: of the selection, what is coupled is left as it
    is; stop_above: of a selection that is to be created, more records than this are a brake's to stop: none is created;
    choices: a digest of what a person chose for single fields, which is carried out (sync.models.ConflictChoice); rule,
    rule_field: instead, a rule chooses for the fields that wait of the selected pairs, or for this field by its name;
    merged: the records are first coupled with the rows that theirs were merged into.
    """

    full: bool = False
    direction: Direction = Direction.BIDIRECTIONAL
    conflict: ConflictOption = ConflictOption.ASK
    create: bool | None = None
    retry: bool = False
    deletion: DeletionOption = DeletionOption.ASK
    delete_survivors: bool = False
    find_deleted: bool = False
    only_new: bool = False
    stop_above: int | None = None
    choices: str = ""
    rule: str = ""
    rule_field: str = ""
    merged: bool = False

    def creates(self, *, only_coupled: bool, whole: bool) -> bool:
        """Return whether uncoupled records are created.

        Where the job does not say, a run over the whole mapping goes by the mapping's Synch. Only Coupled Records,
        and a run over selected records creates nothing.
        """
        return self.create if self.create is not None else whole and not only_coupled


class ImportParameters(JobParameters, frozen=True):
    """What an import is asked to do.

    table: the local table's word; file: the name it is kept under; file_name: what people call it; columns: field ->
    column of the file, none for those named like fields; blank_clears: blank cells clear what the record has,
    blank_clears_of: field -> the same for its column alone; preview: nothing is written.
    """

    table: str
    file: str
    file_name: str = ""
    columns: dict[str, str] = {}
    options: Options = Options()
    blank_clears: bool = False
    blank_clears_of: dict[str, bool] = {}
    preview: bool = False
