"""Registering the application: what each step of it gives, held against what is set up here as far as that can be.

Judgements are made of what is stored, of the last test, and of what the tenant's sign-in tells about itself.
"""

import uuid
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from connection_setup import types
from connection_setup.checks import judges
from connection_setup.checks import services as checks_services
from connection_setup.connection import clients, redirect_url
from connection_setup.models import AdministratorSignIn, AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.secrets.certificates import application_name
from connection_setup.types import Check, Report
from dataverse import clouds
from dataverse.errors import DataverseError

State = Literal["ok", "warning", "error", "unknown", "todo"]


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a step: right, to be looked at, wrong, not known yet, or still to do; with what to do."""

    state: State
    message: str
    fix: str = ""

    @property
    def sentence(self) -> str:
        """Cause and next step together."""
        return f"{self.message} {self.fix}".strip()


NOT_YET = Found("unknown", "Not checked yet.", "Choose Check Registration.")


def findings(connection: DataverseConnection, *, seen_at: str, asked: Found | None = None) -> dict[str, Found]:
    """What is known of every step, by the step's name. `seen_at`: the origin this site was opened at.

    asked: what the tenant's sign-in said, where it was asked just now.
    """
    report = Report.stored(connection.checks)
    return {
        "redirect": redirect(redirect_url.effective_url(connection), seen_at),
        "permissions": consent(connection, report),
        "credential": credential(connection, report),
        "client": client(credentials_client(connection)),
        "tenant": asked or tenant_stored(connection, report),
        "environment": environment(connection, report),
        "enabled": enabled(connection),
        "user": user(report),
        "provider": provider(connection),
    }


def ask(connection: DataverseConnection) -> Found:
    """Test what can be tested: the tenant's sign-in at once, and the connection once everything is filled in.

    What the test finds is kept with the connection; what the sign-in says is returned. Raises nothing.
    """
    said = _tenant(connection)
    legacy = connection.authentication_type == AuthenticationType.OFFICE365
    needed = (connection.environment_url, connection.tenant_id, credentials_client(connection), connection.pk)
    if all(needed) and has_credential(connection) and (connection.user_name or not legacy):
        checks_services.test_connection(connection=connection)
    return said


# -- judgements -------------------------------------------------------------------------------------------------------


def redirect(url: str, seen_at: str) -> Found:
    """The Redirect URL is https or on this machine, and this site's own."""
    parts = urlsplit(url)
    here = clouds.origin(url)
    if parts.scheme != "https" and not clouds.is_loopback(parts.hostname or ""):
        return Found(
            "error",
            f"{here} is no https address, and Microsoft's sign-in comes back to none other but this machine's own.",
            "Put a proxy that speaks HTTPS in front of this site, and set SITE_URL to its address.",
        )
    if seen_at and clouds.origin(seen_at) != here:
        return Found(
            "warning",
            f"You opened this site as {seen_at}, and the sign-in comes back to {here}, where you may not be signed in.",
            "Open the site at that address, or set SITE_URL (or Redirect URL) to the one that people use.",
        )
    return Found("ok", "It is this site's own address, and https or on this machine.")


def client(client_id: str) -> Found:
    """The Client ID looks like one."""
    if not client_id:
        return Found("todo", "Not filled in yet.", "Enter it on Dataverse Connection Setup.")
    try:
        uuid.UUID(client_id)
    except ValueError:
        return Found("error", "It is no GUID.", "Copy the Application (client) ID from the Overview.")
    return Found("ok", "It looks like an application's id.")


def tenant_stored(connection: DataverseConnection, report: Report) -> Found:
    """The tenant, as far as the last test knows: whoever is let in has a tenant that answers."""
    if not connection.tenant_id:
        return Found("todo", "Not filled in yet.", "Enter it on Dataverse Connection Setup.")
    signed_in = _of(report, types.SIGN_IN)
    if signed_in is not None and signed_in.state != "error":
        return Found("ok", "The tenant's sign-in answers, and lets the application in.")
    return NOT_YET


