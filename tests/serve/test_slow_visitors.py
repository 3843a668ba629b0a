"""The web server and visitors who send slowly, or far too much."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from tests.serve.test_serve import processes

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.xdist_group("slow visitors"),  # of one site: starting it takes longer than most of what is tried on it
]
ARRIVAL_S = 2


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide the state folder of the site."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def address(state: Path, migrated: Path) -> Iterator[tuple[str, int]]:
    """Say where a site listens; its web server writes uploads into the folder `uploads`."""
    shutil.copy(migrated, state)
    (state / "uploads").mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", "0", "--without-worker"], cwd=settings.BASE_DIR,
        env={**kept, "STATE_DIR": str(state), "DJANGO_SETTINGS_MODULE": "config.settings", "EXTRA_APPS": "",
             "TMPDIR": str(state / "uploads"), "REQUEST_ARRIVAL_S": str(ARRIVAL_S)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    site = urlsplit(process.stdout.readline().split()[1])
    yield str(site.hostname), int(site.port or 0)
    for pid in processes(state):
        os.kill(pid, signal.SIGKILL)
    process.wait()


def post(address: tuple[str, int], length: int, body: bytes = b"") -> socket.socket:
    """Send a form whose body has only begun."""
    visitor = socket.create_connection(address)
    cookie = f"Cookie: csrftoken={'x' * 32}\r\n"  # with one the body is looked through for its twin
    head = f"POST /sign-in/ HTTP/1.1\r\nHost: {address[0]}\r\n{cookie}Content-Length: {length}\r\n"
    visitor.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode() + body)
    return visitor


def answer_of(visitor: socket.socket, seconds: float) -> str:
    """Return the answer's first line."""
    visitor.settimeout(seconds)
    with contextlib.suppress(ConnectionResetError):
        return visitor.recv(4096).decode().partition("\r\n")[0]
    return "reset"


@pytest.mark.sample
def test_slow_bodies_end_and_the_site_answers_others_meanwhile(address: tuple[str, int]) -> None:
    slow = [post(address, 1000, b"--x") for _ in range(24)]
    began = time.monotonic()
    with urllib.request.urlopen(f"http://{address[0]}:{address[1]}/sign-in/", timeout=60) as page:
        assert page.status == 200
    assert time.monotonic() - began < 20
    told = {answer_of(visitor, 60) for visitor in slow}
    assert told <= {"HTTP/1.1 408 Request Timeout", "HTTP/1.1 503 Service Unavailable"}
    assert "HTTP/1.1 408 Request Timeout" in told


@pytest.mark.sample
def test_whoever_sends_at_the_usual_speed_is_answered_while_many_forms_dribble_in(address: tuple[str, int]) -> None:
    """From the same address even, and with pages between: a form that is here needs no place among those that wait."""
    slow = [post(address, 1000, b"--x") for _ in range(24)]
    form = b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\nada\r\n--x--\r\n'
    until, answers, longest = time.monotonic() + ARRIVAL_S, set(), 0.0
    while time.monotonic() < until:
        began = time.monotonic()
        visitor = post(address, len(form), form)
        answers.add(answer_of(visitor, 20))
        visitor.close()
        longest = max(longest, time.monotonic() - began)
    assert answers == {"HTTP/1.1 403 Forbidden"}, "the form has no token, so Django answered"
    assert longest < 1
    assert {answer_of(visitor, 60) for visitor in slow} <= {
        "HTTP/1.1 408 Request Timeout",
        "HTTP/1.1 503 Service Unavailable",
    }


def test_slow_heads_end_too(address: tuple[str, int]) -> None:
    slow = [socket.create_connection(address) for _ in range(24)]
    for visitor in slow:
        visitor.sendall(b"GET /sign-in/ HTTP/1.1\r\nX-More: ")
    began = time.monotonic()
    with urllib.request.urlopen(f"http://{address[0]}:{address[1]}/sign-in/", timeout=60) as page:
        assert page.status == 200
    assert time.monotonic() - began < 20
    assert {answer_of(visitor, 60) for visitor in slow} <= {"", "reset"}


def test_whoever_does_not_take_answers_keeps_nobody_waiting(address: tuple[str, int]) -> None:
    site = f"http://{address[0]}:{address[1]}"
    with urllib.request.urlopen(f"{site}/sign-in/", timeout=60) as page:
        style = re.findall(r"/static/ui/components[^\"]*[.]css", page.read().decode())[0]
    asked = f"GET {style} HTTP/1.1\r\nHost: {address[0]}\r\nX-A: {'a' * 7000}\r\nX-B: {'b' * 7000}\r\n\r\n".encode()
    left = {}
    for _ in range(24):
        visitor = socket.socket()
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        visitor.connect(address)
        visitor.setblocking(False)
        left[visitor] = asked * 400
    ended: set[socket.socket] = set()
    until = time.monotonic() + 60
    while len(ended) < len(left) and time.monotonic() < until:
        for visitor, rest in left.items():
            try:
                left[visitor] = rest[visitor.send(rest[:200_000]) :]
            except BlockingIOError:
                continue
            except OSError:
                ended.add(visitor)
        time.sleep(0.05)
    assert len(ended) == len(left)
    for _ in range(8):
        with urllib.request.urlopen(f"{site}/sign-in/", timeout=20) as page:
            assert page.status == 200


@pytest.mark.sample
def test_a_stranger_s_400_mb_are_refused_and_nothing_is_written(address: tuple[str, int], state: Path) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    visitor = post(address, 400 * 2**20, part)
    assert answer_of(visitor, 60) == "HTTP/1.1 413 Request Entity Too Large"
    sent = 0
    with contextlib.suppress(OSError):
        while sent < 400 * 2**20:
            sent += visitor.send(b"0" * 2**20)
    assert sent < 100 * 2**20, "somebody reads on"
    assert not list((state / "uploads").glob("*.upload*"))
