"""The steps of the guide that connects a company, and what they decide by. What a step is: ui.guides.

Where the guide continues follows from what is done already: a connection that was enabled elsewhere, or a sign-in that
expired, moves it by itself.
"""

from dataclasses import dataclass

from django.http import HttpRequest

from connection_setup.models import AdministratorSignIn, AssistedSetup, DataverseConnection
from masterdata.models import Company
from ui import guides
from ui.guides import StepContent as StepContent
from ui.guides import StepOutcome as StepOutcome


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


Step = guides.Step[Situation]

_steps: dict[str, Step] = {}


def register_step(step: Step) -> None:
    """Add a step to the guide; one of the same name is replaced."""
    _steps[step.name] = step


def applicable_steps(situation: Situation) -> list[Step]:
    """Return the steps that apply, in order."""
    return [step for step in sorted(_steps.values(), key=lambda step: step.position) if step.applies(situation)]
