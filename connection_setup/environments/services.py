"""Discover environments: an administrator signs in, of the settings' tenant or of another one, and chooses one.

No Environment URL is needed, only the registered application. How a page or the guide uses it:

    address = environments.begin_sign_in(company=..., user=..., session_key=..., return_url=...)    # redirect there
    signed_in = environments.current_sign_in(company, session_key)     # None, waiting, failed (problem) or signed in
    for one in environments.discovered_environments(signed_in): ...    # asked for once, then stored with the sign-in
    environments.describe_result(signed_in)                            # how many were found, or the problem
    environments.choose_environment(signed_in=signed_in, organization_id=one.id, user=...)    # Refusal: say why
    environments.continue_to_prepare(signed_in)      # the same sign-in then prepares the environment (preparation)

`choose_environment` validates the address as a typed one, and fills Environment URL and, where it differs, Tenant ID.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal
from uuid import UUID

from connection_setup.connection import clients, endpoints, settings, state
from connection_setup.models import AdministratorSignIn, AuthenticationType, DataverseConnection
from connection_setup.provisioning import sign_in
from core.refusals import NotUsable, Refusal
from dataverse import clouds
from dataverse.discovery import Instance
from dataverse.errors import AdministrationMode, DataverseError, EnvironmentDisabled
from masterdata.models import Company

TITLE = "Dataverse User Environments"
MAX_PROBED = 20
"""Only the first environments of a list are asked whether they let the application in: each is a request."""

EnvironmentState = Literal["enabled", "disabled", "administration_mode"]


@dataclass(frozen=True, slots=True)
class DiscoveredEnvironment:
    """An environment; `id` is that of its organization, `administrator` whether the person is one in it."""

    id: UUID
    name: str
    url: str
    version: str
    tenant_id: str
    administrator: bool
    state: EnvironmentState = "enabled"


def blocked_reason(connection: DataverseConnection) -> Refusal | None:
    """Return why no environments can be looked for now; None when they can."""
    if connection.enabled:
        return NotUsable("The connection is enabled, so its environment cannot be changed.", "Turn Enabled off first.")
    try:
        clients.discovery_credentials(connection, connection.tenant_id)
    except (Refusal, DataverseError) as error:
        return Refusal.because(error)
    return None


def begin_sign_in(
    *,
    company: Company,
    user: Any,
    session_key: str,
    return_url: str,
    tenant: str = "",
    in_window: bool = False,
    origin: str = "",
) -> str:
    """Begin the sign-in, and return the address to open.

    tenant: an id or a domain, "" for that of whoever signs in; in_window: whether it happens in a window of its own;
    origin: see sign_in.begin.
    Raises Refusal, CannotDecrypt, DataverseError.
    """
    if refusal := blocked_reason(state.connection_of(company)):
        raise refusal
    return sign_in.begin(
        company=company,
        user=user,
        session_key=session_key,
        return_url=return_url,
        in_window=in_window,
        purpose=sign_in.DISCOVER,
        tenant=tenant.strip(),
        origin=origin,
    )


def current_sign_in(company: Company, session_key: str | None) -> AdministratorSignIn | None:
    """Return the session's sign-in that looks for environments; None without one, or after a change of the settings."""
    return sign_in.current(company, session_key, discovering=True)


def discover_environments(signed_in: AdministratorSignIn) -> None:
    """Ask for the environments of who signed in, and store them with the sign-in; an error is stored in `problem`."""
    connection = state.connection_of(signed_in.company)
    try:
        found = _add_states(connection, sign_in.list_environments(signed_in))
    except (DataverseError, Refusal) as error:
        signed_in.set_problem(error, prefix="The environments cannot be listed.")
        signed_in.found = None
    else:
        signed_in.problem = signed_in.problem_fix = ""
        signed_in.found = [{**asdict(one), "id": str(one.id)} for one in found]
    sign_in.store_columns(signed_in, "problem", "problem_fix", "found")


