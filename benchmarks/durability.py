"""What it costs that a job survives anything, as a share of its run time.

The same coupling job runs three times: as it is; without leases and checkpoints (no claim, no heartbeat, no fence, no
progress or place to go on from: a slice's writes are one transaction); and without outcomes too: both sides are read,
matched and the couplings inserted, and nothing tells afterwards what became of which record.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.couple import ours
from benchmarks.house import House, house
from benchmarks.rows import CRITERIA
from benchmarks.telling import Line


def bare(own: House, *, outcomes: bool) -> tuple[int, float]:
    """Couple without lease and checkpoints, with or without outcomes; how many, and the seconds."""
    from core import bulk
    from coupling import local_records
    from coupling.couplings.couple_writer import CouplingWriter, records_per_checkpoint
    from coupling.gateway import Gateway
    from coupling.matching import criteria
    from coupling.matching.decisions import Result
    from coupling.matching.run_matching import MatchingRun
    from coupling.models import Coupling
    from jobs.models import Job, OutcomePart
    from jobs.running.context import Checkpoint
    from jobs.running.outcome_rows import OutcomeWriter, parts

    job = Job.objects.get(pk=own.job)
    job.breakdown = {}
    writer = OutcomeWriter(job)

    class Context:
        """Lets the job's own writer write, and keeps nothing."""

        def __init__(self) -> None:
            self.job, self.resume, self.kept, self.parameters = job, {}, {}, {}

        @contextmanager
        def checkpoint(self) -> Iterator[Checkpoint]:
            from django.db import transaction

            point = Checkpoint()
            with transaction.atomic():
                yield point
                writer.insert(point.outcomes)
                OutcomePart.objects.bulk_create(parts(job, point.outcomes, point.derived))
                counted = Counter((row.outcome, row.reason) for row in point.outcomes)
                counted.update({(one.outcome, ""): len(one.numbers) for one in point.derived})
                for (outcome, reason), n in counted.items():
                    by = job.breakdown.setdefault(outcome, {})
                    by[reason] = by.get(reason, 0) + n

    began = time.perf_counter()
    gateway = Gateway(own.company)
    organization = gateway.organization_id
    matching = MatchingRun(
        own.mapping,
        criteria.from_json(criteria.to_json(CRITERIA)),
        gateway,
        local_records.uncoupled_records(own.mapping),
    )
    decisions = matching.run()
    if outcomes:
        CouplingWriter(Context(), own.mapping, matching, organization).write()
    else:
        fields = (
            "company_id", "mapping_id", "table", "local_id", "integration_id", "organization_id", "method", "job_id",
        )  # fmt: skip
        for start in range(0, len(decisions), records_per_checkpoint()):
            part = [
                decisions.decision_at(at) for at in range(start, min(start + records_per_checkpoint(), len(decisions)))
            ]
            rows = [
                (own.company.pk, own.mapping.pk, "customer", one.local_id, one.candidates[0].id, organization,
                 "matched", own.job)
                for one in part if one.result is Result.COUPLED
            ]  # fmt: skip
            bulk.insert(Coupling, fields, rows, ignore_conflicts=True)
    return decisions.count_coupled(), time.perf_counter() - began


def run(*, database: str, quick: bool, repeats: int) -> list[Line]:
    size, repeats = (5_000, repeats or 1) if quick else (100_000, repeats or 3)
    with house(database) as own:
        own.customers(size)
        own.accounts(size)
        own.keep()
        leases, everything = [], []
        for _ in range(repeats):
            job, seconds, _ = ours(own)
            own.back()
            coupled, without_leases = bare(own, outcomes=True)
            own.back()
            _, without_any = bare(own, outcomes=False)
            own.back()
            assert coupled == job.counters["coupled"]
            leases.append(1 - without_leases / seconds)
            everything.append(1 - without_any / seconds)
        what = f"share of coupling {size:,} customers on {database}"
        return [
            Line(f"{what}: leases and checkpoints", "the job without them", leases, 0.15),
            Line(f"{what}: outcomes too", "match and insert couplings alone", everything, 0.15),
        ]
