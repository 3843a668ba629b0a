"""Service protection limits: requests, execution time and concurrency per user, in a sliding window."""

import math
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from sandbox.base.clock import Clock
from sandbox.base.errors import ServiceError

CONCURRENCY_RETRY_AFTER_S = 1
IN_FLIGHT_S = 0.25
"""How long after a refusal a request on another connection may still be one that was sent before it."""


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Return the seconds that Retry-After asks to wait, as a number or as a date; 0 without the header."""
    text = headers.get("Retry-After", "0")
    try:
        return float(text)
    except ValueError:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())


@dataclass(slots=True)
class Limits:
    """The limits: requests and seconds of execution per window of `window_s` seconds, and requests at once."""

    requests: int = 6000
    window_s: float = 300
    execution_s: float = 1200
    concurrency: int = 52


@dataclass(slots=True)
class _Usage:
    """What one user did and was refused; times are sandbox time, but for `refusal_sent_at`, which is monotonic."""

    starts: deque[float] = field(default_factory=deque)
    executions: deque[tuple[float, float]] = field(default_factory=deque)
    """End and duration of each request, both in seconds."""
    executed_s: float = 0.0
    running: int = 0
    wait_until: float = 0.0
    refusal_sent_at: float = 0.0
    refused_connections: set[int] = field(default_factory=set)


class ServiceProtection:
    """Counts what each user does, and refuses what exceeds the limits. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.limits = Limits()
        self._usage: dict[str, _Usage] = {}
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Forget all usage and go back to the service's own limits."""
        with self._lock:
            self.limits = Limits()
            self._usage.clear()

    def forget_usage(self) -> None:
        """Forget what users did; the limits stay."""
        with self._lock:
            for usage in self._usage.values():
                usage.starts.clear()
                usage.executions.clear()
                usage.executed_s = usage.wait_until = 0.0

    def is_too_early(self, user_id: str, connection: int, arrived: float) -> bool:
        """Return whether a request came before the user's Retry-After was over.

        `arrived` is monotonic time. On a connection other than the refused ones, a request may have been sent before
        the refusal was read, so it counts only IN_FLIGHT_S after that was sent.
        """
        with self._lock:
            usage = self._usage.get(user_id)
            if usage is None or self.clock.now() >= usage.wait_until:
                return False
            return connection in usage.refused_connections or arrived - usage.refusal_sent_at > IN_FLIGHT_S

    def note_refusal(self, user_id: str, seconds: float, connection: int) -> None:
        """Store that the user was refused on a connection and has to wait for some seconds."""
        with self._lock:
            usage = self._usage.setdefault(user_id, _Usage())
            if self.clock.now() >= usage.wait_until:
                usage.refusal_sent_at = math.inf
                usage.refused_connections.clear()
            usage.refused_connections.add(connection)
            usage.wait_until = max(usage.wait_until, self.clock.now() + seconds * self.clock.rate)

    def note_refusal_sent(self, connection: int) -> None:
        """Store that the refusal was sent on this connection: the client knows of it from now on."""
        with self._lock:
            for usage in self._usage.values():
                if connection in usage.refused_connections and usage.refusal_sent_at == math.inf:
                    usage.refusal_sent_at = time.monotonic()

    def begin_request(self, user_id: str) -> tuple[int, float]:
        """Count a request in; return the requests and the seconds of execution that remain in the window.

        Raises ServiceError 429, and does not count the request, where a limit is exceeded.
        """
        limits = self.limits
        with self._lock:
            now = self.clock.now()
            usage = self._usage.setdefault(user_id, _Usage())
            self._drop_outside_window(usage, now)
            if usage.running >= limits.concurrency:
                raise self._refusal(
                    "0x80072326",
                    f"Number of concurrent requests exceeded the limit of {limits.concurrency}.",
                    CONCURRENCY_RETRY_AFTER_S,
                )
            if len(usage.starts) >= limits.requests:
                wait = usage.starts[0] + limits.window_s - now if usage.starts else limits.window_s
                raise self._refusal(
                    "0x80072322",
                    f"Number of requests exceeded the limit of {limits.requests} over time window of "
                    f"{limits.window_s:g} seconds.",
                    wait,
                )
            if usage.executed_s > limits.execution_s:
                wait = usage.executions[0][0] + limits.window_s - now if usage.executions else limits.window_s
                raise self._refusal(
                    "0x80072321",
                    f"Combined execution time of incoming requests exceeded limit of {limits.execution_s * 1000:g} "
                    f"milliseconds over time window of {limits.window_s:g} seconds. Decrease number of concurrent "
                    "requests or reduce the duration of requests and try again later.",
                    wait,
                )
            usage.starts.append(now)
            usage.running += 1
            return limits.requests - len(usage.starts), limits.execution_s - usage.executed_s

    def end_request(self, user_id: str, seconds: float) -> None:
        """Count a request out that took this many seconds to execute."""
        with self._lock:
            usage = self._usage.setdefault(user_id, _Usage())
            usage.running = max(0, usage.running - 1)
            usage.executions.append((self.clock.now(), seconds))
            usage.executed_s += seconds

    def _drop_outside_window(self, usage: _Usage, now: float) -> None:
        since = now - self.limits.window_s
        while usage.starts and usage.starts[0] <= since:
            usage.starts.popleft()
        while usage.executions and usage.executions[0][0] <= since:
            usage.executed_s -= usage.executions.popleft()[1]
        if not usage.executions:
            usage.executed_s = 0.0

    def _refusal(self, code: str, message: str, wait: float) -> ServiceError:
        seconds = max(1, math.ceil(wait / max(self.clock.rate, 1e-9)))
        return ServiceError(429, code, message, {"Retry-After": str(seconds)})
