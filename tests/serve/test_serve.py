"""manage.py serve: one command starts everything, restarts what dies, and leaves nothing behind."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from config.serve import Site, SiteFailed, free_port, ready_line, sign_in


def processes(folder: Path) -> dict[int, str]:
    """Return the processes that work in a state folder: pid -> command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if works_in(folder, entry):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return {pid: line for pid, line in found.items() if line}


def works_in(folder: Path, process: Path) -> bool:
    """Whether its environment names the folder, or it writes there; a process title may stand over the environment."""
    named = f"STATE_DIR={folder}\0".encode() in (process / "environ").read_bytes()
    return named or (process / "fd" / "1").readlink().is_relative_to(folder)


def until(holds: Callable[[], object], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def site(tmp_path: Path, migrated: Path) -> Iterator[tuple["subprocess.Popen[str]", Path, str, str]]:
    """Provide a served site: its process, its state folder, its address, its administrator's password."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environment |= {"STATE_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings", "JOB_TICK_S": "1"}
    options = {"cwd": settings.BASE_DIR, "env": environment, "text": True}
    shutil.copy(migrated, tmp_path)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )
    assert process.stdout is not None
    word, url, name, password = process.stdout.readline().split()
    assert (word, name) == ("READY", "admin")
    yield process, tmp_path, url, password
    for pid in processes(tmp_path):
        os.kill(pid, signal.SIGKILL)
    process.wait()


@pytest.mark.processes
@pytest.mark.sample
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_site_answers_restarts_its_worker_and_leaves_no_orphans(site):
    process, folder, url, password = site
    kept = folder / "admin-password"
    assert kept.read_text() == password
    assert kept.stat().st_mode & 0o777 == 0o600
    with urllib.request.urlopen(f"{url}/sign-in/", timeout=10) as answer:
        assert answer.status == 200
        assert b"csrfmiddlewaretoken" in answer.read()

    def worker() -> set[int]:
        return {pid for pid, line in processes(folder).items() if "celery" in line and " worker " in line}

    assert until(worker)
    first = worker()
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    assert until(lambda: worker() - first)

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=40) == 0
    assert processes(folder) == {}


@pytest.mark.processes
@pytest.mark.sample
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_children_end_when_their_parent_is_killed(site):
    process, folder, _, _ = site
    assert len(processes(folder)) > 3
    process.kill()
    process.wait()
    assert until(lambda: not processes(folder), 30), processes(folder)


def test_a_port_in_use_is_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SiteFailed, match=f"Port {port} cannot be used"):
            free_port(port)
        with pytest.raises(CommandError, match="choose another port"):
            call_command("serve", "--port", str(port))


def test_the_first_administrator_is_made_once_and_told_again_until_the_password_changes(
    db, django_user_model, tmp_path
):
    (Path(settings.STATE_DIR) / "admin-password").unlink(missing_ok=True)
    first = sign_in()
    assert first is not None
    assert sign_in() == first
    admin = django_user_model.objects.get()
    assert (admin.username, admin.is_staff, list(admin.groups.values_list("name", flat=True))) == (
        "admin",
        True,
        ["Administrator"],
    )
    admin.set_password("Autumn-leaves-42")
    admin.save()
    assert sign_in() is None

    there = Site(port=0)
    assert ready_line(there, None) == f"READY http://127.0.0.1:{there.port} - -"
    assert ready_line(there, first) == f"READY http://127.0.0.1:{there.port} admin {first[1]}"
