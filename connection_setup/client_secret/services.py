"""Replace the client secret in use, once a sign-in with the new one works."""

from datetime import date
from typing import Any

from django.views.decorators.debug import sensitive_variables

from connection_setup.enabling import services as enabling_services
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.types import Report
from core.refusals import NotUsable, Refusal
from masterdata.models import Company


def blocked_reason(connection: DataverseConnection) -> Refusal | None:
    """Return why no secret can be replaced here; None when one can."""
    if credentials.provided(connection):
        return NotUsable(
            "The client secret comes from the provider that CREDENTIAL_PROVIDER names.", "Give it the new one there."
        )
    if connection.authentication_type != AuthenticationType.CLIENT_SECRET:
        return NotUsable("The connection does not sign in with a client secret.")
    if not connection.enabled:
        return NotUsable("The connection is not enabled.", "Enter the new secret on Dataverse Connection Setup.")
    return None


@sensitive_variables("secret")
def replace_secret(*, company: Company, user: Any, secret: str, expires_on: date | None) -> Report:
    """Test the new secret, and take it if it works; a report that is not ok means that nothing changed.

    Raises Refusal, DataverseError.
    """
    values = {"client_secret_expires_on": expires_on}
    return enabling_services.enable(company=company, user=user, values=values, secret=secret)
