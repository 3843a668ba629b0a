"""The ground as a Django app."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class CoreConfig(AppConfig):
    """Bulk writes, and what the database is told of sizes; no models of its own."""

    name = "core"

    def ready(self) -> None:
        """Have every database told once its tables are there, and what an upgrade leaves to a person listed.

        Every connection gets the functions that queries here call.
        """
        from core.folding import add_function
        from core.sqlite_statistics import write_statistics
        from core.unsettled import list_after_upgrade

        post_migrate.connect(write_statistics, sender=self)
        connection_created.connect(add_function)
        post_migrate.connect(list_after_upgrade, sender=self)
