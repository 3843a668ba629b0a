"""manage.py schedule list|set|hold|ready|run --company NAME: when mappings run by themselves, and how that stands."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from core.roles import Can
from coupling.commands import MappingCommand
from sync.schedules import reading, rules, services
from sync.schedules.reading import Line
from sync.schedules.rules import LABELS, LEAST_MINUTES, MOST_MINUTES
from ui.cells import text_of


class Command(MappingCommand):
    """List the schedules of a company, or change one: its minutes, on hold, ready, or a run now."""

    help = "List the schedules of a company, or change one: its minutes, on hold, ready, or a run now."

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: to look, to change a mapping's settings, or to start jobs."""
        what = options["what"]
        if what == "list":
            return Can.READ
        changes = what == "set" or options["every"] is not None or options["late_after"] is not None
        return Can.MAP if changes else Can.OPERATE

    def arguments(self, parser: CommandParser) -> None:
        """Add what to do, and with which mapping."""
        parser.add_argument("what", choices=("list", "set", "hold", "ready", "run"))
        parser.add_argument("mapping", nargs="?", metavar="MAPPING", help="The mapping's name, CUSTOMER for one.")
        parser.add_argument(
            "--every",
            type=int,
            metavar="M",
            help=f"How often it runs by itself: {LEAST_MINUTES} to {MOST_MINUTES} min.",
        )
        parser.add_argument("--late-after", type=int, metavar="M", help="Minutes past its time after which it is Late.")

    def run(self, options: dict[str, Any]) -> None:
        """List, or do it and print how the schedule stands then."""
        what, name = options["what"], options["mapping"]
        every, late_after = options["every"], options["late_after"]
        if what == "list":
            if every is not None or late_after is not None:
                self.usage_error("schedule list takes neither --every nor --late-after; schedule set does.")
            self._list(reading.lines(self.company, timezone.now()), name)
            return
        if not name:
            self.usage_error(f"schedule {what} needs the name of a MAPPING.")
        if what == "set" and every is None and late_after is None:
            self.usage_error("schedule set needs --every or --late-after.")
        if what != "set":  # its minutes may be changed along with it, which takes both rights
            self.authorize(Can.OPERATE, self.company)
        mapping = self.mapping(name)
        services.change(mapping=mapping, every=every, late_after=late_after)
        job = None
        if what == "hold":
            services.hold(mapping=mapping, user=self.acting)
        elif what == "ready":
            services.set_ready(mapping=mapping)
        elif what == "run":
            job = self.wait_for(services.run_now(mapping=mapping, user=self.acting))
            services.settle_ended(timezone.now(), mapping=mapping)
        line = reading.line_of(mapping, timezone.now())
        if self.as_json:
            self.print_json(described(line))
        self._print(line)
        if job is not None:
            self.print_text(f"Job {job.pk}: {job.get_state_display()}. {job.message}".strip())
            self.end_with(job)

    def _list(self, lines: list[Line], name: str | None) -> None:
        if name:
            mapping = self.mapping(name)
            lines = [line for line in lines if line.mapping.pk == mapping.pk]
        if self.as_json:
            self.print_json({"schedules": [described(line) for line in lines]})
        for line in lines:
            self._print(line)
        late = sum(line.late for line in lines)
        self.print_text(f"{len(lines):,} schedules, {late:,} late.")

    def _print(self, line: Line) -> None:
        mapping, word = line.mapping, LABELS[line.status]
        if line.late and line.status is not rules.Status.LATE:
            word += ", late"
        next_run = text_of(mapping.next_run_at) if mapping.next_run_at and not line.held else "not scheduled"
        self.print_text(f"{mapping.name:<20} {word:<32} every {mapping.every_minutes:>4} min, next {next_run}")
        for why in (line.held, line.schedule.error):
            if why:
                self.print_text(f"  {why}")


def described(line: Line) -> dict[str, Any]:
    """Return a schedule in the shape of the contract."""
    at, success = line.mapping.next_run_at, line.entry.last_success
    return {
        "mapping": line.mapping.name,
        "status": line.status.value,
        "every": line.mapping.every_minutes,
        "next_run": at.isoformat() if at is not None else None,
        "last_success": success.isoformat() if success is not None else None,
        "late": line.late,
        "attempts": line.schedule.attempts,
    }
