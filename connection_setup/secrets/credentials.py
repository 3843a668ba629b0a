"""What an application signs in with: stored sealed, opened, taken from a provider, and when it expires."""

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from django.conf import settings
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets.certificates import describe, read_pair
from connection_setup.secrets.sealing import CannotDecrypt, seal, unseal
from core.refusals import Refusal, joined
from dataverse.types import Certificate, ClientSecret, UserPassword

logger = logging.getLogger(__name__)
WARN_DAYS = (30, 14, 7, 1)
"""How many days before a credential expires people are warned again."""

SECRET_COLUMNS = {
    AuthenticationType.CLIENT_SECRET: "client_secret",
    AuthenticationType.CERTIFICATE: "private_key",
    AuthenticationType.OFFICE365: "user_password",
}
"""The column that holds the sealed secret of each authentication type."""

SEALED_COLUMNS = (*SECRET_COLUMNS.values(), "next_private_key")
"""Every column that holds something sealed."""

LABELS = {
    AuthenticationType.CLIENT_SECRET: "Client Secret",
    AuthenticationType.CERTIFICATE: "Certificate",
    AuthenticationType.OFFICE365: "Password",
}
"""The caption of each authentication type's secret."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a credential expires, and in how many days from today: `days` is negative once it has."""

    label: str
    on: date
    days: int

    @property
    def state(self) -> Literal["ok", "warning", "error"]:
        """Return ok, warning (it expires in 30 days or less) or error (it has expired)."""
        if self.days < 0:
            return "error"
        return "warning" if self.days <= WARN_DAYS[0] else "ok"

    @property
    def warning_days(self) -> int | None:
        """Return the warning in force: one of WARN_DAYS, 0 once it has expired, None while there is time."""
        if self.days < 0:
            return 0
        return min((days for days in WARN_DAYS if self.days <= days), default=None)

    @property
    def message(self) -> str:
        """Return when it expires, or expired."""
        when = f"{self.on:%d %B %Y}".lstrip("0")
        if self.days < 0:
            return f"The {self.label} expired on {when}: nothing can sign in with it."
        if self.state == "ok":
            return f"The {self.label} is valid until {when}."
        left = {0: "today", 1: "tomorrow"}.get(self.days, f"in {self.days} days")
        return f"The {self.label} expires {left}, on {when}."

    @property
    def fix(self) -> str:
        """Return what to do about it; "" while there is time."""
        if self.state == "ok":
            return ""
        if self.days < 0:
            return "Enter a new one."
        return "Make a new one now; both work side by side until then."

    @property
    def user_message(self) -> str:
        """Return message and fix, as one text for a person."""
        return joined(self.message, self.fix)


def expiry(connection: DataverseConnection, today: date) -> Expiry | None:
    """Return when the credential in use expires; None where that is not known, as with a provider's client secret."""
    kind = current_type(connection)
    if given := provided(connection):
        try:
            ends = describe(given.certificate_pem).expires_at.date() if given.certificate_pem else None
        except ValueError:
            ends = None
        return Expiry(LABELS[kind], ends, (ends - today).days) if ends else None
    on = {
        AuthenticationType.CLIENT_SECRET: connection.client_secret_expires_on,
        AuthenticationType.CERTIFICATE: connection.certificate_expires_at and connection.certificate_expires_at.date(),
    }.get(kind)
    return Expiry(LABELS[kind], on, (on - today).days) if on else None


def chosen_type(connection: DataverseConnection) -> AuthenticationType:
    """Return the authentication type of the settings."""
    return AuthenticationType(connection.authentication_type)


def current_type(connection: DataverseConnection) -> AuthenticationType:
    """Return the authentication type in use: that of what a provider gives, else that of the settings."""
    if (given := provided(connection)) and given.credential is not None:
        return AuthenticationType.CERTIFICATE if given.certificate_pem else AuthenticationType.CLIENT_SECRET
    return chosen_type(connection)


def has_secret(connection: DataverseConnection) -> bool:
    """Whether the secret of the chosen authentication type is stored, or a provider answers for it."""
    return bool(provided(connection) or getattr(connection, SECRET_COLUMNS[chosen_type(connection)]))


