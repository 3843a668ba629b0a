"""A worker killed anywhere, as often as you like: the job goes on, and ends as an undisturbed one does."""

import pytest

from tests.recovery.plans import NAMED, kill
from tests.selection import with_sample

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

KILLS = 15


@pytest.mark.parametrize("name", with_sample(NAMED, "create_new"))
def test_jobs_whose_workers_are_killed_end_as_undisturbed_ones(name, sandbox, fleet):
    assert kill(name, KILLS, sandbox, fleet) == KILLS
