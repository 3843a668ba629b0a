"""Fixtures for every room."""

import contextlib
import fcntl
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.db import connections
from django.db.models import AutoField
from django.template import Template
from django.test import TransactionTestCase, override_settings
from django.test.utils import instrumented_test_render
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from connection_setup.connection import service_waits
from connection_setup.models import ServiceProcess, ServiceWait
from dataverse import concurrency, http_session, metadata_cache, part_sizes, retry, throttle
from dataverse.types import TableInfo
from masterdata.models import Company
from sandbox.environment import Snapshot
from sandbox.testing import Sandbox, running
from tests import known_tables
from tests.starts import Starter
from tests.tables import Rows, Tables

# An example that takes long shows that the machine is busy, not that the code is wrong. What a change is held against
# is the same in every run; `make soak` tries others (--hypothesis-profile=searching).
_BUSY = [HealthCheck.too_slow]
hypothesis_settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=_BUSY)
hypothesis_settings.register_profile("searching", deadline=None, suppress_health_check=_BUSY, print_blob=True)
hypothesis_settings.load_profile("suite")


def pytest_collection_finish() -> None:
    """Look for garbage only in what tests make, and less often: what was imported and collected stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """SQLite tests run on a file, as the application does: an in-memory database locks whole tables between threads."""
    described = connections["default"].settings_dict
    if described["ENGINE"].endswith("sqlite3"):
        described["TEST"]["NAME"] = str(Path(os.environ["STATE_DIR"]) / "test.sqlite3")
    request.getfixturevalue("django_db_modify_db_settings_parallel_suffix")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[Tables]:
    """Provide the test database, to which every test that commits gives back what it held at first."""
    with django_db_blocker.unblock():
        begin_ids_at(1_001)
        tables = Tables(connections["default"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: tables.restore())
        yield tables
    service_waits.close()


def begin_ids_at(first: int) -> None:
    """Begin the ids of what tests make there: one of four digits shows where it is written for people, as 1,001."""
    connection = connections["default"]
    models = [model for model in apps.get_models() if isinstance(model._meta.pk, AutoField)]
    with connection.cursor() as cursor:
        for model in models:
            table, column = model._meta.db_table, model._meta.pk.column
            if connection.vendor == "postgresql":
                cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [f'"{table}"', column, first - 1])
            else:
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, first - 1])


@pytest.fixture(scope="session", autouse=True)
def nothing_is_sent_inside_a_transaction() -> Iterator[None]:
    """Refuse a request to Dataverse inside a transaction: it would hold the lock as long as the service likes."""

    def check(*_: object) -> None:
        opened = [block for block in connections["default"].atomic_blocks if not block._from_testcase]
        assert not opened, "A request to Dataverse was about to be sent inside a database transaction."

    http_session.before_send.append(check)
    yield
    http_session.before_send.remove(check)


@pytest.fixture(scope="session", autouse=True)
def settings_of_every_test() -> Iterator[None]:
    """Set once: each change of a setting has much looked up anew.

    Pages name static files as they are: no test has to collect them first. Passwords are hashed fast: a good hash takes
    its time, which is nothing that these tests are about.
    """
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    quick = "django.contrib.auth.hashers.MD5PasswordHasher"
    with override_settings(
        STORAGES={**django_settings.STORAGES, "staticfiles": plain},
        PASSWORD_HASHERS=[quick, *django_settings.PASSWORD_HASHERS],
    ):
        yield


@pytest.fixture(scope="session", autouse=True)
def templates_keep_no_contexts(django_test_environment: None) -> Iterator[None]:
    """Django keeps a copy of the context of each template that a test renders; few tests look into one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Template, "_render", lambda template, context: template.nodelist.render(context))
        yield


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the answers to a test's own requests have the contexts of their templates."""
    monkeypatch.setattr(Template, "_render", instrumented_test_render)


