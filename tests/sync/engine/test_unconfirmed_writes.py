"""What was sent and not confirmed, read and not compared, or taken apart meanwhile: nothing is lost, nothing twice."""

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
from jobs.models import Job, JobOutcome
from jobs.running.context import JobContext
from jobs.running.runner import run
from jobs.running.waiting import run_to_end
from jobs.services import cancel
from masterdata.models import Customer
from sync.engine.ledger import Ledger
from sync.engine.worker import Worker
from sync.models import DuePair, SynchState
from sync.start.services import retry, start_synchronization
from tests.sync.conftest import ACTIVE_CUSTOMER, accounts, changed, counted, coupled, customer, patch, synchronize
from tests.sync.engine.test_failures import delete_there
from tests.sync.engine.test_kills import Killed, go_on, killing

REFUSED = {"insert_values": {"statecode": 0, "statuscode": 99}}


def fresh(mapping: IntegrationTableMapping) -> IntegrationTableMapping:
    return IntegrationTableMapping.objects.select_related("company").get(pk=mapping.pk)


def begun(mapping: IntegrationTableMapping, **asked: Any) -> Job:
    return start_synchronization(mapping=fresh(mapping), **asked)


def outcomes(job: Job) -> list[tuple[str, str, str]]:
    rows = JobOutcome.objects.filter(job=job).order_by("local_key")
    return list(rows.values_list("local_key", "outcome", "reason"))


def broken_off(monkeypatch: pytest.MonkeyPatch, mapping: IntegrationTableMapping, *point: Any, **asked: Any) -> Job:
    """A job whose worker is lost at a point."""
    with monkeypatch.context() as patched:
        killing(patched, *point, after=True)
        job = begun(mapping, **asked)
        with pytest.raises(Killed):
            run_to_end(job)
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now())
    return job


def limited(monkeypatch: pytest.MonkeyPatch, mapping: IntegrationTableMapping, *, sent: bool) -> Job:
    """A job postponed while it created rows: they are there, or none of them is."""
    create = Gateway.create

    def stopped(self: Gateway, *given: Any) -> Any:
        if sent:
            create(self, *given)
        raise Throttled("limit", retry_after=30)

    with monkeypatch.context() as patched:
        patched.setattr(Gateway, "create", stopped)
        job = begun(mapping)
        run(job.pk)
    job.refresh_from_db()
    assert job.state == "postponed"
    return job


def resumed(job: Job) -> Job:
    Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
    return run_to_end(job)


# -- pending couplings and those who delete couplings ------------------------------------------------------------------


@pytest.mark.parametrize("how", ["everything", "selected"])
@pytest.mark.parametrize("sent", [True, False])
def test_a_row_being_created_is_not_uncoupled_by_another_job(company, customers, remote, monkeypatch, how, sent):
    one = customer(company, "10000", "Adatum")
    job = limited(monkeypatch, customers, sent=sent)
    chosen: dict[str, Any] = {"all": True} if how == "everything" else {"selection": [one.system_id]}
    undone = run_to_end(start_uncoupling(mapping=customers, **chosen))
    assert (counted(undone), undone.reasons) == ({"skipped": 1}, {"create_queued": 1})
    assert counted(resumed(job)) == {"inserted": 1}
    assert [row["name"] for row in remote.rows("accounts")] == ["Adatum"]
    assert coupled(customers, one).pending is False


@pytest.mark.parametrize("sent", [True, False])
def test_what_a_cancelled_job_left_pending_can_be_uncoupled(company, customers, remote, monkeypatch, sent):
    customer(company, "10000", "Adatum")
    job = limited(monkeypatch, customers, sent=sent)
    cancel(job=job)
    undone = run_to_end(start_uncoupling(mapping=customers, all=True))
    assert counted(undone) == {"uncoupled": 1}
    assert not Coupling.objects.exists()
    assert [row["_tandem_companyid_value"] for row in remote.rows("accounts")] == [None] * sent


