"""Why pairs are outside a mapping's filters, in words, and what became of rows that were merged into others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from coupling import filters
from coupling.filters import COMPANY_COLUMN
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from coupling.rows import Condition, RemoteRow
from masterdata.catalog import LocalTable
from sync.rules.conditions import ColumnWords, describe

MASTER = "masterid"
"""The column by which Dataverse says which row a row was merged into."""
_MOST_MERGES = 5
"""How often in a row a row's successor may itself have been merged."""
_FIX = "Change that {where}, or choose Delete Couplings; Accept where it is meant to be so."


@dataclass(frozen=True, slots=True)
class Outside:
    """Why a pair is outside: message and fix as one text. successor_id: the row that its row was merged into."""

    text: str
    successor_id: UUID | None = None


class OutsideRows:
    """Finds the Dataverse rows that are outside the integration table filter, and explains why they are."""

    def __init__(self, mapping: IntegrationTableMapping, gateway: Gateway, conditions: Sequence[Condition]) -> None:
        self.mapping, self.gateway, self.conditions = mapping, gateway, conditions
        self._columns = gateway.table(mapping).columns
        self._masters: dict[UUID, RemoteRow] = {}
        self._companies: dict[str, str] = {}

    def find(self, rows: Sequence[RemoteRow]) -> set[UUID]:
        """Return which of these rows are outside; what explains them is read, in few requests, where some are."""
        outside = [row for row in rows if not filters.matches(self.conditions, row.values.get)]
        if outside:
            self._read_what_explains(outside)
        return {row.id for row in outside}

    def _read_what_explains(self, outside: Sequence[RemoteRow]) -> None:
        if MASTER in self._columns:
            self._read_masters(outside)
        for row in outside:
            company = str(row.values.get(COMPANY_COLUMN) or "")
            if company and company not in self._companies:
                found = self.gateway.rows("tandem_company", ["tandem_name"], {"tandem_companyid": UUID(company)})
                self._companies[company] = str(found[0].values.get("tandem_name") or "") if found else ""

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
        unmet = filters.unmet(self.conditions, row.values.get)
        company = str(row.values.get(COMPANY_COLUMN) or "")
        if company and any(condition.column == COMPANY_COLUMN for condition in unmet):
            name = self._companies.get(company)
            whom = f"another company, {name}" if name else "another company"
            return Outside(
                f"The Dataverse row belongs to {whom}. Choose Delete Couplings, or change its company there."
            )
        why = describe(unmet, row.values.get, self._words, self.mapping.name)
        message = f"The Dataverse row is outside the mapping's integration table filter: {why}."
        return Outside(f"{message} {_FIX.format(where='in Dataverse')}")

    def _words(self, column: str) -> ColumnWords:
        info = self._columns.get(column)
        return ColumnWords((info.label or column) if info else column, info.choices if info else {})


def explain_record(mapping: IntegrationTableMapping, table: LocalTable, values: Mapping[str, Any]) -> Outside:
    """Return why a local record is outside the table filter; `values`: its fields, those of the filter among them."""

    def words(name: str) -> ColumnWords:
        field = table.field(name)
        return ColumnWords(field.caption, dict(field.choices))

    def value(name: str) -> Any:
        return values.get(name) or None if isinstance(values.get(name), str) else values.get(name)

    unmet = filters.unmet([_with_blanks(one) for one in filters.parse_conditions(mapping.table_filter)], value)
    why = describe(unmet, value, words, mapping.name)
    message = f"The record is outside the mapping's table filter: {why}." if why else (
        "The record is outside the mapping's table filter."
    )  # fmt: skip
    return Outside(f"{message} {_FIX.format(where='here')}")


def _with_blanks(condition: Condition) -> Condition:
    """Return the condition with blanks as None: local text is blank as "", which a filter takes for the same."""

    def plain(value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    given = condition.value
    wanted = [plain(one) for one in given] if isinstance(given, list) else plain(given)
    return Condition(condition.column, condition.operator, wanted)
