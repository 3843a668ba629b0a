"""What was sent and not confirmed, read and not compared, or uncoupled meanwhile: nothing is lost or done twice."""

from typing import Any

import pytest
from django.utils import timezone

from connection_setup.models import DataverseConnection
from core.refusals import Refusal
from core.vocabulary import Direction
from coupling.couplings.services import couple_by_hand, start_uncoupling
from coupling.gateway import Gateway
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping
from dataverse.errors import Throttled
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from jobs.running.context import JobContext
from jobs.running.runner import run
from jobs.running.waiting import run_to_end
from jobs.services import cancel
from masterdata.models import Customer
from sync.engine.ledger import Ledger
from sync.engine.worker import Worker
from sync.models import DuePair, SynchState
from sync.start.services import retry, start_synchronization
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    accounts,
    counters,
    coupling_of,
    customer,
    patch,
    synchronize,
    update_mapping,
)
from tests.sync.engine.test_failures import delete_row
from tests.sync.engine.test_kills import Killed, kill_once, run_despite_kills

REFUSED = {"insert_values": {"statecode": 0, "statuscode": 99}}


def reload_mapping(mapping: IntegrationTableMapping) -> IntegrationTableMapping:
    return IntegrationTableMapping.objects.select_related("company").get(pk=mapping.pk)


def start(mapping: IntegrationTableMapping, **asked: Any) -> Job:
    return start_synchronization(mapping=reload_mapping(mapping), **asked)


def outcomes(job: Job) -> list[tuple[str, str, str]]:
    return sorted((row.local_key, str(row.outcome), str(row.reason)) for row in JobOutcomes(job))


def run_until_killed(
    monkeypatch: pytest.MonkeyPatch, mapping: IntegrationTableMapping, *point: Any, **asked: Any
) -> Job:
    """Run a job whose worker is lost at a point."""
    with monkeypatch.context() as patched:
        kill_once(patched, *point, after=True)
        job = start(mapping, **asked)
        with pytest.raises(Killed):
            run_to_end(job)
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now())
    return job


def run_into_limit(monkeypatch: pytest.MonkeyPatch, mapping: IntegrationTableMapping, *, sent: bool) -> Job:
    """Run a job that is postponed while it creates rows; `sent`: whether they were created all the same."""
    create = Gateway.create

    def stopped(self: Gateway, *given: Any) -> Any:
        if sent:
            create(self, *given)
        raise Throttled("limit", retry_after=30)

    with monkeypatch.context() as patched:
        patched.setattr(Gateway, "create", stopped)
        job = start(mapping)
        run(job.pk)
    job.refresh_from_db()
    assert job.state == "postponed"
    return job


def resume(job: Job) -> Job:
    Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
    return run_to_end(job)


# -- pending couplings and those who delete couplings ------------------------------------------------------------------


@pytest.mark.parametrize("how", ["everything", "selected"])
@pytest.mark.parametrize("sent", [True, False])
def test_a_row_being_created_is_not_uncoupled_by_another_job(company, customers, remote, monkeypatch, how, sent):
    one = customer(company, "10000", "Adatum")
    job = run_into_limit(monkeypatch, customers, sent=sent)
    chosen: dict[str, Any] = {"all": True} if how == "everything" else {"selection": [one.system_id]}
    undone = run_to_end(start_uncoupling(mapping=customers, **chosen))
    assert (counters(undone), undone.reasons) == ({"skipped": 1}, {"create_queued": 1})
    assert counters(resume(job)) == {"inserted": 1}
    assert [row["name"] for row in remote.rows("accounts")] == ["Adatum"]
    assert coupling_of(customers, one).pending is False


@pytest.mark.parametrize("sent", [True, False])
def test_what_a_cancelled_job_left_pending_can_be_uncoupled(company, customers, remote, monkeypatch, sent):
    customer(company, "10000", "Adatum")
    job = run_into_limit(monkeypatch, customers, sent=sent)
    cancel(job=job)
    undone = run_to_end(start_uncoupling(mapping=customers, all=True))
    assert counters(undone) == {"uncoupled": 1}
    assert not Coupling.objects.exists()
    assert [row["_tandem_companyid_value"] for row in remote.rows("accounts")] == [None] * sent


