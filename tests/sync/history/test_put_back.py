"""A person puts a value back: here it travels by the next run, there it is written at the version that was read."""

from typing import Any

import pytest

from connection_setup.models import DataverseConnection
from core.refusals import Refusal
from core.vocabulary import Direction
from coupling.gateway import Gateway
from jobs.errors import EmptySelection
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from jobs.running.waiting import run_to_end
from masterdata.models import ChangedBy, Company, Customer
from sync.engine.ledger import Ledger
from sync.history.services import put_back
from sync.models import SynchronizedValue
from tests.sync.conftest import accounts, counters, coupling_of, patch, synchronize, update_mapping
from tests.sync.engine.test_kills import kill_once, run_despite_kills
from tests.sync.history.conftest import HERE, THERE, edit, history

QUIET: tuple[dict[str, int], ...] = ({}, {"unchanged": 1})
"""What a run counts that has nothing to write: what it wrote itself may come back."""


def put_all_back(company: Any, **asked: Any) -> Job:
    (job,) = put_back(company=company, lines=SynchronizedValue.objects.all(), **asked)
    return run_to_end(job)


def told(job: Job) -> list[tuple[str, str, str]]:
    return [(str(row.outcome), str(row.reason), row.message) for row in JobOutcomes(job)]


@pytest.fixture
def written_there(mapping, adatum):
    edit(adatum, city="Ulm")
    synchronize(mapping)
    return adatum


@pytest.fixture
def written_here(mapping, adatum, remote):
    patch(remote, coupling_of(mapping, adatum).integration_id, address1_city="Köln")
    synchronize(mapping)
    return adatum


def test_a_value_put_back_in_dataverse_is_written_there_and_travels_here_by_the_next_run(
    in_step, mapping, written_there, remote, django_user_model
):
    ada = django_user_model.objects.create_user("ada")
    job = put_all_back(in_step, user=ada)
    assert (job.state, job.type, counters(job)) == ("finished", "restore", {"modified": 1})
    assert accounts(remote)["Adatum"]["address1_city"] == "Bonn"
    assert Customer.objects.get(pk=written_there.pk).city == "Ulm"
    assert history(job=job) == [("city", THERE, "Ulm", "Bonn")]
    assert job.requested_by == ada
    synchronize(mapping)
    assert Customer.objects.get(pk=written_there.pk).city == "Bonn"
    assert history()[-1] == ("city", HERE, "Ulm", "Bonn")
    assert counters(synchronize(mapping)) in QUIET


def test_a_value_put_back_here_is_a_persons_edit_and_travels_there_by_the_next_run(
    in_step, mapping, written_here, remote
):
    job = put_all_back(in_step)
    found = Customer.objects.get(pk=written_here.pk)
    assert (counters(job), found.city, found.changed_by) == ({"modified": 1}, "Bonn", ChangedBy.PERSON)
    assert accounts(remote)["Adatum"]["address1_city"] == "Köln"
    assert history(job=job) == [("city", HERE, "Köln", "Bonn")]
    synchronize(mapping)
    assert accounts(remote)["Adatum"]["address1_city"] == "Bonn"
    assert counters(synchronize(mapping)) in QUIET


def test_a_blank_value_is_put_back_as_blank(in_step, mapping, adatum, remote):
    edit(adatum, address_2="Floor 2")
    synchronize(mapping)
    put_all_back(in_step)
    assert not accounts(remote)["Adatum"].get("address1_line2")


