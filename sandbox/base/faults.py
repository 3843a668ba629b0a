"""Faults on demand: what a test wants to go wrong, at which request, how often."""

import threading
from dataclasses import dataclass
from typing import Any

from sandbox.base.errors import ServiceError

KINDS = frozenset({"429", "503", "500", "reset", "timeout", "slow", "truncate", "lost_reply", "401", "partial_batch"})
IN_PARTS = frozenset({"429", "503", "500"})
"""Faults that a part inside $batch can have by itself; the others strike the whole request."""


@dataclass(slots=True)
class Fault:
    """`after` matching requests pass first, then `times` are struck; `times` 0 strikes for ever."""

    method: str
    path: str
    fault: str
    after: int = 0
    times: int = 1
    retry_after: float | None = None
    seen: int = 0
    struck: int = 0

    def matches(self, method: str, shape: str) -> bool:
        """Whether a request has this method and shape. A set's name stands for everything below it as well."""
        if self.method not in {"", "*"} and self.method != method:
            return False
        if self.path in {"", "*"} or self.path == shape:
            return True
        first, _, last = shape.partition("/")
        return self.path in {first.partition("(")[0], last.rpartition("/")[2]}

    def shown(self) -> dict[str, Any]:
        """The fault as the control call lists it."""
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
        """The error of a fault that is one."""
        headers = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        if self.fault == "429":
            headers.setdefault("Retry-After", "1")
            message = "Number of requests exceeded the limit of 6000 over time window of 300 seconds."
            return ServiceError(429, "0x80072322", message, headers)
        if self.fault == "503":
            return ServiceError(503, "0x80044151", "The service is temporarily unavailable. Try again later.", headers)
        return ServiceError(500, "0x80040216", "An unexpected error occurred.", headers)


class Faults:
    """The faults that wait for their requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, described: list[dict[str, Any]]) -> None:
        """Add faults. Raises ValueError with a sentence for a description that is none."""
        made = [_fault(one) for one in described]
        with self._lock:
            self._faults.extend(made)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def shown(self) -> list[dict[str, Any]]:
        """All faults, with how often each was seen and struck."""
        with self._lock:
            return [fault.shown() for fault in self._faults]

    def strike(self, method: str, shape: str, *, part: bool = False, spared: bool = False) -> Fault | None:
        """The fault that strikes this request, if one does; counts it.

        `part`: a request inside $batch. `spared`: its batch fails in part already, and is not struck so again.
        """
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.times and fault.struck >= fault.times:
                    continue
                if fault.fault == "partial_batch" and not _strikes_batch(fault, shape, part=part, spared=spared):
                    continue
                if not fault.matches(method, shape):
                    continue
                fault.seen += 1
                if fault.seen <= fault.after:
                    continue
                fault.struck += 1
                return fault
        return None


def _strikes_batch(fault: Fault, shape: str, *, part: bool, spared: bool) -> bool:
    """Whether a partial_batch is decided here: by the outer request where it names $batch or nothing, else by parts."""
    if fault.path in {"", "*", "$batch"}:
        return not part and shape == "$batch"
    return part and not spared


def _fault(described: dict[str, Any]) -> Fault:
    if not isinstance(described, dict):
        raise ValueError("A fault is an object.")  # noqa: TRY004
    unknown = set(described) - {"method", "path", "after", "times", "fault", "retry_after"}
    if unknown:
        raise ValueError(f"A fault has no '{sorted(unknown)[0]}'.")
    kind = str(described.get("fault", ""))
    if kind not in KINDS:
        raise ValueError(f"'{kind}' is no fault; there are {', '.join(sorted(KINDS))}.")
    retry_after = described.get("retry_after")
    return Fault(
        method=str(described.get("method") or "").upper(),
        path=str(described.get("path") or "").strip("/"),
        fault=kind,
        after=int(described.get("after") or 0),
        times=int(described["times"]) if described.get("times") is not None else 1,
        retry_after=None if retry_after is None else float(retry_after),
    )
