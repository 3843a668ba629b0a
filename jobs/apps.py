"""Jobs as rows, their runner and pages."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Jobs as rows, their runner and pages."""

    name = "jobs"

    def ready(self) -> None:
        """Make the room's pages findable, and keep in the audit log what people change of alerts."""
        from auditlog.registry import auditlog

        from jobs import shell, system_checks
        from jobs.models import AlertReceiver, AlertSettings, RetentionPolicy

        system_checks.register()
        # Neither secrets, nor addresses that are as good as one: that they changed shows as entered anew.
        left_out = ["address", "secret", "last_at", "last_ok", "last_answer"]
        auditlog.register(AlertReceiver, exclude_fields=left_out)
        auditlog.register(AlertSettings)
        auditlog.register(RetentionPolicy, exclude_fields=["next_at"])
        shell.register()