def test_a_row_that_is_being_created_cannot_be_coupled_by_hand(company, customers, remote, monkeypatch):
    one, other = customer(company, "10000", "Adatum"), customer(company, "10001", "Other")
    update_mapping(company, synch_only_coupled=True)
    create = Gateway.create

    def stopped(self: Gateway, *given: Any) -> Any:
        create(self, *given)
        raise Throttled("limit", retry_after=30)

    with monkeypatch.context() as patched:
        patched.setattr(Gateway, "create", stopped)
        job = start(customers, selection=[one.system_id], create=True)
        run(job.pk)
    pending = coupling_of(customers, one)
    one.delete()
    with pytest.raises(Refusal, match="being created"):
        couple_by_hand(
            mapping=customers, local_id=other.system_id, integration_id=pending.integration_id,
            organization_id=pending.organization_id,
        )  # fmt: skip
    assert counters(resume(job)) == {"inserted": 1}


def test_a_row_a_cancelled_job_did_not_send_is_created_only_by_a_run_that_creates(company, customers, remote):
    from datetime import timedelta

    one = customer(company, "10000", "Adatum")
    calls = pytest.MonkeyPatch()
    job = run_into_limit(calls, customers, sent=False)
    cancel(job=job)
    update_mapping(company, synch_only_coupled=True)
    assert counters(synchronize(customers)) == {}
    assert coupling_of(customers, one).pending  # its request might still be under way
    Coupling.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert counters(synchronize(customers)) == {}
    assert not Coupling.objects.exists() and not accounts(remote)
    assert counters(synchronize(customers, create=True)) == {"inserted": 1}


# -- one outcome per record --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selected", [False, True])
def test_refused_rows_are_reported_once_when_the_worker_is_lost_before_sending(
    company, customers, remote, monkeypatch, selected
):
    update_mapping(company, **REFUSED)
    records = [customer(company, f"1000{number}") for number in range(3)]
    asked: dict[str, Any] = {"selection": [one.system_id for one in records], "create": True} if selected else {}
    job = run_despite_kills(run_until_killed(monkeypatch, customers, Worker, "_store_intents", **asked))
    assert counters(job) == {"failed": 3}
    assert [key for key, *_ in outcomes(job)] == ["10000", "10001", "10002"]


def test_a_slice_sends_something_however_short_it_is(company, customers, remote, settings):
    settings.JOB_SLICE_S = 0
    update_mapping(company, **REFUSED)
    for number in range(3):
        customer(company, f"1000{number}")
    job = run_to_end(start(customers))
    assert (job.state, counters(job)) == ("finished", {"failed": 3})


def test_a_slice_does_not_end_between_deciding_and_sending(company, customers, remote, monkeypatch):
    customer(company, "10000")
    inside: list[bool] = []
    store = Worker._store_intents

    def stored(self: Worker, chunk: Any) -> None:
        inside.append(True)
        try:
            store(self, chunk)
        finally:
            inside.pop()

    monkeypatch.setattr(Worker, "_store_intents", stored)
    monkeypatch.setattr(JobContext, "due", property(lambda self: bool(inside)))
    assert counters(synchronize(customers)) == {"inserted": 1}


def test_an_uncoupled_record_is_not_created_again_by_the_same_run(company, customers, remote):
    update_mapping(company, deletion_conflict="uncouple")
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    delete_row(company, customers, coupling_of(customers, one).integration_id)
    assert counters(synchronize(customers)) == {"uncoupled": 1}
    assert counters(synchronize(customers)) == {"inserted": 1}


# -- deleted while it was created --------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["", "uncouple", "restore"])
def test_a_record_deleted_while_its_row_was_created_goes_by_the_mappings_option(
    company, customers, remote, monkeypatch, policy
):
    update_mapping(company, deletion_conflict=policy)
    one = customer(company, "10000", "Adatum")
    job = run_until_killed(monkeypatch, customers, Gateway, "create")
    one.delete()
    job = run_despite_kills(job)
    assert (job.state, counters(job)) == ("finished", {"inserted": 1})
    assert Coupling.objects.get().pending is False
    job = synchronize(customers, full=True)
    expected = {"": {"failed": 1}, "uncouple": {"uncoupled": 1}, "restore": {"inserted": 1}}
    assert counters(job) == expected[policy]
    assert Customer.objects.count() == (1 if policy == "restore" else 0)
    assert len(remote.rows("accounts")) == 1


def test_a_record_deleted_before_its_row_was_created_is_reported(company, customers, remote, monkeypatch):
    one = customer(company, "10000", "Adatum")
    job = run_until_killed(monkeypatch, customers, Worker, "_store_intents")
    one.delete()
    job = run_despite_kills(job)
    assert (counters(job), job.reasons) == ({"skipped": 1}, {"record_gone": 1})
    assert not Coupling.objects.exists() and not CouplingBase.objects.exists() and not accounts(remote)


