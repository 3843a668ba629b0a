from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dataverse import concurrency, metadata_cache, part_sizes
from dataverse.client import DataverseClient
from dataverse.http_session import Timeouts
from dataverse.types import ClientSecret, Credentials, Environment
from tests.dataverse.server import TENANT, Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def a_service_that_does_not_answer_is_soon_asked_again() -> None:
    """Keep the real pauses: these tests are about them too."""


@pytest.fixture(autouse=True)
def a_new_process() -> None:
    """Forget what other tests learned about a service."""
    concurrency.forget()
    part_sizes.forget()
    metadata_cache.forget()


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client_of(server: Server, slept: list[float]) -> Callable[..., DataverseClient]:
    def make(secret: str = "", **kwargs: Any) -> DataverseClient:
        environment = Environment(server.url, ca_file=server.ca_file, loopback_allowed=True)
        credentials = Credentials(f"{server.url}/{TENANT}", "client", ClientSecret(secret or str(uuid4())))
        return DataverseClient(
            environment, credentials, **{"sleep": slept.append, "timeouts": Timeouts(2, 2, 3), **kwargs}
        )

    return make


@pytest.fixture
def client(client_of: Callable[..., DataverseClient]) -> DataverseClient:
    return client_of()
