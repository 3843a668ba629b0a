"""The page Dataverse Full Synch. Review, requested as a browser does."""

import pytest

from jobs.models import Job
from jobs.running.waiting import run_to_end
from sync.full import services as full
from sync.models import FullSynchReviewLine
from tests.sync.conftest import ACTIVE_CUSTOMER, customer, page_text, page_url, update_mapping


@pytest.mark.usefixtures("owned_by_people")
def test_the_review_counts_when_it_is_opened_first_and_leads_to_the_criteria(company, operator, remote):
    customer(company, "10000")
    remote.load({"accounts": [{"name": "A", **ACTIVE_CUSTOMER}]})
    page = page_text(operator.get(page_url(company, "review")))
    assert "<h1" in page and "Dataverse Full Synch. Review" in page
    assert "Select Coupling Criteria" in page and "1 here, 1 in Dataverse" in page
    assert "Full synchronization" in page
    update_mapping(company).fields.filter(field="phone_no").update(use_for_match=True)
    assert "Review Selected Coupling Criteria" in page_text(operator.get(page_url(company, "review")))


def test_sync_all_asks_first_then_starts(company, operator, remote):
    customer(company, "10000")
    operator.get(page_url(company, "review"))
    asked = page_text(operator.get(page_url(company, "sync-all")))
    assert "CUSTOMER: create 1 in Dataverse and 0 here." in asked
    assert not Job.objects.exists()
    operator.post(page_url(company, "sync-all"))
    assert Job.objects.filter(type="synchronization").exists()
    page = page_text(operator.get(page_url(company, "review")))
    assert f"of {len(full.lines(company))} mappings" in page
    for _ in range(5):
        for job in Job.objects.filter(state="queued"):
            run_to_end(job)
        full.advance(company)
    assert FullSynchReviewLine.objects.get(company=company, name="CUSTOMER").status == "finished"
    page = page_text(operator.get(page_url(company, "review")))
    assert "Finished" in page and f"of {len(full.lines(company))} mappings" not in page


def test_actions_work_on_the_selected_lines_and_without_any_do_nothing(company, operator, remote):
    customer(company, "10000")
    remote.load({"accounts": [{"name": "A", **ACTIVE_CUSTOMER}]})
    operator.get(page_url(company, "review"))
    line = FullSynchReviewLine.objects.get(company=company, name="CUSTOMER")
    operator.post(page_url(company, "review-recommend-full"), {})
    line.refresh_from_db()
    assert not line.overridden
    operator.post(page_url(company, "review-recommend-full"), {"selected": [line.pk]})
    page = page_text(operator.get(page_url(company, "review")))
    assert "Possible duplicates" in page
    operator.post(page_url(company, "review-remove"), {"selected": [line.pk]})
    assert line.pk not in {row.pk for row in full.lines(company)}
    operator.post(page_url(company, "review-reset"))
    assert "CUSTOMER" in {row.name for row in full.lines(company)}
    answer = operator.post(page_url(company, "review-restart"), {"selected": [full.lines(company)[0].pk]}, follow=True)
    assert "cannot be restarted" in page_text(answer)
    assert "counted again" in page_text(operator.post(page_url(company, "review-refresh"), follow=True))
