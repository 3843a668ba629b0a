"""The database is away: a worker and its beat wait for it, and go on by themselves when it is back."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

QUEUE = """
import django; django.setup()
from pathlib import Path
from coupling.records import import_services
from masterdata import catalog
from masterdata.files import kept
from masterdata.models import Company
company = Company.objects.create(name="CRONUS", currency_code="EUR")
file = kept.keep([b"no,name\\n10000,Adatum\\n"])
import_services.start_import(company=company, table=catalog.table("customer"), file=file, file_name="a.csv")
"""


class Database:
    """A SQLite database that is taken away and put back: meanwhile a folder stands in its place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.aside = path.with_name("aside.sqlite3")

    def take_away(self) -> None:
        for name in ("-wal", "-shm"):
            assert not self.path.with_name(self.path.name + name).exists(), "somebody is using it"
        self.path.rename(self.aside)
        self.path.mkdir()

    def put_back(self) -> None:
        self.path.rmdir()
        self.aside.rename(self.path)

    def ask(self, sql: str) -> object:
        with sqlite3.connect(self.path, timeout=20) as connection:
            return connection.execute(sql).fetchone()[0]


@pytest.fixture
def database(tmp_path: Path, migrated: Path) -> Database:
    """Provide an installation with a job in its queue, and its message with the broker."""
    shutil.copy(migrated, tmp_path)
    command = [sys.executable, "-c", QUEUE]
    subprocess.run(command, cwd=settings.BASE_DIR, env=environment(tmp_path), check=True, capture_output=True)
    return Database(tmp_path / "tandem.sqlite3")


def environment(state: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "STATE_DIR": str(state), "DJANGO_SETTINGS_MODULE": "config.settings",
        "JOB_LEASE_S": "3", "JOB_HEARTBEAT_S": "1", "JOB_TICK_S": "1", "LOG_LEVEL": "WARNING",
    }  # fmt: skip


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Start a worker with its beat; give its log."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> Path:
        log = tmp_path / "worker.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", "worker", "--pool=threads", "--concurrency=2", "-B"],
                cwd=settings.BASE_DIR, env=environment(tmp_path), stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        started.append(process)
        return log

    yield start
    for process in started:
        assert process.poll() is None, "the worker has ended"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(holds: Callable[[], object], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError(what)


@pytest.mark.processes
@pytest.mark.sample
def test_worker_and_beat_wait_for_the_database_and_go_on_when_it_is_back(
    database: Database, start: Callable[[], Path]
) -> None:
    database.take_away()
    log = start()
    waits = "The database cannot be reached"
    until(lambda: log.read_text().count(waits) > 3, "nothing waits for the database")
    assert f"job 1: {waits}" in log.read_text()
    assert "Traceback" not in log.read_text()
    database.put_back()
    until(lambda: database.ask("SELECT state FROM jobs_job") == "finished", log.read_text())
    assert database.ask("SELECT name FROM masterdata_customer") == "Adatum"
