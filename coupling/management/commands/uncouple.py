"""manage.py uncouple MAPPING --company NAME (--select NO ... | --all): delete couplings."""

from typing import Any

from django.core.management.base import CommandParser

from core.roles import Can
from coupling.commands import MappingCommand
from coupling.couplings import services
from dataverse.errors import DataverseError


class Command(MappingCommand):
    """Delete couplings: of some records, or all of a mapping. No data is deleted."""

    help = "Delete couplings: of some records, or all of a mapping. No data is deleted."

    needs = Can.OPERATE

    def arguments(self, parser: CommandParser) -> None:
        """Add which couplings."""
        super().arguments(parser)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--select", nargs="+", action="extend", metavar="NO", help="Only those of these records.")
        which.add_argument("--all", action="store_true", help="All couplings of the mapping.")

    def run(self, options: dict[str, Any]) -> None:
        """Start the job and wait for its end."""
        mapping = self.mapping(options["mapping"])
        selection = self.selection(mapping, options["select"])
        try:
            job = services.start_uncoupling(mapping=mapping, selection=selection, all=options["all"], user=self.acting)
        except DataverseError as error:
            self.refuse_for(error)
        self.finish(job)
