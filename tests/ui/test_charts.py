"""Bars of days: both sides by one scale, never outside the drawing, and what is there is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.cells import bar_parts
from ui.charts import HEIGHT, Day, chart_of

NUMBERS = st.integers(0, 10_000_000)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=31))
def test_no_bar_leaves_the_drawing_and_whatever_is_there_is_seen(numbers: list[tuple[int, int]]) -> None:
    chart = chart_of([Day(f"{at} Nov", up, down) for at, (up, down) in enumerate(numbers)])
    assert [bar.day[1:] for bar in chart.bars] == numbers
    for bar in chart.bars:
        assert 0 <= bar.top <= chart.axis and chart.axis + 1 + bar.down <= HEIGHT + 0.1
        assert bar.x + 7.2 <= chart.width
        assert (bar.up > 0, bar.down > 0) == (bar.day.up > 0, bar.day.down > 0)


@pytest.mark.parametrize(
    ("up", "down", "place"), [(400, 70, 0), (100, 100, 1), (10, 400, 2), (0, 50, 2), (50, 0, 0), (0, 0, 0)]
)
def test_the_axis_stands_where_the_bars_get_largest(up: int, down: int, place: int) -> None:
    assert chart_of([Day("1 Dec", up, down)]).place == place


def test_both_sides_have_one_scale() -> None:
    (bar,) = chart_of([Day("1 Dec", 300, 150)]).bars
    assert bar.up == pytest.approx(2 * bar.down, abs=0.2)


@given(st.lists(st.integers(0, 2_000_000), max_size=4))
def test_the_parts_of_a_bar_fill_it_and_none_is_lost(numbers: list[int]) -> None:
    parts = bar_parts(*[(f"p{at}", number) for at, number in enumerate(numbers)])
    assert [look for look, *_ in parts] == [f"p{at}" for at, number in enumerate(numbers) if number]
    ends = [at + width for _, at, width in parts]
    assert not parts or ends[-1] == pytest.approx(100, abs=0.1)
    assert all(end <= at + 0.01 for end, (_, at, _) in zip(ends, parts[1:], strict=False))
    assert all(width > 0.9 for *_, width in parts) or len(parts) > 90
