"""The ground as a Django app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CoreConfig(AppConfig):
    """Bulk writes, and what the database is told of sizes; no models of its own."""

    name = "core"

    def ready(self) -> None:
        """Have every database told once its tables are there."""
        from core.sqlite_statistics import write_statistics

        post_migrate.connect(write_statistics, sender=self)
