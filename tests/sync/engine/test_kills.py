"""Runs that are killed at every named point, lose answers or meet limits end as an undisturbed run does."""

from collections import Counter
from typing import Any

import pytest
from django.utils import timezone

from core.vocabulary import Direction
from coupling.gateway import Gateway
from coupling.models import Coupling
from dataverse import metadata_cache
from jobs.models import Job, JobOutcome
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.engine.ledger import Ledger
from sync.engine.run import Run
from sync.engine.worker import Worker
from sync.models import SynchronizedValue
from sync.start.services import start_synchronization
from tests.conftest import the_wait_is_over
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    connect,
    counters,
    coupling_of,
    customer,
    patch,
    synchronize,
    update_mapping,
)


class Killed(BaseException):
    """The process is gone; nothing after this line happens."""


def kill_once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool, at: int = 1) -> Counter[str]:
    """Let the process die once, at the n-th call of a method, before or after it has done its work."""
    whole, calls = getattr(owner, name), Counter[str]()

    def broken(self: Any, *given: Any, **more: Any) -> Any:
        calls["all"] += 1
        if calls["all"] != at:
            return whole(self, *given, **more)
        if after:
            whole(self, *given, **more)
        raise Killed(name)

    monkeypatch.setattr(owner, name, broken)
    return calls


def run_despite_kills(job: Job) -> Job:
    """Run the job again after each kill, in a process that knows no table, as the sweep does once the lease expires."""
    for _ in range(10):
        try:
            return run_to_end(job)
        except Killed:
            Job.objects.filter(pk=job.pk).update(lease_until=timezone.now())
            metadata_cache.forget()
    raise AssertionError("It never ended.")


POINTS = [
    (Worker, "_store_intents", True),
    (Gateway, "create", False),
    (Gateway, "create", True),
    (Ledger, "save", False),
    (Ledger, "save", True),
    (Gateway, "update", False),
    (Gateway, "update", True),
]


def connect_and_know_three(owner: Company, remote: Sandbox) -> None:
    connect(owner, remote)
    for number in range(3):
        customer(owner, f"2000{number}", city="Bonn")
    mapping = update_mapping(owner, synch_only_coupled=False)
    synchronize(mapping)
    synchronize(mapping)


@pytest.mark.parametrize(("owner", "name", "after"), POINTS)
def test_a_run_killed_at_a_named_point_ends_as_an_undisturbed_one(connected, remote, monkeypatch, owner, name, after):
    company = connected("Three Known", connect_and_know_three)
    customers = update_mapping(company)
    known = list(Customer.objects.filter(company=company).order_by("no"))
    for one in known[:2]:
        one.city = "Ulm"
        one.save()
    patch(remote, coupling_of(customers, known[2]).integration_id, address1_city="Köln")
    for number in range(4):
        customer(company, f"1000{number}")
    remote.load({"accounts": [{"name": f"Fabrikam {number}", **ACTIVE_CUSTOMER} for number in range(3)]})
    calls = kill_once(monkeypatch, owner, name, after=after)
    job = run_despite_kills(start_synchronization(mapping=customers))
    assert calls["all"] >= 1
    assert (job.state, counters(job)) == ("finished", {"inserted": 7, "modified": 3})
    assert JobOutcome.objects.filter(job=job).count() == job.counters["total"] == 10
    rows = remote.rows("accounts")
    assert Counter(row["name"] for row in rows).most_common(1)[0][1] == 1
    assert len(rows) == Customer.objects.count() == Coupling.objects.filter(pending=False).count() == 10
    assert {row["address1_city"] for row in rows if row["name"].startswith("Customer 2")} == {"Ulm", "Köln"}
    synchronize(customers)
    assert counters(synchronize(customers)) == {}


def test_a_run_from_dataverse_of_which_nothing_but_the_end_is_left_ends(company, customers, remote, monkeypatch):
    update_mapping(company, direction=Direction.FROM)
    synchronize(customers)
    remote.load({"accounts": [{"name": "Fabrikam", **ACTIVE_CUSTOMER}]})
    kill_once(monkeypatch, Run, "end", after=False)
    job = run_despite_kills(start_synchronization(mapping=customers))
    assert (job.state, counters(job)) == ("finished", {"inserted": 1})


