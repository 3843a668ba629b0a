"""Synchronization of customers with accounts of a real sandbox, run after run."""

from decimal import Decimal

import pytest
from django.utils import timezone

from coupling.models import Coupling
from jobs.models import Job, JobOutcome
from jobs.running import runner
from masterdata.models import Customer
from sync.start.services import start_synchronization
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    accounts,
    counters,
    coupling_of,
    customer,
    patch,
    synchronize,
    update_mapping,
)


def test_what_is_on_one_side_only_is_created_on_the_other_and_the_next_run_writes_nothing(company, customers, remote):
    for number in range(3):
        customer(company, f"1000{number}", city="Bonn", credit_limit=Decimal("10.50"))
    remote.load({"accounts": [{"name": "Fabrikam", "telephone1": "1", "address1_city": "Ulm", **ACTIVE_CUSTOMER}]})
    job = synchronize(customers)
    assert counters(job) == {"inserted": 4}
    rows = accounts(remote)
    assert rows["Customer 10001"]["address1_city"] == "Bonn"
    assert rows["Customer 10001"]["creditlimit"] == 10.5
    assert rows["Customer 10001"]["customertypecode"] == 3
    created = Customer.objects.get(company=company, name="Fabrikam")
    assert (created.no, created.city, created.phone_no, created.changed_by) == ("C00001", "Ulm", "1", "synchronization")
    assert Coupling.objects.filter(mapping=customers, pending=False).count() == 4
    remote.control("DELETE", "requests")
    again = synchronize(customers)
    assert counters(again) == {"unchanged": 4}  # our own rows come back, and the one that was marked as ours
    assert remote.requests()["rows_written"] == 0
    third = synchronize(customers)
    assert counters(third) == {}
    assert third.requests <= 2
    assert remote.requests()["rows_written"] == 0


def test_changes_of_both_sides_are_merged_field_by_field(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn", phone_no="1")
    synchronize(customers)
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, telephone1="2")
    one.city = "Ulm"
    one.save()
    job = synchronize(customers)
    assert counters(job) == {"modified": 1}
    one.refresh_from_db()
    row = accounts(remote)["Adatum"]
    assert (one.city, one.phone_no) == ("Ulm", "2")
    assert (row["address1_city"], row["telephone1"]) == ("Ulm", "2")
    fields = {field["local"]: field["written"] for field in JobOutcome.objects.get(job=job).detail["fields"]}
    assert fields == {"city": "integration", "phone_no": "local"}
    assert counters(synchronize(customers)) == {"unchanged": 1}
    assert counters(synchronize(customers)) == {}


def test_many_changes_are_sent_once_each_and_side_by_side(company, customers, remote):
    for number in range(425):
        customer(company, f"1{number:04}")
    synchronize(customers)
    synchronize(customers)
    Customer.objects.update(city="Ulm", modified_at=timezone.now())
    remote.control("PUT", "latency", {"request_ms": 100})
    remote.control("DELETE", "requests")
    assert counters(synchronize(customers)) == {"modified": 425}
    told = remote.requests()
    assert told["parts"] == {"PATCH accounts(id)": 425}
    assert 5 <= told["by"]["POST $batch"] <= 8  # one of 25 rows, then of about 100
    assert told["max_concurrency"] in (3, 4)
    assert {row["address1_city"] for row in remote.rows("accounts")} == {"Ulm"}


def test_a_local_change_alone_is_sent_without_reading_the_row(company, customers, remote):
    records = [customer(company, f"{number}", f"Customer {number}") for number in range(5)]
    synchronize(customers)
    synchronize(customers)
    records[0].city = "Ulm"
    records[0].save()
    remote.control("DELETE", "requests")
    job = synchronize(customers)
    assert counters(job) == {"modified": 1}
    assert accounts(remote)["Customer 0"]["address1_city"] == "Ulm"
    assert remote.requests()["rows_written"] == 1


def test_the_same_field_changed_on_both_sides_waits_for_a_person(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    one.city = "Köln"
    one.save()
    job = synchronize(customers)
    assert counters(job) == {"conflicts": 1}
    assert job.reasons == {"update_conflict": 1}
    pair = coupling_of(customers, one)
    (field,) = pair.conflict["fields"]
    assert (
        field.items()
        >= {
            "local": "city",
            "caption": "City",
            "integration": "address1_city",
            "local_value": "Köln",
            "integration_value": "Ulm",
            "base_value": "Bonn",
        }.items()
    )
    assert not pair.skipped
    assert accounts(remote)["Adatum"]["address1_city"] == "Ulm"
    assert counters(synchronize(customers)) == {}  # it waits, it is not tried again
    from jobs.running.waiting import run_to_end
    from sync.conflicts.resolving import resolve_by_rule
    from sync.rules.resolving import Rule

    (chosen,) = resolve_by_rule(company=company, rule=Rule.HERE)
    assert counters(run_to_end(chosen)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_city"] == "Köln"
    assert coupling_of(customers, one).conflict is None


@pytest.mark.parametrize(("option", "here", "there"), [("send", "Köln", "Köln"), ("get", "Ulm", "Ulm")])
def test_the_mappings_conflict_option_decides(company, customers, remote, option, here, there):
    update_mapping(company, update_conflict=option)
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    one.city = "Köln"
    one.save()
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert (one.city, accounts(remote)["Adatum"]["address1_city"]) == (here, there)


def test_a_run_says_that_it_writes_and_how_many_rows_and_then_what_it_did_before(company, customers):
    for number in range(3):
        customer(company, str(number))
    phases: list[str] = []

    def note(job: Job) -> None:
        if job.phase and job.phase not in phases[-1:]:
            phases.append(job.phase)

    runner.run(start_synchronization(mapping=customers).pk, on_progress=note)
    at = phases.index("Writing 3 rows to Dataverse")
    assert at and phases[at + 1 :] and "Writing" not in "".join(phases[at + 1 :])
