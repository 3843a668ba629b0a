"""What Dataverse answered for each row of a bulk write, in the words of mappings."""

from collections.abc import Iterable

from coupling.rows import WriteResult
from dataverse import bulk
from dataverse.errors import Throttled, VersionMismatch


def write_results(found: Iterable[bulk.RowResult]) -> list[WriteResult]:
    """Return them as coupling and synchronization know results, with the words of an error and not the error."""
    return [_result(result) for result in found]


def _result(result: bulk.RowResult) -> WriteResult:
    error = result.error
    if error is None:
        return WriteResult(result.id, True, result.version)
    return WriteResult(
        result.id,
        False,
        "",
        error.reason,
        error.user_message,
        error.detail,
        isinstance(error, VersionMismatch),
        error.retry_after if isinstance(error, Throttled) else None,
        error.outcome_unknown,
    )
