"""Failed records settled by a job, however many: one outcome each, coupled or ignored, and what is left says why."""

import pytest

from core.refusals import Refusal
from coupling.couplings.services import start_coupling, start_uncoupling
from coupling.failures import services as failures
from coupling.failures import settle_job
from coupling.failures.standing import standing
from coupling.models import Coupling, FailedRecord
from jobs import display
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from jobs.running.context import JobContext
from jobs.running.waiting import run_to_end
from masterdata.models import Customer
from sync.failures import services
from sync.start.services import start_synchronization
from sync.undo.services import start_undo
from tests.sync.conftest import customer, page_text, page_url, patch
from tests.sync.engine.test_failures import delete_row
from tests.sync.failures.conftest import CALGARY, PINE_ID


def settled(started):
    ((job, _),) = started
    return run_to_end(job)


def told(job):
    return {row.local_key: (row.outcome, row.reason, row.message) for row in JobOutcomes(job)}


def row_of(key):
    return Coupling.objects.get(local_id=Customer.objects.get(no=key).system_id).integration_id


@pytest.mark.parametrize("part", [1, 500])
def test_each_is_coupled_with_the_row_chosen_or_the_one_that_stands_out_and_the_others_are_left(
    company, failed, monkeypatch, part
):
    monkeypatch.setattr(settle_job, "PART", part)
    iris = Customer.objects.get(no="10020")
    job = settled(services.couple_by_job(failed=standing(company), chosen=[(iris.system_id, CALGARY)]))
    assert (job.message, job.counters["total"]) == ("2 coupled, 2 left as they were.", 4)
    assert display.title(job) == "CUSTOMER, couple to candidate"
    assert told(job) == {
        "10010": ("skipped", "already_coupled", settle_job.NOT_CHOSEN),
        "10020": ("coupled", "", "The row was chosen in the record's line."),
        "10030": ("coupled", "", "The row is 100 % alike, and stands out."),
        "10040": ("skipped", "no_match", settle_job.NOT_CHOSEN),
    }
    assert (row_of("10020"), row_of("10030")) == (CALGARY, PINE_ID)
    assert [one.local_key for one in standing(company)] == ["10010", "10040"]


def test_what_it_couples_is_synchronized_by_the_next_run_and_undone_as_one(company, failed):
    mapping = company.mappings.select_related("company").get(name="CUSTOMER")
    job = settled(services.couple_by_job(failed=standing(company).filter(local_key="10030")))
    following = run_to_end(start_synchronization(mapping=mapping))
    assert "10030" in {row.local_key for row in JobOutcomes(following)}
    undone = run_to_end(start_undo(job=job, values=False))
    assert undone.counters["uncoupled"] == 1, undone.message
    assert not Coupling.objects.filter(job_id=job.pk).exists()


def test_a_row_that_somebody_takes_meanwhile_fails_its_record_and_two_that_want_one_get_it_once(company, failed):
    ids = {one.local_key: one.local_id for one in standing(company)}
    chosen = [(ids["10020"], CALGARY)]
    ((job, _),) = services.couple_by_job(failed=standing(company).filter(local_key="10020"), chosen=chosen)
    other = Customer.objects.create(company=company, no="20000", name="Iris")
    mapping = company.mappings.get(name="CUSTOMER")
    Coupling.objects.create(
        company=company, mapping=mapping, table="customer", local_id=other.system_id, integration_id=CALGARY
    )
    assert told(run_to_end(job)) == {
        "10020": (
            "skipped",
            "already_coupled",
            f"Iris Bicycles Ltd. was chosen for the record. The row is coupled already to 20000 Iris in {company}. "
            "Choose another row, or release this one first: choose Delete Coupling on the card of 20000 Iris.",
        )
    }
    assert [(row.integration_id, row.integration_name) for row in JobOutcomes(job)] == [(CALGARY, "Iris Bicycles Ltd.")]
    assert FailedRecord.objects.get(local_key="10020").job_id == failed.pk


