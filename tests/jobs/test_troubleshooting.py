"""Each reason has its place in help, by the words that pages show, and what shows a reason leads there."""

import pytest

from jobs.models import JobOutcome, Outcome, Reason
from jobs.pages import lists
from ui.help import html, text
from ui.kit import Link

REASONS = [reason for reason in Reason if reason]


@pytest.fixture(scope="module")
def page() -> str:
    return str(html(text("troubleshooting") or "", "troubleshooting")[1])


@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_every_reason_has_its_heading_in_help_and_is_led_to_it(page: str, reason: Reason) -> None:
    link = lists.reason_link(reason.value)
    assert isinstance(link, Link)
    address, _, heading = link.url.partition("#")
    assert address == "/help/troubleshooting/"
    assert f'<h3 id="{heading}">{reason.label}</h3>' in page


@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_what_help_says_of_a_reason_is_more_than_its_name(page: str, reason: Reason) -> None:
    said = page.partition(f">{reason.label}</h3>")[2].partition("<h")[0]
    assert len(said.split()) > 20


def test_help_tells_of_no_reason_that_there_is_not(page: str) -> None:
    assert page.count("<h3") == len(REASONS)


def test_the_reason_of_an_outcome_leads_to_help_and_the_plain_case_has_none() -> None:
    failed = JobOutcome(outcome=Outcome.FAILED, reason=Reason.MULTIPLE_MATCHES)
    assert lists.reason_status(failed) == Link("Multiple matches", "/help/troubleshooting/#multiple-matches", "warn")
    assert lists.reason_status(JobOutcome(outcome=Outcome.COUPLED, reason="")) == ""