def test_who_couples_by_hand_does_not_take_a_row_that_is_being_created(company, customers, remote, monkeypatch):
    one, other = customer(company, "10000", "Adatum"), customer(company, "10001", "Other")
    changed(company, synch_only_coupled=True)
    create = Gateway.create

    def stopped(self: Gateway, *given: Any) -> Any:
        create(self, *given)
        raise Throttled("limit", retry_after=30)

    with monkeypatch.context() as patched:
        patched.setattr(Gateway, "create", stopped)
        job = begun(customers, selection=[one.system_id], create=True)
        run(job.pk)
    pending = coupled(customers, one)
    one.delete()
    with pytest.raises(Refusal, match="being created"):
        couple_by_hand(
            mapping=customers, local_id=other.system_id, integration_id=pending.integration_id,
            organization_id=pending.organization_id,
        )  # fmt: skip
    assert counted(resumed(job)) == {"inserted": 1}


def test_what_a_cancelled_job_did_not_send_is_created_by_no_run_that_creates_nothing(company, customers, remote):
    from datetime import timedelta

    one = customer(company, "10000", "Adatum")
    calls = pytest.MonkeyPatch()
    job = limited(calls, customers, sent=False)
    cancel(job=job)
    changed(company, synch_only_coupled=True)
    assert counted(synchronize(customers)) == {}
    assert coupled(customers, one).pending  # its request might still be under way
    Coupling.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert counted(synchronize(customers)) == {}
    assert not Coupling.objects.exists() and not accounts(remote)
    assert counted(synchronize(customers, create=True)) == {"inserted": 1}


# -- one outcome per record --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selected", [False, True])
def test_refused_rows_are_told_once_when_the_worker_is_lost_before_sending(
    company, customers, remote, monkeypatch, selected
):
    changed(company, **REFUSED)
    records = [customer(company, f"1000{number}") for number in range(3)]
    asked: dict[str, Any] = {"selection": [one.system_id for one in records], "create": True} if selected else {}
    job = go_on(broken_off(monkeypatch, customers, Worker, "_store_intents", **asked))
    assert counted(job) == {"failed": 3}
    assert [key for key, *_ in outcomes(job)] == ["10000", "10001", "10002"]


def test_a_slice_ends_with_something_sent_however_short_it_is(company, customers, remote, settings):
    settings.JOB_SLICE_S = 0
    changed(company, **REFUSED)
    for number in range(3):
        customer(company, f"1000{number}")
    job = run_to_end(begun(customers))
    assert (job.state, counted(job)) == ("finished", {"failed": 3})


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
    assert counted(synchronize(customers)) == {"inserted": 1}


def test_a_pair_taken_apart_is_not_created_anew_by_the_same_run(company, customers, remote):
    changed(company, deletion_conflict="uncouple")
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    delete_there(company, customers, coupled(customers, one).integration_id)
    assert counted(synchronize(customers)) == {"uncoupled": 1}
    assert counted(synchronize(customers)) == {"inserted": 1}


# -- deleted while it was created --------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["", "uncouple", "restore"])
def test_a_record_deleted_while_its_row_was_created_goes_by_the_mappings_option(
    company, customers, remote, monkeypatch, policy
):
    changed(company, deletion_conflict=policy)
    one = customer(company, "10000", "Adatum")
    job = broken_off(monkeypatch, customers, Gateway, "create")
    one.delete()
    job = go_on(job)
    assert (job.state, counted(job)) == ("finished", {"inserted": 1})
    assert Coupling.objects.get().pending is False
    job = synchronize(customers, full=True)
    expected = {"": {"failed": 1}, "uncouple": {"uncoupled": 1}, "restore": {"inserted": 1}}
    assert counted(job) == expected[policy]
    assert Customer.objects.count() == (1 if policy == "restore" else 0)
    assert len(remote.rows("accounts")) == 1


def test_a_record_deleted_before_its_row_was_created_is_told_so(company, customers, remote, monkeypatch):
    one = customer(company, "10000", "Adatum")
    job = broken_off(monkeypatch, customers, Worker, "_store_intents")
    one.delete()
    job = go_on(job)
    assert (counted(job), job.reasons) == ({"skipped": 1}, {"record_gone": 1})
    assert not Coupling.objects.exists() and not CouplingBase.objects.exists() and not accounts(remote)


