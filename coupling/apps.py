"""Mappings, couplings, matching."""

from django.apps import AppConfig


class CouplingConfig(AppConfig):
    """Mappings, couplings, matching."""

    name = "coupling"

    def ready(self) -> None:
        """Register kinds of jobs, hooks and entries with the rooms below."""
        from auditlog.registry import auditlog

        from coupling import shell
        from coupling.models import CriteriaSet, IntegrationFieldMapping, IntegrationTableMapping, LookUpTable
        from coupling.records import lists as records

        # The log shows what people change: not when the next run is, which the schedule writes.
        auditlog.register(IntegrationTableMapping, exclude_fields=["next_run_at", "on_hold_since"])
        auditlog.register(IntegrationFieldMapping)
        auditlog.register(LookUpTable)
        auditlog.register(CriteriaSet)
        shell.register()
        records.register()
