"""$batch requests: sent, answered by one result per part; parts that could not be carried out now are sent again."""

from collections.abc import Callable, Sequence
from typing import Protocol

from dataverse import batch, bodies, retry
from dataverse.error_answers import error_for_answer, may_be_done
from dataverse.errors import DataverseError, Invalid, InvalidAnswer, Throttled, Unavailable
from dataverse.metadata_cache import TableCache
from dataverse.part_sizes import PartSize
from dataverse.refusal_words import Asked
from dataverse.transport import Answer, Transport, Writes
from dataverse.types import PartResult, Request
from dataverse.whose_fault import about


class Send(Protocol):
    """Sends one request as Transport.send does."""

    def __call__(
        self,
        method: str,
        path: str,
        *,
        body: bytes,
        headers: dict[str, str],
        repeatable: bool,
        writes: Writes | None = None,
    ) -> Answer:
        """Return the answer. Raises DataverseError."""


class BatchSender:
    """Sends batches through `send`, at the address of a transport and with its waits. Thread-safe."""

    def __init__(
        self, send: Send, transport: Transport, tables: TableCache, asked: Callable[[str, str], Asked]
    ) -> None:
        self._send = send
        self._asked = asked
        self._transport = transport
        self._tables = tables

    def send(
        self,
        requests: Sequence[Request],
        *,
        continue_on_error: bool,
        repeatable: bool,
        size: PartSize | None = None,
    ) -> list[PartResult]:
        """Return one result per request, in the same order; see DataverseClient.batch."""
        results = self._send_once(requests, continue_on_error, repeatable, size)
        attempt, slept = 1, 0.0
        while continue_on_error:
            late = {
                n: one.error
                for n, one in enumerate(results)
                if isinstance(one.error, Throttled | Unavailable) and (repeatable or not one.error.outcome_unknown)
            }
            if not late:
                break
            # A limit's wait counts for all of them; it also is the one that lasts longest.
            slowest = max(late.values(), key=lambda error: (isinstance(error, Throttled), error.retry_after or 0.0))
            seconds = self._wait_after(slowest, attempt=attempt, slept=slept, repeatable=repeatable)
            if seconds is None:
                break
            attempt, slept = attempt + 1, slept + seconds
            again = self._send_once([requests[n] for n in late], continue_on_error, repeatable, size)
            for n, result in zip(late, again, strict=True):
                results[n] = result
        return results

    def _wait_after(self, error: DataverseError, *, attempt: int, slept: float, repeatable: bool) -> float | None:
        """Sleep before the parts are sent again and return the seconds; None where they are not, or not now."""
        step = retry.decide(error, attempt=attempt, slept=slept, repeatable=repeatable)
        if isinstance(step, retry.GiveUp):
            return None
        throttle = self._transport.throttle
        # The user's other requests wait as long, and after a wait too long to sleep as well.
        until = throttle.begin_wait(error, step.seconds) if isinstance(error, Throttled) else 0.0
        if isinstance(step, retry.Postpone):
            return None
        if isinstance(error, Throttled):
            self._transport.count_throttled()
        self._transport.sleep(step.seconds)
        throttle.end_wait(until)
        return step.seconds

    def _send_once(
        self, requests: Sequence[Request], continue_on_error: bool, repeatable: bool, size: PartSize | None
    ) -> list[PartResult]:
        boundary = batch.new_boundary()
        headers = {"Content-Type": f'multipart/mixed; boundary="{boundary}"'}
        if continue_on_error:
            headers["Prefer"] = "odata.continue-on-error"
        body = batch.encode(requests, root=self._transport.root, boundary=boundary)
        writes = Writes.of(requests, size)
        answer = self._send("POST", "$batch", body=body, headers=headers, repeatable=repeatable, writes=writes)
        parts = batch.decode(answer.body, answer.headers.get("Content-Type", ""))
        if len(parts) > len(requests) or (continue_on_error and len(parts) < len(requests)):
            raise InvalidAnswer(
                f"Dataverse answered {len(requests)} requests of a batch with {len(parts)} answers, so what was done "
                "is read back before the work continues.",
                request_id=answer.request_id,
                outcome_unknown=True,
            )
        results = [
            _result(part, answer.request_id, self._asked(request.method, request.path), request.method != "GET")
            for part, request in zip(parts, requests, strict=False)
        ]
        for result in results:
            self._tables.forget_after(result.error)
        skipped = Invalid("The request was not carried out, since one before it in the batch was refused.")
        return results + [PartResult(0, {}, error=skipped)] * (len(requests) - len(parts))


def _result(part: batch.Part, batch_request_id: str, asked: Asked, writes: bool) -> PartResult:
    """Return the result in a part; its request id is its own, or that of the batch.

    Of a part that writes, a failure inside the service says nothing about whether it was carried out.
    """
    request_id = part.headers.get("x-ms-service-request-id") or part.headers.get("req_id") or batch_request_id
    if part.status >= 300:
        headers = {"Retry-After": part.headers.get("retry-after", "")}
        error = about(error_for_answer(part.status, headers, part.body, request_id), asked)
        error.outcome_unknown = error.outcome_unknown or (writes and may_be_done(error))
        return PartResult(part.status, part.headers, error=error)
    try:
        body = bodies.decode(part.body) if part.body.strip() else None
    except InvalidAnswer:
        invalid = InvalidAnswer(
            "Dataverse answered a part of a batch with something that is not JSON.", request_id=request_id
        )
        return PartResult(part.status, part.headers, error=invalid)
    return PartResult(part.status, part.headers, body)
