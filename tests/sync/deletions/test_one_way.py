"""A mapping to Dataverse only: rows deleted there are noticed, by the next write and by the next run."""

from collections.abc import Callable
from typing import Any

import pytest

from coupling.models import Coupling, IntegrationTableMapping, UndoneRecord
from jobs.models import JobOutcome
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.engine.worker import Worker
from tests.sync.conftest import accounts, connect, counters, coupling_of, customer, patch, synchronize, update_mapping
from tests.sync.engine.test_failures import delete_row


def connect_one_way(owner: Company, remote: Sandbox) -> None:
    connect(owner, remote)
    for number in range(3):
        customer(owner, f"1000{number}", f"Customer {number}")
    mapping = update_mapping(owner, direction="to_integration_table", synch_only_coupled=True)
    synchronize(mapping, create=True)
    synchronize(mapping)
    synchronize(mapping)


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    return connected("One Way", connect_one_way)


@pytest.fixture
def one_way(company: Company) -> IntegrationTableMapping:
    """Return the CUSTOMER mapping to Dataverse only, with three pairs of which nothing changed."""
    return update_mapping(company)


def delete_row_of(mapping: IntegrationTableMapping, no: str) -> None:
    record = Customer.objects.get(no=no)
    delete_row(mapping.company, mapping, coupling_of(mapping, record).integration_id)


def test_the_next_run_notices_a_deleted_row_although_nothing_changed_here(
    one_way: IntegrationTableMapping, remote: Sandbox
) -> None:
    delete_row_of(one_way, "10001")
    remote.control("DELETE", "requests")
    job = synchronize(one_way)
    assert (counters(job), job.reasons) == ({"failed": 1}, {"integration_deleted": 1})
    assert job.requests <= 4
    line = UndoneRecord.objects.get()
    assert (line.local_key, line.reason) == ("10001", "integration_deleted")
    assert "was deleted in Dataverse" in line.condition
    assert [counters(synchronize(one_way)) for _ in range(2)] == [{"skipped": 1}, {}]
    assert UndoneRecord.objects.count() == 1


@pytest.mark.parametrize(("option", "outcome"), [("restore", {"inserted": 1}), ("uncouple", {"uncoupled": 1})])
def test_what_becomes_of_the_pair_is_the_mappings_option(
    one_way: IntegrationTableMapping, remote: Sandbox, option: str, outcome: dict[str, int]
) -> None:
    mapping = update_mapping(one_way.company, deletion_conflict=option)
    synchronize(mapping)
    delete_row_of(mapping, "10001")
    assert counters(synchronize(mapping)) == outcome
    assert ("Customer 1" in accounts(remote)) is (option == "restore")
    assert counters(synchronize(mapping)) == {}
    assert not UndoneRecord.objects.exists()


def test_a_write_to_a_row_that_is_deleted_meanwhile_notices_it(
    one_way: IntegrationTableMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delete it when the run has read that nothing was deleted: the answer to the write says so."""
    one = Customer.objects.get(no="10001")
    one.city = "Ulm"
    one.save()
    send, sent = Worker._send_and_save, []

    def and_meanwhile(self: Worker, *args: Any, **kwargs: Any) -> None:
        if not sent:
            delete_row_of(one_way, "10001")
        sent.append(True)
        send(self, *args, **kwargs)

    monkeypatch.setattr(Worker, "_send_and_save", and_meanwhile)
    assert synchronize(one_way).reasons == {"integration_deleted": 1}
    assert UndoneRecord.objects.get().reason == "integration_deleted"


def test_changes_in_dataverse_are_still_left_as_they_are(one_way: IntegrationTableMapping, remote: Sandbox) -> None:
    patch(remote, coupling_of(one_way, Customer.objects.get(no="10001")).integration_id, address1_city="Ulm")
    assert counters(synchronize(one_way)) == {}
    assert not Customer.objects.filter(city="Ulm").exists()
    assert accounts(remote)["Customer 1"]["address1_city"] == "Ulm"


def test_a_run_with_nothing_to_do_sends_four_requests_at_most(
    one_way: IntegrationTableMapping, remote: Sandbox
) -> None:
    outcomes = JobOutcome.objects.count()
    remote.control("DELETE", "requests")
    job = synchronize(one_way)
    assert job.requests <= 3
    assert remote.requests()["rows_written"] == 0
    assert JobOutcome.objects.count() == outcomes and Coupling.objects.count() == 3
