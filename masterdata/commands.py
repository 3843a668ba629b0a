"""What every command shares: --json, --company, refusals and exit codes.

Exit 0: done, even with failed records; 1: refused or failed; 2: usage. With --json stdout carries JSON alone and
progress goes to stderr.
"""

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from core.commands import TandemCommand
from core.refusals import Refusal
from core.roles import Can
from masterdata.models import Company
from masterdata.visible_companies import companies_for


class CompanyCommand(TandemCommand):
    """A command about one company, named by --company; `self.company` while it runs."""

    company: Company
    needs = Can.ADMINISTER

    def add_arguments(self, parser: CommandParser) -> None:
        """--company and --json, then the command's own."""
        parser.add_argument(
            "--company", required=True, metavar="NAME", help="The company's name, or its part of the address."
        )
        super().add_arguments(parser)

    def authorize_and_run(self, options: dict[str, Any]) -> None:
        """Find the company, then do the work where the person may do it there."""
        self.company = self.company_named(options["company"])
        self.authorize(self.needed(options), self.company)
        self.run(options)

    def company_named(self, name: str) -> Company:
        """Return the company of that name or address. Refusal where there is none, or none that the person sees."""
        return company_named(name, self.acting)


def company_named(name: str, acting: Any = None) -> Company:
    """Return the company of that name or address. Refusal where there is none, or none that the acting person sees."""
    known = companies_for(acting)
    found = known.filter(name__iexact=name).first() or known.filter(slug=name).first()
    if not found:
        raise Refusal("unknown_company", _unknown(name, [company.name for company in known]))
    return found


def _unknown(name: str, names: Sequence[str]) -> str:
    """Return the sentence about a company that is not among these."""
    known = (
        f"The companies are: {', '.join(names)}."
        if names
        else "There is none yet; make one with: manage.py company create NAME --currency USD"
    )
    return f"There is no company {name!r}. {known}"
