"""Service protection: requests, execution time and concurrency per user, over a sliding window of sandbox time."""

import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from sandbox.base.clock import Clock
from sandbox.base.errors import ServiceError

CONCURRENCY_WAIT_S = 1
UNDER_WAY_S = 0.25
"""A request on another connection may have been under way when the client was told to wait."""


@dataclass(slots=True)
class Limits:
    """The limits: requests and seconds of execution per window, and requests at once."""

    requests: int = 6000
    window_s: float = 300
    execution_s: float = 1200
    concurrency: int = 52


@dataclass(slots=True)
class _User:
    starts: deque[float] = field(default_factory=deque)
    executions: deque[tuple[float, float]] = field(default_factory=deque)
    executed_s: float = 0.0
    running: int = 0
    told_until: float = 0.0
    told_at: float = 0.0
    told_on: set[int] = field(default_factory=set)


class Protection:
    """Counts what each user does, and says when it is too much."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.limits = Limits()
        self._users: dict[str, _User] = {}
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Forget all users and go back to the service's own limits."""
        with self._lock:
            self.limits = Limits()
            self._users.clear()

    def forget(self) -> None:
        """Forget what users did, keeping the limits."""
        with self._lock:
            for user in self._users.values():
                user.starts.clear()
                user.executions.clear()
                user.executed_s = user.told_until = 0.0

    def too_early(self, user_id: str, connection: int, arrived: float) -> bool:
        """Whether the user was told to wait and has not: by when the request came, not by when it is looked at."""
        with self._lock:
            user = self._users.get(user_id)
            if user is None or self.clock.now() >= user.told_until:
                return False
            return connection in user.told_on or arrived - user.told_at > UNDER_WAY_S

    def told(self, user_id: str, seconds: float, connection: int) -> None:
        """Remember that the user was told to wait."""
        with self._lock:
            user = self._users.setdefault(user_id, _User())
            if self.clock.now() >= user.told_until:
                user.told_at = math.inf
                user.told_on.clear()
            user.told_on.add(connection)
            user.told_until = max(user.told_until, self.clock.now() + seconds * self.clock.rate)

    def heard(self, connection: int) -> None:
        """The refusal has left by this connection: whoever was refused there knows of it from now on."""
        with self._lock:
            for user in self._users.values():
                if connection in user.told_on and user.told_at == math.inf:
                    user.told_at = time.monotonic()

    def enter(self, user_id: str) -> tuple[int, float]:
        """Begin a request; what is left of both budgets. Raises 429 (and does not begin) when a limit is exceeded."""
        limits = self.limits
        with self._lock:
            now = self.clock.now()
            user = self._users.setdefault(user_id, _User())
            self._forget_old(user, now)
            if user.running >= limits.concurrency:
                raise self._refusal(
                    "0x80072326",
                    f"Number of concurrent requests exceeded the limit of {limits.concurrency}.",
                    CONCURRENCY_WAIT_S,
                )
            if len(user.starts) >= limits.requests:
                wait = user.starts[0] + limits.window_s - now if user.starts else limits.window_s
                raise self._refusal(
                    "0x80072322",
                    f"Number of requests exceeded the limit of {limits.requests} over time window of "
                    f"{limits.window_s:g} seconds.",
                    wait,
                )
            if user.executed_s > limits.execution_s:
                wait = user.executions[0][0] + limits.window_s - now if user.executions else limits.window_s
                raise self._refusal(
                    "0x80072321",
                    f"Combined execution time of incoming requests exceeded limit of {limits.execution_s * 1000:g} "
                    f"milliseconds over time window of {limits.window_s:g} seconds. Decrease number of concurrent "
                    "requests or reduce the duration of requests and try again later.",
                    wait,
                )
            user.starts.append(now)
            user.running += 1
            return limits.requests - len(user.starts), limits.execution_s - user.executed_s

    def leave(self, user_id: str, seconds: float) -> None:
        """End a request that took this long to execute."""
        with self._lock:
            user = self._users.setdefault(user_id, _User())
            user.running = max(0, user.running - 1)
            user.executions.append((self.clock.now(), seconds))
            user.executed_s += seconds

    def _forget_old(self, user: _User, now: float) -> None:
        since = now - self.limits.window_s
        while user.starts and user.starts[0] <= since:
            user.starts.popleft()
        while user.executions and user.executions[0][0] <= since:
            user.executed_s -= user.executions.popleft()[1]
        if not user.executions:
            user.executed_s = 0.0

    def _refusal(self, code: str, message: str, wait: float) -> ServiceError:
        seconds = max(1, math.ceil(wait / max(self.clock.rate, 1e-9)))
        return ServiceError(429, code, message, {"Retry-After": str(seconds)})
