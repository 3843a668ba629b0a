"""Captions that several pages share: the setup page's title, the clouds, results of checks, the connection's status."""

from connection_setup.models import DataverseConnection
from connection_setup.types import CheckState, Report
from dataverse import clouds
from ui import kit
from ui.kit import Status

CLOUDS = [(cloud.name, cloud.label) for cloud in clouds.CLOUDS.values()]
"""(name, label) of each Microsoft cloud, as a form's choices."""
TITLE = "Dataverse Connection Setup"
ENVIRONMENT_CHANGED = "Environment Changed"
"""Title of the page with the ways out where another organization answers; a room above brings it."""
CHECK_RESULTS: dict[CheckState, str] = {"ok": "OK", "warning": "Attention", "error": "Not OK"}
"""In the order of their weight."""
STATUS_STYLES: dict[CheckState, kit.State] = {"ok": "ok", "warning": "warn", "error": "bad"}


def connection_status(connection: DataverseConnection) -> Status:
    """Return whether the connection is enabled, and how many checks of the last test need attention."""
    report = Report.stored(connection.checks)
    if not connection.enabled:
        return Status("Not enabled", "warn" if connection.environment_url else "")
    if connection.other_organization_id is not None:
        return Status("Environment changed", "bad")
    if not report.attention_count:
        return Status("Connected", "ok")
    checks = "1 check needs" if report.attention_count == 1 else f"{report.attention_count} checks need"
    return Status(f"Connected, {checks} attention", "warn" if report.ok else "bad")
