"""Synchronization."""

from django.apps import AppConfig


class SyncConfig(AppConfig):
    """Synchronization."""

    name = "sync"

    def ready(self) -> None:
        """Register the room's kind of job, schedules and pages with the rooms below."""
        from sync import shell

        shell.register()