def test_a_lost_reply_creates_nothing_twice(company, customers, remote):
    for number in range(5):
        customer(company, f"1000{number}")
    remote.control("POST", "faults", [{"method": "POST", "path": "accounts", "times": 1, "fault": "lost_reply"}])
    job = synchronize(customers)
    assert counters(job) == {"inserted": 5}
    assert len(remote.rows("accounts")) == 5


def test_a_new_row_of_which_nobody_knows_whether_it_was_made_stays_pending_and_is_made_once(company, customers, remote):
    customer(company, "10000")
    rule = {"method": "POST", "path": "accounts", "fault": "503", "times": 0}
    remote.control("POST", "faults", [rule])
    job = synchronize(customers)
    assert counters(job) == {"failed": 1}
    (pending,) = Coupling.objects.filter(pending=True)
    # It was carried out after all, later than it was looked for.
    remote.control("DELETE", "faults")
    remote.load({"accounts": [{"accountid": str(pending.integration_id), "name": "Customer 10000", **ACTIVE_CUSTOMER}]})
    synchronize(customers)
    assert [row["accountid"] for row in remote.rows("accounts")] == [str(pending.integration_id)]
    assert not Coupling.objects.filter(pending=True).exists()


def test_a_batch_of_which_half_is_refused_updates_the_other_half(company, customers, remote):
    for number in range(6):
        customer(company, f"1000{number}")
    synchronize(customers)
    synchronize(customers)
    Customer.objects.update(city="Ulm", modified_at=timezone.now())
    remote.control(
        "POST", "faults", [{"method": "POST", "path": "$batch", "after": 1, "times": 1, "fault": "partial_batch"}]
    )
    first, second = synchronize(customers), synchronize(customers)
    assert counters(first).get("modified", 0) + counters(second).get("modified", 0) == 6
    assert {row["address1_city"] for row in remote.rows("accounts")} == {"Ulm"}


def test_a_limit_postpones_the_job_and_nothing_is_lost(company, customers, remote, settings):
    for number in range(5):
        customer(company, f"1000{number}")
    fault = {"method": "POST", "path": "accounts", "times": 1, "fault": "429", "retry_after": 11}
    remote.control("POST", "faults", [fault])
    job = start_synchronization(mapping=customers)
    from jobs.running.runner import run

    run(job.pk)
    job.refresh_from_db()
    assert job.state == "postponed"
    assert job.not_before > timezone.now()
    # The wait is over, for the job and for whoever sends as that user.
    Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
    the_wait_is_over()
    assert counters(run_to_end(job)) == {"inserted": 5}
    assert len(remote.rows("accounts")) == 5


def test_a_cancelled_run_is_repeated_from_where_the_last_complete_one_stood(company, customers, remote, monkeypatch):
    one = customer(company, "10000", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    kill_once(monkeypatch, Ledger, "save", after=False)
    job = start_synchronization(mapping=customers)
    with pytest.raises(Killed):
        run_to_end(job)
    from jobs.services import cancel

    Job.objects.filter(pk=job.pk).update(lease_until=None)
    cancel(job=job)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert one.city == "Ulm"


def test_a_long_run_resumes_slice_after_slice(company, customers, remote, settings):
    settings.JOB_SLICE_S = 0.01
    for number in range(30):
        customer(company, f"1{number:04}")
    remote.load({"accounts": [{"name": f"Fabrikam {number}", **ACTIVE_CUSTOMER} for number in range(30)]})
    job = synchronize(update_mapping(company, synch_only_coupled=False))
    assert counters(job) == {"inserted": 60}
    assert len(remote.rows("accounts")) == Customer.objects.count() == 60


def test_what_a_row_was_created_with_is_told_once_however_often_the_run_is_killed(
    company: Company, customers: Any, remote: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        customer(company, f"1000{number}", city="Bonn")
    kept = Gateway.create

    def half(self: Gateway, mapping: Any, items: Any) -> Any:
        if calls["half"] < 3:
            calls["half"] += 1
            kept(self, mapping, items[: len(items) // 2])
            raise Killed("half of the rows were sent")
        return kept(self, mapping, items)

    calls = Counter[str]()
    monkeypatch.setattr(Gateway, "create", half)
    job = run_despite_kills(start_synchronization(mapping=customers))
    assert counters(job) == {"inserted": 4}
    lines = Counter(SynchronizedValue.objects.filter(job=job).values_list("local_id", "field__name"))
    assert set(lines.values()) == {1} and len({local_id for local_id, _ in lines}) == 4
