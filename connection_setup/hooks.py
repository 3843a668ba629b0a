"""What the rooms above add to connecting, registered while their apps load: slots, questions, hooks, what is logged.

A slot holds one provider. Questions, kinds of rows that the Change Log lists, and what is called when a connection is
enabled, disabled or comes to belong to another organization, may be many.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from core.roles import Can
from masterdata.models import Company

Provided = TypeVar("Provided")
Hook = Callable[[Company, Any], None]


class Slot(Generic[Provided]):
    """Something that exactly one room above provides, if any."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.provided: Provided | None = None

    def provide(self, given: Provided) -> None:
        """Fill the slot; called once, while the app of the room above loads. Raises RuntimeError when it is filled."""
        if self.provided is not None:
            raise RuntimeError(f"The slot {self.name} is filled already, by {self.provided!r}.")
        self.provided = given


@dataclass(frozen=True, slots=True)
class SynchronizationSetup:
    """The default synchronization setup.

    describe(company): what is set up already, as a sentence; "" while nothing is. apply(company, schedules): make what
    is missing, in the transaction that is open (no HTTP there), and return a sentence about it; what exists is never
    replaced. reset(company, user): put mappings and schedules back to their default, and return a sentence about it.
    discards(company): what a reset would change now, a sentence for each mapping.
    """

    describe: Callable[[Company], str]
    apply: Callable[[Company, bool], str]
    reset: Callable[[Company, Any], str]
    discards: Callable[[Company], Sequence[str]] = lambda _: ()


@dataclass(frozen=True, slots=True)
class CoupledUsers:
    """The users in Dataverse that a company's salespeople are coupled with (id -> name), and the page that does it."""

    users: Callable[[Company], dict[UUID, str]]
    page_url: Callable[[Company], str]


COUPLED_USERS: Slot[CoupledUsers] = Slot("coupled users")
COUPLING_COUNT: Slot[Callable[[Company], int]] = Slot("coupling count")
"""How many couplings a company has: they are what another environment would break."""
MAPPED_TABLES: Slot[Callable[[Company], Iterable[str]]] = Slot("mapped tables")
"""Logical names of the tables in Dataverse that a company's mappings synchronize."""
SYNCHRONIZATION_SETUP: Slot[SynchronizationSetup] = Slot("synchronization setup")
SYNCHRONIZER: Slot[Callable[[Company, Any], int]] = Slot("synchronizer")
"""synchronizer(company, user) queues a synchronization of each mapping and returns the number of jobs.

Raises Refusal where none may be queued.
"""


@dataclass(frozen=True, slots=True)
class Question:
    """A question that the setup page asks once, after a test without errors or after enabling (enabling.questions).

    applies(connection): whether it is asked now; yes(company, user): carry out the answer Yes and return a sentence
    about it; yes_url(company): where Yes leads afterwards (None: the setup page); no: the sentence after the answer No.
    default: the answer whose button stands out. order: questions are asked one at a time, the lowest first.
    after_each_test: whether each test without errors asks again, while the question applies. needs: the right in the
    company without which nobody is asked.
    """

    name: str
    caption: str
    text: str
    applies: Callable[[Any], bool]
    yes: Callable[[Company, Any], str] | None = None
    yes_url: Callable[[Company], str] | None = None
    no: str = ""
    default: Literal["yes", "no"] = "yes"
    order: int = 100
    after_each_test: bool = True
    needs: Can = Can.ADMINISTER


@dataclass(frozen=True, slots=True)
class Logged:
    """A kind of row whose changes are listed in its company's Change Log, for whoever may read the company.

    name: the word in the page's address; caption: what the page calls one. rows(company): those that are there.
    captions: what pages call its columns; where given, no other one is listed. words: how the stored value of a JSON
    column is said. Entries name their company and the row by what the model's get_additional_data() returns:
    {"company_id", "of"}, which outlive the row.
    """

    name: str
    caption: str
    model: type[Model]
    rows: Callable[[Company], "QuerySet[Any]"]
    captions: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)


_logged: list[Logged] = []
_enabled: list[Hook] = []
_disabled: list[Hook] = []
_moved: list[Hook] = []
_questions: list[Question] = []


