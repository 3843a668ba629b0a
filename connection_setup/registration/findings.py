"""What is known of each step of registering the application: right, to be checked, wrong, not known yet or to do.

Judged from what is stored, from the last test, and from what the tenant's sign-in answered.
"""

import uuid
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from connection_setup import types
from connection_setup.checks import judges
from connection_setup.models import AdministratorSignIn, AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.types import Check, Report
from core.refusals import joined
from dataverse import clouds

State = Literal["ok", "warning", "error", "unknown", "todo"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of a step, and what to do about it."""

    state: State
    message: str
    fix: str = ""

    @property
    def user_message(self) -> str:
        """Message and fix, as one text for a person."""
        return joined(self.message, self.fix)


NOT_CHECKED = Finding("unknown", "Not checked yet.", "Choose Check Registration.")
NOT_ENTERED = Finding("todo", "Not filled in yet.", "Enter it on Dataverse Connection Setup.")


def redirect(url: str, seen_at: str) -> Finding:
    """Judge whether the Redirect URL is https or on this machine, and has the origin this site was opened at."""
    parts = urlsplit(url)
    here = clouds.origin(url)
    if parts.scheme != "https" and not clouds.is_loopback(parts.hostname or ""):
        return Finding(
            "error",
            f"{here} is not an https address, and Microsoft's sign-in returns to no other, except on this machine.",
            "Put a proxy that speaks HTTPS in front of this site, and set SITE_URL to its address.",
        )
    if parts.scheme == "http" and parts.hostname not in {"localhost", None}:
        return Finding(
            "warning",
            f"The portal does not take {here}: of addresses with http it takes localhost alone.",
            "Leave Redirect URL empty, which takes localhost, or write the address into the registration's manifest "
            "(replyUrlsWithType).",
        )
    if seen_at and clouds.origin(seen_at) != here:
        return Finding("ok", f"You opened this site as {seen_at}. The sign-in returns to {here} and is handed on.")
    return Finding("ok", "It is this site's own address, and https or on this machine.")


def client(client_id: str) -> Finding:
    """Judge whether the Client ID looks like one."""
    if not client_id:
        return NOT_ENTERED
    try:
        uuid.UUID(client_id)
    except ValueError:
        return Finding("error", "It is not a GUID.", "Copy the Application (client) ID from the Overview.")
    return Finding("ok", "It looks like an application's ID.")


def tenant(connection: DataverseConnection, report: Report) -> Finding:
    """Judge the tenant by the last test: where the application was let in, its tenant answered."""
    if not connection.tenant_id:
        return NOT_ENTERED
    signed_in = _find_check(report, types.SIGN_IN)
    if signed_in is not None and signed_in.state != "error":
        return Finding("ok", "The tenant's sign-in answers and lets the application in.")
    return NOT_CHECKED


def credential(connection: DataverseConnection, report: Report) -> Finding:
    """Judge whether the credential is stored, is not the secret's ID, has not expired, and works."""
    kind = AuthenticationType(connection.authentication_type)
    label = credentials.LABELS[kind]
    if not has_credential(connection):
        return Finding("todo", f"No {label.lower()} is stored yet.", "Enter it on Dataverse Connection Setup.")
    if credentials.secret_is_an_id(connection):
        return Finding(
            "error",
            "The stored Client Secret is a GUID: that is the secret's ID, not its value.",
            "Enter the value. It is shown only when the secret is created; create another one if it is not at hand.",
        )
    signed_in = _find_check(report, types.SIGN_IN)
    if signed_in is not None and signed_in.state == "error":
        return Finding("error", signed_in.message, signed_in.fix)
    expires = credentials.expiry(connection, timezone.localdate())
    if expires is not None and expires.state != "ok":
        return Finding(expires.state, expires.message, expires.fix)
    if signed_in is None:
        return Finding("unknown", f"A {label.lower()} is stored.", "Choose Check Registration to sign in with it.")
    return Finding("ok", f"The sign-in accepts the stored {label.lower()}.")


def environment(connection: DataverseConnection, report: Report) -> Finding:
    """Judge whether the address is an environment's, and answers."""
    if not connection.environment_url:
        return Finding("todo", "Not filled in yet.", "Enter it on Dataverse Connection Setup, or look it up there.")
    answers = _find_check(report, types.ADDRESS)
    if answers is None:
        return NOT_CHECKED
    return _from_check(answers)


def enabled(connection: DataverseConnection) -> Finding:
    """Judge the switch Enabled."""
    if connection.enabled:
        return Finding("ok", "The connection is enabled.")
    return Finding("todo", "The connection is not enabled yet.", "Turn on Enabled on Dataverse Connection Setup.")


def user(report: Report) -> Finding:
    """Judge whether the application has its own user in the environment."""
    found = _find_check(report, judges.USER)
    return NOT_CHECKED if found is None else _from_check(found)


def consent(connection: DataverseConnection, report: Report) -> Finding:
    """Judge whether an administrator has consented: the sign-in worked, or what it prepares exists."""
    last = AdministratorSignIn.objects.filter(company=connection.company).order_by("-pk").first()
    if last is not None and last.signed_in_at:
        return Finding("ok", f"{last.name or 'An administrator'} signed in and consented.")
    if last is not None and last.problem:
        return Finding("error", last.problem, last.problem_fix)
    there = _find_check(report, judges.USER)
    if connection.integration_user_id or (there is not None and there.state != "error"):
        return Finding("ok", "The application's user exists in the environment, so the permission was given.")
    return Finding(
        "unknown",
        "Nobody has signed in yet, so it is not known whether consent was given.",
        "Have an administrator sign in: choose Prepare the Environment on Dataverse Connection Setup.",
    )


def provider(connection: DataverseConnection) -> Finding:
    """Judge what CREDENTIAL_PROVIDER returns for the company, if it is set."""
    if not settings.CREDENTIAL_PROVIDER:
        return Finding("ok", "None is set: Dataverse Connection Setup stores Client ID and credential.")
    given = credentials.provided(connection)
    if given is not None and given.problem is not None:
        return Finding(
            "error",
            given.problem.message,
            "It must be the dotted path of a function that takes a company. Call it in manage.py shell to see why.",
        )
    if given is None:
        return Finding("ok", "It returns nothing for this company, so what Dataverse Connection Setup stores is used.")
    what = "a certificate" if given.certificate_pem else "a client secret"
    return Finding("ok", f"It returns the Client ID {given.client_id} with {what}.")


def has_credential(connection: DataverseConnection) -> bool:
    """Return whether there is a credential to sign in with."""
    return not credentials.provider_problem(connection) and credentials.has_secret(connection)


def _find_check(report: Report, name: str) -> Check | None:
    """Return the check of that name; None where it was not made."""
    return next((check for check in report.checks if check.name == name), None)


def _from_check(check: Check) -> Finding:
    return Finding(check.state, check.message, check.fix)
