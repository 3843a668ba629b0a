"""A company whose environment was replaced by another organization, at the same address and under other rows."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from django.test import Client

from connection_setup.connection.clients import client_for
from connection_setup.connection.state import connection_of
from coupling.models import Coupling, IntegrationTableMapping
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import signed_in
from tests.sync.conftest import connect, customer, synchronize, update_mapping


@dataclass(frozen=True)
class Changed:
    """What was, what answers now, and the ids of the rows that the couplings lead to, by customer number."""

    company: Company
    was: UUID
    now: UUID
    rows: dict[str, UUID]


def replace_organization(remote: Sandbox, to: object = None) -> str:
    """Let another organization answer at the same address, as after a copy or a restore; return its id."""
    found = str(to or uuid4())
    remote.control("PUT", "environment", {"organization_id": found})
    return found


def connect_and_couple(owner: Company, remote: Sandbox) -> None:
    """Connect, and couple three customers with rows made for them."""
    connect(owner, remote)
    for number in "123":
        customer(owner, f"1000{number}", f"Customer {number}")
    mapping = update_mapping(owner, synch_only_coupled=False)
    synchronize(mapping)
    synchronize(mapping)


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    """Return a company three of whose customers are coupled."""
    return connected("Coupled Before", connect_and_couple)


@pytest.fixture
def coupled(company: Company, customers: IntegrationTableMapping) -> dict[str, UUID]:
    """Return the rows of the three coupled customers, by number."""
    numbers = dict(Customer.objects.filter(company=company).values_list("system_id", "no"))
    pairs = Coupling.objects.filter(mapping=customers).values_list("local_id", "integration_id")
    return {numbers[local_id]: row_id for local_id, row_id in pairs}


@pytest.fixture
def changed(company: Company, coupled: dict[str, UUID], remote: Sandbox) -> Changed:
    """Let a copy answer, which lacks the row of the third customer; return what was and what is."""
    was = connection_of(company).organization_id
    assert was is not None
    client_for(company).delete("accounts", coupled["10003"])
    return Changed(company, was, UUID(replace_organization(remote)), coupled)


@pytest.fixture
def administrator(company: Company) -> Client:
    """Return a browser in which an Administrator is signed in."""
    return signed_in("Administrator")
