"""What the rooms above add to connecting, registered while their apps load."""

from collections.abc import Callable
from typing import Any

Hook = Callable[[Any, Any], None]
Counter = Callable[[Any], int]

_enabled: list[Hook] = []
_disabled: list[Hook] = []
_couplings: list[Counter] = []


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
