"""The matcher decides as a brute-force evaluator does, whatever it is given: 10,000 random scenes."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.coupling.matching.random_scenes import agree, scenes
from tests.soak.conftest import FULL, size


@pytest.mark.timeout(0 if FULL else 120)
def test_the_matcher_equals_the_oracle():
    asked, records = size("matches", 20, 10_000), []

    @settings(
        max_examples=asked, deadline=None, database=None, derandomize=not FULL,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(**scenes)
    def compare(criteria, locals_, rows, coupled, strict):
        agree(criteria, locals_, rows, coupled, strict)
        records.append(len(locals_))

    compare()
    print(f"{len(records):,} scenes, {sum(records):,} records: the matcher and the oracle agree on each")
    assert len(records) >= asked
