"""A chunk of pairs on its way through a run: what was decided, what is to be sent, what is to be saved."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from core.words import counted
from jobs.running.context import OutcomeRow
from sync.engine.pairs import CouplingRow, Pair, Record
from sync.rules.changes import Change
from sync.rules.values import Value

LIMITED = "Dataverse limits how much may be sent, and asked to wait."


class CouplingState(NamedTuple):
    """The columns of a pair's base that are written once a run has dealt with it, but for the values agreed on."""

    coupling_id: int
    version: str
    local_modified_at: datetime | None
    synchronized_at: datetime | None
    last_job_id: int
    compared: bool = True
    last_to_reason: str = ""
    last_from_reason: str = ""
    last_error: str = ""
    skipped: bool = False
    conflict: Any = None


class ConfirmedCoupling(NamedTuple):
    """The columns of a pending pair's base that are written once its row exists."""

    coupling_id: int
    version: str
    local_modified_at: datetime | None
    synchronized_at: datetime | None
    last_job_id: int


class ClearedFailures(NamedTuple):
    """The columns of the base of a pair whose failures and conflict are over."""

    coupling_id: int
    last_to_reason: str = ""
    last_from_reason: str = ""
    last_error: str = ""
    skipped: bool = False
    conflict: Any = None


class Undone(NamedTuple):
    """What is left undone: a pair, or a record or row alone; the columns of coupling.models.UndoneRecord."""

    coupling_id: int | None
    local_id: UUID | None
    integration_id: UUID | None
    local_key: str
    local_name: str
    integration_name: str
    reason: str
    condition: str
    waits_for: str = ""
    successor_id: UUID | None = None
    other_company_id: int | None = None


class Written(NamedTuple):
    """A field that was written, for the history: of which pair, by which job."""

    local_id: UUID
    integration_id: UUID
    job_id: int
    change: Change
    by: str = ""
    """Who changed the row that it comes from, in Dataverse."""


@dataclass(slots=True)
class LocalUpdate:
    """Fields of a local record to write, and how the pair ends once they are written; changes: what that changes."""

    pair: Pair
    fields: dict[str, Any]
    outcome: OutcomeRow
    base: dict[str, Value]
    version: str
    """The row's version that the pair is alike at."""
    deferred: bool
    """Whether a change waits for a run in its direction."""
    changes: Sequence[Change] = ()


@dataclass(slots=True)
class NewLocalRecord:
    """A local record to insert for a Dataverse row; `coupling` when it takes the place of a deleted one.

    unmarked: the row says nothing about its company, and is to be marked as this one's; changed_by: the id of the
    user who changed the row last.
    """

    integration_id: UUID
    name: str
    version: str
    fields: dict[str, Any]
    base: dict[str, Value]
    coupling: CouplingRow | None = None
    unmarked: bool = False
    changed_by: str = ""


