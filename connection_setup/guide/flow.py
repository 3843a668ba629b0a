"""What a step of the guide is, and which may be opened. No step knows another.

A step is open once all before it are done. Where a guide goes on follows from what is done already, not from a page
counter: a connection that was enabled elsewhere, or a sign-in that ran out, moves it by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse

from connection_setup.models import AdministratorSignIn, AssistedSetup, DataverseConnection
from masterdata.models import Company
from ui.kit import Action, FastTab, Notice, Progress


@dataclass(frozen=True, slots=True)
class Situation:
    """What the steps judge by: the request, the company's connection, what was confirmed, who signed in."""

    request: HttpRequest
    connection: DataverseConnection
    kept: AssistedSetup
    signed_in: AdministratorSignIn | None = None

    @property
    def company(self) -> Company:
        """The company that is connected."""
        return self.connection.company

    def confirmed(self, name: str) -> bool:
        """Whether Next was chosen on that step."""
        return name in self.kept.confirmed


@dataclass(frozen=True, slots=True)
class Shown:
    """What a step shows: a question, words, fields, and its ways on."""

    heading: str
    text: Sequence[str] = ()
    sections: Sequence[FastTab] = ()
    notices: Sequence[Notice] = ()
    actions: Sequence[Action] = ()
    next: Action | None = None
    """The main button; None waits for something that happens by itself."""
    form_url: str = ""
    """Where the form goes; "" to the step's own address."""
    form_window: str = ""
    enctype: str = ""
    progress: Progress | None = None
    template: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)


Ended = HttpResponse | Shown | None
"""What Next comes to: an answer of its own, the step again with what is wrong, or None: on to the next step."""


def always(_: Situation) -> bool:
    """For a step that every company takes."""
    return True


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `name` stands in its address; `position` gives the order among all rooms' steps."""

    name: str
    caption: str
    position: int
    show: Callable[[Situation], Shown]
    act: Callable[[Situation], Ended]
    done: Callable[[Situation], bool]
    applies: Callable[[Situation], bool] = always


_steps: dict[str, Step] = {}


def add(step: Step) -> None:
    """Bring a step to the guide; one of the same name is replaced."""
    _steps[step.name] = step


def steps(situation: Situation) -> list[Step]:
    """The steps that apply, in order."""
    return [one for one in sorted(_steps.values(), key=lambda step: step.position) if one.applies(situation)]


def first_open(taken: Sequence[Step], situation: Situation) -> Step:
    """The first step that is not done; the last one when all are."""
    return next((one for one in taken if not one.done(situation)), taken[-1])


def may_open(taken: Sequence[Step], step: Step, situation: Situation) -> bool:
    """Whether all steps before this one are done."""
    return all(one.done(situation) for one in taken[: list(taken).index(step)])


def after(taken: Sequence[Step], step: Step) -> Step:
    """The step that follows; the last one follows itself."""
    at = list(taken).index(step)
    return taken[min(at + 1, len(taken) - 1)]
