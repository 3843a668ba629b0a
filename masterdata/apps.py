"""The local business system."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MasterdataConfig(AppConfig):
    """The local business system."""

    name = "masterdata"
    verbose_name = "Master data"

    def ready(self) -> None:
        """Register the tables, and name the companies to the shell."""
        from auditlog.registry import auditlog

        from core import unsettled
        from masterdata import codes, tables
        from masterdata.models import Company, RecordTemplate
        from masterdata.visible_companies import companies_of
        from ui.registry import companies

        tables.register_all()
        companies(companies_of)
        auditlog.register(Company)
        auditlog.register(RecordTemplate)
        unsettled.register(codes.TITLE, codes.settle, codes.FIX)
        post_migrate.connect(tables.give_ids, sender=self)
