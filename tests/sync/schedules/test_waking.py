"""A record saved here has its mapping run within seconds, once for many changes; what rests for a reason is left so."""

import subprocess
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from connection_setup.models import DataverseConnection
from coupling.models import IntegrationTableMapping
from coupling.records.import_services import start_import
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata import catalog
from masterdata.files import kept
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.models import Schedule
from sync.schedules.services import run_due
from tests.sync.conftest import coupling_of, customer, synchronize, update_mapping


@pytest.fixture(autouse=True)
def waking(settings: Any) -> None:
    settings.JOB_WAKE_S = 3


def next_run(company: Company) -> float:
    """Return the seconds until CUSTOMER runs next."""
    return (update_mapping(company).next_run_at - timezone.now()).total_seconds()


def test_many_changes_in_a_row_start_one_run_soon(company: Company, django_capture_on_commit_callbacks: Any) -> None:
    later = timezone.now() + timedelta(minutes=20)
    update_mapping(company, scheduled=True, next_run_at=later)
    with django_capture_on_commit_callbacks(execute=True):
        one = customer(company, "10000")
    first = update_mapping(company).next_run_at
    assert 0 < next_run(company) <= 3
    with django_capture_on_commit_callbacks(execute=True):
        for name in "abc":
            one.name = name
            one.save()
    assert update_mapping(company).next_run_at == first
    (job,) = run_due(first)
    Job.objects.filter(pk=job.pk).update(state="in_process")
    with django_capture_on_commit_callbacks(execute=True):
        one.save()
    woken = update_mapping(company).next_run_at
    assert run_due(woken) == []  # while the run is in process, the next one waits
    Job.objects.filter(pk=job.pk).update(state="queued")
    run_to_end(job)
    assert [found.mapping_name for found in run_due(woken + timedelta(seconds=1))] == ["CUSTOMER"]


@pytest.mark.parametrize(
    "because",
    ["on hold", "from Dataverse", "not enabled", "between attempts", "another table", "switched off", "no change"],
)
def test_what_rests_for_a_reason_is_left_so(
    company: Company, because: str, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    later = timezone.now() + timedelta(minutes=20)
    mapping = update_mapping(company, scheduled=True, next_run_at=later)
    rows = IntegrationTableMapping.objects.filter(pk=mapping.pk)
    if because == "on hold":
        rows.update(scheduled=False)
    elif because == "from Dataverse":
        rows.update(direction="from_integration_table")
    elif because == "not enabled":
        DataverseConnection.objects.update(enabled=False)
    elif because == "between attempts":
        Schedule.objects.create(mapping=mapping, attempts=2)
    elif because == "another table":
        rows.update(table="vendor")
    elif because == "switched off":
        settings.JOB_WAKE_S = 0
    with django_capture_on_commit_callbacks(execute=True):
        if because != "no change":
            customer(company, "10000")
    assert update_mapping(company).next_run_at == later


@pytest.mark.processes
def test_an_edit_here_is_in_dataverse_long_before_its_schedule_is_due(
    transactional_db: None, worker: "subprocess.Popen[bytes]", company: Company, customers: Any, remote: Sandbox
) -> None:
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    row = coupling_of(customers, one).integration_id
    update_mapping(company, scheduled=True, next_run_at=timezone.now() + timedelta(minutes=20))
    one.name = "Adatum Corporation"
    one.save()
    until = time.monotonic() + 60
    while time.monotonic() < until and name_of(remote, row) != one.name:
        time.sleep(0.2)
    assert name_of(remote, row) == one.name


def name_of(remote: Sandbox, row: Any) -> str:
    return next(str(one["name"]) for one in remote.rows("accounts") if str(one["accountid"]) == str(row))


def test_deletions_wake_the_mapping_as_edits_do(
    company: Company, customers: Any, remote: Sandbox, django_capture_on_commit_callbacks: Any
) -> None:
    records = [customer(company, f"{10000 + number}") for number in range(3)]
    synchronize(customers, full=True, create=True)
    for delete in (records[0].delete, Customer.objects.filter(company=company).delete):
        update_mapping(company, scheduled=True, next_run_at=timezone.now() + timedelta(minutes=20))
        with django_capture_on_commit_callbacks(execute=True):
            delete()
        assert 0 < next_run(company) <= 3


def test_the_deletion_of_what_is_not_coupled_wakes_nothing(
    company: Company, django_capture_on_commit_callbacks: Any
) -> None:
    later = timezone.now() + timedelta(minutes=20)
    one = customer(company, "10000")
    update_mapping(company, scheduled=True, next_run_at=later)
    with django_capture_on_commit_callbacks(execute=True):
        one.delete()
    assert update_mapping(company).next_run_at == later


def test_an_import_wakes_the_mapping_once_it_has_ended(company: Company) -> None:
    update_mapping(company, scheduled=True, next_run_at=timezone.now() + timedelta(minutes=20))
    file = kept.keep([b"no,name\n10000,Adatum\n10001,Bellows\n"])
    job = start_import(company=company, table=catalog.table("customer"), file=file, file_name="customers.csv")
    assert run_to_end(job).counters["inserted"] == 2
    assert 0 < next_run(company) <= 3
