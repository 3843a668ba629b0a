"""A pair in step, and its history in few words."""

from collections.abc import Callable
from typing import Any

import pytest

from coupling.models import IntegrationTableMapping
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.models import SynchronizedValue, WrittenSide
from sync.rules.changes import told
from tests.sync.conftest import connect, customer, synchronize, update_mapping

HERE, THERE = WrittenSide.LOCAL, WrittenSide.INTEGRATION


def connect_one_in_step(owner: Company, remote: Sandbox) -> None:
    connect(owner, remote)
    customer(owner, "10000", "Adatum", city="Bonn", phone_no="555-1")
    mapping = update_mapping(owner, synch_only_coupled=False)
    synchronize(mapping)
    synchronize(mapping)
    SynchronizedValue.objects.all().delete()  # what its creation wrote is told in test_new.py


@pytest.fixture
def in_step(connected: Callable[..., Company]) -> Company:
    return connected("One in Step", connect_one_in_step)


@pytest.fixture
def mapping(in_step: Company) -> IntegrationTableMapping:
    return update_mapping(in_step)


@pytest.fixture
def adatum(in_step: Company) -> Customer:
    return Customer.objects.get(company=in_step, no="10000")


def history(record: Any = None, **only: Any) -> list[tuple[str, int, str, str]]:
    """Return field, side written, before and after, oldest first."""
    lines = SynchronizedValue.objects.filter(**only).select_related("field").order_by("pk")
    if record is not None:
        lines = lines.filter(local_id=record.system_id)
    return [(one.field.local, one.side, told(one.before), told(one.after)) for one in lines]


def edit(record: Any, **values: Any) -> None:
    """Somebody changes a record here."""
    record.refresh_from_db()
    for name, value in values.items():
        setattr(record, name, value)
    record.save()
