"""The cast: one person per role, two companies, some customers."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from core import bulk
from core.roles import Role
from masterdata.models import Company, Customer

PASSWORD = "correct horse battery"


def person(role: Role | None) -> User:
    """Somebody with that role."""
    user = User.objects.create_user(f"{role or 'nobody'}".lower(), password=PASSWORD)
    if role:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


@pytest.fixture
def signed_in(db: Any) -> Any:
    """Give a client signed in with a role."""

    def give(role: Role | None = Role.ADMINISTRATOR) -> Client:
        client = Client()
        client.force_login(person(role), backend="django.contrib.auth.backends.ModelBackend")
        return client

    return give


@pytest.fixture
def administrator(signed_in: Any) -> Client:
    return signed_in(Role.ADMINISTRATOR)


@pytest.fixture
def cronus(db: Any) -> Company:
    return Company.objects.create(name="CRONUS International", currency_code="EUR")


@pytest.fixture
def northwind(db: Any) -> Company:
    return Company.objects.create(name="Northwind Traders", currency_code="USD")


def customers(company: Company, number: int) -> list[Customer]:
    """Return customers 10000, 10001, ... with a few values each."""
    bulk.insert(
        Customer,
        ("company_id", "no", "name", "city", "phone_no"),
        [
            (
                company.pk,
                f"{10000 + n}",
                f"{'Alder' if n % 2 else 'Birch'} {n:05}",
                ("Rome", "Oslo", "Bonn")[n % 3],
                f"0121 {n}",
            )
            for n in range(number)
        ],
    )
    return list(Customer.objects.filter(company=company).order_by("no"))
