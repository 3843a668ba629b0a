"""What a step of the guide is, and which may be opened. No step knows another.

A step may be opened once all before it are done. Where a guide continues follows from what is done already, not from a
stored position: a connection that was enabled elsewhere, or a sign-in that expired, moves it by itself.
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
    """What the steps decide by: the request, the company's connection, what was confirmed, who signed in."""

    request: HttpRequest
    connection: DataverseConnection
    assisted_setup: AssistedSetup
    signed_in: AdministratorSignIn | None = None

    @property
    def company(self) -> Company:
        """The company that is connected."""
        return self.connection.company

    def has_confirmed(self, name: str) -> bool:
        """Return whether Next was chosen on that step."""
        return name in self.assisted_setup.confirmed


@dataclass(frozen=True, slots=True)
class StepContent:
    """What a step shows: heading, text, sections, notices, actions, and the form's button."""

    heading: str
    text: Sequence[str] = ()
    sections: Sequence[FastTab] = ()
    notices: Sequence[Notice] = ()
    actions: Sequence[Action] = ()
    next: Action | None = None
    """The main button; None while the page waits for something that happens by itself."""
    form_url: str = ""
    """Where the form is sent; "": to the step's own address."""
    form_window: str = ""
    """See ui.kit.Page.form_window."""
    enctype: str = ""
    progress: Progress | None = None
    template: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)


StepOutcome = HttpResponse | StepContent | None
"""What Next leads to: a response of its own, the step again with its errors, or None: the next step."""


def always(_: Situation) -> bool:
    """Return True, for a step that every company takes."""
    return True


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `name` is part of its address; `position` orders the steps of all rooms."""

    name: str
    caption: str
    position: int
    show: Callable[[Situation], StepContent]
    act: Callable[[Situation], StepOutcome]
    done: Callable[[Situation], bool]
    applies: Callable[[Situation], bool] = always


_steps: dict[str, Step] = {}


def register_step(step: Step) -> None:
    """Add a step to the guide; one of the same name is replaced."""
    _steps[step.name] = step


def applicable_steps(situation: Situation) -> list[Step]:
    """Return the steps that apply, in order."""
    return [step for step in sorted(_steps.values(), key=lambda step: step.position) if step.applies(situation)]


def first_unfinished(steps: Sequence[Step], situation: Situation) -> Step:
    """Return the first of the steps that is not done; the last one when all are."""
    return next((step for step in steps if not step.done(situation)), steps[-1])


def may_open(steps: Sequence[Step], step: Step, situation: Situation) -> bool:
    """Return whether all steps before this one are done."""
    return all(one.done(situation) for one in steps[: list(steps).index(step)])


def following_step(steps: Sequence[Step], step: Step) -> Step:
    """Return the step after this one; the last one is followed by itself."""
    position = list(steps).index(step)
    return steps[min(position + 1, len(steps) - 1)]
