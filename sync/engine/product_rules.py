"""What rows of products, unit groups and currencies need beside their mapped columns."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from sync.engine.related_rows import ColumnsOrProblem, RelatedRows, row_id_of
from sync.rules.values import Problem


def currency_columns(values: Mapping[str, Any], sent: Mapping[str, Any], related: RelatedRows) -> ColumnsOrProblem:
    """Add what Dataverse takes no currency without: the rate, and what it is called where that is blank here."""
    rate = values.get("exchange_rate")
    code = str(sent.get("isocurrencycode") or values.get("code") or "")
    if not rate and "exchangerate" not in sent:
        return Problem(
            "value_invalid",
            f"The currency {code} has no Exchange Rate, and Dataverse takes no currency without one.",
            "Enter it on the currency, then run this again.",
        )
    columns: dict[str, Any] = {"currencysymbol": code, "currencyname": code}
    if "currencyprecision" not in sent:
        columns["currencyprecision"] = related.currency_precision
    if rate:
        columns["exchangerate"] = float(Decimal(rate))
    return {name: value for name, value in columns.items() if sent.get(name) in (None, "")}


def existing_currency(sent: Mapping[str, Any], related: RelatedRows) -> UUID | None:
    """Return the currency that has the ISO code already; None where there is none."""
    code = str(sent.get("isocurrencycode") or "").strip()
    return related.currency_row(code) if code else None


def unit_group_columns(values: Mapping[str, Any], sent: Mapping[str, Any], _: RelatedRows) -> ColumnsOrProblem:
    """Name a unit group after its one unit; Dataverse makes the base unit along with it."""
    return {} if sent.get("name") else {"name": f"{settings.PRODUCT_NAME} {values.get('code')}"}


def existing_unit_group(sent: Mapping[str, Any], related: RelatedRows) -> UUID | None:
    """Return the unit group that is called so already; None where there is none."""
    return related.unit_group(str(sent.get("name") or ""))


def changed_unit_group_columns(
    _: Mapping[str, Any], __: Mapping[str, Any], related: RelatedRows, row_id: UUID
) -> ColumnsOrProblem:
    """Add nothing; refuse to change a unit group that is inactive in Dataverse."""
    return _inactive_group(str(row_id), related) or {}


def new_product_columns(
    values: Mapping[str, Any], sent: Mapping[str, Any], related_rows: RelatedRows
) -> ColumnsOrProblem:
    """Add the unit of the product's unit group, the local currency, which its amounts are in, the vendor's name, and
    the default price list.
    """
    if sent.get("statecode"):
        return Problem(
            "value_invalid",
            f"{values.get('no')} is blocked, and a new product cannot be retired at once.",
            "Unblock it here, or leave blocked records out by the mapping's table filter.",
        )
    if not sent.get("defaultuomscheduleid") and not sent.get("defaultuomid"):
        return Problem(
            "value_invalid",
            f"{values.get('no')} has no Base Unit of Measure, and Dataverse takes no product without a unit.",
            "Enter it here, then run this again.",
        )
    changed = changed_product_columns(values, sent, related_rows)
    if isinstance(changed, Problem):
        return changed
    currency = related_rows.local_currency()
    if not currency:
        return Problem(
            "reference_not_coupled",
            f"Dataverse has no currency {related_rows.currency_code}, which the product's amounts are in.",
            "Synchronize CURRENCY first, then run this again.",
        )
    return {
        **changed,
        "transactioncurrencyid": ("transactioncurrency", currency),
        "pricelevelid": ("pricelevel", str(related_rows.default_price_list)),
    }


def changed_product_columns(
    values: Mapping[str, Any], sent: Mapping[str, Any], related_rows: RelatedRows
) -> ColumnsOrProblem:
    """Add what follows from a unit group and a vendor that are sent: the group's base unit, the vendor's name."""
    columns = _unit_columns(sent, related_rows)
    if isinstance(columns, Problem):
        return columns
    if "vendorid" in sent:
        columns["vendorname"] = related_rows.vendor_name(str(values.get("vendor_no") or "")) or None
    return columns


def _unit_columns(sent: Mapping[str, Any], related_rows: RelatedRows) -> ColumnsOrProblem:
    """Add the base unit of the unit group that is sent, or the group of the unit that is."""
    own, group = row_id_of(sent.get("defaultuomid")), row_id_of(sent.get("defaultuomscheduleid"))
    if not own and not group:
        return {}
    of_unit = not group
    if of_unit and not (group := related_rows.group_of_unit(own)):
        return _no_unit("The unit is not in Dataverse.")
    if (inactive := _inactive_group(group, related_rows)) is not None:
        return inactive
    if of_unit:
        return {"defaultuomscheduleid": ("uomschedule", group)}
    unit = related_rows.base_unit(group)
    return {"defaultuomid": ("uom", unit)} if unit else _no_unit("The unit group in Dataverse has no base unit.")


def _inactive_group(group: str, related: RelatedRows) -> Problem | None:
    """Return the problem of a unit group that is inactive in Dataverse."""
    if not (name := related.inactive_group(group)):
        return None
    return Problem(
        "value_invalid",
        f"The unit group {name} is inactive in Dataverse, and nothing can be counted in its units.",
        "Activate it there, or choose another unit here, then run this again.",
    )


def _no_unit(message: str) -> Problem:
    return Problem("reference_not_coupled", message, "Add one there, then run this again.")


def unit_columns(_: Mapping[str, Any], sent: Mapping[str, Any], related_rows: RelatedRows) -> ColumnsOrProblem:
    """Add the base unit of the group that a further unit belongs to, which its quantity is in."""
    group = row_id_of(sent.get("uomscheduleid"))
    if not group:
        return _no_unit("The unit has no unit group in Dataverse.")
    if (inactive := _inactive_group(group, related_rows)) is not None:
        return inactive
    base = related_rows.base_unit(group)
    return {"baseuom": ("uom", base)} if base else {}


def existing_unit(sent: Mapping[str, Any], related_rows: RelatedRows) -> UUID | None:
    """Return the unit of that name which the group has already: Dataverse made the base unit along with the group."""
    group, name = row_id_of(sent.get("uomscheduleid")), sent.get("name")
    return related_rows.unit_of_group(group, str(name)) if group and name else None
