"""The tick: one is elected, lost messages are sent again, the upper rooms' work is done."""

from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError
from django.utils import timezone

from config.celery import app
from jobs import publishing, registry, services
from jobs.models import Job, State, Tick
from jobs.running import sweep
from jobs.tasks import run_job, tick
from tests.jobs.conftest import counting, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch):
    """Return what the broker gets."""
    ids = []
    monkeypatch.setattr(app, "send_task", lambda name, args, **options: ids.append(args[0]))
    return ids


@pytest.fixture
def broken(monkeypatch):
    """Provide a broker that is down."""

    def refuse(*args, **options):
        raise ConnectionError("connection refused")

    monkeypatch.setattr(app, "send_task", refuse)


def test_of_many_ticks_at_once_one_is_elected(db, settings):
    now = timezone.now()
    assert [sweep.acquire_tick(now) for _ in range(3)] == [True, False, False]
    assert not sweep.acquire_tick(now + timedelta(seconds=settings.JOB_TICK_S * 0.5))
    assert sweep.acquire_tick(now + timedelta(seconds=settings.JOB_TICK_S))
    assert Tick.objects.count() == 1


def test_the_sweep_sends_what_could_run_and_nothing_else(company, sent, settings):
    now = timezone.now()
    long_ago, soon = now - timedelta(seconds=settings.JOB_LEASE_S + 1), now + timedelta(seconds=30)
    table = {
        "queued, never published": (True, {"published_at": None}),
        "queued, message lost": (True, {"published_at": long_ago}),
        "queued, just published": (False, {}),
        "queued, waits for its key": (False, {"published_at": long_ago, "exclusive_key": "held"}),
        "holds the key": (False, {"state": State.IN_PROCESS, "exclusive_key": "held", "lease_until": soon}),
        "worker lost": (True, {"state": State.IN_PROCESS, "lease_until": now - timedelta(seconds=1)}),
        "between slices": (False, {"state": State.IN_PROCESS}),
        "between slices, message lost": (True, {"state": State.IN_PROCESS, "published_at": long_ago}),
        "postponed, not due": (False, {"state": State.POSTPONED, "not_before": soon, "published_at": long_ago}),
        "postponed, due": (True, {"state": State.POSTPONED, "not_before": now, "published_at": long_ago}),
        "finished": (False, {"state": State.FINISHED, "published_at": long_ago}),
    }
    jobs = {stored(company, description=name, **columns).pk: name for name, (_, columns) in table.items()}
    assert {jobs[pk] for pk in sweep.sweep(now)} == {name for name, (expected, _) in table.items() if expected}
    again = {jobs[pk] for pk in sweep.sweep(now)}
    assert again <= {"worker lost"}


def test_a_broker_that_is_down_fails_no_request_and_the_next_tick_sends(
    company, kinds, broken, monkeypatch, django_capture_on_commit_callbacks
):
    kinds("counting", counting)
    with django_capture_on_commit_callbacks(execute=True):
        job = services.start(company=company, type="counting")
    job.refresh_from_db()
    assert (job.state, job.published_at) == (State.QUEUED, None)
    assert sweep.sweep(timezone.now()) == []
    job.refresh_from_db()
    assert job.published_at is None
    ids = []
    monkeypatch.setattr(app, "send_task", lambda name, args, **options: ids.append(args[0]))
    assert sweep.sweep(timezone.now()) == ids == [job.pk]


def test_the_end_of_a_holder_publishes_the_next_of_its_key_one_record_jobs_first(company, sent):
    stored(company, exclusive_key="k")
    quick = stored(company, exclusive_key="k", one_record=True)
    publishing.publish_waiting("k")
    publishing.publish_waiting("")
    assert sent == [quick.pk]


def test_the_tick_does_the_upper_rooms_work_and_an_error_in_it_stops_nothing(db, monkeypatch):
    done = []

    def failing(now):
        raise RuntimeError("boom")

    monkeypatch.setattr(registry.registry, "ticks", [failing, done.append])
    assert sweep.tick()
    assert not sweep.tick()
    assert len(done) == 1


def cut_off(*_):
    """Ask as a PostgreSQL server is shut down in the middle of it."""
    raise OperationalError("cut off") from psycopg.errors.AdminShutdown("terminating connection")


def test_an_outage_of_the_database_is_said_once_in_a_tick_and_without_a_traceback(db, monkeypatch, caplog):
    done = []
    monkeypatch.setattr(registry.registry, "ticks", [cut_off, done.append])
    tick()
    assert not done
    (line,) = caplog.records
    assert line.getMessage() == "tick: The database cannot be reached (cut off); waiting for it."
    assert line.exc_info is None


def test_an_outage_in_what_follows_the_end_of_a_job_is_one_line_and_stops_nothing(company, sent, monkeypatch, caplog):
    done = []
    monkeypatch.setattr(registry.registry, "ended", [cut_off, done.append])
    publishing.publish_waiting("k")
    assert done == ["k"]
    (line,) = caplog.records
    assert line.getMessage().startswith("end of a job on k, cut_off: The database cannot be reached")
    assert line.exc_info is None


def test_a_message_for_a_job_that_is_gone_or_ended_does_nothing(company):
    ended = stored(company, state=State.FINISHED)
    run_job(ended.pk)
    run_job(987_654)
    assert Job.objects.get().fence == 0
