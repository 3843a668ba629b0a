"""Goodput under refusals: a synchronization that the service refuses now and then, against what cannot be undercut.

The bound is the time of the same run undisturbed and the time in which the service had asked to hear nothing, each
moment once. What is told is the share of that bound in the time taken: 1 would be no second lost.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.house import House, house
from benchmarks.sync import synchronize
from benchmarks.telling import Line
from core.vocabulary import Direction

PART = 20
"""Rows per request: small, so that a run has many requests to be refused."""


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    size, refusals, repeats = (1_200, 5, repeats or 1) if quick else (2_400, 10, repeats or 3)
    with house(database) as own:
        from dataverse import bulk

        bulk.MAX_ROWS = PART
        own.mapping.synch_only_coupled = False
        own.mapping.save()
        own.plain.control("PUT", "latency", {"request_ms": 40})
        chance = random.Random(1)
        shares, done = [], 0
        for _ in range(repeats):
            plain, _ = timed(own, done, size, [])
            places = chance.sample(range(size // PART - 10), refusals)
            took, silent = timed(own, done + size, size, places)
            done += 2 * size
            shares.append((plain + silent) / took)
        what = f"create {size:,} customers while {refusals} requests are refused, on {database}: share of the bound"
        return [Line(what, "undisturbed run and the waits asked for", shares, 0.85, least=True)]


def timed(own: House, first: int, size: int, refused: list[int]) -> tuple[float, float]:
    """Return the seconds of a run that creates the next customers, and those in which the service wanted to hear
    nothing.
    """
    own.customers(first + size, first)
    fault = {"method": "POST", "path": "*", "fault": "429", "retry_after": 1}
    own.plain.control("POST", "faults", [{**fault, "after": after} for after in refused])
    own.plain.control("DELETE", "requests")
    with waits() as spans:
        job, seconds = synchronize(own, direction=Direction.TO, create=True)
    asked = own.plain.control("GET", "requests")
    own.plain.control("DELETE", "faults")
    assert job.counters["inserted"] == size
    assert (asked["throttled"], asked["before_retry_after"]) == (len(refused), 0), asked
    return seconds, silence(spans)


@contextmanager
def waits() -> Iterator[list[tuple[float, float]]]:
    """Collect the spans in which the service asked to wait, as the client heard of them."""
    from dataverse.throttle import SharedThrottle

    found: list[tuple[float, float]] = []
    begin_wait = SharedThrottle.begin_wait

    def noted(self, error, seconds):
        found.append((time.monotonic(), time.monotonic() + (error.retry_after or seconds)))
        return begin_wait(self, error, seconds)

    SharedThrottle.begin_wait = noted
    try:
        yield found
    finally:
        SharedThrottle.begin_wait = begin_wait


def silence(spans: list[tuple[float, float]]) -> float:
    """Return the seconds covered by these spans, each once."""
    covered, until = 0.0, 0.0
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, until))
        until = max(until, end)
    return covered
