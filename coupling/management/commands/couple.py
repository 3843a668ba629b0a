"""manage.py couple MAPPING --company NAME [--match ...] [--select ...] ...: match-based coupling."""

from typing import Any

from django.core.management.base import CommandParser

from core.roles import Can
from core.vocabulary import CompareAs, ConflictOption
from coupling.brakes import Brakes
from coupling.commands import MappingCommand
from coupling.couplings import services
from coupling.couplings.preview_lines import PreviewLines
from coupling.mappings.brake_arguments import limit_on_coupling, limit_on_creating
from coupling.matching import criteria
from coupling.matching.previewed import Found
from coupling.models import CouplingPreview
from dataverse.errors import DataverseError
from jobs import services as jobs
from jobs.mentions import PersonReading
from jobs.models import Job


class Command(MappingCommand):
    """Couple the uncoupled records of a mapping with the Dataverse rows that match them."""

    help = "Couple the uncoupled records of a mapping with the Dataverse rows that match them."

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: less for a preview, which writes nothing."""
        return Can.PREVIEW if options["preview"] else Can.OPERATE

    def arguments(self, parser: CommandParser) -> None:
        """Add what to match on, which records, and what follows."""
        super().arguments(parser)
        parser.add_argument(
            "--match",
            nargs="+",
            action="extend",
            metavar="FIELD[=COLUMN][:PRIORITY][:cs][:as=HOW]",
            help="Match on these fields instead of the stored ones, for this run only. HOW they are compared: "
            f"{', '.join(CompareAs)}.",
        )
        parser.add_argument("--select", nargs="+", action="extend", metavar="NO", help="Only these records.")
        parser.add_argument(
            "--create-new",
            nargs="?",
            const="all",
            choices=["all", "unmatched"],
            help="Create what finds no unique match; `unmatched`: no likely duplicates, which are records with several "
            "matches, with one that is taken or outside the filter, and near misses.",
        )
        parser.add_argument("--synchronize", action="store_true", default=None, help="Synchronize what was coupled.")
        parser.add_argument("--conflicts", choices=[one.value for one in ConflictOption.of_a_mapping()])
        parser.add_argument("--preview", action="store_true", help="Only print what would happen.")
        parser.add_argument(
            "--stop-above", type=limit_on_creating, metavar="N|PERCENT|none", action="append",
            help="Where more than N records, or so many of 100 that take part (10%%), would be created, none is. "
            "Instead of the mapping's own limits; may be given twice.",
        )  # fmt: skip
        parser.add_argument(
            "--stop-coupled-above", type=limit_on_coupling, metavar="N|none",
            help="Where more than N would be coupled, none is. Instead of the mapping's own limit.",
        )  # fmt: skip

    def run(self, options: dict[str, Any]) -> None:
        """Preview, or start the job and wait for its end."""
        mapping = self.mapping(options["mapping"])
        selection = self.selection(mapping, options["select"])
        given = criteria.parse_criteria(mapping, options["match"]) if options["match"] else None
        brakes = Brakes.stored(mapping.brakes)
        start = services.start_preview if options["preview"] else services.start_coupling
        try:
            for refusal in services.incomparable(mapping, given or criteria.stored_criteria(mapping)).values():
                raise refusal
            job = start(
                mapping=mapping,
                selection=selection,
                criteria=given,
                create_new=options["create_new"] and True,
                only_unmatched=options["create_new"] == "unmatched",
                synchronize=options["synchronize"],
                conflicts=options["conflicts"],
                brakes=brakes.asked_instead(options["stop_above"], options["stop_coupled_above"]),
                user=self.acting,
            )
        except DataverseError as error:
            self.refuse_for(error)
        if options["preview"]:
            self._print_preview(job)
        else:
            self.finish(job)

    def _print_preview(self, job: Job) -> None:
        """Wait for a preview, and print what it found."""
        job = self.wait_for(job)
        preview = CouplingPreview.objects.select_related("job", "mapping", "mapping__company").filter(
            job=job, complete=True
        ).first()  # fmt: skip
        if preview is None:
            self.print_json_lines([jobs.summary(job)]) if self.as_json else self.print_result(jobs.summary(job))
            raise SystemExit(1)
        found, reader = PreviewLines(preview), PersonReading(self.acting)
        if self.as_json:
            self.print_json_lines(found.lines(reader))
            self.print_json_lines([found.summary()])
            return
        for one in found.lines(reader):
            row = one["integration"]
            text = f"-> {row['name']}" if one["outcome"] == "couple" else one["message"]
            self.print_text(f"{one['local']['key']:<12} {one['local']['name']:<32} {text}")
        no_match, several = found.count(Found.NEW, Found.NEAR), found.count(Found.SEVERAL)
        self.print_text(
            f"{found.total:,} uncoupled records: {found.coupled:,} would be coupled, {several:,} have several matches, "
            f"{no_match:,} find no match, {found.count(Found.TAKEN):,} find a match that is taken."
            + (f" Rows would be created for {found.created:,}." if found.created else "")
            + (f" {found.left_out:,} selected records take no part." if found.left_out else "")
        )
        for brake in filter(None, (found.brake_on_coupling, found.brake_on_creating)):
            self.print_text(brake)
