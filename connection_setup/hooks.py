"""What the rooms above add to connecting, registered while their apps load."""

from collections.abc import Callable
from typing import Any

Hook = Callable[[Any, Any], None]
Counter = Callable[[Any], int]
Reset = Callable[[Any, Any], str]
Starter = Callable[[Any, Any], int]

_enabled: list[Hook] = []
_disabled: list[Hook] = []
_couplings: list[Counter] = []
_resets: list[Reset] = []
_starters: list[Starter] = []


def on_enabled(hook: Hook) -> None:
    """Call `hook(company, user)` when a connection is enabled, in the transaction that enables it: no HTTP there.

    An error it raises undoes the enabling.
    """
    if hook not in _enabled:
        _enabled.append(hook)


def on_disabled(hook: Hook) -> None:
    """Call `hook(company, user)` when a connection is disabled, in the transaction that disables it: no HTTP there."""
    if hook not in _disabled:
        _disabled.append(hook)


def count_couplings(counter: Counter) -> None:
    """Name what counts a company's couplings: they are what another environment would break."""
    if counter not in _couplings:
        _couplings.append(counter)


def default_setup(reset: Reset) -> None:
    """Name what brings mappings and schedules back to their default: reset(company, user), saying so in a sentence."""
    if reset not in _resets:
        _resets.append(reset)


def synchronizer(start: Starter) -> None:
    """Name what queues a synchronization of every mapping: start(company, user), giving how many jobs.

    It raises an error with a sentence (user_message) where none may be queued.
    """
    if start not in _starters:
        _starters.append(start)


def use_default_setup(company: Any, user: Any) -> str:
    """Bring mappings and schedules back to their default; a sentence about it, "" where no room above knows any."""
    return " ".join(reset(company, user) for reset in _resets)


def synchronize_modified(company: Any, user: Any) -> int:
    """Queue a synchronization of every mapping, in their order; how many jobs."""
    return sum(start(company, user) for start in _starters)


def run_enabled(company: Any, user: Any) -> None:
    """Run all that was registered for enabling."""
    for hook in _enabled:
        hook(company, user)


def run_disabled(company: Any, user: Any) -> None:
    """Run all that was registered for disabling."""
    for hook in _disabled:
        hook(company, user)


def couplings(company: Any) -> int:
    """How many couplings the company has."""
    return sum(counter(company) for counter in _couplings)
