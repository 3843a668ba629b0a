"""A real Celery worker on the real broker: killed, stopped, given the same job twice."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection

from jobs import services
from jobs.models import Job, State
from jobs.running import sweep
from jobs.tasks import run_job
from masterdata.models import Company
from tests.jobs.killable.handler import dying
from tests.selection import with_sample

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
SHORT = {"JOB_LEASE_S": 2, "JOB_HEARTBEAT_S": 0.4, "JOB_TICK_S": 0.3}


def database_url() -> str:
    """Return the test database, for another process."""
    described = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{described['NAME']}"
    user, host = quote(described["USER"] or "postgres"), described["HOST"] or "127.0.0.1"
    secret = f":{quote(described['PASSWORD'])}" if described["PASSWORD"] else ""
    return f"postgresql://{user}{secret}@{host}:{described['PORT'] or 5432}/{described['NAME']}"


@pytest.fixture
def company(kinds: Any, settings: Any) -> Company:
    kinds("dying", dying)
    for name, value in SHORT.items():
        setattr(settings, name, value)
    return Company.objects.create(name="CRONUS", currency_code="USD")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Start workers; they are gone afterwards."""
    if folder := getattr(django_settings, "BROKER_DIR", None):
        for message in (folder / "messages").iterdir():
            message.unlink()
    environment = {
        **os.environ, **{name: str(value) for name, value in SHORT.items()},
        "DATABASE_URL": database_url(), "EXTRA_APPS": "tests.example_app,tests.jobs.killable",
        "CELERY_SKIP_CHECKS": "1",  # as `serve` starts them
    }  # fmt: skip
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        arguments = ["worker", "--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle"]
        with (tmp_path / f"worker-{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", *arguments],
                cwd=django_settings.BASE_DIR, env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def until(job: Job, holds: Callable[[Job], bool], seconds: float = 40) -> Job:
    """Tick, as the beat does, until it holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sweep.tick()
        job.refresh_from_db()
        if holds(job):
            return job
        time.sleep(0.05)
    raise AssertionError(f"{job.state}, {job.processed} processed, fence {job.fence}, {job.detail}")


def counted_once(job: Job, to: int) -> None:
    keys = list(job.outcomes.order_by("id").values_list("local_key", flat=True))
    assert keys == [str(number) for number in range(to)]
    assert job.counters["coupled"] == job.processed == to


@pytest.mark.sample
def test_a_job_survives_workers_killed_at_any_moment(company, worker):
    job = services.start(company=company, type="dying", parameters={"to": 120, "pause": 0.02}, exclusive_key="k")
    for share in (15, 60):
        process = worker()
        until(job, lambda row, share=share: row.processed >= share)
        process.kill()
        process.wait()
    worker()
    done = until(job, lambda row: row.ended)
    assert done.state == State.FINISHED
    assert done.attempts == 0
    counted_once(done, 120)


@pytest.mark.parametrize("where", with_sample(["before", "inside", "after"], "inside"))
def test_a_job_survives_a_kill_around_a_checkpoint(company, worker, tmp_path, where):
    job = services.start(
        company=company, type="dying", parameters={"to": 12, "die_at": 6, "die": where, "mark": str(tmp_path / "died")}
    )
    first = worker()
    first.wait(timeout=40)
    assert first.returncode == -signal.SIGKILL
    job.refresh_from_db()
    assert job.processed == (7 if where == "after" else 6)
    worker()
    counted_once(until(job, lambda row: row.ended), 12)


@pytest.mark.sample
def test_sigterm_ends_the_slice_and_gives_the_lease_back_at_once(company, worker):
    job = services.start(company=company, type="dying", parameters={"to": 300, "pause": 0.02})
    process = worker()
    until(job, lambda row: row.processed >= 5)
    process.terminate()
    assert process.wait(timeout=20) == 0
    job.refresh_from_db()
    assert (job.state, job.lease_until, job.worker) == (State.IN_PROCESS, None, "")
    assert job.attempts == 0
    Job.objects.filter(pk=job.pk).update(parameters={"to": job.processed + 3})
    worker()
    done = until(job, lambda row: row.ended)
    counted_once(done, done.processed)


@pytest.mark.sample
def test_a_job_delivered_many_times_to_two_workers_runs_once(company, worker):
    worker(), worker()
    job = services.start(company=company, type="dying", parameters={"to": 60, "pause": 0.01})
    for _ in range(6):
        run_job.delay(job.pk)
    done = until(job, lambda row: row.ended)
    assert done.state == State.FINISHED
    counted_once(done, 60)


@pytest.mark.sample
def test_messages_that_are_lost_are_sent_again(company, worker):
    if folder := getattr(django_settings, "BROKER_DIR", None):
        job = services.start(company=company, type="dying", parameters={"to": 3})
        shutil.rmtree(folder / "messages")
        (folder / "messages").mkdir()
    else:
        from config.celery import app

        job = services.start(company=company, type="dying", parameters={"to": 3})
        app.control.purge()
    worker()
    counted_once(until(job, lambda row: row.ended), 3)


@pytest.mark.sample
def test_cancelling_stops_a_worker_at_its_next_checkpoint(company, worker):
    job = services.start(company=company, type="dying", parameters={"to": 5000, "pause": 0.02})
    worker()
    until(job, lambda row: row.processed >= 3)
    services.cancel(job=job)
    done = until(job, lambda row: row.ended, 10)
    assert done.state == State.CANCELLED
    counted_once(done, done.processed)


@pytest.mark.sample
def test_a_postponed_job_frees_its_worker_and_goes_on_when_it_is_time(company, worker):
    process = worker()
    first = services.start(company=company, type="dying", parameters={"to": 1})
    until(first, lambda row: row.ended)  # the worker is up
    waiting = [services.start(company=company, type="dying", parameters={"to": 2, "wait": 2.5}) for _ in range(3)]
    meanwhile = services.start(company=company, type="dying", parameters={"to": 2})
    end = time.monotonic() + 20
    while time.monotonic() < end and not all(job.ended for job in waiting):
        time.sleep(0.05)  # no tick here: the message itself arrives when it is time
        for job in (*waiting, meanwhile):
            job.refresh_from_db()
    for job in waiting:
        counted_once(job, 2)
        assert 2.5 <= services.seconds(job) < 6
    assert services.seconds(meanwhile) < 2
    process.terminate()
    process.wait(timeout=20)
