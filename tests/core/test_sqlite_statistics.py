"""SQLite is told beforehand how large tables grow, so that it plans for a million rows from the first day."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet

from core.among import Among
from coupling.models import Coupling, UndoneRecord, couplings_of_table
from jobs.models import JobOutcome
from masterdata.models import Customer

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps statistics by itself"),
]


@pytest.mark.parametrize("number", [50, 5000])
@pytest.mark.parametrize(
    ("rows", "by"),
    [
        (Customer.objects.filter(company=1), "system_id"),
        (Coupling.objects.filter(mapping=1), "local_id"),
        (couplings_of_table(1, "customer"), "local_id"),
        (Coupling.objects.filter(mapping__in=[1, 2]), "local_id"),
        (Coupling.objects.filter(mapping=1, company=1, table="customer"), "local_id"),
        (Coupling.objects.filter(company=1), "integration_id"),
        (Coupling.objects.filter(mapping=1, company=1, table="customer"), "integration_id"),
        (JobOutcome.objects.filter(job=1), "local_id"),
        (UndoneRecord.objects.filter(mapping=1), "integration_id"),
    ],
)
def test_rows_named_by_their_ids_are_looked_up_not_searched_for_in_the_company(
    rows: "QuerySet[Any]", by: str, number: int
) -> None:
    """As many at once as jobs ask for: reading all of a million rows for each few thousand takes hours."""
    found = rows.filter(**{f"{by}__in": [f"{n:032x}" for n in range(number)]})
    assert f"{by}=?" in found.explain()


def test_records_whose_ids_come_in_one_parameter_are_looked_up_too() -> None:
    among = Among("system_id", [f"{n:032x}" for n in range(5000)])
    assert "system_id=?" in Customer.objects.filter(among, company=1, blocked="").order_by().explain()


def test_a_migration_tells_a_database_that_does_not_know() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sqlite_stat1 WHERE tbl = %s", [Customer._meta.db_table])
        call_command("migrate", verbosity=0)
        cursor.execute("SELECT COUNT(*) FROM sqlite_stat1 WHERE tbl = %s", [Customer._meta.db_table])
        assert cursor.fetchone()[0] > 2
