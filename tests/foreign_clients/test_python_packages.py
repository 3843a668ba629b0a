"""The Python packages dataverse-api and dynamics-client drive the sandbox.

They are no part of the project: they are installed by a file with versions and hashes into the user's cache, and the
test says why when it is left out.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.testing import Sandbox
from tests.foreign_clients.conftest import install_once
from tests.sandbox.conftest import ask_token, plain_session

HERE = Path(__file__).parent / "python"


@pytest.fixture(scope="session")
def packages() -> Path:
    """Return a folder with the packages. Skips with the reason where they cannot be had."""
    return install_once("python", HERE / "requirements.txt", _installing)


def _installing(folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary",
        ":all:", "--require-hashes", "--target", str(folder), "-r", str(HERE / "requirements.txt"),
    ]  # fmt: skip


def test_every_step_of_the_python_packages_succeeds(packages: Path, sandbox: Sandbox) -> None:
    form = {"grant_type": "password", "username": sandbox.admin_user, "password": sandbox.admin_password}
    token = ask_token(sandbox, plain_session(sandbox), **form).json()["access_token"]
    given = {
        "url": sandbox.environment_url, "authority": sandbox.authority, "ca_file": sandbox.ca_file, "token": token,
        "client_id": sandbox.client_id, "client_secret": sandbox.client_secret,
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, str(HERE / "witness.py")],
        input=json.dumps(given), capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(packages), "SSL_CERT_FILE": sandbox.ca_file},
    )  # fmt: skip
    steps = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [f"{one['name']}: {one['error']}" for one in steps if not one["ok"]] == [], ran.stderr
    assert len(steps) == (HERE / "witness.py").read_text().count("\n@step("), ran.stderr
