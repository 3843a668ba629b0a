"""A registered model that does not inherit SynchronizedRecord: which of its columns play whose part.

Its ids, and what else its table has no column for, are kept beside it: masterdata.identities.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from core.refusals import NotUsable
from masterdata.models import Company


@dataclass(frozen=True)
class NamedColumns:
    """The columns of such a model.

    company: the column that tells the company, "" where all records belong to the one of the address `only_company`;
    company_value: what the column holds for a company, None for a company that has no records; it is the company itself
    where the column is a foreign key to masterdata.Company. modified: the column with the moment of the last change, ""
    where there is none.
    """

    company: str = ""
    company_value: Callable[[Company], Any] | None = None
    only_company: str = ""
    modified: str = ""

    def condition(self, company: Company) -> dict[str, Any] | None:
        """Return which records are a company's, as a filter; None where it can have none."""
        if not self.company:
            return {} if company.slug == self.only_company else None
        value = self.company_value(company) if self.company_value is not None else company.pk
        value = value.pk if isinstance(value, Model) else value
        return None if value is None else {self.company: value}

    def of_new_record(self, company: Company, caption: str) -> dict[str, Any]:
        """Return what a new record of a company holds in the company's column. Raises NotUsable where it can have none.

        caption: of the table, in the plural.
        """
        found = self.condition(company)
        if found is None:
            raise NotUsable(
                f"{caption} cannot be added to {company.name}: as the table is registered, that company has none.",
                "Work in the company they belong to, or have the table's registration changed by a developer.",
            )
        return found
