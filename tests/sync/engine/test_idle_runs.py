"""A run with nothing to do: its cost does not grow with the couplings there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from core import bulk
from core.ids import new_id
from coupling.models import UNSETTLED, Coupling, IntegrationTableMapping
from masterdata.models import Company, Customer
from tests.sync.conftest import counters, customer, synchronize, update_mapping

STEP = 20


def settled_pairs(mapping: IntegrationTableMapping, number: int, first: int = 0) -> None:
    """Put in pairs that a run long ago has settled."""
    then = timezone.now() - timedelta(days=1)
    ids = [(new_id(), new_id()) for _ in range(number)]
    company_id = mapping.company_id
    bulk.insert(
        Customer,
        ("company_id", "system_id", "no", "name", "created_at", "modified_at"),
        [(company_id, local, f"S{first + n}", "Settled", then, then) for n, (local, _) in enumerate(ids)],
    )
    bulk.insert(
        Coupling,
        ("company_id", "mapping_id", "table", "local_id", "integration_id", "version", "local_modified_at",
         "synchronized_at", "last_job_id"),
        [(company_id, mapping.pk, "customer", local, remote, 'W/"1"', then, then, 1) for local, remote in ids],
    )  # fmt: skip


@contextmanager
def counted_steps() -> Iterator[list[int]]:
    """Count what the database does for this thread, in steps of SQLite's virtual machine."""
    connection.ensure_connection()
    steps = [0]

    def step() -> int:
        steps[0] += STEP
        return 0

    connection.connection.set_progress_handler(step, STEP)
    try:
        yield steps
    finally:
        connection.connection.set_progress_handler(None, 0)


def idle(mapping: IntegrationTableMapping) -> int:
    """Return the steps that a run takes in which nothing changed."""
    with counted_steps() as steps:
        assert counters(synchronize(mapping)) == {}
    return steps[0]


@pytest.fixture
def quiet(company: Company) -> IntegrationTableMapping:
    """Return a mapping with one pair, of which nothing has changed since the last run."""
    mapping = update_mapping(company, synch_only_coupled=False)
    customer(company, "10000")
    synchronize(mapping)
    mapping = update_mapping(company, synch_only_coupled=True)
    synchronize(mapping)
    synchronize(mapping)
    Customer.objects.update(modified_at=timezone.now() - timedelta(hours=1))
    Coupling.objects.update(local_modified_at=timezone.now() - timedelta(hours=1))
    return mapping


only_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite alone counts its steps.")


@only_sqlite
def test_a_run_with_nothing_to_do_costs_the_same_however_many_couplings_there_are(
    quiet: IntegrationTableMapping,
) -> None:
    settled_pairs(quiet, 100)
    few = idle(quiet)
    settled_pairs(quiet, 5_000, first=100)
    many = idle(quiet)
    assert many <= 1.1 * few, (few, many)


def test_the_database_finds_unsettled_pairs_by_their_own_index(quiet: IntegrationTableMapping) -> None:
    settled_pairs(quiet, 3_000)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {Coupling._meta.db_table}")
    for narrowed in (Q(pending=True), Q(pending=False)):
        query = Coupling.objects.filter(mapping=quiet, table="customer", pk__gt=0).filter(UNSETTLED).filter(narrowed)
        assert "coupling_unsettled" in query.order_by("id")[:1000].explain()


@only_sqlite
def test_one_pair_that_failed_is_found_without_reading_the_others(quiet: IntegrationTableMapping) -> None:
    def steps() -> int:
        with counted_steps() as counted:
            found = Coupling.objects.filter(mapping=quiet).filter(UNSETTLED).order_by("id").values_list("local_id")
            assert [local_id for (local_id,) in found] == [failed]
        return counted[0]

    settled_pairs(quiet, 100)
    failed = Customer.objects.get(no="S7").system_id
    Coupling.objects.filter(local_id=failed).update(last_to_reason="refused")
    few = steps()
    settled_pairs(quiet, 5_000, first=100)
    assert steps() <= few + 2 * STEP


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({}, False),
        ({"last_job_id": None}, True),
        ({"pending": True}, True),
        ({"last_to_reason": "refused"}, True),
        ({"last_from_reason": "refused"}, True),
        ({"last_to_reason": "refused", "skipped": True}, False),
        ({"last_to_reason": "refused", "conflict": {"fields": []}}, False),
        ({"last_job_id": None, "skipped": True}, True),
    ],
)
def test_unsettled_pairs(quiet: IntegrationTableMapping, columns: dict[str, Any], found: bool) -> None:
    Coupling.objects.update(**columns)
    assert Coupling.objects.filter(UNSETTLED).exists() == found
