"""A state folder that is in use is refused to whoever starts a second site on it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from config.serve import SiteFailed
from config.state_in_use import hold_state_folder
from tests.serve.test_serve import processes
from tests.starts import Starter


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return {**kept, "STATE_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings", "SANDBOX_ALLOWED": "1"}


@pytest.fixture
def serving(tmp_path: Path, migrated: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start a site on the folder; provide the process and its address."""
    shutil.copy(migrated, tmp_path)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", "0", "--without-worker"], cwd=settings.BASE_DIR,
        env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    yield process, process.stdout.readline().split()[1]
    for pid in processes(tmp_path):
        os.kill(pid, signal.SIGKILL)
    process.wait()


@pytest.mark.xdist_group("starts")
@pytest.mark.processes
@pytest.mark.sample
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_second_run_or_demo_is_refused_with_a_sentence_and_starts_nothing(
    serving: tuple["subprocess.Popen[str]", str], tmp_path: Path, starter: Starter
) -> None:
    process, url = serving
    (output := tmp_path / "output").mkdir()
    before = set(processes(tmp_path))
    for words in (("serve", "--port", "0"), ("demo",), ("demo", "--once")):
        refused = starter.run(list(words), environment(tmp_path), output)
        assert refused.returncode == 1
        assert refused.stdout == ""
        told = refused.stderr.removeprefix("CommandError: ")
        assert told.startswith(f"The state folder {tmp_path} is in use by make run at {url} (process {process.pid}).")
        assert "STATE_DIR=.state-2 PORT=8001 make run" in told
        assert len(told.splitlines()) == 1
        assert not (tmp_path / "sandbox.json").exists()
    assert set(processes(tmp_path)) == before
    process.kill()  # it leaves the file, and holds nothing
    process.wait()
    with subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", "0", "--without-worker"], cwd=settings.BASE_DIR,
        env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as next_one:  # fmt: skip
        assert next_one.stdout is not None
        assert next_one.stdout.readline().startswith("READY ")
        next_one.terminate()


def test_the_folder_is_free_again_afterwards(settings: object, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path  # type: ignore[attr-defined]
    for _ in range(2):
        with hold_state_folder("make run") as tell:
            tell("http://127.0.0.1:1")
            with pytest.raises(SiteFailed, match="is in use by make run at http:"), hold_state_folder("x"):
                pass
    assert (tmp_path / "in-use").read_text() == ""
    assert (tmp_path / "in-use").stat().st_mode & 0o077 == 0
