"""What a run wrote that was lost before it learned so goes back with the rest, and the history tells of it."""

import pytest
from django.utils import timezone

from core.vocabulary import ConflictOption
from coupling.gateway import Gateway
from jobs.models import Job
from jobs.running.waiting import run_to_end
from jobs.services import cancel
from masterdata.models import Customer
from sync.engine.ledger import Ledger
from sync.models import SynchState
from sync.start.services import start_synchronization
from sync.undo.services import start_undo, undo_as_previewed
from tests.sync.conftest import accounts, counters, coupling_of, patch, synchronize
from tests.sync.engine.test_kills import Killed, kill_once, run_despite_kills
from tests.sync.history.conftest import THERE, edit, history
from tests.sync.undo.conftest import couple, coupled, previewed, undo


@pytest.fixture
def adatum(matching):
    return Customer.objects.get(company=matching, no="10000")


def lose(monkeypatch, mapping, owner=Gateway, name="update"):
    """Synchronize, lose the worker once Dataverse has answered, and cancel the job."""
    job = start_synchronization(mapping=mapping)
    with monkeypatch.context() as patched:
        kill_once(patched, owner, name, after=True)
        with pytest.raises(Killed):
            run_to_end(job)
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now())
    cancel(job=job)
    job.refresh_from_db()
    return job


@pytest.mark.parametrize("how", ["at once", "as previewed", "killed"])
def test_what_a_cancelled_run_had_written_goes_back(mapping, adatum, remote, monkeypatch, how):
    mapping.update_conflict = ConflictOption.SEND
    mapping.save()
    job = couple(mapping)
    lost = lose(monkeypatch, mapping)
    assert accounts(remote)["Adatum"]["address1_city"] == "Bonn", "it was written"
    assert not history(adatum), "and nobody has noted so"
    if how == "as previewed":
        found = previewed(job)
        assert not history(adatum), "a preview writes nothing"
        assert found.numbers["ends:back"] > 0
        done = run_to_end(undo_as_previewed(preview=found))
    elif how == "killed":
        undoing = start_undo(job=job)
        with monkeypatch.context() as patched:
            kill_once(patched, Ledger, "save_put_back", after=True)
            done = run_despite_kills(undoing)
    else:
        done = undo(job)
    assert counters(done) == {"uncoupled": 2}
    assert coupled(mapping) == set()
    rows = accounts(remote)
    assert (rows["Adatum"]["address1_city"], rows["Adatum"]["telephone1"]) == ("Köln", "555-9")
    assert rows["Fabrikam"]["address1_city"] == "Trier"
    cities = [line[1:] for line in history(adatum) if line[0] == "city"]
    assert cities == [(THERE, "Köln", "Bonn"), (THERE, "Bonn", "Köln")]
    assert history(adatum, job=lost), "what the lost run wrote is told as its own"
    assert not SynchState.objects.get(mapping=mapping).unconfirmed_writes


def test_after_confirmed_writes_of_the_same_value_all_of_them_go_back(mapping, adatum, remote, monkeypatch):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    edit(adatum, city="Essen")
    lose(monkeypatch, mapping)
    assert accounts(remote)["Adatum"]["address1_city"] == "Essen"
    assert counters(undo(job)) == {"uncoupled": 2}
    assert accounts(remote)["Adatum"]["address1_city"] == "Köln"


def test_what_somebody_changed_after_the_lost_run_stays(mapping, adatum, remote, monkeypatch):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    edit(adatum, city="Essen")
    lose(monkeypatch, mapping)
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Aachen")
    assert counters(undo(job)) == {"uncoupled": 2}
    assert accounts(remote)["Adatum"]["address1_city"] == "Aachen"


def test_where_values_stay_the_history_still_learns_what_was_written(mapping, adatum, remote, monkeypatch):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    edit(adatum, city="Essen")
    lost = lose(monkeypatch, mapping)
    assert counters(undo(job, values=False)) == {"uncoupled": 2}
    assert history(adatum, job=lost) == [("city", THERE, "Bonn", "Essen")]
    assert accounts(remote)["Adatum"]["address1_city"] == "Essen"


def test_a_pair_that_stays_is_settled_by_the_next_run(mapping, adatum, remote, monkeypatch):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    found = previewed(job)
    edit(adatum, city="Essen")
    lost = lose(monkeypatch, mapping)
    done = run_to_end(undo_as_previewed(preview=found))
    assert counters(done) == {"uncoupled": 1, "skipped": 1}
    synchronize(mapping)
    assert history(adatum, job=lost) == [("city", THERE, "Bonn", "Essen")]
    assert accounts(remote)["Adatum"]["address1_city"] == "Essen"
    assert not SynchState.objects.get(mapping=mapping).unconfirmed_writes
