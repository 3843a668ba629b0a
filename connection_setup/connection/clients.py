"""Clients of the Web API: for a company's enabled connection, for settings under test, for an administrator.

Nothing but this module and coupling.gateway uses dataverse.client.
"""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings

from connection_setup.captions import ENVIRONMENT_CHANGED
from connection_setup.connection import endpoints, organization
from connection_setup.connection.service_waits import UserWaits
from connection_setup.connection.settings import missing_settings
from connection_setup.connection.state import NotConnected, connection_of, disabled_reason
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.secrets.sealing import CannotDecrypt, unseal
from core.refusals import Refusal
from dataverse import clouds, tenant
from dataverse.client import DataverseClient
from dataverse.errors import DataverseError
from dataverse.http_session import Timeouts
from dataverse.person_sign_in import Person
from dataverse.types import Certificate, ClientSecret, Credentials, Environment, Usage, UserPassword, WhoAmI
from masterdata.models import Company


def client_for(
    company: Company,
    usage: Usage | None = None,
    connection: DataverseConnection | None = None,
    timeouts: Timeouts | None = None,
) -> DataverseClient:
    """Return a client for the company's enabled connection; `usage` counts its requests. Raises NotConnected.

    connection: the company's, where it was read already; timeouts: shorter ones, for what a person waits for.

    Before every read of a table and every batch of writes it asks which organization answers, and where that is not the
    connection's own, this and every later request raise NotConnected (wrong_environment): of another organization
    nothing is read.
    """
    connection = connection or connection_of(company)
    if off := disabled_reason(connection):
        raise off
    try:
        credential = credentials.open_credential(connection)
        return settings_client(
            connection, credential, usage, timeouts=timeouts,
            accept=lambda who: _require_own(connection, who.organization_id, usage),
        )  # fmt: skip
    except (DataverseError, CannotDecrypt) as error:
        refusal = NotConnected(error.reason, error.message, error.fix, detail=error.detail)
        refusal.ask_again_s = getattr(error, "ask_again_s", None)
        raise refusal from error


def stored_client(connection: DataverseConnection) -> DataverseClient:
    """Return a client for the stored settings, whether enabled or not. Raises Refusal, ConfigurationError."""
    if incomplete := missing_settings(connection):
        raise Refusal("configuration", incomplete.message, incomplete.fix)
    return settings_client(connection, credentials.open_credential(connection), None)


def organization_client(connection: DataverseConnection, expected: UUID, usage: Usage | None = None) -> DataverseClient:
    """Return a client for the stored settings, enabled or not, that reads this organization alone.

    Every request raises NotConnected (wrong_environment) where another one answers. Raises Refusal.
    """
    if incomplete := missing_settings(connection):
        raise Refusal("configuration", incomplete.message, incomplete.fix)

    def require_expected(who: WhoAmI) -> None:
        if who.organization_id != expected:
            record_organization(connection, who.organization_id, usage)
            raise NotConnected(
                "wrong_environment",
                f"{connection.environment_url} led to the organization {expected} when this was chosen, and leads to "
                f"{who.organization_id} now, so nothing more was done.",
                f"Look at {ENVIRONMENT_CHANGED} again, and choose anew.",
            )

    return settings_client(connection, credentials.open_credential(connection), usage, accept=require_expected)


def verify_organization(company: Company, client: DataverseClient) -> UUID:
    """Return the id of the organization behind the environment, when it is the connection's own.

    Raises NotConnected with reason wrong_environment when another one answers, DataverseError when none does.
    """
    found = client.who_am_i().organization_id
    _require_own(connection_of(company), found, None)
    return found


def _require_own(connection: DataverseConnection, found: UUID, usage: Usage | None) -> None:
    """Store which organization answered. Raises NotConnected (wrong_environment) where it is not the connection's."""
    if not record_organization(connection, found, usage):
        raise organization.wrong_environment(
            connection, organization.other_organization(connection) or organization.KnownOrganization(found)
        )


def record_organization(connection: DataverseConnection, found: UUID, usage: Usage | None = None) -> bool:
    """Store which organization answered at the stored settings, and return whether it is the connection's own.

    Another one is asked for its name, once; without one where it does not tell.
    """

    def read_name() -> str:
        try:
            client = settings_client(connection, credentials.open_credential(connection), usage)
            rows = client.first_page("organizations", select=["name"]).rows
        except DataverseError:
            return ""
        return str(rows[0].get("name") or "") if rows else ""

    return organization.record_answer(connection, found, read_name)


def administrator_credentials(connection: DataverseConnection) -> tuple[Credentials, Environment]:
    """Return what an administrator's sign-in uses: the application of the settings, and the environment.

    Raises Refusal (a setting is missing, the secret cannot be opened), ConfigurationError.
    """
    if incomplete := missing_settings(connection):
        raise Refusal("configuration", incomplete.message, incomplete.fix)
    return endpoints.credentials_for(connection, credentials.open_credential(connection)), endpoints.environment(
        connection
    )


