"""When what failed is looked at again, and what it waits for."""

from datetime import timedelta

import pytest

from sync.rules.backoff import pause_after
from sync.rules.values import Reference


@pytest.mark.parametrize(
    ("attempts", "hours"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 24), (8, 24), (4000, 24)]
)
def test_what_fails_again_and_again_is_tried_at_growing_intervals_up_to_a_day(attempts, hours):
    assert pause_after(attempts) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "reference", [Reference("currency", code="EUR"), Reference("currency", code="a:b:c"), Reference("item", row_id="x")]
)
def test_a_stored_reference_is_read_back(reference):
    assert Reference.parse(str(reference)) == reference
