"""Moments told in text: a table of cases."""

from datetime import UTC, datetime

import pytest

from core.moments import read_moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T10:00:00Z", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31T12:00:00+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31", None),
        ("2026-01-31T10:00:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (20260131, None),
    ],
)
def test_a_text_tells_a_moment_only_with_a_time_and_its_zone(text: object, expected: datetime | None) -> None:
    assert read_moment(text) == expected