@sensitive_variables("secret", "pair")
def store_secret(connection: DataverseConnection, secret: str) -> None:
    """Seal the secret of the chosen authentication type into the record, unsaved. Raises BadCertificate, CannotDecrypt.

    It is the client secret's value, a PEM text of private key and certificate, or the password.
    """
    kind = chosen_type(connection)
    if kind is AuthenticationType.CERTIFICATE:
        pair = read_pair(secret)
        connection.private_key = seal(pair.private_key_pem)
        connection.certificate, connection.certificate_expires_at = pair.certificate_pem, pair.expires_at
        return
    # A password may begin or end with a space; a pasted client secret never means to.
    setattr(connection, SECRET_COLUMNS[kind], seal(secret if kind is AuthenticationType.OFFICE365 else secret.strip()))


def open_credential(connection: DataverseConnection) -> ClientSecret | Certificate | UserPassword:
    """Return the credential in use. Raises CannotDecrypt, also where the provider cannot be used."""
    if given := provided(connection):
        if given.problem is not None:
            raise given.problem
        if given.credential is not None:
            return given.credential
    secret = unseal(getattr(connection, SECRET_COLUMNS[chosen_type(connection)]))
    if connection.authentication_type == AuthenticationType.CERTIFICATE:
        return Certificate(secret, connection.certificate)
    if connection.authentication_type == AuthenticationType.OFFICE365:
        return UserPassword(connection.user_name, secret)
    return ClientSecret(secret)


@dataclass(frozen=True, slots=True)
class Provided:
    """What a provider gives: Client ID and credential, or the problem where it cannot be used.

    With a problem what is stored here is not used in its place.
    """

    client_id: str = ""
    credential: ClientSecret | Certificate | None = field(default=None, repr=False)
    problem: CannotDecrypt | None = None

    @property
    def certificate_pem(self) -> str:
        """Return the certificate; "" where it gives a client secret or a problem."""
        return self.credential.certificate_pem if isinstance(self.credential, Certificate) else ""


@sensitive_variables("given", "credential")
def provided(connection: DataverseConnection) -> Provided | None:
    """Return what CREDENTIAL_PROVIDER has for the company's connection; None without one, or for the legacy sign-in.

    The provider returns a mapping with client_id, and either client_secret or private_key with certificate (PEM);
    anything less counts as nothing.
    """
    if not settings.CREDENTIAL_PROVIDER or connection.authentication_type == AuthenticationType.OFFICE365:
        return None
    try:
        provider: Callable[[Any], Mapping[str, str]] = import_string(settings.CREDENTIAL_PROVIDER)
        given = dict(provider(connection.company) or {})
    except Exception as error:
        # Its text and its frames may hold a secret, so neither is logged.
        named = type(error).__name__
        logger.error("The credential provider %s failed: %s", settings.CREDENTIAL_PROVIDER, named)  # noqa: TRY400
        return Provided(
            problem=CannotDecrypt(
                f"The credential provider {settings.CREDENTIAL_PROVIDER} cannot be used: {named}.",
                "Have whoever runs the server call it in manage.py shell to see why, and fix it or what it asks; "
                "then test the connection.",
            )
        )
    if "client_id" not in given:
        return None
    if "private_key" in given and "certificate" in given:
        return Provided(given["client_id"], Certificate(given["private_key"], given["certificate"]))
    if "client_secret" in given:
        return Provided(given["client_id"], ClientSecret(given["client_secret"]))
    return None


def provider_problem(connection: DataverseConnection) -> Refusal | None:
    """Return why the provider cannot be used; None where it can, or there is none."""
    given = provided(connection)
    return given.problem if given else None


def client_id(connection: DataverseConnection) -> str:
    """Return the Client ID in use: the provider's, else that of the settings."""
    given = provided(connection)
    return (given.client_id if given else "") or connection.client_id


def next_client_id(connection: DataverseConnection) -> str:
    """Return the Client ID of the application that the next certificate is registered for."""
    return connection.next_client_id or client_id(connection)


def secret_is_an_id(connection: DataverseConnection) -> bool:
    """Whether the stored client secret is the secret's ID; no where there is none, or it cannot be opened."""
    if connection.authentication_type != AuthenticationType.CLIENT_SECRET or not connection.client_secret:
        return False
    try:
        return looks_like_a_secret_id(unseal(connection.client_secret))
    except CannotDecrypt:
        return False


def looks_like_a_secret_id(secret: str) -> bool:
    """Whether this is the secret's ID instead of its value: the ID is a GUID, a value never is."""
    try:
        uuid.UUID(secret.strip())
    except ValueError:
        return False
    return True
