"""Preparing an environment as the administrator who signed in: steps one after the other, each with its result.

What was done stands with the sign-in, so that the page shows it while it goes on. A step that fails stops the rest with
cause and fix; the next try goes on with it. Every step finds what is there already.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from connection_setup import administrator, credentials, services, solution
from connection_setup.checks import sentences
from connection_setup.models import AdministratorSignIn, DataverseConnection
from connection_setup.sealed import SealBroken
from connection_setup.types import ROLE, SOLUTION
from dataverse.errors import DataverseError

DONE: Literal["done"] = "done"
FAILED: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its caption, and what does it; that returns what to tell about it."""

    name: str
    caption: str
    run: Callable[[solution.Definer, DataverseConnection], str]


@dataclass(frozen=True, slots=True)
class Told:
    """How a step ended: done, or failed with cause and fix."""

    name: str
    caption: str
    state: Literal["done", "failed"]
    message: str
    fix: str = ""


def _administrator(client: solution.Definer, _: DataverseConnection) -> str:
    return f"{solution.administrator(client)} is licensed and a System Administrator."


def _solution(client: solution.Definer, _: DataverseConnection) -> str:
    return _made(solution.make_solution(client), f"The solution {SOLUTION}")


def _tables(client: solution.Definer, _: DataverseConnection) -> str:
    return _made(solution.make_tables(client), "The table tandem_company and the columns that refer to it", plural=True)


def _role(client: solution.Definer, _: DataverseConnection) -> str:
    return _made(solution.make_role(client), f"The security role {ROLE} with its privileges")


def _user(client: solution.Definer, connection: DataverseConnection) -> str:
    _, made = solution.make_application_user(client, credentials.client_id(connection))
    return _made(made, "The application's user, which needs no licence, with its role")


def _made(made: bool, what: str, *, plural: bool = False) -> str:
    verb = "are" if plural else "is"
    return f"{what} {verb} made." if made else f"{what} {verb} there already."


def _next_user(client: solution.Definer, connection: DataverseConnection) -> str:
    _, made = solution.make_application_user(client, connection.next_client_id)
    return _made(made, "The new application's user, which needs no licence, with its role")


def _roles(client: solution.Definer, connection: DataverseConnection) -> str:
    copied = solution.copy_roles(client, credentials.client_id(connection), connection.next_client_id)
    return f"It was given {', '.join(copied)}." if copied else "It has every role of the user before."


STEPS = (
    Step("administrator", "Administrator", _administrator),
    Step("solution", "Integration solution", _solution),
    Step("tables", "Tables and columns", _tables),
    Step("role", "Security role", _role),
    Step("user", "Application user", _user),
)


MOVE = (
    STEPS[0],
    Step("next user", "New application user", _next_user),
    Step("roles", "Roles of the user before", _roles),
)

REDEPLOY = "redeploy"

PURPOSES: Mapping[str, tuple[Step, ...]] = {"prepare": STEPS, "certificate": MOVE, REDEPLOY: STEPS}
"""What a sign-in is for, and the steps that follow it."""


def steps(signed_in: AdministratorSignIn) -> tuple[Step, ...]:
    """The steps of a sign-in."""
    return PURPOSES[signed_in.purpose]


def told(signed_in: AdministratorSignIn) -> list[Told]:
    """What became of the steps taken so far."""
    return [Told(**one) for one in signed_in.steps]


def next_step(signed_in: AdministratorSignIn) -> Step | None:
    """The first step that is not done; None when all are."""
    done = {one.name for one in told(signed_in) if one.state == DONE}
    return next((step for step in steps(signed_in) if step.name not in done), None)


def go_on(signed_in: AdministratorSignIn) -> Told | None:
    """Take the next step, and keep what became of it with the sign-in; None when there is none left."""
    step = next_step(signed_in)
    if step is None:
        return None
    connection = services.connection_of(signed_in.company)
    try:
        client: Any = services.administrators_client(connection, administrator.person(signed_in))
        found = Told(step.name, step.caption, DONE, step.run(client, connection))
    except (DataverseError, services.Refused, SealBroken) as error:
        cause, fix = sentences(str(getattr(error, "user_message", error)))
        found = Told(step.name, step.caption, FAILED, cause, fix)
    kept = [one for one in told(signed_in) if one.name != step.name]
    signed_in.steps = [asdict(one) for one in (*kept, found)]
    signed_in.save(update_fields=["steps"])
    return found


def prepare(signed_in: AdministratorSignIn) -> list[Told]:
    """Take all steps from the first; what became of them. Ends at the first that fails."""
    signed_in.steps = []
    while (found := go_on(signed_in)) is not None and found.state == DONE:
        continue
    return told(signed_in)
