"""Keys changed while web site and workers run, and a site started again with another SECRET_KEY."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.db import connections

from connection_setup.connection import settings
from connection_setup.encryption import services as encryption
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials, keyring
from connection_setup.secrets.sealing import seal
from dataverse.types import ClientSecret
from masterdata.models import Company
from tests.connection_setup.conftest import SECRET
from tests.jobs.running.test_worker import database_url
from tests.starts import Starter

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

ROUNDS = 15
READER = """
import json, os, sys, time
import django
django.setup()
from connection_setup.secrets import credentials
from connection_setup.models import DataverseConnection
stop, enough, secret = sys.argv[1:]
reads, failed = 0, []
print("ready", flush=True)
while not os.path.exists(stop):
    for connection in DataverseConnection.objects.select_related("company"):
        try:
            assert credentials.open_credential(connection).secret == secret
        except Exception as error:
            failed.append(repr(error)[:200])
        reads += 1
    if reads > 20:
        open(enough, "w").close()
print(json.dumps({"reads": reads, "failed": failed[:3], "failures": len(failed)}), flush=True)
"""


@pytest.mark.sample
def test_no_read_fails_in_any_process_while_keys_are_changed_rotated_and_disabled(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        company = Company.objects.create(name=f"Company {number}", currency_code="EUR")
        DataverseConnection.objects.create(
            company=company, client_secret=seal(SECRET), authentication_type=AuthenticationType.CLIENT_SECRET
        )
    # As short as storing a secret takes that was just encrypted; a quarter of an hour outside of tests.
    monkeypatch.setattr(keyring, "GRACE_PERIOD", timedelta(seconds=1))
    stop, enough = tmp_path / "stop", [tmp_path / f"enough-{number}" for number in range(2)]
    environment = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(stop), str(read), SECRET], cwd=django_settings.BASE_DIR,
            env=environment, stdout=subprocess.PIPE, text=True,
        )
        for read in enough
    ]  # fmt: skip
    here: dict[str, Any] = {"reads": 0, "failed": []}
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            for connection in DataverseConnection.objects.select_related("company"):
                try:
                    given = credentials.open_credential(connection)
                    assert isinstance(given, ClientSecret)
                    assert given.secret == SECRET
                except Exception as error:
                    here["failed"].append(repr(error))
                here["reads"] += 1
        connections.close_all()

    def save() -> None:
        """Enter secrets meanwhile, as the setup page does: row locked, encrypted, saved."""
        from connection_setup.connection import state

        companies = list(Company.objects.all())
        while not ended.is_set():
            for company in companies:
                settings.save_settings(
                    connection=state.connection_of(company), values={"client_id": ""}, secret=SECRET, user=None
                )
                time.sleep(0.01)
        connections.close_all()

    threads = [threading.Thread(target=read), threading.Thread(target=save)]
    try:
        for process in readers:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for thread in threads:
            thread.start()
        dropped = rounds = 0
        encryption.enable(user=None)
        deadline = time.monotonic() + 60
        while rounds < ROUNDS or dropped <= 5 or here["reads"] <= 20 or not all(read.exists() for read in enough):
            assert time.monotonic() < deadline, (rounds, dropped, here["reads"])
            rounds += 1
            for _ in range(3):
                encryption.change_key(user=None)
                dropped += len(encryption.rotate(user=None).dropped)
            encryption.disable(user=None)
            encryption.enable(user=None)
        while len(keyring.keys()) > 3:  # the last ones are dropped when they have been kept for their time
            assert time.monotonic() < deadline, keyring.keys()
            encryption.rotate(user=None)
    finally:
        ended.set()
        stop.touch()
        for thread in threads:
            thread.join(20)
        told = [json.loads(process.communicate(timeout=20)[0]) for process in readers]
    assert [one["failures"] for one in told] == [0, 0], told
    assert here["failed"] == []
    assert here["reads"] > 20
    assert all(one["reads"] > 20 for one in told), told
    assert dropped > 5
    assert len(keyring.keys()) <= 3
    for connection in DataverseConnection.objects.all():
        assert credentials.open_credential(connection).secret == SECRET  # type: ignore[union-attr]


# -- another SECRET_KEY -----------------------------------------------------------------------------------------------

A, B, C = ("a" * 50, "b" * 50, "c" * 50)
SITE = """
import json, sys
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from connection_setup.checks.services import test_connection
from connection_setup.connection.state import connection_of
from connection_setup.encryption import services as encryption
from connection_setup.secrets import credentials
from connection_setup.models import DataverseConnection
from connection_setup.secrets.sealing import seal
from masterdata.models import Company
what, secret = sys.argv[1:]
if what == "first":
    company = Company.objects.create(name="CRONUS International", currency_code="EUR")
    User.objects.create_superuser("ada", password="x")
    DataverseConnection.objects.create(
        company=company, environment_url="https://127.0.0.1:9", tenant_id="contoso.com",
        client_id="4a6c0d1e-0f0b-4c7e-9b52-1d2f6f0a9b11", client_secret=seal(secret),
    )
