"""manage.py mapping list|show|reset|delete --company NAME [MAPPING]: the integration table mappings."""

from typing import Any

from django.core.management.base import CommandParser

from core.roles import Can
from coupling import filters, local_records
from coupling.commands import MappingCommand
from coupling.couplings import services
from coupling.couplings.delete_mapping import count_couplings, delete_mapping
from coupling.mappings import counts, defaults
from coupling.matching import criteria
from coupling.models import IntegrationTableMapping
from jobs import services as jobs
from jobs.running import waiting


class Command(MappingCommand):
    """List the mappings, show one with its fields, reset mappings to their default, or delete one."""

    help = "List the mappings, show one with its fields, reset mappings to their default, or delete one."

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: to look, or to change."""
        return Can.READ if options["what"] in ("list", "show") else Can.MAP

    def arguments(self, parser: CommandParser) -> None:
        """Add what to do, and for which mapping."""
        parser.add_argument("what", choices=("list", "show", "reset", "delete"))
        parser.add_argument("mapping", nargs="?", metavar="MAPPING")

    def run(self, options: dict[str, Any]) -> None:
        """List, show, reset or delete."""
        name = options["mapping"]
        what = options["what"]
        if what in ("show", "delete"):
            if not name:
                self.usage_error(f"mapping {what} needs the name of a mapping.")
            mapping = self.mapping(name)
            self._show(mapping) if what == "show" else self._delete(mapping)
        elif what == "reset":
            self._reset(name)
        else:
            self._list()

    def _list(self) -> None:
        mappings = list(IntegrationTableMapping.objects.filter(company=self.company))
        found = counts.count_records(self.company, mappings)
        described = [
            {
                "name": one.name, "table": one.table, "integration_table": one.integration_table,
                "direction": one.direction, "records": found[one.pk].records, "coupled": found[one.pk].coupled,
                "uncoupled": found[one.pk].uncoupled,
            }
            for one in mappings
        ]  # fmt: skip
        if self.as_json:
            self.print_json({"mappings": described})
            return
        if not described:
            self.print_text("There are no mappings yet. They are made when the connection to Dataverse is enabled.")
        for line in described:
            self.print_text(
                f"{line['name']:<18} {line['table']:<16} {line['integration_table']:<22} {line['direction']:<24} "
                f"{line['coupled']:>9,} coupled {line['uncoupled']:>9,} uncoupled"
            )

    def _show(self, mapping: IntegrationTableMapping) -> None:
        captions = {}
        try:
            captions = {field.name: field.caption for field in local_records.get_table(mapping).fields}
        except local_records.Unusable as error:
            self.print_progress(str(error))
        fields = [
            {
                "field": one.field, "caption": captions.get(one.field, ""), "integration_field": one.integration_field,
                "direction": one.direction, "enabled": one.enabled, "disabled_reason": one.disabled_reason,
                "constant": one.constant, "match": one.use_for_match, "case_sensitive": one.case_sensitive,
                "match_priority": one.match_priority, "compare_as": one.compare_as,
            }
            for one in mapping.fields.all()
        ]  # fmt: skip
        if self.as_json:
            self.print_json(
                {
                    "name": mapping.name, "table": mapping.table, "integration_table": mapping.integration_table,
                    "direction": mapping.direction, "table_filter": mapping.table_filter,
                    "integration_filter": mapping.integration_filter, "dependencies": mapping.dependencies,
                    "synch_only_coupled": mapping.synch_only_coupled, "multi_company": mapping.multi_company,
                    "update_conflict": mapping.update_conflict, "deletion_conflict": mapping.deletion_conflict,
                    "create_new": mapping.create_new,
                    "synch_after_coupling": mapping.synch_after_coupling, "fields": fields,
                }
            )  # fmt: skip
            return
        self.print_text(f"{mapping.name}: {services.description(mapping)}, {mapping.get_direction_display()}")
        self.print_text(f"  Table Filter: {filters.readable(mapping.table_filter) or 'all records'}")
        row_filter = filters.in_force(mapping.integration_filter, multi_company=mapping.multi_company)
        self.print_text(f"  Integration Table Filter: {filters.readable(row_filter) or 'all rows'}")
        matched = criteria.readable(mapping, criteria.stored_criteria(mapping))
        self.print_text(f"  Match on: {matched or 'nothing chosen yet'}")
        for line in fields:
            state = "" if line["enabled"] else f"  off: {line['disabled_reason'] or 'switched off'}"
            self.print_text(
                f"  {line['field'] or '(constant)':<22} {line['integration_field']:<30} {line['direction']:<24}{state}"
            )

    def _reset(self, name: str | None) -> None:
        written = defaults.reset_mappings(self.company, [name] if name else None)
        names = [mapping.name for mapping in written]
        if self.as_json:
            self.print_json({"reset": names})
        self.print_text(f"Back to the default: {', '.join(names)}.")

    def _delete(self, mapping: IntegrationTableMapping) -> None:
        """Delete a mapping; wait for the job that releases its rows. Exits with 1 where the mapping was kept."""
        couplings = count_couplings(mapping)
        if couplings:
            self.authorize(Can.OPERATE, self.company)
        job = delete_mapping(mapping=mapping, user=self.acting)
        if job is not None:
            job = waiting.run_to_end(job)
        kept = job is not None and IntegrationTableMapping.objects.filter(pk=mapping.pk).exists()
        if self.as_json:
            summary = jobs.summary(job) if job is not None else None
            self.print_json({"deleted": "" if kept else mapping.name, "couplings": couplings, "job": summary})
        if job is not None and job.message:
            self.print_text(job.message)
        elif not kept:
            self.print_text(f"{mapping.name} is deleted.")
        if kept:
            raise SystemExit(1)
