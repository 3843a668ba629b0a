"""A row coupled with a record that was deleted here is released: from the outcome, from the card, many at once."""

import re

import pytest
from django.core.management import CommandError

from coupling.couplings import services
from coupling.models import Coupling
from coupling.rows import Criterion
from jobs.models import Job, JobOutcome
from jobs.pages import lists as listings
from masterdata.models import Customer
from tests.coupling.conftest import counted, pairs, run
from tests.coupling.test_commands import spoken
from tests.sync.conftest import signed_in

PHONE = [Criterion("phone_no", "telephone1")]
RELEASE = "Release from Deleted Records"


@pytest.fixture
def operator(company):
    return signed_in("Operator")


@pytest.fixture
def blocked(company, customer_mapping, customers, account_of):
    """Return three new customers whose rows are coupled with customers that were deleted here, and the job that said
    so; a fourth one's row is coupled with a customer that is there.
    """
    before = customers(4)
    account_of(before)
    run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    Customer.objects.filter(pk__in=[one.pk for one in before[:3]]).delete()
    new = customers([{"no": f"9000{at}", "phone_no": one.phone_no} for at, one in enumerate(before)])
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert job.reasons == {"already_coupled": 4}
    return new, job


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def follow(client, url, data):
    """Post a form and run what it starts. Returns the job."""
    before = Job.objects.count()
    client.post(url, data)
    assert Job.objects.count() == before + 1
    return run(Job.objects.latest("pk"))


def test_the_outcome_names_the_way_out(operator, company, blocked):
    new, job = blocked
    outcome = JobOutcome.objects.get(job=job, local_id=new[0].system_id)
    assert "a record that was deleted here" in outcome.message and RELEASE in outcome.message
    other = JobOutcome.objects.get(job=job, local_id=new[3].system_id)
    assert RELEASE not in other.message
    for page in (f"/c/cronus/jobs/{job.pk}/", f"/c/cronus/jobs/{job.pk}/outcomes/?outcome=failed"):
        assert RELEASE in text(operator.get(page, follow=True))


def test_selected_outcomes_are_released_and_couple_then(operator, company, customer_mapping, blocked):
    new, job = blocked
    rows = [outcome.pk for outcome in JobOutcome.objects.filter(job=job).order_by("pk")[:2]]
    url = f"/c/cronus/jobs/{job.pk}/release/"
    released = follow(operator, url, {"selected": rows, "outcome": "failed"})
    assert counted(released) == {"total": 2, "uncoupled": 2}
    run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert {new[0].system_id, new[1].system_id} < pairs(customer_mapping).keys()
    assert new[2].system_id not in pairs(customer_mapping)


def test_all_failed_outcomes_are_released_at_once_but_not_what_lives(operator, company, customer_mapping, blocked):
    _, job = blocked
    shown = listings.outcomes(job, "failed")
    data = {"all_matching": "1", "list_filters": shown.signed(filters={}), "outcome": "failed"}
    released = follow(operator, f"/c/cronus/jobs/{job.pk}/release/", data)
    assert counted(released) == {"total": 3, "uncoupled": 3}
    assert len(pairs(customer_mapping)) == 1


def test_the_card_of_the_record_says_what_blocks_it_and_releases_it(operator, company, customer_mapping, blocked):
    new, _ = blocked
    card = f"/c/cronus/records/customer/{new[0].system_id}/"
    shown = text(operator.get(card))
    assert "is coupled with a record that was deleted here" in shown and RELEASE in shown
    assert "that was deleted here" not in text(operator.get(f"/c/cronus/records/customer/{new[3].system_id}/"))
    url = "/c/cronus/records/customer/release/"
    released = follow(operator, url, {"selected": [str(new[0].system_id)]})
    assert counted(released) == {"total": 1, "uncoupled": 1}
    assert "that was deleted here" not in text(operator.get(card))


def test_selected_records_of_the_list_are_released(operator, company, customer_mapping, blocked):
    new, _ = blocked
    assert RELEASE in text(operator.get("/c/cronus/records/customer/"))
    ids = [str(one.system_id) for one in new]
    released = follow(operator, "/c/cronus/records/customer/release/", {"selected": ids})
    assert counted(released) == {"total": 3, "uncoupled": 3}


def test_where_no_partner_was_deleted_nothing_is_done(operator, company, customer_mapping, blocked):
    new, job = blocked
    alive = JobOutcome.objects.get(job=job, local_id=new[3].system_id)
    before = Job.objects.count()
    answer = operator.post(
        f"/c/cronus/jobs/{job.pk}/release/", {"selected": [alive.pk], "outcome": "failed"}, follow=True
    )  # fmt: skip
    assert "nothing to release" in text(answer)
    assert Job.objects.count() == before and Coupling.objects.count() == 4


def test_the_command_releases_what_is_in_the_way_of_selected_records_or_all_of_a_mapping(
    company, customer_mapping, blocked
):
    asked = ("skipped", "release", "--company", company.name)
    (told,), code = spoken(*asked, "--mapping", "CUSTOMER", "--select", "90000", "90003")
    assert (code, [job["counters"]["uncoupled"] for job in told["jobs"]]) == (0, [1])
    (told,), _ = spoken(*asked)
    assert [job["counters"]["uncoupled"] for job in told["jobs"]] == [2]
    assert len(pairs(customer_mapping)) == 1, "the one whose record is there"
    (refused,), code = spoken(*asked, "--mapping", "CUSTOMER")
    assert code == 1 and "nothing to release" in refused["error"]["message"]
    with pytest.raises(CommandError, match="--reason"):
        spoken(*asked, "--reason", "local_deleted")
