"""The connection to Dataverse."""

from django.apps import AppConfig


class ConnectionSetupConfig(AppConfig):
    """The connection to Dataverse."""

    name = "connection_setup"
    verbose_name = "Connection setup"

    def ready(self) -> None:
        """Make the page findable, tell the connection's state in the role center, and keep changes in the audit log."""
        from auditlog.registry import auditlog

        from connection_setup import shell
        from connection_setup.models import DataverseConnection

        # The secret is left out, sealed as it is; that it changed shows as the credential's version.
        auditlog.register(DataverseConnection, exclude_fields=["client_secret", "checks", "checked_at", "changed_at"])
        shell.register()
