"""Whether a failed request is sent again, pure: (error, attempt, safe to repeat?) -> wait, postpone or give up.

Only what is safe to repeat is repeated. A refusal for a limit was not carried out, so it always is; a lost answer
leaves open whether the request was, so only a repeatable request is. A long wait is not slept: the worker that asked
is given back (postpone).
"""

from dataclasses import dataclass

from dataverse.errors import DataverseError, Throttled, Unavailable

LONGEST_WAIT_S = 10.0
"""Longer waits are not slept."""
LONGEST_SLEEP_S = 30.0
"""All waits of one request together."""
ATTEMPTS = 4
"""How often an unavailable service is asked."""
FIRST_PAUSE_S = 0.3
"""How long it is left alone after the first time; twice as long after each other one."""
_LONGEST_BACKOFF_S = 60.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Sleep, then send again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Postpone:
    """Do not sleep: tell the caller to come back."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The error stands."""


def decide(
    error: DataverseError, *, attempt: int, slept: float, repeatable: bool, jitter: float = 0.0
) -> Wait | Postpone | GiveUp:
    """What to do after the attempt-th try (from 1) failed, `slept` seconds having been waited so far.

    repeatable: the request has the same effect when carried out twice; jitter: 0..1, spreads waits nobody named.
    """
    named = isinstance(error, Throttled) and (error.retry_after or 0) > 0
    backoff = 2.0 ** min(attempt - 1, 16) * (1 if named else 1 + jitter)
    if isinstance(error, Throttled):
        # Doubling even where the service names less: one that always names 0 is asked five times, then the wait
        # is long enough to be given back.
        seconds = max(error.retry_after or 0.0, min(backoff, _LONGEST_BACKOFF_S))
        if seconds > LONGEST_WAIT_S or slept + seconds > LONGEST_SLEEP_S:
            return Postpone(seconds)
        return Wait(seconds)
    if not isinstance(error, Unavailable) or not error.repeat or attempt >= ATTEMPTS:
        return GiveUp()
    if error.outcome_unknown and not repeatable:
        return GiveUp()
    seconds = max(error.retry_after or 0.0, FIRST_PAUSE_S * backoff)
    return Postpone(seconds) if seconds > LONGEST_WAIT_S else Wait(seconds)
