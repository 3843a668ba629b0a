"""manage.py synchronize MAPPING --company NAME: synchronize a mapping, or selected records of it."""

from typing import Any

from django.core.management.base import CommandParser

from core.roles import Can
from core.vocabulary import Direction
from coupling.commands import MappingCommand
from dataverse.errors import DataverseError
from jobs.mentions import PersonReading
from jobs.models import COUNTERS
from sync.display import outcome_object
from sync.engine.preview import Preview
from sync.start.services import start_synchronization, start_unconditional, unconditional_way


class Command(MappingCommand):
    """Synchronize a mapping, or selected records of it."""

    help = "Synchronize a mapping, or selected records of it."

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: less for a preview, which writes nothing."""
        return Can.PREVIEW if options["preview"] else Can.OPERATE

    def arguments(self, parser: CommandParser) -> None:
        """Add which mapping, which records, which way."""
        super().arguments(parser)
        parser.add_argument("--full", action="store_true", help="Compare every pair, not only what changed.")
        parser.add_argument("--select", nargs="+", action="extend", metavar="NO", help="Only these records.")
        parser.add_argument(
            "--direction",
            choices=["both", "to", "from"],
            default="both",
            help="To Dataverse or from it; default: the mapping's.",
        )
        parser.add_argument(
            "--unconditional", action="store_true",
            help="Overwrite the side that --direction names wherever a coupled pair differs; see --preview first.",
        )  # fmt: skip
        parser.add_argument("--preview", action="store_true", help="Say what would happen; write nothing.")

    def run(self, options: dict[str, Any]) -> None:
        """Preview; or start the job, wait for it and print what came of it."""
        mapping = self.mapping(options["mapping"])
        selection = self.selection(mapping, options["select"])
        direction = Direction.from_word(options["direction"])
        if options["unconditional"] and selection is not None:
            self.usage_error("--unconditional is of the whole mapping: leave --select out.")
        try:
            if options["unconditional"]:
                way, winner = unconditional_way(mapping, direction)
                if options["preview"]:
                    self.preview(Preview(mapping, way, create=False, overwrite=winner))
                    return
                self.finish(start_unconditional(mapping=mapping, direction=way, user=self.acting))
                return
            if options["preview"]:
                self.preview(Preview(mapping, direction, selection=selection))
                return
            job = start_synchronization(
                mapping=mapping, selection=selection, full=options["full"], direction=direction, user=self.acting,
                one_record=selection is not None and len(selection) == 1,
            )  # fmt: skip
        except DataverseError as error:
            self.refuse_for(error)
        self.finish(job)

    def preview(self, preview: Preview) -> None:
        """Print one object per record, the summary last."""
        reader = PersonReading(self.acting)
        for outcome in preview.outcomes():
            if self.as_json:
                self.print_json_lines([outcome_object(outcome, reader)])
        counters = {name: preview.counts.get(name, 0) for name in COUNTERS} | {"total": sum(preview.counts.values())}
        if self.as_json:
            self.print_json_lines([preview_summary(preview, counters)])
            return
        self.print_text(f"{preview.mapping.name}: nothing was written. A full run would have")
        for name, count in counters.items():
            if count:
                self.print_text(f"  {name:<10} {count:>9,}")


def preview_summary(preview: Preview, counters: dict[str, int]) -> dict[str, Any]:
    """Return the last line of a preview, in the shape of a job's summary."""
    return {
        "preview": True, "job": None, "type": "synchronization", "mapping": preview.mapping.name, "state": "preview",
        "plan": "", "counters": counters, "reasons": dict(sorted(preview.reasons.items())),
        "requests": preview.requests, "seconds": 0.0, "followups": [],
    }  # fmt: skip
