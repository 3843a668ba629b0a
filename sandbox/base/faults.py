"""Fault injection: what a test wants to go wrong, at which request, how often."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.base.asked import WEB_API, Asked
from sandbox.base.clock import Clock
from sandbox.base.errors import ServiceError
from sandbox.base.messages import Response

KINDS = frozenset({"429", "503", "500", "reset", "timeout", "slow", "truncate", "lost_reply", "401", "partial_batch"})
WIRE_FAULTS_BEFORE = frozenset({"reset", "timeout"})
"""Faults of the connection that hit a request instead of its execution."""
WIRE_FAULTS_AFTER = frozenset({"slow", "truncate", "lost_reply"})
"""Faults of the connection that hit the answer, after execution."""
PART_FAULTS = frozenset({"429", "503", "500"})
"""Faults that a part inside $batch can have by itself; the others hit the whole request."""


@dataclass(slots=True)
class Fault:
    """A fault for requests of a method and shape.

    `after` matching requests pass first, then `times` requests are hit, or all of them where `times` is 0; in either
    case only until `ends`, in seconds of the sandbox's clock. `retry_after` is in seconds. `seen` and `struck` count
    the requests that matched and that were hit. A numbered refusal has `refusal`, the `place` where it is given,
    `answer`, and `strikes`, which says whether it is about a request. `done`: it is carried out all the same, and what
    is answered instead of success is a 503 or 500.
    """

    method: str
    path: str
    fault: str
    after: int = 0
    times: int = 1
    retry_after: float | None = None
    seconds: float | None = None
    ends: float | None = None
    seen: int = 0
    struck: int = 0
    refusal: int = 0
    place: str = WEB_API
    answer: Callable[[Asked], Response] | None = None
    strikes: Callable[[Asked], bool] | None = None
    done: bool = False

    def matches(self, method: str, shape: str) -> bool:
        """Return whether a request has this method and shape. A set's name matches everything below it as well."""
        if self.method not in {"", "*"} and self.method != method:
            return False
        if self.path in {"", "*"} or self.path == shape:
            return True
        first, _, last = shape.partition("/")
        return self.path in {first.partition("(")[0], last.rpartition("/")[2]}

    def to_json(self) -> dict[str, Any]:
        """Return the fault as the control call lists it."""
        kind = {"refusal": self.refusal} if self.refusal else {"fault": self.fault}
        return {
            "method": self.method,
            "path": self.path,
            "after": self.after,
            "times": self.times,
            "seconds": self.seconds,
            **kind,
            "retry_after": self.retry_after,
            "seen": self.seen,
            "struck": self.struck,
        }

    def error(self) -> ServiceError:
        """Return the answer of the faults 429, 503 and 500."""
        headers = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        if self.fault == "429":
            headers.setdefault("Retry-After", "1")
            message = "Number of requests exceeded the limit of 6000 over time window of 300 seconds."
            return ServiceError(429, "0x80072322", message, headers)
        if self.fault == "503":
            return ServiceError(503, "0x80044151", "The service is temporarily unavailable. Try again later.", headers)
        return ServiceError(500, "0x80040216", "An unexpected error occurred.", headers)


class Faults:
    """The faults still to be injected. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, faults: list[Fault]) -> None:
        """Add faults; those that last some seconds begin now."""
        now = self._clock.now()
        with self._lock:
            for fault in faults:
                fault.ends = None if fault.seconds is None else now + fault.seconds
            self._faults.extend(faults)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def to_json(self) -> list[dict[str, Any]]:
        """Return all faults, with how often each matched and hit."""
        with self._lock:
            return [fault.to_json() for fault in self._faults]

    def inject(self, asked: Asked, *, already_partial: bool = False) -> Fault | None:
        """Return the fault that hits this request, and count it; None where no fault does.

        `already_partial`: the $batch that the request is a part of already fails in part.
        """
        if not self._faults:
            return None
        now = self._clock.now()
        with self._lock:
            for fault in self._faults:
                if (fault.times and fault.struck >= fault.times) or (fault.ends is not None and now >= fault.ends):
                    continue
                if fault.place != asked.place or not _is_about(fault, asked, already_partial=already_partial):
                    continue
                fault.seen += 1
                if fault.seen <= fault.after:
                    continue
                fault.struck += 1
                return fault
        return None


def _is_about(fault: Fault, asked: Asked, *, already_partial: bool) -> bool:
    """Return whether a fault may hit this request."""
    if fault.fault == "partial_batch" and not _is_decided_here(
        fault, asked.shape, in_batch=asked.in_batch, already_partial=already_partial
    ):
        return False
    if not fault.matches(asked.method, asked.shape):
        return False
    return fault.strikes is None or fault.strikes(asked)


def _is_decided_here(fault: Fault, shape: str, *, in_batch: bool, already_partial: bool) -> bool:
    """Return whether this request decides on a partial_batch: the outer one where it names no set, else a part."""
    if fault.path in {"", "*", "$batch"}:
        return not in_batch and shape == "$batch"
    return in_batch and not already_partial


def read_fault(description: dict[str, Any]) -> Fault:
    """Return the fault that an entry describes. Raises ValueError with a sentence."""
    kind = str(description.get("fault", ""))
    if kind not in KINDS:
        raise ValueError(f"'{kind}' is no fault; there are {', '.join(sorted(KINDS))}.")
    retry_after = description.get("retry_after")
    own = {"fault", "retry_after", "done"}
    fault = read_scope({name: value for name, value in description.items() if name not in own})
    fault.fault = kind
    fault.done = bool(description.get("done"))
    if fault.done and kind not in {"503", "500"}:
        raise ValueError("Only a 503 or a 500 is answered to what was done.")
    fault.retry_after = None if retry_after is None else float(retry_after)
    return fault


def read_scope(description: dict[str, Any]) -> Fault:
    """Return a fault without a kind yet: which requests it hits, how many and how long. Raises ValueError."""
    unknown = set(description) - {"method", "path", "after", "times", "seconds"}
    if unknown:
        raise ValueError(f"A fault has no '{sorted(unknown)[0]}'.")
    seconds = description.get("seconds")
    # What lasts some seconds hits every request within them, unless it says how many.
    times = description["times"] if description.get("times") is not None else int(seconds is None)
    return Fault(
        method=str(description.get("method") or "").upper(),
        path=str(description.get("path") or "").strip("/"),
        fault="",
        after=int(description.get("after") or 0),
        times=int(times),
        seconds=None if seconds is None else float(seconds),
    )
