"""The web hook on Dataverse Connection Setup, and the sentence about it above lists of schedules."""

from django.conf import settings

from connection_setup.models import DataverseConnection
from connection_setup.web_hook import services
from connection_setup.web_hook.standing import LABELS, Standing, standing_of
from ui.cells import time_ago
from ui.kit import FastTab, Field, Status

TITLE = "Web Hook in Dataverse"
REACHABLE = (
    "The address must be https, at port 443, and reachable from Dataverse. It follows from PUBLIC_URL, or from "
    "SITE_URL. Mappings run at their times all the same."
)


def web_hook_tab(connection: DataverseConnection, standing: Standing | None = None) -> FastTab:
    """Return what is registered, at which address, and whether it was called."""
    found = standing or standing_of(connection)
    text, look = LABELS[found.word]
    hook = found.hook
    fields = [
        Field("Web Hook", Status(text, look), hint=f"{found.message} {found.fix}".strip()),
        Field("Address for Dataverse", services.address_of(connection.company), hint=REACHABLE, copy=True),
    ]
    if hook is not None and hook.registered_at is not None:
        fields += [
            Field("Tables", ", ".join(hook.tables)),
            Field("Registered", hook.registered_at, hint=f"By {hook.registered_by}" if hook.registered_by else ""),
            Field("Last Called", time_ago(hook.called_at) if hook.called_at else "not called yet"),
        ]
    return FastTab("web-hook", TITLE, tuple(fields), gist=text, open=False)


def changes_there(connection: DataverseConnection) -> str:
    """Return whether a change in Dataverse wakes mappings, as a sentence for the list of schedules."""
    if not connection.enabled:
        return ""
    found = standing_of(connection)
    if found.wakes:
        return f"A change in Dataverse wakes its mappings in {settings.JOB_WAKE_S:g} s: a web hook is registered there."
    if found.word == "refused":
        return "A change in Dataverse waits for its mapping's time: the web hook was refused."
    return "A change in Dataverse waits for its mapping's time: no web hook calls for it."
