"""Steps that are carried out as the administrator who signed in: preparing an environment, moving to a certificate.

Their reports are stored with the sign-in (see steps). Enabling takes the same steps where the environment lacks
something.
"""

from collections.abc import Mapping
from typing import Any

from connection_setup import hooks
from connection_setup.connection import clients, state
from connection_setup.models import AdministratorSignIn, DataverseConnection
from connection_setup.provisioning import administrators, sign_in, solution, steps, team_members
from connection_setup.provisioning.steps import Result, Step, StepReport
from connection_setup.secrets import credentials
from connection_setup.types import ROLE, SOLUTION
from core.refusals import Refusal


class Preparation:
    """What the steps work with: the settings, and a client of the administrator who signed in."""

    def __init__(self, signed_in: AdministratorSignIn, connection: DataverseConnection | None = None) -> None:
        self.signed_in = signed_in
        self.connection = connection or state.connection_of(signed_in.company)
        self._client: solution.Definer | None = None

    @property
    def client(self) -> solution.Definer:
        """Return the administrator's client, made when it is first needed. Raises ConfigurationError, SignInError."""
        if self._client is None:
            made: Any = clients.administrator_client(self.connection, sign_in.signed_in_person(self.signed_in))
            self._client = made
        return self._client


def _administrator(work: Preparation) -> Result:
    return administrators.check_administrator(work.client, work.signed_in.name)


def _solution(work: Preparation) -> Result:
    return _made(solution.make_solution(work.client), f"The solution {SOLUTION}")


def _tables(work: Preparation) -> Result:
    made = solution.make_tables(work.client)
    return _made(made, "The table tandem_company and the columns that refer to it", plural=True)


def _role(work: Preparation) -> Result:
    return _made(solution.make_role(work.client), f"The security role {ROLE} with its privileges")


def _user(work: Preparation) -> Result:
    _, made = solution.make_application_user(work.client, credentials.client_id(work.connection))
    return _made(made, "The application's user, which needs no licence, with its role")


def _made(made: bool, what: str, *, plural: bool = False) -> Result:
    verb = "are" if plural else "is"
    return Result(f"{what} {verb} made." if made else f"{what} {verb} there already.")


def _next_user(work: Preparation) -> Result:
    _, made = solution.make_application_user(work.client, credentials.next_client_id(work.connection))
    return _made(made, "The new application's user, which needs no licence, with its role")


def _roles(work: Preparation) -> Result:
    connection = work.connection
    if connection.integration_user_id is None:
        raise Refusal(
            "configuration",
            "The connection's user is not known.",
            "Turn Enabled off and on again.",
        )
    copied = solution.copy_roles(work.client, connection.integration_user_id, credentials.next_client_id(connection))
    return Result(f"It was given {', '.join(copied)}." if copied else "It has every role of the previous user.")


def _members(work: Preparation) -> Result:
    team = work.connection.owning_team_id
    if team is None:
        raise Refusal(
            "configuration",
            "The connection has no owning team yet.",
            "Turn Enabled off and on again.",
        )
    client: Any = work.client
    clients.verify_organization(work.connection.company, client)
    users = team_members.missing_members(client, team, hooks.coupled_users(work.connection.company))
    if not users:
        return Result("Every coupled user is in the owning team already.")
    added, failed = team_members.summarize(team_members.add_members(client, team, users))
    return Result(added, failed, "attention" if failed else "done")


ADMINISTRATOR = Step("administrator", "Administrator", _administrator)

STEPS: tuple[Step[Preparation], ...] = (
    ADMINISTRATOR,
    Step("solution", "Integration solution", _solution),
    Step("tables", "Tables and columns", _tables),
    Step("role", "Security role", _role),
    Step("user", "Application user", _user),
)


CERTIFICATE_STEPS: tuple[Step[Preparation], ...] = (
    ADMINISTRATOR,
    Step("next user", "New application user", _next_user),
    Step("roles", "Roles of the previous user", _roles),
)

TEAM_STEPS: tuple[Step[Preparation], ...] = (ADMINISTRATOR, Step("members", "Members of the owning team", _members))
REDEPLOY = "redeploy"

PURPOSES: Mapping[str, tuple[Step[Preparation], ...]] = {
    "prepare": STEPS, "certificate": CERTIFICATE_STEPS, "team": TEAM_STEPS, REDEPLOY: STEPS,
}  # fmt: skip
"""Purpose of a sign-in -> the steps that follow it."""


def steps_of(signed_in: AdministratorSignIn) -> tuple[Step[Preparation], ...]:
    """Return the steps that follow a sign-in."""
    return PURPOSES[signed_in.purpose]


def step_reports(signed_in: AdministratorSignIn) -> list[StepReport]:
    """Return the reports of the steps taken so far."""
    return steps.from_json(signed_in.steps)


def next_step(signed_in: AdministratorSignIn) -> Step[Preparation] | None:
    """Return the first step that has not ended; None when all have."""
    return steps.next_step(steps_of(signed_in), step_reports(signed_in))


def take_next_step(signed_in: AdministratorSignIn) -> StepReport | None:
    """Take the next step and store its report with the sign-in; return it, None when no step is left."""
    step = next_step(signed_in)
    if step is None:
        return None
    found, _ = steps.run_step(step, Preparation(signed_in))
    signed_in.steps = steps.to_json(steps.with_report(step_reports(signed_in), found))
    sign_in.store_columns(signed_in, "steps")
    return found


def take_all_steps(signed_in: AdministratorSignIn) -> list[StepReport]:
    """Take all steps from the first up to one that fails; return their reports."""
    signed_in.steps = []
    while (found := take_next_step(signed_in)) is not None and found.ended:
        continue
    return step_reports(signed_in)
