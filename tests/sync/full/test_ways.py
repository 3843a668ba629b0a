"""To and From Int. Table Job Status of the review's lines: shown while the job runs and kept with the line."""

import pytest

from core.vocabulary import Direction
from jobs.models import Job, State
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sync.full import services as full
from sync.full.ways import statuses
from sync.models import FullSynchReviewLine
from tests.sync.conftest import customer, page_text, page_url

BOTH, TO, FROM = Direction.BIDIRECTIONAL, Direction.TO, Direction.FROM


@pytest.mark.parametrize(
    ("direction", "state", "failed", "expected"),
    [
        (BOTH, State.QUEUED, (), ("in_process", "in_process")),
        (BOTH, State.FINISHED, (), ("success", "success")),
        (BOTH, State.FINISHED, (TO,), ("error", "success")),
        (BOTH, State.FINISHED, (FROM,), ("success", "error")),
        (BOTH, State.FAILED, (), ("error", "error")),
        (TO, State.FINISHED, (), ("success", "")),
        (FROM, State.IN_PROCESS, (), ("", "in_process")),
        (FROM, State.CANCELLED, (), ("", "error")),
    ],
)
def test_each_way_stands_by_its_job_and_what_failed_on_it(direction, state, failed, expected):
    found = statuses(direction, state, failed)
    assert (found["to_status"], found["from_status"]) == expected


def test_a_line_keeps_how_its_job_went_each_way(company: Company, operator, remote):
    customer(company, "10000", "Fine")
    customer(company, "10001", "Refused", currency_code="SEK")
    full.generate(company)
    full.start(company, only=["CUSTOMER"])
    line = FullSynchReviewLine.objects.get(name="CUSTOMER")
    assert (line.to_status, line.from_status) == ("in_process", "in_process")
    page = page_text(operator.get(page_url(company, "review")))
    assert "To Int. Table Job Status" in page
    assert f'href="/c/{company.slug}/jobs/{line.job_id}/"' in page, "the line leads to its job"
    assert full.blocked_reason(full.lines(company)) == "A run is under way."
    for job in Job.objects.filter(state=State.QUEUED):
        run_to_end(job)
    full.advance(company)
    line.refresh_from_db()
    assert line.job.counters["failed"] == 1
    assert (line.to_status, line.from_status) == ("error", "success")
    full.restart(line)
    line.refresh_from_db()
    assert line.to_status in ("", "in_process")
