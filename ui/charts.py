"""Charts as numbers of a drawing, which a template draws as inline SVG."""

from collections.abc import Sequence
from typing import NamedTuple

HEIGHT = 100
_TOP, _GAP = 3.0, 1.0
"""Left free above the highest bar, and between the axis and the bars on either side of it."""
_STEP, _WIDTH, _MARGIN = 10.0, 7.2, 1.4
_AXES = (80.0, 50.0, 22.0)
"""Where the axis may stand: one of few, which the labels beside the chart have a place for."""


class Day(NamedTuple):
    """What there was of two things on one day."""

    label: str
    up: int
    down: int


class Bar(NamedTuple):
    """One day's bars: left edge, the upper one's top and height, the lower one's height."""

    day: Day
    x: float
    top: float
    up: float
    down: float


class Chart(NamedTuple):
    """Bars of some days, one thing above an axis and the other below it, both by the same scale.

    most_up, most_down: the largest numbers; place: which of the places of the axis, from the lowest, 0, to 2.
    """

    bars: tuple[Bar, ...]
    axis: float
    place: int
    most_up: int
    most_down: int
    width: float

    @property
    def ends(self) -> tuple[str, str, str]:
        """The labels of the first day, of the middle one, and of the last."""
        return self.bars[0].day.label, self.bars[len(self.bars) // 2].day.label, self.bars[-1].day.label


def chart_of(days: Sequence[Day]) -> Chart:
    """Return the drawing of at least one day; the axis stands where the bars get largest."""
    most_up, most_down = max(day.up for day in days), max(day.down for day in days)
    scales = [_scale(axis, most_up, most_down) for axis in _AXES]
    place = scales.index(max(scales))
    axis, scale = _AXES[place], scales[place]
    bars = tuple(
        Bar(day, round(_MARGIN + at * _STEP, 1), round(axis - _GAP - up, 1), round(up, 1), round(down, 1))
        for at, day in enumerate(days)
        for up, down in ((_height(day.up, scale), _height(day.down, scale)),)
    )
    return Chart(bars, axis, place, most_up, most_down, len(days) * _STEP)


def _scale(axis: float, up: int, down: int) -> float:
    """Return how high one is drawn where the axis stands there."""
    above, below = axis - _GAP - _TOP, HEIGHT - axis - _GAP
    if not up and not down:
        return 1.0
    return min(above / up if up else above, below / down if down else below)


def _height(number: int, scale: float) -> float:
    """Return how high a number is drawn; few beside many are seen all the same."""
    return max(number * scale, 0.6) if number else 0.0
