"""Asking again for what already waits gives that job; anything else is a job of its own."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from jobs import services
from jobs.models import Job, JobRecord, State, Trigger
from jobs.registry import register, registry
from masterdata.models import Company, Customer

ASKED: dict[str, Any] = {
    "type": "asked", "mapping_name": "CUSTOMER", "exclusive_key": "k", "direction": "bidirectional",
    "parameters": {"full": False, "at": uuid.UUID(int=7)},
}  # fmt: skip
IDS = [uuid.UUID(int=number) for number in range(1, 6)]


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "kinds", dict(registry.kinds))
    for name in ("asked", "another"):
        register(name, lambda context: None)


@pytest.fixture
def company(db: None) -> Company:
    return Company.objects.create(name="CRONUS", currency_code="EUR")


def ask(company: Company, **other: Any) -> Job:
    return services.start(company=company, **{**ASKED, **other})


@pytest.mark.parametrize(
    "selection", [None, IDS, IDS[:1], [*reversed(IDS), IDS[0]]], ids=["all", "some", "one", "other order, one twice"]
)
def test_the_same_is_that_job(company: Company, selection: Any) -> None:
    first = ask(company, selection=selection and IDS[: len(set(selection))])
    again = ask(company, selection=selection)
    assert again.pk == first.pk
    assert again.already_waiting
    assert not first.already_waiting
    assert Job.objects.count() == 1
    assert JobRecord.objects.count() == len(set(selection or ()))


@pytest.mark.parametrize(
    "other",
    [
        {"type": "another"},
        {"mapping_name": "VENDOR"},
        {"parameters": {"full": True}},
        {"parameters": {}},
        {"direction": "to_integration_table"},
        {"exclusive_key": "j"},
        {"selection": IDS[:3]},
        {"selection": [*IDS, uuid.UUID(int=99)]},
        {"selection": [*IDS[:4], uuid.UUID(int=99)]},
        {"selection": None},
        {"selection": IDS, "selection_side": "integration"},
        {"one_record": True},
    ],
    ids=str,
)
def test_anything_else_is_another_job(company: Company, other: dict[str, Any]) -> None:
    first = ask(company, selection=IDS)
    again = ask(company, **{"selection": IDS, **other})
    assert again.pk != first.pk
    assert not again.already_waiting
    assert Job.objects.count() == 2


def test_another_company_s_is_another_job(company: Company) -> None:
    other = Company.objects.create(name="Northwind", currency_code="EUR")
    assert ask(company).pk != ask(other).pk


@pytest.mark.parametrize(
    "has_begun",
    [
        {"state": State.IN_PROCESS, "lease_until": datetime(2026, 11, 29, tzinfo=UTC)},
        {"state": State.QUEUED, "resume": {"after": 7}},  # it gave way to a job in a hurry
        {"state": State.POSTPONED, "processed": 1},
        {"state": State.QUEUED, "cancel_requested": True},
        {"state": State.FINISHED},
        {"state": State.FAILED},
        {"state": State.CANCELLED},
    ],
    ids=str,
)
def test_what_has_begun_or_ended_does_not_wait(company: Company, has_begun: dict[str, Any]) -> None:
    first = ask(company)
    Job.objects.filter(pk=first.pk).update(**has_begun)
    assert ask(company).pk != first.pk


def test_what_is_postponed_before_it_did_anything_waits(company: Company) -> None:
    first = ask(company)
    Job.objects.filter(pk=first.pk).update(state=State.POSTPONED, started_at=timezone.now(), not_before=timezone.now())
    assert ask(company).pk == first.pk


def test_jobs_that_follow_from_others_and_those_without_a_mapping_are_never_taken_together(company: Company) -> None:
    parent = ask(company, type="another")
    follow_ups = [ask(company, parent=parent, trigger=Trigger.FOLLOW_UP) for _ in range(2)]
    assert len({job.pk for job in follow_ups}) == 2
    assert ask(company, mapping_name="").pk != ask(company, mapping_name="").pk


def test_a_selection_inside_the_database_is_compared_there(company: Company) -> None:
    for number in range(20):
        Customer.objects.create(company=company, no=str(number), name="Some")
    rows = Customer.objects.filter(company=company).values_list("system_id", flat=True)
    first = ask(company, selection=rows)
    assert ask(company, selection=rows).pk == first.pk
    assert ask(company, selection=list(rows)).pk == first.pk
    assert ask(company, selection=rows.filter(no="7")).pk != first.pk


def test_asking_again_sends_no_second_message_and_leaves_no_second_entry_in_the_audit(
    company: Company, django_capture_on_commit_callbacks: Any
) -> None:
    ada = User.objects.create_user("ada")
    with django_capture_on_commit_callbacks() as messages:
        for _ in range(3):
            ask(company, user=ada, selection=IDS)
    assert len(messages) == 1
    assert LogEntry.objects.get_for_model(Job).count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_who_ask_at_once_get_one_job() -> None:
    company = Company.objects.create(name="CRONUS", currency_code="EUR")
    together = threading.Barrier(8)

    def one(number: int) -> set[int]:
        try:
            together.wait()
            return {ask(company, selection=IDS if number % 2 else None).pk for _ in range(5)}
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as people:
        found = set().union(*people.map(one, range(8)))
    assert len(found) == Job.objects.count() == 2
