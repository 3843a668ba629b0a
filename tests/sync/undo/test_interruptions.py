"""An undo that is killed, cancelled or kept from writing does nothing twice and leaves nothing half done."""

import pytest

from core.vocabulary import ConflictOption
from coupling.gateway import Gateway
from jobs.models import JobOutcome
from jobs.running.context import JobContext
from jobs.running.waiting import run_to_end
from jobs.services import cancel
from masterdata.models import Customer
from sync.engine.ledger import Ledger
from sync.models import SynchronizedValue
from sync.undo.services import start_undo, undo_as_previewed
from tests.sync.conftest import accounts, counters, coupling_of, patch, synchronize
from tests.sync.engine.test_failures import delete_row
from tests.sync.engine.test_kills import kill_once, run_despite_kills
from tests.sync.history.conftest import edit
from tests.sync.undo.conftest import couple, coupled, previewed, told, undo

POINTS = [
    (Gateway, "update", False), (Gateway, "update", True), (Ledger, "save_put_back", False),
    (Ledger, "save_put_back", True), (JobContext, "_committed", False),
]  # fmt: skip


@pytest.mark.parametrize(("owner", "name", "after"), POINTS)
def test_an_undo_killed_anywhere_ends_as_an_undisturbed_one(mapping, remote, monkeypatch, owner, name, after):
    before = {name: row["address1_city"] for name, row in accounts(remote).items()}
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    undoing = start_undo(job=job)
    with monkeypatch.context() as patched:
        kill_once(patched, owner, name, after=after)
        done = run_despite_kills(undoing)
    assert (done.state, counters(done)) == ("finished", {"uncoupled": 2})
    assert JobOutcome.objects.filter(job=done).count() == 2
    assert {name: row["address1_city"] for name, row in accounts(remote).items()} == before
    lines = list(SynchronizedValue.objects.filter(job=done).values_list("local_id", "field_id", "side"))
    assert len(lines) == len(set(lines)) > 0
    assert coupled(mapping) == set()


def test_a_waiting_undo_is_cancelled_and_can_be_asked_for_again(mapping):
    job = couple(mapping)
    waiting = start_undo(job=job)
    cancel(job=waiting)
    assert coupled(mapping) == {"10000", "20000"}
    assert counters(undo(job)) == {"uncoupled": 2}


def test_a_row_that_changes_between_reading_and_writing_is_read_again(matching, mapping, remote, monkeypatch):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    row_id = coupling_of(mapping, Customer.objects.get(company=matching, no="10000")).integration_id
    update = Gateway.update

    def changed_first(self, *given):
        monkeypatch.setattr(Gateway, "update", update)
        patch(remote, row_id, telephone1="555-7")
        return self.update(*given)

    undoing = start_undo(job=job)
    monkeypatch.setattr(Gateway, "update", changed_first)
    done = run_to_end(undoing)
    assert counters(done) == {"uncoupled": 2}
    row = accounts(remote)["Adatum"]
    assert (row["telephone1"], row["address1_city"]) == ("555-7", "Köln")
    assert "in Dataverse since" in told(done)["10000"][2]


def test_an_undo_that_dataverse_asks_to_wait_goes_on_where_it_stood(mapping, remote):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    remote.control("POST", "faults", [{"method": "PATCH", "path": "accounts", "fault": "429", "retry_after": 1}])
    assert counters(undo(job)) == {"uncoupled": 2}
    remote.control("DELETE", "faults")
    assert {row["address1_city"] for row in accounts(remote).values()} == {"Köln", "Trier"}


def test_a_row_deleted_in_dataverse_ends_its_coupling_and_is_told(matching, mapping, remote):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    row_id = coupling_of(mapping, Customer.objects.get(company=matching, no="10000")).integration_id
    delete_row(matching, mapping, row_id)
    done = undo(job)
    assert counters(done) == {"uncoupled": 2}
    assert "The row was deleted in Dataverse" in told(done)["10000"][2]


@pytest.mark.parametrize("as_previewed", [True, False])
def test_a_record_saved_between_sending_and_saving_leaves_no_pair_half_undone(
    matching, mapping, remote, monkeypatch, as_previewed
):
    """Of the pair values go back on both sides; what is sent is neither forgotten nor told twice."""
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    adatum = Customer.objects.get(company=matching, no="10000")
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_line1="Domplatz 1")
    synchronize(mapping)  # so that something came here, too
    assert Customer.objects.get(pk=adatum.pk).address == "Domplatz 1"
    SynchronizedValue.objects.filter(local_id=adatum.system_id).update(job=job.pk)
    update = Gateway.update

    def saved_meanwhile(self, *given):
        monkeypatch.setattr(Gateway, "update", update)
        results = update(self, *given)
        edit(adatum, phone_no="555-7")
        return results

    undoing = undo_as_previewed(preview=previewed(job)) if as_previewed else start_undo(job=job)
    monkeypatch.setattr(Gateway, "update", saved_meanwhile)
    done = run_to_end(undoing)
    assert counters(done) == {"uncoupled": 2}, told(done)
    assert Gateway.update is update
    row = accounts(remote)["Adatum"]
    assert (row["address1_city"], Customer.objects.get(pk=adatum.pk).address) == ("Köln", "")
    lines = list(SynchronizedValue.objects.filter(job=done).values_list("local_id", "field_id", "side"))
    assert len(lines) == len(set(lines)) > 0
    assert coupled(mapping) == set()