# -- restored rows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [None, (Worker, "_store_intents"), (Gateway, "create")])
def test_a_refused_restore_keeps_the_pair(company, customers, remote, monkeypatch, lost):
    update_mapping(company, deletion_conflict="restore")
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    before = coupling_of(customers, one)
    base = bytes(CouplingBase.objects.get(pk=before.pk).values)
    delete_row(company, customers, before.integration_id)
    update_mapping(company, **REFUSED)
    job = run_despite_kills(run_until_killed(monkeypatch, customers, *lost)) if lost else synchronize(customers)
    assert counters(job) == {"failed": 1}
    after = coupling_of(customers, one)
    assert (after.pk, after.integration_id, after.pending) == (before.pk, before.integration_id, False)
    assert after.last_to_reason and bytes(CouplingBase.objects.get(pk=before.pk).values) == base
    update_mapping(company, insert_values={"statecode": 0, "customertypecode": 3})
    assert counters(synchronize(customers)) == {"inserted": 1}
    assert coupling_of(customers, one).integration_id != before.integration_id
    assert set(counters(synchronize(customers))) <= {"unchanged"}


def test_an_interrupted_restore_is_resumed(company, customers, remote, monkeypatch):
    update_mapping(company, deletion_conflict="restore")
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    delete_row(company, customers, coupling_of(customers, one).integration_id)
    job = run_until_killed(monkeypatch, customers, Gateway, "create")
    one.city = "Ulm"
    one.save()
    assert counters(run_despite_kills(job)) == {"inserted": 1}
    assert counters(synchronize(customers)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_city"] == "Ulm"
    assert not SynchState.objects.get().unconfirmed_writes


# -- values sent before are recognized as our own ----------------------------------------------------------------------


@pytest.mark.parametrize("by", ["the same job", "the next job"])
def test_a_second_edit_after_a_lost_worker_is_no_conflict(company, customers, remote, monkeypatch, by):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    one.city = "Ulm"
    one.save()
    job = run_until_killed(monkeypatch, customers, Gateway, "update")
    assert accounts(remote)["Adatum"]["address1_city"] == "Ulm"
    one.city = "Köln"
    one.save()
    if by == "the same job":
        job = run_despite_kills(job)
    else:
        Job.objects.filter(pk=job.pk).update(lease_until=None)
        cancel(job=job)
        job = synchronize(customers)
    assert counters(job) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_city"] == "Köln"
    assert not SynchState.objects.get().unconfirmed_writes


def test_a_remote_change_after_a_lost_worker_is_still_a_conflict(company, customers, remote, monkeypatch):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    one.city = "Ulm"
    one.save()
    job = run_until_killed(monkeypatch, customers, Gateway, "update")
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Hamburg")
    assert counters(run_despite_kills(job)) == {"conflicts": 1}


@pytest.mark.parametrize("edited", ["here", "there", "both"])
def test_edits_after_a_lost_worker_are_recognized_by_side(company, customers, remote, monkeypatch, edited):
    one = customer(company, "10000", "Adatum", city="Bonn")
    job = run_until_killed(monkeypatch, customers, Gateway, "create")
    if edited != "there":
        one.city = "Ulm"
        one.save()
    if edited != "here":
        patch(remote, coupling_of(customers, one).integration_id, address1_city="Köln")
    assert counters(run_despite_kills(job)) == {"inserted": 1}
    assert counters(synchronize(customers)) == ({"conflicts": 1} if edited == "both" else {"modified": 1})
    one.refresh_from_db()
    both = {one.city, accounts(remote)["Adatum"]["address1_city"]}
    assert both == {"here": {"Ulm"}, "there": {"Köln"}, "both": {"Ulm", "Köln"}}[edited]


# -- read and not compared ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["bidirectional", "from_integration_table"])
def test_a_remote_change_while_the_record_was_outside_the_filter_arrives_later(company, customers, remote, way):
    update_mapping(company, direction=way)
    one = customer(company, "10000", "Adatum", city="Bonn")
    if way == "from_integration_table":
        remote.load({"accounts": [{"name": "Fabrikam", **ACTIVE_CUSTOMER}]})
    synchronize(customers)
    synchronize(customers)
    if way == "from_integration_table":
        one = Customer.objects.get(name="Fabrikam")
    one.blocked = "All"
    one.save()
    patch(remote, coupling_of(customers, one).integration_id, address1_city="Ulm")
    job = synchronize(customers)
    assert (counters(job), job.reasons) == ({"skipped": 1}, {"outside_filter": 1})
    assert counters(synchronize(customers)) == {}
    Customer.objects.filter(pk=one.pk).update(blocked="", modified_at=timezone.now())
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert one.city == "Ulm"
    assert not DuePair.objects.exists()
    assert set(counters(synchronize(customers))) <= {"unchanged"}


def test_a_local_change_while_the_row_was_outside_the_filter_is_sent_later(company, customers, remote):
    update_mapping(company, direction="to_integration_table")
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    row_id = coupling_of(customers, one).integration_id
    patch(remote, row_id, statecode=1, statuscode=2)
    one.city = "Ulm"
    one.save()
    assert counters(synchronize(customers)) == {"skipped": 1}
    patch(remote, row_id, statecode=0, statuscode=1)
    assert counters(synchronize(customers)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_city"] == "Ulm"
    assert counters(synchronize(customers)) == {}


def test_a_change_read_by_a_run_of_the_other_direction_is_not_forgotten(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn", phone_no="1")
    synchronize(customers)
    synchronize(customers)
    pair = coupling_of(customers, one)
    patch(remote, pair.integration_id, telephone1="2")
    DuePair.objects.create(coupling=pair, mapping=customers)
    SynchState.objects.update(delta_link=current_delta_link(customers))
    assert counters(synchronize(customers, direction=Direction.TO)) == {"unchanged": 1}
    assert set(counters(synchronize(customers, direction=Direction.TO))) <= {"unchanged"}
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert one.phone_no == "2"


def current_delta_link(mapping: IntegrationTableMapping) -> str:
    """Return a delta link behind everything that has changed so far."""
    *_, last = Gateway(mapping.company).scan(mapping, ["name"], track_changes=True)
    assert last.delta_link
    return last.delta_link


def test_a_due_pair_is_not_compared_with_its_base_alone(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    pair = coupling_of(customers, one)
    patch(remote, pair.integration_id, address1_city="Ulm")
    DuePair.objects.create(coupling=pair, mapping=customers)
    SynchState.objects.update(delta_link=current_delta_link(customers))
    one.save()  # changed, in no mapped field
    assert counters(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert one.city == "Ulm"


# -- retried -----------------------------------------------------------------------------------------------------------


def test_a_retry_is_not_undone_by_a_run_under_way(company, customers, remote, monkeypatch):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    synchronize(customers)
    one.currency_code = "SEK"
    one.save()
    synchronize(customers)
    synchronize(customers)
    assert coupling_of(customers, one).skipped
    save, started = Ledger.save, []

    def meanwhile(self: Ledger, saved: Any) -> Any:
        if not started:
            Customer.objects.update(currency_code="")
            started.extend(retry(company=company)[1])
        return save(self, saved)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "save", meanwhile)
        assert counters(synchronize(customers, full=True)) == {"skipped": 1}
    assert counters(run_to_end(started[0])) == {"unchanged": 1}
    assert not coupling_of(customers, one).skipped


def test_a_retry_that_fails_again_has_its_two_chances(company, customers, remote):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    synchronize(customers)
    one.currency_code = "SEK"
    one.save()
    synchronize(customers)
    synchronize(customers)
    (job,) = retry(company=company)[1]
    assert counters(run_to_end(job)) == {"failed": 1}
    assert not coupling_of(customers, one).skipped
    assert counters(synchronize(customers)) == {"skipped": 1}


# -- uncoupled by the mapping's option ---------------------------------------------------------------------------------


def test_a_row_whose_record_was_deleted_loses_the_company_with_the_coupling(company, customers, remote):
    update_mapping(company, deletion_conflict="uncouple", synch_only_coupled=True)
    one = customer(company, "10000", "Adatum")
    synchronize(customers, create=True)
    assert accounts(remote)["Adatum"]["_tandem_companyid_value"] == str(
        DataverseConnection.objects.get().company_row_id
    )
    one.delete()
    assert counters(synchronize(customers)) == {"uncoupled": 1}
    assert accounts(remote)["Adatum"]["_tandem_companyid_value"] is None
    assert not Coupling.objects.exists()


def test_what_a_lost_run_had_written_is_known_after_a_second_lost_run(company, customers, remote, monkeypatch):
    one = customer(company, "10000", "Adatum", city="Bonn", phone_no="1")
    synchronize(customers)
    synchronize(customers)
    one.phone_no = "2"
    one.save()
    for _ in range(2):
        job = run_until_killed(monkeypatch, customers, Gateway, "update")
        Job.objects.filter(pk=job.pk).update(lease_until=None)
        cancel(job=job)
        one.city = f"{one.city}!"
        one.save()
    assert accounts(remote)["Adatum"]["telephone1"] == "2"
    one.phone_no = "3"
    one.save()
    assert counters(synchronize(customers)) == {"modified": 1}, "no conflict with a value of our own"
    assert accounts(remote)["Adatum"]["telephone1"] == "3"
