"""DOC."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings

from connection_setup.connection import endpoints
from connection_setup.connection.settings import missing
from connection_setup.connection.state import NotConnected, connection_of, unavailable_reason
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.secrets.sealing import CannotDecrypt, unseal
from core.refusals import Refusal
from dataverse import clouds, tenant
from dataverse.client import DataverseClient
from dataverse.errors import DataverseError
from dataverse.http_session import Timeouts
from dataverse.person_sign_in import Person
from dataverse.types import Certificate, ClientSecret, Credentials, Environment, Usage, UserPassword
from masterdata.models import Company


def client_for(company: Company, usage: Usage | None = None) -> DataverseClient:
    """A client for the company's enabled connection. Raises NotConnected."""
    connection = connection_of(company)
    if not connection.enabled:
        raise NotConnected("not_enabled", unavailable_reason(company))
    try:
        return settings_client(connection, credentials.open_credential(connection), usage)
    except (DataverseError, CannotDecrypt) as error:
        raise NotConnected(error.reason, error.message, error.fix, detail=error.detail) from error


def stored_client(connection: DataverseConnection) -> DataverseClient:
    """A client for the stored settings, whether enabled or not. Raises Refusal, SealBroken, ConfigurationError."""
    if lacking := missing(connection):
        raise Refusal("configuration", lacking.message, lacking.fix)
    return settings_client(connection, credentials.open_credential(connection), None)


def verify_organization(company: Company, client: DataverseClient) -> UUID:
    """The organization behind the environment, once it is the connection's own.

    Raises NotConnected with reason wrong_environment when another one answers.
    """
    connection = connection_of(company)
    found = client.who_am_i().organization_id
    if connection.organization_id != found:
        known = connection.organization_name or connection.organization_id or "no organization"
        raise NotConnected(
            "wrong_environment",
            f"The environment's address now leads to another organization, so nothing was written. This connection was "
            f"enabled with {known}. Check the Environment URL in Dataverse Connection Setup; turning Enabled off "
            "and on again connects to the new one.",
            f"{connection.environment_url} answers as organization {found}",
        )
    return found


def administrator_credentials(connection: DataverseConnection) -> tuple[Credentials, Environment]:
    """What an administrator's sign-in goes through: the application of the settings, and the environment.

    Raises Refusal where a setting is missing, SealBroken, ConfigurationError.
    """
    if lacking := missing(connection):
        raise Refusal("configuration", lacking.message, lacking.fix)
    return endpoints.credentials_for(connection, credentials.open_credential(connection)), endpoints.environment(
        connection
    )


def next_certificate_signs_in_with(connection: DataverseConnection) -> tuple[Credentials, Environment]:
    """What an administrator's sign-in goes through where the legacy sign-in is left: nobody signs in with a password's.

    It is the application that the certificate which waits is registered for. Raises Refusal, SealBroken,
    ConfigurationError.
    """
    if not connection.next_certificate:
        raise Refusal(
            "configuration",
            "There is no certificate to change to.",
            "Make one, or choose a file.",
        )
    authority = clouds.authority(connection.cloud, connection.tenant_id, connection.environment_url)
    given = Certificate(unseal(connection.next_private_key), connection.next_certificate)
    application = connection.next_client_id or connection.client_id
    return (
        Credentials(authority, application, given, version=connection.credential_version),
        endpoints.environment(connection),
    )


def discovery_credentials(connection: DataverseConnection, tenant: str) -> tuple[Credentials, Environment]:
    """What a sign-in goes through that looks for environments, in a tenant or ("") in that of whoever signs in.

    The environment stands for the cloud; for a sandbox it names where that is. Raises Refusal where the application is
    not filled in, SealBroken, ConfigurationError.
    """
    kind = AuthenticationType(connection.authentication_type)
    given = {
        "Client ID": bool(credentials.client_id(connection) or credentials.problem(connection)),
        credentials.LABELS[kind]: credentials.has_secret(connection),
    }
    if names := [name for name, there in given.items() if not there]:
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
    """A question, for another thread, whether the application is let into an environment of a tenant.

    Asking it raises DataverseError, where it is not.
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
    """Not waited: who looks at a list of environments would wait as well."""


def administrators_client(connection: DataverseConnection, person: Person) -> DataverseClient:
    """A client that acts as the administrator who signed in. Raises ConfigurationError."""
    environment = endpoints.environment(connection)
    return DataverseClient(environment, person.tokens_for(environment))


def ask_tenant(connection: DataverseConnection) -> None:
    """Ask the sign-in of the settings' tenant whether there is such a tenant. Raises DataverseError where not."""
    place = clouds.authority(connection.cloud, connection.tenant_id, connection.environment_url)
    tenant.require_tenant(place, ca_file=endpoints.authority_file(connection))


def settings_client(
    connection: DataverseConnection, credential: ClientSecret | Certificate | UserPassword, usage: Usage | None
) -> DataverseClient:
    """A client for these settings. Raises ConfigurationError for what cannot be."""
    return DataverseClient(
        endpoints.environment(connection), endpoints.credentials_for(connection, credential), usage=usage
    )