@dataclass(slots=True)
class RemoteUpdate:
    """Columns of a Dataverse row to write, and how the pair ends once they are written.

    `fields` are the local fields to write with it; `sent` the names of the mapped fields that go to Dataverse;
    `changes` what changes of the row, `local_changes` of the record; `whole`: whether the row holds its base then.
    """

    pair: Pair
    columns: dict[str, Any]
    fields: dict[str, Any]
    base: Mapping[str, Value]
    outcome: OutcomeRow
    deferred: bool
    sent: Collection[str] = ()
    changes: Sequence[Change] = ()
    local_changes: Sequence[Change] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Columns that a new row is changed to once it exists; base: what both sides agree on then, by field."""

    columns: dict[str, Any]
    base: dict[str, Value]


@dataclass(slots=True)
class NewRemoteRow:
    """A Dataverse row to create under a GUID chosen here; `replaces`: the pair whose deleted row it restores.

    base: what both sides agree on once it is created; held_back: what it is changed to then.
    """

    id: UUID
    columns: dict[str, Any]
    record: Record
    base: dict[str, Value]
    coupling: CouplingRow | None = None
    replaces: Pair | None = None
    held_back: HeldBack | None = None


@dataclass(slots=True)
class ChunkChanges:
    """What a chunk changes in our database: filled while it is decided and sent, saved in one transaction.

    Couplings are named by their ids.
    """

    outcomes: list[OutcomeRow] = field(default_factory=list)
    unchanged: list[tuple[int, OutcomeRow]] = field(default_factory=list)
    """Outcomes of pairs that were found settled, by their couplings: they get no rows (settled_pairs)."""
    couplings: list[CouplingState] = field(default_factory=list)
    touched: list[int] = field(default_factory=list)
    """Couplings of which only the job and the time change."""
    confirmed: list[ConfirmedCoupling] = field(default_factory=list)
    cleared: list[ClearedFailures] = field(default_factory=list)
    bases: dict[int, bytes] = field(default_factory=dict)
    local_updates: list[LocalUpdate] = field(default_factory=list)
    local_inserts: list[NewLocalRecord] = field(default_factory=list)
    local_deletes: list[tuple[Pair, OutcomeRow]] = field(default_factory=list)
    """Pairs whose row was deleted and whose record is to be deleted too."""
    uncoupled: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    """Pending couplings whose row was not created."""
    due: dict[int, int] = field(default_factory=dict)
    """Pairs to compare again by reading both sides: how often they changed while they were written."""
    no_longer_due: list[int] = field(default_factory=list)
    deletions: list[int] = field(default_factory=list)
    """Pairs of which this run has seen that the record was deleted, or that it is there again."""
    waiting: dict[int, str] = field(default_factory=dict)
    """Pairs that are due once something happens (models.Waits)."""
    undone: list[Undone] = field(default_factory=list)
    """What is left undone; whatever else has an outcome is undone no longer."""
    restore_failed: list[tuple[int, UUID]] = field(default_factory=list)
    """Pairs whose deleted row was not restored, with that row's id, which they go back to."""
    written: list[Written] = field(default_factory=list)
    """Fields of which is known that they were written, for the history."""
    created: list[Written] = field(default_factory=list)
    """The same of rows that were created: whoever resumes finds these again until their couplings are confirmed."""
    told: list[int] = field(default_factory=list)
    """Couplings whose last write to Dataverse is among `written`."""
    answered: list[int] = field(default_factory=list)
    """Couplings of whose last write to Dataverse is known whether it was applied."""

    @property
    def any(self) -> bool:
        """Whether there is something to save."""
        return any(getattr(self, name) for name in self.__slots__)


@dataclass(slots=True)
class Chunk:
    """What was decided for a chunk."""

    changes: ChunkChanges = field(default_factory=ChunkChanges)
    remote_updates: list[RemoteUpdate] = field(default_factory=list)
    remote_inserts: list[NewRemoteRow] = field(default_factory=list)
    to_release: list[tuple[Pair, OutcomeRow]] = field(default_factory=list)
    """Pairs to uncouple whose row still exists and may carry our company's mark."""
    to_delete: list[tuple[Pair, OutcomeRow]] = field(default_factory=list)
    """Pairs whose record was deleted here and whose row is to be deleted too."""
    blanks: bool = False
    """Whether a blank in Dataverse counts as a change of a pair."""

    @property
    def phase(self) -> str:
        """What a job does while it sends the chunk, in words."""
        return f"Writing {counted(len(self.remote_updates) + len(self.remote_inserts), 'row')} to Dataverse"

    def updates(self, *, any_version: bool) -> list[tuple[UUID, Mapping[str, Any], str]]:
        """Return the rows to change, as the gateway takes them. any_version: whatever was changed there meanwhile."""
        return [
            (one.pair.coupling.integration_id, one.columns, "" if any_version else one.pair.known_version)
            for one in self.remote_updates
        ]

    @property
    def sends(self) -> bool:
        """Whether something is to be written to Dataverse."""
        return bool(self.remote_updates or self.remote_inserts) or self.ends_pairs

    @property
    def ends_pairs(self) -> bool:
        """Whether pairs end with a write to Dataverse."""
        return bool(self.to_release or self.to_delete)