def on_enabled(hook: Hook) -> None:
    """Call `hook(company, user)` when a connection is enabled, in the transaction that enables it: no HTTP there.

    An error that the hook raises rolls the enabling back.
    """
    if hook not in _enabled:
        _enabled.append(hook)


def on_disabled(hook: Hook) -> None:
    """Call `hook(company, user)` when a connection is disabled, in the transaction that disables it: no HTTP there."""
    if hook not in _disabled:
        _disabled.append(hook)


def on_moved(hook: Hook) -> None:
    """Call `hook(company, user)` when a connection belongs to another organization than before, in that transaction.

    No HTTP there: what was known of the tables and columns of the organization before is not so of this one.
    """
    if hook not in _moved:
        _moved.append(hook)


def log_changes(logged: Logged) -> None:
    """Have the Change Log list the changes of a kind of row."""
    if all(known.name != logged.name for known in _logged):
        _logged.append(logged)


def logged_rows() -> tuple[Logged, ...]:
    """Return the kinds of rows whose changes the Change Log lists, beside those of the connection."""
    return tuple(_logged)


def add_question(question: Question) -> None:
    """Have the setup page ask a question."""
    if question not in _questions:
        _questions.append(question)
        _questions.sort(key=lambda known: known.order)


def questions() -> tuple[Question, ...]:
    """Return all questions, in the order they are asked."""
    return tuple(_questions)


def run_enabled(company: Company, user: Any) -> None:
    """Call every hook of enabling."""
    for hook in _enabled:
        hook(company, user)


def run_disabled(company: Company, user: Any) -> None:
    """Call every hook of disabling."""
    for hook in _disabled:
        hook(company, user)


def run_moved(company: Company, user: Any) -> None:
    """Call every hook of belonging to another organization."""
    for hook in _moved:
        hook(company, user)


def coupled_users(company: Company) -> dict[UUID, str]:
    """Return the users in Dataverse that the company's salespeople are coupled with, id -> name."""
    return COUPLED_USERS.provided.users(company) if COUPLED_USERS.provided else {}


def coupled_users_url(company: Company) -> str:
    """Return the address of the page that couples users with salespeople; "" without one."""
    return COUPLED_USERS.provided.page_url(company) if COUPLED_USERS.provided else ""


def count_couplings(company: Company) -> int:
    """Return how many couplings the company has."""
    return COUPLING_COUNT.provided(company) if COUPLING_COUNT.provided else 0


def mapped_tables(company: Company) -> tuple[str, ...]:
    """Return the tables in Dataverse that the company's mappings synchronize, each once."""
    return tuple(dict.fromkeys(MAPPED_TABLES.provided(company))) if MAPPED_TABLES.provided else ()


def start_synchronizations(company: Company, user: Any) -> int:
    """Queue a synchronization of each mapping, in their order; return the number of jobs. Raises Refusal."""
    return SYNCHRONIZER.provided(company, user) if SYNCHRONIZER.provided else 0


def describe_setup(company: Company) -> str:
    """Return what of the synchronization is set up, as a sentence; "" while nothing is."""
    return SYNCHRONIZATION_SETUP.provided.describe(company) if SYNCHRONIZATION_SETUP.provided else ""


def apply_default_setup(company: Company, *, schedules: bool) -> str:
    """Make what is missing of the default synchronization setup, with or without schedules; return a sentence.

    Sends nothing to Dataverse.
    """
    return SYNCHRONIZATION_SETUP.provided.apply(company, schedules) if SYNCHRONIZATION_SETUP.provided else ""


def reset_setup(company: Company, user: Any) -> str:
    """Put mappings and schedules back to their default; return a sentence, "" where no room above has any."""
    return SYNCHRONIZATION_SETUP.provided.reset(company, user) if SYNCHRONIZATION_SETUP.provided else ""


def discarded_by_reset(company: Company) -> Sequence[str]:
    """Return what putting mappings back to their default would change, a sentence for each mapping."""
    return SYNCHRONIZATION_SETUP.provided.discards(company) if SYNCHRONIZATION_SETUP.provided else ()
