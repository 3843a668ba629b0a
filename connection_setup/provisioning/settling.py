"""Making what is not there yet, and not believing it before it was read back.

The service answers "exists already" for what it does not show yet, for what was deleted half an hour ago, and when two
write at once; and what it has just accepted, it does not show for up to a minute. So a thing is there once it was read,
and whoever waits for that comes back later: a step that raises NotSettled is taken again by itself.
"""

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from core.refusals import Refusal
from dataverse.errors import ConfigurationError, CustomizationsBlocked, Duplicate, Gone, Invalid

SETTLED_WITHIN_S = 120.0
"""How long what was accepted may take to show; a minute was seen."""
LATER = "later"


class NotSettled(Refusal):
    """Dataverse has accepted something and does not show it yet; the step goes on by itself."""

    def __init__(self, what: str) -> None:
        super().__init__(
            LATER,
            f"{what}: Dataverse has accepted it and does not show it yet, which may take a minute.",
            "It goes on by itself.",
        )


class Blocked(Refusal):
    """The environment takes no unmanaged customizations, and something is missing that would be one."""

    def __init__(self, what: str) -> None:
        super().__init__(
            "refused",
            f"This environment does not allow unmanaged customizations, and {what} missing.",
            "Ask its administrator to turn the block off in the Power Platform admin center while the environment is "
            "prepared, then try again. Or choose Download Solution File, and have the solution imported by hand.",
        )


class Settling:
    """What a preparation has made, and when. `memory` is plain data, stored with the run.

    now: seconds since 1970, by this machine's clock.
    """

    def __init__(self, memory: dict[str, Any], now: Callable[[], float] | None = None) -> None:
        self.memory = memory
        self._made: dict[str, float] = memory.setdefault("made", {})
        self._doubtful: dict[str, bool] = memory.setdefault("doubtful", {})
        self._now = now or (lambda: timezone.now().timestamp())

    def has_made(self, key: str) -> bool:
        """Return whether this preparation made something."""
        return key in self._made

    def just_made(self) -> bool:
        """Return whether anything was made so lately that the service may not know it everywhere."""
        return any(self._now() - at < SETTLED_WITHIN_S for at in self._made.values())

    def ensure(self, key: str, *, what: str, there: Callable[[], bool], make: Callable[[], Any]) -> bool:
        """Have something be there: read it, make it where it is missing, and read it back. Return whether it was made.

        what: how a sentence names it, as its beginning. Raises NotSettled, Blocked, ConfigurationError (it never
        shows), DataverseError.
        """
        if there():
            return self.has_made(key)
        if key not in self._made or self._doubtful.get(key):
            self._make(key, make)
            if there():
                return True
        if self._now() - self._made[key] < SETTLED_WITHIN_S:
            raise NotSettled(what)
        doubtful = self._doubtful.pop(key, False)
        del self._made[key]
        raise _never_shown(what, doubtful=doubtful)

    def _make(self, key: str, make: Callable[[], Any]) -> None:
        if self.memory.get("blocked"):
            raise Blocked("something that has to be made is")
        try:
            make()
        except Duplicate:  # perhaps there: reading decides
            self._doubtful[key] = True
            self._made.setdefault(key, self._now())
        except CustomizationsBlocked:
            raise Blocked("something that has to be made is") from None
        else:
            self._doubtful.pop(key, None)
            self._made[key] = self._now()


def _never_shown(what: str, *, doubtful: bool) -> ConfigurationError:
    if doubtful:
        return ConfigurationError(
            f"{what}: Dataverse says that it exists already, and does not show it. One that was deleted there keeps "
            "its name for about half an hour.",
            "Try again in half an hour.",
            reason="configuration",
        )
    return ConfigurationError(
        f"{what}: Dataverse accepted it, and has not shown it for two minutes.",
        "Look at Solution history in Power Apps whether something else changes the environment, then try again.",
        reason="configuration",
    )


def is_absent(error: Exception) -> bool:
    """Return whether a refusal of a question says that a table or column is not there, or not there yet."""
    return isinstance(error, Gone) or (
        isinstance(error, Invalid) and error.reason in ("configuration", "unknown_column")
    )
