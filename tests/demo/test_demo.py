"""`make demo ARGS=--once`, as a person runs it: its own state folder, processes and ports."""

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings

pytestmark = [pytest.mark.big, pytest.mark.timeout(300)]


def demo(state):
    known = {
        k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL", "EXTRA_APPS", "STATE_DIR", "PORT"}
    }
    return subprocess.run(
        [sys.executable, "manage.py", "demo", "--once"],
        cwd=settings.BASE_DIR,
        env={**known, "STATE_DIR": str(state), "SANDBOX_ALLOWED": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def row(text, name):
    found = re.search(rf"^\s+{name}\s+([\d,]+)\s+([\d,]+)$", text, re.MULTILINE)
    assert found, f"{name} is not in\n{text}"
    return tuple(int(number.replace(",", "")) for number in found.groups())


def test_the_demo_couples_synchronizes_and_finds_nothing_to_do_the_second_time(tmp_path):
    first = demo(tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    text = first.stdout
    assert row(text, "Customers coupled by criteria")[0] > 150
    assert row(text, "Customers coupled by criteria")[1] == 0
    assert row(text, "No match")[0] > 0
    assert row(text, "Multiple matches")[0] > 0
    assert row(text, "Already coupled")[0] > 0
    assert row(text, "Customers created here")[0] > 30
    assert row(text, "Accounts created in Dataverse")[0] > 100
    assert row(text, "Records modified")[0] > 50
    assert row(text, "Rows written in Dataverse")[0] > 100
    for nothing in ("Customers created here", "Accounts created in Dataverse", "Records modified", "Rows written"):
        assert row(text, nothing + (" in Dataverse" if nothing == "Rows written" else ""))[1] == 0
    ready = re.search(r"^READY (http://127\.0\.0\.1:\d+) admin (\S+)$", text, re.MULTILINE)
    assert ready, text
    assert "Traceback" not in text + first.stderr

    again = demo(tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"admin {ready[2]}" in again.stdout
    assert "has its data already" in again.stdout
    assert row(again.stdout, "Rows written in Dataverse") == (0, 0)


def test_a_sandbox_that_does_not_start_says_why(tmp_path):
    kept = tmp_path / "sandbox"
    kept.mkdir()
    (kept / "environment.rows").write_bytes(b"of another version")
    done = demo(tmp_path)
    assert done.returncode == 1
    assert "The sandbox did not start: " in done.stderr
    assert "environment.rows is no kept environment" in done.stderr
    assert "Traceback" not in done.stderr
