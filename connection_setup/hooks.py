"""What the rooms above add to connecting, registered while their apps load."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Hook = Callable[[Any, Any], None]
Counter = Callable[[Any], int]

_enabled: list[Hook] = []
_disabled: list[Hook] = []
_couplings: list[Counter] = []
_setups: "list[SynchronizationSetup]" = []
_questions: "list[Question]" = []


@dataclass(frozen=True, slots=True)
class SynchronizationSetup:
    """The default synchronization setup, which a room above knows how to make.

    standing: what is set up already, as a sentence; "" while nothing is. apply(company, schedules): make what is
    missing, in the transaction that is open (no HTTP there), and say so in a sentence; what exists is never replaced.
    """

    standing: Callable[[Any], str]
    apply: Callable[[Any, bool], str]


@dataclass(frozen=True, slots=True)
class Question:
    """What the setup page asks once, after a test that went well or after enabling. See questions.

    applies: whether it is asked now, given the connection; yes: what the answer Yes does (company, user), saying so in
    a sentence; yes_url: where Yes leads afterwards, given the company (None: the setup page); no: what No says.
    default: the answer whose button stands out. order: questions are asked one by one, the lowest first.
    """

    name: str
    caption: str
    text: str
    applies: Callable[[Any], bool]
    yes: Callable[[Any, Any], str] | None = None
    yes_url: Callable[[Any], str] | None = None
    no: str = ""
    default: Literal["yes", "no"] = "yes"
    order: int = 100


def question(one: Question) -> None:
    """Have the setup page ask."""
    if one not in _questions:
        _questions.append(one)
        _questions.sort(key=lambda known: known.order)


def questions() -> tuple[Question, ...]:
    """All questions, in the order they are asked."""
    return tuple(_questions)


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


def synchronization_setup(setup: SynchronizationSetup) -> None:
    """Name what makes the default synchronization setup: default mappings and schedules."""
    if setup not in _setups:
        _setups.append(setup)


def standing_setup(company: Any) -> str:
    """What of the synchronization is set up, as a sentence; "" while nothing is."""
    return " ".join(filter(None, (one.standing(company) for one in _setups)))


def apply_default_setup(company: Any, *, schedules: bool) -> str:
    """Make what is missing of the default synchronization setup, with or without schedules; a sentence. No HTTP."""
    return " ".join(filter(None, (one.apply(company, schedules) for one in _setups)))


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
