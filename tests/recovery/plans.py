"""How the workers of each scenario are killed: at its named points first, then anywhere."""

from sandbox.testing import Sandbox
from tests.recovery.harness import Fleet, seeded
from tests.recovery.killing import Plan, anywhere, kill_and_compare, named, undisturbed

NAMED: dict[str, list[Plan]] = {
    "coupling_by_phone": named(
        "claim, before anything", "claim, taken", "matched, nothing written", "couplings, not inserted",
        "couplings, inserted but not committed", "checkpoint, committed", "end, follow-up queued but not committed",
        "end, committed, nothing published",
    ),
    "previewing": named(
        "claim, taken", "previewed, nothing stored", "preview, a part not stored", "preview, a part stored",
        "checkpoint, not committed", "checkpoint, committed", "end, committed, nothing published",
    ),
    "couple_these": named(
        "claim, taken", "carrying out, a part not begun", "carrying out, inserted but not committed",
        "checkpoint, committed", "end, follow-up queued but not committed", "end, committed, nothing published",
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
    "keeping": named(
        "claim, taken", "request, answered", "checkpoint, data written", "checkpoint, not committed",
        "checkpoint, committed", "end, committed, nothing published",
    ),
}  # fmt: skip


def kill(name: str, number: int, remote: Sandbox, fleet: Fleet) -> int:
    """Run the scenario until `number` workers were killed; every end must be the undisturbed one. How many died."""
    chance = seeded(name)
    plain = undisturbed(name, remote, fleet)
    known = NAMED.get(name, [])[:number]
    plans = known + anywhere(number - len(known), chance, plain)
    chance.shuffle(plans)
    return kill_and_compare(name, remote, fleet, plans).kills
