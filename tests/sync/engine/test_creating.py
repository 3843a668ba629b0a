"""Several chunks of new rows are in flight at once; whatever stops a job, what was sent is saved, and once."""

from uuid import uuid4

import pytest

from core.vocabulary import Direction
from coupling.gateway import Gateway
from coupling.models import Coupling
from dataverse.errors import Throttled
from jobs import lease
from jobs.models import Job
from jobs.running.runner import run
from jobs.running.waiting import run_to_end
from masterdata.models import Customer
from sync.engine.worker import Worker
from sync.start.services import start_synchronization
from tests.sync.conftest import counters, customer, update_mapping


def make_many(company, customers):
    """Make customers enough for seven chunks, of which several are in flight at once."""
    for number in range(61):
        customer(company, f"1{number:04}")
    return update_mapping(company, synch_only_coupled=False)


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of nine records."""
    monkeypatch.setattr("sync.engine.mapping_run.CHUNK", 9)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_stopping_worker_saves_the_rows_in_flight(company, customers, remote, monkeypatch, at):
    mapping = make_many(company, customers)
    create, sent = Gateway.create, []

    def stopped(self, *given):
        sent.append(given)
        if len(sent) == at:
            lease.stopping.set()
        return create(self, *given)

    monkeypatch.setattr(Gateway, "create", stopped)
    job = start_synchronization(mapping=mapping, direction=Direction.TO)
    try:
        run(job.pk)
    finally:
        lease.stopping.clear()
    there = {row["accountid"] for row in remote.rows("accounts")}
    confirmed = Coupling.objects.filter(mapping=mapping, pending=False).values_list("integration_id", flat=True)
    assert there == {str(key) for key in confirmed}
    job.refresh_from_db()
    assert (job.ended, job.processed) == (False, len(there))
    assert 0 < len(there) < 61
    assert counters(run_to_end(job)) == {"inserted": 61}
    assert len(remote.rows("accounts")) == 61


@pytest.mark.usefixtures("small_chunks")
def test_a_cancelled_job_saves_the_rows_in_flight(company, customers, remote, monkeypatch):
    mapping = make_many(company, customers)
    job = start_synchronization(mapping=mapping, direction=Direction.TO)
    create, sent = Gateway.create, []

    def cancelled(self, *given):
        sent.append(given)
        if len(sent) == 2:
            Job.objects.filter(pk=job.pk).update(cancel_requested=True)
        return create(self, *given)

    monkeypatch.setattr(Gateway, "create", cancelled)
    ended = run_to_end(job)
    assert ended.state == "cancelled"
    there = {row["accountid"] for row in remote.rows("accounts")}
    confirmed = Coupling.objects.filter(mapping=mapping, pending=False).values_list("integration_id", flat=True)
    assert there == {str(key) for key in confirmed}
    assert ended.counters["inserted"] == len(there) < 61


@pytest.mark.usefixtures("small_chunks")
def test_rows_behind_those_that_a_limit_stopped_are_created_once(company, customers, remote, monkeypatch):
    mapping = make_many(company, customers)
    create, sent = Gateway.create, []

    def run_into_limit(self, *given):
        sent.append(given)
        if len(sent) == 2:
            raise Throttled("limit", retry_after=30)
        return create(self, *given)

    monkeypatch.setattr(Gateway, "create", run_into_limit)
    job = start_synchronization(mapping=mapping, direction=Direction.TO)
    run(job.pk)
    assert Job.objects.get(pk=job.pk).state == "postponed"
    Job.objects.filter(pk=job.pk).update(not_before=None)
    ended = run_to_end(job)
    assert (ended.state, counters(ended)) == ("finished", {"inserted": 61})
    assert len(remote.rows("accounts")) == 61
    assert not Coupling.objects.filter(mapping=mapping, pending=True).exists()


@pytest.mark.usefixtures("small_chunks")
def test_a_record_coupled_while_chunks_are_in_flight_keeps_that_coupling(company, customers, remote, monkeypatch):
    mapping = make_many(company, customers)
    one, row = Customer.objects.get(no="10013"), uuid4()
    prepare, chunks = Worker._prepare, []

    def beaten(self, chunk):
        chunks.append(chunk)
        if len(chunks) == 2:
            Coupling.objects.create(
                company=company, mapping=mapping, table="customer", local_id=one.system_id, integration_id=row,
                organization_id=self.organization_id,
            )  # fmt: skip
        prepare(self, chunk)

    monkeypatch.setattr(Worker, "_prepare", beaten)
    job = run_to_end(start_synchronization(mapping=mapping, direction=Direction.TO))
    assert (job.state, counters(job)) == ("finished", {"inserted": 60})
    names = {account["name"]: account["accountid"] for account in remote.rows("accounts")}
    assert len(names) == 60
    assert one.name not in names
    assert Coupling.objects.get(local_id=one.system_id).integration_id == row
    for other in Customer.objects.exclude(pk=one.pk):
        assert str(Coupling.objects.get(local_id=other.system_id).integration_id) == names[other.name]
