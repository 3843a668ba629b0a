"""Jobs under way when a version is installed: their rows are rewritten, and the new code goes on with them."""

from importlib import import_module

from django.apps import apps

from jobs.models import Job
from jobs.running.waiting import run_to_end
from sync.start.services import start_synchronization
from tests.sync.conftest import accounts, counters, customer


def test_an_open_job_is_resumed_after_its_stored_keys_were_renamed(company, customers, remote):
    records = [customer(company, f"1000{number}") for number in range(2)]
    job = start_synchronization(mapping=customers)
    old = {"full": True, "direction": "to", "create_new": True}
    Job.objects.filter(pk=job.pk).update(parameters=old, resume={"told": True})
    job.outcomes.create(outcome="failed", reason="refused", position=1, local_id=records[0].system_id)

    import_module("jobs.migrations.0005_parameters").rewrite(apps, None)

    job.refresh_from_db()
    assert job.resume == {"already_reported": True}
    assert job.parameters["direction"] == "to_integration_table"
    job = run_to_end(job)
    assert (job.state, counters(job)) == ("finished", {"inserted": 1}), "the reported record is not reported again"
    assert set(accounts(remote)) == {"Customer 10001"}
