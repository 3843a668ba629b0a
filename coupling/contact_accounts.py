"""Which accounts the companies of contacts are: by the customer or vendor that a company's contact names."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from coupling.models import Coupling, couplings_of_table
from masterdata import catalog
from masterdata.models import Contact
from masterdata.models.parties import ContactType

CONTACT = "contact"
PARTNERS = {"customer": "customer_no", "vendor": "vendor_no"}
"""Tables that contacts belong to -> the field of a company's contact with their number."""
PARENT = "parentcustomerid"
"""The column of contacts with the account that they belong to."""
_PART = 1000


def accounts_of_companies(
    company: Any, codes: Iterable[str] | None = None, partners: Mapping[str, str] = PARTNERS
) -> dict[str, str]:
    """Return the accounts (GUID text) of companies' contacts by their numbers; those without are missing.

    codes: the numbers that are looked up, None for all; partners: whose accounts count, as in PARTNERS.
    """
    contacts = Contact.objects.filter(company=company, type=ContactType.COMPANY)
    contacts = contacts.exclude(customer_no="", vendor_no="") if codes is None else contacts.filter(no__in=list(codes))
    rows = list(contacts.values_list("no", *partners.values()))
    found: dict[str, str] = {}
    for at, table in enumerate(partners, 1):
        accounts = _accounts(company, table, {row[at] for row in rows if row[at]})
        for row in rows:
            if row[at] in accounts:
                found.setdefault(row[0], accounts[row[at]])
    return found


def _accounts(company: Any, table: str, numbers: set[str]) -> dict[str, str]:
    """Return the accounts that records with these numbers are coupled to, by number."""
    partners, wanted, found = catalog.table(table).records(company).order_by(), sorted(numbers), dict[str, str]()
    for start in range(0, len(wanted), _PART):
        part = partners.filter(no__in=wanted[start : start + _PART])
        ids = dict(part.values_list("system_id", "no"))
        pairs = couplings_of_table(company, table).filter(pending=False, local_id__in=list(ids))
        found |= {str(ids[local_id]): str(row) for local_id, row in pairs.values_list("local_id", "integration_id")}
    return found


def partners_of(company: Any, row_ids: Iterable[str]) -> list[tuple[str, str, UUID]]:
    """Return the tables and ids of the records that accounts are coupled to, behind the account: customers first."""
    pairs = Coupling.objects.filter(
        company=company, table__in=PARTNERS, pending=False, integration_id__in=[UUID(one) for one in row_ids]
    ).order_by("table")
    return [(str(row), table, local) for row, table, local in pairs.values_list("integration_id", "table", "local_id")]


def companies_of_accounts(company: Any, row_ids: Iterable[str]) -> dict[str, str]:
    """Return the numbers of companies' contacts by account; accounts without one are missing."""
    found: dict[str, str] = {}
    by_table: dict[str, dict[UUID, str]] = {}
    for account, table, local_id in partners_of(company, row_ids):
        by_table.setdefault(table, {})[local_id] = account
    for table, accounts in by_table.items():
        numbers = dict(
            catalog.table(table).records(company).filter(system_id__in=accounts).values_list("no", "system_id")
        )
        field = PARTNERS[table]
        contacts = Contact.objects.filter(company=company, type=ContactType.COMPANY, **{f"{field}__in": list(numbers)})
        for number, code in contacts.order_by("-no").values_list(field, "no"):
            found[accounts[numbers[number]]] = code
    return found
