"""Preparing an environment as the administrator who signed in: steps one after the other, each with its result.

What was done stands in a list that the page shows while it goes on. A step that fails stops it with cause and fix; the
next try begins at the first step again, and finds what is there already.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from connection_setup import administrator, credentials, services, solution
from connection_setup.checks import sentences
from connection_setup.models import AdministratorSignIn, DataverseConnection
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


STEPS = (
    Step("administrator", "Administrator", _administrator),
    Step("solution", "Integration solution", _solution),
    Step("tables", "Tables and columns", _tables),
    Step("role", "Security role", _role),
    Step("user", "Application user", _user),
)


def prepare(signed_in: AdministratorSignIn) -> Iterator[Told]:
    """Take the steps as the administrator; what became of each, as it happens. Ends at the first that fails."""
    connection = services.connection_of(signed_in.company)
    at = STEPS[0]
    try:
        client: Any = services.administrators_client(connection, administrator.person(signed_in))
        for at in STEPS:
            yield Told(at.name, at.caption, DONE, at.run(client, connection))
    except (DataverseError, services.Refused) as error:
        cause, fix = sentences(str(getattr(error, "user_message", error)))
        yield Told(at.name, at.caption, FAILED, cause, fix)
