"""Fault injection: what a test wants to go wrong, at which request, how often."""

import threading
from dataclasses import dataclass
from typing import Any

from sandbox.base.errors import ServiceError

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

    `after` matching requests pass first, then `times` requests are hit, or all of them where `times` is 0.
    `retry_after` is in seconds. `seen` and `struck` count the requests that matched and that were hit.
    """

    method: str
    path: str
    fault: str
    after: int = 0
    times: int = 1
    retry_after: float | None = None
    seen: int = 0
    struck: int = 0

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
        return {
            "method": self.method,
            "path": self.path,
            "after": self.after,
            "times": self.times,
            "fault": self.fault,
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

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, descriptions: list[dict[str, Any]]) -> None:
        """Add faults from their JSON descriptions. Raises ValueError with a sentence."""
        faults = [_read_fault(one) for one in descriptions]
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def to_json(self) -> list[dict[str, Any]]:
        """Return all faults, with how often each matched and hit."""
        with self._lock:
            return [fault.to_json() for fault in self._faults]

    def inject(self, method: str, shape: str, *, in_batch: bool = False, already_partial: bool = False) -> Fault | None:
        """Return the fault that hits this request, and count it; None where no fault does.

        `in_batch`: the request is a part of a $batch. `already_partial`: that batch already fails in part.
        """
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.times and fault.struck >= fault.times:
                    continue
                if fault.fault == "partial_batch" and not _is_decided_here(
                    fault, shape, in_batch=in_batch, already_partial=already_partial
                ):
                    continue
                if not fault.matches(method, shape):
                    continue
                fault.seen += 1
                if fault.seen <= fault.after:
                    continue
                fault.struck += 1
                return fault
        return None


def _is_decided_here(fault: Fault, shape: str, *, in_batch: bool, already_partial: bool) -> bool:
    """Return whether this request decides on a partial_batch: the outer one where it names no set, else a part."""
    if fault.path in {"", "*", "$batch"}:
        return not in_batch and shape == "$batch"
    return in_batch and not already_partial


def _read_fault(description: dict[str, Any]) -> Fault:
    if not isinstance(description, dict):
        raise ValueError("A fault is an object.")  # noqa: TRY004
    unknown = set(description) - {"method", "path", "after", "times", "fault", "retry_after"}
    if unknown:
        raise ValueError(f"A fault has no '{sorted(unknown)[0]}'.")
    kind = str(description.get("fault", ""))
    if kind not in KINDS:
        raise ValueError(f"'{kind}' is no fault; there are {', '.join(sorted(KINDS))}.")
    retry_after = description.get("retry_after")
    return Fault(
        method=str(description.get("method") or "").upper(),
        path=str(description.get("path") or "").strip("/"),
        fault=kind,
        after=int(description.get("after") or 0),
        times=int(description["times"]) if description.get("times") is not None else 1,
        retry_after=None if retry_after is None else float(retry_after),
    )
