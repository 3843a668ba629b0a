"""An environment with nothing in it, and a connection to it."""

from collections.abc import Iterator

import pytest

from connection_setup.connection import redirect_url, state
from connection_setup.connection import settings as connection_settings
from connection_setup.models import DataverseConnection
from masterdata.models import Company
from sandbox.testing import Sandbox, running
from tests.connection_setup.provisioning.test_environment import services_currency, values


@pytest.fixture(scope="module")
def empty_server() -> Iterator[Sandbox]:
    with running(empty=True) as made:
        yield made


@pytest.fixture
def empty(empty_server: Sandbox) -> Sandbox:
    """Return an environment with the application registered, without application user, role and solution."""
    empty_server.reset()
    callback = {"client_id": empty_server.client_id, "redirect_urls": [redirect_url.default_url()]}
    empty_server.control("POST", "applications", callback)
    return empty_server


@pytest.fixture
def saved(company: Company, empty: Sandbox) -> DataverseConnection:
    company.currency_code = services_currency(empty)
    company.save()
    return connection_settings.save_settings(
        connection=state.connection_of(company), values=values(empty), secret=empty.client_secret, user=None
    )
