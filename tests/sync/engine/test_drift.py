"""Columns that change in Dataverse, found before a run, during one and at the daily look: what stops, and what goes on.

Within a minute a run takes the table for what the one before it read: that is a change during the run.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from coupling.mappings import column_looks
from coupling.mappings.drift import Kind
from coupling.models import Coupling, IntegrationTableMapping, KnownColumns
from dataverse import metadata_cache
from jobs.models import Job, JobOutcome
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.start.services import start_synchronization
from sync.tasks import look_at_columns
from tests.sync.conftest import accounts, counters, coupling_of, customer, patch, synchronize, update_mapping

BEFORE, DURING, DAILY = "before a run", "during a run", "at the daily look"
every_time = pytest.mark.parametrize("when", [BEFORE, DURING, DAILY])


@pytest.fixture
def pairs(company: Company, customers: IntegrationTableMapping) -> list[Customer]:
    """Return two customers in Bonn, alike on both sides."""
    made = [customer(company, f"1000{number}", f"Customer {number}", city="Bonn") for number in range(2)]
    synchronize(customers)
    synchronize(customers)
    return made


def change_column(remote: Sandbox, column: str, when: str, **change: Any) -> None:
    """Change a column of accounts; unless that is during a run, the table is read anew, at the daily look at once."""
    remote.control("POST", "columns", {"table": "account", "column": column, **change})
    if when == DURING:
        return
    metadata_cache.forget()
    if when == DAILY:
        KnownColumns.objects.update(looked_at=timezone.now() - timedelta(days=1))
        look_at_columns()
        assert KnownColumns.objects.exclude(since={}).exists()


def edit(record: Customer, **values: Any) -> None:
    for name, value in values.items():
        setattr(record, name, value)
    record.save()


def written(job: Job) -> dict[str, int]:
    """Return the counters but for what was found unchanged: rows that Tandem wrote come back as changes too."""
    return {name: count for name, count in counters(job).items() if name != "unchanged"}


def kinds(mapping: IntegrationTableMapping) -> list[Kind]:
    return [change.kind for change in column_looks.read(mapping).changes]


def messages(job: Job) -> str:
    return " ".join(one.message for one in JobOutcome.objects.filter(job=job))


BOTH_WAYS = "bidirectional"


@pytest.mark.parametrize(
    ("when", "direction"),
    [(BEFORE, BOTH_WAYS), (DURING, BOTH_WAYS), (DURING, "to_integration_table"), (DAILY, BOTH_WAYS)],
)
def test_a_column_that_is_gone_stops_its_field_and_nothing_is_blanked_when_it_is_back(
    company, customers, pairs, remote, when, direction
):
    if direction != BOTH_WAYS:
        customers = update_mapping(company, direction=direction)
        synchronize(customers)
    change_column(remote, "address1_city", when, gone=True)
    edit(pairs[0], name="Adatum", city="Ulm")
    customer(company, "10002", "Contoso", city="Köln")
    job = synchronize(customers)
    assert written(job) == {"modified": 1, "inserted": 1}
    assert "(address1_city) is gone in Dataverse" in job.message and "The field City is not" in job.message
    assert {"Adatum", "Contoso"} <= accounts(remote).keys()
    assert kinds(customers) == [Kind.GONE]
    # A run after that has nothing to do, and says so again.
    again = synchronize(customers)
    assert (written(again), again.message) == ({}, job.message)

    change_column(remote, "address1_city", BEFORE, gone=False)
    job = synchronize(customers)
    assert written(job) == {"modified": 3}
    assert {row["address1_city"] for row in accounts(remote).values()} == {"Ulm", "Bonn", "Köln"}
    assert set(Customer.objects.values_list("city", flat=True)) == {"Ulm", "Bonn", "Köln"}
    assert not kinds(customers)
    assert not written(synchronize(customers))


@every_time
def test_a_column_of_another_type_stops_its_field(company, customers, pairs, remote, when):
    change_column(remote, "address1_city", when, type="Integer")
    edit(pairs[0], name="Adatum", city="Ulm")
    job = synchronize(customers)
    assert written(job) == {"modified": 1}
    assert "was String and is Integer" in job.message
    assert kinds(customers) == [Kind.RETYPED]
    change_column(remote, "address1_city", BEFORE, type="String")
    assert written(synchronize(customers)) == {"modified": 2}
    assert {row["address1_city"] for row in accounts(remote).values()} == {"Ulm", "Bonn"}


@every_time
def test_a_shorter_column_fails_the_records_that_do_not_fit(company, customers, pairs, remote, when):
    change_column(remote, "address1_city", when, max_length=5)
    edit(pairs[0], city="Saarbrücken")
    edit(pairs[1], city="Ulm")
    job = synchronize(customers)
    assert written(job) == {"modified": 1, "failed": 1}
    assert "takes at most 5" in messages(job) and "takes 5 characters in Dataverse, and took 80" in job.message
    assert kinds(customers) == [Kind.SHORTENED]
    change_column(remote, "address1_city", BEFORE, max_length=80)
    assert written(synchronize(customers)) == {"modified": 1}
    assert accounts(remote)["Customer 0"]["address1_city"] == "Saarbrücken"
    assert not kinds(customers)


@every_time
def test_a_column_that_is_required_now_stops_creation_alone(company, customers, pairs, remote, when):
    change_column(remote, "sic", when, required="SystemRequired")
    edit(pairs[0], city="Ulm")
    customer(company, "10002", "Contoso")
    job = synchronize(customers)
    assert written(job) == {"modified": 1, "failed": 1}
    assert "(sic) is required in Dataverse now" in messages(job) and "(sic) is required" in job.message
    assert Coupling.objects.count() == 2 and not Coupling.objects.filter(pending=True).exists()
    customers.fields.create(integration_field="sic", constant="47", direction="to_integration_table", position=99)
    job = synchronize(customers)
    assert accounts(remote)["Contoso"]["sic"] == "47" and not kinds(customers)


@every_time
def test_a_column_that_the_filter_needs_stops_the_mapping(company, customers, pairs, remote, when):
    customers = update_mapping(company, integration_filter={"field": "sic", "op": "blank"})
    synchronize(customers)
    synchronize(customers)
    change_column(remote, "sic", when, gone=True)
    edit(pairs[0], name="Adatum")
    job = run_to_end(start_synchronization(mapping=customers, full=True))
    assert (job.state, job.failure_reason) == ("failed", "unknown_column")
    assert "CUSTOMER is stopped" in job.message and "for its Integration Table Filter" in job.message
    assert "Adatum" not in accounts(remote)
    change_column(remote, "sic", BEFORE, gone=False)
    synchronize(customers)
    assert "Adatum" in accounts(remote)


@pytest.mark.parametrize("when", [BEFORE, DURING])
def test_a_column_that_was_made_anew_unseen_blanks_nothing_here(company, customers, pairs, remote, when):
    change_column(remote, "address1_city", DURING, gone=True)
    change_column(remote, "address1_city", when, gone=False)
    assert written(synchronize(customers, full=True)) == {"modified": 2}
    assert {row["address1_city"] for row in accounts(remote).values()} == {"Bonn"}
    # From then on a blank is somebody's change again.
    patch(remote, coupling_of(customers, pairs[0]).integration_id, address1_city=None)
    assert written(synchronize(customers)) == {"modified": 1}
    pairs[0].refresh_from_db()
    assert pairs[0].city == ""


def test_columns_are_looked_at_without_a_request_of_their_own(company, customers, pairs, remote):
    metadata_cache.forget()
    remote.control("DELETE", "requests")
    assert synchronize(customers).requests <= 4
    looked_at = KnownColumns.objects.get(mapping=customers).looked_at
    # Whoever was looked at today is not asked for again.
    remote.control("DELETE", "requests")
    KnownColumns.objects.exclude(mapping=customers).delete()
    IntegrationTableMapping.objects.exclude(pk=customers.pk).delete()
    look_at_columns()
    assert remote.requests()["total"] == 0
    assert KnownColumns.objects.get(mapping=customers).looked_at == looked_at
