"""Whether a failed request is sent again, pure: (error, attempt, safe to repeat?) -> wait, postpone or give up.

Only what is safe to repeat is repeated. A request refused for a limit was not carried out, so it always is safe; a lost
answer leaves open whether the request was carried out, so only a repeatable request is. A long wait is not slept: the
worker that asked is given back (postpone).
"""

from dataclasses import dataclass

from dataverse.errors import DataverseError, Throttled, Unavailable

LONGEST_WAIT_S = 10.0
"""Longer waits are not slept."""
LONGEST_SLEEP_S = 30.0
"""The limit of all waits of one request together."""
ATTEMPTS = 4
"""How often a request is sent to a service that is unavailable."""
FIRST_PAUSE_S = 0.3
"""The pause after the first attempt; it doubles after each further one."""
_LONGEST_BACKOFF_S = 60.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Sleep, then send again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Postpone:
    """Do not sleep: the caller is to come back after these seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Raise the error."""


def decide(
    error: DataverseError, *, attempt: int, slept: float, repeatable: bool, jitter: float = 0.0, most: int = ATTEMPTS
) -> Wait | Postpone | GiveUp:
    """Return what to do after an attempt (counted from 1) failed, `slept` seconds having been waited so far.

    repeatable: the request has the same effect when carried out twice; jitter: 0 to 1, spreads waits that the service
    does not name; most: how often a service that is unavailable is asked altogether.
    """
    named = isinstance(error, Throttled) and (error.retry_after or 0) > 0
    backoff = 2.0 ** min(attempt - 1, 16) * (1 if named else 1 + jitter)
    if isinstance(error, Throttled):
        # Doubled even where the service names less: one that always names 0 is asked five times, then the wait is
        # long enough to be postponed.
        seconds = max(error.retry_after or 0.0, min(backoff, _LONGEST_BACKOFF_S))
        if seconds > LONGEST_WAIT_S or slept + seconds > LONGEST_SLEEP_S:
            return Postpone(seconds)
        return Wait(seconds)
    if not isinstance(error, Unavailable) or not error.repeat or attempt >= most:
        return GiveUp()
    if error.outcome_unknown and not repeatable:
        return GiveUp()
    seconds = max(error.retry_after or 0.0, FIRST_PAUSE_S * backoff)
    return Postpone(seconds) if seconds > LONGEST_WAIT_S else Wait(seconds)
