"""manage.py couple MAPPING --company NAME [--match ...] [--select ...] ...: match-based coupling."""

from typing import Any

from django.core.management.base import CommandParser

from core.roles import Can
from core.vocabulary import CompareAs, ConflictOption
from coupling.commands import MappingCommand
from coupling.couplings import services
from coupling.matching import criteria
from dataverse.errors import DataverseError
from jobs.mentions import PersonReading


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
            metavar="FIELD[:PRIORITY][:cs][:as=HOW]",
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
        parser.add_argument("--conflicts", choices=[value for value in ConflictOption.values if value])
        parser.add_argument("--preview", action="store_true", help="Only print what would happen.")  # fmt: skip

    def run(self, options: dict[str, Any]) -> None:
        """Preview, or start the job and wait for its end."""
        mapping = self.mapping(options["mapping"])
        selection = self.selection(mapping, options["select"])
        try:
            creates = {
                "create_new": options["create_new"] and True,
                "only_unmatched": options["create_new"] == "unmatched",
            }
            given = criteria.parse_criteria(mapping, options["match"]) if options["match"] else None
            if options["preview"]:
                self._preview(mapping, selection, given, creates)
                return
            for refusal in services.incomparable(mapping, given or criteria.stored_criteria(mapping)).values():
                raise refusal
            job = services.start_coupling(
                mapping=mapping,
                selection=selection,
                criteria=given,
                **creates,
                synchronize=options["synchronize"],
                conflicts=options["conflicts"],
                user=self.acting,
            )
        except DataverseError as error:
            self.refuse_for(error)
        self.finish(job)

    def _preview(self, mapping: Any, selection: Any, given: Any, creates: dict[str, Any]) -> None:
        found = services.preview(mapping=mapping, selection=selection, criteria=given, **creates)
        reader = PersonReading(self.acting)
        if self.as_json:
            self.print_json_lines(found.lines(reader))
            self.print_json_lines([found.summary()])
            return
        for one in found.lines(reader):
            row = one["integration"]
            text = f"-> {row['name']}" if one["outcome"] == "couple" else one["message"]
            self.print_text(f"{one['local']['key']:<12} {one['local']['name']:<32} {text}")
        self.print_text(
            f"{found.total:,} uncoupled records: {found.coupled:,} would be coupled, {found.multiple:,} have several "
            f"matches, {found.no_match:,} find no match, {found.already_coupled:,} find a match that is taken."
            + (f" Rows would be created for {found.created:,}." if found.created else "")
            + (f" {found.outside:,} selected records take no part." if found.outside else "")
        )
