"""Consent: what an administrator agrees to before an application works in Dataverse, and who did so when.

It is asked for once per environment and application. A new secret of the same application needs no new consent; another
application or environment does.
"""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.defaultfilters import date as formatted_date
from django.utils import timezone

from connection_setup.connection import state
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from masterdata.models import Company

PERMISSIONS = (
    (
        "Access Dataverse as you",
        "To make, on your behalf, the application's user, which needs no licence and nobody signs in as, to assign its "
        "security role, and to bring the integration solution. It is used once, while the connection is set up.",
    ),
    (
        f"Have full access to Dynamics 365 {settings.PRODUCT_NAME}",
        "To read and write the records that are synchronized. They are this site's own database, so no permission is "
        "asked for at Microsoft.",
    ),
    (
        "Sign in and read your profile",
        "To see that it is you who signs in, and that you are assigned the security role System Administrator.",
    ),
)
"""The permissions, and what each is used for."""

ON_BEHALF = (
    "By accepting, you entitle the registered application, on behalf of your organization, to synchronize data with "
    "the credentials of the application user that is made for it."
)
BY_COMMAND = "the command line"


def is_given(connection: DataverseConnection) -> bool:
    """Whether somebody consented to this environment and application."""
    return connection.consented_at is not None and connection.consented_for == _subject(connection)


def summary(connection: DataverseConnection) -> str:
    """Return who consented, and when."""
    moment = connection.consented_at
    when = f" on {formatted_date(timezone.localtime(moment), 'j F Y, H:i')}" if moment else ""
    return f"{connection.consented_by} consented{when}."


def record(connection: DataverseConnection, *, by: str) -> None:
    """Put the consent of `by` (a name) on the connection, unsaved."""
    connection.consented_at, connection.consented_by = timezone.now(), by[:150]
    connection.consented_for = _subject(connection)


def give(*, company: Company, user: Any) -> DataverseConnection:
    """Store the user's consent to the present settings. One that was given stays with who gave it. Repeatable."""
    with state.audit_as(user), transaction.atomic():
        stored = state.lock_connection(company)
        if not is_given(stored):
            record(stored, by=user_name(user))
            stored.save(update_fields=["consented_at", "consented_by", "consented_for"])
    return stored


def user_name(user: Any) -> str:
    """Return the name of who consents; without a user it is the command line."""
    return str(user.get_username()) if user is not None and getattr(user, "pk", None) else BY_COMMAND


def _subject(connection: DataverseConnection) -> str:
    parts = [connection.environment_url, connection.tenant_id, credentials.client_id(connection)]
    if connection.authentication_type == AuthenticationType.OFFICE365:
        parts.append(connection.user_name)
    return " ".join(parts).casefold()[:400]
