"""How many rows a writing request carries: by what a row takes, within bounds, and never so many that it is cut off."""

import pytest

from dataverse.part_sizes import CHANGES, CREATIONS, FIRST_ROWS, Bounds, PartSize, even_rows, rows_for


@pytest.mark.parametrize(
    ("row_s", "bounds", "rows"),
    [
        (0.0, CHANGES, 250),  # too quick to measure
        (0.004, CHANGES, 250),
        (0.010, CHANGES, 200),  # two seconds
        (0.020, CHANGES, 100),
        (0.040, CHANGES, 100),  # four seconds are no danger, and smaller parts cost requests
        (0.250, CHANGES, 40),  # ten seconds are the most that is risked
        (2.0, CHANGES, 5),
        (60.0, CHANGES, 1),
        (0.0005, CREATIONS, 1000),
        (0.005, CREATIONS, 400),
        (0.040, CREATIONS, 100),
        (0.250, CREATIONS, 40),
        (0.004, Bounds(least=5, most=5, spread_from=5), 5),
    ],
)
def test_rows_follow_from_the_time_a_row_takes(row_s: float, bounds: Bounds, rows: int) -> None:
    assert rows_for(row_s, bounds, longest_s=10) == rows


@pytest.mark.parametrize(
    ("rows", "wanted", "slots", "bounds", "even"),
    [
        (1000, 250, 4, CHANGES, 250),
        (1000, 250, 8, CHANGES, 125),
        (1000, 100, 4, CHANGES, 125),  # two rounds, not two and a half
        (1000, 100, 1, CHANGES, 143),
        (1000, 40, 4, CHANGES, 50),
        (575, 100, 4, CHANGES, 144),
        (150, 250, 4, CHANGES, 100),  # fewer are not worth a request
        (60, 40, 4, CHANGES, 40),
        (975, 250, 4, CHANGES, 244),
        (3, 1, 4, CHANGES, 1),
        (1000, 1000, 4, CREATIONS, 1000),
        (1000, 400, 4, CREATIONS, 400),
        (1000, 100, 4, CREATIONS, 125),
    ],
)
def test_parts_are_evened_out_over_the_slots(rows: int, wanted: int, slots: int, bounds: Bounds, even: int) -> None:
    assert even_rows(rows, wanted, slots, bounds) == even


def test_the_first_part_is_small_and_the_others_grow_with_what_was_answered() -> None:
    size = PartSize(longest_s=10)
    rows = []
    for _ in range(4):
        rows.append(size.rows(CHANGES))
        size.answered(rows[-1], rows[-1] * 0.004)
    assert rows == [FIRST_ROWS, 100, 250, 250]


@pytest.mark.parametrize("row_s", [0.25, 1.0])
def test_a_slow_table_gets_small_parts_from_the_second_on(row_s: float) -> None:
    size = PartSize(longest_s=10)
    for _ in range(5):
        rows = size.rows(CHANGES)
        assert rows * row_s < 35, "cut off"
        size.answered(rows, rows * row_s)
    assert size.rows(CHANGES) == 10 / row_s


def test_a_single_row_that_took_long_says_little_about_many() -> None:
    size = PartSize(longest_s=10)
    size.answered(1, 0.5)
    size.answered(20, 0.5)
    assert size.rows(CHANGES) == 80  # four times the largest


def test_a_part_that_was_cut_off_is_followed_by_smaller_ones() -> None:
    size = PartSize(longest_s=10)
    for _ in range(3):
        size.answered(size.rows(CHANGES), 0.1)
    assert size.rows(CHANGES) == 250
    size.cut_off(250, 35)
    assert size.rows(CHANGES) == 35
    size.cut_off(35, 35)
    assert size.rows(CHANGES) == 5


def test_a_connection_that_broke_at_once_says_nothing_about_the_rows() -> None:
    size = PartSize(longest_s=10)
    size.answered(100, 4.0)
    size.cut_off(100, 0.01)
    assert size.rows(CHANGES) == 100
