"""What the rooms above add to connecting, registered while their apps load."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

Hook = Callable[[Any, Any], None]
Counter = Callable[[Any], int]
Reset = Callable[[Any, Any], str]
Starter = Callable[[Any, Any], int]
Lister = Callable[[Any], Iterable[str]]

_enabled: list[Hook] = []
_disabled: list[Hook] = []
_couplings: list[Counter] = []
_resets: list[Reset] = []
_starters: list[Starter] = []
_listers: list[Lister] = []
_setups: "list[SynchronizationSetup]" = []
_questions: "list[Question]" = []
_users: "list[CoupledUsers]" = []


@dataclass(frozen=True, slots=True)
class SynchronizationSetup:
    """The default synchronization setup, which a room above knows how to make.

    standing: what is set up already, as a sentence; "" while nothing is. apply(company, schedules): make what is
    missing, in the transaction that is open (no HTTP there), and say so in a sentence; what exists is never replaced.
    """

    standing: Callable[[Any], str]
    apply: Callable[[Any, bool], str]


@dataclass(frozen=True, slots=True)
class CoupledUsers:
    """The Dataverse users that salespeople of a company are coupled with: their ids and names, and their page."""

    users: Callable[[Any], dict[Any, str]]
    page: Callable[[Any], str]


def coupled_users(one: CoupledUsers) -> None:
    """Name what knows the coupled users."""
    if one not in _users:
        _users.append(one)


def users_of(company: Any) -> dict[Any, str]:
    """The coupled users of a company, id -> name."""
    return {user: name for one in _users for user, name in one.users(company).items()}


def users_page(company: Any) -> str:
    """The page on which users and salespeople are coupled; "" without one."""
    return next((one.page(company) for one in _users), "")


@dataclass(frozen=True, slots=True)
class Question:
    """What the setup page asks once, after a test that went well or after enabling. See questions.

    applies: whether it is asked now, given the connection; yes: what the answer Yes does (company, user), saying so in
    a sentence; yes_url: where Yes leads afterwards, given the company (None: the setup page); no: what No says.
    default: the answer whose button stands out. order: questions are asked one by one, the lowest first. by_test:
    whether each test that goes well asks again, while it applies.
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
    by_test: bool = True


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


def name_tables(lister: Lister) -> None:
    """Name what lists the tables in Dataverse that a company's mappings are about, by their logical names."""
    if lister not in _listers:
        _listers.append(lister)


def mapped_tables(company: Any) -> tuple[str, ...]:
    """The tables in Dataverse that the company's mappings are about, each once."""
    return tuple(dict.fromkeys(name for lister in _listers for name in lister(company)))


def use_default_setup(company: Any, user: Any) -> str:
    """Bring mappings and schedules back to their default; a sentence about it, "" where no room above knows any."""
    return " ".join(reset(company, user) for reset in _resets)


def synchronize_modified(company: Any, user: Any) -> int:
    """Queue a synchronization of every mapping, in their order; how many jobs."""
    return sum(start(company, user) for start in _starters)


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
