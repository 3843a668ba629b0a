"""Where settings lead: the environment, who signs in there and where, and the sandbox that stands in for it."""

import json
from urllib.parse import urlsplit

from django.conf import settings

from connection_setup.models import DataverseConnection
from connection_setup.secrets import credentials
from dataverse import clouds
from dataverse.errors import ConfigurationError
from dataverse.types import Certificate, ClientSecret, Credentials, Environment, UserPassword

SIGN_IN_HOST = "https://login.microsoftonline.com"


def environment(connection: DataverseConnection) -> Environment:
    """The environment of the settings."""
    return Environment(
        connection.environment_url,
        ca_file=authority_file(connection),
        loopback_allowed=settings.SANDBOX_ALLOWED,
        cloud=connection.cloud,
    )


def credentials_for(
    connection: DataverseConnection, credential: ClientSecret | Certificate | UserPassword
) -> Credentials:
    """Who signs in where, with an opened credential. Raises ConfigurationError."""
    return Credentials(
        clouds.authority(connection.cloud, connection.tenant_id, connection.environment_url),
        credentials.client_id(connection),
        credential,
        version=connection.credential_version,
    )


def authority_file(connection: DataverseConnection) -> str | None:
    """The certificate authority of a sandbox: the one named, else that of sandboxes of this state folder."""
    if not settings.SANDBOX_ALLOWED:
        return None
    if connection.sandbox_ca_file:
        return connection.sandbox_ca_file
    return str(settings.SANDBOX_CA_FILE) if settings.SANDBOX_CA_FILE.exists() else None


def sandbox_of(connection: DataverseConnection) -> tuple[str, str | None]:
    """Where the sandbox is and its certificate authority; ("", None) for the clouds.

    It is the Environment URL's; while there is none, the one that this machine's demo started.
    """
    url = connection.environment_url
    if not settings.SANDBOX_ALLOWED or (url and not clouds.is_loopback(urlsplit(url).hostname or "")):
        return "", None
    if url:
        return clouds.origin(url), authority_file(connection)
    try:
        said = json.loads(settings.SANDBOX_FILE.read_text())
        return clouds.check_address(said["environment_url"], loopback_allowed=True).url, str(said["ca_file"])
    except (OSError, ValueError, KeyError, TypeError, ConfigurationError):
        return "", None


def sandbox_authority(connection: DataverseConnection) -> str:
    """The certificate authority of the sandbox whose environments are listed; "" for the clouds."""
    return sandbox_of(connection)[1] or ""


def sign_in_origin(connection: DataverseConnection, *, any_tenant: bool = False) -> str:
    """Where people of these settings sign in; "" while the settings name no tenant, unless any will do."""
    place = sandbox_of(connection)[0] if any_tenant else connection.environment_url
    try:
        return clouds.origin(clouds.authority(connection.cloud, connection.tenant_id, place, any_tenant=any_tenant))
    except ConfigurationError:
        return ""
