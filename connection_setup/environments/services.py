"""Looking for environments: an administrator signs in, of the settings' tenant or of another one, and chooses one.

No Environment URL is needed, only the registered application. How a page or the guide uses it:

    opens = environments.begin(company=..., user=..., session_key=..., return_url=..., tenant="")   # redirect there
    signed_in = environments.current(company, session_key)       # None, waiting, failed (problem) or signed in
    for one in environments.discovered(signed_in): ...           # asked once, then kept with the sign-in
    environments.sentence(signed_in)                             # none, one, how many: never silent
    connection = environments.choose(signed_in=signed_in, organization_id=one.id, user=...)    # Refusal: say why
    environments.go_on_to_prepare(signed_in)     # the same sign-in then prepares the environment (preparing.go_on)

`choose` validates the address as typing does and fills Environment URL and, where it is another, Tenant ID.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Literal
from uuid import UUID

from connection_setup.connection import clients, endpoints, settings
from connection_setup.connection import state as services
from connection_setup.models import AdministratorSignIn, AuthenticationType, DataverseConnection
from connection_setup.provisioning import sign_in as administrator
from core.refusals import NotUsable, Refusal
from dataverse import clouds
from dataverse.discovery import Instance
from dataverse.errors import AdministrationMode, DataverseError, EnvironmentDisabled
from masterdata.models import Company

TITLE = "Dataverse User Environments"
LOOKED_INTO = 20
"""Of so many environments it is asked whether they let the application in; a list of more is long enough without."""

FoundState = Literal["enabled", "disabled", "administration_mode"]


@dataclass(frozen=True, slots=True)
class Found:
    """An environment that was found; `id` is its organization's, `administrator` whether the person is one in it."""

    id: UUID
    name: str
    url: str
    version: str
    tenant_id: str
    administrator: bool
    state: FoundState = "enabled"


def blocked_reason(connection: DataverseConnection) -> Refusal | None:
    """Return why no environments can be looked for now; None when they can."""
    if connection.enabled:
        return NotUsable("The connection is enabled, so its environment is settled.", "Turn Enabled off first.")
    try:
        clients.discovery_credentials(connection, connection.tenant_id)
    except (Refusal, DataverseError) as error:
        return Refusal.because(error)
    return None


def begin(
    *, company: Company, user: Any, session_key: str, return_url: str, tenant: str = "", in_window: bool = False
) -> str:
    """Begin the sign-in; the address to open. `tenant`: an id or a domain, "" for that of whoever signs in.

    Raises Refusal, SealBroken, DataverseError.
    """
    if blocked := blocked_reason(services.connection_of(company)):
        raise blocked
    return administrator.begin(
        company=company,
        user=user,
        session_key=session_key,
        return_url=return_url,
        in_window=in_window,
        purpose=administrator.DISCOVER,
        tenant=tenant.strip(),
    )


def current(company: Company, session_key: str | None) -> AdministratorSignIn | None:
    """The session's sign-in that looks for environments; None when there is none, or the settings changed since."""
    return administrator.current(company, session_key, discovering=True)


def look(signed_in: AdministratorSignIn) -> None:
    """Ask for the environments of who signed in, and keep them; what went wrong stands in `problem`."""
    connection = services.connection_of(signed_in.company)
    try:
        found = _with_states(connection, administrator.list_environments(signed_in))
    except (DataverseError, Refusal) as error:
        signed_in.set_problem(error, prefix="The environments cannot be listed.")
        signed_in.found = None
    else:
        signed_in.problem = signed_in.problem_fix = ""
        signed_in.found = [{**asdict(one), "id": str(one.id)} for one in found]
    administrator.store_columns(signed_in, "problem", "problem_fix", "found")


def discovered(signed_in: AdministratorSignIn) -> tuple[Found, ...]:
    """The environments, by name; asked for the first time only. None where that went wrong: see `problem`."""
    if signed_in.found is None and signed_in.signed_in_at is not None and not signed_in.problem:
        look(signed_in)
    return tuple(Found(**{**one, "id": UUID(one["id"])}) for one in signed_in.found or ())


def sentence(signed_in: AdministratorSignIn) -> str:
    """What was found, in words; the problem where it is one."""
    count = len(discovered(signed_in))
    if signed_in.problem:
        return signed_in.problem_text
    where = f"in the tenant {signed_in.tenant}" if signed_in.tenant else "in the person's own tenant"
    if not count:
        return (
            f"No environment was found for {signed_in.name} {where}. Ask for a security role in one, sign in with "
            "another account or in another tenant, or enter the Environment URL by hand."
        )
    if count == 1:
        return f"One environment was found for {signed_in.name} {where}."
    return f"{count} environments were found for {signed_in.name} {where}."


def choose(*, signed_in: AdministratorSignIn, organization_id: UUID | str, user: Any) -> DataverseConnection:
    """Take one of the environments found for the settings, checked as a typed one. Raises Refusal.

    Where a secret must be entered again since it would be sent to another place, Refusal names its field.
    """
    connection = services.connection_of(signed_in.company)
    values = chosen_values(signed_in, organization_id)
    saved = settings.save_settings(connection=connection, values=values, secret=None, user=user)
    administrator.carry_over(signed_in, saved, purpose=administrator.DISCOVER)
    return saved


def chosen_values(signed_in: AdministratorSignIn, organization_id: UUID | str) -> dict[str, Any]:
    """The settings that choosing an environment fills. Raises Refusal for one that was not found."""
    one = next((one for one in discovered(signed_in) if str(one.id) == str(organization_id)), None)
    if one is None:
        raise Refusal(
            "configuration",
            "That environment is not among those found.",
            "Look for environments again.",
        )
    connection = services.connection_of(signed_in.company)
    values: dict[str, Any] = {"environment_url": one.url}
    if one.tenant_id and not (connection.tenant_id and signed_in.tenant == connection.tenant_id):
        values["tenant_id"] = one.tenant_id
    if ca_file := endpoints.sandbox_authority(connection):
        values["sandbox_ca_file"] = ca_file
    return values


def is_current(connection: DataverseConnection, one: Found) -> bool:
    """Whether the settings name this environment."""
    return bool(connection.environment_url) and clouds.origin(connection.environment_url) == clouds.origin(one.url)


def go_on_to_prepare(signed_in: AdministratorSignIn) -> None:
    """Let the sign-in prepare the environment that was chosen, where the person has accepted what is asked for."""
    administrator.carry_over(signed_in, services.connection_of(signed_in.company), purpose="prepare")


def _with_states(connection: DataverseConnection, instances: Iterable[Instance]) -> list[Found]:
    """The environments with their states: administration mode shows only when the application asks to come in."""
    found = [
        Found(
            one.id, one.name, one.url, one.version, one.tenant_id, one.administrator,
            "enabled" if one.enabled else "disabled",
        )
        for one in instances
    ]  # fmt: skip
    if connection.authentication_type == AuthenticationType.OFFICE365:
        return found
    asked = {
        one.id: clients.application_access_probe(connection, one.url, one.tenant_id)
        for one in found[:LOOKED_INTO]
        if one.state == "enabled" and one.tenant_id
    }
    with ThreadPoolExecutor(8, "environments") as pool:
        states = dict(zip(asked, pool.map(_state, asked.values()), strict=True))
    return [Found(**{**asdict(one), "state": states.get(one.id, one.state)}) for one in found]


def _state(ask: Any) -> FoundState:
    try:
        ask()
    except AdministrationMode:
        return "administration_mode"
    except EnvironmentDisabled:
        return "disabled"
    except DataverseError:
        pass  # not let in for another reason, which the connection's test tells
    return "enabled"
