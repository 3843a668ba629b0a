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


def wait(memory: Mapping[str, Any], *, step: str, reason: str, now: float, what: str = "") -> Patience:
    """Return the next wait of a step, from what was stored at its last one. now: seconds since 1970.

    what: what of the step is waited for. Another one, or another reason, begins with short pauses again; since when the
    step waits for a lock is kept while other waits come between. Only a lock has an end here: what is not shown has one
    of its own.
    """
    # A wait of long ago, such as before a person signed in again, is another one.
    known = memory if memory.get("step") == step and now - memory.get("at", now) < LOCK_PATIENCE_S else {}
    tries = int(known["tries"]) if known and (known.get("what"), known["reason"]) == (what, reason) else 0
    since = known.get("since")
    if reason == LOCKED:
        since = now if since is None else float(since)
        if now - since >= LOCK_PATIENCE_S:
            return Patience({}, None)
    pauses = PAUSES_S if reason == LOCKED else SETTLING_PAUSES_S
    kept = {"step": step, "what": what, "reason": reason, "since": since, "at": now, "tries": tries + 1}
    return Patience(kept, pauses[min(tries, len(pauses) - 1)])
