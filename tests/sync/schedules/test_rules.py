"""When a schedule runs, rests, is late and gives up: tables of cases, and what holds for all of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.schedules import rules
from sync.schedules.rules import Entry, Result, Status

NOW = datetime(2026, 11, 30, 21, 0, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("entry", "status", "late"),
    [
        (Entry(next_run_at=ago(-5)), Status.READY, False),
        (Entry(next_run_at=None), Status.READY, False),
        (Entry(next_run_at=ago(15)), Status.READY, False),
        (Entry(next_run_at=ago(15.1)), Status.LATE, True),
        (Entry(next_run_at=ago(30), late_after=45), Status.READY, False),
        (Entry(next_run_at=ago(-25), owed_since=ago(16)), Status.LATE, True),
        (Entry(next_run_at=ago(-25), owed_since=ago(16), running=True), Status.IN_PROCESS, True),
        (Entry(next_run_at=ago(-25), owed_since=ago(5), running=True), Status.IN_PROCESS, False),
        (Entry(next_run_at=ago(60), scheduled=False), Status.ON_HOLD, False),
        (Entry(next_run_at=ago(60), held=True), Status.ON_HOLD, False),
        (Entry(next_run_at=ago(-600), on_hold_since=ago(120)), Status.ON_HOLD_INACTIVE, False),
        (Entry(next_run_at=None, on_hold_since=ago(9999)), Status.ON_HOLD_INACTIVE, False),
        (Entry(next_run_at=ago(16), on_hold_since=ago(9999)), Status.LATE, True),
        (Entry(next_run_at=ago(60), last_success=ago(61)), Status.LATE, True),
        (Entry(next_run_at=ago(60), last_success=ago(20)), Status.READY, False),
        (Entry(failed=True, attempts=10, owed_since=ago(99)), Status.ERROR, False),
        (Entry(failed=True, attempts=10, scheduled=False), Status.ON_HOLD, False),
    ],
)
def test_how_a_schedule_stands(entry: Entry, status: Status, late: bool) -> None:
    assert (rules.status_of(entry, NOW), rules.is_late(entry, NOW)) == (status, late)


@pytest.mark.parametrize(
    ("entry", "woken", "due"),
    [
        (Entry(next_run_at=NOW), False, True),
        (Entry(next_run_at=None), False, True),
        (Entry(next_run_at=ago(-1)), True, False),
        (Entry(next_run_at=ago(-600), on_hold_since=ago(1)), False, False),
        (Entry(next_run_at=ago(-600), on_hold_since=ago(1)), True, True),
        (Entry(next_run_at=None, on_hold_since=ago(1)), False, False),
        (Entry(next_run_at=None, on_hold_since=ago(1)), True, True),
        (Entry(next_run_at=ago(1), on_hold_since=ago(700)), False, True),
        (Entry(next_run_at=ago(1), scheduled=False), True, False),
        (Entry(next_run_at=ago(1), failed=True), True, False),
        (Entry(next_run_at=ago(1), held=True), True, False),
    ],
)
def test_when_a_run_may_begin(entry: Entry, woken: bool, due: bool) -> None:
    assert rules.is_due(entry, NOW, woken=woken) is due


@pytest.mark.parametrize(
    ("state", "reason", "counters", "result"),
    [
        ("finished", "", {"total": 5, "unchanged": 5, "skipped": 2, "coupled": 1}, Result.IDLE),
        ("finished", "", {"modified": 1}, Result.ACTIVE),
        ("finished", "", {"failed": 1}, Result.ACTIVE),
        ("failed", "internal", {}, Result.FAILED),
        ("failed", "configuration", {"modified": 3}, Result.FAILED),
        ("failed", "unreachable", {}, Result.PAUSED),
        ("failed", "throttled", {}, Result.PAUSED),
        ("failed", "not_enabled", {}, Result.STOPPED),
        ("failed", "wrong_environment", {}, Result.STOPPED),
        ("cancelled", "", {}, Result.STOPPED),
    ],
)
def test_what_a_job_means_for_its_schedule(state: str, reason: str, counters: dict[str, int], result: Result) -> None:
    assert rules.result_of(state, reason, counters) is result


BEGAN = ago(2)
READY = Entry(next_run_at=ago(-28), owed_since=ago(2))


@pytest.mark.parametrize(
    ("entry", "result", "may_rest", "after"),
    [
        (READY, Result.ACTIVE, True, replace(READY, owed_since=None)),
        (READY, Result.IDLE, False, replace(READY, owed_since=None)),
        (
            READY, Result.IDLE, True,
            replace(READY, owed_since=None, on_hold_since=BEGAN, next_run_at=ago(-720)),
        ),
        (
            replace(READY, inactivity_timeout=0), Result.IDLE, True,
            replace(READY, inactivity_timeout=0, owed_since=None, on_hold_since=BEGAN, next_run_at=None),
        ),
        (READY, Result.FAILED, True, replace(READY, attempts=1, next_run_at=ago(-0.5))),
        (replace(READY, attempts=2), Result.FAILED, False, replace(READY, attempts=3, next_run_at=ago(-2))),
        (
            replace(READY, attempts=9), Result.FAILED, False,
            replace(READY, attempts=10, failed=True, next_run_at=None),
        ),
        (replace(READY, attempts=4), Result.PAUSED, False, replace(READY, attempts=4, next_run_at=NOW)),
        (replace(READY, attempts=4), Result.STOPPED, False, replace(READY, attempts=4, owed_since=None)),
        (replace(READY, attempts=4), Result.ACTIVE, False, replace(READY, owed_since=None)),
        (
            Entry(attempts=10, failed=True, next_run_at=None), Result.ACTIVE, False,
            Entry(next_run_at=ago(-30)),
        ),
        (
            replace(READY, scheduled=False, next_run_at=None), Result.IDLE, True,
            replace(READY, scheduled=False, next_run_at=ago(-30), owed_since=None),
        ),
    ],
)  # fmt: skip
def test_what_a_run_leaves(entry: Entry, result: Result, may_rest: bool, after: Entry) -> None:
    assert rules.after_run(entry, result, NOW, began=BEGAN, may_rest=may_rest) == after


def test_pauses_grow_up_to_an_hour() -> None:
    pauses = [rules.pause_before(attempt).total_seconds() for attempt in range(1, rules.MAX_ATTEMPTS)]
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert rules.pause_before(10_000) == timedelta(hours=1)


moments = st.none() | st.integers(-3000, 3000).map(ago)
entries = st.builds(
    Entry, scheduled=st.booleans(), every=st.integers(1, 1440), inactivity_timeout=st.integers(0, 3000),
    late_after=st.integers(0, 600), next_run_at=moments, on_hold_since=moments, owed_since=moments,
    attempts=st.integers(0, 9), failed=st.just(False), held=st.booleans(), running=st.booleans(),
)  # fmt: skip


@given(entries, st.sampled_from(Result), st.booleans())
def test_a_schedule_that_runs_by_itself_comes_back_or_says_why_not(
    entry: Entry, result: Result, may_rest: bool
) -> None:
    after = rules.after_run(entry, result, NOW, began=NOW, may_rest=may_rest)
    assert after.next_run_at is not None or after.failed or after.on_hold_since is not None
    assert (after.every, after.scheduled, after.late_after) == (entry.every, entry.scheduled, entry.late_after)
    assert after.attempts in (0, entry.attempts, entry.attempts + 1)
    assert after.failed == (result is Result.FAILED and entry.attempts == 9)


@given(entries, st.integers(0, 5000))
def test_who_is_late_stays_late_until_a_run_succeeds(entry: Entry, minutes: int) -> None:
    later = NOW + timedelta(minutes=minutes)
    if rules.is_late(entry, NOW):
        assert rules.is_late(entry, later)
        assert not rules.is_late(rules.after_run(entry, Result.ACTIVE, later, began=NOW), later) or (
            entry.next_run_at is not None and entry.next_run_at < later
        )


@given(entries, st.booleans())
def test_nothing_on_hold_or_in_error_is_due_or_late(entry: Entry, woken: bool) -> None:
    for resting in (replace(entry, scheduled=False), replace(entry, held=True), replace(entry, failed=True)):
        assert not rules.is_due(resting, NOW, woken=woken)
        assert not rules.is_late(resting, NOW)
        assert rules.status_of(replace(resting, running=False), NOW) in (Status.ON_HOLD, Status.ERROR)
