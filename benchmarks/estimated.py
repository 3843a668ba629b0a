"""The estimate of a full synchronization against what it took, on a service that answers as slowly as Dataverse.

What is told is how many times one is the other, whichever is more: 1 would be an estimate that was kept to the second.
"""

from typing import Any

from benchmarks.house import House, house
from benchmarks.sync import run_job
from benchmarks.telling import Line

LATENCY = {"request_ms": 40, "row_write_ms": 40}


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    size, repeats = (600, repeats or 2) if quick else (5_000, repeats or 3)
    with house(database) as own:
        own.plain.control("PUT", "latency", LATENCY)
        found = [estimated_and_took(own, at * size, size) for at in range(repeats + 1)]
    notes = [f"estimated {expected:.1f} s, took {took:.1f} s" for expected, took in found]
    factors = [max(expected / took, took / expected) for expected, took in found]
    what = f"full synchronization of {size:,} customers on {database}"
    return [
        Line(f"{what}, before any run", "what it took", factors[:1], 2, note=notes[0]),
        Line(f"{what}, by the last runs", "what it took", factors[1:], 2, note="; ".join(notes[1:])),
    ]


def estimated_and_took(own: House, first: int, size: int) -> tuple[float, float]:
    """Return the seconds that the review expects of creating the next customers, and those that it took."""
    from sync.full import services as full
    from sync.full.estimate import Estimate
    from sync.full.results import result_of

    own.customers(first + size, first)
    full.reset(own.company)
    line = _line(own)
    expected = Estimate.load(line.estimate)
    full.start(own.company, only=[line.name])
    run_job(_line(own).job)
    full.advance(own.company)
    took = result_of(_line(own))
    assert expected is not None and took is not None
    assert (expected.rows, took.rows) == (size, size)
    return expected.seconds, took.seconds


def _line(own: House) -> Any:
    from sync.models import FullSynchReviewLine

    return FullSynchReviewLine.objects.select_related("job").get(company=own.company, name=own.mapping.name)
