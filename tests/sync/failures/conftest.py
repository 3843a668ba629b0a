"""A coupling job that failed in each way: taken, several rows, nearly alike, nothing like it."""

from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from coupling.couplings.services import start_coupling
from coupling.models import Coupling
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.coupling.conftest import match_on
from tests.sync.conftest import ACTIVE_CUSTOMER, customer


def row(name: str, phone: str, city: str = "") -> dict[str, Any]:
    """Return an account under an id that follows from what it holds."""
    row_id = uuid5(NAMESPACE_URL, f"{name} {phone} {city}")
    return {"accountid": str(row_id), "name": name, "telephone1": phone, "address1_city": city, **ACTIVE_CUSTOMER}


IRIS = [row("Iris Bicycles Ltd.", "587 555 0117", city) for city in ("Calgary", "Edmonton", "Leduc", "Banff", "Hinton")]
RIDGE, PINE = row("Ridge Boatyard", "1482 555 014", "Hull"), row("Pine Logistics Ltd", "+44 20 7946 0146", "London")
CALGARY, EDMONTON = (UUID(one["accountid"]) for one in IRIS[:2])
PINE_ID = UUID(PINE["accountid"])


def load(owner: Company, remote: Sandbox) -> None:
    """Load records and rows."""
    remote.load({"accounts": [*IRIS, RIDGE, PINE]})
    taken = customer(owner, "10000", "Ridge Boatyard", phone_no="1482 555 014")
    mapping = owner.mappings.get(name="CUSTOMER")
    Coupling.objects.create(
        company=owner, mapping=mapping, table="customer", local_id=taken.system_id, integration_id=RIDGE["accountid"]
    )
    customer(owner, "10010", "Ridge Yard", phone_no="1482 555 014")
    customer(owner, "10020", "Iris Bicycles Ltd.", phone_no="587 555 0117", city="Calgary")
    customer(owner, "10030", "Pine Logistics Ltd", phone_no="+44 20 7946 0145", city="London")
    customer(owner, "10040", "Falcon Workshop", phone_no="206 555 0142", city="Seattle")
    match_on(mapping, "phone_no")


def fail(owner: Company) -> Job:
    """Run the job that couples none of them."""
    job = run_to_end(start_coupling(mapping=owner.mappings.select_related("company").get(name="CUSTOMER")))
    assert job.reasons == {"already_coupled": 1, "multiple_matches": 1, "no_match": 2}, (job.message, job.detail)
    return job


@pytest.fixture
def failed(company: Company, remote: Sandbox) -> Job:
    load(company, remote)
    return fail(company)


Failing = Callable[[], Job]
