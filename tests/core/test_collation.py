"""Texts in the order of the database, and the different ones of a column, on SQLite and PostgreSQL alike."""

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import bulk, collation
from jobs.models import Job, Reason
from masterdata.models import Company, Customer

pytestmark = pytest.mark.django_db
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)


@pytest.fixture
def company(db: None) -> Company:
    return Company.objects.create(name="CRONUS", currency_code="USD")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.sets(TEXT, max_size=12) | st.just(set(Reason.values)))
def test_texts_rank_as_the_database_sorts_a_column_of_them(company: Company, texts: set[str]) -> None:
    Customer.objects.all().delete()
    bulk.insert(Customer, ("company_id", "no", "name"), [(company.pk, str(n), one) for n, one in enumerate(texts)])
    ranks = collation.ranks(texts, "default")
    assert sorted(texts, key=ranks.__getitem__) == list(
        Customer.objects.order_by("name").values_list("name", flat=True)
    )


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.lists(TEXT, max_size=12))
def test_the_different_values_of_a_column_are_those_of_a_distinct_query(company: Company, texts: list[str]) -> None:
    Job.objects.all().delete()
    other = Company.objects.get_or_create(name="Northwind", currency_code="EUR")[0]
    Job.objects.bulk_create(
        Job(company=one, type="coupling", mapping_name=f"{text}{end}")
        for one, end in ((company, ""), (other, "z"))
        for text in texts
    )
    own = Job.objects.filter(company=company)
    distinct = own.order_by("mapping_name").values_list("mapping_name", flat=True).distinct()
    assert collation.distinct_values(own, "mapping_name") == list(distinct)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what a table holds just now")
def test_values_are_leapt_to_one_after_the_other_in_an_index(company: Company) -> None:
    sql, given = collation.distinct_values_sql(Job.objects.filter(company=company), "mapping_name")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", given)
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "company_id=? AND mapping_name>?" in plan
