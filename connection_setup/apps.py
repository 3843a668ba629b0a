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
        from connection_setup.models import DataEncryption, DataverseConnection, Dynamics365Connection, WebHook
        from connection_setup.secrets import credentials, keyring
        from core.error_reports import register_secrets

        # Secrets are left out, sealed as they are; that one changed shows as the credential's version.
        # What answers is no change of somebody's either.
        left_out = [*credentials.SEALED_COLUMNS, "checks", "checked_at", "changed_at", "enabled_settings"]
        left_out += [field.name for field in DataverseConnection._meta.fields if field.name.startswith("other_")]
        auditlog.register(DataverseConnection, exclude_fields=left_out)
        auditlog.register(DataEncryption)
        auditlog.register(Dynamics365Connection, exclude_fields=["checks", "checked_at"])
        not_by_people = ["key", "looked_at", "called_at", "problem", "problem_fix", "endpoint_id", "organization_id"]
        auditlog.register(WebHook, exclude_fields=not_by_people)
        register_secrets(keyring.secrets)
        shell.register()
