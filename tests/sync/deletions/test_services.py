"""Records deleted here: told by whoever deletes them, found at night where nobody told."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.celery import app
from core import bulk
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping, UndoneRecord
from jobs.models import JobOutcome
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.deletions.services import find_deleted_records, last_night
from sync.engine.worker import Worker
from sync.models import DuePair, SynchState, Waits
from sync.tasks import find_deleted_records as nightly
from tests.sync.conftest import connect, counters, coupling_of, customer, synchronize, update_mapping


def connect_and_pair(owner: Company, remote: Sandbox) -> None:
    connect(owner, remote)
    for number in range(5):
        customer(owner, f"1000{number}")
    mapping = update_mapping(owner, synch_only_coupled=False)
    synchronize(mapping)
    update_mapping(owner, synch_only_coupled=True, deletion_conflict="uncouple")
    synchronize(mapping)
    synchronize(mapping)


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    """Return a company with five pairs of which nothing changed; what is deleted is uncoupled."""
    return connected("Five Pairs", connect_and_pair)


@pytest.fixture
def customers(company: Company) -> IntegrationTableMapping:
    return update_mapping(company)


@pytest.fixture
def pairs(company: Company) -> list[Customer]:
    return list(Customer.objects.filter(company=company).order_by("no"))


def delete_in_sql(records: list[Customer]) -> None:
    with connection.cursor() as cursor:
        for record in records:
            cursor.execute(f"DELETE FROM {Customer._meta.db_table} WHERE id = %s", [record.pk])


WAYS: dict[str, Callable[[list[Customer]], Any]] = {
    "one by one": lambda records: [record.delete() for record in records],
    "a query": lambda records: Customer.objects.filter(pk__in=[record.pk for record in records]).delete(),
    "in bulk, by key": lambda records: bulk.delete(Customer, "id", [record.pk for record in records]),
    "in bulk, by system id": lambda records: bulk.delete(Customer, "system_id", (one.system_id for one in records)),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_next_run_deals_with_records_deleted_here(
    customers: IntegrationTableMapping, pairs: list[Customer], way: str
) -> None:
    WAYS[way](pairs[:2])
    assert list(DuePair.objects.values_list("waits", flat=True)) == [Waits.DELETED] * 2
    assert counters(synchronize(customers)) == {"uncoupled": 2}
    assert not DuePair.objects.exists()
    assert counters(synchronize(customers)) == {}


def test_the_look_up_is_one_for_all_that_are_deleted_in_bulk(
    customers: IntegrationTableMapping, pairs: list[Customer]
) -> None:
    with CaptureQueriesContext(connection) as one:
        bulk.delete(Customer, "system_id", [pairs[0].system_id])
    with CaptureQueriesContext(connection) as three:
        bulk.delete(Customer, "system_id", [record.system_id for record in pairs[1:4]])
    assert len(three) == len(one)


def test_a_deletion_that_is_rolled_back_is_not_noted(pairs: list[Customer]) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        bulk.delete(Customer, "id", [pairs[0].pk])
        raise ZeroDivisionError
    assert not DuePair.objects.exists()


def test_a_record_that_is_not_coupled_leaves_nothing_behind(company: Company, pairs: list[Customer]) -> None:
    customer(company, "20000").delete()
    assert not DuePair.objects.exists()


def test_a_company_is_deleted_with_all_that_it_has(company: Company, pairs: list[Customer]) -> None:
    company.delete()
    assert not DuePair.objects.exists()
    assert not Coupling.objects.exists()


def test_deletions_in_sql_are_found_at_night(customers: IntegrationTableMapping, pairs: list[Customer]) -> None:
    delete_in_sql(pairs[:2])
    assert counters(synchronize(customers)) == {}
    assert find_deleted_records() == 2
    assert find_deleted_records() == 0  # they are noted
    assert counters(synchronize(customers)) == {"uncoupled": 2}
    assert find_deleted_records() == 0


def test_the_comparison_goes_through_all_couplings_in_parts(
    customers: IntegrationTableMapping, pairs: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.deletions.services._PAIRS_PER_LOOK", 2)
    delete_in_sql([pairs[0], pairs[4]])
    assert find_deleted_records() == 2


def test_a_pair_that_waits_for_a_person_is_left_to_them(
    customers: IntegrationTableMapping, pairs: list[Customer]
) -> None:
    CouplingBase.objects.filter(coupling__local_id=pairs[0].system_id).update(skipped=True)
    delete_in_sql(pairs[:1])
    assert find_deleted_records() == 0


def test_a_mapping_of_a_table_that_is_no_longer_there_stops_nobody(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer]
) -> None:
    update_mapping(company, "CURRENCY", table="subscription")
    delete_in_sql(pairs[:1])
    assert find_deleted_records() == 1


@pytest.mark.parametrize(
    ("now", "night"),
    [
        ("2026-03-02 02:15:00", "2026-03-02 02:15"),
        ("2026-03-02 02:14:59", "2026-03-01 02:15"),
        ("2026-03-01 00:00:00", "2026-02-28 02:15"),
        ("2026-03-02 23:59:59", "2026-03-02 02:15"),
    ],
)
def test_the_night_is_over_at_a_quarter_past_two(now: str, night: str) -> None:
    assert last_night(datetime.fromisoformat(f"{now}+00:00")) == datetime.fromisoformat(f"{night}+00:00")


def test_the_task_compares_once_a_night_and_makes_up_for_a_night_without_broker(
    pairs: list[Customer], customers: IntegrationTableMapping
) -> None:
    app.loader.import_default_modules()
    (entry,) = [one for one in settings.CELERY_BEAT_SCHEDULE.values() if one["task"] == nightly.name]
    assert nightly.name in app.tasks
    assert entry["schedule"].hour == set(range(24))
    nightly()
    delete_in_sql(pairs[:1])
    nightly()  # an hour later
    assert not DuePair.objects.exists()
    before = last_night(timezone.now()) - timedelta(minutes=1)
    SynchState.objects.filter(mapping=customers).update(compared_at=before)  # nobody could, last night
    nightly()
    assert DuePair.objects.get().coupling_id == coupling_of(customers, pairs[0]).pk


def test_a_record_deleted_while_its_change_is_sent_is_dealt_with_by_the_next_run(
    customers: IntegrationTableMapping, pairs: list[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delete it when the run has read it; at its end the run says that both sides are alike."""
    pairs[0].city = "Ulm"
    pairs[0].save()
    send = Worker._send_and_save

    def and_meanwhile(self: Worker, *args: Any, **kwargs: Any) -> None:
        Customer.objects.filter(pk=pairs[0].pk).delete()
        send(self, *args, **kwargs)

    monkeypatch.setattr(Worker, "_send_and_save", and_meanwhile)
    assert counters(synchronize(customers)) == {"modified": 1}
    monkeypatch.undo()
    assert DuePair.objects.get().waits == Waits.DELETED
    assert counters(synchronize(customers)) == {"uncoupled": 1}
    assert not Coupling.objects.filter(local_id=pairs[0].system_id).exists()
    assert not DuePair.objects.exists()


def test_a_record_that_is_there_again_is_compared_once(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer]
) -> None:
    DuePair.objects.create(coupling=coupling_of(customers, pairs[0]), mapping=customers, waits=Waits.DELETED)
    assert counters(synchronize(customers)) == {"unchanged": 1}
    assert not DuePair.objects.exists()
    assert counters(synchronize(customers)) == {}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_left_undone_about_a_deleted_record_keeps_its_number(
    customers: IntegrationTableMapping, pairs: list[Customer], way: str
) -> None:
    update_mapping(customers.company, deletion_conflict="")
    JobOutcome.objects.all().delete()
    WAYS[way](pairs[:1])
    for _ in range(2):
        synchronize(customers)
        line = UndoneRecord.objects.get()
        assert (line.local_key, line.local_name) == ("10000", "Customer 10000")
    assert JobOutcome.objects.latest("pk").local_key == "10000"
