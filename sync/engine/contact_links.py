"""The company of a contact: here the contact that is the business, in Dataverse the account of its customer or vendor.

Company No. leads to the company's contact, that to a customer or vendor, and that one's coupling to the account; back
again the same way. An opportunity's company leads to the account of a customer alone: nothing is sold to a vendor.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from coupling.contact_accounts import (
    CONTACT,
    PARENT,
    PARTNERS,
    accounts_of_companies,
    companies_of_accounts,
    partners_of,
)
from coupling.models import IntegrationTableMapping
from masterdata import catalog
from sync.engine.field_specs import Fields, LinksLoader
from sync.rules.canonical import FieldSpec
from sync.rules.values import Links

COMPANY_NO = "company_no"
_COMPANIES: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    CONTACT: (COMPANY_NO, PARENT, PARTNERS),
    "opportunity": ("contact_company_no", "parentaccountid", {"customer": PARTNERS["customer"]}),
}
"""By the table: the field with a company's contact, the column with its account, and whose account that may be."""
NEW = "(new)"
"""What a preview shows for the number of a company's contact that a run would add."""


class CompanyLinks(LinksLoader):
    """Fills the links between numbers of companies' contacts and accounts."""

    def __init__(self, company: Any, spec: FieldSpec, partners: Mapping[str, str]) -> None:
        super().__init__(company, spec, catalog.table(CONTACT))
        self._partner_tables = partners
        self.expects_new = False
        """Whether a company that has no contact yet counts as there: for previews, since a run adds it."""

    def load(self, codes: set[str], row_ids: set[str]) -> None:
        """Look up what was not looked up before."""
        codes = {self._table.normal_key(code) for code in codes}
        new_codes, new_ids = codes - self._looked_up, {row_id.lower() for row_id in row_ids} - self._looked_up
        self._looked_up |= new_codes | new_ids
        if new_codes:
            # An account may belong to several companies' contacts; which of them comes back is decided below alone.
            self.partners |= accounts_of_companies(self._company, new_codes, self._partner_tables)
        if new_ids:
            found = companies_of_accounts(self._company, new_ids)
            if self.expects_new:
                found = {account: NEW for account, _, _ in partners_of(self._company, new_ids)} | found
            for account, code in found.items():
                self._add(code, account)

    def forget(self, row_ids: Iterable[str]) -> None:
        """Look these accounts up again."""
        self._looked_up -= {row_id.lower() for row_id in row_ids}


def link_companies(fields: Fields, mapping: IntegrationTableMapping) -> CompanyLinks | None:
    """Have the field with the company of a contact or an opportunity lead to accounts.

    Returns the links of contacts, whose companies a run adds; None for other mappings, and those without such a field.
    """
    if mapping.table not in _COMPANIES:
        return None
    field, column, partners = _COMPANIES[mapping.table]
    for name, spec in fields.specs.items():
        if spec.local_name == field and spec.column.name == column:
            loader = CompanyLinks(mapping.company, spec, partners)
            fields.links_loaders = [one for one in fields.links_loaders if one.field != field]
            fields.links_loaders.append(loader)
            links = Links("company", loader.partners, loader.codes, target="account", table=CONTACT)
            fields.specs[name] = replace(spec, links=links)
            return loader if mapping.table == CONTACT else None
    return None