def test_what_somebody_changed_since_stays_unless_it_is_to_be_put_back_anyway(in_step, mapping, written_there, remote):
    patch(remote, coupling_of(mapping, written_there).integration_id, address1_city="Trier")
    job = put_all_back(in_step)
    assert counters(job) == {"skipped": 1}
    assert told(job) == [
        ("skipped", "changed_since", "City was changed in Dataverse since: it holds “Trier”, and synchronization had "
         "written “Ulm”. So it stays."),
    ]  # fmt: skip
    assert accounts(remote)["Adatum"]["address1_city"] == "Trier"
    assert counters(put_all_back(in_step, anyway=True)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_city"] == "Bonn"
    assert history()[-1] == ("city", THERE, "Trier", "Bonn")


def test_of_several_lines_about_a_field_the_oldest_says_what_it_was(in_step, mapping, written_there, remote):
    edit(written_there, city="Hamm")
    synchronize(mapping)
    assert counters(put_all_back(in_step)) == {"modified": 1}
    assert accounts(remote)["Adatum"]["address1_city"] == "Bonn"


def test_a_value_that_is_back_already_is_left_alone(in_step, mapping, written_there, remote):
    line = SynchronizedValue.objects.get()
    put_all_back(in_step)
    (job,) = put_back(company=in_step, lines=[line.pk])
    assert counters(run_to_end(job)) == {"unchanged": 1}
    assert len(history()) == 2


def test_a_row_that_changes_between_reading_and_writing_is_read_again(
    in_step, mapping, written_there, remote, monkeypatch
):
    update = Gateway.update
    row_id = coupling_of(mapping, written_there).integration_id

    def changed_first(self: Gateway, *given: Any) -> Any:
        monkeypatch.setattr(Gateway, "update", update)
        patch(remote, row_id, telephone1="555-7")
        return self.update(*given)

    monkeypatch.setattr(Gateway, "update", changed_first)
    assert counters(put_all_back(in_step)) == {"modified": 1}
    row = accounts(remote)["Adatum"]
    assert (row["address1_city"], row["telephone1"]) == ("Bonn", "555-7")


def test_a_record_that_is_not_coupled_any_more_is_left_alone_and_says_so(in_step, mapping, written_there):
    coupling_of(mapping, written_there).delete()
    job = put_all_back(in_step)
    assert [(outcome, reason) for outcome, reason, _ in told(job)] == [("skipped", "not_coupled")]


def test_a_field_that_is_not_mapped_any_more_fails_and_says_what_to_do(in_step, mapping, written_there):
    mapping.fields.filter(field="city").update(enabled=False)
    job = put_all_back(in_step)
    assert told(job) == [
        ("failed", "configuration", "CUSTOMER does not write City to Dataverse any more. Edit the row in Dataverse "
         "instead."),
    ]  # fmt: skip


def test_a_field_that_only_goes_to_dataverse_now_is_not_written_here(in_step, mapping, written_here):
    mapping.fields.filter(field="city").update(direction=Direction.TO)
    job = put_all_back(in_step)
    assert told(job)[0][:2] == ("failed", "configuration")


def test_nothing_is_put_back_while_dataverse_is_not_enabled_or_of_another_company(in_step, written_there):
    other = Company.objects.create(name="Somebody Else", currency_code="USD")
    DataverseConnection.objects.create(company=other, enabled=True, environment_url="https://localhost")
    with pytest.raises(EmptySelection):
        put_back(company=other, lines=SynchronizedValue.objects.all())
    DataverseConnection.objects.filter(company=in_step).update(enabled=False)
    with pytest.raises(Refusal) as refused:
        put_back(company=in_step, lines=SynchronizedValue.objects.all())
    assert refused.value.reason == "not_enabled"
    assert not Job.objects.filter(type="restore").exists()


POINTS = [(Gateway, "update", False), (Gateway, "update", True), (Ledger, "save_put_back", True)]


@pytest.mark.parametrize(("owner", "name", "after"), POINTS)
def test_a_job_killed_while_it_puts_values_back_ends_as_an_undisturbed_one(
    in_step, mapping, adatum, remote, monkeypatch, owner, name, after
):
    edit(adatum, city="Ulm")
    patch(remote, coupling_of(mapping, adatum).integration_id, telephone1="555-9")
    synchronize(mapping)
    (job,) = put_back(company=in_step, lines=SynchronizedValue.objects.all())
    with monkeypatch.context() as patched:
        kill_once(patched, owner, name, after=after)
        job = run_despite_kills(job)
    assert counters(job) == {"modified": 1}
    assert sorted(history(job=job)) == [("city", THERE, "Ulm", "Bonn"), ("phone_no", HERE, "555-9", "555-1")]
    assert accounts(remote)["Adatum"]["address1_city"] == "Bonn"
    assert Customer.objects.get(pk=adatum.pk).phone_no == "555-1"
    update_mapping(in_step)
    assert counters(synchronize(mapping)) == {"modified": 1}
    assert counters(synchronize(mapping)) in QUIET
