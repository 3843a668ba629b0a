"""Jobs as rows, their runner and pages."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Jobs as rows, their runner and pages."""

    name = "jobs"

    def ready(self) -> None:
        """Make the room's pages findable."""
        from jobs import shell, system_checks

        system_checks.register()
        shell.register()
