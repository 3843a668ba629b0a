"""Job Queue Entries: several jobs are cancelled at once."""

from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.utils import timezone

from core.roles import Role
from jobs.models import Job, State
from jobs.registry import on_ended, registry
from masterdata.models import Company
from tests.jobs.conftest import stored
from tests.jobs.pages.test_pages import sign_in
from tests.ui.pages import read

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(company: Company) -> list[Job]:
    """Provide a job in process and 30 that wait for it, and one that is postponed."""
    running = stored(company, state=State.IN_PROCESS, exclusive_key="k", lease_until=timezone.now(), worker="w")
    queued = [stored(company, exclusive_key="k", mapping_name="CUSTOMER") for _ in range(30)]
    return [running, *queued, stored(company, state=State.POSTPONED, exclusive_key="p", not_before=timezone.now())]


def url(company: Company) -> str:
    return f"/c/{company.slug}/jobs/queue/cancel/"


def states() -> set[str]:
    return set(Job.objects.values_list("state", flat=True))


def test_the_list_offers_it_to_those_who_may(client: Client, company: Company, waiting: list[Job]) -> None:
    page = f"/c/{company.slug}/jobs/queue/"
    assert url(company) in sign_in(client).get(page).content.decode()
    other = sign_in(Client(), Role.VIEWER, "vera")
    assert url(company) not in other.get(page).content.decode()
    assert 'name="selected"' not in other.get(page).content.decode()
    assert other.post(url(company), {"selected": [waiting[1].pk]}).status_code == 403


def test_it_asks_first_and_then_cancels_all_that_were_ticked(
    client: Client, company: Company, waiting: list[Job]
) -> None:
    sign_in(client)
    chosen = [job.pk for job in waiting if job.pk != waiting[5].pk]
    asked = client.post(url(company), {"selected": chosen})
    assert "Cancel 31 jobs?" in read(asked).h1
    assert State.CANCELLED not in states()
    token = asked.content.decode().split('name="selection" value="')[1].split('"')[0]
    answer = client.post(url(company), {"selection": token, "confirmed": "1"}, follow=True).content.decode()
    assert "30 jobs are cancelled." in answer
    assert "1 job ends after the batch in hand." in answer
    for job in waiting:
        job.refresh_from_db()
    assert waiting[0].cancel_requested
    assert waiting[0].state == State.IN_PROCESS
    assert waiting[5].state == State.QUEUED
    ended = [job for job in waiting if job.state == State.CANCELLED]
    assert len(ended) == 30
    assert all(job.message == "Cancelled by olga." and job.ended_at for job in ended)
    told = LogEntry.objects.get_for_model(Job).filter(actor__username="olga")
    assert {entry.object_id for entry in told} == set(chosen)
    assert {tuple(entry.changes["state"]) for entry in told} == {
        ("queued", "cancelled"), ("postponed", "cancelled"), ("in_process", "cancelled"),
    }  # fmt: skip


def test_all_that_the_list_shows_are_cancelled_with_one_look_at_what_waits(
    client: Client, company: Company, waiting: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "ended", [])
    ends: list[str] = []
    on_ended(ends.append)
    sign_in(client)
    listed = client.get(f"/c/{company.slug}/jobs/queue/?state=queued").content.decode()
    filters = listed.split('name="list_filters" value="')[1].split('"')[0]
    asked = client.post(url(company), {"all_matching": "1", "list_filters": filters})
    token = asked.content.decode().split('name="selection" value="')[1].split('"')[0]
    client.post(url(company), {"selection": token, "confirmed": "1"})
    assert ends == ["k"]
    assert states() == {State.IN_PROCESS, State.CANCELLED, State.POSTPONED}


def test_nothing_ticked_cancels_nothing(client: Client, company: Company, waiting: list[Job]) -> None:
    sign_in(client)
    for sent in ({}, {"confirmed": "1"}, {"selection": "made up", "confirmed": "1"}):
        answer = client.post(url(company), sent, follow=True).content.decode()
        assert "Nothing is selected, so nothing was done." in answer
    assert State.CANCELLED not in states()


def test_a_worker_that_has_claimed_one_meanwhile_is_asked_to_stop(
    client: Client, company: Company, waiting: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client)
    asked = client.post(url(company), {"selected": [waiting[1].pk]})
    token = asked.content.decode().split('name="selection" value="')[1].split('"')[0]
    Job.objects.filter(pk=waiting[0].pk).update(state=State.FINISHED)
    claimed: dict[str, Any] = {"state": State.IN_PROCESS, "fence": 7, "lease_until": timezone.now()}
    Job.objects.filter(pk=waiting[1].pk).update(**claimed)
    client.post(url(company), {"selection": token, "confirmed": "1"})
    waiting[1].refresh_from_db()
    assert (waiting[1].state, waiting[1].cancel_requested) == (State.IN_PROCESS, True)


def test_another_company_s_jobs_stay(client: Client, company: Company, waiting: list[Job]) -> None:
    other = stored(Company.objects.create(name="Northwind", currency_code="EUR"))
    sign_in(client)
    answer = client.post(url(company), {"selected": [other.pk]}, follow=True).content.decode()
    assert "Nothing is selected" in answer
    other.refresh_from_db()
    assert other.state == State.QUEUED
