"""manage.py create MAPPING --company NAME: create rows for uncoupled records, or records for uncoupled rows."""

from typing import Any

from django.core.management.base import CommandParser

from core.roles import Can
from coupling.commands import MappingCommand
from dataverse.errors import DataverseError
from sync.coupling_setup import services


class Command(MappingCommand):
    """Create in Dataverse what is not coupled here, or here what is not coupled there, and couple it."""

    help = "Create rows in Dataverse for records, or records here for rows; what is coupled already is left as it is."
    needs = Can.OPERATE

    def arguments(self, parser: CommandParser) -> None:
        """Add on which side, and for what."""
        super().arguments(parser)
        side = parser.add_mutually_exclusive_group(required=True)
        side.add_argument("--in-dataverse", action="store_true", help="Create rows for the records of --select.")
        side.add_argument("--here", action="store_true", help="Create records for the rows of --row.")
        parser.add_argument("--select", nargs="+", action="extend", metavar="NO", help="Numbers or codes of records.")
        parser.add_argument("--row", nargs="+", action="extend", metavar="GUID", help="Ids of Dataverse rows.")

    def run(self, options: dict[str, Any]) -> None:
        """Start the job, wait for it and print what came of it."""
        given, other = ("row", "select") if options["here"] else ("select", "row")
        if not options[given] or options[other]:
            side = "--here" if options["here"] else "--in-dataverse"
            self.usage_error(f"create {side} takes --{given}, and not --{other}.")
        mapping = self.mapping(options["mapping"])
        try:
            if options["here"]:
                rows = [self.row_id(text) for text in options["row"]]
                job = services.create_here(mapping=mapping, rows=rows, user=self.acting)
            else:
                records = self.selection(mapping, options["select"]) or []
                job = services.create_in_dataverse(mapping=mapping, records=records, user=self.acting)
        except DataverseError as error:
            self.refuse_for(error)
        self.finish(job)
