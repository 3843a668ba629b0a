"""Accounts that are alike, told apart by city, phone, mail and number."""

from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from sandbox.testing import Sandbox
from tests.sync.conftest import ACTIVE_CUSTOMER


def account(name: str, **values: Any) -> dict[str, Any]:
    """Return an account under an id that follows from what it holds: it is in the names of tests."""
    row_id = uuid5(NAMESPACE_URL, f"{name} {sorted(values.items())}")
    return {"accountid": str(row_id), "name": name, **ACTIVE_CUSTOMER, **values}


ROWS = [
    account("Iris Bicycles Ltd.", address1_city="Calgary", telephone1="+1 (587) 555-0117", accountnumber="A-100"),
    account("Iris Bicycles Ltd.", address1_city="Edmonton", emailaddress1="edmonton@iris.example"),
    account("Iris Bicycle Parts", address1_city="Red Deer", telephone1="403 555 0100"),
    account("100% Cotton_Mills", accountnumber="A-200"),
    account("Iris Imports", customertypecode=11),
]
CALGARY, EDMONTON, PARTS, COTTON, VENDOR = (UUID(row["accountid"]) for row in ROWS)


@pytest.fixture
def rows(remote: Sandbox) -> Sandbox:
    remote.load({"accounts": ROWS})
    return remote
