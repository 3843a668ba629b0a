"""What rows of price lists, their lines and opportunities need beside their mapped columns."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sync.engine.related_rows import ColumnsOrProblem, RelatedRows, Source, row_id_of, row_ids_of
from sync.rules.values import Problem


def load_groups(records: Sequence[Mapping[str, Any]], _: Sequence[Mapping[str, Any]], related: RelatedRows) -> None:
    """Look up what price lists need, for many of them."""
    codes = [str(values.get("code") or "") for values in records]
    (related.load_line_currencies if any(map(_is_list, records)) else related.load_group_currencies)(codes)


def price_list_columns(values: Mapping[str, Any], sent: Mapping[str, Any], related: RelatedRows) -> ColumnsOrProblem:
    """Add the currency that all prices of a group are in, which is the price list's; or that the list has here."""
    if _is_list(values):
        return _currency_of_list(values, related)
    if "transactioncurrencyid" in sent:
        return {}
    code = str(values.get("code") or "")
    currencies = related.group_currencies(code)
    if len(currencies) > 1:
        named = ", ".join(one or related.currency_code for one in currencies)
        return Problem(
            "value_invalid",
            f"The prices of {code} are in several currencies ({named}), and a price list in Dataverse is in one.",
            "Give each currency a customer price group of its own, then run this again.",
        )
    wanted = currencies[0] if currencies else ""
    row = related.currency(wanted)
    if not row:
        return Problem(
            "reference_not_coupled",
            f"The prices of {code} are in {wanted or related.currency_code}, which is not coupled to Dataverse.",
            "Couple or synchronize the currency first, then run this again.",
        )
    return {"transactioncurrencyid": ("transactioncurrency", row)}


def changed_price_list_columns(
    values: Mapping[str, Any], _: Mapping[str, Any], related: RelatedRows, row_id: UUID
) -> ColumnsOrProblem:
    """Add nothing; refuse to change a price list in Dataverse that is in another currency than the group's prices."""
    load_groups([values], [], related)
    wanted = price_list_columns(values, {}, related)
    if isinstance(wanted, Problem):
        return wanted
    related.load_price_lists([str(row_id)])
    there = related.list_currency(str(row_id))
    if there and there != str(wanted["transactioncurrencyid"][1]).lower():
        return Problem(
            "value_invalid",
            f"The price list of {values.get('code')} is in another currency in Dataverse than the prices here.",
            "Delete the coupling and couple a price list in the currency of the prices, or correct the prices here.",
        )
    return {}


def _is_list(values: Mapping[str, Any]) -> bool:
    """Return whether it is a price list here too, with a currency of its own, and not a customer price group."""
    return "currency_code" in values


def _currency_of_list(values: Mapping[str, Any], related: RelatedRows) -> ColumnsOrProblem:
    """Return the currency of a price list, which that of all its lines has to be."""
    code, own = str(values.get("code") or ""), related.plain_currency(str(values.get("currency_code") or ""))
    others = sorted(related.line_currencies(code) - {own})
    if others:
        named = ", ".join(one or related.currency_code for one in others)
        return Problem(
            "value_invalid",
            f"The price list {code} is in {own or related.currency_code}, and has lines in another currency ({named}).",
            "Correct the currency of the list or of these lines, then run this again.",
        )
    row = related.currency(own)
    if not row:
        return Problem(
            "reference_not_coupled",
            f"The price list {code} is in {own or related.currency_code}, which is not coupled to Dataverse.",
            "Couple or synchronize the currency first, then run this again.",
        )
    return {"transactioncurrencyid": ("transactioncurrency", row)}


def load_lines(records: Sequence[Mapping[str, Any]], sent: Sequence[Mapping[str, Any]], related: RelatedRows) -> None:
    """Read what lines of price lists need, for many of them."""
    related.load_sources(map(_source, records))
    related.load_products(row_ids_of("productid", sent))
    related.load_price_lists(row_ids_of("pricelevelid", sent))


def price_line_columns(values: Mapping[str, Any], sent: Mapping[str, Any], related: RelatedRows) -> ColumnsOrProblem:
    """Add the unit of the product that a price is for."""
    product_id = row_id_of(sent.get("productid"))
    product = related.product(product_id) if product_id else None
    if product is None or not sent.get("pricelevelid"):
        return Problem(
            "value_invalid",
            f"The price {values.get('no')} names nothing whose product and price list are in Dataverse.",
            "Enter both here, then run this again.",
        )
    problem = _other_currency(values, sent, related)
    if problem is not None:
        return problem
    source, wanted = _source(values), str(values.get("unit_of_measure_code") or "")
    base, unit = related.base_unit_code(source), product.unit
    if wanted and base and wanted != base:
        unit = related.unit_row(source, wanted)
        if not unit:
            return Problem(
                "value_invalid",
                f"The price {values.get('no')} is per {wanted}, and the product's unit group has no unit but {base}.",
                "Leave the unit blank, or enter the item's Base Unit of Measure.",
            )
    columns: dict[str, Any] = {"uomid": ("uom", unit)}
    if product.group:
        columns["uomscheduleid"] = ("uomschedule", product.group)
    return columns


def _source(values: Mapping[str, Any]) -> Source:
    """Return what a price is of."""
    if "asset_no" in values:
        return str(values.get("asset_type") or "").lower(), str(values.get("asset_no") or "")
    return "item", str(values.get("item_no") or "")


def changed_price_line_columns(
    values: Mapping[str, Any], sent: Mapping[str, Any], related: RelatedRows, _: UUID
) -> ColumnsOrProblem:
    """Add nothing; refuse a currency that is not the price list's."""
    related.load_price_lists(row_ids_of("pricelevelid", [sent]))
    return _other_currency(values, sent, related) or {}


def existing_price_line(sent: Mapping[str, Any], related: RelatedRows) -> UUID | None:
    """Return the line that the price list has for the product and unit already; None where it has none."""
    price_list, product, unit = (row_id_of(sent.get(name)) for name in ("pricelevelid", "productid", "uomid"))
    return related.price_line(price_list, product, unit) if price_list and product and unit else None


def _other_currency(values: Mapping[str, Any], sent: Mapping[str, Any], related: RelatedRows) -> Problem | None:
    """Return the problem of a line that is in another currency than its price list."""
    price_list, currency = row_id_of(sent.get("pricelevelid")), row_id_of(sent.get("transactioncurrencyid"))
    there = related.list_currency(price_list) if price_list else ""
    if not currency or not there or there == currency.lower():
        return None
    return Problem(
        "value_invalid",
        f"The price {values.get('no')} is in {values.get('currency_code') or related.currency_code}, and the price "
        f"list of {values.get('sales_code') or values.get('price_list_code')} in Dataverse is in another currency.",
        "Correct the currency, or have the price belong to a price list that is in it.",
    )


def opportunity_columns(_: Mapping[str, Any], sent: Mapping[str, Any], related: RelatedRows) -> ColumnsOrProblem:
    """Add the local currency, which an opportunity's amounts are in."""
    row = related.local_currency()
    return (
        {"transactioncurrencyid": ("transactioncurrency", row)} if row and "transactioncurrencyid" not in sent else {}
    )
