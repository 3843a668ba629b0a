"""Records deleted here: told by whoever deletes them, found at night where nobody told."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from config.celery import app
from core import bulk
from coupling.models import Coupling, IntegrationTableMapping
from masterdata.models import Company, Customer
from sync.deletions.services import find_deleted_records
from sync.engine.worker import Worker
from sync.models import DuePair, Waits
from sync.tasks import find_deleted_records as nightly
from tests.sync.conftest import counters, coupling_of, customer, synchronize, update_mapping


@pytest.fixture
def pairs(company: Company, customers: IntegrationTableMapping) -> list[Customer]:
    """Make five pairs of which nothing changed; what is deleted is uncoupled."""
    made = [customer(company, f"1000{number}") for number in range(5)]
    synchronize(customers)
    update_mapping(company, synch_only_coupled=True, deletion_conflict="uncouple")
    synchronize(customers)
    synchronize(customers)
    return made


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
    Coupling.objects.filter(local_id=pairs[0].system_id).update(skipped=True)
    delete_in_sql(pairs[:1])
    assert find_deleted_records() == 0


def test_a_mapping_of_a_table_that_is_no_longer_there_stops_nobody(
    company: Company, customers: IntegrationTableMapping, pairs: list[Customer]
) -> None:
    update_mapping(company, "CURRENCY", table="subscription")
    delete_in_sql(pairs[:1])
    assert find_deleted_records() == 1


def test_the_task_runs_every_night(pairs: list[Customer], customers: IntegrationTableMapping) -> None:
    app.loader.import_default_modules()
    (entry,) = [one for one in settings.CELERY_BEAT_SCHEDULE.values() if one["task"] == nightly.name]
    assert nightly.name in app.tasks
    assert entry["schedule"].hour == {2}
    delete_in_sql(pairs[:1])
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
