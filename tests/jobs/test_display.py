"""Jobs in words."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from jobs import display
from jobs.models import Job, State


def job(**columns):
    return Job(**{"type": "coupling", "mapping_name": "CUSTOMER", **columns})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (-1, ""),
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (42.4, "42 s"),
        (59.6, "1 min 00 s"),
        (192, "3 min 12 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds, text):
    assert display.duration(seconds) == text


@pytest.mark.parametrize(
    ("columns", "phase", "text", "details"),
    [
        ({}, "Queued", "Starts as soon as a worker is free", ()),
        ({"processed": 20, "total": 40}, "Queued", "Starts as soon as a worker is free. 20 of 40 records are done", ()),
        ({"state": State.IN_PROCESS}, "In process", "Getting ready", ()),
        (
            {"state": State.IN_PROCESS, "phase": "Coupling", "processed": 61_240, "total": 91_000, "active_s": 15.7,
             "requests": 13},
            "Coupling", "61,240 of 91,000 records", ("3,901 a second, about 8 s left", "13 requests, none throttled"),
        ),
        (
            {"state": State.IN_PROCESS, "processed": 3, "active_s": 2.0, "requests": 1, "throttled": 1},
            "In process", "3 records", ("1.5 a second", "1 request, 1 throttled"),
        ),
        (
            {"state": State.IN_PROCESS, "cancel_requested": True, "processed": 1, "total": 2},
            "Cancelling", "1 of 2 records", ("Stops after the batch in hand",),
        ),
    ],
)  # fmt: skip
def test_progress(columns, phase, text, details):
    told = display.progress(job(**columns), poll_url="/here/")
    assert (told.phase, told.text, tuple(told.details), told.poll_url) == (phase, text, details, "/here/")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"requested_by": User(username="ada")}, "started by ada, at work since"),
        ({}, "started from the command line, at work since"),
        ({"trigger": "schedule"}, "started by the schedule, at work since"),
        ({"trigger": "follow_up"}, "a follow-up of another job, at work since"),
        ({"state": State.QUEUED, "started_at": None}, "started from the command line, queued since"),
    ],
)
def test_a_job_that_others_wait_for_is_told_with_who_started_it_and_since_when(columns, said):
    now = timezone.now()
    holder = job(**{"pk": 7, "state": State.IN_PROCESS, "started_at": now, "created_at": now, **columns})
    assert display.at_work(holder) == f"{said} {display.clock(now)}"
    told = display.progress(job(), poll_url="/", waits_for=holder)
    assert told.text == f"Waits for CUSTOMER, match-based coupling, job 7, {said} {display.clock(now)}"


def test_a_lost_worker_and_a_wait_are_said():
    now = timezone.now()
    silent = display.progress(job(state=State.IN_PROCESS, lease_until=now - timedelta(seconds=1)), poll_url="/")
    assert "Another will resume" in silent.details[0]
    assert display.progress(job(state=State.IN_PROCESS, phase="Writing"), poll_url="/").details == []
    waiting = display.progress(
        job(state=State.POSTPONED, not_before=now, message="Dataverse asks to wait."), poll_url="/"
    )
    assert waiting.phase.startswith("Waiting until ")
    assert waiting.text == "Dataverse asks to wait."
    assert display.progress(job(state=State.FINISHED), poll_url="/") is None


@pytest.mark.parametrize(
    ("heard_s", "details"),
    [
        (9, ("100 a second, about 1 s left",)),
        (25, ("The worker has not reported since {since}",)),
        (50, ("The worker stopped responding. Another will resume from the last checkpoint.",)),
    ],
)
def test_a_rate_and_a_time_left_are_said_only_while_the_worker_reports(settings, heard_s, details):
    settings.JOB_LEASE_S, settings.JOB_HEARTBEAT_S = 45, 10
    heard = timezone.now() - timedelta(seconds=heard_s)
    running = job(
        state=State.IN_PROCESS, phase="Creating records", processed=900, total=1000, active_s=9.0,
        lease_until=heard + timedelta(seconds=45),
    )  # fmt: skip
    told = display.progress(running, poll_url="/")
    assert tuple(told.details) == tuple(one.format(since=display.clock(heard)) for one in details)


@given(st.integers(0, 10**9), st.none() | st.integers(0, 10**9), st.sampled_from(State.values))
def test_a_percentage_lies_between_0_and_100_and_is_100_only_at_the_end(processed, total, state):
    percent = display.percent(job(processed=processed, total=total, state=state))
    if percent is not None:
        assert 0 <= percent <= 100
        assert percent < 100 or state in ("finished", "failed", "cancelled")


@pytest.mark.parametrize(
    ("detail", "fields", "candidates", "trail", "support"),
    [
        (None, "", "", "", ""),
        ("nonsense", "", "", "", ""),
        ({"fields": "nonsense", "candidates": [1], "trail": {}}, "", "", "", ""),
        (
            {"fields": [{"local": "phone_no", "integration": "telephone1", "local_value": None}]},
            "Phone No.: (blank)", "", "", "",
        ),
        (
            {"fields": [{"local": "city", "local_value": "London", "integration_value": "Paris", "base": ""}]},
            "City: London, Dataverse: Paris, last: (blank)", "", "", "",
        ),
        (
            {"candidates": [{"name": "A", "coupled_to": {"key": "7"}}, {"id": "2"}, {"id": "3"}, {}, {}, {}]},
            "", "A (coupled to 7), 2, 3 and 3 more", "", "",
        ),
        (
            {"trail": [{"priority": 1, "fields": ["phone_no"], "rows": 0, "result": "none"},
                       {"priority": 2, "fields": ["name", "city"], "rows": 2, "result": "multiple"},
                       {"priority": 3, "fields": ["e_mail"], "rows": 0, "result": "blank"}]},
            "", "", "1: Phone No., none | 2: Name + City, 2 rows | 3: E-Mail, blank here", "",
        ),
        ({"support": "0x80040237", "request_id": "r1"}, "", "", "", "0x80040237; Request id: r1"),
    ],
)  # fmt: skip
def test_what_an_outcome_keeps_is_told_in_words(detail, fields, candidates, trail, support):
    assert display.fields_text(detail) == fields
    assert display.candidates_text(detail) == candidates
    assert display.trail_text(detail) == trail
    assert display.support_text(detail) == support
