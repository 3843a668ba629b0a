"""Two hundred workers killed at each kind of job: every end is the undisturbed one."""

import pytest

from tests.recovery.plans import kill
from tests.recovery.scenarios import SCENARIOS
from tests.soak.conftest import FULL, size

pytestmark = [pytest.mark.processes, pytest.mark.timeout(0 if FULL else 120)]

KILLS = size("kills", 3, 200)


@pytest.mark.parametrize("name", SCENARIOS if FULL else ["full"])  # the others are killed in tests/recovery
def test_jobs_whose_workers_are_killed_end_as_undisturbed_ones(name, sandbox, fleet):
    assert kill(name, KILLS, sandbox, fleet) == KILLS
