"""Pairs that end with a write to Dataverse: the row loses our company's mark, or is deleted as its record was.

Where that fails the pair stays coupled, and stands undone with the reason.
"""

from collections.abc import Iterator

from coupling.couplings.uncouple_job import clear_company_column
from coupling.gateway import Gateway
from coupling.rows import WriteResult
from jobs.models import Reason
from jobs.running.context import OutcomeRow
from sync.engine.chunk import Chunk
from sync.engine.pairs import Pair
from sync.engine.recorder import Recorder
from sync.rules.values import Side


def end_pairs(gateway: Gateway, recorder: Recorder, chunk: Chunk) -> float | None:
    """Release and delete the rows of a decided chunk's pairs that end.

    Returns the seconds to wait where Dataverse's limit stopped some, whose pairs are due.
    """
    waits_s = [*_release_rows(gateway, recorder, chunk), *_delete_rows(gateway, recorder, chunk)]
    return max(waits_s, default=None)


def _release_rows(gateway: Gateway, recorder: Recorder, chunk: Chunk) -> list[float]:
    if not chunk.to_release:
        return []
    row_ids = [pair.coupling.integration_id for pair, _ in chunk.to_release]
    results = clear_company_column(gateway, recorder.mapping, row_ids)
    waits_s: list[float] = []
    for pair, outcome in chunk.to_release:
        result = results.get(pair.coupling.integration_id)
        if result is not None and not (result.ok or result.reason == Reason.RECORD_GONE):
            message = f"The coupling was kept, because the row could not be released: {result.message}"
            waits_s += _keep(recorder, chunk, pair, result, result.reason or Reason.REFUSED, message)
        else:
            _end(chunk, pair, outcome)
    return waits_s


def _delete_rows(gateway: Gateway, recorder: Recorder, chunk: Chunk) -> list[float]:
    """Delete rows that are still as they were read; one that somebody deleted meanwhile is done."""
    if not chunk.to_delete:
        return []
    rows = [(pair.remote.id, pair.remote.version) for pair, _ in chunk.to_delete if pair.remote is not None]
    results = {result.id: result for result in gateway.delete(recorder.mapping, rows)}
    waits_s: list[float] = []
    for pair, outcome in chunk.to_delete:
        result = results[pair.coupling.integration_id]
        if result.ok:
            _end(chunk, pair, outcome)
        else:  # the reason stays that of the deletion, so that it is offered for restoring and deleting again
            message = f"The record was deleted here, and its row could not be deleted in Dataverse: {result.message}"
            waits_s += _keep(recorder, chunk, pair, result, outcome.reason, message)
    return waits_s


def _end(chunk: Chunk, pair: Pair, outcome: OutcomeRow) -> None:
    chunk.changes.uncoupled.append(pair.coupling.id)
    chunk.changes.answered.append(pair.coupling.id)
    chunk.changes.outcomes.append(outcome)


def _keep(
    recorder: Recorder, chunk: Chunk, pair: Pair, result: WriteResult, reason: str, message: str
) -> Iterator[float]:
    """Record that the pair stays. Yield the seconds to wait where Dataverse's limit stopped it, and the pair is due."""
    if result.retry_after is not None:
        chunk.changes.due[pair.coupling.id] = 0
        yield result.retry_after
    else:
        recorder.fail(chunk.changes, pair, Side.INTEGRATION, reason, message, {"support": result.detail})
