"""How long a step waits for Dataverse before a person is asked: pure, over plain data stored with the run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PAUSES_S = (5.0, 10.0, 20.0, 30.0)
"""Seconds between tries; the last one for all further ones. A lock lasts from half a minute to some minutes."""
SETTLING_PAUSES_S = (2.0, 3.0, 5.0, 10.0, 15.0)
"""The same while Dataverse does not show what it has accepted: usually for some seconds."""
LOCKED = "locked"
LOCK_PATIENCE_S = 600.0
"""For how long a lock of somebody else is waited for."""


@dataclass(frozen=True, slots=True)
class Patience:
    """What is to be stored, and after how many seconds to try again; None: it took too long."""

    memory: dict[str, Any]
    pause_s: float | None


def wait(memory: Mapping[str, Any], *, step: str, reason: str, now: float) -> Patience:
    """Return the next wait of a step, from what was stored at its last one. now: seconds since 1970.

    step: its name, with what of it is waited for. Another one, or another reason, begins anew. Only a lock has an end
    here: what is not shown has one of its own.
    """
    same = (memory.get("step"), memory.get("reason")) == (step, reason)
    since, tries = (float(memory["since"]), int(memory["tries"])) if same else (now, 0)
    if reason == LOCKED and now - since >= LOCK_PATIENCE_S:
        return Patience({}, None)
    pauses = PAUSES_S if reason == LOCKED else SETTLING_PAUSES_S
    pause = pauses[min(tries, len(pauses) - 1)]
    return Patience({"step": step, "reason": reason, "since": since, "tries": tries + 1}, pause)
