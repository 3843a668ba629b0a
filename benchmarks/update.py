"""Measure changing rows in Dataverse: records changed here, and a service whose every row takes its time.

The floor is the service's own time: the rows times what a row takes, over as many requests at once as it recommends.
Tandem reads its records, compares them with the base, sends what changed and stores outcomes, bases and versions.
"""

from benchmarks.house import House, house
from benchmarks.sync import synchronize
from benchmarks.telling import Line
from core.vocabulary import Direction

AT_ONCE = 4
"""What the sandbox recommends."""
REQUEST_MS = 50


def change(own: House, rows: int, mark: str) -> None:
    """Give the first records another phone number."""
    from django.db.models import Value
    from django.db.models.functions import Concat
    from django.utils import timezone

    from masterdata.models import Customer

    first = Customer.objects.filter(company=own.company).order_by("pk").values("pk")[:rows]
    values = {"phone_no": Concat(Value(f"+{mark} "), "no"), "modified_at": timezone.now()}
    Customer.objects.filter(pk__in=list(first.values_list("pk", flat=True))).update(**values)


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    cases = ((20, 1_000),) if quick else ((4, 8_000), (20, 4_000), (40, 2_000))
    lines = []
    with house(database) as own:
        own.mapping.synch_only_coupled = False
        own.mapping.save()
        own.customers(max(rows for _, rows in cases))
        synchronize(own, direction=Direction.TO)
        synchronize(own, create=False)
        for row_ms, rows in cases:
            ratios, sent = [], []
            for repeat in range(repeats or (1 if quick else 3)):
                change(own, rows, f"{row_ms}{repeat}")
                own.plain.control("PUT", "latency", {"request_ms": REQUEST_MS, "row_write_ms": row_ms})
                own.plain.control("DELETE", "requests")
                job, seconds = synchronize(own, direction=Direction.TO, create=False)
                own.plain.control("PUT", "latency", {"request_ms": 0, "row_write_ms": 0})
                assert job.counters["modified"] == rows
                ratios.append(seconds / (rows * row_ms / 1000 / AT_ONCE))
                sent.append(own.plain.control("GET", "requests")["parts"]["PATCH accounts(id)"] / rows)
            what = f"change {rows:,} rows of {row_ms} ms on {database}"
            lines += [
                Line(f"{what}: time", f"rows x {row_ms} ms / {AT_ONCE}", ratios, 1.25),
                Line(f"{what}: changes sent for each row", "", sent, 1),
            ]
    return lines
