"""What every command shares: --json, --company, refusals and exit codes.

Exit 0: done, even with failed records; 1: refused or failed; 2: usage. With --json stdout carries JSON alone and
progress goes to stderr.
"""

from typing import Any

from django.core.management.base import CommandParser

from core.commands import TandemCommand
from masterdata.models import Company


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
        """Return the company of that name or address. Refusal where there is none."""
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