# -- restored rows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [None, (Worker, "_store_intents"), (Gateway, "create")])
def test_a_refused_restore_keeps_the_pair(company, customers, remote, monkeypatch, lost):
    changed(company, deletion_conflict="restore")
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    before = coupled(customers, one)
    base = bytes(CouplingBase.objects.get(pk=before.pk).values)
    delete_there(company, customers, before.integration_id)
    changed(company, **REFUSED)
    job = go_on(broken_off(monkeypatch, customers, *lost)) if lost else synchronize(customers)
    assert counted(job) == {"failed": 1}
    after = coupled(customers, one)
    assert (after.pk, after.integration_id, after.pending) == (before.pk, before.integration_id, False)
    assert after.last_to_reason and bytes(CouplingBase.objects.get(pk=before.pk).values) == base
    changed(company, insert_values={"statecode": 0, "customertypecode": 3})
    assert counted(synchronize(customers)) == {"inserted": 1}
    assert coupled(customers, one).integration_id != before.integration_id
    assert set(counted(synchronize(customers))) <= {"unchanged"}


def test_a_restore_broken_off_goes_on(company, customers, remote, monkeypatch):
    changed(company, deletion_conflict="restore")
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    delete_there(company, customers, coupled(customers, one).integration_id)
    job = broken_off(monkeypatch, customers, Gateway, "create")
    one.city = "Ulm"
    one.save()
    assert counted(go_on(job)) == {"inserted": 1}
    assert counted(synchronize(customers)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_city"] == "Ulm"
    assert not SynchState.objects.get().unconfirmed_writes


# -- what was sent is known for our own --------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["the same job", "the next job"])
def test_a_second_edit_after_a_lost_worker_is_no_conflict(company, customers, remote, monkeypatch, by):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    one.city = "Ulm"
    one.save()
    job = broken_off(monkeypatch, customers, Gateway, "update")
    assert accounts(remote)["Adatum"]["address1_city"] == "Ulm"
    one.city = "Köln"
    one.save()
    if by == "the same job":
        job = go_on(job)
    else:
        Job.objects.filter(pk=job.pk).update(lease_until=None)
        cancel(job=job)
        job = synchronize(customers)
    assert counted(job) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_city"] == "Köln"
    assert not SynchState.objects.get().unconfirmed_writes


def test_a_change_there_after_a_lost_worker_is_still_a_conflict(company, customers, remote, monkeypatch):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    one.city = "Ulm"
    one.save()
    job = broken_off(monkeypatch, customers, Gateway, "update")
    patch(remote, coupled(customers, one).integration_id, address1_city="Hamburg")
    assert counted(go_on(job)) == {"conflicts": 1}


@pytest.mark.parametrize("edited", ["here", "there", "both"])
def test_edits_between_a_lost_worker_and_its_successor_are_told_apart(company, customers, remote, monkeypatch, edited):
    one = customer(company, "10000", "Adatum", city="Bonn")
    job = broken_off(monkeypatch, customers, Gateway, "create")
    if edited != "there":
        one.city = "Ulm"
        one.save()
    if edited != "here":
        patch(remote, coupled(customers, one).integration_id, address1_city="Köln")
    assert counted(go_on(job)) == {"inserted": 1}
    assert counted(synchronize(customers)) == ({"conflicts": 1} if edited == "both" else {"modified": 1})
    one.refresh_from_db()
    both = {one.city, accounts(remote)["Adatum"]["address1_city"]}
    assert both == {"here": {"Ulm"}, "there": {"Köln"}, "both": {"Ulm", "Köln"}}[edited]


# -- read and not compared ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["bidirectional", "from_integration_table"])
def test_a_change_there_while_a_record_was_outside_the_filter_arrives_later(company, customers, remote, way):
    changed(company, direction=way)
    one = customer(company, "10000", "Adatum", city="Bonn")
    if way == "from_integration_table":
        remote.load({"accounts": [{"name": "Fabrikam", **ACTIVE_CUSTOMER}]})
    synchronize(customers)
    synchronize(customers)
    if way == "from_integration_table":
        one = Customer.objects.get(name="Fabrikam")
    one.blocked = "All"
    one.save()
    patch(remote, coupled(customers, one).integration_id, address1_city="Ulm")
    job = synchronize(customers)
    assert (counted(job), job.reasons) == ({"skipped": 1}, {"outside_filter": 1})
    assert counted(synchronize(customers)) == {}
    Customer.objects.filter(pk=one.pk).update(blocked="", modified_at=timezone.now())
    assert counted(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert one.city == "Ulm"
    assert not DuePair.objects.exists()
    assert set(counted(synchronize(customers))) <= {"unchanged"}


def test_a_change_here_while_a_row_was_outside_the_filter_is_sent_later(company, customers, remote):
    changed(company, direction="to_integration_table")
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    row_id = coupled(customers, one).integration_id
    patch(remote, row_id, statecode=1, statuscode=2)
    one.city = "Ulm"
    one.save()
    assert counted(synchronize(customers)) == {"skipped": 1}
    patch(remote, row_id, statecode=0, statuscode=1)
    assert counted(synchronize(customers)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_city"] == "Ulm"
    assert counted(synchronize(customers)) == {}


def test_a_change_read_by_a_run_of_the_other_direction_is_not_forgotten(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn", phone_no="1")
    synchronize(customers)
    synchronize(customers)
    pair = coupled(customers, one)
    patch(remote, pair.integration_id, telephone1="2")
    DuePair.objects.create(coupling=pair, mapping=customers)
    SynchState.objects.update(delta_link=_now(customers))
    assert counted(synchronize(customers, direction=Direction.TO)) == {"unchanged": 1}
    assert set(counted(synchronize(customers, direction=Direction.TO))) <= {"unchanged"}
    assert counted(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert one.phone_no == "2"


def _now(mapping: IntegrationTableMapping) -> str:
    """A delta link behind everything that has changed so far."""
    *_, last = Gateway(mapping.company).scan(mapping, ["name"], track_changes=True)
    assert last.delta_link
    return last.delta_link


def test_a_due_pair_is_not_compared_by_half(company, customers, remote):
    one = customer(company, "10000", "Adatum", city="Bonn")
    synchronize(customers)
    synchronize(customers)
    pair = coupled(customers, one)
    patch(remote, pair.integration_id, address1_city="Ulm")
    DuePair.objects.create(coupling=pair, mapping=customers)
    SynchState.objects.update(delta_link=_now(customers))
    one.save()  # changed, in no mapped field
    assert counted(synchronize(customers)) == {"modified": 1}
    one.refresh_from_db()
    assert one.city == "Ulm"


# -- taken back in -----------------------------------------------------------------------------------------------------


def test_a_retry_is_not_undone_by_a_run_under_way(company, customers, remote, monkeypatch):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    synchronize(customers)
    one.currency_code = "SEK"
    one.save()
    synchronize(customers)
    synchronize(customers)
    assert coupled(customers, one).skipped
    Customer.objects.update(currency_code="")
    save, started = Ledger.save, []

    def meanwhile(self: Ledger, saved: Any) -> Any:
        if not started:
            started.extend(retry(company=company)[1])
        return save(self, saved)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "save", meanwhile)
        assert counted(synchronize(customers, full=True)) == {"skipped": 1}
    assert counted(run_to_end(started[0])) == {"unchanged": 1}
    assert not coupled(customers, one).skipped


def test_a_retry_that_fails_again_has_its_two_chances(company, customers, remote):
    one = customer(company, "10000", "Adatum")
    synchronize(customers)
    synchronize(customers)
    one.currency_code = "SEK"
    one.save()
    synchronize(customers)
    synchronize(customers)
    (job,) = retry(company=company)[1]
    assert counted(run_to_end(job)) == {"failed": 1}
    assert not coupled(customers, one).skipped
    assert counted(synchronize(customers)) == {"skipped": 1}


# -- taken apart by the mapping's option -------------------------------------------------------------------------------


def test_a_row_whose_record_was_deleted_loses_our_companys_mark_with_the_coupling(company, customers, remote):
    changed(company, deletion_conflict="uncouple", synch_only_coupled=True)
    one = customer(company, "10000", "Adatum")
    synchronize(customers, create=True)
    assert accounts(remote)["Adatum"]["_tandem_companyid_value"] == str(
        DataverseConnection.objects.get().company_row_id
    )
    one.delete()
    assert counted(synchronize(customers)) == {"uncoupled": 1}
    assert accounts(remote)["Adatum"]["_tandem_companyid_value"] is None
    assert not Coupling.objects.exists()
