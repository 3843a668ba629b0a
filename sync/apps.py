"""Synchronization."""

from django.apps import AppConfig


class SyncConfig(AppConfig):
    """Synchronization."""

    name = "sync"

    def ready(self) -> None:
        """Bring the kind of job, the schedules, and the entries of pages to the rooms below."""
        from sync import shell

        shell.register()
