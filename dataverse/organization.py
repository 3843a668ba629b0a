"""The organization behind an environment, with its base currency."""

from typing import Protocol
from uuid import UUID

from dataverse import odata
from dataverse.errors import Gone
from dataverse.types import Organization, Page, Row


class Reads(Protocol):
    """What it takes to read it: the client."""

    def first_page(self, entity_set: str, *, select: list[str]) -> Page:
        """Return the first page of a query."""

    def get(self, entity_set: str, row_id: str, *, select: list[str]) -> Row:
        """Return one row."""


def read_organization(client: Reads) -> Organization:
    """Return the organization. Raises Gone when it is not shown to the user."""
    columns = ["organizationid", "name", "languagecode", odata.lookup("basecurrencyid")]
    rows = client.first_page("organizations", select=columns).rows
    if not rows:
        raise Gone(
            "Dataverse shows no organization to the application user.",
            "Give its security role read access to the table Organization.",
        )
    row = rows[0]
    currency = row.get(odata.lookup("basecurrencyid"))
    currency_row = client.get("transactioncurrencies", currency, select=["isocurrencycode"]) if currency else {}
    return Organization(
        id=UUID(row["organizationid"]),
        name=row.get("name") or "",
        base_currency_id=UUID(currency) if currency else None,
        base_currency_code=currency_row.get("isocurrencycode") or "",
        languages=(row["languagecode"],) if row.get("languagecode") else (),
    )
