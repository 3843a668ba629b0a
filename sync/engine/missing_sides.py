"""What becomes of a pair of which a side was deleted: the decision of sync.rules.missing, as changes of a chunk."""

from typing import Protocol

from core.vocabulary import Direction
from coupling.models import IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs.models import Outcome, Reason
from sync.engine.chunk import Chunk
from sync.engine.deletion_brake import Deletions
from sync.engine.field_values import FieldValues
from sync.engine.options import Options
from sync.engine.pairs import Pair, Record
from sync.engine.recorder import Recorder
from sync.rules.missing import DeleteCoupling, DeleteSurvivor, DeletionToResolve, Restore, decide_missing
from sync.rules.new_rows import NewRow
from sync.rules.plan import intersect_direction
from sync.rules.values import Side


class _Decider(Protocol):
    """What decides about the chunk's other pairs (sync.engine.decisions)."""

    mapping: IntegrationTableMapping
    options: Options
    deletions: Deletions
    recorder: Recorder
    values: FieldValues

    def insert_remote(self, chunk: Chunk, record: Record, new: NewRow, replaces: Pair | None = None) -> None: ...

    def insert_local(self, chunk: Chunk, row: RemoteRow, pair: Pair | None = None) -> None: ...


def decide_missing_side(decider: _Decider, chunk: Chunk, pair: Pair) -> None:
    """Decide about a pair of which a side was deleted."""
    remote_gone = pair.remote is None and not pair.assumed
    if pair.local is None:
        chunk.changes.deletions.append(pair.coupling.id)
    allowed = decider.options.allowed
    decision = decide_missing(
        local_gone=pair.local is None,
        remote_gone=remote_gone,
        option=decider.deletions.option,
        allowed=intersect_direction(allowed, Direction(decider.mapping.direction)) or allowed,
        delete_survivor=decider.options.delete_survivors,
    )
    reason = Reason.INTEGRATION_DELETED if remote_gone else Reason.LOCAL_DELETED
    where = "in Dataverse" if remote_gone else "here"
    match decision:
        case DeleteCoupling(both_gone=True):
            message = "Both records were deleted, so their coupling was too."
            decider.recorder.uncouple(chunk.changes, pair, Reason.RECORD_GONE, message)
        case DeleteCoupling():
            message = f"The other record was deleted {where}, so the coupling was too."
            if remote_gone:
                decider.recorder.uncouple(chunk.changes, pair, reason, message)
            else:
                outcome = decider.recorder.outcome(Outcome.UNCOUPLED, pair, reason=reason, message=message)
                chunk.to_release.append((pair, outcome))
        case DeleteSurvivor(side=side):
            message = f"The other record was deleted {where}, and a person chose to delete this one too."
            outcome = decider.recorder.outcome(Outcome.DELETED, pair, reason=reason, message=message)
            (chunk.changes.local_deletes if side is Side.LOCAL else chunk.to_delete).append((pair, outcome))
        case Restore(side=Side.INTEGRATION):
            assert pair.local is not None
            (new,) = decider.values.new_rows([pair.local])
            decider.insert_remote(chunk, pair.local, new, pair)
        case Restore():
            assert pair.remote is not None
            decider.insert_local(chunk, pair.remote, pair)
        case DeletionToResolve():
            side = Side.INTEGRATION if remote_gone else Side.LOCAL
            decider.recorder.fail(chunk.changes, pair, side, reason, decider.deletions.explain(where))
