"""Job Queue Entries, the mapping's card and Edit Schedule: what they say of schedules, and what can be done there."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from coupling.models import IntegrationTableMapping
from jobs.models import Job, State, no_counts
from masterdata.models import Company
from sync.models import Schedule, SchedulePause
from tests.connection_setup.setup.test_page import text_of
from tests.sync.conftest import signed_in, update_mapping


def page_text(answer: Any) -> str:
    return re.sub(r"\s+", " ", text_of(answer.content.decode()))


@pytest.fixture
def mapper(company: Company) -> Client:
    return signed_in("Mapper")


def queue(company: Company) -> str:
    return f"/c/{company.slug}/jobs/queue/"


@pytest.fixture
def schedules(company: Company) -> IntegrationTableMapping:
    """Make one of each: late, ready, in error, on hold by a person, and runs of CUSTOMER so far."""
    now = timezone.now()
    late = update_mapping(company, scheduled=True, next_run_at=now - timedelta(minutes=40))
    update_mapping(company, "VENDOR", scheduled=True, next_run_at=now + timedelta(minutes=12))
    contact = update_mapping(company, "CONTACT", scheduled=True)
    Schedule.objects.create(mapping=contact, failed_at=now, attempts=10, error="The table is gone.")
    for position in range(30):
        counters = no_counts() | ({"modified": 1} if position % 3 else {})
        state = State.FAILED if position == 29 else State.FINISHED
        Job.objects.create(
            company=company, type="synchronization", mapping_name="CUSTOMER", state=state, counters=counters,
            started_at=now,
        )  # fmt: skip
    return late


def test_the_list_shows_each_schedule_with_its_status_and_its_last_runs(company, schedules, operator: Client):
    page = operator.get(queue(company))
    text, html = page_text(page), page.content.decode()
    assert "1 error, 1 late" in text
    assert "CUSTOMER Customers and account Late It should have begun at" in text
    assert "VENDOR Vendors and account Ready 30 min" in text and "in 12 min" in text
    assert "CONTACT Contacts and contact Error The table is gone." in text and "10 of 10" in text
    assert 'aria-label="Last 24 runs of CUSTOMER: ' in html
    assert html.count("<g transform=") == 24
    assert "finished, nothing to do" in html and "1 failed" in html
    assert "no run yet" in text


def test_the_list_takes_at_most_twelve_queries(company, schedules, operator: Client):
    operator.get(queue(company))
    with CaptureQueriesContext(connection) as asked:
        assert operator.get(queue(company)).status_code == 200
    assert len(asked) <= 12, [one["sql"][:150] for one in asked]


def test_several_are_held_set_ready_and_run_by_their_boxes(company, schedules, operator: Client):
    url = f"{queue(company)}schedules/"
    text = page_text(operator.post(f"{url}hold/", {"schedule": ["CUSTOMER", "VENDOR"]}, follow=True))
    assert "CUSTOMER, VENDOR: each is on hold; a run in process goes on." in text
    assert not IntegrationTableMapping.objects.filter(name__in=("CUSTOMER", "VENDOR"), scheduled=True).exists()
    assert Schedule.objects.filter(held_by__isnull=False).count() == 2
    text = page_text(operator.post(f"{url}ready/", {"schedule": ["CUSTOMER", "CONTACT"]}, follow=True))
    assert "each is ready" in text
    assert Schedule.objects.get(mapping__name="CONTACT").failed_at is None
    operator.post(f"{url}run/", {"schedule": ["CUSTOMER"], "only": "VENDOR"})
    assert Job.objects.get(state=State.QUEUED).mapping_name == "VENDOR"
    assert "Nothing is selected" in page_text(operator.post(f"{url}run/", {}, follow=True))
    assert "Nothing is selected" in page_text(operator.post(f"{url}run/", {"only": "x\x00"}, follow=True))


def test_edit_moves_the_next_run_and_says_what_cannot_be(company, schedules, mapper: Client):
    url = f"/c/{company.slug}/mappings/of/VENDOR/schedule/"
    assert 'value="30"' in mapper.get(url).content.decode()
    refused = mapper.post(url, {"every": "1441", "late_after": "15"})
    assert (refused.status_code, "1440" in page_text(refused)) == (400, True)
    saved = page_text(mapper.post(url, {"every": "90", "late_after": "25"}, follow=True))
    assert "The schedule of VENDOR is saved." in saved
    after = update_mapping(company, "VENDOR")
    assert after.late_after_minutes == 25
    assert 89 < (after.next_run_at - timezone.now()).total_seconds() / 60 <= 90
    assert mapper.get(url.replace("VENDOR", "NOTHING")).status_code == 404


def test_the_card_of_a_mapping_tells_and_does_the_same(company, schedules, operator: Client):
    card = f"/c/{company.slug}/mappings/of/CUSTOMER/"
    text = page_text(operator.get(card))
    assert "Status Late It should have begun at" in text
    assert "Last success never" in text and "Late after 15 min" in text
    done = operator.post(f"{queue(company)}schedules/hold/", {"only": "CUSTOMER", "card": "1"})
    assert done["Location"] == card
    assert "Set Ready" in page_text(operator.get(card))


def test_a_pause_of_the_environment_is_told_once_above_the_list(company, schedules, operator: Client):
    now = timezone.now()
    SchedulePause.objects.create(company=company, message="It is in administration mode.", since=now, next_try_at=now)
    text = page_text(operator.get(queue(company)))
    assert "Nothing runs by itself now. It is in administration mode." in text
    assert "Late" not in text.replace("Late after", "")


def test_one_set_of_statuses_narrows_schedules_and_jobs_alike(company: Company, operator: Client) -> None:
    now = timezone.now()
    IntegrationTableMapping.objects.filter(company=company).update(scheduled=False)
    update_mapping(company, "CUSTOMER", scheduled=True, next_run_at=now + timedelta(minutes=5))
    update_mapping(company, "VENDOR", scheduled=True, next_run_at=now - timedelta(hours=1))
    contact = update_mapping(company, "CONTACT", scheduled=True)
    Schedule.objects.create(mapping=contact, failed_at=now, attempts=10, error="It cannot be.")
    waiting = Job.objects.create(company=company, type="coupling", mapping_name="CURRENCY")
    url = f"/c/{company.slug}/jobs/queue/"
    shown = {}
    for status in ("", "late", "error", "ready", "waiting", "in_process", "nonsense"):
        main = operator.get(url, {"status": status}).content.decode().partition("<main")[2]
        names = ("CUSTOMER", "VENDOR", "CONTACT")
        shown[status] = {one for one in names if f'id="schedule-{one}"' in main}
        shown[status] |= {"job"} if f"/jobs/{waiting.pk}/" in main else set()
    assert {"CUSTOMER", "VENDOR", "CONTACT", "job"} <= shown[""] == shown["nonsense"]
    assert [shown[one] for one in ("late", "error", "ready", "waiting", "in_process")] == [
        {"VENDOR"}, {"CONTACT"}, {"CUSTOMER"}, {"job"}, set(),
    ]  # fmt: skip
    text = page_text(operator.get(url))
    for words in ("Late 1", "Error 1", "Ready 1", "Waiting 1", "no web hook calls for it"):
        assert words in text, text