@pytest.mark.parametrize("part", [1, 500])
def test_of_two_records_that_want_one_row_the_second_is_told_that_this_job_coupled_the_first(
    company, remote, failed, monkeypatch, part
):
    monkeypatch.setattr(settle_job, "PART", part)
    mapping = company.mappings.select_related("company").get(name="CUSTOMER")
    customer(company, "10021", "Iris Bicycles Ltd.", phone_no="587 555 0117", city="Calgary")
    run_to_end(start_coupling(mapping=mapping))
    both = standing(company).filter(local_key__in=["10020", "10021"])
    job = settled(services.couple_by_job(failed=both, chosen=[(one.local_id, CALGARY) for one in both]))
    found = told(job)
    first, second = sorted(found, key=lambda key: found[key][0] != "coupled")
    assert found[first] == ("coupled", "", "The row was chosen in the record's line.")
    assert found[second][1] == "already_coupled"
    if part == 500:
        assert found[second][2] == (
            f"This job coupled the row with {first} Iris Bicycles Ltd., for which it was in question, too. "
            "Choose another row in the record's line."
        )
    else:
        assert f"coupled already to {first} Iris Bicycles Ltd. in {company}" in found[second][2]


def test_a_chosen_row_that_is_deleted_or_outside_by_now_is_named_with_why_it_is_refused(company, remote, failed):
    one = standing(company).get(local_key="10020")
    mapping = company.mappings.select_related("company").get(name="CUSTOMER")
    chosen = [(one.local_id, CALGARY), (standing(company).get(local_key="10030").local_id, PINE_ID)]
    some = standing(company).filter(local_key__in=["10020", "10030"])
    ((job, _),) = services.couple_by_job(failed=some, chosen=chosen)
    delete_row(company, mapping, CALGARY)
    patch(remote, PINE_ID, statecode=1)
    found = told(run_to_end(job))
    assert found["10020"] == (
        "skipped",
        "record_gone",
        f"The row chosen for the record, {CALGARY}, was deleted in Dataverse. Choose another row in the record's line.",
    )
    assert found["10030"][:2] == ("skipped", "outside_filter")
    assert found["10030"][2].startswith("Pine Logistics Ltd was chosen for the record. The row is outside the ")


def test_a_row_whose_record_was_deleted_here_is_free(company, failed):
    taken = Customer.objects.get(no="10000")
    Customer.objects.filter(pk=taken.pk).delete()
    job = settled(services.couple_by_job(failed=standing(company).filter(local_key="10010")))
    assert told(job)["10010"][0] == "coupled", told(job)


def test_records_are_ignored_by_a_job_for_a_reason_with_an_outcome_each(company, failed, operator):
    with pytest.raises(Refusal, match="ignored for a reason"):
        services.ignore_by_job(failed=standing(company), because=" ")
    ((job, _),) = services.ignore_by_job(failed=standing(company).exclude(local_key="10020"), because="closed branch")
    failures.ignore(failed=standing(company).filter(local_key="10040"), because="mine")
    job = run_to_end(job)
    assert job.message == "2 ignored, 1 left as they were."
    assert {key: (outcome, reason) for key, (outcome, reason, _) in told(job).items() if key} == {
        "10010": ("skipped", ""), "10030": ("skipped", ""),
    }  # fmt: skip
    assert [one.local_key for one in standing(company)] == ["10020"]
    assert dict(FailedRecord.objects.filter(ignored_at__isnull=False).values_list("local_key", "ignored_because")) == {
        "10010": "closed branch", "10030": "closed branch", "10040": "mine",
    }  # fmt: skip


