"""Couplings and outcomes written through checkpoints, against the same rows given to the driver.

Tandem's side begins with couplings and outcomes as the coupling job holds them and includes everything a checkpoint
does: fence, lease, JSON, counters, progress. The floor is handed tuples as the driver takes them, in transactions of
the same size.
"""

import time
import uuid
from typing import Any

import msgspec

from benchmarks.couple import COUPLING, OUTCOME, WRITE
from benchmarks.house import House, house, run_job
from benchmarks.telling import Line

FIELDS = (
    "company_id", "mapping_id", "table", "local_id", "integration_id", "organization_id", "method", "job_id",
)  # fmt: skip


def parts(own: House, size: int) -> list[tuple[list[tuple], list[Any]]]:
    """Couplings and outcomes in checkpoints' worth."""
    from jobs.running.context import OutcomeRow

    made, organization = [], uuid.uuid4()
    for start in range(0, size, WRITE):
        couplings, outcomes = [], []
        for at in range(start, min(size, start + WRITE)):
            here, there = uuid.uuid4(), uuid.uuid4()
            couplings.append(
                (own.company.pk, own.mapping.pk, "customer", here, there, organization, "matched", own.job)
            )  # fmt: skip
            detail = {"fields": [{"local": "phone_no", "integration": "telephone1", "local_value": f"+1 555 {at:09}"}]}
            outcomes.append(
                OutcomeRow("coupled", "", here, f"C{at:08}", f"Customer {at}", there, f"CUSTOMER {at}", "", detail)
            )  # fmt: skip
        made.append((couplings, outcomes))
    return made


def ours(own: House, given: list[tuple[list[tuple], list[Any]]]) -> float:
    """Return the seconds of a job that writes them all."""
    from core import bulk
    from coupling.models import Coupling
    from jobs import registry, services

    spent: list[float] = []

    def write(context: Any) -> None:
        began = time.perf_counter()
        for couplings, outcomes in given[context.resume.get("at", 0) :]:
            with context.checkpoint() as point:
                bulk.insert(Coupling, FIELDS, couplings, ignore_conflicts=True)
                point.outcomes += outcomes
                point.processed(len(outcomes))
                point.resume = {"at": context.resume.get("at", 0) + 1}
        spent.append(time.perf_counter() - began)
        context.finish()

    registry.register("benchmark", write)
    run_job(services.start(company=own.company, type="benchmark"))
    return sum(spent)


def floor(own: House, given: list[tuple[list[tuple], list[Any]]]) -> float:
    """Return the seconds of the driver alone."""
    from django.db import transaction

    hexed = own.database.vendor == "sqlite"

    def raw(value: Any) -> Any:
        return value.hex if hexed and isinstance(value, uuid.UUID) else value

    prepared = [
        (
            [(*map(raw, row[:5]), row[5].bytes if hexed else row[5], *row[6:], False) for row in couplings],
            [
                (own.job, *row[:2], position, *map(raw, row[2:-1]), msgspec.json.encode(row[-1]).decode())
                for position, row in enumerate(outcomes, start * WRITE + 1)
            ],
        )
        for start, (couplings, outcomes) in enumerate(given)
    ]
    began = time.perf_counter()
    for couplings, outcomes in prepared:
        with transaction.atomic():
            own.insert("coupling_coupling", COUPLING, couplings)
            own.insert("jobs_joboutcome", OUTCOME, outcomes)
    return time.perf_counter() - began


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    size, repeats = (5_000, repeats or 1) if quick else (100_000, repeats or 3)
    with house(database) as own:
        own.keep()
        ratios = []
        for _ in range(repeats):
            given = parts(own, size)
            seconds = ours(own, given)
            own.back()
            ratios.append(seconds / floor(own, given))
            own.back()
        name = "raw executemany" if database == "sqlite" else "raw COPY"
        return [Line(f"write {size:,} couplings with outcomes on {database}", name, ratios, 1.5)]
