"""manage.py masterdata import TABLE FILE --company NAME [--columns "no=customerID,name=companyName"]."""

import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from masterdata import catalog
from masterdata.commands import CompanyCommand
from masterdata.files.importing import Summary, import_file

_SHOWN = 20
_QUIET_S = 2.0


class Command(CompanyCommand):
    """Bring a company's records in from a file."""

    help = (
        "Bring a company's records in from a CSV file or an Excel workbook; known ones are updated, bad rows reported."
    )

    def arguments(self, parser: CommandParser) -> None:
        """Add what to import from where."""
        parser.add_argument("action", choices=["import"])
        parser.add_argument("table", metavar="TABLE", help="customer, vendor, contact, item, ...")
        parser.add_argument("file", metavar="FILE", type=Path, help="CSV with a header, or .xlsx.")
        parser.add_argument(
            "--columns",
            metavar="MAP",
            help='Which field takes which column of the file: "no=customerID,name=companyName"; others are left out. '
            "Without it the file's columns must be named like fields or their captions.",
        )

    def run(self, options: dict[str, Any]) -> None:
        """Import and print the numbers."""
        columns = self._columns(options["columns"])
        self._said = time.monotonic()
        try:
            table = catalog.table(options["table"].lower().replace("-", "_"))
        except LookupError as error:
            self.refuse("unknown_table", str(error))
        summary = import_file(
            table=table, company=self.company, path=options["file"], columns=columns, on_progress=self._on_progress
        )
        if self.as_json:
            self.document({"table": table.name, "file": str(options["file"]), **summary.as_dict()})
        else:
            self._print(table.caption_plural, summary)

    def _on_progress(self, done: int, total: int) -> None:
        """Say how far a long import is, now and then."""
        if time.monotonic() - self._said > _QUIET_S:
            self._said = time.monotonic()
            self.progress(f"{done:,} of {total:,} rows")

    def _columns(self, text: str | None) -> dict[str, str] | None:
        if text is None:
            return None
        columns: dict[str, str] = {}
        for pair in text.split(","):
            name, mark, word = (part.strip() for part in pair.partition("="))
            if not (name and mark and word):
                self.misused(f"--columns has {pair!r}; write FIELD=COLUMN pairs with commas between them.")
            if name in columns:
                self.misused(f"--columns names the field {name} twice.")
            columns[name] = word
        return columns

    def _print(self, what: str, summary: Summary) -> None:
        self.say(
            f"{what} of {self.company.name}: {summary.total} rows, {summary.inserted} inserted, "
            f"{summary.modified} modified, {summary.unchanged} unchanged, {summary.failed} failed."
        )
        for error in summary.errors[:_SHOWN]:
            where = f"line {error.line}" + (f", column {error.column}" if error.column else "")
            self.say(f"  {where}: {error.cause} {error.fix}")
        if summary.failed > _SHOWN:
            self.say(f"  and {summary.failed - _SHOWN} more; --json lists them.")
