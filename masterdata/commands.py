"""What every command shares: --json, --company, refusals and exit codes.

Exit 0: done, even with failed records; 1: refused or failed; 2: usage. With --json stdout carries JSON alone and
progress goes to stderr.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError, connection

from masterdata.models import Company


class Refused(CommandError):
    """The command will not do it: a word for programs and a sentence for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, returncode=1)
        self.reason = reason
        self.message = message


class TandemCommand(BaseCommand):
    """A command that speaks JSON when asked. Subclasses fill `arguments` and `run`."""

    as_json = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """A parser that takes names before, between and behind the options: mapping show --company NAME CUSTOMER."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.parse_args = parser.parse_intermixed_args  # type: ignore[method-assign]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """--json, then the command's own."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print JSON for programs.")
        self.arguments(parser)

    def arguments(self, parser: CommandParser) -> None:
        """The command's own arguments."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run; turn a refusal into its document or sentence and exit code 1."""
        try:
            return self._executed(args, options)
        except BrokenPipeError:
            # Who reads the output has seen enough (head, a pager); what is left of it goes nowhere.
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
            raise SystemExit(1) from None

    def _executed(self, args: tuple[Any, ...], options: dict[str, Any]) -> str | None:
        try:
            return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            if Company._meta.db_table in connection.introspection.table_names():
                raise
            refusal = Refused("no_tables", "The database has no tables yet. Make them with: manage.py migrate")
            self._refused(refusal, options)
            raise SystemExit(refusal.returncode) from error
        except Refused as refusal:
            self._refused(refusal, options)
            raise SystemExit(refusal.returncode) from None

    def _refused(self, refusal: Refused, options: dict[str, Any]) -> None:
        if options.get("as_json"):
            self.document({"error": {"reason": refusal.reason, "message": refusal.message}})
        else:
            self.stderr.write(refusal.message)

    def handle(self, *_: Any, **options: Any) -> None:
        """Note the way of speaking, then do the work."""
        self.as_json = options["as_json"]
        self.run(options)

    def run(self, options: dict[str, Any]) -> None:
        """Do the command's work."""

    def refuse(self, reason: str, message: str) -> NoReturn:
        """End with exit code 1: `reason` for programs, `message` (what, why, what next) for people."""
        raise Refused(reason, message)

    def misused(self, message: str) -> NoReturn:
        """End with exit code 2: the arguments make no sense together."""
        raise CommandError(message, returncode=2)

    def document(self, content: Mapping[str, Any]) -> None:
        """Print one JSON document on stdout."""
        self.stdout.write(_json(content, indent=2))

    def lines(self, contents: Iterable[Mapping[str, Any]]) -> None:
        """Print one JSON object per line on stdout."""
        for content in contents:
            self.stdout.write(_json(content))

    def say(self, text: str) -> None:
        """Print a line for people; nothing with --json."""
        if not self.as_json:
            self.stdout.write(text)

    def progress(self, text: str) -> None:
        """Print a line about work under way, on stderr with --json."""
        if self.as_json:
            self.stderr.write(text, self.style.NOTICE)
        else:
            self.stdout.write(text)


class CompanyCommand(TandemCommand):
    """A command about one company, named by --company; `self.company` while it runs."""

    company: Company

    def add_arguments(self, parser: CommandParser) -> None:
        """--company and --json, then the command's own."""
        parser.add_argument(
            "--company", required=True, metavar="NAME", help="The company's name, or its part of the address."
        )
        super().add_arguments(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        """Find the company, then do the work."""
        self.as_json = options["as_json"]
        self.company = self.company_named(options["company"])
        self.run(options)

    def company_named(self, name: str) -> Company:
        """The company of that name or address. Refused where there is none."""
        found = Company.objects.filter(name__iexact=name).first() or Company.objects.filter(slug=name).first()
        if not found:
            self.refuse("unknown_company", self._unknown(name))
        return found

    def _unknown(self, name: str) -> str:
        names = list(Company.objects.values_list("name", flat=True))
        known = (
            f"The companies are: {', '.join(names)}."
            if names
            else "There is none yet; make one with: manage.py company create NAME --currency USD"
        )
        return f"There is no company {name!r}. {known}"


def _json(content: Mapping[str, Any], indent: int | None = None) -> str:
    return json.dumps(content, indent=indent, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, UUID):
        return str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)
