"""SQLite is told beforehand how large tables grow, so that it plans for a million rows from the first day."""

import pytest
from django.core.management import call_command
from django.db import connection

from masterdata.models import Customer

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps statistics by itself"),
]


def test_records_named_by_their_ids_are_looked_up_not_searched_for_in_the_company() -> None:
    rows = Customer.objects.filter(company=1, system_id__in=[f"{n:032x}" for n in range(50)])
    assert "system_id=?" in rows.explain()


def test_a_migration_tells_a_database_that_does_not_know() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sqlite_stat1 WHERE tbl = %s", [Customer._meta.db_table])
        call_command("migrate", verbosity=0)
        cursor.execute("SELECT COUNT(*) FROM sqlite_stat1 WHERE tbl = %s", [Customer._meta.db_table])
        assert cursor.fetchone()[0] > 2
