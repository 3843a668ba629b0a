"""What this room adds to the shell: Tell Me entries and the connection's state in the role center."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from connection_setup import pages, services
from connection_setup.models import DataverseConnection
from connection_setup.pages import TITLE
from ui.kit import Action, Notice, Status
from ui.registry import Entry, role_center_notice, role_center_status, tell_me
from ui.roles import Can


def register() -> None:
    """Fill the registry; called once while the app loads."""
    tell_me(
        Entry(
            TITLE,
            "connection_setup:setup",
            group="Administration",
            also=(
                "Set up a connection to Dataverse",
                "Set up a connection to Microsoft Dataverse",
                "Microsoft Dataverse Connection Setup",
                "Client Secret",
                "Environment URL",
            ),
            needs=Can.READ,
            navigation=20,
        )
    )
    tell_me(Entry("Test Connection", "connection_setup:setup", group="Actions", needs=Can.ADMINISTER))
    for title, name in (
        ("Use Certificate Authentication", "connection_setup:certificate"),
        ("Administrator Sign-In", "connection_setup:administrator"),
    ):
        tell_me(Entry(title, name, group="Administration", needs=Can.ADMINISTER))
    tell_me(
        Entry(
            "Data Encryption Management",
            "connection_setup:encryption",
            group="Administration",
            also=("Encryption Management", "Enable Encryption", "Change Encryption Key", "Encryption keys"),
            needs=Can.ADMINISTER,
        )
    )
    tell_me(
        Entry(
            "Dynamics 365 Connection Setup",
            "connection_setup:dynamics",
            group="Administration",
            also=("Microsoft Dynamics 365 Connection Setup", "Dynamics 365 Sales Integration Setup", "Products"),
        )
    )
    tell_me(
        Entry(
            "Dataverse Connections of All Companies",
            "connection_setup:companies",
            group="Administration",
            also=("All connections", "Companies", "Connections of all companies"),
        )
    )
    role_center_status(state)
    role_center_notice(first_step)


def state(request: HttpRequest, company: Any) -> Status | None:
    """The connection's state."""
    return pages.state(_connection(request, company))


def first_step(request: HttpRequest, company: Any) -> Notice | None:
    """What to do first while nothing can be coupled: connect."""
    connection = _connection(request, company)
    if connection.enabled:
        return None
    why = "Nothing is coupled or synchronized until an administrator enables the connection."
    setup = Action(TITLE, reverse("connection_setup:setup", kwargs={"company": company.slug}), icon="plug")
    return Notice(f"{connection.disable_reason} {why}".strip(), "warn", "Dataverse is not connected.", (setup,))


def _connection(request: HttpRequest, company: Any) -> DataverseConnection:
    """The company's connection, asked for once in a request."""
    kept: DataverseConnection | None = getattr(request, "_dataverse_connection", None)
    if kept is None:
        kept = request._dataverse_connection = services.connection_of(company)  # type: ignore[attr-defined]
    return kept
