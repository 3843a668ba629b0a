"""Jobs under way when a version is installed: their rows are rewritten, and the new code goes on with them."""

from importlib import import_module

from django.apps import apps
from django.db import connection

from coupling.models import Coupling, UndoneRecord
from coupling.undone import left_undone
from jobs.models import Job
from jobs.running.waiting import run_to_end
from sync.models import SynchState
from sync.start.services import start_synchronization
from tests.sync.conftest import accounts, counters, coupling_of, customer, patch, synchronize


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


class Editor:
    connection = connection


def test_a_pair_that_was_outside_before_the_upgrade_is_listed_by_the_first_run_after_it(company, customers, remote):
    """Nothing changes any more: the row left the filter, and a run of the old version said so once."""
    one = customer(company, "10000", "Adatum")
    customer(company, "10001")
    synchronize(customers)
    patch(remote, coupling_of(customers, one).integration_id, customertypecode=5)
    synchronize(customers)
    UndoneRecord.objects.all().delete()
    assert counters(synchronize(customers)) == {}
    import_module("sync.migrations.0003_failed_rows_are_undone_records").compare_again(apps, Editor)
    assert counters(synchronize(customers)) == {"skipped": 1}
    assert "Relationship Type is Partner" in left_undone(company).get().condition


def test_what_had_failed_before_the_upgrade_stands_undone_after_it(company, customers, remote):
    fine, failed, skipped = (customer(company, f"1000{number}") for number in range(3))
    assert counters(synchronize(customers)) == {"inserted": 3}
    Coupling.objects.filter(local_id=failed.system_id).update(last_to_reason="denied", last_error="No privilege.")
    Coupling.objects.filter(local_id=skipped.system_id).update(
        last_from_reason="value_too_long", last_error="Too long.", skipped=True
    )

    import_module("coupling.migrations.0009_failed_pairs_are_undone_records").list_failed_pairs(apps, Editor)
    lines = left_undone(company).order_by("pk").values_list("local_id", "reason", "condition", "attempts")
    assert list(lines) == [
        (failed.system_id, "denied", "No privilege.", 1), (skipped.system_id, "value_too_long", "Too long.", 2),
    ]  # fmt: skip
    synchronize(customers, full=True)
    assert not left_undone(company).exists()
    assert coupling_of(customers, fine).last_error == ""


def test_pairs_that_no_run_has_dealt_with_yet_are_compared_after_an_upgrade(company, customers, remote):
    records = [customer(company, f"1000{number}") for number in range(3)]
    synchronize(customers)
    synchronize(customers)
    Coupling.objects.filter(local_id=records[0].system_id).update(last_job_id=None)  # just coupled
    Coupling.objects.filter(local_id=records[1].system_id).update(last_job_id=None, pending=True)  # being created
    Coupling.objects.update(compared=True)  # as the new column has it at first
    with connection.schema_editor() as editor:
        import_module("coupling.migrations.0010_compared").mark_new(apps, editor)
    assert Coupling.objects.get(compared=False).local_id == records[0].system_id
    SynchState.objects.update(creating=SynchState._meta.get_field("creating").default)
    assert counters(synchronize(customers)) == {"inserted": 1, "unchanged": 1}
