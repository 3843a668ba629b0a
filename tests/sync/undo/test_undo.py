"""A coupling job is undone: its couplings end, what synchronization wrote goes back, what somebody touched stays."""

import pytest

from core.refusals import Refusal
from core.vocabulary import ConflictOption
from coupling.couplings.services import couple_by_hand, delete_coupling
from coupling.models import Coupling, CouplingBase, EndedCoupling
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from jobs.running.waiting import run_to_end
from masterdata.models import Customer
from sync.history.services import put_back
from sync.models import SynchronizedValue
from sync.undo.services import start_undo
from tests.sync.conftest import accounts, counters, coupling_of, patch, synchronize
from tests.sync.history.conftest import edit, history
from tests.sync.undo.conftest import couple, coupled, told, undo


@pytest.fixture
def adatum(matching):
    return Customer.objects.get(company=matching, no="10000")


def test_the_couplings_of_the_job_end_and_nothing_else_changes(mapping, remote):
    before = accounts(remote)
    job = couple(mapping)
    assert coupled(mapping) == {"10000", "20000"}
    done = undo(job)
    assert (done.type, counters(done), done.counters["total"]) == ("undo", {"uncoupled": 2}, 2)
    assert not Coupling.objects.exists()
    assert not CouplingBase.objects.exists()
    assert {name: row["address1_city"] for name, row in accounts(remote).items()} == {
        name: row["address1_city"] for name, row in before.items()
    }
    assert EndedCoupling.objects.count() == 2
    assert len(list(JobOutcomes(job, "coupled"))) == 2
    assert {row.local_key for row in JobOutcomes(job, "coupled")} == {"10000", "20000"}


@pytest.mark.parametrize("side", [ConflictOption.SEND, ConflictOption.GET])
def test_what_synchronization_wrote_goes_back_on_the_side_where_it_wrote(mapping, adatum, remote, side):
    before = accounts(remote)["Adatum"]
    job = couple(mapping, synchronize=True, conflicts=side)
    assert accounts(remote)["Adatum"]["address1_city"] == ("Bonn" if side == ConflictOption.SEND else "Köln")
    done = undo(job)
    assert counters(done) == {"uncoupled": 2}
    after, record = accounts(remote)["Adatum"], Customer.objects.get(pk=adatum.pk)
    assert (record.city, record.phone_no) == ("Bonn", "555-1")
    for name in ("address1_city", "telephone1", "name", "accountnumber", "_transactioncurrencyid_value"):
        assert (name, after.get(name)) == (name, before.get(name))
    assert history(job=done), "itself in the Synchronization History"
    assert ("City" in told(done)["10000"][2]) is True


def test_values_stay_where_a_person_wants_so(mapping, adatum, remote):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    done = undo(job, values=False)
    assert counters(done) == {"uncoupled": 2}
    assert accounts(remote)["Adatum"]["address1_city"] == "Bonn"
    assert not SynchronizedValue.objects.filter(job=done).exists()


def test_the_row_is_released_from_the_company_in_the_same_write(mapping, remote):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    column = f"_{mapping.company_column}_value"
    assert accounts(remote)["Adatum"].get(column)
    undo(job)
    assert not accounts(remote)["Adatum"].get(column)


def test_a_value_that_somebody_changed_since_stays_and_is_told(mapping, adatum, remote):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Aachen")
    done = undo(job)
    assert counters(done) == {"uncoupled": 2}
    row = accounts(remote)["Adatum"]
    assert (row["address1_city"], row["telephone1"]) == ("Aachen", "555-9")
    assert "City was changed in Dataverse since" in told(done)["10000"][2]


def test_what_a_person_put_back_stays(matching, mapping, adatum, remote):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    first = accounts(remote)["Adatum"]["address1_city"]
    edit(adatum, city="Essen")
    synchronize(mapping)
    line = SynchronizedValue.objects.filter(local_id=adatum.system_id, field__local="city").latest("pk")
    (restoring,) = put_back(company=matching, lines=[line.pk])
    run_to_end(restoring)
    assert accounts(remote)["Adatum"]["address1_city"] == first
    done = undo(job)
    assert accounts(remote)["Adatum"]["address1_city"] == first
    assert "City was changed in Dataverse since" in told(done)["10000"][2]


