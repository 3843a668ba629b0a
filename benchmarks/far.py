"""Coupling with a service as far away as the real one: every answer, so every page, takes 1.65 s to come.

selection   50 selected customers among all: requests, and the time against these requests one after the other
everything  all customers with as many accounts, against the modelled time: what the job takes without the delay, but
            for reading, and for that the longer of its own work and of the answers: those before the first ranges one
            after the other, then the pages in eight ranges at once
preview     a preview against the reading and matching that the run does as well, both without the delay; of few
            records it is what every job costs, so that --quick has no goal

The accounts were created over a year, so that ranges of creation dates can be read at once. --size chooses another
number of records than 1,000,000.
"""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import rows
from benchmarks.house import House, house, run_job
from benchmarks.rows import CRITERIA, PAGE
from benchmarks.telling import Line

DELAY_S = 1.65
"""How long an answer takes, as the real service was measured."""
RANGES = 8
"""Requests that are under way at once, as the service recommends."""
BEFORE = 8
"""Answers before the ranges are read: who answers, the table, how many rows, the first page, and what finds ranges."""
SELECTED = 50
MOST_REQUESTS = 12
"""For the selected ones, however many rows there are, with those that look why some found none."""
_YEAR_S = 31_536_000


def dated_accounts(size: int) -> Iterator[list[dict]]:
    """Pages of accounts created over a year, evenly."""
    second = 0.0
    for page in rows.accounts(size):
        for row in page:
            second += _YEAR_S / size
            row["createdon"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_700_000_000 + int(second)))
        yield page


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


def read_and_match(own: House) -> Any:
    """Read both sides and decide, as the coupling job does, and write nothing."""
    from coupling import local_records
    from coupling.gateway import Gateway
    from coupling.matching.run_matching import MatchingRun

    records = local_records.uncoupled_records(own.mapping)
    return MatchingRun(own.mapping, CRITERIA, Gateway(own.company), records).run()


def coupled(own: House, selection: list[Any] | None = None) -> Any:
    from coupling.couplings.services import start_coupling

    return run_job(start_coupling(mapping=own.mapping, criteria=CRITERIA, selection=selection))


def previewed(own: House) -> Any:
    from coupling.couplings.services import start_preview

    return run_job(start_preview(mapping=own.mapping, criteria=CRITERIA))


def selection(own: House, size: int, database: str) -> list[Line]:
    """Couple 50 among all, far away: the records are spread over the list."""
    from masterdata.models import Customer

    every = Customer.objects.filter(company=own.company).order_by("no").values_list("system_id", flat=True)
    chosen = [every[at] for at in range(0, size, max(1, size // SELECTED))][:SELECTED]
    own.plain.control("PUT", "latency", {"request_ms": int(DELAY_S * 1000)})
    job, seconds = timed(lambda: coupled(own, chosen))
    own.plain.control("PUT", "latency", {"request_ms": 0})
    assert job.counters["coupled"] > SELECTED / 2, job.counters
    own.back()
    what = f"couple {len(chosen)} selected among {size:,} on {database}"
    floor = job.requests * DELAY_S
    note = f"{job.plan}, {seconds:.1f} s"
    return [
        Line(f"{what}: requests", "", [float(job.requests)], MOST_REQUESTS, note=note),
        Line(f"{what}: time", "its requests one after the other", [seconds / floor], 1.15),
    ]


def run(*, database: str, quick: bool, repeats: int, size: int = 0) -> list[Line]:
    size = size or (20_000 if quick else 1_000_000)
    with house(database) as own:
        own.customers(size)
        own.accounts(size, dated_accounts)
        own.keep()
        lines = selection(own, size, database)
        matching, job_s, preview_s, far_s = [], [], [], []
        requests = 0
        for _ in range(repeats or 1):
            decisions, seconds = timed(lambda: read_and_match(own))
            matching.append(seconds)
            count = decisions.count_coupled()
            _, seconds = timed(lambda: previewed(own))
            preview_s.append(seconds)
            own.back()
            job, seconds = timed(lambda: coupled(own))
            job_s.append(seconds)
            assert job.counters["coupled"] == count, (count, job.counters)
            own.back()
            own.plain.control("PUT", "latency", {"request_ms": int(DELAY_S * 1000)})
            job, seconds = timed(lambda: coupled(own))
            own.plain.control("PUT", "latency", {"request_ms": 0})
            far_s.append(seconds)
            requests = job.requests
            assert job.counters["coupled"] == count, (count, job.counters)
            own.back()
    pages = math.ceil(size / PAGE)
    delay = (BEFORE + math.ceil(pages / RANGES)) * DELAY_S
    modelled = [job - read + max(read, delay) for job, read in zip(job_s, matching, strict=True)]
    what = f"couple {size:,} with {size:,}, {DELAY_S} s a page, on {database}"
    note = f"{far_s[-1]:.0f} s of {modelled[-1]:.0f}, {requests} requests for {pages} pages"
    ratios = [far / one for far, one in zip(far_s, modelled, strict=True)]
    return [
        *lines,
        Line(what, "modelled: 8 ranges", ratios, 1.15, note=note),
        Line(
            f"preview {size:,} with {size:,} on {database}", "reading and matching of the run",
            [one / read for one, read in zip(preview_s, matching, strict=True)], None if quick else 1.1,
            note=f"{preview_s[-1]:.1f} s",
        ),
    ]  # fmt: skip
