"""manage.py failures [retry|ignore] --company NAME: the records that coupling failed with, and settling them."""

from collections import Counter
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from core.roles import Can
from coupling.commands import MappingCommand
from coupling.failures import services as failures
from coupling.failures.standing import standing
from coupling.models import FailedRecord
from jobs.models import Reason
from jobs.pages.lists import reason_label
from jobs.running import waiting
from jobs.services import summary
from sync.failures import export, services

NO_REASON = "No reason was given."
_NOTHING = "No failed record that still stands is so, so nothing was done."


class Command(MappingCommand):
    """List the records that coupling failed with and that still stand; try them again, or ignore them."""

    help = (
        "List the records that coupling failed with and that still stand, with all candidates; try them again, or "
        "ignore them for a reason until either side changes."
    )

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: to look, or to start jobs."""
        return Can.READ if options["what"] == "list" else Can.OPERATE

    def arguments(self, parser: CommandParser) -> None:
        """Add what to do, and with which records."""
        parser.add_argument("what", nargs="?", choices=("list", "retry", "ignore"), default="list")
        parser.add_argument("--mapping", metavar="MAPPING", help="Only those of this mapping.")
        parser.add_argument(
            "--reason", choices=[one for one in Reason.values if one], help="Only those that failed so."
        )
        parser.add_argument("--select", nargs="+", action="extend", metavar="NO", help="Only these records of it.")
        parser.add_argument("--because", metavar="TEXT", help="Why they are ignored.")

    def run(self, options: dict[str, Any]) -> None:
        """List, try again or ignore."""
        what = options["what"]
        if options["select"] and not options["mapping"]:
            self.usage_error("--select needs --mapping, since records of several tables may have the same number.")
        if what == "list":
            if options["because"]:
                self.usage_error("--because goes with `failures ignore`.")
            self._list(self._chosen(options))
            return
        if not options["mapping"] or bool(options["select"]) == bool(options["reason"]):
            self.usage_error(f"failures {what} takes --mapping, and one of --select and --reason.")
        chosen = self._chosen(options)
        if not chosen.exists():
            self.refuse("empty_selection", _NOTHING, "List them with: manage.py failures --company NAME")
        if what == "ignore":
            self._ignore(chosen, options["because"] or NO_REASON)
        else:
            self._retry(chosen)

    def _chosen(self, options: dict[str, Any]) -> "QuerySet[FailedRecord]":
        rows = standing(self.company).select_related("mapping")
        if name := options["mapping"]:
            mapping = self.mapping(name)
            rows = rows.filter(mapping=mapping)
            if (selected := self.selection(mapping, options["select"])) is not None:
                rows = rows.filter(local_id__in=selected)
        return rows.filter(reason=options["reason"]) if options["reason"] else rows

    def _list(self, rows: "QuerySet[FailedRecord]") -> None:
        counted: Counter[str] = Counter()
        told = False
        for part in export.parts(rows.iterator(chunk_size=1000), user=self.acting):
            if part.problem is not None and not told:
                told = True
                self.print_progress(f"What tells the candidates apart is not known now: {part.problem.message}")
            counted.update(seen.failed.reason for seen in part.lines)
            if self.as_json:
                self.print_json_lines(map(export.to_json, part.lines))
            for seen in part.lines:
                name = f"{seen.failed.local_key:<12} {seen.failed.local_name:<30}"
                message = seen.outcome.message if seen.outcome is not None else ""
                self.print_text(f"{name} {reason_label(seen.failed.reason)}: {message}")
        total, reasons = sum(counted.values()), dict(sorted(counted.items()))
        if self.as_json:
            self.print_json_lines([{"total": total, "reasons": reasons}])
        self.print_text(f"{total:,} failed and still stand.")

    def _ignore(self, chosen: "QuerySet[FailedRecord]", because: str) -> None:
        count = failures.ignore(failed=chosen, because=because, user=self.acting)
        if self.as_json:
            self.print_json({"ignored": count})
        what = "1 record is" if count == 1 else f"{count:,} records are"
        self.print_text(f"{what} ignored until either side changes.")

    def _retry(self, chosen: "QuerySet[FailedRecord]") -> None:
        started = [job for job, _ in services.retry(failed=chosen, user=self.acting)]
        if len(started) == 1:
            self.finish(started[0])
            return
        ended = [waiting.run_to_end(job) for job in started]
        if self.as_json:
            self.print_json({"jobs": [summary(job) for job in ended]})
        for job in ended:
            self.print_result(summary(job))
        for job in ended:
            self.end_with(job)
