"""What an import leaves in the audit log: who changed which value of which record into what."""

from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User

from coupling.records import import_services
from jobs.models import Job, State
from jobs.running import runner, waiting
from masterdata import catalog
from masterdata.files import kept
from masterdata.models import Company, Customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return Company.objects.create(name="CRONUS", currency_code="EUR")


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


def started(company: Company, text: str, **more: Any) -> Job:
    return import_services.start_import(
        company=company, table=catalog.table("customer"), file=kept.keep([text.encode()]), file_name="a.csv", **more
    )


def entries(action: int) -> dict[str, LogEntry]:
    """Entries about customers, by the record's number."""
    numbers = dict(Customer.objects.values_list("pk", "no"))
    found = LogEntry.objects.get_for_model(Customer).filter(action=action)
    return {numbers[entry.object_id]: entry for entry in found}


def test_a_changed_record_shows_old_and_new_values_who_and_which_import(company: Company, ada: User) -> None:
    birch = Customer.objects.create(company=company, no="C00001", name="Birch", city="Bath", credit_limit=10)
    Customer.objects.create(company=company, no="C00002", name="Alder", city="Bath")
    text = "no,name,city,credit_limit\nC00001,OWNED,Bath,12.50\nC00002,Alder,Bath,0\n"
    job = waiting.run_to_end(started(company, text, user=ada))
    assert job.state == State.FINISHED
    (entry,) = entries(LogEntry.Action.UPDATE).values()
    assert entry.object_id == birch.pk
    assert entry.changes == {"name": ["Birch", "OWNED"], "credit_limit": ["10.00", "12.50"]}
    assert entry.actor == ada
    assert entry.additional_data == {"job": job.pk, "file": "a.csv"}
    birch.refresh_from_db()
    assert entry.object_repr == str(birch)


def test_a_new_record_shows_what_came_with_it(company: Company) -> None:
    waiting.run_to_end(started(company, "no,name,city\nNEW1,Cedar,\n"))
    (entry,) = entries(LogEntry.Action.CREATE).values()
    assert entry.changes == {"no": [None, "NEW1"], "name": [None, "Cedar"]}
    assert entry.actor is None


def test_a_preview_and_a_row_that_is_refused_leave_nothing(company: Company) -> None:
    waiting.run_to_end(started(company, "no,name\nNEW1,Cedar\n", preview=True))
    waiting.run_to_end(started(company, "no,credit_limit\nNEW2,much\n"))
    assert not LogEntry.objects.get_for_model(Customer).exists()


def test_an_import_in_slices_tells_every_change_once(company: Company, settings: Any) -> None:
    settings.JOB_SLICE_S = 0
    text = "no,name\n" + "".join(f"{number},Customer {number}\n" for number in range(4_100))
    job = started(company, text)
    while not Job.objects.get(pk=job.pk).ended:
        runner.run(job.pk)
    assert len(entries(LogEntry.Action.CREATE)) == LogEntry.objects.get_for_model(Customer).count() == 4_100