def discovered_environments(signed_in: AdministratorSignIn) -> tuple[DiscoveredEnvironment, ...]:
    """Return the environments, by name; they are asked for the first time only. Empty after an error: see `problem`."""
    if signed_in.found is None and signed_in.signed_in_at is not None and not signed_in.problem:
        discover_environments(signed_in)
    return tuple(DiscoveredEnvironment(**{**one, "id": UUID(one["id"])}) for one in signed_in.found or ())


def describe_result(signed_in: AdministratorSignIn) -> str:
    """Return how many environments were found where, as a sentence; or the problem."""
    count = len(discovered_environments(signed_in))
    if signed_in.problem:
        return signed_in.problem_text
    where = f"in the tenant {signed_in.tenant}" if signed_in.tenant else "in the person's own tenant"
    if not count:
        return (
            f"No environment was found for {signed_in.name} {where}. Ask for a security role in one, sign in with "
            "another account or in another tenant, or enter the Environment URL yourself."
        )
    if count == 1:
        return f"One environment was found for {signed_in.name} {where}."
    return f"{count} environments were found for {signed_in.name} {where}."


def choose_environment(
    *, signed_in: AdministratorSignIn, organization_id: UUID | str, user: Any
) -> DataverseConnection:
    """Save one of the environments found in the settings, validated like a typed one. Raises Refusal.

    Where a secret must be entered again, since it would be sent to another place, the Refusal names its field.
    """
    connection = state.connection_of(signed_in.company)
    values = settings_for(signed_in, organization_id)
    saved = settings.save_settings(connection=connection, values=values, secret=None, user=user)
    sign_in.carry_over(signed_in, saved, purpose=sign_in.DISCOVER)
    return saved


def settings_for(signed_in: AdministratorSignIn, organization_id: UUID | str) -> dict[str, Any]:
    """Return the settings that choosing an environment fills. Raises Refusal for one that was not found."""
    one = next((one for one in discovered_environments(signed_in) if str(one.id) == str(organization_id)), None)
    if one is None:
        raise Refusal(
            "configuration",
            "That environment is not among those found.",
            "Look for environments again.",
        )
    connection = state.connection_of(signed_in.company)
    values: dict[str, Any] = {"environment_url": one.url}
    if one.tenant_id and not (connection.tenant_id and signed_in.tenant == connection.tenant_id):
        values["tenant_id"] = one.tenant_id
    if ca_file := endpoints.sandbox_authority(connection):
        values["sandbox_ca_file"] = ca_file
    return values


def is_current(connection: DataverseConnection, one: DiscoveredEnvironment) -> bool:
    """Return whether the settings name this environment."""
    return bool(connection.environment_url) and clouds.origin(connection.environment_url) == clouds.origin(one.url)


def continue_to_prepare(signed_in: AdministratorSignIn) -> None:
    """Let the same sign-in prepare the environment that was chosen; the person has consented before."""
    sign_in.carry_over(signed_in, state.connection_of(signed_in.company), purpose="prepare")


def _add_states(connection: DataverseConnection, instances: Iterable[Instance]) -> list[DiscoveredEnvironment]:
    """Return the environments with their states; only an application that signs in learns of administration mode."""
    found = [
        DiscoveredEnvironment(
            id=one.id,
            name=one.name,
            url=one.url,
            version=one.version,
            tenant_id=one.tenant_id,
            administrator=one.administrator,
            state="enabled" if one.enabled else "disabled",
        )
        for one in instances
    ]
    if connection.authentication_type == AuthenticationType.OFFICE365:
        return found
    probes = {
        one.id: clients.application_access_probe(connection, one.url, one.tenant_id)
        for one in found[:MAX_PROBED]
        if one.state == "enabled" and one.tenant_id
    }
    with ThreadPoolExecutor(8, "environments") as pool:
        states = dict(zip(probes, pool.map(_probe_state, probes.values()), strict=True))
    return [replace(one, state=states.get(one.id, one.state)) for one in found]


def _probe_state(probe: Callable[[], None]) -> EnvironmentState:
    """Return the state that an environment answers the application with. See clients.application_access_probe."""
    try:
        probe()
    except AdministrationMode:
        return "administration_mode"
    except EnvironmentDisabled:
        return "disabled"
    except DataverseError:
        pass  # refused for another reason, which Test Connection reports
    return "enabled"
