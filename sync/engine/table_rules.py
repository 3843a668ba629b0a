"""What rows of known tables need beside their mapped columns, and what follows once they are there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from coupling.gateway import Gateway
from sync.rules.values import Problem


class RelatedRows:
    """What has to be asked of other tables of the environment; each once in a slice, and anew for what is new."""

    def __init__(self, gateway: Gateway, currency: str) -> None:
        self._gateway, self._currency = gateway, currency
        self._base_units: dict[str, str] = {}
        self._currency_row: str | None = None

    def base_unit(self, group: str) -> str:
        """The unit that a unit group counts in; "" when the group has none."""
        key = str(group).lower()
        if key not in self._base_units:
            rows = self._gateway.rows("uom", ["uomscheduleid"], {"isschedulebaseuom": True})
            self._base_units = {str(row.values["uomscheduleid"]).lower(): str(row.id) for row in rows}
        return self._base_units.get(key, "")

    def local_currency(self) -> str:
        """The row of the company's local currency; "" when Dataverse has none."""
        if self._currency_row is None:
            rows = self._gateway.rows("transactioncurrency", [], {"isocurrencycode": self._currency})
            self._currency_row = str(rows[0].id) if rows else ""
        return self._currency_row

    @property
    def currency(self) -> str:
        """The code of the local currency."""
        return self._currency


@dataclass(frozen=True, slots=True)
class TableRule:
    """Columns of new rows made of local fields: `names` are read, `columns` makes them or says what is missing."""

    names: tuple[str, ...]
    columns: Callable[[Mapping[str, Any], Mapping[str, Any], RelatedRows], dict[str, Any] | Problem]
    along: Callable[[Mapping[str, Any], RelatedRows], dict[str, Any] | Problem] | None = None
    """What goes along with a change, by what it sends."""
    not_negative: frozenset[str] = frozenset()
    """Columns of numbers that go to Dataverse as 0 where they are below it here: a stock, a price."""
    then: Mapping[str, Any] = field(default_factory=dict)
    """What a new row is changed to once it is there, since it cannot be created so."""


def _currency(values: Mapping[str, Any], sent: Mapping[str, Any], _: RelatedRows) -> dict[str, Any] | Problem:
    rate = values.get("exchange_rate")
    code = str(sent.get("isocurrencycode") or values.get("code") or "")
    if not rate and "exchangerate" not in sent:
        return Problem(
            "value_invalid",
            f"The currency {code} has no Exchange Rate, and Dataverse takes no currency without one. "
            "Enter it on the currency, then run this again.",
        )
    made: dict[str, Any] = {"currencyprecision": 2, "currencysymbol": code, "currencyname": code}
    if rate:
        made["exchangerate"] = float(Decimal(rate))
    return {name: value for name, value in made.items() if sent.get(name) in (None, "")}


def _unit_group(values: Mapping[str, Any], sent: Mapping[str, Any], _: RelatedRows) -> dict[str, Any] | Problem:
    """A unit group for one unit: its base unit, which Dataverse makes along with it, has the unit's code."""
    return {} if sent.get("name") else {"name": f"{settings.PRODUCT_NAME} {values.get('code')}"}


def _product(values: Mapping[str, Any], sent: Mapping[str, Any], beside: RelatedRows) -> dict[str, Any] | Problem:
    """A product needs a unit group and a unit of it; its amounts are in the local currency."""
    if not sent.get("defaultuomscheduleid"):
        return Problem(
            "value_invalid",
            f"The item {values.get('no')} has no Base Unit of Measure, and Dataverse takes no product without a unit. "
            "Enter it on the item, then run this again.",
        )
    along = _unit(sent, beside)
    if isinstance(along, Problem):
        return along
    currency = beside.local_currency()
    if not currency:
        return Problem(
            "reference_not_coupled",
            f"Dataverse has no currency {beside.currency}, which the item's amounts are in. Synchronize CURRENCY "
            "first, then run this again.",
        )
    return {**along, "transactioncurrencyid": ("transactioncurrency", currency)}


def _unit(sent: Mapping[str, Any], beside: RelatedRows) -> dict[str, Any] | Problem:
    group = sent.get("defaultuomscheduleid")
    if not group:
        return {}
    row_id = str(UUID(str(group[1] if isinstance(group, tuple | list) else group)))
    unit = beside.base_unit(row_id)
    if not unit:
        return Problem(
            "reference_not_coupled",
            "The unit group in Dataverse has no base unit. Add one there, then run this again.",
        )
    return {"defaultuomid": ("uom", unit)}


_EXTRAS = {
    "transactioncurrency": TableRule(("code", "exchange_rate"), _currency),
    "uomschedule": TableRule(("code",), _unit_group),
    # A new product is a draft, which nobody can sell and no filter of ours lets in: it is published at once.
    "product": TableRule(
        ("no",),
        _product,
        _unit,
        not_negative=frozenset({"price", "standardcost", "currentcost", "quantityonhand"}),
        then={"statecode": 0, "statuscode": 1},
    ),
}


def table_rule_for(integration_table: str) -> TableRule | None:
    """What rows of the table need, or None."""
    return _EXTRAS.get(integration_table)
