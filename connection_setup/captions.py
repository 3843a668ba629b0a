"""DOC."""

from typing import Any

from connection_setup.models import DataverseConnection
from connection_setup.types import Report
from dataverse import clouds
from ui.kit import Status

CLOUDS = [(cloud.name, cloud.label) for cloud in clouds.CLOUDS.values()]
TITLE = "Dataverse Connection Setup"
WORDS = {"ok": "OK", "warning": "Attention", "error": "Not OK"}
STATES: dict[str, Any] = {"ok": "ok", "warning": "warn", "error": "bad"}


def state(connection: DataverseConnection) -> Status:
    """How the connection stands, in a few words."""
    report = Report.stored(connection.checks)
    if not connection.enabled:
        return Status("Not enabled", "warn" if connection.environment_url else "")
    if not report.attention_count:
        return Status("Connected", "ok")
    plural = "1 check needs" if report.attention_count == 1 else f"{report.attention_count} checks need"
    return Status(f"Connected, {plural} attention", "warn" if report.ok else "bad")
