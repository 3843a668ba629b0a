"""A worker killed anywhere, as often as you like: the job goes on, and ends as an undisturbed one does."""

import pytest

from tests.kills.harness import seeded
from tests.kills.killing import Plan, anywhere, kill_and_compare, named, undisturbed

pytestmark = [pytest.mark.big, pytest.mark.timeout(400)]

KILLS = 15

NAMED: dict[str, list[Plan]] = {
    "coupling_by_phone": named(
        "claim, before anything", "claim, taken", "matched, nothing written", "couplings, not inserted",
        "couplings, inserted but not committed", "checkpoint, committed", "end, follow-up queued but not committed",
        "end, committed, nothing published",
    ),
    "create_new": named(
        "claim, row read", "slice end, not yet given back", "intents, not stored", "intents, stored",
        "create, one part sent", "create, result not saved", "results, written but not committed",
        "end, follow-up queued but not committed", "end, published",
    ),
    "to_dataverse": named(
        "claim, taken", "slice end, given back", "update, not sent", "update, result not saved", "intents, stored",
        "create, not sent", "create, result not saved", "checkpoint, not committed",
    ),
    "from_dataverse": named(
        "request, not sent", "request, answered", "results, not written", "results, written but not committed",
        "checkpoint, data written", "heartbeat or checkpoint, lease not yet renewed",
    ),
    "both_ways": named(
        "checkpoint, before", "update, result not saved", "results, not written", "intents, stored",
        "create, one part sent", "results, written but not committed", "end, committed, nothing published",
    ),
    "uncoupling": named(
        "uncoupling, before a part", "update, not sent", "update, result not saved",
        "released, couplings not deleted", "checkpoint, not committed", "end, before",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_jobs_whose_workers_are_killed_end_as_undisturbed_ones(name, sandbox, fleet):
    chance = seeded(name)
    plain = undisturbed(name, sandbox, fleet)
    plans = NAMED[name] + anywhere(KILLS - len(NAMED[name]), chance, plain)
    chance.shuffle(plans)
    tally = kill_and_compare(name, sandbox, fleet, plans)
    assert tally.kills == KILLS
