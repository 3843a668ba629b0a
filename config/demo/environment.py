"""The sandbox beside the demo: a process of its own, spoken to over HTTPS like the real thing."""

import json
import select
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config.serve import SiteFailed, free_port, spawn, stop_process

_START_S = 60.0


class EnvironmentFailed(Exception):
    """The sandbox did not start or refused a call; the text says why."""


class Environment:
    """A running sandbox; `facts` is what it printed: address, tenant, application, secret.

    They are kept in `file` too, for `manage.py connection --sandbox`, and so that the next start listens where this one
    did: the connections made to it go on working.
    """

    def __init__(self, state: Path, log: Path) -> None:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log = log
        self.file = state.with_name("sandbox.json")
        with log.open("ab") as stderr:
            self._logged = stderr.tell()
            self._process = spawn(
                [sys.executable, "manage.py", "sandbox", "--json", "--port", str(self._port()), "--state", str(state)],
                environment={"SANDBOX_ALLOWED": "1"},
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        try:
            line = self._first_line()
            self.facts: dict[str, str] = json.loads(line)
        except BaseException:
            self.stop()
            raise
        self.url = self.facts["environment_url"].rstrip("/")
        self.file.write_text(line)  # readable by its owner alone, as everything we make
        self._context = ssl.create_default_context(cafile=self.facts["ca_file"])

    def _port(self) -> int:
        """Return the port of the last time where it is free, else 0 for another one."""
        try:
            url = str(json.loads(self.file.read_text())["environment_url"])
            return free_port(urlsplit(url).port or 0)
        except (OSError, ValueError, KeyError, TypeError, SiteFailed):
            return 0

    def stop(self) -> None:
        """End it."""
        stop_process(self._process, 10)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one control call, such as POST /_sandbox/load, and return its answer. Raises EnvironmentFailed."""
        request = urllib.request.Request(  # noqa: S310 - the address the sandbox gave
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._context)
        )
        try:
            with opener.open(request, timeout=60) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            raise EnvironmentFailed(f"The sandbox refused {method} {path}: {error.code} {said}") from None
        except OSError as error:
            raise EnvironmentFailed(f"The sandbox does not answer ({error}). See {self._log}") from None
        return json.loads(content) if content.strip() else None

    def rows(self, entity_set: str) -> list[dict[str, Any]]:
        """Return all rows of an entity set."""
        answer = self.call("GET", f"/_sandbox/rows/{entity_set}")
        found: list[dict[str, Any]] = answer["value"] if isinstance(answer, dict) else answer
        return found

    def load(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Put rows into it, by entity set."""
        self.call("POST", "/_sandbox/load", {name: its for name, its in rows.items() if its})

    def written(self) -> int:
        """Return how many rows its Web API has written so far."""
        return int(self.call("GET", "/_sandbox/requests")["rows_written"])

    def _first_line(self) -> str:
        """Return the line it prints once it listens. Raises EnvironmentFailed."""
        pipe = self._process.stdout
        assert pipe is not None
        until = time.monotonic() + _START_S
        while time.monotonic() < until and self._process.poll() is None:
            if select.select([pipe], [], [], 0.5)[0]:
                line = pipe.readline().decode()
                if line.strip():
                    return line
        raise EnvironmentFailed(f"The sandbox did not start{self._said()}. See {self._log}")

    def _said(self) -> str:
        """Return what it complained about last, to follow "did not start"."""
        with self._log.open("rb") as log:
            log.seek(self._logged)
            lines = log.read().decode(errors="replace").strip().splitlines()
        return f": {lines[-1].removeprefix('CommandError: ').rstrip('.')}" if lines else ""
