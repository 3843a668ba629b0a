"""The npm packages dynamics-web-api and @odata/client drive the sandbox from Node scripts.

They are not part of the project: they are installed by their lock file (versions and hashes) into the user's cache when
node and npm are there, and the test says why when it is left out.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.testing import Sandbox
from tests.foreign_clients.conftest import install_once
from tests.sandbox.conftest import ask_token, plain_session

HERE = Path(__file__).parent / "npm"


@pytest.fixture(scope="session")
def installed() -> Path:
    """Return a folder with the packages installed. Skips with the reason where that fails."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed, so its packages cannot be tried.")
    return install_once("npm", HERE / "package-lock.json", _installing)


def _installing(folder: Path) -> list[str]:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder / name)
    return ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]


@pytest.mark.parametrize("name", ["witness.mjs", "odata.mjs"])
def test_every_step_of_the_npm_script_succeeds(installed: Path, sandbox: Sandbox, name: str) -> None:
    form = {"grant_type": "password", "username": sandbox.admin_user, "password": sandbox.admin_password}
    token = ask_token(sandbox, plain_session(sandbox), **form).json()["access_token"]
    script = installed / name
    shutil.copy(HERE / name, script)
    ran = subprocess.run(
        ["node", str(script)],
        input=json.dumps({"url": sandbox.environment_url, "token": token}),
        env={**os.environ, "NODE_EXTRA_CA_CERTS": sandbox.ca_file},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    steps = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [f"{one['name']}: {one['error']}" for one in steps if not one["ok"]] == [], ran.stderr
    assert len(steps) == (HERE / name).read_text().count("\nstep(")
    assert ran.returncode == 0, ran.stderr
