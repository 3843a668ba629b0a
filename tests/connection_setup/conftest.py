from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from accounts.roles import set_roles
from connection_setup.models import DataverseConnection
from connection_setup.secrets.sealing import seal
from core.roles import Role
from masterdata.models import Company

SECRET = "Qx8~only-a-test-secret.value_42"
TENANT = "6a1f0a52-9a5e-4a55-8a9e-0f1c5d3f7b10"
APPLICATION = "4a6c0d1e-0f0b-4c7e-9b52-1d2f6f0a9b11"


@pytest.fixture
def company(db: None) -> Company:
    return Company.objects.create(name="CRONUS International", currency_code="EUR")


@pytest.fixture
def connection(company: Company) -> DataverseConnection:
    """Provide a connection whose environment nobody answers for: port 9 of this machine."""
    return DataverseConnection.objects.create(
        company=company,
        environment_url="https://127.0.0.1:9",
        tenant_id=TENANT,
        client_id=APPLICATION,
        client_secret=seal(SECRET),
    )


def signed_in(role: str) -> Client:
    user = User.objects.create_user(role.lower(), password="x")
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    client = Client()
    client.force_login(user)
    return client


def administrator_of(company: Company) -> Client:
    """Somebody who administers this company and sees no other."""
    user = User.objects.create_user("theirs", password="x")
    set_roles(person=user, company=company, roles=[Role.ADMINISTRATOR])
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(db: None) -> Client:
    return signed_in("Administrator")


def fields(**changed: Any) -> dict[str, Any]:
    return {
        "environment_url": "https://contoso.crm4.dynamics.com",
        "cloud": "commercial",
        "tenant_id": TENANT,
        "client_id": APPLICATION,
        "client_secret": SECRET,
        "ownership_model": "team",
        **changed,
    }
