"""Every number that is shown is true at the time beside it, and every sentence about what was written."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from coupling.gateway import Gateway
from coupling.mappings import counts
from coupling.models import Coupling
from jobs.models import Job
from jobs.running.waiting import run_to_end
from sync.full import services as full
from sync.models import FullSynchReviewLine
from sync.start.services import start_synchronization
from tests.coupling.test_commands import spoken
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    accounts,
    counters,
    customer,
    page_text,
    page_url,
    synchronize,
    update_mapping,
)


@pytest.fixture
def unconfirmed(company, customers):
    """Return five customers: two coupled, two whose rows Dataverse has not confirmed, one uncoupled."""
    made = [customer(company, f"1000{number}") for number in range(5)]
    for number, one in enumerate(made[:4]):
        Coupling.objects.create(
            company=company, mapping=customers, table="customer", local_id=one.system_id, integration_id=uuid4(),
            pending=number > 1,
        )  # fmt: skip
    return made


def words(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page_text(answer)))


def test_rows_that_dataverse_has_not_confirmed_are_not_counted_as_coupled(company, customers, operator, unconfirmed):
    (numbers,) = counts.count_records(company, [customers]).values()
    assert (numbers.records, numbers.coupled, numbers.uncoupled, numbers.pending) == (5, 2, 3, 2)
    (listed,), _ = spoken("mapping", "list", "--company", company.name)
    line = next(one for one in listed["mappings"] if one["name"] == "CUSTOMER")
    assert (line["records"], line["coupled"], line["uncoupled"]) == (5, 2, 3)
    card = words(operator.get(f"/c/{company.slug}/mappings/of/CUSTOMER/"))
    assert "Coupled 2 Uncoupled 3 Being created in Dataverse 2" in card
    assert "2 of 5" in words(operator.get(f"/c/{company.slug}/"))


def test_lists_and_the_review_do_not_call_them_coupled_either(company, customers, operator, unconfirmed):
    records = f"/c/{company.slug}/records/customer/"
    coupled = words(operator.get(records, {"coupled": "yes"}))
    assert "10000" in coupled and "10001" in coupled and "10002" not in coupled
    uncoupled = words(operator.get(records, {"coupled": "no"}))
    assert all(f"1000{number}" in uncoupled for number in (2, 3, 4)) and "10001" not in uncoupled
    full.generate(company)
    assert FullSynchReviewLine.objects.get(company=company, name="CUSTOMER").local_count == 3


def test_progress_never_passes_its_total(company, customers, remote, monkeypatch):
    monkeypatch.setattr("sync.engine.mapping_run.CHUNK", 4)
    for number in range(6):
        customer(company, f"1{number:04}")
    synchronize(customers)
    for number in range(6, 16):
        customer(company, f"1{number:04}")
    remote.load({"accounts": [{"name": f"Row {number}", **ACTIVE_CUSTOMER} for number in range(9)]})
    seen = []

    def look(job):
        seen.append((job.processed, job.total))

    job = run_to_end(start_synchronization(mapping=customers, full=True), look)
    assert counters(job) == {"unchanged": 6, "inserted": 19}
    told = [(processed, total) for processed, total in seen if total is not None]
    assert len(told) > 4 and all(processed <= total for processed, total in told), told
    assert told[0][1] >= 16, "what is to be created is part of the total from the beginning"


def test_a_job_that_another_organization_stops_says_what_was_done_until_then(
    company, customers, remote, operator, monkeypatch, settings
):
    settings.JOB_SLICE_S = 0  # every slice asks which organization answers
    monkeypatch.setattr("sync.engine.mapping_run.CHUNK", 2)
    for number in range(12):
        customer(company, f"1{number:04}")
    create, sent = Gateway.create, []

    def leads_elsewhere(self, *given):
        sent.append(given)
        if len(sent) == 3:
            remote.control("PUT", "environment", {"organization_id": str(uuid4())})
        return create(self, *given)

    monkeypatch.setattr(Gateway, "create", leads_elsewhere)
    job = run_to_end(start_synchronization(mapping=customers))
    assert (job.state, job.failure_reason) == ("failed", "wrong_environment")
    done = len(accounts(remote))
    assert done and job.counters["inserted"] <= done
    page = words(operator.get(f"/c/{company.slug}/jobs/{job.pk}/"))
    assert "nothing was written." not in page and "nothing was written to it" in page
    assert "What was done until then stays" in page


def test_refresh_counts_lines_that_have_run_too(company, customers, remote, operator):
    customer(company, "10000")
    full.generate(company)
    line = FullSynchReviewLine.objects.filter(company=company, name="CUSTOMER")
    line.update(status="finished", started=True)
    for number in range(1, 4):
        customer(company, f"1000{number}")
    operator.post(page_url(company, "review-refresh"))
    assert (line.get().local_count, line.get().status) == (4, "finished")


def test_counts_from_before_a_run_say_so(company, customers, remote, operator):
    customer(company, "10000")
    full.generate(company)
    assert "Lines have run since" not in words(operator.get(page_url(company, "review")))
    job = synchronize(update_mapping(company, synch_only_coupled=False))
    line = FullSynchReviewLine.objects.filter(company=company, name="CUSTOMER")
    line.update(status="finished", started=True, job=job)
    assert "Lines have run since" in words(operator.get(page_url(company, "review")))
    operator.post(page_url(company, "review-refresh"))
    assert "Lines have run since" not in words(operator.get(page_url(company, "review")))


def test_a_one_way_line_warns_of_what_it_creates(company, remote, operator):
    customer(company, "10000")
    remote.load({"accounts": [{"name": f"Row {number}", **ACTIVE_CUSTOMER} for number in range(3)]})
    update_mapping(company, direction="from_integration_table")
    full.generate(company)
    operator.post(page_url(company, "review-recommend-full"), {"selected": [
        FullSynchReviewLine.objects.get(company=company, name="CUSTOMER").pk
    ]})  # fmt: skip
    page = words(operator.get(page_url(company, "review")))
    assert "creates 3 here for CUSTOMER" in page
    assert "on the other side" not in page


def test_stored_numbers_of_large_tables_say_when_they_were_counted(company, customers, operator, monkeypatch):
    monkeypatch.setattr(counts, "LARGE", 0)
    customer(company, "10000")
    urls = [f"/c/{company.slug}/mappings/", f"/c/{company.slug}/mappings/of/CUSTOMER/"]
    assert "0 of 1" in words(operator.get(f"/c/{company.slug}/"))
    assert all("Counted just now" in words(operator.get(url)) for url in urls)
    customer(company, "10001")
    monkeypatch.setattr(timezone, "now", lambda now=timezone.now: now() + timedelta(seconds=130))
    home = words(operator.get(f"/c/{company.slug}/"))
    assert "0 of 1" in home and "Customers 1. Counted 2 min ago" in home
    assert all("Counted 2 min ago" in words(operator.get(url)) for url in urls)
    assert Job.objects.count() == 0
