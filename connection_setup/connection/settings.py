"""The settings of a connection: validate, apply and save them, and name those that are missing."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from connection_setup import types
from connection_setup.connection import redirect_url
from connection_setup.connection.state import audit_as, lock_connection
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import certificates, credentials
from connection_setup.secrets.sealing import CannotDecrypt
from connection_setup.types import Check
from core.refusals import Refusal
from dataverse import clouds
from dataverse.errors import ConfigurationError

CREDENTIALS = ("environment_url", "cloud", "tenant_id", "client_id", "authentication_type", "user_name")
"""Settings whose change increases the credential's version."""
SETTINGS = (*CREDENTIALS, "redirect_url", "ownership_model", "sandbox_ca_file", "client_secret_expires_on")
"""Settings that may be saved."""


@sensitive_variables("secret")
def save_settings(
    *, connection: DataverseConnection, values: Mapping[str, Any], secret: str | None, user: Any
) -> DataverseConnection:
    """Save settings and return the connection. Raises Refusal, with the field it is about.

    The secret is that of the authentication type: the client secret's value, a PEM text of private key and certificate,
    or the password; None or "" keeps the stored one.
    """
    with audit_as(user), transaction.atomic():
        stored = lock_connection(connection.company)
        if stored.enabled:
            raise Refusal(
                "configuration",
                "The connection is enabled, so its settings are locked.",
                "Turn Enabled off first.",
            )
        apply_settings(stored, values, secret)
        stored.save()
    return stored


@sensitive_variables("secret")
def apply_settings(connection: DataverseConnection, values: Mapping[str, Any], secret: str | None) -> None:
    """Validate settings and put them on the record, unsaved. Raises Refusal, with the field it is about."""
    before = [getattr(connection, name) for name in CREDENTIALS]
    recipients, expires_on = _secret_recipients(connection), connection.client_secret_expires_on
    for name in SETTINGS:
        if name in values:
            value = values[name]
            setattr(connection, name, value.strip() if isinstance(value, str) else value)
    try:
        connection.redirect_url = redirect_url.clean(connection.redirect_url)
    except redirect_url.InvalidRedirectUrl as error:
        raise Refusal.because(error, field="redirect_url") from None
    if connection.environment_url:
        try:
            connection.environment_url = clouds.check_address(
                connection.environment_url, cloud=connection.cloud, loopback_allowed=settings.SANDBOX_ALLOWED
            ).url
        except ConfigurationError as error:
            raise Refusal.because(error, field="environment_url") from None
    left = not connection.environment_url and recipients["Environment URL"] != ""
    now = {} if left else _secret_recipients(connection)
    moved = [label for label, new in now.items() if recipients[label] not in ("", new)]
    kind = AuthenticationType(connection.authentication_type)
    label, column = credentials.LABELS[kind], credentials.SECRET_COLUMNS[kind]
    # A private key is never sent anywhere, so a certificate may be used for another place.
    if moved and kind is not AuthenticationType.CERTIFICATE and getattr(connection, column) and not secret:
        raise Refusal(
            "configuration",
            f"{' and '.join(moved)} changed, and the stored {label} is not sent to another place than "
            "the one it was entered for.",
            f"Enter the {label} again.",
            field=column,
        )
    if left:  # nothing is sent any more; what was entered for that place goes to no other one
        _forget_secrets(connection)
    if moved:
        _forget_secrets(connection, but=kind)
    if (
        _secret_recipients(connection)["Environment URL"] != recipients["Environment URL"]
        and "sandbox_ca_file" not in values
    ):
        connection.sandbox_ca_file = ""  # it belongs to the other address
    if secret:
        _store_secret(connection, kind, secret, values.get("client_secret_expires_on"), expires_on)
    if secret or [getattr(connection, name) for name in CREDENTIALS] != before:
        connection.credential_version += 1
        connection.checks, connection.checked_at = [], None  # they were about other settings
    if connection.environment_url != before[0]:
        # What belongs to the other environment; its organization stays, so that couplings are not mixed up.
        connection.business_unit_id = connection.owning_team_id = connection.company_row_id = None
        connection.integration_user_id, connection.business_unit_name = None, ""
    connection.changed_at = timezone.now()


@sensitive_variables("secret")
def _store_secret(
    connection: DataverseConnection, kind: AuthenticationType, secret: str, typed: date | None, before: date | None
) -> None:
    """Seal a new secret, and keep the date typed with it; `before`: that of the one it replaces. Raises Refusal."""
    try:
        credentials.store_secret(connection, secret)
    except certificates.BadCertificate as bad:
        raise Refusal.because(bad, field="certificate_file") from None
    except CannotDecrypt as broken:
        raise Refusal.because(broken) from None
    # A form sends the old secret's date back beside the new secret: the same date says nothing about that.
    connection.secret_entered_at = timezone.now()
    if kind is AuthenticationType.CLIENT_SECRET:
        connection.client_secret_expires_on = typed if typed != before else None


def _forget_secrets(connection: DataverseConnection, *, but: AuthenticationType | None = None) -> None:
    """Drop the secrets that are sent, but one type's: they were entered for the place before, and go to no other."""
    for one in (AuthenticationType.CLIENT_SECRET, AuthenticationType.OFFICE365):
        if one is not but:
            setattr(connection, credentials.SECRET_COLUMNS[one], b"")


def _secret_recipients(connection: DataverseConnection) -> dict[str, str]:
    """Return what decides who is sent the secret, or the token it gets: a change of one sends it elsewhere."""
    return {
        "Environment URL": clouds.origin(connection.environment_url),
        "Cloud": connection.cloud,
        "Tenant ID": connection.tenant_id.lower(),
    }


def missing_settings(connection: DataverseConnection) -> Check | None:
    """Return the check that fails because settings are not filled in; None when all are."""
    kind = AuthenticationType(connection.authentication_type)
    given = {
        "Environment URL": bool(connection.environment_url),
        "Tenant ID": bool(connection.tenant_id),
        "Client ID": bool(credentials.client_id(connection) or credentials.provider_problem(connection)),
        "User Name": bool(connection.user_name) or kind is not AuthenticationType.OFFICE365,
        credentials.LABELS[kind]: credentials.has_secret(connection),
    }
    names = [name for name, is_given in given.items() if not is_given]
    if not names:
        return None
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    name = types.ADDRESS if names[0] == "Environment URL" else types.SIGN_IN
    verb = "are" if len(names) > 1 else "is"
    return Check(
        name, "error", f"{listed} {verb} not filled in.", "Fill in and save, then test again.", "configuration"
    )
