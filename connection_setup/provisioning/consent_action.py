"""The button and the link to Microsoft's page of admin consent."""

from connection_setup.models import DataverseConnection
from connection_setup.provisioning import sign_in
from core.refusals import Refusal
from dataverse.errors import DataverseError
from dataverse.sign_in_rules import GRANT_CONSENT
from ui.kit import Action, Field
from ui.links import company_url


def consent_action(connection: DataverseConnection, *, back: str = "") -> Action:
    """Return the button; `back`: the page to come back to."""
    _, problem = _address(connection)
    return Action(
        GRANT_CONSENT,
        company_url("connection_setup:administrator-consent", connection.company),
        "post",
        "key",
        note="For a tenant where people may not consent themselves",
        values={"back": back} if back else {},
        off=problem,
    )


def consent_link(connection: DataverseConnection) -> Field | None:
    """Return the link to pass on to an administrator of the tenant; None while the settings name no tenant."""
    address, _ = _address(connection)
    hint = "An administrator of the tenant opens it and accepts; nobody needs to be signed in here for that."
    return Field("Admin consent link", address, copy=True, hint=hint) if address else None


def _address(connection: DataverseConnection) -> tuple[str, str]:
    """Return the address to pass on, or why there is none."""
    try:
        return sign_in.consent_address(connection), ""
    except (DataverseError, Refusal) as error:
        return "", error.user_message
