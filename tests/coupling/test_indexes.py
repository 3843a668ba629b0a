"""Every index of the tables that coupling writes row by row is there for a query that is really asked, by its name.

An index more costs a page for nearly every row written: one that serves no query goes.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from coupling import local_records
from coupling.couplings.pair_outcomes import pairs_by_id
from coupling.mappings import defaults
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping, NewCouplings
from jobs import outcomes
from jobs.models import Job, JobOutcome, JobRecord, OutcomePart, OutcomeWording
from jobs.outcomes import JobOutcomes
from masterdata.models import Company
from sync.engine import pair_states
from sync.engine.conflicts_standing import conflicts_of

pytestmark = pytest.mark.django_db
TABLES: tuple[type[models.Model], ...] = (
    JobOutcome, OutcomePart, OutcomeWording, JobRecord, Coupling, CouplingBase, NewCouplings,
)  # fmt: skip


class Asked:
    """A company's mapping and a job of it."""

    def __init__(self) -> None:
        self.company = Company.objects.create(name="CRONUS", currency_code="USD")
        defaults.create_missing(self.company)
        self.mapping = IntegrationTableMapping.objects.get(company=self.company, name="CUSTOMER")
        self.job = Job.objects.create(
            company=self.company, type="coupling", breakdown={"failed": {"no_match": 9_000}, "coupled": {"": 9_000}}
        )


def unsettled(asked: Asked) -> Any:
    couplings = Coupling.objects.filter(mapping=asked.mapping, pending=False, pk__gt=0).order_by("id")
    (found,) = pair_states.unsettled(asked.mapping, couplings, 0)
    return list(found[:1000])


QUERIES: dict[str, Callable[[Asked], Any]] = {
    "outcome_by_position": lambda asked: JobOutcomes(asked.job, "failed", "no_match")[5_000:5_050],
    "outcome_by_local": lambda asked: outcomes.newest_outcome(asked.company, "coupling", uuid4()),
    "outcome_by_number": lambda _: pairs_by_id([4_711]),
    "jobrecord_by_local": lambda asked: list(
        JobRecord.objects.filter(job=asked.job, local_id__gt=uuid4()).order_by("local_id")[:1000]
    ),
    "coupling_pending": lambda asked: local_records.unconfirmed_records(asked.mapping).exists(),
    "base_conflict": lambda asked: list(conflicts_of(asked.company)[:50]),
    "base_unsettled": unsettled,
}
"""By index: what asks a query that it serves."""


def plans(ask: Callable[[], Any]) -> str:
    """Return how the database goes about all that is asked."""
    with CaptureQueriesContext(connection) as asked:
        ask()
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    found = []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # of tables with no rows it would read all
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        for one in asked:
            if one["sql"].startswith("SELECT"):
                cursor.execute(f"{explain} {one['sql']}".replace("%", "%%"), [])
                found += [" ".join(map(str, row)) for row in cursor.fetchall()]
    return "\n".join(found)


def fill(asked: Asked) -> None:
    """Put in outcomes of many records: PostgreSQL plans by what a table holds, and of a few rows it reads all."""
    JobOutcome.objects.bulk_create(
        JobOutcome(job=asked.job, outcome="failed", reason="no_match", local_id=uuid4(), position=at, number=at)
        for at in range(1, 3_001)
    )
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {JobOutcome._meta.db_table}")


@pytest.mark.parametrize("index", QUERIES)
def test_an_index_is_what_a_query_goes_by(index: str) -> None:
    asked = Asked()
    if connection.vendor == "postgresql" and index.startswith("outcome_"):
        fill(asked)
    assert index in plans(lambda: QUERIES[index](asked))


def test_there_is_no_index_without_such_a_query() -> None:
    """Beside those that see to it that something is there once, which every writing asks."""
    with connection.cursor() as cursor:
        found = {
            name
            for model in TABLES
            for name, one in connection.introspection.get_constraints(cursor, model._meta.db_table).items()
            if one["index"] and not one["unique"] and not one["primary_key"]
        }
    assert found == set(QUERIES)
