"""The Python packages dataverse-api and dynamics-client drive the sandbox.

They are no part of the project: they are installed by a file with versions and hashes into the user's cache, and the
test says why when it is left out.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.testing import Sandbox
from tests.sandbox.conftest import ask_token, plain_session

HERE = Path(__file__).parent / "python"
INSTALL_S = 90


@pytest.fixture(scope="session")
def packages() -> Path:
    """Return a folder with the packages. Skips with the reason where they cannot be had."""
    version = hashlib.sha256((HERE / "requirements.txt").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tandem-tests" / f"python-{version}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / ".installed").exists():
            command = [
                sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
                "--only-binary", ":all:", "--require-hashes", "--target", str(cache), "-r",
                str(HERE / "requirements.txt"),
            ]  # fmt: skip
            try:
                made = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
            except subprocess.TimeoutExpired:
                pytest.skip("pip did not bring the packages in time, so they cannot be tried.")
            if made.returncode:
                pytest.skip(f"pip cannot bring the packages: {made.stderr.strip().splitlines()[-1:]}")
            (cache / ".installed").touch()
    return cache


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
