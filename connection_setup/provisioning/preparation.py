"""Steps that are carried out as the administrator who signed in: preparing an environment, moving to a certificate.

Their reports are stored with the sign-in (see steps). Enabling takes the same steps where the environment lacks
something.
"""

from collections.abc import Mapping
from typing import Any

from connection_setup import hooks
from connection_setup.connection import clients, state
from connection_setup.models import AdministratorSignIn, DataverseConnection
from connection_setup.provisioning import (
    administrators,
    languages,
    role,
    sign_in,
    solution,
    steps,
    tables,
    team_members,
    verification,
)  # fmt: skip
from connection_setup.provisioning.client import Definer
from connection_setup.provisioning.languages import Languages
from connection_setup.provisioning.settling import Blocked, Settling
from connection_setup.provisioning.steps import Result, Step, StepReport
from connection_setup.secrets import credentials
from connection_setup.types import ROLE, SOLUTION
from connection_setup.web_hook import registration
from connection_setup.web_hook import services as web_hook
from core.refusals import Refusal


class Preparation:
    """What the steps work with: the settings, a client of the administrator who signed in, and what was made so far.

    memory: plain data, kept from one step to the next and from one try to the next. patient: see administrator_client.
    """

    def __init__(
        self,
        signed_in: AdministratorSignIn,
        connection: DataverseConnection | None = None,
        memory: dict[str, Any] | None = None,
        *,
        patient: bool = False,
    ) -> None:
        self.signed_in, self._patient = signed_in, patient
        self.connection = connection or state.connection_of(signed_in.company)
        self.memory: dict[str, Any] = memory if memory is not None else {}
        self.settling = Settling(self.memory)
        self._client: Definer | None = None

    @property
    def languages(self) -> Languages:
        """Return the organization's languages: as an earlier step read them, else read now."""
        if "languages" not in self.memory:
            found = languages.read(self.client)
            self.memory["languages"] = [found.base, list(found.provisioned)]
        base, provisioned = self.memory["languages"]
        return Languages(base, tuple(provisioned))

    @property
    def application(self) -> Any:
        """Return a client of the application itself. Raises CannotDecrypt, ConfigurationError."""
        return clients.settings_client(self.connection, credentials.open_credential(self.connection), None)

    @property
    def client(self) -> Definer:
        """Return the administrator's client, made when it is first needed. Raises ConfigurationError, SignInError."""
        if self._client is None:
            person = sign_in.signed_in_person(self.signed_in)
            made: Any = clients.administrator_client(self.connection, person, patient=self._patient)
            self._client = made
        return self._client


def _administrator(work: Preparation) -> Result:
    return administrators.check_administrator(work.client, work.signed_in.name)


def _customizations(work: Preparation) -> Result:
    """Read the languages, and whether the environment takes what is missing: beforehand, not half-way."""
    found = languages.read(work.client)
    work.memory["languages"] = [found.base, list(found.provisioned)]
    work.memory["blocked"] = verification.is_blocked(work.client)
    if work.memory["blocked"]:
        work.memory["sales"] = "product" in tables.tables_with_company(work.client)
        missing = verification.missing_customizations(work.client)
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            raise Blocked(f"{verification.listed(missing)} {verb}")
        return Result("Unmanaged customizations are blocked; all that would need them is there already.")
    if found.assumed:
        text = "The organization names no base language, so labels are made in English."
        return Result(text, "If they are refused, ask the environment's administrator.", "attention")
    return Result(found.sentence)


def _solution(work: Preparation) -> Result:
    return _made(solution.make_solution(work.client, work.settling), f"The solution {SOLUTION}")


def _tables(work: Preparation) -> Result:
    made = tables.make_tables(work.client, work.languages, work.settling)
    found = _made(made, "The table tandem_company and the columns that refer to it", plural=True)
    taken = tables.take_out_referenced(work.client)
    also = f" Taken out of the solution again: {', '.join(taken)}." if taken else ""
    problem = tables.publish(work.client) if made else ""
    if problem:
        return Result(
            f"{found.message}{also} They could not be published: {problem}",
            "They work without it; labels show once an administrator chooses Publish all customizations.",
            "attention",
        )
    return Result(f"{found.message}{also}")


