"""A run with nothing to do: its cost does not grow with the couplings there are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core import bulk
from core.ids import new_id
from coupling.couplings.services import start_uncoupling
from coupling.models import UNSETTLED, Coupling, CouplingBase, IntegrationTableMapping, KnownColumns, Method
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.deletions.services import find_deleted_records
from sync.engine.pair_states import unsettled
from sync.models import SynchState
from tests.sync.conftest import connect, counters, coupling_of, customer, synchronize, update_mapping

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
        ("company_id", "mapping_id", "table", "local_id", "integration_id"),
        [(company_id, mapping.pk, "customer", local, remote) for local, remote in ids],
    )
    new = Coupling.objects.filter(mapping=mapping, base=None).values_list("pk", flat=True)
    bulk.insert(
        CouplingBase,
        ("coupling_id", "company_id", "mapping_id", "version", "local_modified_at", "synchronized_at", "last_job_id",
         "compared"),
        [(pk, company_id, mapping.pk, 'W/"1"', then, then, 1, True) for pk in new],
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


def connect_and_become_quiet(owner: Company, remote: Sandbox) -> None:
    connect(owner, remote)
    mapping = update_mapping(owner, synch_only_coupled=False)
    customer(owner, "10000")
    synchronize(mapping)
    mapping = update_mapping(owner, synch_only_coupled=True)
    synchronize(mapping)
    synchronize(mapping)
    Customer.objects.update(modified_at=timezone.now() - timedelta(hours=1))
    CouplingBase.objects.update(local_modified_at=timezone.now() - timedelta(hours=1))


@pytest.fixture
def quiet(connected: Callable[..., Company]) -> IntegrationTableMapping:
    """Return a mapping with one pair, of which nothing has changed since the last run."""
    return update_mapping(connected("Quiet", connect_and_become_quiet))


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


@only_sqlite
def test_a_run_that_may_create_rows_and_has_none_to_create_costs_the_same_too(quiet: IntegrationTableMapping) -> None:
    quiet = update_mapping(quiet.company, synch_only_coupled=False)
    synchronize(quiet)  # compares everything, since it looks at more than the last one did
    settled_pairs(quiet, 100)
    few = idle(quiet)
    settled_pairs(quiet, 5_000, first=100)
    many = idle(quiet)
    assert many <= 1.1 * few, (few, many)


def connect_and_find_none_left(owner: Company, remote: Sandbox) -> None:
    connect_and_become_quiet(owner, remote)
    mapping = update_mapping(owner, synch_only_coupled=False)
    synchronize(mapping)
    assert counters(synchronize(mapping)) == {}
    state = SynchState.objects.get(mapping=mapping)
    assert state.none_left_at == state.uncoupled


@pytest.fixture
def creating(connected: Callable[..., Company]) -> IntegrationTableMapping:
    """Return a mapping whose last run was to create rows and found no record to create one for."""
    return update_mapping(connected("None Left", connect_and_find_none_left))


def test_a_new_record_is_created_and_the_next_run_looks_at_all_once(creating: IntegrationTableMapping) -> None:
    customer(creating.company, "20000")
    assert counters(synchronize(creating)) == {"inserted": 1}
    assert SynchState.objects.get().none_left_at is None
    assert counters(synchronize(creating)) == {"unchanged": 1}
    assert SynchState.objects.get().none_left_at is not None


def test_a_record_whose_coupling_was_deleted_is_created_again(creating: IntegrationTableMapping) -> None:
    record = Customer.objects.get(no="10000")
    run_to_end(start_uncoupling(mapping=creating, selection=[record.system_id]))
    assert not Coupling.objects.exists()
    synchronize(creating)
    assert coupling_of(creating, record).method == Method.CREATED


def test_a_record_uncoupled_by_hand_is_created_again(creating: IntegrationTableMapping) -> None:
    CouplingBase.objects.all().delete()
    Coupling.objects.get().delete()
    assert counters(synchronize(creating)) == {"inserted": 1}


def test_a_row_that_could_not_be_created_is_tried_again_by_every_run(creating: IntegrationTableMapping) -> None:
    wrong = customer(creating.company, "20000", currency_code="XYZ")
    for _ in range(3):
        assert counters(synchronize(creating)).get("failed") == 1
        Customer.objects.filter(pk=wrong.pk).update(modified_at=timezone.now() - timedelta(hours=1))
    assert SynchState.objects.get().none_left_at is None


def test_a_coupling_deleted_in_sql_is_found_after_the_nightly_comparison(creating: IntegrationTableMapping) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {CouplingBase._meta.db_table}")
        cursor.execute(f"DELETE FROM {Coupling._meta.db_table}")
    assert counters(synchronize(creating)) == {}
    find_deleted_records()
    assert counters(synchronize(creating)) == {"inserted": 1}


def test_the_database_finds_unsettled_pairs_by_their_own_index(quiet: IntegrationTableMapping) -> None:
    settled_pairs(quiet, 3_000)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {Coupling._meta.db_table}, {CouplingBase._meta.db_table}")
    query = Coupling.objects.filter(mapping=quiet, table="customer", pending=False, pk__gt=0).order_by("id")
    (found,) = unsettled(quiet, query, 0)
    assert "base_unsettled" in found[:1000].explain()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL alone can change a row in its place.")
def test_what_every_run_writes_changes_rows_in_their_place(quiet: IntegrationTableMapping) -> None:
    coupling = Coupling.objects.get()

    def in_place() -> int:
        cursor.execute("SELECT pg_stat_get_xact_tuples_hot_updated(%s::regclass)", [CouplingBase._meta.db_table])
        return int(cursor.fetchone()[0])

    with transaction.atomic(), connection.cursor() as cursor:
        before = in_place()
        CouplingBase.objects.filter(pk=coupling.pk).update(
            last_job_id=7, synchronized_at=timezone.now(), version='W/"2"', local_modified_at=timezone.now()
        )
        assert in_place() == before + 1


def test_pending_couplings_are_looked_for_until_a_run_has_found_none(quiet: IntegrationTableMapping) -> None:
    assert not SynchState.objects.get().creating
    mapping = update_mapping(quiet.company, synch_only_coupled=False)
    customer(quiet.company, "20000")
    synchronize(mapping)
    assert SynchState.objects.get().creating
    synchronize(mapping)
    assert not SynchState.objects.get().creating


@only_sqlite
def test_one_pair_that_failed_is_found_without_reading_the_others(quiet: IntegrationTableMapping) -> None:
    def steps() -> int:
        with counted_steps() as counted:
            (query,) = unsettled(quiet, Coupling.objects.filter(mapping=quiet).order_by("id"), 0)
            assert [local_id for (local_id,) in query.values_list("local_id")] == [failed]
        return counted[0]

    settled_pairs(quiet, 100)
    failed = Customer.objects.get(no="S7").system_id
    CouplingBase.objects.filter(coupling__local_id=failed).update(last_to_reason="refused")
    few = steps()
    settled_pairs(quiet, 5_000, first=100)
    assert steps() <= few + 2 * STEP


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({}, False),
        ({"compared": False}, True),
        ({"last_to_reason": "refused"}, True),
        ({"last_from_reason": "refused"}, True),
        ({"last_to_reason": "refused", "skipped": True}, False),
        ({"last_to_reason": "refused", "conflict": {"fields": []}}, False),
        ({"compared": False, "skipped": True}, True),
    ],
)
def test_unsettled_pairs(quiet: IntegrationTableMapping, columns: dict[str, Any], found: bool) -> None:
    CouplingBase.objects.update(**columns)
    assert CouplingBase.objects.filter(UNSETTLED).exists() == found
    (query,) = unsettled(quiet, Coupling.objects.all(), 0)
    assert query.exists() == found


def test_columns_that_are_as_an_hour_ago_are_not_written_again(quiet: IntegrationTableMapping) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert counters(synchronize(quiet)) == {}
    table = KnownColumns._meta.db_table
    assert [query["sql"].split()[0] for query in captured if table in query["sql"]] == ["SELECT"]
