"""What may happen to a job, as tables."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import Failure, failure_of, redact, retry_after
from jobs.models import ENDED_STATES, Reason, State
from jobs.states import MAX_LOST_WORKERS, TRANSITIONS, Claim, Event, Snapshot, decide_claim, state_after
from jobs.system_checks import timing

NOW = datetime(2026, 11, 22, 18, 4, tzinfo=UTC)
EARLIER, LATER = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("state", "lease", "not_before", "attempts", "cancelled", "expected"),
    [
        (State.QUEUED, None, None, 0, False, Claim.RUN),
        (State.QUEUED, None, None, 0, True, Claim.CANCEL),
        (State.IN_PROCESS, LATER, None, 0, False, Claim.HELD),
        (State.IN_PROCESS, LATER, None, 0, True, Claim.HELD),  # its own worker cancels it at a checkpoint
        (State.IN_PROCESS, None, None, 0, False, Claim.RUN),  # the next slice
        (State.IN_PROCESS, None, None, MAX_LOST_WORKERS, False, Claim.RUN),
        (State.IN_PROCESS, None, None, 0, True, Claim.CANCEL),
        (State.IN_PROCESS, EARLIER, None, 0, False, Claim.RUN_AFTER_LOSS),
        (State.IN_PROCESS, EARLIER, None, 0, True, Claim.CANCEL),
        (State.IN_PROCESS, EARLIER, None, MAX_LOST_WORKERS - 2, False, Claim.RUN_AFTER_LOSS),
        (State.IN_PROCESS, EARLIER, None, MAX_LOST_WORKERS - 1, False, Claim.GIVE_UP),
        (State.POSTPONED, None, LATER, 0, False, Claim.NOT_DUE),
        (State.POSTPONED, None, LATER, 0, True, Claim.CANCEL),
        (State.POSTPONED, None, EARLIER, 0, False, Claim.RUN),
        (State.POSTPONED, None, None, 0, False, Claim.RUN),
        (State.FINISHED, None, None, 0, False, Claim.ENDED),
        (State.FAILED, None, None, 0, False, Claim.ENDED),
        (State.CANCELLED, None, None, 0, True, Claim.ENDED),
    ],
)
def test_what_a_worker_may_do_with_a_job(state, lease, not_before, attempts, cancelled, expected):
    assert decide_claim(Snapshot(state, lease, not_before, attempts, cancelled), NOW) == expected


@given(
    st.sampled_from(State.values),
    st.sampled_from([None, EARLIER, LATER]),
    st.sampled_from([None, EARLIER, LATER]),
    st.integers(0, 3 * MAX_LOST_WORKERS),
    st.booleans(),
)
def test_a_job_is_never_run_while_its_lease_is_good_nor_after_its_end(state, lease, not_before, attempts, cancelled):
    decision = decide_claim(Snapshot(state, lease, not_before, attempts, cancelled), NOW)
    if state == State.IN_PROCESS and lease == LATER:
        assert decision == Claim.HELD
    if state in ENDED_STATES:
        assert decision == Claim.ENDED
    if decision in (Claim.RUN, Claim.RUN_AFTER_LOSS):
        assert not cancelled
        assert (State(state), Event.CLAIM) in TRANSITIONS


@pytest.mark.parametrize("state", ENDED_STATES)
@pytest.mark.parametrize("event", Event)
def test_nothing_happens_to_a_job_that_ended(state, event):
    with pytest.raises(ValueError, match=state.label.lower()):
        state_after(state, event)


def test_every_open_state_can_be_cancelled_and_every_state_is_reached():
    for state in (State.QUEUED, State.POSTPONED, State.IN_PROCESS):
        assert state_after(state, Event.CANCEL) == State.CANCELLED
    assert set(TRANSITIONS.values()) == set(State)


class Refusal(Exception):
    def __init__(self, **carried):
        super().__init__(carried.pop("text", "technical"))
        for name, value in carried.items():
            setattr(self, name, value)


@pytest.mark.parametrize(
    ("error", "reason", "message", "detail"),
    [
        (Refusal(reason="denied", user_message="Ask.", detail="prvCreate"), "denied", "Ask.", "prvCreate"),
        (Refusal(reason="sign_in", text="Signing in was refused."), "sign_in", "Signing in was refused.", ""),
        (Refusal(reason="refused", user_message="N", code=8, request_id="r"), "refused", "N", "Code: 8\nRequest id: r"),
        (Refusal(reason="refused", user_message="No.", detail="Code: 0x8", code="0x8"), "refused", "No.", "Code: 0x8"),
    ],
)  # fmt: skip
def test_an_errors_attributes_become_reason_sentence_and_detail(error, reason, message, detail):
    assert failure_of(error) == Failure(Reason(reason), message, detail)


@pytest.mark.parametrize(
    "error", [ValueError("x"), Refusal(reason="made_up", user_message="?"), Refusal(user_message="?")]
)
def test_an_error_outside_the_closed_list_is_internal_with_its_trace(error):
    failure = failure_of(error)
    assert failure.reason == Reason.INTERNAL
    assert "checkpoint" in failure.message
    assert type(error).__name__ in failure.detail


@pytest.mark.parametrize(
    ("error", "wait"), [(Refusal(retry_after=17), 17.0), (Refusal(retry_after=None), None), (ValueError(), None)]
)
def test_only_an_error_that_says_when_to_come_back_is_waited_for(error, wait):
    assert retry_after(error) == wait


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("client_secret=q8~Secret~Value&grant", "q8~Secret~Value"),
        ('{"client_secret": "q8 with blank"}', "q8 with blank"),
        ("postgresql://tandem:hunter2@db/tandem", "hunter2"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln here", "eyJhbGciOiJSUzI1NiJ9"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ('File "/home/ada/tandem/jobs/x.py", line 3', "/home/ada"),
        ("password: 'correct horse'", "correct horse"),
    ],
)
def test_secrets_and_paths_never_reach_a_jobs_detail(text, secret):
    assert secret not in redact(text)


@given(st.text(max_size=300))
def test_scrubbing_is_total_and_settles(text):
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(
    ("heartbeat", "lease", "fine"), [(10, 45, True), (5, 10, True), (10, 19, False), (60, 45, False)]
)
def test_a_lease_shorter_than_two_heartbeats_is_named(settings, heartbeat, lease, fine):
    settings.JOB_HEARTBEAT_S, settings.JOB_LEASE_S = heartbeat, lease
    found = timing()
    assert (not found) == fine
    assert fine or "JOB_HEARTBEAT_S" in found[0].msg
