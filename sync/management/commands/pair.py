"""manage.py pair MAPPING --company NAME --local NO --integration GUID: couple a record with a row by hand."""

from typing import Any

from django.core.management.base import CommandParser

from core.roles import Can
from coupling.commands import MappingCommand
from dataverse.errors import DataverseError
from jobs import services as jobs
from sync.coupling_setup import services


class Command(MappingCommand):
    """Couple a record with a Dataverse row by hand."""

    help = "Couple a record with a Dataverse row by hand; what either is coupled with already is refused, and named."
    needs = Can.OPERATE

    def arguments(self, parser: CommandParser) -> None:
        """Add which record, which row, and which side counts first."""
        super().arguments(parser)
        parser.add_argument("--local", required=True, metavar="NO", help="The record's number or code.")
        parser.add_argument("--integration", required=True, metavar="GUID", help="The Dataverse row's id.")
        parser.add_argument(
            "--initial",
            choices=[services.NONE, *services.WAYS],
            default=services.NONE,
            help="Synchronize after coupling: to Dataverse or from it; default: not at all.",
        )

    def run(self, options: dict[str, Any]) -> None:
        """Couple, wait for the synchronization that was asked for, and print both."""
        mapping = self.mapping(options["mapping"])
        row_id = self.row_id(options["integration"])
        (local_id,) = self.selection(mapping, [options["local"]], option="--local") or []
        try:
            made, job = services.couple(
                mapping=mapping, local_id=local_id, integration_id=row_id, initial=options["initial"], user=self.acting
            )
        except DataverseError as error:
            self.refuse_for(error)
        ended = self.wait_for(job) if job is not None else None
        if self.as_json:
            pair = {"local": options["local"], "integration": made.integration_id}
            self.print_json({"coupling": pair, "job": jobs.summary(ended) if ended is not None else None})
        self.print_text(f"{mapping.name}: {options['local']} is coupled with {made.integration_id}.")
        if ended is not None:
            if not self.as_json:
                self.print_result(jobs.summary(ended))
            self.end_with(ended)
