"""The whole house in one command: web server, worker and beat as children of one process, which restarts what dies.

    with Site(port=8000) as site:
        site.wait_until_serving()
        ...
        site.serve_forever()

The children's output goes to `log/` in the state folder. They end with their parent, even when it is killed.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

from accounts.people import save_user
from config.env import private_file
from core.roles import Role

_GRACE_S = 25.0
"""Seconds children get to end by themselves: a slice ends at its next checkpoint, a request at its time-out."""
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class SiteFailed(Exception):
    """The site could not be started; the text says why and what to do."""


def free_port(port: int, host: str = "127.0.0.1") -> int:
    """Return the port, if nothing listens on it; for 0 one that is free. Raises SiteFailed with a sentence."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SiteFailed(
                f"Port {port} cannot be used ({error.strerror}). Stop the program that uses it, or choose another "
                "port, for example: PORT=8001 make run"
            ) from None
        return int(probe.getsockname()[1])


def spawn(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a child that gets SIGTERM when the calling thread ends, however that happens (on Linux).

    It has a process group of its own, so that Ctrl-C reaches the parent alone, which then stops its children in order.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return subprocess.Popen(  # noqa: S603 - our own programs  # nosec B603
        list(arguments),
        cwd=settings.BASE_DIR,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def stop_process(process: "subprocess.Popen[bytes]", grace_s: float = _GRACE_S) -> None:
    """SIGTERM, then after `grace_s` SIGKILL to the child and its own children."""
    stop_processes([process], grace_s)


def stop_processes(processes: "Sequence[subprocess.Popen[bytes]]", grace_s: float = _GRACE_S) -> None:
    """Stop several children at once."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    until = time.monotonic() + grace_s
    for process in processes:
        try:
            process.wait(timeout=max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            _kill_group(process)
            process.wait()


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()


@dataclass(slots=True)
class _Child:
    name: str
    arguments: list[str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    deaths: int = 0
    not_before: float = 0.0


@dataclass
class Site:
    """Web server, worker and beat on one database and state folder.

    `environment` overrides variables for the children (their DATABASE_URL, for example); `say` gets a line when a
    child had to be restarted.
    """

    port: int = 0
    host: str = "127.0.0.1"
    worker: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: T201

    def __post_init__(self) -> None:
        self.port = free_port(self.port, self.host)
        self.logs = Path(settings.STATE_DIR) / "log"
        self.logs.mkdir(mode=0o700, exist_ok=True)
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="site", daemon=True)
        self._children = [self._child("web", "gunicorn", *self._web_arguments())]
        if self.worker:
            celery = ("celery", "-A", "config")
            self._children += [
                self._child(
                    "worker", *celery, "worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "INFO",
                    "--without-gossip", "--without-mingle", "--hostname", f"tandem-{os.getpid()}@%h",
                ),
                self._child("beat", *celery, "beat", "--loglevel", "WARNING", "--pidfile", ""),
            ]  # fmt: skip

    @property
    def url(self) -> str:
        """The site's address."""
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> "Site":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the children and the thread that restarts them."""
        self._keeper.start()

    def stop(self) -> None:
        """Stop the children: the worker ends its slices and gives their leases back."""
        self._stop.set()
        if self._keeper.is_alive() and self._keeper is not threading.current_thread():
            self._keeper.join()

    def wait_until_serving(self, timeout_s: float = 60.0) -> None:
        """Return once the site answers. Raises SiteFailed with the end of the web server's log."""
        until = time.monotonic() + timeout_s
        web = self._children[0]
        while time.monotonic() < until:
            if self._answers():
                return
            if web.deaths >= 3:
                raise SiteFailed(f"The web server does not start. The end of {web.log}:\n{_tail(web.log)}")
            time.sleep(0.1)
        raise SiteFailed(f"The web server did not answer within {timeout_s:.0f} s. See {web.log}:\n{_tail(web.log)}")

    def serve_forever(self) -> None:
        """Wait until stop() is called or a signal raises in this thread."""
        while not self._stop.wait(3600):
            pass

    def _answers(self) -> bool:
        request = urllib.request.Request(f"{self.url}/", headers={"User-Agent": "tandem-serve"})  # noqa: S310 - http
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=5) as answer:
                return bool(answer.status < 500)
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False

    def _web_arguments(self) -> list[str]:
        return [
            "config.wsgi:application", "--bind", f"{self.host}:{self.port}", "--workers", "2", "--threads", "6",
            "--worker-class", "config.web_worker.PunctualThreadWorker", "--timeout", "120",
            "--graceful-timeout", "15", "--no-control-socket",
        ]  # fmt: skip

    def _child(self, name: str, module: str, *arguments: str) -> _Child:
        log = self.logs / f"{name}.log"
        if log.exists() and log.stat().st_size > 5_000_000:
            log.replace(log.with_suffix(".log.1"))
        return _Child(name, [sys.executable, "-m", module, *arguments], log)

    def _keep(self) -> None:
        """Start, watch and stop the children; all from one thread, which they die with."""
        try:
            while not self._stop.is_set():
                for child in self._children:
                    self._look_after(child)
                self._stop.wait(0.25)
        finally:
            stop_processes([child.process for child in self._children if child.process is not None])

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None:
            if now - child.started > 60:
                child.deaths = 0
            child.deaths += 1
            wait = min(30.0, 0.5 * 2 ** (child.deaths - 1))
            child.not_before = now + wait
            self.say(f"The {child.name} ended (code {child.process.returncode}); starting it again. See {child.log}")
            _kill_group(child.process)
            child.process = None
        if child.process is None and now >= child.not_before and not self._stop.is_set():
            with child.log.open("ab") as log:
                # Checks that import every page are of no use to a worker; whoever starts the site makes them.
                own = {"PORT": str(self.port), "CELERY_SKIP_CHECKS": "1", **self.environment}
                child.process = spawn(child.arguments, environment=own, stdout=log, stderr=subprocess.STDOUT)
            child.started = now


def _tail(log: Path, lines: int = 20) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(there is no log)"


def prepare() -> None:
    """Bring the database's tables and the static files up to date."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def sign_in() -> tuple[str, str] | None:
    """Name and password of the first administrator, made when nobody can sign in yet.

    The password is kept in the state folder, readable by its owner alone, so that the next start can tell it again;
    None once the people here have passwords of their own.
    """
    kept = Path(settings.STATE_DIR) / "admin-password"
    people = get_user_model().objects
    if not people.exists():
        _, _, password = save_user(name="admin", role=Role.ADMINISTRATOR)
        kept.unlink(missing_ok=True)
        return "admin", private_file(kept, password)
    admin = people.filter(username="admin", is_active=True).first()
    password = kept.read_text().strip() if kept.exists() else ""
    if admin is not None and password and admin.check_password(password):
        return "admin", password
    return None


def ready_line(site: Site, who: tuple[str, str] | None) -> str:
    """Return the line that says the site serves: READY ADDRESS USER PASSWORD (dashes where the passwords are people's
    own).
    """
    name, password = who or ("-", "-")
    return f"READY {site.url} {name} {password}"


def stop_on_signals() -> None:
    """Let SIGTERM end this process like Ctrl-C does, so that `with` blocks stop what they started."""

    def stop(number: int, _: object) -> None:
        raise SystemExit(128 + number if number != signal.SIGTERM else 0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
