"""PostgreSQL is stopped in the middle of a job's slice, and at the hour of the nightly comparison; then it is back."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from tests.jobs.running.test_database_down import until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

NUMBERS = 120
PREPARE = f"""
import django; django.setup()
from coupling.models import IntegrationTableMapping
from jobs import services
from masterdata.models import Company
from sync.models import SynchState
company = Company.objects.create(name="CRONUS", currency_code="EUR")
mapping = IntegrationTableMapping.objects.create(company=company, name="CUSTOMER", table="customer")
SynchState.objects.update_or_create(mapping=mapping, defaults={{"none_left_at": 0}})
services.start(company=company, type="dying", parameters={{"to": {NUMBERS}, "pause": 0.05}})
"""


class Cluster:
    """A PostgreSQL of our own in a temporary folder, which can be stopped and started."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._as: list[str] = []
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        self._run("initdb", "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "--encoding=UTF8", "-N")

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._pg_ctl("-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Stop it as its operators do: whoever is connected is cut off."""
        self._pg_ctl("-m", "fast", "stop")

    def ask(self, sql: str) -> tuple[object, ...]:
        with psycopg.connect(self.url) as connection:
            found = connection.execute(sql).fetchone()  # type: ignore[arg-type]
        assert found is not None
        return found

    def _pg_ctl(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self.programs / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("PostgreSQL's server is not installed")
    if os.getuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("there is no user postgres for PostgreSQL's server to run as")
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())  # not below a folder of root's own
    made = Cluster(programs[-1].parent, folder)
    made.start()
    yield made
    with suppress(subprocess.CalledProcessError):
        made.stop()
    shutil.rmtree(folder)


def test_a_job_and_the_nightly_comparison_go_on_after_an_outage_in_the_middle(cluster: Cluster, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"], "STATE_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": cluster.url, "EXTRA_APPS": "tests.jobs.killable", "JOB_LEASE_S": "3",
        "JOB_HEARTBEAT_S": "1", "JOB_TICK_S": "1", "LOG_LEVEL": "WARNING",
    }  # fmt: skip

    def python(*arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], cwd=settings.BASE_DIR, env=environment, check=True)

    python("manage.py", "migrate", "--verbosity", "0")
    python("-c", PREPARE)
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "config", "worker", "--pool=threads", "--concurrency=2", "-B"],
            cwd=settings.BASE_DIR, env=environment, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: cluster.ask("SELECT processed FROM jobs_job")[0] >= 10, "the job does not begin")
        cluster.stop()
        python("-m", "celery", "-A", "config", "call", "sync.tasks.find_deleted_records")
        until(lambda: "job 1: the database refused" in log.read_text(), log.read_text())
        until(lambda: "find deleted records: The database cannot be reached" in log.read_text(), log.read_text())
        cluster.start()
        until(lambda: cluster.ask("SELECT state FROM jobs_job")[0] in ("finished", "failed"), log.read_text(), 90)
        state, processed, attempts = cluster.ask("SELECT state, processed, attempts FROM jobs_job")
        assert (state, processed, attempts) == ("finished", NUMBERS, 0), log.read_text()
        outcomes = "SELECT count(*), count(DISTINCT local_key) FROM jobs_joboutcome"
        assert cluster.ask(outcomes) == (NUMBERS, NUMBERS)
        compared = "SELECT count(*) FROM sync_synchstate WHERE none_left_at IS NULL"
        until(lambda: cluster.ask(compared) == (1,), "the comparison of this night is not made up for")
        assert worker.poll() is None, "the worker has ended"
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
