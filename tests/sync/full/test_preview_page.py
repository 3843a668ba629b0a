"""Preview of the Full Synchronization: made by a job, shown with the values of each side, and taken as CSV."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from coupling.gateway import Gateway
from coupling.models import Coupling, CouplingPreview
from jobs.models import Job, JobOutcome, State, Type
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sync.full import services as full
from sync.full.preview_job import KEPT, drop_expired, start_full_preview, stored_lines
from sync.models import FullSynchPreview, FullSynchPreviewRecord, FullSynchReviewLine, PreviewKind
from tests.sync.conftest import (
    ACTIVE_CUSTOMER,
    accounts,
    customer,
    page_text,
    page_url,
    patch,
    synchronize,
    update_mapping,
)
from tests.sync.full.test_full import command
from ui.links import company_url

RECORDS = 7


@pytest.fixture
def filled(company: Company) -> Company:
    for number in range(RECORDS):
        customer(company, f"{10000 + number}", f"Customer {number}", city="Oslo")
    return company


def made(company: Company) -> Job:
    return run_to_end(start_full_preview(company=company))


def counts(job: Job, mapping: str = "CUSTOMER") -> dict[str, int]:
    kept = FullSynchPreview.objects.get(job=job)
    return {line.mapping: line for line in stored_lines(kept.lines)}[mapping].counts


def shown_at(job: Job, name: str = "review-preview", **query: str) -> str:
    return company_url(f"sync:{name}", job.company, full_preview=job.pk, query=query)


@pytest.mark.usefixtures("owned_by_people")
def test_what_would_be_created_on_either_side_stands_on_a_page_with_its_values(filled, operator, remote):
    job = made(filled)
    assert (job.state, counts(job)) == (State.FINISHED, {PreviewKind.CREATED_THERE.value: RECORDS})
    assert f"{RECORDS} created in Dataverse" in job.message
    page = page_text(operator.get(shown_at(job, mapping="CUSTOMER")))
    assert "Preview of the Full Synchronization" in page
    assert "Customer 3" in page and "Oslo" in page and "10003" in page
    users = counts(job, "SALESPEOPLE")[PreviewKind.CREATED_HERE]
    rows = FullSynchPreviewRecord.objects.filter(mapping_name="SALESPEOPLE", kind=PreviewKind.CREATED_HERE)
    assert rows.count() == users > 0
    assert all(row.values and row.local_id is None and row.integration_id for row in rows)
    assert rows[0].integration_name in page_text(operator.get(shown_at(job, mapping="SALESPEOPLE")))


def test_a_preview_writes_nothing_but_itself(filled, remote):
    full.generate(filled)
    before = list(FullSynchReviewLine.objects.order_by("pk").values())
    made(filled)
    assert remote.control("GET", "requests")["rows_written"] == 0
    assert list(FullSynchReviewLine.objects.order_by("pk").values()) == before
    assert not Coupling.objects.exists() and not JobOutcome.objects.exists() and not accounts(remote)


def test_what_would_be_changed_stands_on_its_side_with_the_values_before_and_after(filled, operator, remote):
    mapping = update_mapping(filled, synch_only_coupled=False)
    synchronize(mapping, full=True, create=True)
    pairs = list(Coupling.objects.filter(mapping=mapping).order_by("pk"))
    Customer.objects.filter(system_id=pairs[0].local_id).update(city="Bergen", modified_at=timezone.now())
    patch(remote, pairs[1].integration_id, address1_city="Tromso")
    customer(filled, "20000", "One more", city="Moss")
    job = made(filled)
    kinds = (PreviewKind.CREATED_THERE, PreviewKind.CHANGED_THERE, PreviewKind.CHANGED_HERE)
    assert counts(job) == {kind.value: 1 for kind in kinds}
    there = FullSynchPreviewRecord.objects.get(kind=PreviewKind.CHANGED_THERE)
    assert [value[1:] for value in there.values] == [["Oslo", "Bergen"]]
    here = FullSynchPreviewRecord.objects.get(kind=PreviewKind.CHANGED_HERE)
    assert [value[1:] for value in here.values] == [["Oslo", "Tromso"]]
    page = page_text(operator.get(shown_at(job, mapping="CUSTOMER", kind="changed_here")))
    assert "Tromso" in page and "Bergen" not in page


def test_what_the_preview_counts_is_what_the_run_does_to_the_record(filled, remote):
    records = FullSynchPreviewRecord.objects.filter(preview=made(filled).pk, mapping_name="CUSTOMER")
    previewed = set(records.values_list("local_id", flat=True))
    full.generate(filled)
    full.start(filled)
    for _ in range(6):
        for job in Job.objects.filter(state=State.QUEUED):
            run_to_end(job)
        full.advance(filled)
    assert set(Coupling.objects.filter(mapping__name="CUSTOMER").values_list("local_id", flat=True)) == previewed
    assert len(previewed) == RECORDS == len(accounts(remote))


def previewed_by_command(company: Company) -> tuple[list[dict[str, Any]], str]:
    """Return the lines that the command prints of CUSTOMER, and its text."""
    asked = ("fullsync", "--company", company.name, "--preview", "--mapping", "CUSTOMER")
    _, document = command(*asked)
    text = StringIO()
    call_command(*asked, stdout=text)
    return document["lines"], text.getvalue()


def test_a_line_that_couples_first_leads_to_the_preview_of_its_pairs(filled, operator, remote):
    remote.load({"accounts": [{"name": "Customer 3", **ACTIVE_CUSTOMER}]})
    update_mapping(filled).fields.filter(field="name").update(use_for_match=True)
    job = made(filled)
    coupling = Job.objects.get(type=Type.PREVIEW, mapping_name="CUSTOMER")
    run_to_end(coupling)
    assert CouplingPreview.objects.get(job=coupling).numbers["couple"] == 1
    answer = operator.get(shown_at(job))
    assert company_url("coupling:match-preview", filled, preview=coupling.pk) in answer.content.decode()
    assert f"Couples 1 record by its criteria first, {RECORDS - 1} stay uncoupled: see the pairs" in page_text(answer)
    CouplingPreview.objects.update(stop_coupled_above=0)
    page = page_text(operator.get(shown_at(job)))
    assert "A brake would stop 1 line." in page
    assert "1 record would be coupled, and the brake stops above 0, so none is. See the pairs" in page
    CouplingPreview.objects.all().delete()
    update_mapping(filled, brakes={"coupled": 0})
    ((told,), text) = previewed_by_command(filled)
    assert told["brake"] == "1 record would be coupled, and the brake stops above 0, so none is."
    assert told["brake"] in text
    assert "A brake would stop 1 line: CUSTOMER." in text
    assert not Coupling.objects.exists()


def test_a_brake_that_would_leave_what_was_deleted_to_a_person_is_named(filled, operator, remote):
    mapping = update_mapping(filled, synch_only_coupled=False, deletion_conflict="uncouple", brakes={"deleted": 1})
    synchronize(mapping, full=True, create=True)
    Gateway(filled).delete(mapping, [(one.integration_id, "*") for one in Coupling.objects.filter(mapping=mapping)[:3]])
    customer(filled, "20000", "One more", city="Moss")
    page = page_text(operator.get(shown_at(made(filled), mapping="CUSTOMER")))
    assert "A brake would stop 1 line." in page
    assert f"3 of {RECORDS} pairs have a deleted side, and the brake stops above 1" in page
    ((told,), text) = previewed_by_command(filled)
    assert told["brake"].startswith(f"3 of {RECORDS} pairs have a deleted side, and the brake stops above 1")
    assert told["brake"] in text
    mapping.brakes = {}
    mapping.save()
    ((told,), text) = previewed_by_command(filled)
    assert told["brake"] is None
    assert "A brake" not in text


def test_the_tab_is_taken_as_csv_with_a_line_for_each_field(filled, operator, remote):
    job = made(filled)
    answer = operator.get(shown_at(job, "review-preview-export", mapping="CUSTOMER", q="10003"))
    text = b"".join(answer.streaming_content).decode()
    lines = text.strip().splitlines()
    assert lines[0].removeprefix("\ufeff").startswith("Mapping,Kind,No.,Name")
    assert all("10003" in line for line in lines[1:])
    assert any(",City,,Oslo," in line for line in lines[1:])


def test_the_review_starts_a_preview_and_the_page_shows_its_progress_until_it_is_there(filled, operator, remote):
    answer = operator.post(page_url(filled, "preview-review"))
    job = Job.objects.get(type=Type.FULL_PREVIEW)
    assert answer["Location"] == shown_at(job)
    assert "Queued" in page_text(operator.get(shown_at(job)))
    again = operator.post(page_url(filled, "preview-review"))
    assert again["Location"] == shown_at(job), "the one that is made already"
    operator.post(shown_at(job, "review-preview-cancel"))
    assert "Cancelled" in page_text(operator.get(shown_at(job)))


def test_a_preview_is_kept_for_a_day(filled, operator, remote):
    job = made(filled)
    FullSynchPreview.objects.update(kept_until=timezone.now())
    assert "No longer kept" in page_text(operator.get(shown_at(job)))
    assert operator.get(shown_at(job, "review-preview-export")).status_code == 404
    drop_expired(timezone.now() + KEPT)
    assert not FullSynchPreviewRecord.objects.exists()
    assert "No longer kept" in page_text(operator.get(shown_at(job)))


def test_after_a_lost_worker_a_preview_is_made_anew_and_holds_each_record_once(filled, remote):
    job = start_full_preview(company=filled)
    run_to_end(job)
    Job.objects.filter(pk=job.pk).update(state=State.QUEUED, ended_at=None)
    run_to_end(Job.objects.get(pk=job.pk))
    assert FullSynchPreviewRecord.objects.filter(mapping_name="CUSTOMER").count() == RECORDS


@pytest.mark.parametrize("size", [1, RECORDS])
def test_the_page_asks_the_database_the_same_few_times_whatever_the_size(
    company, operator, remote, django_assert_max_num_queries, size
):
    for number in range(size):
        customer(company, f"{10000 + number}", f"Customer {number}")
    job = made(company)
    operator.get(shown_at(job))
    with django_assert_max_num_queries(12):
        operator.get(shown_at(job))
