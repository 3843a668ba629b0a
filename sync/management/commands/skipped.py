"""manage.py skipped list|retry|synchronize|... --company NAME: what synchronization left undone, and why."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from core.roles import Can
from coupling import dead_partners
from coupling.commands import MappingCommand
from coupling.couplings.release import release_rows
from coupling.models import UndoneRecord
from coupling.page_parts import EXPLAINED
from coupling.undone import left_undone, read_condition
from jobs import services as jobs
from jobs.errors import EmptySelection
from jobs.mentions import PersonReading, Reader
from jobs.models import Job, State
from jobs.running import waiting
from sync import looking
from sync.asking import TOO_MANY, may_overwrite, told_losses
from sync.conflicts import services
from sync.conflicts.selected_lines import select_lines
from sync.start.direction import WAYS
from sync.start.services import retry

_HELP = (
    "List what synchronization left undone with its condition, try it again, synchronize it now, couple it with the "
    "row its row was merged into, restore or delete what was deleted on one side, delete the couplings, accept it as "
    "it is, look for what was deleted, or release rows from records that were deleted here."
)
_NEEDS_MAPPING = "--select needs --mapping, since records of several tables may have the same number."
_NOTHING = "Nothing of the kind is left undone, so nothing was done."
_DIRECTIONS = ("both", "to", "from")
_OF_UNDONE = ("accept", "couple-merged", "find-deleted", "release")
"""What the page does not offer for what was accepted, either."""


class Command(MappingCommand):
    """List what synchronization left undone with its condition, and settle it."""

    help = _HELP

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: to look, to start jobs, or to delete records."""
        return {"list": Can.READ, "delete": Can.ADMINISTER}.get(options["what"], Can.OPERATE)

    def arguments(self, parser: CommandParser) -> None:
        """Add what to do, and with which records."""
        parser.add_argument("what", choices=("list", "accept", *self._verbs({})))
        parser.add_argument("--mapping", metavar="MAPPING", help="Only those of this mapping.")
        parser.add_argument(
            "--select",
            nargs="+",
            action="extend",
            metavar="NO",
            help="Only these records of it; for `release` those that are to have the rows.",
        )
        parser.add_argument("--reason", metavar="REASON", help="Only those with this reason, such as outside_filter.")
        parser.add_argument(
            "--accepted", action="store_true", help="Those that were accepted as they are, in place of the others."
        )
        parser.add_argument(
            "--beyond-brake", action="store_true", help="With `delete`: also more than a mapping's brake lets through."
        )
        parser.add_argument(
            "--direction", choices=_DIRECTIONS, default="both",
            help="Which way `synchronize` goes; to, from: that side wins wherever the two differ.",
        )  # fmt: skip

    def run(self, options: dict[str, Any]) -> None:
        """List, or start the jobs and wait for their end."""
        what = options["what"]
        if what == "find-deleted" and (options["select"] or options["reason"]):
            self.usage_error("skipped find-deleted looks at whole mappings: it takes neither --select nor --reason.")
        if what == "release" and options["reason"]:
            self.usage_error("skipped release takes no --reason: it is about rows that no other record can have.")
        if what in ("uncouple", "delete", "accept") and not (options["select"] or options["reason"]):
            self.usage_error(f"skipped {what} needs --select or --reason.")
        if options["accepted"] and what in _OF_UNDONE:
            self.usage_error(f"skipped {what} takes no --accepted: it is not about what was accepted.")
        if what == "list":
            self._list(self._chosen(options))
        elif what == "accept":
            self._accept(self._chosen(options))
        else:
            self._start(what, options)

    def _accept(self, lines: "QuerySet[UndoneRecord]") -> None:
        """Let lines stay as they are: no job is started."""
        accepted = services.settle(undone=lines, user=self.acting)
        if not accepted:
            self.refuse("empty_selection", _NOTHING)
        if self.as_json:
            self.print_json({"accepted": accepted})
        subject = "1 record stays as it is" if accepted == 1 else f"{accepted:,} records stay as they are"
        self.print_text(f"{subject}, until another condition holds it back.")

    def _start(self, what: str, options: dict[str, Any]) -> None:
        """Start the jobs of a verb, and wait for their end."""
        overwritten = self._overwritten(options) if what in ("synchronize", "retry") else ""
        if overwritten:
            self.print_progress(overwritten)
        try:
            started = self._verbs(options)[what]()
        except EmptySelection:
            self.refuse("empty_selection", _NOTHING)
        ended = [waiting.run_to_end(job) for job in started]
        if self.as_json:
            self.print_json(
                {"jobs": [jobs.summary(job) for job in ended]} | ({"warning": overwritten} if overwritten else {})
            )
        for job in ended:
            self.print_text(f"{job.mapping_name} {job.type}, job {job.pk}: {job.state}. {job.message}".strip())
        if any(job.state in (State.FAILED, State.CANCELLED) for job in ended):
            raise SystemExit(1)

    def _verbs(self, options: dict[str, Any]) -> dict[str, Callable[[], list[Job]]]:
        """Return what starts the jobs of each verb."""

        def of_lines(verb: Callable[..., list[Job]], **how: Any) -> Callable[[], list[Job]]:
            return lambda: verb(undone=self._chosen(options), user=self.acting, **how)

        way = options.get("direction", "both")
        direction, conflict = WAYS["merge" if way == "both" else way]
        return {
            "retry": lambda: retry(company=self.company, undone=self._chosen(options), user=self.acting)[1],
            "synchronize": of_lines(services.synchronize, direction=direction, conflict=conflict),
            "couple-merged": partial(self._couple_with_merged_rows, options),
            "restore": of_lines(services.restore),
            "uncouple": of_lines(services.uncouple),
            "delete": of_lines(services.delete_survivors, beyond_brake=bool(options.get("beyond_brake"))),
            "find-deleted": partial(self._find_deleted, options),
            "release": partial(self._release, options),
        }

    def _overwritten(self, options: dict[str, Any]) -> str:
        """Return what newer data is going to be overwritten, as the page asks before; "" where none is."""
        way = options["direction"] if options["what"] == "synchronize" else "both"
        way = "merge" if way == "both" else way
        pairs = self._chosen(options).exclude(coupling=None).exclude(reason__in=services.DELETED)
        count = pairs.count()
        if not count or not may_overwrite(services.mappings_of(pairs), way):
            return ""
        if count > looking.MOST:
            return TOO_MANY.format(looking.MOST)
        try:
            return told_losses(looking.look(services.pairs_by_mapping(pairs)).losses[way])
        except EXPLAINED as error:
            return f"Which side changed is not known now. {error.user_message}"

    def _couple_with_merged_rows(self, options: dict[str, Any]) -> list[Job]:
        return services.couple_with_successors(company=self.company, undone=self._chosen(options), user=self.acting)

    def _find_deleted(self, options: dict[str, Any]) -> list[Job]:
        mapping = self.mapping(options["mapping"]) if options["mapping"] else None
        try:
            return services.find_deleted(company=self.company, mapping=mapping, user=self.acting)
        except EmptySelection:
            self.refuse("empty_selection", "Nothing is coupled, so there is nothing to look for.")

    def _release(self, options: dict[str, Any]) -> list[Job]:
        """Release rows from records that were deleted here: those in the way of the selected records, or all."""
        mapping = self.mapping(options["mapping"]) if options["mapping"] else None
        if options["select"] and mapping is None:
            self.usage_error(_NEEDS_MAPPING)
        selected = self.selection(mapping, options["select"]) if mapping is not None else None
        if selected is not None:
            rows = dead_partners.rows_in_the_way(self.company, selected)
        else:
            rows = dead_partners.rows_of_dead_couplings(self.company, mapping)
        return release_rows(company=self.company, row_ids=rows, user=self.acting)

    def _chosen(self, options: dict[str, Any]) -> "QuerySet[UndoneRecord]":
        lines = left_undone(self.company, settled=options["accepted"]).select_related("mapping").order_by("pk")
        if name := options["mapping"]:
            mapping = self.mapping(name)
            lines = select_lines(self, lines.filter(mapping=mapping), mapping, options["select"])
        elif options["select"]:
            self.usage_error(_NEEDS_MAPPING)
        return lines.filter(reason=options["reason"]) if options["reason"] else lines

    def _list(self, lines: "QuerySet[UndoneRecord]") -> None:
        reader = PersonReading(self.acting)
        records = [_described(line, reader) for line in lines]
        if self.as_json:
            self.print_json({"records": records, "total": len(records)})
        for line, record in zip(lines, records, strict=True):
            self.print_text(f"{record['mapping']:<18} {line.label}\n  {record['condition']}")
        self.print_text(f"{len(records):,} left undone.")


def _described(line: UndoneRecord, reader: Reader) -> dict[str, Any]:
    """Return a line in the shape of the contract, as the reader sees it."""
    return {
        "mapping": line.mapping.name,
        "local": {"id": line.local_id, "key": line.local_key, "name": line.local_name} if line.local_id else None,
        "integration": {"id": line.integration_id, "name": line.integration_name} if line.integration_id else None,
        "reason": line.reason,
        "condition": read_condition(line, reader),
        "since": line.since.isoformat(),
        "attempts": line.attempts,
    }
