"""A signed-in client of the sandbox that uses plain requests and no library of ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from sandbox.testing import Sandbox, running


def plain_session(sandbox: Sandbox) -> requests.Session:
    """Return a session that trusts the sandbox alone, whatever bundle the machine's environment names."""
    session = requests.Session()
    session.trust_env = False
    session.verify = sandbox.ca_file
    return session


def ask_token(sandbox: Sandbox, session: requests.Session, **form: str) -> requests.Response:
    """Return the token endpoint's answer to a valid form, in which `form` replaces parts."""
    whole = {
        "grant_type": "client_credentials",
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "scope": f"{sandbox.environment_url}/.default",
        **form,
    }
    return session.post(f"{sandbox.authority}/oauth2/v2.0/token", data=whole, timeout=30)


@dataclass
class Api:
    """The Web API as the application's user."""

    sandbox: Sandbox
    session: requests.Session

    @property
    def base(self) -> str:
        return f"{self.sandbox.environment_url}/api/data/v9.2/"

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        address = path if path.startswith("https://") else self.base + path
        return self.session.request(method, address, timeout=60, **options)

    def get(self, path: str, **headers: str) -> Any:
        """Return the JSON of a GET that must succeed; header names have _ for -."""
        answer = self.send("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def values(self, path: str, **headers: str) -> list[dict[str, Any]]:
        """Return all rows of a query, following next links."""
        rows: list[dict[str, Any]] = []
        link: str | None = path
        while link:
            page = self.get(link, **headers)
            rows += page["value"]
            link = page.get("@odata.nextLink")
        return rows

    def create(self, entity_set: str, **body: Any) -> str:
        """Create a row, which must succeed; return its id."""
        answer = self.send("POST", entity_set, json=body)
        assert answer.status_code == 204, answer.text
        return answer.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")

    def refusal(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        """Return status and code of a request that must be refused."""
        answer = self.send(method, path, **options)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]["code"].lower()


def counted(answer: requests.Response) -> int:
    """Return the number in an answer to /$count, whose text begins with a byte order mark."""
    assert answer.status_code == 200, answer.text
    return int(answer.content.decode("utf-8-sig"))


def api_of(sandbox: Sandbox, **form: str) -> Api:
    session = plain_session(sandbox)
    answer = ask_token(sandbox, session, **form)
    assert answer.status_code == 200, answer.text
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return Api(sandbox, session)


@pytest.fixture(scope="session")
def signed_in(sandbox_server: Sandbox) -> Iterator[Api]:
    api = api_of(sandbox_server)
    yield api
    api.session.close()


@pytest.fixture
def api(sandbox: Sandbox, signed_in: Api) -> Api:
    """Return the application's user in an environment with its first content."""
    return signed_in


@pytest.fixture
def admin(sandbox: Sandbox) -> Api:
    """Return the administrator, signed in by password."""
    return api_of(sandbox, grant_type="password", username=sandbox.admin_user, password=sandbox.admin_password)


@pytest.fixture
def empty() -> Iterator[Sandbox]:
    """Serve an environment without integration solution and application user."""
    with running(empty=True) as sandbox:
        yield sandbox
