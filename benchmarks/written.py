"""What a coupling job writes of pairs that simply couple, through checkpoints, against the driver given the same rows.

Tandem's side begins with decisions as the coupling job holds them, ids as digits and names, and includes everything a
checkpoint does: ids taken, couplings, a part that tells of them, fence, lease, counters, progress. The floor is handed
tuples as the driver takes them, couplings and packed parts, in transactions of the same size.
"""

import uuid
from typing import Any, NamedTuple

from benchmarks import effort
from benchmarks.couple import COUPLING
from benchmarks.effort import Effort
from benchmarks.house import House, house, run_job
from benchmarks.telling import Line

PART = ("job_id", "outcome", "first", "count", "numbers", "notes", "created_at")


class Given(NamedTuple):
    """What one checkpoint is to write."""

    here: list[str]
    there: list[str]
    notes: list[list[str]]


def checkpoints(size: int) -> list[Given]:
    """Return pairs in checkpoints' worth."""
    from coupling.couplings.couple_writer import records_per_checkpoint

    made, most = [], records_per_checkpoint()
    for start in range(0, size, most):
        numbers = range(start, min(size, start + most))
        ids = [[uuid.uuid4().hex for _ in numbers] for _ in range(2)]
        made.append(Given(*ids, [[f"CUSTOMER {at}"] for at in numbers]))
    return made


def ours(own: House, given: list[Given]) -> Effort:
    """Return what a job takes that writes them all."""
    from coupling.couplings.new_pairs import insert_pairs, note_new
    from jobs import registry, services

    organization, spent = uuid.uuid4(), Effort()

    def write(context: Any) -> None:
        for at, one in enumerate(given[context.resume.get("at", 0) :], context.resume.get("at", 0)):
            with effort.effort(own.database) as took, context.checkpoint() as point:
                criteria = [0] * len(one.here)
                _, ids = insert_pairs(own.mapping, context.job.pk, organization, one.here, one.there, criteria)
                note_new(own.mapping, context.job.pk, ids)
                point.derive("coupled", ids, one.notes)
                point.processed(len(ids))
                point.resume = {"at": at + 1}
            spent.wall, spent.own, spent.database = (
                spent.wall + took.wall, spent.own + took.own, spent.database + took.database,
            )  # fmt: skip
        context.finish()

    registry.register("benchmark", write)
    run_job(services.start(company=own.company, type="benchmark"))
    return spent


def floor(own: House, given: list[Given]) -> Effort:
    """Return what the driver alone takes."""
    from django.db import transaction
    from django.utils import timezone

    from jobs.outcome_parts import pack_notes, pack_numbers

    hexed = own.database.vendor == "sqlite"
    made = uuid.uuid4()
    organization, now = (made.bytes, str(timezone.now())[:26]) if hexed else (made, timezone.now())
    common = (own.company.pk, own.mapping.pk, "customer")
    prepared, first = [], 1
    for one in given:
        pairs = zip(one.here, one.there, strict=True)
        couplings = [(*common, here, there, organization, "matched", own.job, False) for here, there in pairs]
        numbers = range(first, first + len(couplings))
        part = (own.job, "coupled", first, len(numbers), pack_numbers(numbers), pack_notes(one.notes), now)
        prepared.append((couplings, [part]))
        first += len(couplings)
    with effort.effort(own.database) as took:
        for couplings, parts in prepared:
            with transaction.atomic():
                own.insert("coupling_coupling", COUPLING, couplings)
                own.insert("jobs_outcomepart", PART, parts)
    return took


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    size, repeats = (5_000, repeats or 1) if quick else (100_000, repeats or 3)
    with house(database) as own:
        own.keep()
        load = effort.load()
        jobs: list[Effort] = []
        floors: list[Effort] = []
        for _ in range(repeats):
            given = checkpoints(size)
            jobs.append(ours(own, given))
            own.back()
            floors.append(floor(own, given))
            own.back()
        pairs = list(zip(jobs, floors, strict=True))
        return [
            Line(
                f"write {size:,} couplings and what tells of them on {database}",
                "raw executemany" if database == "sqlite" else "raw COPY",
                [job.wall / least.wall for job, least in pairs],
                1.5,
                processor=[job.processor / least.processor for job, least in pairs],
                void=effort.void(load, [one.wall for one in floors]),
                floor_loops=effort.in_loops(floors),
            )
        ]
