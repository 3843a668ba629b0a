"""How long a soak is: short among the other tests, so that it cannot rot, and in full with SOAK=1 (`make soak`)."""

import os

from tests.recovery.conftest import _fleet, fleet

__all__ = ["_fleet", "fleet"]

FULL = os.environ.get("SOAK") == "1"


def size(name: str, short: int, full: int) -> int:
    """How many: SOAK_<NAME> in the environment, or the full or the short number."""
    return int(os.environ.get(f"SOAK_{name.upper()}", full if FULL else short))