def next_certificate_credentials(connection: DataverseConnection) -> tuple[Credentials, Environment]:
    """Return what an administrator's sign-in uses when the connection moves from the legacy sign-in to a certificate.

    It is the application that the next certificate is registered for, since a password belongs to no application.
    Raises Refusal, ConfigurationError.
    """
    if not connection.next_certificate:
        raise Refusal(
            "configuration",
            "There is no certificate to change to.",
            "Make one, or choose a file, on Use Certificate Authentication.",
        )
    authority = clouds.authority(connection.cloud, connection.tenant_id, connection.environment_url)
    given = Certificate(unseal(connection.next_private_key), connection.next_certificate)
    return (
        Credentials(authority, credentials.next_client_id(connection), given, version=connection.credential_version),
        endpoints.environment(connection),
    )


def discovery_credentials(connection: DataverseConnection, tenant: str) -> tuple[Credentials, Environment]:
    """Return what a sign-in uses that looks for environments, in a tenant or ("") in that of whoever signs in.

    The environment returned stands for the cloud; for a sandbox it names its address. Raises Refusal (the application
    is not filled in, the secret cannot be opened), ConfigurationError.
    """
    kind = AuthenticationType(connection.authentication_type)
    given = {
        "Client ID": bool(credentials.client_id(connection) or credentials.provider_problem(connection)),
        credentials.LABELS[kind]: credentials.has_secret(connection),
    }
    if names := [name for name, is_given in given.items() if not is_given]:
        raise Refusal(
            "configuration",
            f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'} not filled in, and the sign-in "
            "goes through the registered application.",
            "Fill in and save, then look for environments again.",
        )
    place, ca_file = endpoints.sandbox_of(connection)
    authority = clouds.authority(connection.cloud, tenant, place, any_tenant=True)
    return (
        Credentials(
            authority,
            credentials.client_id(connection),
            credentials.open_credential(connection),
            version=connection.credential_version,
        ),
        Environment(place, ca_file=ca_file, loopback_allowed=settings.SANDBOX_ALLOWED, cloud=connection.cloud),
    )


def application_access_probe(connection: DataverseConnection, url: str, tenant: str) -> Callable[[], None]:
    """Return a function, for another thread, that asks whether an environment of a tenant lets the application in.

    The function raises DataverseError where it does not. Raises CannotDecrypt, ConfigurationError.
    """
    environment = Environment(
        url,
        ca_file=endpoints.sandbox_of(connection)[1],
        loopback_allowed=settings.SANDBOX_ALLOWED,
        cloud=connection.cloud,
    )
    opened = Credentials(
        clouds.authority(connection.cloud, tenant, url),
        credentials.client_id(connection),
        credentials.open_credential(connection),
        version=connection.credential_version,
    )

    def ask() -> None:
        client = DataverseClient(environment, opened, timeouts=Timeouts(connect=3, read=6, total=8), sleep=_no_sleep)
        client.who_am_i()

    return ask


def _no_sleep(_: float) -> None:
    """Retry without waiting: whoever looks at a list of environments would wait as well."""


PATIENT_S = 180.0
"""How long a job waits for the answer to a definition."""


def administrator_client(connection: DataverseConnection, person: Person, *, patient: bool = False) -> DataverseClient:
    """Return a client that acts as the administrator who signed in. Raises ConfigurationError.

    patient: it waits three minutes for an answer, as a job may: a definition takes that long behind a lock. It asks
    once: the job comes back later, and reads what was made, so that a worker sees in between that it is cancelled.
    """
    environment = endpoints.environment(connection)
    timeouts = Timeouts(read=PATIENT_S, total=PATIENT_S, attempts=1) if patient else None
    return DataverseClient(environment, person.tokens_for(environment), timeouts=timeouts)


def require_tenant(connection: DataverseConnection) -> None:
    """Raise DataverseError unless the settings' tenant exists; asks its sign-in."""
    place = clouds.authority(connection.cloud, connection.tenant_id, connection.environment_url)
    tenant.require_tenant(place, ca_file=endpoints.authority_file(connection))


def settings_client(
    connection: DataverseConnection,
    credential: ClientSecret | Certificate | UserPassword,
    usage: Usage | None,
    *,
    accept: Callable[[WhoAmI], None] | None = None,
    timeouts: Timeouts | None = None,
) -> DataverseClient:
    """Return a client for these settings, with an opened credential. Raises ConfigurationError.

    accept: called with who is signed in and where before the first request; it may raise.
    """
    environment, signs_in = endpoints.environment(connection), endpoints.credentials_for(connection, credential)
    user = credential.user_name if isinstance(credential, UserPassword) else signs_in.client_id
    waits = UserWaits(clouds.origin(environment.url), user)
    return DataverseClient(environment, signs_in, usage=usage, accept=accept, timeouts=timeouts, stored_waits=waits)
