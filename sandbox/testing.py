"""A sandbox inside a test's process: real HTTPS on a free port."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from sandbox.environment import Environment, Snapshot
from sandbox.service.server import Server, connection_details


def _direct_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


@dataclass
class Sandbox:
    """A running sandbox: the fields of the command's JSON line, and its control calls."""

    environment_url: str
    authority: str
    tenant_id: str
    client_id: str
    client_secret: str
    admin_user: str
    admin_password: str
    ca_file: str
    environment: Environment
    server: Server
    _session: requests.Session = field(default_factory=_direct_session, init=False, repr=False)

    def line(self) -> dict[str, str]:
        """Return what `manage.py sandbox --json` prints as its first line."""
        return connection_details(self.server)

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Make a control call (path below /_sandbox/); return its JSON. Raises requests.HTTPError with its message."""
        answer = self._session.request(
            method,
            f"{self.environment_url}/_sandbox/{path}",
            json=body,
            verify=self.ca_file,
            timeout=300,
            headers={"Accept": "application/json"},
        )
        if answer.status_code >= 400:
            raise requests.HTTPError(f"{answer.status_code}: {answer.text}", response=answer)
        return answer.json()

    def close(self) -> None:
        """Make no more control calls over the connections there are."""
        self._session.close()

    def load(self, content: Mapping[str, Sequence[Mapping[str, object]]]) -> dict[str, int]:
        """Load rows by entity set; return the number of rows per set."""
        loaded: dict[str, int] = self.control("POST", "load", content)["loaded"]
        return loaded

    def rows(self, entity_set: str, *select: str) -> list[dict[str, Any]]:
        """Return all rows of a table, with all columns or the selected ones."""
        query = f"?$select={','.join(select)}" if select else ""
        found: list[dict[str, Any]] = self.control("GET", f"rows/{entity_set}{query}")
        return found

    def requests(self) -> dict[str, Any]:
        """Return the counts of requests to the Web API."""
        found: dict[str, Any] = self.control("GET", "requests")
        return found

    def reset(self, to: Snapshot | None = None) -> None:
        """Go back to the content at the start, or to a snapshot of the environment."""
        self.environment.reset(to)


@contextmanager
def running(*, empty: bool = False, port: int = 0, ca_file: Path | str | None = None) -> Iterator[Sandbox]:
    """Serve a sandbox until the block ends. Without `ca_file` its authority is in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        server = Server(Environment(empty=empty), Path(ca_file or Path(folder) / "sandbox-ca.pem"), port)
        server.start()
        sandbox = Sandbox(**connection_details(server), environment=server.environment, server=server)
        try:
            yield sandbox
        finally:
            sandbox.close()
            server.stop()
