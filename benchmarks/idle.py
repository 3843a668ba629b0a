"""Measure what the database does for a run in which nothing changed, with few couplings and with ten times as many.

There is no floor but the smaller company: a run with nothing to do is to cost the same whatever there is.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from benchmarks.house import House, house
from benchmarks.sync import synchronize
from benchmarks.telling import Line
from core.vocabulary import Direction

PART = 5000


def settle(own: House, first: int, size: int) -> None:
    """Put in customers, from `first` up to `size`, that were synchronized a day ago."""
    from django.utils import timezone

    from core import bulk
    from coupling.models import Coupling, CouplingBase
    from masterdata.models import Customer

    then = timezone.now() - timedelta(days=1)
    for start in range(first, size, PART):
        ids = [(uuid.uuid4(), uuid.uuid4()) for _ in range(min(PART, size - start))]
        bulk.insert(
            Customer,
            ("company_id", "system_id", "no", "name", "modified_at"),
            [(own.company.pk, local, f"S{start + n}", "Settled", then) for n, (local, _) in enumerate(ids)],
        )
        bulk.insert(
            Coupling,
            ("company_id", "mapping_id", "table", "local_id", "integration_id"),
            [(own.company.pk, own.mapping.pk, "customer", *pair) for pair in ids],
        )
        new = Coupling.objects.filter(local_id__in=[local for local, _ in ids], mapping=own.mapping)
        bulk.insert(
            CouplingBase,
            ("coupling_id", "company_id", "mapping_id", "version", "local_modified_at", "last_job_id", "compared"),
            [
                (pk, own.company.pk, own.mapping.pk, 'W/"1"', then, 1, True)
                for pk in new.order_by("pk").values_list("pk", flat=True)
            ],
        )
    if own.database.vendor == "postgresql":
        with own.database.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


@contextmanager
def database_time() -> Iterator[list[float]]:
    """Collect the seconds that queries about couplings and records take."""
    from django.db import connection

    spent: list[float] = []

    def timed(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, parameters, many, context)
        finally:
            if "coupling_" in sql or "masterdata_customer" in sql or "sync_duepair" in sql:
                spent.append(time.perf_counter() - began)

    with connection.execute_wrapper(timed):
        yield spent


def idle(own: House, times: int) -> float:
    """Return the least time that the database took for a run, in seconds."""
    found = []
    for _ in range(times):
        with database_time() as spent:
            job, _ = synchronize(own, create=False)
        assert not job.counters["total"]
        found.append(sum(spent))
    return min(found)


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    few, many = (1_000, 10_000) if quick else (100_000, 1_000_000)
    with house(database) as own:
        own.mapping.synch_only_coupled = False
        own.mapping.save()
        own.customers(10)
        synchronize(own, direction=Direction.TO)
        synchronize(own, create=False)
        synchronize(own, create=False)
        settle(own, 0, few)
        small = [idle(own, 5) for _ in range(repeats or 3)]
        settle(own, few, many)
        large = [idle(own, 5) for _ in range(repeats or 3)]
    what = f"nothing changed on {many:,} couplings on {database}: the database"
    return [
        Line(f"{what}, time", f"{few:,} couplings", [one / min(small) for one in large], 1.2),
        Line(f"{what}, milliseconds", "", [1000 * one for one in large], 5),
    ]
