"""manage.py company create NAME --currency USD | company list."""

import re
from typing import Any

from django.core.management.base import CommandParser

from core.commands import TandemCommand
from core.roles import Can
from masterdata.models import Company
from masterdata.visible_companies import companies_for


class Command(TandemCommand):
    """Create a company, or list them."""

    help = "Create a company, or list them. Each has its own records, connection, mappings, couplings and jobs."

    def arguments(self, parser: CommandParser) -> None:
        """Add what to do, and the new company's properties."""
        parser.add_argument("action", choices=["create", "list"])
        parser.add_argument("name", nargs="?", metavar="NAME", help="With create: the company's name.")
        parser.add_argument(
            "--currency", metavar="CODE", help="With create: the local currency, such as USD (ISO 4217)."
        )
        parser.add_argument(
            "--country", metavar="CODE", default="", help="With create: the country, such as US (ISO 3166)."
        )

    def authorize_and_run(self, options: dict[str, Any]) -> None:
        """Do the work, where the person may; everybody lists the companies that they see."""
        if options["action"] != "list":
            self.authorize(Can.ADMINISTER_ALL)
        self.run(options)

    def run(self, options: dict[str, Any]) -> None:
        """Do it."""
        if options["action"] == "list":
            self._list()
        else:
            self._create(options["name"], options["currency"], options["country"])

    def _create(self, name: str | None, currency: str | None, country: str) -> None:
        if not name or not name.strip() or not currency:
            example = "company create Contoso --currency USD"
            self.usage_error(f"company create needs a name and --currency, such as: {example}")
        name, currency, country = name.strip(), currency.upper(), country.upper()
        if not re.fullmatch("[A-Z]{3}", currency):
            self.refuse(
                "invalid",
                f"{currency!r} is not a currency code.",
                "Write three letters, such as USD.",
            )
        if country and not re.fullmatch("[A-Z]{2}", country):
            self.refuse("invalid", f"{country!r} is not a country code.", "Write two letters, such as US.")
        if len(name) > 100:
            self.refuse(
                "invalid",
                f"The name has {len(name)} characters; a company's takes 100.",
                "Shorten it.",
            )
        if Company.objects.filter(name__iexact=name).exists():
            self.refuse("company_exists", f"There already is a company {name!r}.", "Choose another name.")
        company = Company.objects.create(name=name, currency_code=currency, country_code=country)
        if self.as_json:
            self.print_json({"company": _described(company)})
        self.print_text(
            f"{company.name} was created; its local currency is {currency}. Its pages are below /c/{company.slug}/."
        )

    def _list(self) -> None:
        companies = list(companies_for(self.acting))
        if self.as_json:
            self.print_json({"companies": [_described(company) for company in companies]})
        elif not companies:
            self.print_text("There is no company yet; make one with: manage.py company create NAME --currency USD")
        for company in companies:
            self.print_text(f"{company.name}  {company.currency_code}  /c/{company.slug}/")


def _described(company: Company) -> dict[str, Any]:
    return {
        "name": company.name,
        "slug": company.slug,
        "id": company.system_id,
        "currency": company.currency_code,
        "country": company.country_code,
    }
