"""What a new Dataverse row of a known table needs beside its mapped fields."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sync.types import Problem


@dataclass(frozen=True, slots=True)
class Extra:
    """Columns of new rows made of local fields: `names` are read, `columns` makes them or says what is missing."""

    names: tuple[str, ...]
    columns: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any] | Problem]


def _currency(values: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any] | Problem:
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


_EXTRAS = {"transactioncurrency": Extra(("code", "exchange_rate"), _currency)}


def extra_for(integration_table: str) -> Extra | None:
    """What new rows of the table need, or None."""
    return _EXTRAS.get(integration_table)