@pytest.fixture(autouse=True)
def a_service_that_does_not_answer_is_soon_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as ever, but a tenth of the time later. What the service itself asks to be waited is waited."""
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.03)


@pytest.fixture(autouse=True)
def no_key_outlives_a_test() -> Iterator[None]:
    """Encryption is not enabled when a test begins, whatever the one before did: the key file is no database row."""
    yield
    delete_key_file()


def delete_key_file() -> None:
    """Encryption is not enabled after it."""
    Path(django_settings.FIELD_ENCRYPTION_KEY_FILE).unlink(missing_ok=True)


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[Sandbox]:
    """One stand-in environment for the whole run; its authority stands where the application looks for it."""
    with running(ca_file=django_settings.SANDBOX_CA_FILE) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_server: Sandbox) -> Sandbox:
    """Provide a stand-in environment as it is at its start; tokens given out before stay good."""
    sandbox_server.reset()
    nothing_is_known()
    return sandbox_server


def nothing_is_known() -> None:
    """Of a service that was asked before: as in a new process."""
    throttle._known.clear()
    concurrency.forget()
    part_sizes.forget()
    metadata_cache.forget()


def the_wait_is_over() -> None:
    """Let pass whatever the service asked to wait, in this process or another."""
    ServiceWait.objects.all().delete()
    nothing_is_known()


@dataclass(frozen=True)
class Scene:
    """A connected company as it was made: its rows here, what the environment held, and what is known of its tables."""

    company: int
    rows: Rows
    state: Snapshot
    known: dict[str, TableInfo]


@pytest.fixture(scope="session")
def _scenes() -> dict[str, Scene]:
    return {}


@pytest.fixture
def connected(
    transactional_db: None, sandbox: Sandbox, django_db_setup: Tables, _scenes: dict[str, Scene]
) -> Callable[..., Company]:
    """Give a company of that name, connected by `connect`: once in a run; then both sides get what they had then.

    Scenes are told apart by `scene`: by the company's name, unless something more is done in it.

    The metadata of the tables that are mapped is known, as to a process that did something a moment ago.
    """

    def give(name: str, connect: Callable[[Company, Sandbox], None], *, scene: str = "") -> Company:
        key = scene or name
        if key in _scenes:
            django_db_setup.put(_scenes[key].rows)
            sandbox.reset(_scenes[key].state)
        else:
            before = django_db_setup.rows()
            made = Company.objects.create(name=name, currency_code="USD", country_code="US")
            connect(made, sandbox)
            known = known_tables.read_mapped(made)
            ServiceProcess.objects.all().delete()  # counted where connecting took longer than a second
            state = sandbox.environment.snapshot()
            _scenes[key] = Scene(made.pk, django_db_setup.since(before), state, known)
            sandbox.control("DELETE", "requests")
            nothing_is_known()
        found = _scenes[key]
        known_tables.put(sandbox.environment_url, found.known, found.state)
        return Company.objects.get(pk=found.company)

    return give


@pytest.fixture
def worker(transactional_db: None) -> Iterator[subprocess.Popen[bytes]]:
    """Provide a real Celery worker with its beat on the test's database. That one passes its checks is tested with
    `serve`.
    """
    described = connections["default"].settings_dict
    if connections["default"].vendor == "sqlite":
        database = f"sqlite:///{described['NAME']}"
    else:
        password = f":{described['PASSWORD']}" if described["PASSWORD"] else ""
        user, host, port = described["USER"], described["HOST"], described["PORT"]
        database = f"postgresql://{user}{password}@{host}:{port}/{described['NAME']}"
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "config", "worker", "--pool", "threads", "--concurrency", "2", "-B"],
        cwd=django_settings.BASE_DIR,
        env={
            **os.environ,
            "DATABASE_URL": database,
            "JOB_TICK_S": "1",
            "LOG_LEVEL": "WARNING",
            "CELERY_SKIP_CHECKS": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield process
    with contextlib.suppress(ProcessLookupError):  # how workers end well is shown elsewhere
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="session")
def starter() -> Iterator[Starter]:
    """Start manage.py in a fraction of the time that Python takes; tests of the group "starts" share one."""
    starter = Starter()
    yield starter
    starter.close()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Provide a SQLite database with all tables, to be copied into a state folder: migrating takes seconds.

    The folder it is in is a site's own as `migrate` made it, started by somebody whose files others may read.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "migrated"  # the parent is that of all workers
    folder.mkdir(mode=0o700, exist_ok=True)
    database = folder / "state" / "tandem.sqlite3"
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            environment = {"PATH": os.environ["PATH"], "STATE_DIR": str(database.parent)}
            command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(command, cwd=django_settings.BASE_DIR, env=environment, check=True, umask=0o022)
            (folder / "done").touch()
    assert not database.with_name(f"{database.name}-wal").exists(), "the file alone is not all of it"
    return database


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine stand in Tokyo, for what is in UTC wherever it stands."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
