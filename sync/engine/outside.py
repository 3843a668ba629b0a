"""Why pairs are outside a mapping's filters, in words, and what became of rows that were merged into others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from coupling import filters
from coupling.company_marks import Owner, read_owner
from coupling.filters.words import ColumnWords, describe, words_of_columns
from coupling.gateway import Gateway
from coupling.local_records import table_filter
from coupling.models import IntegrationTableMapping
from coupling.rows import RemoteRow
from masterdata.catalog import LocalTable

MASTER = "masterid"
"""The column by which Dataverse says which row a row was merged into."""
_MOST_MERGES = 5
"""How often in a row a row's successor may itself have been merged."""
_FIX = "Change that {where}, or choose Delete Couplings; Accept where it is meant to be so."


@dataclass(frozen=True, slots=True)
class Outside:
    """Why a pair is outside: message and fix as one text.

    successor_id: the row that its row was merged into; company_id: the other company of this installation that the
    text says the row belongs to (jobs.mentions).
    """

    text: str
    successor_id: UUID | None = None
    company_id: int | None = None


class OutsideRows:
    """Finds the Dataverse rows that are outside the integration table filter, and explains why they are."""

    def __init__(self, mapping: IntegrationTableMapping, gateway: Gateway, row_filter: filters.Node) -> None:
        self.mapping, self.gateway, self.row_filter = mapping, gateway, row_filter
        self._is_inside = filters.tester(row_filter)
        self._columns = gateway.table(mapping).columns
        self._masters: dict[UUID, RemoteRow] = {}
        self._companies: dict[str, Owner] = {}

    def find(self, rows: Sequence[RemoteRow]) -> set[UUID]:
        """Return which of these rows are outside; what explains them is read, in few requests, where some are."""
        outside = [row for row in rows if not self._is_inside(row.values.get)]
        if outside:
            self._read_what_explains(outside)
        return {row.id for row in outside}

    def _read_what_explains(self, outside: Sequence[RemoteRow]) -> None:
        if MASTER in self._columns:
            self._read_masters(outside)
        for row in outside:
            company = str(row.values.get(self.mapping.company_column) or "")
            if company and company not in self._companies:
                self._companies[company] = read_owner(self.gateway, UUID(company))

    def _read_masters(self, rows: Sequence[RemoteRow]) -> None:
        """Find for each row the one it was merged into, whose own master is looked for in turn."""
        heirs = {row.id: row.id for row in rows}
        for _ in range(_MOST_MERGES):
            found = self.gateway.read(self.mapping, [MASTER], set(heirs.values()))
            masters = {row.id: UUID(row.values[MASTER]) for row in found.values() if row.values.get(MASTER)}
            self._masters |= {first: found[last] for first, last in heirs.items() if last in found and first != last}
            heirs = {first: masters[last] for first, last in heirs.items() if last in masters}
            if not heirs:
                return

    def explain(self, row: RemoteRow) -> Outside:
        """Return why a row is outside that `find` found."""
        master = self._masters.get(row.id)
        if master is not None:
            return Outside(f"The row was merged into {master.name} in Dataverse: couple with it.", master.id)
        unmet = filters.unmet(self.row_filter, row.values.get)
        company = str(row.values.get(self.mapping.company_column) or "")
        if company and any(self.mapping.company_column in filters.field_names(missed) for missed in unmet):
            owner = self._companies.get(company, Owner())
            return Outside(
                f"The Dataverse row belongs to {owner}. Choose Delete Couplings, or change its company there.",
                company_id=owner.company_id,
            )
        why = describe(unmet, row.values.get, words_of_columns(self._columns), self.mapping.name)
        message = f"The Dataverse row is outside the mapping's integration table filter: {why}."
        return Outside(f"{message} {_FIX.format(where='in Dataverse')}")


def explain_record(mapping: IntegrationTableMapping, table: LocalTable, values: Mapping[str, Any]) -> Outside:
    """Return why a local record is outside the table filter; `values`: its fields, those of the filter among them."""

    def words(name: str) -> ColumnWords:
        field = table.field(name)
        return ColumnWords(field.caption, dict(field.choices))

    unmet = filters.unmet(table_filter(mapping), values.get)
    why = describe(unmet, values.get, words, mapping.name)
    message = f"The record is outside the mapping's table filter: {why}." if why else (
        "The record is outside the mapping's table filter."
    )  # fmt: skip
    if not why and mapping.table == "opportunity":
        return Outside(
            f"The opportunity's contact {values.get('contact_no')} is no person of a customer or vendor, and with the "
            "ownership model Team only those are synchronized. Choose another contact, or give the contact's company a "
            "Customer No."
        )
    if not why and mapping.table == "contact":
        return Outside(
            f"The contact's company {values.get('company_no')} is no customer or vendor, so there is no account that "
            "its row could belong to. Give the company's contact a Customer No. or a Vendor No."
        )
    return Outside(f"{message} {_FIX.format(where='here')}")
