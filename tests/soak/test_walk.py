"""Ten thousand steps at random: edits, deletions, couplings, runs, kills and faults, against a model of the right."""

import os

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.soak.conftest import FULL, size
from tests.soak.walk import Done, machine

pytestmark = [pytest.mark.processes, pytest.mark.sample, pytest.mark.timeout(0 if FULL else 120)]

STEPS = size("steps", 40, 10_000)
PART = size("part", 10, 40)
"""Steps from a new world on; the shorter, the easier to read when one goes wrong."""


def test_whatever_happens_nothing_is_there_twice_nothing_is_lost_and_a_second_run_writes_nothing(sandbox, fleet):
    done, start = Done(), int(os.environ.get("SEED", "3"))
    rules = settings(
        max_examples=20 if FULL else 5, stateful_step_count=PART, deadline=None, database=None,
        phases=[Phase.generate, Phase.shrink] if FULL else [Phase.generate],
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip
    part = 0
    while done.steps < STEPS:
        run_state_machine_as_test(seed(start * 1000 + part)(machine(sandbox, fleet, done)), settings=rules)
        part += 1
    print(done)
    assert done.jobs > STEPS // 5
    assert done.killed >= STEPS // 100
    assert done.faults >= STEPS // 50
