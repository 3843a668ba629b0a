"""Bulk writes give what the ORM would have written; run on SQLite, and on PostgreSQL with TEST_DATABASE_URL."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import bulk
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from jobs.models import Job, JobOutcome, JobRecord, Outcome, Reason, State
from masterdata.models import Company, Customer

pytestmark = pytest.mark.django_db
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


@pytest.fixture
def company(db) -> Company:
    return Company.objects.create(name="CRONUS", currency_code="USD")


@pytest.fixture
def job(company) -> Job:
    return Job.objects.create(company=company, type="coupling")


@pytest.fixture
def mapping(company) -> IntegrationTableMapping:
    return IntegrationTableMapping.objects.create(
        company=company, name="CUSTOMER", table="customer", integration_table="account", entity_set="accounts",
        uid_column="accountid",
    )  # fmt: skip


# Rows of such lists are large by nature, so that a run of large ones is no fault.
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
    deadline=None,
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(Outcome),
            st.sampled_from(Reason),
            st.none() | st.uuids(),
            TEXT,
            TEXT,
            st.none() | st.dictionaries(TEXT, JSON),
        ),
        max_size=8,
    )
)
def test_rows_come_back_as_they_were_given(job, rows):
    job.outcomes.all().delete()
    fields = ("job_id", "outcome", "reason", "local_id", "local_name", "message", "detail")
    assert bulk.insert(JobOutcome, fields, [(job.pk, *row) for row in rows]) == len(rows)
    stored = JobOutcome.objects.order_by("id").values_list(*fields[1:])
    assert [(str(row[0]), str(row[1]), *row[2:]) for row in rows] == [tuple(row) for row in stored]


def test_numbers_dates_and_defaults_are_those_of_the_orm(company):
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    fields = ("company_id", "no", "name", "credit_limit", "modified_at")
    rows = [(company.pk, "1", "One", Decimal("12.50"), moment), (company.pk, "2", "Two", Decimal(0), moment)]
    assert bulk.insert(Customer, fields, iter(rows)) == 2
    one, two = Customer.objects.order_by("no")
    assert (one.credit_limit, one.modified_at, one.city, one.changed_by) == (Decimal("12.50"), moment, "", "person")
    assert one.system_id != two.system_id
    assert abs(timezone.now() - one.created_at) < timedelta(minutes=1)


def test_conflicting_rows_are_left_out_or_refused_as_a_whole(company, mapping):
    pairs = [(uuid.UUID(int=n), uuid.UUID(int=100 + n)) for n in range(3)]
    fields = ("company_id", "mapping_id", "table", "local_id", "integration_id")

    def rows(*chosen):
        return [(company.pk, mapping.pk, "customer", *pair) for pair in chosen]

    assert bulk.insert(Coupling, fields, rows(pairs[0])) == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.insert(Coupling, fields, rows(pairs[1], pairs[0]))
    assert Coupling.objects.count() == 1
    assert bulk.insert(Coupling, fields, rows(*pairs), ignore_conflicts=True) == 2
    assert bulk.insert(Coupling, fields, rows(*pairs), ignore_conflicts=True) == 0
    assert Coupling.objects.count() == 3


@pytest.mark.parametrize("taken", [0, 255, 599])
def test_many_rows_are_inserted_all_or_as_far_as_they_are_free(company, mapping, taken):
    fields = ("company_id", "mapping_id", "table", "local_id", "integration_id")
    pairs = [(uuid.UUID(int=n), uuid.UUID(int=1000 + n)) for n in range(600)]
    rows = [(company.pk, mapping.pk, "customer", *pair) for pair in pairs]
    bulk.insert(Coupling, fields, [rows[taken]])
    with transaction.atomic():
        other = Company.objects.create(name="Written before in the same transaction", currency_code="USD")
        with pytest.raises(IntegrityError), transaction.atomic():
            bulk.insert(Coupling, fields, rows)
    assert (Coupling.objects.count(), Company.objects.filter(pk=other.pk).exists()) == (1, True)
    assert bulk.insert(Coupling, fields, iter(rows), ignore_conflicts=True) == 599
    inserted = Coupling.objects.exclude(local_id=pairs[taken][0]).order_by("id")
    assert list(inserted.values_list("local_id", "integration_id")) == [p for p in pairs if p != pairs[taken]]


def test_an_insert_is_recorded_as_any_statement_where_queries_are_recorded(company, mapping):
    fields = ("company_id", "mapping_id", "table", "local_id", "integration_id")
    row = (company.pk, mapping.pk, "customer", uuid.uuid4(), uuid.uuid4())
    with CaptureQueriesContext(connection) as queries:
        assert bulk.insert(Coupling, fields, [row]) == 1
    assert connection.vendor == "postgresql" or 'INSERT INTO "coupling_coupling"' in queries[-1]["sql"]


def test_bytes_survive(company, mapping):
    coupling = Coupling.objects.create(
        company=company, mapping=mapping, table="customer", local_id=uuid.uuid4(), integration_id=uuid.uuid4()
    )
    packed = bytes(range(256))
    row = (coupling.pk, company.pk, mapping.pk, packed)
    assert bulk.upsert(CouplingBase, "coupling_id", ("company_id", "mapping_id", "values"), [row]) == 1
    assert bytes(CouplingBase.objects.get().values) == packed
    assert bulk.update(CouplingBase, "coupling_id", ("values",), [(coupling.pk, packed[::-1])]) == 1
    assert bytes(CouplingBase.objects.get().values) == packed[::-1]


def test_rows_that_are_there_are_updated_and_others_inserted(company, mapping):
    """What is not named keeps its value where the row is there, and takes the default where it is not."""
    pairs = [(company.pk, mapping.pk, "customer", uuid.uuid4(), uuid.uuid4()) for _ in range(3)]
    bulk.insert(Coupling, ("company_id", "mapping_id", "table", "local_id", "integration_id"), pairs)
    first, second, third = Coupling.objects.order_by("pk").values_list("pk", flat=True)
    owner, columns = (company.pk, mapping.pk), ("company_id", "mapping_id", "version")
    assert bulk.upsert(CouplingBase, "coupling_id", columns, [(first, *owner, "1"), (second, *owner, "1")]) == 2
    CouplingBase.objects.update(values=b"agreed", last_error="No.")
    assert bulk.upsert(CouplingBase, "coupling_id", columns, [(second, *owner, "2"), (third, *owner, "2")]) == 2
    found = {pk: (bytes(values or b""), *rest) for pk, values, *rest in CouplingBase.objects.values_list(
        "pk", "values", "version", "last_error", "compared")}  # fmt: skip
    assert found == {
        first: (b"agreed", "1", "No.", False), second: (b"agreed", "2", "No.", False), third: (b"", "2", "", False),
    }  # fmt: skip
    assert bulk.upsert(CouplingBase, "coupling_id", columns, []) == 0


@pytest.mark.parametrize("key", ["id", "local_id"])
def test_an_update_changes_the_rows_its_keys_name_and_no_others(job, key):
    ids = [uuid.uuid4() for _ in range(4)]
    bulk.insert(JobOutcome, ("job_id", "outcome", "local_id"), [(job.pk, "coupled", one) for one in ids])
    keys = list(JobOutcome.objects.order_by("id").values_list(key, flat=True))
    gone = -1 if key == "id" else uuid.uuid4()
    changes = [(keys[0], "first", {"a": [1]}), (keys[2], "third", None), (gone, "nobody", None)]
    assert bulk.update(JobOutcome, key, ("message", "detail"), changes) == 2
    assert list(JobOutcome.objects.order_by("id").values_list("message", "detail")) == [
        ("first", {"a": [1]}), ("", None), ("third", None), ("", None),
    ]  # fmt: skip


def test_several_bulk_writes_share_one_transaction(job):
    with transaction.atomic():
        for _ in range(2):
            bulk.insert(JobOutcome, ("job_id", "outcome"), [(job.pk, "coupled")], ignore_conflicts=True)
            assert bulk.update(Job, "id", ("message", "state"), [(job.pk, "changed", State.FINISHED)]) == 1
    job.refresh_from_db()
    assert (job.message, job.state, job.outcomes.count()) == ("changed", State.FINISHED, 2)


def test_deleting_takes_more_values_than_a_statement_holds(job):
    bulk.insert(JobOutcome, ("job_id", "outcome", "local_key"), [(job.pk, "coupled", str(n)) for n in range(2500)])
    keys = JobOutcome.objects.values_list("id", flat=True)
    assert bulk.delete(JobOutcome, "id", list(keys[:1700])) == 1700
    assert JobOutcome.objects.count() == 800
    assert bulk.delete(JobOutcome, "id", []) == 0


def test_nothing_costs_no_query(job, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert bulk.insert(JobOutcome, ("job_id", "outcome"), []) == 0
        assert bulk.update(JobOutcome, "id", ("message",), []) == 0


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: bulk.insert(JobOutcome, ("job_id", "colour"), [(1, "red")]), LookupError),
        (lambda: bulk.insert(JobOutcome, ("job_id", "outcome"), [(1,)]), ValueError),
        (lambda: bulk.update(JobOutcome, "id", ("message",), [(1, "a", "b")]), ValueError),
    ],
)
def test_a_row_or_column_that_cannot_be_is_named(call, error):
    with pytest.raises(error, match=r"colour|A row of \d values"):
        call()


def test_an_unusual_field_goes_the_orms_way(company):
    field = Customer._meta.get_field("credit_limit")
    assert isinstance(field, models.DecimalField)
    bulk.insert(Customer, ("company_id", "no", "system_id"), [(company.pk, "1", str(uuid.UUID(int=7)))])
    assert Customer.objects.get().system_id == uuid.UUID(int=7)
    assert bulk.update(Customer, "system_id", ("credit_limit",), [(uuid.UUID(int=7), Decimal("0.10"))]) == 1
    assert Customer.objects.get().credit_limit == Decimal("0.10")


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs TEST_DATABASE_URL")
def test_on_postgresql_rows_are_copied_not_inserted_one_by_one(job, django_assert_max_num_queries):
    with django_assert_max_num_queries(3):  # a savepoint around; COPY itself is no statement of Django's
        assert bulk.insert(JobOutcome, ("job_id", "outcome"), [(job.pk, "coupled")] * 3000) == 3000
    assert job.outcomes.count() == 3000


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs TEST_DATABASE_URL")
def test_postgresql_learns_of_a_table_that_grew_from_empty(job, monkeypatch, django_capture_on_commit_callbacks):
    monkeypatch.setattr(bulk, "_grown", {})
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        for _ in range(3):
            bulk.insert(JobRecord, ("job_id",), [(job.pk,)] * bulk.MAX_ROWS)
    assert len(callbacks) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'jobs_jobrecord'")
        assert cursor.fetchone()[0] == 3 * bulk.MAX_ROWS


def test_rows_are_inserted_from_a_query_once_per_value(job):
    ids = sorted(uuid.uuid4() for _ in range(3))
    rows = [(job.pk, "coupled", one) for one in (*ids, ids[0], None)]
    bulk.insert(JobOutcome, ("job_id", "outcome", "local_id"), [*rows, (job.pk, "failed", uuid.uuid4())])
    chosen = JobOutcome.objects.filter(job=job, outcome="coupled").order_by("-id").values_list("local_id", flat=True)
    assert bulk.insert_from(JobRecord, {"job_id": job.pk}, "local_id", chosen) == 3
    assert list(job.records.order_by("local_id").values_list("local_id", "integration_id")) == [
        (one, None) for one in ids
    ]
    assert bulk.insert_from(JobRecord, {"job_id": job.pk}, "local_id", chosen.filter(job=0)) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs TEST_DATABASE_URL")
def test_nearly_every_coupling_that_is_confirmed_stays_on_its_page(company, mapping):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE coupling_couplingbase SET (fillfactor = 50)")  # as the migration 0020 does
    fields = ("company_id", "mapping_id", "table", "local_id", "integration_id", "pending")
    rows = [(company.pk, mapping.pk, "customer", uuid.uuid4(), uuid.uuid4(), True) for _ in range(2000)]
    bulk.insert(Coupling, fields, rows)
    bases = [(pk, company.pk, mapping.pk, bytes(150)) for pk in Coupling.objects.values_list("pk", flat=True)]
    bulk.insert(CouplingBase, ("coupling_id", "company_id", "mapping_id", "values"), bases)

    def pages():
        with connection.cursor() as cursor:
            cursor.execute("SELECT coupling_id, ctid::text FROM coupling_couplingbase")
            return {key: place.strip("()").split(",")[0] for key, place in cursor.fetchall()}

    before = pages()
    confirmed = [(key, company.pk, mapping.pk, "1", timezone.now()) for key in before]
    columns = ("company_id", "mapping_id", "version", "synchronized_at")
    assert bulk.upsert(CouplingBase, "coupling_id", columns, confirmed) == 2000
    moved = [key for key, page in pages().items() if page != before[key]]
    assert len(moved) < 200, len(moved)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE coupling_couplingbase RESET (fillfactor)")


@pytest.mark.parametrize("count", [1, 7, 300])
def test_ids_taken_beforehand_are_those_of_the_rows_and_nobody_else_gets_them(company, mapping, count):
    fields = ("company_id", "mapping_id", "table", "local_id", "integration_id", "id")

    def rows(ids):
        digits = [(uuid.uuid4().hex, uuid.uuid4().hex) for _ in ids]
        common = (company.pk, mapping.pk, "customer")
        return [(*common, *two, pk) for two, pk in zip(digits, ids, strict=True)]

    first = bulk.take_ids(Coupling, count)
    given = rows(first)
    assert bulk.insert(Coupling, fields, given) == count
    other = Coupling.objects.create(
        company=company, mapping=mapping, table="customer", local_id=uuid.uuid4(), integration_id=uuid.uuid4()
    )
    second = bulk.take_ids(Coupling, count)
    assert bulk.insert(Coupling, fields, rows(second)) == count
    assert len({*first, *second, other.pk}) == 2 * count + 1
    assert list(first) == sorted(first) and list(second) == sorted(second)
    stored = dict(Coupling.objects.filter(pk__in=list(first)).values_list("pk", "local_id"))
    assert stored == {row[-1]: uuid.UUID(row[3]) for row in given}
    Coupling.objects.all().delete()
    assert not {*first, *second, other.pk} & set(bulk.take_ids(Coupling, count))
