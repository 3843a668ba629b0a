"""What an application signs in with: certificates made and read, secrets opened, and how long they are still good.

Secrets are sealed in the database. `opened` is called by connection_setup.services alone.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypedDict

from django.conf import settings
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.secrets.certificates import _kind, describe, read_pair
from connection_setup.secrets.sealing import CannotDecrypt, seal, unseal
from dataverse.types import Certificate, ClientSecret, UserPassword

logger = logging.getLogger(__name__)
WARN_DAYS = (30, 14, 7, 1)
"""How many days before a credential runs out people are told again."""

SECRET_COLUMNS = {
    AuthenticationType.CLIENT_SECRET: "client_secret",
    AuthenticationType.CERTIFICATE: "private_key",
    AuthenticationType.OFFICE365: "user_password",
}
"""Where the secret of each authentication type is kept, sealed."""

SEALED_COLUMNS = (*SECRET_COLUMNS.values(), "next_private_key")
"""Every column that holds something sealed."""

LABELS = {
    AuthenticationType.CLIENT_SECRET: "Client Secret",
    AuthenticationType.CERTIFICATE: "Certificate",
    AuthenticationType.OFFICE365: "Password",
}
"""What the secret of each authentication type is called on pages."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """How long a credential is still good. `days` is negative once it has run out."""

    label: str
    on: date
    days: int

    @property
    def state(self) -> Literal["ok", "warning", "error"]:
        """ok, warning (30 days or less are left) or error (it has run out)."""
        if self.days < 0:
            return "error"
        return "warning" if self.days <= WARN_DAYS[0] else "ok"

    @property
    def step(self) -> int | None:
        """The warning in force: 30, 14, 7 or 1 days; 0 once it has run out; None while there is time."""
        if self.days < 0:
            return 0
        return min((days for days in WARN_DAYS if self.days <= days), default=None)

    @property
    def sentence(self) -> str:
        """What the user reads."""
        when = f"{self.on:%d %B %Y}".lstrip("0")
        if self.days < 0:
            return f"The {self.label} ran out on {when}: nothing can sign in with it. Enter a new one."
        left = {0: "today", 1: "tomorrow"}.get(self.days, f"in {self.days} days")
        if self.state == "ok":
            return f"The {self.label} is good until {when}."
        return f"The {self.label} runs out {left}, on {when}. Make a new one now; both work side by side until then."


def expiry(connection: DataverseConnection, today: date) -> Expiry | None:
    """When the credential in use runs out; None where nobody knows. A provider's secret says nothing about it."""
    kind = current_type(connection)
    if given := provided(connection):
        try:
            ends = describe(given["certificate"]).expires_at.date() if "certificate" in given else None
        except ValueError:
            ends = None
        return Expiry(LABELS[kind], ends, (ends - today).days) if ends else None
    on = {
        AuthenticationType.CLIENT_SECRET: connection.client_secret_expires_on,
        AuthenticationType.CERTIFICATE: connection.certificate_expires_at and connection.certificate_expires_at.date(),
    }.get(kind)
    return Expiry(LABELS[kind], on, (on - today).days) if on else None


def current_type(connection: DataverseConnection) -> AuthenticationType:
    """What the connection signs in with: what its provider gives, else the type that is chosen."""
    if (given := provided(connection)) and "problem" not in given:
        return AuthenticationType.CERTIFICATE if "certificate" in given else AuthenticationType.CLIENT_SECRET
    return _kind(connection)


def has_secret(connection: DataverseConnection) -> bool:
    """Whether the secret of the chosen authentication type is stored, or comes from elsewhere."""
    return bool(provided(connection) or getattr(connection, SECRET_COLUMNS[_kind(connection)]))


@sensitive_variables("secret", "pair")
def store(connection: DataverseConnection, secret: str) -> None:
    """Seal the secret of the chosen authentication type into the record. Raises BadCertificate.

    It is the client secret's value, a PEM text of private key and certificate, or the password.
    """
    kind = _kind(connection)
    if kind is AuthenticationType.CERTIFICATE:
        pair = read_pair(secret)
        connection.private_key = seal(pair.private_key_pem)
        connection.certificate, connection.certificate_expires_at = pair.certificate_pem, pair.expires_at
        return
    # A password may begin or end with a space; a pasted client secret never means to.
    setattr(connection, SECRET_COLUMNS[kind], seal(secret if kind is AuthenticationType.OFFICE365 else secret.strip()))


def open_credential(connection: DataverseConnection) -> ClientSecret | Certificate | UserPassword:
    """The credential of the chosen authentication type. Raises SealBroken, also where the provider breaks."""
    if given := provided(connection):
        if "problem" in given:
            raise CannotDecrypt(given["problem"])
        if "private_key" in given:
            return Certificate(given["private_key"], given["certificate"])
        return ClientSecret(given["client_secret"])
    secret = unseal(getattr(connection, SECRET_COLUMNS[_kind(connection)]))
    if connection.authentication_type == AuthenticationType.CERTIFICATE:
        return Certificate(secret, connection.certificate)
    if connection.authentication_type == AuthenticationType.OFFICE365:
        return UserPassword(connection.user_name, secret)
    return ClientSecret(secret)


class Provided(TypedDict, total=False):
    """What a provider gives: client_id, and client_secret or private_key with certificate (PEM).

    Where it breaks there is a problem instead, as a sentence: what is stored here is not used in its place.
    """

    client_id: str
    client_secret: str
    private_key: str
    certificate: str
    problem: str


@sensitive_variables("given")
def provided(connection: DataverseConnection) -> Provided:
    """What CREDENTIAL_PROVIDER has for the company's connection; empty without one, or for the legacy sign-in."""
    if not settings.CREDENTIAL_PROVIDER or connection.authentication_type == AuthenticationType.OFFICE365:
        return {}
    try:
        provider: Callable[[Any], Mapping[str, str]] = import_string(settings.CREDENTIAL_PROVIDER)
        given = dict(provider(connection.company) or {})
    except Exception as error:
        # Its text and its frames may hold a secret, so neither is logged.
        named = type(error).__name__
        logger.error("The credential provider %s failed: %s", settings.CREDENTIAL_PROVIDER, named)  # noqa: TRY400
        return Provided(
            problem=f"The credential provider {settings.CREDENTIAL_PROVIDER} cannot be used: {named}. Whoever runs "
            "the server calls it in manage.py shell to see why, and mends it or what it asks; then test the connection."
        )
    given.pop("problem", None)
    whole = {"client_id", "client_secret"} <= given.keys() or {
        "client_id",
        "private_key",
        "certificate",
    } <= given.keys()
    return Provided(**given) if whole else {}  # type: ignore[typeddict-item]


def problem(connection: DataverseConnection) -> str:
    """Why the provider cannot be used, as a sentence; "" where it can, or there is none."""
    return provided(connection).get("problem", "")


def client_id(connection: DataverseConnection) -> str:
    """The Client ID: the provider's, else the one on the page."""
    return provided(connection).get("client_id") or connection.client_id


def target(connection: DataverseConnection) -> str:
    """The client (application) that the certificate which waits is registered for."""
    return connection.next_client_id or credentials.client_id(connection)


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