elif what != "look":
    getattr(encryption, what)(user=None)
company = Company.objects.get()
client = Client(headers={"host": "127.0.0.1"})
client.force_login(User.objects.get(), backend="django.contrib.auth.backends.ModelBackend")
start = f"/c/{company.slug}/"
page = client.get(start + "data-encryption-management/").content.decode()
setup = client.get(start + "dataverse-connection-setup/")
report = test_connection(connection=connection_of(company))
state = encryption.read_state()
print(json.dumps({
    "unreadable": len(state.unreadable), "outdated": len(state.outdated), "enabled": state.enabled, "page": page,
    "setup": setup.status_code, "test": report.failed.user_message,
    "opens": not state.unreadable and credentials.open_credential(connection_of(company)).secret == secret,
}))
"""


@pytest.fixture
def tables(tmp_path: Path, migrated: Path) -> None:
    """Give the site's database its tables."""
    (tmp_path / "state").mkdir(mode=0o700)
    shutil.copy(migrated, tmp_path / "state")


Site = Callable[..., dict[str, Any]]


@pytest.fixture
def site(tmp_path: Path, tables: None, starter: Starter) -> Site:
    """Start the site in a process of its own, do something, look at its pages, and end it."""

    def do(secret_key: str, what: str = "look", **variables: str) -> dict[str, Any]:
        environment = {
            "PATH": os.environ["PATH"], "STATE_DIR": str(tmp_path / "state"), "SANDBOX_ALLOWED": "1", "DEBUG": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings", **variables,
        }  # fmt: skip
        if secret_key:
            environment["SECRET_KEY"] = secret_key
        done = starter.run(["-c", SITE, what, SECRET], environment, tmp_path)
        assert done.returncode == 0, done.stderr
        assert SECRET not in done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return do


@pytest.mark.xdist_group("starts")
def test_a_site_started_with_another_secret_key_loses_nothing(site: Site) -> None:
    assert site(A, "first")["opens"]
    # Another SECRET_KEY alone: nothing opens, nothing is overwritten, and both pages say what to do.
    found = site(B)
    assert (found["unreadable"], found["opens"], found["setup"]) == (1, False, 200)
    assert "If SECRET_KEY was changed, name the previous one in SECRET_KEY_FALLBACKS" in found["page"]
    assert "name the one before in SECRET_KEY_FALLBACKS" in found["test"]
    # With the one before it opens at once; rotated, it no longer needs it.
    found = site(B, SECRET_KEY_FALLBACKS=A)
    assert (found["unreadable"], found["outdated"], found["opens"]) == (0, 1, True)
    found = site(B, "rotate", SECRET_KEY_FALLBACKS=A)
    assert (found["unreadable"], found["outdated"], found["opens"]) == (0, 0, True)
    assert site(B)["opens"]
    # With a key of its own nothing depends on SECRET_KEY.
    assert site(B, "enable")["opens"]
    found = site(C)
    assert (found["enabled"], found["unreadable"], found["opens"]) == (True, 0, True)
    assert "SECRET_KEY changes" in found["page"]
    assert "Nothing is lost: no secret depends on it." in found["page"]


@pytest.mark.sample
@pytest.mark.xdist_group("starts")
def test_a_site_that_is_given_a_secret_key_after_it_made_one_loses_nothing(site: Site) -> None:
    """The key made in the state folder still decrypts what it encrypted."""
    assert site("", "first")["opens"]
    found = site(A)
    assert (found["unreadable"], found["outdated"], found["opens"]) == (0, 1, True)


@pytest.mark.xdist_group("starts")
def test_a_site_may_move_from_its_own_key_to_the_environment_s_and_back(tmp_path: Path, site: Site) -> None:
    site(A, "first")
    site(A, "enable")
    key = Fernet.generate_key().decode()
    assert site(A, FIELD_ENCRYPTION_KEYS=key)["opens"]
    assert site(A, "rotate", FIELD_ENCRYPTION_KEYS=key)["opens"]
    (tmp_path / "state" / "field-encryption-key").unlink()
    assert site(A, FIELD_ENCRYPTION_KEYS=key)["opens"]
    assert not site(A)["opens"]