@pytest.mark.parametrize("left", ["some", "none"])
def test_what_becomes_of_records_until_the_part_is_saved_is_told_and_none_of_them_ends_the_job(
    company, failed, monkeypatch, left
):
    ((job, _),) = services.ignore_by_job(failed=standing(company).exclude(local_key="10020"), because="closed branch")
    checkpoint = JobContext.checkpoint

    def first_others(self):
        if self.job.total is not None:  # the part is to be saved
            monkeypatch.setattr(JobContext, "checkpoint", checkpoint)
            pine = Customer.objects.get(no="10030")
            Coupling.objects.create(
                company=company, mapping=company.mappings.get(name="CUSTOMER"), table="customer",
                local_id=pine.system_id, integration_id=PINE_ID,
            )  # fmt: skip
            failures.ignore(failed=standing(company).filter(local_key="10040"), because="mine")
            if left == "none":
                FailedRecord.objects.all().delete()
        return checkpoint(self)

    monkeypatch.setattr(JobContext, "checkpoint", first_others)
    job = run_to_end(job)
    assert job.state == "finished", job.message
    settled_already = ("skipped", "changed_since")
    found = {row.local_id: (row.outcome, row.reason) for row in JobOutcomes(job)}
    assert {no: found[Customer.objects.get(no=no).system_id] for no in ("10010", "10030", "10040")} == {
        "10010": ("skipped", "") if left == "some" else settled_already,
        "10030": ("skipped", "already_coupled"),
        "10040": settled_already,
    }
    if left == "some":
        assert FailedRecord.objects.get(local_key="10040").ignored_because == "mine"
    assert job.message == ("1 ignored, 2 left as they were." if left == "some" else "3 left as they were.")


def test_more_than_are_settled_at_once_are_asked_about_and_taken_up_by_a_job(company, failed, operator, monkeypatch):
    monkeypatch.setattr(services, "MOST_AT_ONCE", 2)
    url = page_url(company, "failures-couple")
    page = page_text(operator.get(page_url(company, "failures")))
    filters = page.split('name="list_filters" value="')[1].split('"')[0]
    pk = FailedRecord.objects.get(local_key="10020").pk
    given = {"all_matching": "1", "list_filters": filters, f"candidate-{pk}": CALGARY, "candidate-1x": "x"}
    asked = page_text(operator.post(url, given))
    assert "4 records are taken up by a job" in asked
    assert "10030 Pine Logistics Ltd with Pine Logistics Ltd, London" in asked
    values = {name: asked.split(f'name="{name}" value="')[1].split('"')[0] for name in ("chosen", "selection")}
    page = page_text(operator.post(url, values, follow=True))
    job = Job.objects.get(parameters__settle="couple")
    assert f"4 records are taken up by job {job.pk}." in page
    assert f"Taken up by job {job.pk}" in page
    run_to_end(job)
    assert row_of("10020") == CALGARY
    refused = operator.post(url, {**values, "chosen": "x"}, follow=True)
    assert "Nothing is selected" in page_text(refused)
    filters = page_text(operator.get(page_url(company, "failures"))).split('name="list_filters" value="')[1]
    monkeypatch.setattr(services, "MOST_AT_ONCE", 1)
    given = {"all_matching": "1", "list_filters": filters.split('"')[0]}
    asked = page_text(operator.post(page_url(company, "failures-ignore"), given))
    token = asked.split('name="selection" value="')[1].split('"')[0]
    operator.post(page_url(company, "failures-ignore"), {"selection": token, "because": "closed"})
    job = run_to_end(Job.objects.get(parameters__settle="ignore"))
    assert not standing(company).exists()
    page = page_text(operator.get(page_url(company, "failures"), {"settled": "yes"}))
    assert "Ignored" in page and f"Tried by job {job.pk}" not in page
    assert 'name="selected"' not in page and 'name="candidate-' not in page, "nothing is left to choose"


def test_couplings_made_by_it_are_deleted_like_others(company, failed):
    mapping = company.mappings.select_related("company").get(name="CUSTOMER")
    settled(services.couple_by_job(failed=standing(company).filter(local_key="10030")))
    pine = Customer.objects.get(no="10030").system_id
    assert run_to_end(start_uncoupling(mapping=mapping, selection=[pine])).counters["uncoupled"] == 1
