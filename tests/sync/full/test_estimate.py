"""What a full synchronization will take, by the rates of the last runs: a table of cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.full.estimate import REQUESTS_A_SECOND, Estimate, Rates, Run, Work, estimate, in_words, rates

KNOWN = Rates(read=1000, written=100, stored=500)


@pytest.mark.parametrize(
    ("work", "records", "requests", "rows", "seconds"),
    [
        (Work(), 0, 4, 0, 0.2),
        (Work(read=10_000), 10_000, 6, 0, 10),
        (Work(written=2_500), 2_500, 7, 2_500, 25),
        (Work(read=10_000, written=2_500, stored=500), 10_000, 9, 3_000, 36),
    ],
)
def test_work_takes_what_its_rows_take(work: Work, records: int, requests: int, rows: int, seconds: float) -> None:
    assert estimate(work, KNOWN) == Estimate(records, requests, rows, pytest.approx(seconds))


def test_quick_rows_are_held_to_the_requests_that_dataverse_lets_a_user_send() -> None:
    quick = Rates(read=10**9, written=10**9, stored=10**9)
    found = estimate(Work(written=10_000_000), quick)
    assert found.seconds == pytest.approx(found.requests / REQUESTS_A_SECOND)


def test_a_rate_is_that_of_runs_which_did_nearly_nothing_else() -> None:
    runs = [
        Run(Work(written=1000), 5), Run(Work(read=100, written=1000), 20), Run(Work(read=5000), 1),
        Run(Work(read=900, written=1000), 1), Run(Work(written=50), 1), Run(Work(written=1000), 0),
    ]  # fmt: skip
    assert rates(runs) == Rates(read=5000, written=125)
    assert rates([]) == Rates()


@given(st.lists(st.builds(Run, st.builds(Work, *[st.integers(0, 10**6)] * 3), st.floats(0, 10**5))))
def test_no_run_makes_a_rate_that_cannot_be_divided_by(runs: list[Run]) -> None:
    found = rates(runs)
    assert min(found.read, found.written, found.stored) > 0
    assert estimate(Work(10, 10, 10), found).seconds > 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "under a minute"), (59, "under a minute"), (61, "about 1 minute"), (540, "about 9 minutes"),
        (5_300, "about 88 minutes"), (5_500, "about 1.5 hours"), (36_000, "about 10 hours"),
    ],
)  # fmt: skip
def test_a_time_is_told_as_people_say_it(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "under 1 min"), (61, "1 min"), (540, "9 min"), (5_500, "1.5 h"), (36_000, "10 h")]
)
def test_a_cell_tells_it_in_few_letters(seconds: float, words: str) -> None:
    assert Estimate(rows=1, seconds=seconds).short == f"1 row, {words}"


def test_an_estimate_is_kept_and_read_again() -> None:
    one = Estimate(10, 5, 3, 2.5)
    assert Estimate.load(one.dump()) == one
    assert Estimate.load({}) is None
    assert str(one + one) == "6 rows, 10 requests, under a minute"
