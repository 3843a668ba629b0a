"""Endpoints of a connection's settings: the environment, its sign-in, and the sandbox that stands in for them."""

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
    """Return the environment of the settings."""
    return Environment(
        connection.environment_url,
        ca_file=authority_file(connection),
        loopback_allowed=settings.SANDBOX_ALLOWED,
        cloud=connection.cloud,
    )


def credentials_for(
    connection: DataverseConnection, credential: ClientSecret | Certificate | UserPassword
) -> Credentials:
    """Return who signs in where, with an opened credential. Raises ConfigurationError."""
    return Credentials(
        clouds.authority(connection.cloud, connection.tenant_id, connection.environment_url),
        credentials.client_id(connection),
        credential,
        version=connection.credential_version,
    )


def authority_file(connection: DataverseConnection) -> str | None:
    """Return the file of a sandbox's certificate authority: the settings', else this state folder's; None without."""
    if not settings.SANDBOX_ALLOWED:
        return None
    if connection.sandbox_ca_file:
        return connection.sandbox_ca_file
    return str(settings.SANDBOX_CA_FILE) if settings.SANDBOX_CA_FILE.exists() else None


def sandbox_of(connection: DataverseConnection) -> tuple[str, str | None]:
    """Return the sandbox's address and its certificate authority's file; ("", None) for the clouds.

    The sandbox is that of the Environment URL; while there is none, the one that this machine's demo started.
    """
    url = connection.environment_url
    if not settings.SANDBOX_ALLOWED or (url and not clouds.is_loopback(urlsplit(url).hostname or "")):
        return "", None
    if url:
        return clouds.origin(url), authority_file(connection)
    try:
        line = json.loads(settings.SANDBOX_FILE.read_text())
        return clouds.check_address(line["environment_url"], loopback_allowed=True).url, str(line["ca_file"])
    except (OSError, ValueError, KeyError, TypeError, ConfigurationError):
        return "", None


def sandbox_authority(connection: DataverseConnection) -> str:
    """Return the certificate authority's file of the sandbox whose environments are listed; "" for the clouds."""
    return sandbox_of(connection)[1] or ""


def sign_in_origin(connection: DataverseConnection, *, any_tenant: bool = False) -> str:
    """Return the origin where people sign in; "" while the settings name no tenant, unless any_tenant is enough."""
    place = sandbox_of(connection)[0] if any_tenant else connection.environment_url
    try:
        return clouds.origin(clouds.authority(connection.cloud, connection.tenant_id, place, any_tenant=any_tenant))
    except ConfigurationError:
        return ""
