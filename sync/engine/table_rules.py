"""What rows of known tables need beside their mapped columns, and what they are changed to once they exist."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from masterdata import catalog
from sync.engine import price_rules, product_rules
from sync.engine.related_rows import ColumnsOrProblem, RelatedRows
from sync.rules.values import Problem

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TableRule:
    """What rows of a table need beside their mapped columns.

    local_fields: the local fields that the rule reads, as far as the local table has them; load: looks up what it needs
    for many records, of their values and the columns sent; new_row_columns: makes the further columns of a new row from
    the values of these fields, the columns sent already and related rows; update_columns: makes the columns that go
    along with a change; existing_row: finds the row that is there already for the columns of a new one; found_anyway:
    whether it is found although no new row could be made; not_negative: columns of numbers that are sent as 0 where
    they are below it here (a stock, a price); after_create: what a new row is changed to once it exists, since it
    cannot be created so.
    """

    local_fields: tuple[str, ...]
    new_row_columns: Callable[[Values, Values, RelatedRows], ColumnsOrProblem]
    load: Callable[[Sequence[Values], Sequence[Values], RelatedRows], None] | None = None
    update_columns: Callable[[Values, Values, RelatedRows, UUID], ColumnsOrProblem] | None = None
    existing_row: Callable[[Values, RelatedRows], UUID | None] | None = None
    found_anyway: bool = False
    not_negative: frozenset[str] = frozenset()
    after_create: Mapping[str, Any] = field(default_factory=dict)


def _product_update(values: Values, sent: Values, related: RelatedRows, _: UUID) -> ColumnsOrProblem:
    return product_rules.changed_product_columns(values, sent, related)


_TABLE_RULES = {
    "transactioncurrency": TableRule(
        ("code", "exchange_rate"),
        product_rules.currency_columns,
        existing_row=product_rules.existing_currency,
        found_anyway=True,  # what lacks is the rate, which the row there has
    ),
    "uomschedule": TableRule(
        ("code",),
        product_rules.unit_group_columns,
        update_columns=product_rules.changed_unit_group_columns,
        existing_row=product_rules.existing_unit_group,
    ),
    "uom": TableRule((), product_rules.unit_columns, existing_row=product_rules.existing_unit),
    # A new product is a draft, which cannot be sold and which the default filter leaves out: it is published at once.
    "product": TableRule(
        ("no", "vendor_no"),
        product_rules.new_product_columns,
        update_columns=_product_update,
        not_negative=frozenset({"price", "standardcost", "currentcost", "quantityonhand"}),
        after_create={"statecode": 0, "statuscode": 1},
    ),
    "pricelevel": TableRule(
        ("code", "currency_code"),
        price_rules.price_list_columns,
        load=price_rules.load_groups,
        update_columns=price_rules.changed_price_list_columns,
    ),
    "productpricelevel": TableRule(
        (
            "no",
            "sales_code",
            "item_no",
            "currency_code",
            "unit_of_measure_code",
            "price_list_code",
            "asset_type",
            "asset_no",
        ),
        price_rules.price_line_columns,
        load=price_rules.load_lines,
        update_columns=price_rules.changed_price_line_columns,
        existing_row=price_rules.existing_price_line,
        not_negative=frozenset({"amount"}),
    ),
    "opportunity": TableRule((), price_rules.opportunity_columns),
}


class RowRules:
    """The rule of one mapping's table, applied; it changes nothing where the table needs none."""

    def __init__(self, mapping: IntegrationTableMapping, gateway: Gateway) -> None:
        self._rule = _TABLE_RULES.get(mapping.integration_table)
        self.related = RelatedRows(gateway, mapping.company, own_groups=mapping.table == "unit_group")
        known = {field.name for field in catalog.table(mapping.table).fields}
        self.local_fields = [name for name in self._rule.local_fields if name in known] if self._rule else []
        self.not_negative = self._rule.not_negative if self._rule else frozenset[str]()
        self.after_create: Values = self._rule.after_create if self._rule else {}

    @property
    def finds_rows(self) -> bool:
        """Whether a row may be there already for a record that has none."""
        return self._rule is not None and self._rule.existing_row is not None

    def load(self, records: Sequence[Values], sent: Sequence[Values]) -> None:
        """Look up what new rows need, for many records: by their values and the columns sent."""
        if self._rule is not None and self._rule.load is not None:
            self._rule.load(records, sent, self.related)

    def new_columns(self, values: Values, sent: Values) -> ColumnsOrProblem:
        """Return the further columns of a new row."""
        if self._rule is None:
            return {}
        self.load([values], [sent])
        return self._rule.new_row_columns(values, sent, self.related)

    def changed_columns(self, values: Values, sent: Values, row_id: UUID) -> ColumnsOrProblem:
        """Return the columns that go along with a change."""
        if self._rule is None or self._rule.update_columns is None:
            return {}
        return self._rule.update_columns(values, sent, self.related, row_id)

    def existing_row(self, values: Values, sent: Values) -> UUID | None:
        """Return the row that is there already for a record and the columns sent, None where there is none."""
        if self._rule is None or self._rule.existing_row is None:
            return None
        further = self.new_columns(values, sent)
        if isinstance(further, Problem):
            return self._rule.existing_row(sent, self.related) if self._rule.found_anyway else None
        return self._rule.existing_row({**sent, **further}, self.related)
