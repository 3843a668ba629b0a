"""`make demo ARGS=--once`, as a person runs it: its own state folder, processes and ports."""

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys

import pytest
from django.conf import settings

from tests.tables import is_migrated, one_migration_behind

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


def run(state, *words):
    known = {
        k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL", "EXTRA_APPS", "STATE_DIR", "PORT"}
    }
    return {
        "args": [sys.executable, "manage.py", *words],
        "cwd": settings.BASE_DIR,
        "env": {**known, "STATE_DIR": str(state), "SANDBOX_ALLOWED": "1"},
        "text": True,
    }


def demo(state):
    return subprocess.run(**run(state, "demo", "--once"), capture_output=True, timeout=240, check=False)


@contextlib.contextmanager
def served(state):
    """Return the demo while it serves: what it printed until then."""
    with subprocess.Popen(**run(state, "demo"), stdout=subprocess.PIPE) as process:
        try:
            yield "".join(
                iter(lambda: process.stdout.readline(), "Ctrl-C stops everything; the data stays for the next time.\n")
            )
        finally:
            process.terminate()


def connection(state, what, company, *words):
    said = subprocess.run(
        **run(state, "connection", what, "--company", company, "--json", *words), capture_output=True, check=False
    )
    return said.returncode, json.loads(said.stdout)


def row(text, name):
    found = re.search(rf"^\s+{name}\s+([\d,]+)\s+([\d,]+)$", text, re.MULTILINE)
    assert found, f"{name} is not in\n{text}"
    return tuple(int(number.replace(",", "")) for number in found.groups())


def of_mapping(text, name):
    """Return what became of a mapping's records: coupled, created here and there, changed here and there, failed,
    again.
    """
    found = re.search(rf"^\s+{name}((?:\s+[\d,]+){{7}})$", text, re.MULTILINE)
    assert found, f"{name} is not in\n{text}"
    return [int(number.replace(",", "")) for number in found[1].split()]


COUPLED, HERE, THERE = range(3)
DONE = {
    "SALESPEOPLE": {COUPLED}, "CURRENCY": {COUPLED}, "PAYMENT TERMS": {COUPLED, THERE},
    "SHIPMENT METHOD": {COUPLED, THERE}, "SHIPPING AGENT": {COUPLED, THERE}, "CUSTOMER": {COUPLED, HERE, THERE},
    "VENDOR": {COUPLED, HERE, THERE}, "CONTACT": {COUPLED, HERE, THERE}, "UNIT OF MEASURE": {COUPLED, THERE},
    "ITEM-PRODUCT": {COUPLED, HERE, THERE}, "RESOURCE-PRODUCT": {COUPLED, HERE, THERE},
    "CUSTPRCGRP-PRICE": {COUPLED, THERE}, "SALESPRC-PRODPRICE": {COUPLED, THERE}, "OPPORTUNITY": {COUPLED, HERE, THERE},
}  # fmt: skip


@pytest.mark.sample
def test_the_demo_couples_synchronizes_and_finds_nothing_to_do_the_second_time(tmp_path, migrated):
    one_migration_behind(tmp_path, migrated)  # an empty folder's tables take as long to make as all that follows
    first = demo(tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    text = first.stdout
    assert row(text, "Customers coupled by criteria")[0] > 150
    assert row(text, "Customers coupled by criteria")[1] == 0
    for coupled in ("Vendors coupled by criteria", "Contacts coupled by criteria", "Choices coupled by criteria"):
        assert row(text, coupled)[0] > 0
        assert row(text, coupled)[1] == 0
    for name, least in DONE.items():
        numbers = of_mapping(text, name)
        assert {at for at in (COUPLED, HERE, THERE) if numbers[at]} >= least, (name, numbers)
        assert numbers[-1] == 0, name
    assert row(text, "Choices created in Dataverse") == (9, 0)
    assert row(text, "Records of sales coupled by criteria") == (50, 0)
    assert row(text, "Records of sales created on either side") == (149, 0)
    failed, left = row(text, "Records that failed to synchronize"), row(text, "of these left when the round ended")
    assert 30 > failed[0] > left[0] == left[1] >= failed[1] > 0, "what could heal did so in the first round"
    assert row(text, "Likely duplicates that wait for a person") == (16, 16)
    assert row(text, "Multiple matches") == (11, 11)
    assert row(text, "Already coupled") == (4, 4)
    assert "16 likely duplicates wait for a person and were not created: settle them on Integration Synchr" in text
    assert row(text, "No match")[0] > 0
    assert row(text, "Customers created here")[0] > 30
    assert row(text, "Accounts created in Dataverse")[0] > 100
    assert row(text, "Records modified")[0] > 50
    assert row(text, "Rows written in Dataverse")[0] > 100
    for nothing in ("Customers created here", "Accounts created in Dataverse", "Records modified", "Rows written"):
        assert row(text, nothing + (" in Dataverse" if nothing == "Rows written" else ""))[1] == 0
    ready = re.search(r"^READY (http://127\.0\.0\.1:\d+) admin (\S+)$", text, re.MULTILINE)
    assert ready, text
    assert "Traceback" not in text + first.stderr
    assert is_migrated(tmp_path)

    again = demo(tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"admin {ready[2]}" in again.stdout
    assert "has its data already" in again.stdout
    assert row(again.stdout, "Rows written in Dataverse") == (0, 0)


@pytest.mark.sample
def test_a_sandbox_that_does_not_start_says_why(tmp_path, migrated):
    shutil.copy(migrated, tmp_path)
    kept = tmp_path / "sandbox"
    kept.mkdir()
    (kept / "environment.rows").write_bytes(b"of another version")
    done = demo(tmp_path)
    assert done.returncode == 1
    assert "The sandbox did not start: " in done.stderr
    assert "environment.rows cannot be read as a saved environment" in done.stderr
    assert "delete that file to start with a new environment" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_second_company_can_be_connected_with_what_is_printed_and_stays_connected(tmp_path):
    other = "Sandpiper Outdoor Supply"
    names = ("Environment URL", "Tenant ID", "Client ID", "Client Secret")
    with served(tmp_path) as text:
        told = {name: found[1] for name in names if (found := re.search(rf"^  {name} +(\S+)$", text, re.MULTILINE))}
        assert set(told) == set(names), text
        (tmp_path / "secret").write_text(told["Client Secret"])
        typed = ("--environment-url", told["Environment URL"], "--tenant", told["Tenant ID"])
        typed += ("--client-id", told["Client ID"], "--client-secret-file", str(tmp_path / "secret"))
        code, said = connection(tmp_path, "enable", other, *typed)
        assert (code, said.get("enabled")) == (0, True), said
    assert stat.S_IMODE((tmp_path / "sandbox.json").stat().st_mode) == 0o600
    with served(tmp_path) as text:
        assert "Client Secret" not in text
        code, said = connection(tmp_path, "test", other)
        assert (code, said["ok"]) == (0, True), said
