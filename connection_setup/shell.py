"""What this room adds to the shell: Tell Me entries and the connection's state in the role center."""

from typing import Any

from django.http import HttpRequest

from connection_setup import pages, services
from connection_setup.pages import TITLE
from ui.kit import Status
from ui.registry import Entry, role_center_status, tell_me
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
    role_center_status(state)


def state(request: HttpRequest, company: Any) -> Status | None:  # noqa: ARG001 - the registry's shape
    """The connection's state."""
    return pages.state(services.connection_of(company))
