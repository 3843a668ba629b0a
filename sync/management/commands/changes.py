"""manage.py changes [restore] --company NAME [MAPPING]: what synchronization wrote, and putting it back."""

from datetime import datetime, time
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from core.roles import Can
from coupling.commands import MappingCommand
from sync.history import export
from sync.history.listing import by_field
from sync.history.reading import Line, lines_of
from sync.history.services import put_back
from sync.models import SynchronizedValue

_AT_ONCE = 1000


class Command(MappingCommand):
    """List the fields that synchronization wrote, newest first; put back what they were."""

    help = (
        "List the fields that synchronization wrote, newest first, with their values before and after; or put back "
        "what they were before."
    )

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: to look, or to start jobs."""
        return Can.OPERATE if options["names"][:1] == ["restore"] else Can.READ

    def arguments(self, parser: CommandParser) -> None:
        """Add what to do, and with which lines."""
        parser.add_argument(
            "names", nargs="*", metavar="restore MAPPING", help="restore to put values back; the mapping's name."
        )
        parser.add_argument("--select", nargs="+", action="extend", metavar="NO", help="Only these records of it.")
        parser.add_argument("--field", metavar="FIELD", help="Only this field, as mapping show lists it.")
        parser.add_argument("--since", metavar="DATE", help="Only from this day or moment on, such as 2026-11-28.")
        parser.add_argument("--job", type=int, metavar="JOB", help="Only what this job wrote.")
        parser.add_argument(
            "--anyway", action="store_true", help="With restore: also where somebody changed the value since."
        )

    def run(self, options: dict[str, Any]) -> None:
        """List, or put back."""
        names = list(options["names"])
        restores = names[:1] == ["restore"]
        if restores:
            names.pop(0)
        if len(names) > 1:
            self.usage_error("changes takes one mapping.")
        mapping = names[0] if names else ""
        if options["select"] and not mapping:
            self.usage_error("--select needs the mapping, since records of several tables may have the same number.")
        if options["anyway"] and not restores:
            self.usage_error("--anyway goes with `changes restore`.")
        if not restores:
            self._list(self._chosen(mapping, options))
            return
        if not mapping or not (options["select"] or options["since"] or options["job"]):
            self.usage_error("changes restore takes a mapping, and --select, --since or --job.")
        self._restore(self._chosen(mapping, options), anyway=options["anyway"])

    def _chosen(self, name: str, options: dict[str, Any]) -> "QuerySet[SynchronizedValue]":
        rows = lines_of(self.company)
        if name:
            mapping = self.mapping(name)
            rows = rows.filter(field__mapping_name=mapping.name)
            selected = self.selection(mapping, options["select"])
            if selected is not None:
                rows = rows.filter(local_id__in=selected)
        if options["field"]:
            rows = by_field(self.company, rows, options["field"])
        if options["since"]:
            rows = rows.filter(at__gte=self._moment(options["since"]))
        return rows.filter(job_id=options["job"]) if options["job"] else rows

    def _moment(self, text: str) -> datetime:
        """Return a day's beginning, or a moment. Refuse what is neither."""
        try:
            found = parse_datetime(text)
            if found is None or len(text) <= 10:
                day = parse_date(text)
                found = datetime.combine(day, time()) if day is not None else None
        except ValueError:
            found = None
        if found is None:
            self.refuse(
                "value_invalid", f"{text!r} after --since is no date, so nothing was done.",
                "Give a day as 2026-11-28, or a moment as 2026-11-28T14:30.",
            )  # fmt: skip
        return found if timezone.is_aware(found) else timezone.make_aware(found)

    def _list(self, rows: "QuerySet[SynchronizedValue]") -> None:
        total = 0
        for line in export.lines(rows.iterator(chunk_size=_AT_ONCE)):
            total += 1
            if self.as_json:
                self.print_json_lines([export.to_json(line)])
            self.print_text(_text(line))
        if self.as_json:
            self.print_json_lines([{"total": total}])
        self.print_text(f"{total:,} {'change' if total == 1 else 'changes'}.")

    def _restore(self, rows: "QuerySet[SynchronizedValue]", *, anyway: bool) -> None:
        if not rows.exists():
            self.refuse(
                "empty_selection", "Synchronization wrote nothing that is meant, so nothing was put back.",
                "List what it wrote with: manage.py changes --company NAME",
            )  # fmt: skip
        (job,) = put_back(company=self.company, lines=rows, anyway=anyway, user=self.acting)
        self.finish(job)


def _text(line: Line) -> str:
    way = "here" if line.here else "there"
    values = f"{line.before or '(blank)'} -> {line.after or '(blank)'}"
    by = f", changed in Dataverse by {line.changed_by}" if line.changed_by else ""
    when = timezone.localtime(line.at).strftime("%Y-%m-%d %H:%M")
    return (
        f"{when} {line.mapping:<12} {line.key:<12} {line.name:<24} {line.caption} {way}: {values} "
        f"(job {line.job_id}{by})"
    )
