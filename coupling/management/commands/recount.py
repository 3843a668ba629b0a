"""manage.py recount: count anew which records are coupled, for the lists of coupled and uncoupled records."""

from typing import Any

from core.commands import TandemCommand
from coupling import listed
from masterdata import catalog


class Command(TandemCommand):
    """Count anew which records are coupled; the database itself keeps it otherwise."""

    help = "Count anew which records are coupled, for the lists of coupled and uncoupled records."

    def run(self, options: dict[str, Any]) -> None:  # noqa: ARG002
        """Do it, table by table."""
        counted = {table.name: listed.rebuild(table) for table in catalog.tables()}
        if self.as_json:
            self.document({"records": counted})
        for name, number in counted.items() if not self.as_json else ():
            self.say(f"{name:<20} {number:>9,} records")
