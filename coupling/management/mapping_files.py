"""What `manage.py mapping` does with files: export, import, copy to another company, and what a reset would discard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from core.roles import Can
from coupling.commands import MappingCommand
from coupling.mapping_files.difference import Change, summary
from coupling.mapping_files.types import MAX_BYTES
from coupling.mapping_files.writing import file_document, write_file
from coupling.mappings import defaults, file_services
from dataverse.errors import DataverseError

WHAT = ("export", "import", "copy", "add-defaults")
"""What is done here."""
_NEEDS = {"export": Can.READ, "copy": Can.READ, "import": Can.ADMINISTER, "add-defaults": Can.MAP}
_TAKES = {
    "--check": ("check", ("import", "copy", "reset", "add-defaults")),
    "--to": ("to", ("copy",)),
    "--output": ("output", ("export",)),
}
"""Option -> its name, and what takes it."""


class MappingFileCommand(MappingCommand):
    """Export, import and copy mappings; reset them and add default ones, with what that changes."""

    def file_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of files."""
        parser.add_argument("--check", action="store_true", help="Show what would change, and change nothing.")
        parser.add_argument("--to", metavar="COMPANY", help="With copy: the company that gets the mappings.")
        parser.add_argument("--output", metavar="FILE", help="With export: the file to write, instead of stdout.")

    def needed_for_file(self, what: str) -> Can:
        """Return what a person needs in --company."""
        return _NEEDS[what]

    def check_file_words(self, what: str, options: dict[str, Any]) -> None:
        """Refuse options that say nothing about what is done."""
        for word, (name, takers) in _TAKES.items():
            if options[name] and what not in takers:
                self.usage_error(f"{word} goes with mapping {' or '.join(takers)}, not with mapping {what}.")

    def run_file(self, what: str, names: Sequence[str], options: dict[str, Any]) -> None:
        """Export, import, copy, or add the default mappings that are missing."""
        if what == "export":
            self._export(names, options["output"])
        elif what == "import":
            self._import(names, check=options["check"])
        elif what == "copy":
            self._copy(names, options["to"], check=options["check"])
        elif names:
            self.usage_error("mapping add-defaults takes no name: it adds all default mappings that are missing.")
        else:
            self._carry_out(file_services.plan_defaults(self.company), check=options["check"])

    def _export(self, names: Sequence[str], output: str | None) -> None:
        file = file_services.export_file(self.company, names)
        if output is None:
            if self.as_json:
                self.print_json(file_document(file))
            else:
                self.stdout.write(write_file(file), ending="")
            return
        try:
            Path(output).write_text(write_file(file), encoding="utf-8", newline="\n")
        except OSError as error:
            self.refuse("file", f"{output} cannot be written: {error.strerror}.", "Name another file after --output.")
        found = sorted(one.name for one in file.mappings)
        if self.as_json:
            self.print_json({"file": output, "mappings": found})
        self.print_text(f"{output} has {len(found)} mappings of {self.company}: {', '.join(found)}.")

    def _import(self, names: Sequence[str], *, check: bool) -> None:
        if len(names) != 1:
            self.usage_error("Write: mapping import FILE --company NAME [--check]")
        try:
            with Path(names[0]).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            self.refuse("file", f"{names[0]} cannot be read: {error.strerror}.", "Check the name of the file.")
        try:
            plan = file_services.plan_import(self.company, content)
        except DataverseError as error:
            self.refuse_for(error)
        self._carry_out(plan, check=check)

    def _copy(self, names: Sequence[str], to: str | None, *, check: bool) -> None:
        if not to:
            self.usage_error("Write: mapping copy [MAPPING ...] --company NAME --to COMPANY [--check]")
        target = self.company_named(to)
        self.authorize(Can.ADMINISTER, target)
        try:
            plan = file_services.plan_copy(self.company, names, target)
        except DataverseError as error:
            self.refuse_for(error)
        self._carry_out(plan, check=check)

    def _carry_out(self, plan: file_services.Plan, *, check: bool) -> None:
        """Show what a plan changes, and store it unless it is only looked at."""
        told = list(plan.told)
        if not check:
            file_services.carry_out(plan, user=self.acting)
            try:
                told += file_services.outside_sentences(plan.company, plan.changes)
            except DataverseError as error:
                told.append(error.user_message)
        for sentence in told:
            self.print_progress(sentence)
        document = {"company": str(plan.company), "mappings": [one.name for one in plan.file.mappings]}
        if self.as_json:
            self.print_json({**document, "applied": not check, "told": told, **_documents(plan.changes)})
        self._print_changes(plan.changes)
        if not plan.changes:
            self.print_text("Nothing differs.")
        elif check:
            self.print_text(f"{len(plan.changes):,} differences; nothing was changed.")
        else:
            self.print_text(f"{len(plan.changes):,} changes are stored in {plan.company}.")

    def _print_changes(self, changes: Sequence[Change]) -> None:
        for one in changes:
            self.print_text(f"  {one.sentence}")

    def reset(self, name: str | None, *, check: bool) -> None:
        """Reset one mapping, or all that have a default; say what that discards."""
        wanted = [name] if name else None
        changes = defaults.reset_changes(self.company, wanted)
        names = defaults.resettable_names(self.company, wanted)
        if not check:
            names = [mapping.name for mapping in defaults.reset_mappings(self.company, wanted)]
        if self.as_json:
            self.print_json({"reset": [] if check else names, "applied": not check, **_documents(changes)})
        for sentence in summary(changes):
            self.print_text(sentence)
        self._print_changes(changes)
        if check:
            self.print_text(f"A reset of {', '.join(names)} would change this; nothing was changed.")
        else:
            self.print_text(f"Back to the default: {', '.join(names)}.")


def _documents(changes: Sequence[Change]) -> dict[str, Any]:
    return {"summary": summary(changes), "changes": [one.document() for one in changes]}