def _role(work: Preparation) -> Result:
    return _made(role.make_role(work.client, work.settling), f"The security role {ROLE} with its privileges")


def _check(work: Preparation) -> Result:
    verification.require_all(work.client, work.settling)
    return Result("Every column, lookup and privilege can be read.")


def _self_test(work: Preparation) -> Result:
    verification.try_application(work.application, work.settling)
    return Result("The application reads definitions, rows and changes by itself.")


def _user(work: Preparation) -> Result:
    application = credentials.client_id(work.connection)
    _, made = solution.make_application_user(work.client, application, work.settling)
    return _made(made, "The application's user, which needs no licence, with its role")


def _made(made: bool, what: str, *, plural: bool = False) -> Result:
    verb = "are" if plural else "is"
    return Result(f"{what} {verb} made." if made else f"{what} {verb} there already.")


def _next_user(work: Preparation) -> Result:
    application = credentials.next_client_id(work.connection)
    _, made = solution.make_application_user(work.client, application, work.settling)
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


def _web_hook_rights(work: Preparation) -> Result:
    made = role.make_role(work.client, work.settling, registration.RIGHTS)
    may = "may now" if made else "may already"
    return Result(f"The security role {ROLE} {may} renew and remove the web hook.")


def _web_hook(work: Preparation) -> Result:
    signed_in = work.signed_in
    kept = web_hook.register(company=work.connection.company, client=work.client, by=signed_in.name)
    return Result(f"Dataverse calls {kept.address} after a change of {', '.join(kept.tables)}.")


USER, SELF_TEST = "user", "self-test"
"""Names of two steps: USER makes the application's user; SELF_TEST signs in as it."""
ADMINISTRATOR = Step("administrator", "Administrator", _administrator)

STEPS: tuple[Step[Preparation], ...] = (
    ADMINISTRATOR,
    Step("customizations", "Languages and customizations", _customizations),
    Step("solution", "Integration solution", _solution),
    Step("tables", "Tables and columns", _tables),
    Step("role", "Security role", _role),
    Step(USER, "Application user", _user),
    Step("check", "Check of what was made", _check),
    Step(SELF_TEST, "Self-test of the application", _self_test),
)


CERTIFICATE_STEPS: tuple[Step[Preparation], ...] = (
    ADMINISTRATOR,
    Step("next user", "New application user", _next_user),
    Step("roles", "Roles of the previous user", _roles),
)

TEAM_STEPS: tuple[Step[Preparation], ...] = (ADMINISTRATOR, Step("members", "Members of the owning team", _members))
REDEPLOY = "redeploy"
WEB_HOOK = "webhook"
WEB_HOOK_STEPS: tuple[Step[Preparation], ...] = (
    ADMINISTRATOR,
    Step("web hook rights", "Security role", _web_hook_rights),
    Step("web hook", "Web hook", _web_hook),
)

PURPOSES: Mapping[str, tuple[Step[Preparation], ...]] = {
    "prepare": STEPS, "certificate": CERTIFICATE_STEPS, "team": TEAM_STEPS, REDEPLOY: STEPS,
    WEB_HOOK: WEB_HOOK_STEPS,
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


def take_next_step(signed_in: AdministratorSignIn, memory: dict[str, Any] | None = None) -> StepReport | None:
    """Take the next step and store its report with the sign-in; return it, None when no step is left.

    memory: what was made so far (Preparation).
    """
    step = next_step(signed_in)
    if step is None:
        return None
    found, error = steps.run_step(step, Preparation(signed_in, memory=memory))
    if error is not None and memory is not None and steps.is_temporary(error):
        raise error
    signed_in.steps = steps.to_json(steps.with_report(step_reports(signed_in), found))
    sign_in.store_columns(signed_in, "steps")
    return found


def take_all_steps(signed_in: AdministratorSignIn) -> list[StepReport]:
    """Take all steps from the first up to one that fails; return their reports."""
    signed_in.steps = []
    memory: dict[str, Any] = {}
    while (found := take_next_step(signed_in, memory)) is not None and found.ended:
        continue
    return step_reports(signed_in)
