"""Before and during a full synchronization: the estimate beside the result, a preview, stopping and going on."""

import pytest

from core.refusals import Refusal
from coupling.models import Coupling
from jobs.models import Job, JobOutcome, State
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sync.full import services as full
from sync.full.results import result_of
from sync.models import FullSynchReviewLine
from tests.sync.conftest import accounts, customer, page_text, page_url, update_mapping
from tests.sync.full.test_full import command

RECORDS = 12


@pytest.fixture
def filled(company: Company) -> Company:
    for number in range(RECORDS):
        customer(company, f"{10000 + number}", f"Customer {number}")
    return company


def line(company: Company, name: str = "CUSTOMER") -> FullSynchReviewLine:
    return {one.name: one for one in full.lines(company)}[name]


def test_what_a_run_will_take_is_told_before_and_stands_beside_what_it_took(filled, operator, remote):
    page = page_text(operator.get(page_url(filled, "review")))
    assert f"{RECORDS} rows, under 1 min" in page
    assert "Estimate of all" in page
    code, document = command("fullsync", "--company", filled.name)
    told = {one["mapping"]: one for one in document["lines"]}["CUSTOMER"]
    assert (code, told["estimate"]["rows"], told["result"]["rows"]) == (0, RECORDS, RECORDS)
    assert told["result"]["requests"] == result_of(line(filled)).requests > 0
    took = page_text(operator.get(page_url(filled, "review"))).partition("CUSTOMER")[2]
    assert took.count(f"{RECORDS} rows, under 1 min") == 2, "what was expected, and what it took"


def test_a_preview_says_what_would_be_created_and_writes_nothing(filled, remote):
    code, document = command("fullsync", "--company", filled.name, "--preview")
    told = {one["mapping"]: one for one in document["lines"]}
    assert (code, document["state"]) == (0, "preview")
    assert told["CUSTOMER"]["counters"]["inserted"] == RECORDS
    assert [one["local"]["key"] for one in told["CUSTOMER"]["samples"]] == [str(10000 + n) for n in range(5)]
    assert told["VENDOR"]["message"] == "there are no records to synchronize now."
    assert remote.control("GET", "requests")["rows_written"] == 0
    assert not accounts(remote)
    assert not Coupling.objects.exists()
    assert not JobOutcome.objects.exists()


def test_a_preview_leaves_the_review_as_it_is(filled, remote):
    full.generate(filled)
    before = list(FullSynchReviewLine.objects.order_by("pk").values())
    customer(filled, "20000", "One more")
    _, document = command("fullsync", "--company", filled.name, "--preview", "--mapping", "CUSTOMER")
    assert document["lines"][0]["counters"]["inserted"] == RECORDS + 1
    assert list(FullSynchReviewLine.objects.order_by("pk").values()) == before


def test_a_preview_of_both_sides_matches_by_the_criteria(filled, remote):
    remote.load({"accounts": [{"name": "Customer 3", "customertypecode": 3, "statecode": 0}]})
    update_mapping(filled).fields.filter(field="name").update(use_for_match=True)
    _, document = command("fullsync", "--company", filled.name, "--preview", "--mapping", "CUSTOMER")
    (told,) = document["lines"]
    assert (told["couples_first"], told["counters"]["coupled"]) == (True, 1)
    assert (told["found"]["couple"], told["found"]["new"]) == (1, RECORDS - 1)
    assert not Coupling.objects.exists()


def test_a_run_is_stopped_as_a_whole_and_goes_on_from_where_it_stood(filled, remote, operator):
    full.generate(filled)
    full.start(filled)
    assert full.is_running(filled)
    asked = page_text(operator.get(page_url(filled, "review-stop")))
    assert "Go On takes up the rest." in asked
    operator.post(page_url(filled, "review-stop"))
    assert not Job.objects.exclude(state=State.CANCELLED).exists()
    assert line(filled).status in ("", State.CANCELLED)
    full.advance(filled)
    assert not full.is_running(filled), "nothing of it begins by itself"
    page = page_text(operator.get(page_url(filled, "review")))
    assert "The run was stopped" in page
    assert "CUSTOMER" in page.partition("Not ended:")[2].partition(".")[0]
    operator.post(page_url(filled, "review-go-on"))
    for _ in range(6):
        for job in Job.objects.filter(state="queued"):
            run_to_end(job)
        full.advance(filled)
    assert line(filled).status == State.FINISHED
    assert len(accounts(remote)) == RECORDS


def test_stopping_by_command_stops_what_runs_and_says_so_where_nothing_does(filled, remote):
    full.generate(filled)
    code, refused = command("fullsync", "--company", filled.name, "--stop")
    assert (code, refused["error"]["message"]) == (1, "No full synchronization is under way.")
    full.start(filled)
    code, document = command("fullsync", "--company", filled.name, "--stop")
    assert code == 0
    assert {one["status"] for one in document["lines"]} <= {"", "cancelled", "finished"}
    assert "cancelled" in {one["status"] for one in document["lines"]}
    with pytest.raises(Refusal):
        full.stop(filled)


def test_going_on_takes_up_the_lines_that_were_asked_for_and_no_others(filled, remote):
    full.generate(filled)
    full.start(filled, only=["CUSTOMER"])
    full.stop(filled)
    full.go_on(filled)
    assert {one.name for one in full.lines(filled) if one.status} == {"CUSTOMER"}
    assert line(filled).status == State.QUEUED
    assert [job.mapping_name for job in Job.objects.filter(state=State.QUEUED)] == ["CUSTOMER"]