def credential(connection: DataverseConnection, report: Report) -> Found:
    """What the application signs in with is stored, is not the secret's ID, still good, and gives a token."""
    kind = AuthenticationType(connection.authentication_type)
    label = credentials.LABELS[kind]
    if not has_credential(connection):
        return Found("todo", f"No {label.lower()} is stored yet.", "Enter it on Dataverse Connection Setup.")
    if credentials.secret_is_an_id(connection):
        return Found(
            "error",
            "The stored Client Secret is a GUID: that is the secret's ID, not its value.",
            "Enter the value. It is shown only when the secret is created; create another one if it is not at hand.",
        )
    signed_in = _of(report, types.SIGN_IN)
    if signed_in is not None and signed_in.state == "error":
        return Found("error", signed_in.message, signed_in.fix)
    expires = credentials.expiry(connection, timezone.localdate())
    if expires is not None and expires.state != "ok":
        return Found(expires.state, expires.message, expires.fix)
    if signed_in is None:
        return Found("unknown", f"A {label.lower()} is stored.", "Choose Check Registration to sign in with it.")
    return Found("ok", f"A token comes with the stored {label.lower()}.")


def environment(connection: DataverseConnection, report: Report) -> Found:
    """The address is an environment's, and answers."""
    if not connection.environment_url:
        return Found("todo", "Not filled in yet.", "Enter it on Dataverse Connection Setup, or look it up there.")
    answers = _of(report, types.ADDRESS)
    if answers is None:
        return NOT_YET
    return _as_found(answers)


def enabled(connection: DataverseConnection) -> Found:
    """The switch."""
    if connection.enabled:
        return Found("ok", "The connection is enabled.")
    return Found("todo", "The connection is not enabled yet.", "Turn on Enabled on Dataverse Connection Setup.")


def user(report: Report) -> Found:
    """The application has its own user in the environment."""
    found = _of(report, judges.USER)
    return NOT_YET if found is None else _as_found(found)


def consent(connection: DataverseConnection, report: Report) -> Found:
    """An administrator has consented: the sign-in worked, or what it prepares is there."""
    last = AdministratorSignIn.objects.filter(company=connection.company).order_by("-pk").first()
    if last is not None and last.signed_in_at:
        return Found("ok", f"{last.name or 'An administrator'} signed in and consented.")
    if last is not None and last.problem:
        return Found("error", last.problem, last.problem_fix)
    there = _of(report, judges.USER)
    if connection.integration_user_id or (there is not None and there.state != "error"):
        return Found("ok", "The application's user is in the environment, so the permission was given.")
    return Found(
        "unknown",
        "Nobody has signed in yet, so it is not known whether consent was given.",
        "It is asked for when an administrator signs in: Prepare the Environment on Dataverse Connection Setup.",
    )


def provider(connection: DataverseConnection) -> Found:
    """What CREDENTIAL_PROVIDER gives for the company, if it is set."""
    if not settings.CREDENTIAL_PROVIDER:
        return Found("ok", "None is set: client id and secret are kept by Dataverse Connection Setup.")
    given = credentials.provided(connection)
    if given is not None and given.problem is not None:
        return Found(
            "error",
            given.problem.message,
            "It must be the dotted path of a function that is given a company. Call it in manage.py shell to see why.",
        )
    if given is None:
        return Found("ok", "It has nothing for this company, so what Dataverse Connection Setup keeps counts.")
    what = "a certificate" if given.certificate_pem else "a client secret"
    return Found("ok", f"It gives the Client ID {given.client_id} with {what}.")


def credentials_client(connection: DataverseConnection) -> str:
    """The Client ID in use; that of the page where the provider breaks."""
    return credentials.client_id(connection)


def has_credential(connection: DataverseConnection) -> bool:
    """Whether there is something to sign in with."""
    return not credentials.provider_problem(connection) and credentials.has_secret(connection)


def name() -> str:
    """What to call the application."""
    return application_name()


# -- inside -----------------------------------------------------------------------------------------------------------


def _tenant(connection: DataverseConnection) -> Found:
    if not connection.tenant_id:
        return Found("todo", "Not filled in yet.", "Enter it on Dataverse Connection Setup.")
    try:
        clients.require_tenant(connection)
    except DataverseError as error:
        return Found("error", error.message, error.fix)
    return Found("ok", f"The sign-in of the tenant {connection.tenant_id} answers.")


def _of(report: Report, name: str) -> Check | None:
    return next((check for check in report.checks if check.name == name), None)


def _as_found(check: Check) -> Found:
    return Found(check.state, check.message, check.fix)
