"""What a record or row was created with stands in the history, field by field; it cannot be put back to nothing."""

import pytest

from core.refusals import Refusal
from coupling.gateway import Gateway
from jobs.models import Job
from jobs.running.waiting import run_to_end
from jobs.services import cancel
from masterdata.models import Customer
from sync.engine.ledger import Ledger
from sync.history.services import put_back
from sync.models import SynchronizedValue
from sync.rules.changes import Won
from sync.start.services import start_synchronization
from tests.sync.conftest import ACTIVE_CUSTOMER, coupling_of, customer, page_text, page_url, signed_in, synchronize
from tests.sync.engine.test_failures import delete_row
from tests.sync.engine.test_kills import Killed, kill_once, run_despite_kills
from tests.sync.history.conftest import HERE, THERE, edit, history


@pytest.fixture
def adatum(company, customers):
    return customer(company, "10000", "Adatum", city="Bonn", credit_limit="0")


def test_a_row_created_in_dataverse_is_told_field_by_field(customers, adatum):
    job = synchronize(customers)
    lines = history(adatum)
    assert {one[0]: one[1:] for one in lines}["city"] == (THERE, "", "Bonn")
    assert {one[0]: one[1:] for one in lines}["name"] == (THERE, "", "Adatum")
    assert "credit_limit" not in {one[0] for one in lines}, "blanks are left out"
    assert set(SynchronizedValue.objects.values_list("won", "job")) == {(Won.NEW, job.pk)}
    synchronize(customers)
    assert history(adatum) == lines


def test_a_record_created_here_is_told_field_by_field_with_the_number_it_got(company, customers, remote):
    remote.load({"accounts": [{**ACTIVE_CUSTOMER, "name": "Fabrikam", "address1_city": "Ulm"}]})
    synchronize(customers)
    record = Customer.objects.get(company=company, name="Fabrikam")
    told = {one[0]: one[1:] for one in history(record)}
    assert (told["city"], told["name"]) == ((HERE, "", "Ulm"), (HERE, "", "Fabrikam"))
    assert told["no"] == (HERE, "", record.no)


POINTS = [(Gateway, "create", True), (Ledger, "save", False), (Ledger, "save", True)]


@pytest.mark.parametrize("by", ["the same job", "another job"])
@pytest.mark.parametrize(("owner", "name", "after"), POINTS)
def test_a_killed_worker_neither_loses_a_line_nor_writes_it_twice(
    company, customers, adatum, remote, monkeypatch, owner, name, after, by
):
    remote.load({"accounts": [{**ACTIVE_CUSTOMER, "name": "Fabrikam", "address1_city": "Ulm"}]})
    job = start_synchronization(mapping=customers)
    with monkeypatch.context() as patched:
        kill_once(patched, owner, name, after=after)
        if by == "the same job":
            run_despite_kills(job)
        else:
            with pytest.raises(Killed):
                run_to_end(job)
            Job.objects.filter(pk=job.pk).update(lease_until=None)
            cancel(job=job)
            synchronize(customers)
            synchronize(customers)
    for record in Customer.objects.filter(company=company):
        fields = [one[0] for one in history(record)]
        assert len(fields) == len(set(fields)), "nothing twice"
        assert "city" in fields


def test_a_row_restored_in_dataverse_is_told_as_new(company, customers, adatum):
    synchronize(customers)
    synchronize(customers)
    before = coupling_of(customers, adatum).integration_id
    delete_row(company, customers, before)
    synchronize(customers, selection=[adatum.system_id], deletion="restore")
    after = coupling_of(customers, adatum).integration_id
    assert after != before
    assert history(adatum, integration_id=after, field__local="city") == [("city", THERE, "", "Bonn")]


def test_what_came_with_a_new_row_is_not_put_back_but_later_changes_are(company, customers, adatum):
    synchronize(customers)
    synchronize(customers)
    new = SynchronizedValue.objects.get(local_id=adatum.system_id, field__local="city")
    with pytest.raises(Refusal, match="before, there was nothing"):
        put_back(company=company, lines=[new.pk])
    edit(adatum, city="Essen")
    synchronize(customers)
    changed = SynchronizedValue.objects.filter(local_id=adatum.system_id, field__local="city").latest("pk")
    (job,) = put_back(company=company, lines=[new.pk, changed.pk])
    assert run_to_end(job).counters["modified"] == 1
    assert history(adatum, job=job) == [("city", THERE, "Essen", "Bonn")]


def test_card_and_list_tell_a_creation_once_and_offer_nothing_to_put_back(company, customers, adatum):
    synchronize(customers)
    operator = signed_in("Operator")
    url = page_url(company, "record-history", table="customer", system_id=adatum.system_id)
    text = page_text(operator.get(url))
    assert text.count("Created in Dataverse") == 1
    assert "<ins>Bonn</ins>" in text
    assert "Put City back" not in text
    assert "(new)" in page_text(operator.get(page_url(company, "history")))
