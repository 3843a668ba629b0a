"""Whose a Dataverse row is by the mark that it carries: the lookup to a company's row in Dataverse."""

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from connection_setup.models import DataverseConnection
from coupling.gateway import Gateway
from jobs.mentions import HIDDEN, Mention, Text
from masterdata.models import Company


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a row is: the name that Dataverse has for the company, and which company of this installation it is."""

    name: str = ""
    company_id: int | None = None

    def __str__(self) -> str:
        if self.company_id is not None:
            return HIDDEN
        return f"another company, {self.name}" if self.name else "another company"

    def belongs(self, row: str) -> Text:
        """Return the sentence that says whose a row is. row: how it begins, such as "The row"."""
        mentions = (Mention(self.company_id),) if self.company_id is not None else ()
        return Text(f"{row} belongs to {self}.", mentions)


def read_owner(gateway: Gateway, company_row: UUID) -> Owner:
    """Return whose a row of a company in Dataverse is: of this installation, by its id or its name, or another."""
    known = DataverseConnection.objects.filter(company_row_id=company_row).values_list("company_id", flat=True)
    if (company_id := known.first()) is not None:
        return Owner("", company_id)
    found = gateway.rows("tandem_company", ["tandem_name"], {"tandem_companyid": company_row})
    name = str(found[0].values.get("tandem_name") or "") if found else ""
    same = Company.objects.filter(name=name).values_list("pk", flat=True) if name else Company.objects.none()
    return Owner(name, cast("int | None", same.first()))
