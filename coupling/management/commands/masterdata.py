"""manage.py masterdata import TABLE FILE --company NAME [--columns "no=customerID,name=companyName"]."""

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from coupling.records import import_preview, import_services
from jobs.models import Job
from jobs.running import waiting
from masterdata import catalog
from masterdata.commands import CompanyCommand
from masterdata.files import kept, writing
from masterdata.files.styles import DECIMAL_NAMES, ORDER_NAMES
from masterdata.files.types import Options

_SHOWN = 20
_QUIET_S = 2.0


class Command(CompanyCommand):
    """Bring a company's records in from a file."""

    help = (
        "Bring a company's records in from a CSV file or an Excel workbook; known ones are updated, bad rows refused."
    )

    def arguments(self, parser: CommandParser) -> None:
        """Add what to import from where, and the choices about the file."""
        parser.add_argument("action", choices=["import"])
        parser.add_argument("table", metavar="TABLE", help="customer, vendor, contact, item, ...")
        parser.add_argument("file", metavar="FILE", type=Path, help="CSV with a header, or .xlsx.")
        parser.add_argument(
            "--columns",
            metavar="MAP",
            help='Which field takes which column of the file: "no=customerID,name=companyName"; others are left out. '
            "Without it the file's columns must be named like fields or their captions.",
        )
        found = "found out unless given"
        parser.add_argument("--encoding", default="", metavar="E", help=f"utf-8, cp1250, cp1251, ...; {found}.")
        parser.add_argument("--separator", default="", metavar="C", help=f"What stands between values; {found}.")
        parser.add_argument("--sheet", default="", metavar="NAME", help="The workbook's sheet; the first one it shows.")
        of_one = "; FIELD=... for one column, repeatable"
        parser.add_argument(
            "--decimal", action="append", default=[], metavar="[FIELD=]MARK",
            help=f"The decimal mark, , or .{of_one}; {found}.",
        )  # fmt: skip
        parser.add_argument(
            "--dates", action="append", default=[], metavar="[FIELD=]ORDER",
            help=f"The order in dates, dmy, mdy or ymd{of_one}; {found}.",
        )  # fmt: skip
        parser.add_argument(
            "--blank-clears", action="append", nargs="?", const="", default=[], metavar="FIELD",
            help="Blank cells clear what the record has; --blank-clears=FIELD: in that column alone, repeatable.",
        )  # fmt: skip
        parser.add_argument("--preview", action="store_true", help="Tell what would be done; write nothing.")
        parser.add_argument(
            "--rows", type=Path, metavar="CSV", help="With --preview: write every row into this file, field by field."
        )

    def run(self, options: dict[str, Any]) -> None:
        """Import and print the numbers."""
        columns = self._columns(options["columns"])
        if options["rows"] and not options["preview"]:
            self.usage_error("--rows goes with --preview.")
        decimal, decimal_of = self._choices("--decimal", options["decimal"], DECIMAL_NAMES)
        dates, dates_of = self._choices("--dates", options["dates"], ORDER_NAMES)
        chosen = Options(
            **{name: options[name] for name in ("encoding", "separator", "sheet")},
            decimal=decimal, dates=dates, decimal_of=decimal_of, dates_of=dates_of,
        )  # fmt: skip
        self._said = time.monotonic()
        try:
            table = catalog.table(options["table"].lower().replace("-", "_"))
        except LookupError as error:
            self.refuse("unknown_table", str(error))
        file = kept.keep_path(options["file"])
        try:
            job = import_services.start_import(
                company=self.company, table=table, file=file, file_name=options["file"].name, columns=columns,
                options=chosen, blank_clears="" in options["blank_clears"],
                blank_clears_of={name: True for name in options["blank_clears"] if name},
                preview=options["preview"], user=self.acting,
            )  # fmt: skip
            job = waiting.run_to_end(job, self._on_progress)
            if options["rows"] and import_preview.is_kept(job):
                self._write_rows(job, options["rows"])
        finally:
            if file.name not in import_services.files_needed():
                file.remove()
        if refusal := import_services.refusal_of(job):
            self.refuse(refusal["reason"], refusal["message"], refusal["fix"])
        document = {**import_services.document_of(job), "file": str(options["file"])}
        if self.as_json and options["preview"]:
            self.print_json_lines([document])  # as every preview: the summary on the last line
        elif self.as_json:
            self.print_json(document)
        else:
            self._print(table.caption_plural, job, document)

    def _write_rows(self, job: Job, path: Path) -> None:
        try:
            with path.open("wb") as file:
                file.writelines(writing.csv_lines(import_preview.HEADER, import_preview.table_rows(job)))
        except OSError as error:
            self.usage_error(f"{path} cannot be written: {error.strerror}.")

    def _on_progress(self, job: Job) -> None:
        """Say how far a long import is, now and then."""
        if job.processed and not job.ended and time.monotonic() - self._said > _QUIET_S:
            self._said = time.monotonic()
            self.print_progress(f"{job.phase}: {job.processed:,} of {job.total or 0:,} rows")

    def _columns(self, text: str | None) -> dict[str, str] | None:
        if text is None:
            return None
        columns: dict[str, str] = {}
        for pair in text.split(","):
            name, mark, word = (part.strip() for part in pair.partition("="))
            if not (name and mark and word):
                self.usage_error(f"--columns has {pair!r}; write FIELD=COLUMN pairs with commas between them.")
            if name in columns:
                self.usage_error(f"--columns names the field {name} twice.")
            columns[name] = word
        return columns

    def _choices(self, option: str, given: list[str], known: Collection[str]) -> tuple[str, dict[str, str]]:
        """Return what an option says for all columns, and for single ones: "dmy", "created=mdy"."""
        whole, single = "", {}
        for text in given:
            name, mark, value = text.rpartition("=")
            if value not in known or bool(name.strip()) != bool(mark):
                words = " or ".join(known)
                self.usage_error(f"{option} has {text!r}; write {words}, or FIELD= before it for one column.")
            if name:
                single[name.strip()] = value
            else:
                whole = value
        return whole, single

    def _print(self, what: str, job: Job, document: dict[str, Any]) -> None:
        head = "Preview of " if document.get("preview") else ""
        total = document["total"]
        counts = ", ".join(f"{document[word]:,} {word}" for word in ("inserted", "modified", "unchanged", "failed"))
        rows = "1 row" if total == 1 else f"{total:,} rows"
        self.print_text(f"{head}{what} of {self.company.name}: {rows}, {counts}.")
        plan = import_services.plan_of(job)
        for sentence in plan.sentences() if plan else ():
            self.print_text(f"  {sentence}")
        if blanks := document["decisions"]["blanks_kept"]:
            self.print_text(f"  Blank cells that left the records' values as they were: {blanks}; see --blank-clears.")
        for one in document.get("changes", [])[:_SHOWN]:
            self.print_text(f"  line {one['line']}, changed: {_told(one, changed=True)}")
        for one in document.get("new", [])[:_SHOWN]:
            self.print_text(f"  line {one['line']}, new: {_told(one, changed=False)}")
        for error in document["errors"][:_SHOWN]:
            where = f"line {error['line']}" + (f", column {error['column']}" if error["column"] else "")
            self.print_text(f"  {where}: {error['cause']} {error['fix']}")
        if document["failed"] > _SHOWN:
            self.print_text(f"  and {document['failed'] - _SHOWN} more; --json lists them.")


def _told(row: dict[str, Any], *, changed: bool) -> str:
    """Return a row of a preview: "1 Alder; City: Oslo -> Bergen", "2 Birch; City: Bergen"."""
    parts = [f"{row['key']} {row['name']}".strip()]
    for one in row["fields"]:
        before, after = one["before"] or "(blank)", one["local_value"] or "(blank)"
        parts.append(f"{one['caption']}: {before} -> {after}" if changed else f"{one['caption']}: {after}")
    return "; ".join(parts)
