"""What retention removes, as a table of cases."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.retention.rules import AT, EndedJob, Policy, Stays, is_idle, is_old, next_run, told, why_it_stays

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
WROTE, IDLE = {"modified": 3, "unchanged": 4, "total": 7}, {"modified": 0, "unchanged": 7, "total": 7}


def job(days: float = 0, counters: dict[str, int] = WROTE, *, failed: bool = False, number: int = 50) -> EndedJob:
    return EndedJob(number, NOW - timedelta(days=days), counters, failed)


@pytest.mark.parametrize(
    ("policy", "one", "old"),
    [
        (Policy(365, 30, None), job(365.1), True),
        (Policy(365, 30, None), job(364.9), False),
        (Policy(365, 30, None), job(31, IDLE), True),
        (Policy(365, 30, None), job(29, IDLE), False),
        (Policy(365, 30, None), job(31, IDLE, failed=True), False),
        (Policy(365, None, None), job(31, IDLE), False),
        (Policy(None, 30, None), job(9999), False),
        (Policy(None, 30, None), job(31, {}), True),
        (Policy(30, 365, None), job(31, IDLE), True),
    ],
)
def test_a_job_is_old_by_its_age_and_sooner_where_nothing_happened_in_it(
    policy: Policy, one: EndedJob, old: bool
) -> None:
    assert is_old(one, policy, NOW, 0) is old


def test_of_too_many_the_oldest_are_old_whatever_their_age() -> None:
    policy = Policy(None, None, 100)
    assert [is_old(job(number=number), policy, NOW, 49) for number in (48, 49, 50)] == [True, True, False]


@pytest.mark.parametrize("name", ["coupled", "uncoupled", "inserted", "modified", "deleted", "failed", "skipped"])
def test_a_run_that_did_or_left_something_is_not_idle(name: str) -> None:
    assert is_idle(job(counters=IDLE))
    assert not is_idle(job(counters={**IDLE, name: 1}))


def test_the_last_of_its_kind_stays_and_what_is_not_settled() -> None:
    assert why_it_stays(job(number=1), {1}, {1}) is Stays.LAST
    assert why_it_stays(job(number=2), {1}, {2}) is Stays.UNSETTLED
    assert why_it_stays(job(number=3), {1}, {2}) is None


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))
def test_the_next_run_is_the_first_at_its_time_of_day_later_than_now(moment: datetime) -> None:
    following = next_run(moment)
    assert timedelta() < following - moment <= timedelta(days=1)
    assert following.timetz() == AT


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((0, 0, 0, 0), "Nothing is old enough to be removed."),
        ((1, 1, 0, 0), "1 job was removed, with what became of 1 record."),
        ((1200, 0, 0, 0), "1,200 jobs were removed."),
        (
            (2, 3000, 1, 2),
            "2 jobs were removed, with what became of 3,000 records. 1 older job stayed as the last of its mapping "
            "and kind. 2 older jobs stayed, which still have something to settle.",
        ),
    ],
)
def test_what_was_removed_is_told_in_sentences(numbers: tuple[int, int, int, int], sentence: str) -> None:
    assert told(*numbers) == sentence
