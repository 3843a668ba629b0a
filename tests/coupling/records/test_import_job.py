"""The import job: killed at any row it goes on behind the last one that is in; cancelled it stops."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.utils import timezone

from coupling.records import import_job, import_preview, import_services
from jobs import lease, services
from jobs.models import Job, JobOutcome, State
from jobs.running import runner, waiting
from masterdata import catalog
from masterdata.files import kept
from masterdata.models import Company, Customer
from tests.jobs.running.test_worker import database_url

ROWS = 30_000
RUN = "import django; django.setup(); from jobs.running.runner import run; run({pk})"


def started(rows=ROWS, **more):
    company = Company.objects.create(name="CRONUS", currency_code="EUR")
    text = "no,name,city\n" + "".join(f"{n},Customer {n},Bath\n" for n in range(rows)) + "0,Again,Bath\n"
    return import_services.start_import(
        company=company, table=catalog.table("customer"), file=kept.keep([text.encode()]), file_name="a.csv", **more
    )


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.processes
@pytest.mark.sample
@pytest.mark.django_db(transaction=True)
def test_a_killed_import_goes_on_behind_its_last_checkpoint(settings):
    settings.JOB_LEASE_S, settings.JOB_HEARTBEAT_S = 2, 0.4
    job = started()
    environment = {
        **os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.settings",
        "JOB_LEASE_S": "2", "JOB_HEARTBEAT_S": "0.4",
    }  # fmt: skip
    for least in (1, 8_000):
        process = subprocess.Popen(
            [sys.executable, "-c", RUN.format(pk=job.pk)],
            cwd=settings.BASE_DIR,
            env=environment,
            start_new_session=True,
        )
        assert wait_for(lambda least=least: Job.objects.get(pk=job.pk).processed >= least)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert wait_for(lambda: Job.objects.get(pk=job.pk).lease_until <= timezone.now())
    before = Job.objects.get(pk=job.pk)
    assert 0 < before.processed < ROWS
    assert Customer.objects.count() == before.processed
    job = waiting.run_to_end(job)
    assert (job.state, job.processed, job.attempts) == (State.FINISHED, ROWS + 1, 0)
    assert Customer.objects.count() == ROWS
    assert JobOutcome.objects.filter(job=job).count() == ROWS + 1
    (double,) = JobOutcome.objects.filter(job=job, outcome="failed")
    assert double.message.startswith("Line 30002, column no: No. 0 is already on line 2.")
    assert not list((Path(settings.STATE_DIR) / "imports").iterdir())


@pytest.mark.django_db
def test_slices_give_what_one_run_gives(settings):
    settings.JOB_SLICE_S = 0
    job = started(4_100)
    slices = 0
    while not Job.objects.get(pk=job.pk).ended:
        runner.run(job.pk)
        slices += 1
        runner._kept._by_job.clear()  # as in another process
    job.refresh_from_db()
    assert (job.counters["inserted"], job.counters["failed"], job.processed) == (4_100, 1, 4_101)


@pytest.mark.django_db
def test_a_cancelled_import_stops_and_keeps_what_is_in(monkeypatch):
    job = started(8_000)

    def cancel(row):
        if row.processed:
            services.cancel(job=Job.objects.get(pk=job.pk))

    runner.run(job.pk, on_progress=cancel)
    job.refresh_from_db()
    assert (job.state, job.processed) == (State.CANCELLED, 4_000)
    assert Customer.objects.count() == 4_000 == JobOutcome.objects.filter(job=job).count()


@pytest.mark.django_db
def test_a_job_cancelled_while_its_file_is_read_ends_without_reading_on(monkeypatch):
    job = started(10)
    monkeypatch.setattr(import_job, "_ASK_S", 0)
    monkeypatch.setattr(import_job.Rows, "read", lambda *_: pytest.fail("nothing is imported"))

    def cancel(row):
        if row.phase == "Reading the file":
            services.cancel(job=Job.objects.get(pk=job.pk))

    runner.run(job.pk, on_progress=cancel)
    job.refresh_from_db()
    assert (job.state, Customer.objects.count()) == (State.CANCELLED, 0)


@pytest.mark.django_db
def test_a_worker_that_stops_while_a_file_is_read_gives_the_job_back():
    job = started(10)

    def stop(row):
        if row.phase == "Reading the file":
            lease.stopping.set()

    try:
        runner.run(job.pk, on_progress=stop)
    finally:
        lease.stopping.clear()
    job.refresh_from_db()
    assert (job.state, job.lease_until) == (State.IN_PROCESS, None)
    assert waiting.run_to_end(job).state == State.FINISHED
    assert Customer.objects.count() == 10


@pytest.mark.django_db
def test_two_imports_into_one_table_wait_for_each_other():
    first = started(3)
    second = import_services.start_import(
        company=first.company, table=catalog.table("customer"), file=kept.keep([b"no,name\n1,New\n"]), file_name="b.csv"
    )
    assert services.waits_for(second) == first
    waiting.run_to_end(second)
    assert Customer.objects.get(no="1").name == "New"


@pytest.mark.django_db
def test_files_that_nobody_needs_go_and_those_of_open_jobs_stay(settings):
    job = started(3)
    old = kept.keep([b"no,name\n1,x\n"])
    for folder in (Path(settings.STATE_DIR) / "imports").iterdir():
        os.utime(folder, (time.time() - kept.KEPT_S - 60,) * 2)
    kept.remove_old(needed=import_services.files_needed())
    assert not old.folder.exists()
    assert waiting.run_to_end(job).state == State.FINISHED


@pytest.mark.django_db
def test_what_a_killed_preview_wrote_behind_its_checkpoint_is_not_told_twice(settings):
    settings.JOB_SLICE_S = 0
    job = started(4_100, preview=True)
    while (job := Job.objects.get(pk=job.pk)).processed < 2_000:
        runner.run(job.pk)
    with import_preview.file_of(job).open("ab") as file:
        file.write(b'{"line": 2001, "outcome": "inserted"')
    job = waiting.run_to_end(job)
    lines = [row.line for row in import_preview.rows_of(job)]
    assert lines == list(range(2, 4_103))
