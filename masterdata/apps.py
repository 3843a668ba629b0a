"""The local business system."""

from django.apps import AppConfig


class MasterdataConfig(AppConfig):
    """The local business system."""

    name = "masterdata"
    verbose_name = "Master data"

    def ready(self) -> None:
        """Register the tables, name the companies to the shell, and keep what becomes of people in the audit log."""
        from auditlog.registry import auditlog
        from django.contrib.auth import get_user_model

        from masterdata import tables
        from masterdata.models import Company
        from ui.registry import companies

        tables.register_all()
        companies(Company.objects.all)
        auditlog.register(Company)
        # That a password changed is told, never a part of what it is kept as.
        auditlog.register(
            get_user_model(),
            exclude_fields=["last_login"],
            mask_fields=["password"],
            mask_callable="masterdata.people.masked",
            m2m_fields={"groups", "user_permissions"},
        )
