"""A million customers and a million accounts: coupled in a few requests, and just so when workers die on the way."""

import uuid
from collections.abc import Iterator

import pytest

from core import bulk
from coupling.couplings import services as coupling
from coupling.couplings.couple_writer import records_per_checkpoint
from coupling.models import Coupling
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from jobs.running.waiting import run_to_end
from masterdata.models import Customer
from tests.recovery import harness, scenarios
from tests.recovery.harness import Fleet
from tests.recovery.scenarios import BY_PHONE, World
from tests.soak.conftest import FULL, size

pytestmark = [pytest.mark.processes, pytest.mark.sample, pytest.mark.timeout(0 if FULL else 120)]

ROWS = size("rows", 12_000, 1_000_000)
PAGE, WRITE = 5000, records_per_checkpoint()
MOST = ROWS / PAGE + 10
"""Requests of one run."""
HERE, THERE = 2**101, 2**100
"""The id of customer n and of the account that is the same: these, plus n."""

DEATHS = [
    ("request, answered", max(1, ROWS // PAGE // 2)),
    ("matched, nothing written", 1),
    ("couplings, inserted but not committed", ROWS // WRITE // 3),
    ("checkpoint, committed", ROWS // WRITE // 3),
    ("end, before", 1),
]


@pytest.fixture
def patient_fleet(transactional_db, tmp_path) -> Iterator[Fleet]:
    """Workers with leases that a busy machine does not break."""
    harness.forget_messages()
    fleet = Fleet(tmp_path, JOB_LEASE_S="15", JOB_HEARTBEAT_S="2", JOB_SLICE_S="10")
    yield fleet
    fleet.close()


def filled(sandbox) -> World:
    """Both sides, the accounts in another order than the customers."""
    w = scenarios.world(sandbox)
    sandbox.control("PUT", "limits", {"requests": 10**9, "window_s": 300, "execution_s": 10**9, "concurrency": 1000})
    for start in range(0, ROWS, PAGE):
        numbers = range(start, min(ROWS, start + PAGE))
        bulk.insert(
            Customer, ("company_id", "system_id", "no", "name", "phone_no"),
            [(w.company.pk, uuid.UUID(int=HERE + n), f"{n:07d}", f"Customer {n}", f"555-{n:07d}") for n in numbers],
        )  # fmt: skip
        others = [(n * 7919) % ROWS for n in numbers]
        sandbox.load(
            {
                "accounts": [
                    {
                        "accountid": str(uuid.UUID(int=THERE + n)), "name": f"Account {n}",
                        "telephone1": f"555-{n:07d}", "customertypecode": 3,
                    }
                    for n in others
                ]
            }
        )  # fmt: skip
    return w


def right(job: Job) -> None:
    """Every customer is coupled with its account, and has one outcome that says so."""
    job.refresh_from_db()
    assert job.state == "finished", (job.state, job.message, job.detail)
    assert job.counters == {**job.counters, "total": ROWS, "coupled": ROWS, "failed": 0, "skipped": 0}
    assert job.processed == ROWS
    pairs = Coupling.objects.filter(company=job.company).values_list("local_id", "integration_id")
    seen = bytearray(ROWS)
    for here, there in pairs.iterator(chunk_size=20_000):
        assert here.int - HERE == there.int - THERE
        seen[here.int - HERE] += 1
    assert seen == b"\x01" * ROWS
    for outcome in JobOutcomes(job, "coupled"):
        assert outcome.local_id is not None
        seen[outcome.local_id.int - HERE] += 1
    assert seen == b"\x02" * ROWS


def start(w: World) -> Job:
    w.remote.control("DELETE", "requests")
    return coupling.start_coupling(
        mapping=w.mapping(), criteria=BY_PHONE, create_new=False, synchronize=False, conflicts="send"
    )


def test_a_million_records_are_coupled_in_two_hundred_requests_and_right_after_kills_too(sandbox, patient_fleet):
    w = filled(sandbox)
    job = run_to_end(start(w))
    right(job)
    asked = sandbox.requests()["total"]
    print(f"{ROWS:,} records: {asked} requests in {(job.ended_at - job.started_at).total_seconds():.1f} s")
    assert asked <= MOST

    couplings = Coupling.objects.filter(company=w.company)
    couplings._raw_delete(couplings.db)
    job = start(w)
    for point, at in DEATHS:
        worker = patient_fleet.start(point=point, at=max(1, at))
        assert worker.wait(600), point
        assert worker.died_as_planned, (point, harness.describe(Job.objects.get(pk=job.pk)))
        harness.let_leases_run_out(job.pk)
    patient_fleet.start()
    assert harness.wait_for(lambda: not harness.open_ones(job.pk), 1800), patient_fleet.complaints()
    patient_fleet.kill_all()
    right(job)
    readings = len(DEATHS) + 1  # what is read is not saved: each new worker reads once more
    assert sandbox.requests()["total"] <= readings * MOST
