"""What rows of known tables need beside their mapped columns, and what they are changed to once they exist."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from coupling.gateway import Gateway
from sync.rules.values import Problem

ColumnsOrProblem = dict[str, Any] | Problem


class RelatedRows:
    """Rows of other tables that new rows point to, each read once in a slice, and again for what is new."""

    def __init__(self, gateway: Gateway, currency_code: str) -> None:
        self._gateway, self.currency_code = gateway, currency_code
        self._base_units: dict[str, str] = {}
        self._currency_row: str | None = None

    def base_unit(self, group: str) -> str:
        """Return the id of the unit that a unit group counts in; "" where the group has none."""
        key = str(group).lower()
        if key not in self._base_units:
            rows = self._gateway.rows("uom", ["uomscheduleid"], {"isschedulebaseuom": True})
            self._base_units = {str(row.values["uomscheduleid"]).lower(): str(row.id) for row in rows}
        return self._base_units.get(key, "")

    def local_currency(self) -> str:
        """Return the id of the row of the company's local currency; "" where Dataverse has none."""
        if self._currency_row is None:
            rows = self._gateway.rows("transactioncurrency", [], {"isocurrencycode": self.currency_code})
            self._currency_row = str(rows[0].id) if rows else ""
        return self._currency_row


@dataclass(frozen=True, slots=True)
class TableRule:
    """What rows of a table need beside their mapped columns.

    local_fields: the local fields that `new_row_columns` reads; new_row_columns: makes the further columns of a new
    row from the values of these fields, the columns sent already and related rows; update_columns: makes the columns
    that go along with a change, from the columns sent; not_negative: columns of numbers that are sent as 0 where they
    are below it here (a stock, a price); after_create: what a new row is changed to once it exists, since it cannot be
    created so.
    """

    local_fields: tuple[str, ...]
    new_row_columns: Callable[[Mapping[str, Any], Mapping[str, Any], RelatedRows], ColumnsOrProblem]
    update_columns: Callable[[Mapping[str, Any], RelatedRows], ColumnsOrProblem] | None = None
    not_negative: frozenset[str] = frozenset()
    after_create: Mapping[str, Any] = field(default_factory=dict)


def _currency_columns(values: Mapping[str, Any], sent: Mapping[str, Any], _: RelatedRows) -> ColumnsOrProblem:
    rate = values.get("exchange_rate")
    code = str(sent.get("isocurrencycode") or values.get("code") or "")
    if not rate and "exchangerate" not in sent:
        return Problem(
            "value_invalid",
            f"The currency {code} has no Exchange Rate, and Dataverse takes no currency without one.",
            "Enter it on the currency, then run this again.",
        )
    columns: dict[str, Any] = {"currencyprecision": 2, "currencysymbol": code, "currencyname": code}
    if rate:
        columns["exchangerate"] = float(Decimal(rate))
    return {name: value for name, value in columns.items() if sent.get(name) in (None, "")}


def _unit_group_columns(values: Mapping[str, Any], sent: Mapping[str, Any], _: RelatedRows) -> ColumnsOrProblem:
    """Name a unit group after its one unit; Dataverse makes the base unit along with it."""
    return {} if sent.get("name") else {"name": f"{settings.PRODUCT_NAME} {values.get('code')}"}


def _product_columns(values: Mapping[str, Any], sent: Mapping[str, Any], related_rows: RelatedRows) -> ColumnsOrProblem:
    """Add the unit of the product's unit group, and the local currency, which its amounts are in."""
    if not sent.get("defaultuomscheduleid"):
        return Problem(
            "value_invalid",
            f"The item {values.get('no')} has no Base Unit of Measure, and Dataverse takes no product without a unit.",
            "Enter it on the item, then run this again.",
        )
    unit = _unit_columns(sent, related_rows)
    if isinstance(unit, Problem):
        return unit
    currency = related_rows.local_currency()
    if not currency:
        return Problem(
            "reference_not_coupled",
            f"Dataverse has no currency {related_rows.currency_code}, which the item's amounts are in.",
            "Synchronize CURRENCY first, then run this again.",
        )
    return {**unit, "transactioncurrencyid": ("transactioncurrency", currency)}


def _unit_columns(sent: Mapping[str, Any], related_rows: RelatedRows) -> ColumnsOrProblem:
    """Add the base unit of the unit group that is sent."""
    group = sent.get("defaultuomscheduleid")
    if not group:
        return {}
    row_id = str(UUID(str(group[1] if isinstance(group, tuple | list) else group)))
    unit = related_rows.base_unit(row_id)
    if not unit:
        return Problem(
            "reference_not_coupled",
            "The unit group in Dataverse has no base unit.",
            "Add one there, then run this again.",
        )
    return {"defaultuomid": ("uom", unit)}


_TABLE_RULES = {
    "transactioncurrency": TableRule(("code", "exchange_rate"), _currency_columns),
    "uomschedule": TableRule(("code",), _unit_group_columns),
    # A new product is a draft, which cannot be sold and which the default filter leaves out: it is published at once.
    "product": TableRule(
        ("no",),
        _product_columns,
        _unit_columns,
        not_negative=frozenset({"price", "standardcost", "currentcost", "quantityonhand"}),
        after_create={"statecode": 0, "statuscode": 1},
    ),
}


def table_rule_for(integration_table: str) -> TableRule | None:
    """Return the rule of a table, None where it needs none."""
    return _TABLE_RULES.get(integration_table)
