"""The database goes away in the middle of a slice: the job is given back, and goes on from its last checkpoint."""

from typing import Any

import psycopg
import pytest
from django.db import connection

from jobs import services
from jobs.models import JobOutcome, State
from jobs.running import runner
from jobs.running.runner import JobContext
from jobs.states import MAX_LOST_WORKERS
from masterdata.models import Company
from tests.jobs.conftest import counting
from tests.jobs.running.test_worker import database_url

pytestmark = pytest.mark.django_db(transaction=True)


def break_connection() -> None:
    """Have the database end this connection, or (SQLite has none to end) break off every statement on it."""
    if connection.vendor == "postgresql":
        with psycopg.connect(database_url(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    else:
        connection.connection.set_progress_handler(lambda: 1, 1)


@pytest.mark.parametrize("times", [1, MAX_LOST_WORKERS])
def test_a_job_goes_on_after_its_database_went_away_in_a_slice_unless_that_never_ends(kinds: Any, times: int) -> None:
    company = Company.objects.create(name="CRONUS", currency_code="USD")
    left = [times]

    def handler(context: JobContext) -> None:
        if context.resume.get("next") == 3 and left[0]:
            left[0] -= 1
            break_connection()
            with context.checkpoint() as point:
                point.processed(1)
        context.parameters["to"] = 3 if left[0] and not context.resume else 6
        counting(context)
        if left[0]:
            handler(context)

    kinds("counting", handler)
    job = services.start(company=company, type="counting", parameters={"to": 6})
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.message, job.attempts) == (State.POSTPONED, "Waiting for the database", 1)
    assert (job.processed, JobOutcome.objects.filter(job=job).count()) == (3, 3)
    for _ in range(times):
        job.not_before = None
        job.save(update_fields=["not_before"])
        runner.run(job.pk)
    job.refresh_from_db()
    if times == 1:
        assert (job.state, job.processed, job.attempts) == (State.FINISHED, 6, 0)
        keys = list(JobOutcome.objects.filter(job=job).order_by("pk").values_list("local_key", flat=True))
        assert keys == list("012345")
    else:
        assert (job.state, job.processed, job.failure_reason) == (State.FAILED, 3, "internal")
