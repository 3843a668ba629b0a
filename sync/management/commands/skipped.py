"""manage.py skipped list|retry|restore|uncouple --company NAME: what synchronization left undone, and why."""

from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from core.roles import Can
from coupling.commands import MappingCommand
from coupling.models import UndoneRecord
from coupling.undone import left_undone
from jobs import services as jobs
from jobs.errors import EmptySelection
from jobs.models import State
from jobs.running import waiting
from sync.conflicts import services
from sync.start.services import retry


class Command(MappingCommand):
    """List what synchronization left undone with its condition, retry, restore, or delete the couplings."""

    help = "List what synchronization left undone with its condition, retry, restore, or delete the couplings."

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: to look, or to start jobs."""
        return Can.READ if options["what"] == "list" else Can.OPERATE

    def arguments(self, parser: CommandParser) -> None:
        """Add what to do, and with which records."""
        parser.add_argument("what", choices=("list", "retry", "restore", "uncouple"))
        parser.add_argument("--mapping", metavar="MAPPING", help="Only those of this mapping.")
        parser.add_argument("--select", nargs="+", action="extend", metavar="NO", help="Only these records of it.")
        parser.add_argument("--reason", metavar="REASON", help="Only those with this reason, such as outside_filter.")

    def run(self, options: dict[str, Any]) -> None:
        """List, or start the jobs and wait for their end."""
        lines = self._chosen(options)
        if options["what"] == "list":
            self._list(lines)
            return
        if options["what"] == "uncouple" and not (options["select"] or options["reason"]):
            self.usage_error("skipped uncouple needs --select or --reason.")
        verbs = {"restore": services.restore, "uncouple": services.uncouple}
        try:
            if options["what"] == "retry":
                _, started = retry(company=self.company, undone=lines, user=self.acting)
            else:
                started = verbs[options["what"]](undone=lines, user=self.acting)
        except EmptySelection:
            self.refuse("empty_selection", "Nothing of the kind is left undone, so nothing was done.")
        ended = [waiting.run_to_end(job) for job in started]
        if self.as_json:
            self.print_json({"jobs": [jobs.summary(job) for job in ended]})
        for job in ended:
            self.print_text(f"{job.mapping_name} {job.type}, job {job.pk}: {job.state}. {job.message}".strip())
        if any(job.state in (State.FAILED, State.CANCELLED) for job in ended):
            raise SystemExit(1)

    def _chosen(self, options: dict[str, Any]) -> "QuerySet[UndoneRecord]":
        lines = left_undone(self.company).select_related("mapping").order_by("pk")
        if name := options["mapping"]:
            mapping = self.mapping(name)
            lines = lines.filter(mapping=mapping)
            if (selected := self.selection(mapping, options["select"])) is not None:
                lines = lines.filter(local_id__in=selected)
        elif options["select"]:
            self.usage_error("--select needs --mapping, since records of several tables may have the same number.")
        return lines.filter(reason=options["reason"]) if options["reason"] else lines

    def _list(self, lines: "QuerySet[UndoneRecord]") -> None:
        records = [_described(line) for line in lines]
        if self.as_json:
            self.print_json({"records": records, "total": len(records)})
        for line, record in zip(lines, records, strict=True):
            self.print_text(f"{record['mapping']:<18} {line.label}\n  {record['condition']}")
        self.print_text(f"{len(records):,} left undone.")


def _described(line: UndoneRecord) -> dict[str, Any]:
    """Return a line in the shape of the contract."""
    return {
        "mapping": line.mapping.name,
        "local": {"id": line.local_id, "key": line.local_key, "name": line.local_name} if line.local_id else None,
        "integration": {"id": line.integration_id, "name": line.integration_name} if line.integration_id else None,
        "reason": line.reason,
        "condition": line.condition,
        "since": line.since.isoformat(),
        "attempts": line.attempts,
    }