def test_a_value_that_people_entered_between_two_runs_is_what_comes_back(mapping, adatum, remote):
    job = couple(mapping, synchronize=True, conflicts=ConflictOption.SEND)
    row_id = coupling_of(mapping, adatum).integration_id
    edit(adatum, city="Essen")
    synchronize(mapping)
    patch(remote, row_id, address1_city="Aachen")
    synchronize(mapping)
    undo(job)
    assert Customer.objects.get(pk=adatum.pk).city == "Essen"
    assert accounts(remote)["Adatum"]["address1_city"] == "Aachen"


def test_what_somebody_uncoupled_or_coupled_anew_stays_and_says_who(
    matching, mapping, adatum, remote, django_user_model
):
    ada = django_user_model.objects.create_user("ada")
    job = couple(mapping)
    pair = coupling_of(mapping, adatum)
    delete_coupling(pair, ada)
    other = Customer.objects.get(company=matching, no="20000")
    kept = coupling_of(mapping, other)
    delete_coupling(kept, ada)
    couple_by_hand(
        mapping=mapping, local_id=other.system_id, integration_id=kept.integration_id,
        organization_id=kept.organization_id, user=ada,
    )  # fmt: skip
    with pytest.raises(Refusal) as refused:
        start_undo(job=job)
    assert refused.value.reason == "nothing_left"
    third = couple(mapping)
    assert coupled(mapping) == {"10000", "20000"}
    done = undo(third)
    assert told(done)["10000"][:2] == ("uncoupled", "")
    assert coupled(mapping) == {"20000"}


def test_what_stays_is_told_one_by_one(matching, mapping, adatum, django_user_model):
    ada = django_user_model.objects.create_user("ada")
    job = couple(mapping, create_new=True)
    assert coupled(mapping) == {"10000", "20000", "30000"}
    delete_coupling(coupling_of(mapping, adatum), ada)
    Customer.objects.get(company=matching, no="20000").delete()
    done = undo(job)
    found = told(done)
    assert found["10000"] == ("skipped", "not_coupled", "There is nothing to undo: ada deleted the coupling already.")
    assert found["20000"][:2] == ("skipped", "local_deleted")
    assert found["30000"] == ("uncoupled", "", "The row that the job had created in Dataverse stays there.")
    assert counters(done) == {"uncoupled": 1, "skipped": 2}
    assert coupled(mapping) == set()


def test_a_row_that_the_job_created_stays_in_dataverse(mapping, remote):
    job = couple(mapping, create_new=True)
    assert "Contoso" in accounts(remote)
    undo(job)
    assert accounts(remote)["Contoso"]["address1_city"] == "Hamm"


def test_a_pair_whose_conflict_a_person_decided_stays(mapping, adatum, django_user_model):
    ada = django_user_model.objects.create_user("ada")
    job = couple(mapping)
    synchronize(mapping, selection=[adatum.system_id], conflict=ConflictOption.SEND, user=ada)
    done = undo(job)
    assert told(done)["10000"][:2] == ("skipped", "changed_since")
    assert "ada chose since which side counts" in told(done)["10000"][2]
    assert coupled(mapping) == {"10000"}


def test_a_second_undo_says_that_nothing_is_left(mapping):
    job = couple(mapping)
    undo(job)
    with pytest.raises(Refusal) as refused:
        start_undo(job=job)
    assert refused.value.reason == "nothing_left"
    assert "Nothing is left" in refused.value.message


def test_only_an_ended_coupling_job_can_be_undone(mapping):
    with pytest.raises(Refusal):
        start_undo(job=synchronize(mapping))
    job = couple(mapping)
    Job.objects.filter(pk=job.pk).update(state="in_process")
    job.refresh_from_db()
    with pytest.raises(Refusal) as refused:
        start_undo(job=job)
    assert refused.value.reason == "not_ready"


def test_after_undo_the_records_can_be_coupled_again(mapping):
    undo(couple(mapping))
    couple(mapping)
    assert coupled(mapping) == {"10000", "20000"}


def test_an_undo_without_anything_to_end_leaves_all_and_says_why(matching, mapping):
    job = couple(mapping)
    waiting = start_undo(job=job)
    Coupling.objects.all().delete()
    done = run_to_end(waiting)
    assert counters(done) == {"skipped": 2}
    assert {one[1] for one in told(done).values()} == {"not_coupled"}
