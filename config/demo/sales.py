"""What the demo's companies sell beside items, on both sides: resources, prices of customer groups, opportunities.

No Django here.
"""

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from config.demo import words

Row = dict[str, Any]
Identity = Callable[[str, str], str]

_PRICED = 25
"""How many items have a price for each group."""
_OPPORTUNITIES = 24
_FIRST_DAY = date(2031, 1, 8)
UNITS_THERE = ("PCS", "HOUR")
"""The units that Dataverse has a unit group of already."""


def local_tables(seed: int, items: Sequence[Row], contacts: Sequence[Row], home: str) -> dict[str, list[Row]]:
    """Return the records of sales by table, for a company with these items and contacts; home: its currency."""
    rng = random.Random(seed)  # noqa: S311 - plausible data, no secret  # nosec B311
    resources = _resources(rng)
    return {
        "resource": resources,
        "unit_group": [*_unit_groups("Item", items), *_unit_groups("Resource", resources)],
        "item_unit_of_measure": _units("Item", items),
        "resource_unit_of_measure": _units("Resource", resources),
        "customer_price_group": [{"code": code, "description": text} for code, text, _, _ in words.PRICE_GROUPS],
        "sales_price": _prices(items, home),
        "price_list_header": [_price_list(*given[:4]) for given in words.PRICE_LISTS],
        "price_list_line": _price_list_lines(items, resources),
        "opportunity": _opportunities(rng, contacts),
    }


def _resources(rng: random.Random) -> list[Row]:
    rows = []
    for number, (name, kind) in enumerate(words.RESOURCES, 1):
        cost = Decimal(rng.randrange(25, 90))
        rows.append(
            {
                "no": f"R{number * 10:03}", "name": name, "type": kind, "base_unit_of_measure": "HOUR",
                "unit_cost": cost, "unit_price": cost * 2, "capacity": Decimal(40), "vendor_no": "", "blocked": False,
            }
        )  # fmt: skip
    rows[-1]["blocked"] = True
    return rows


def _unit_groups(kind: str, sources: Sequence[Row]) -> list[Row]:
    return [
        {
            "code": f"{kind.upper()} {source['no']}", "source_type": kind, "source_no": source["no"],
            "base_unit_of_measure": source["base_unit_of_measure"],
        }
        for source in sources
    ]  # fmt: skip


def _units(kind: str, sources: Sequence[Row]) -> list[Row]:
    """Return the base unit of each item or resource; of items that are counted in pieces also a box of six."""
    found = []
    for source in sources:
        base = source["base_unit_of_measure"]
        boxed = [("BOX", 6)] if kind == "Item" and base == "PCS" else []
        found += [
            {
                "key": f"{source['no']} {unit}", f"{kind.lower()}_no": source["no"], "code": unit,
                "qty_per_unit_of_measure": Decimal(quantity), "unit_group_code": f"{kind.upper()} {source['no']}",
            }
            for unit, quantity in ((base, 1), *boxed)
        ]  # fmt: skip
    return found


def _prices(items: Sequence[Row], home: str) -> list[Row]:
    rows: list[Row] = []
    for code, _, currency, part in words.PRICE_GROUPS:
        for item in [item for item in items if not item["blocked"]][:_PRICED]:
            rows.append(
                {
                    "no": f"SP{len(rows) + 1:05}", "sales_type": "Customer Price Group", "sales_code": code,
                    "item_no": item["no"], "unit_of_measure_code": "", "minimum_quantity": Decimal(0),
                    "currency_code": "" if currency == home else currency,
                    "unit_price": (item["unit_price"] * Decimal(part)).quantize(Decimal("0.01")),
                }
            )  # fmt: skip
    return rows


def _price_list(code: str, description: str, currency: str, status: str) -> Row:
    return {
        "code": code, "description": description, "currency_code": currency, "status": status,
        "price_type": "Sale", "amount_type": "Price", "allow_updating_defaults": False, "inactive": status != "Active",
    }  # fmt: skip


def _price_list_lines(items: Sequence[Row], resources: Sequence[Row]) -> list[Row]:
    """Return the prices of each list: of some items, and of all resources that are not blocked."""
    rows: list[Row] = []
    priced = [("Item", row) for row in items if not row["blocked"]][:_PRICED]
    priced += [("Resource", row) for row in resources if not row["blocked"]]
    for code, _, currency, _, part in words.PRICE_LISTS:
        for kind, source in priced:
            rows.append(
                {
                    "no": f"PL{len(rows) + 1:05}", "price_list_code": code, "price_type": "Sale",
                    "amount_type": "Price", "asset_type": kind, "asset_no": source["no"],
                    "asset_key": f"{kind.upper()} {source['no']}", "unit_of_measure_code": "",
                    "minimum_quantity": Decimal(0), "currency_code": currency,
                    "unit_price": (source["unit_price"] * Decimal(part)).quantize(Decimal("0.01")),
                }
            )  # fmt: skip
    return rows


def _opportunities(rng: random.Random, contacts: Sequence[Row]) -> list[Row]:
    businesses = {row["no"]: row for row in contacts if row["type"] == "Company" and row["customer_no"]}
    persons = [row for row in contacts if row["type"] == "Person" and row["company_no"] in businesses]
    rows = []
    for number, person in enumerate(rng.sample(persons, min(_OPPORTUNITIES, len(persons))), 1):
        rows.append(
            {
                "no": f"OP{number:05}",
                "description": f"{rng.choice(words.PROJECTS)} for {person['company_name']}"[:100],
                "status": "Won" if number % 8 == 0 else ("Not Started", "In Progress")[number % 2],
                "contact_no": person["no"], "contact_company_no": person["company_no"],
                "salesperson_code": person["salesperson_code"],
                "estimated_value": Decimal(rng.randrange(20, 900) * 50),
                "estimated_closing_date": _FIRST_DAY + timedelta(days=rng.randrange(0, 300)),
                "probability_percent": rng.choice((10, 25, 50, 75)),
            }
        )  # fmt: skip
    return rows


def remote_rows(
    tables: dict[str, list[Row]], accounts: Sequence[Row], contacts: Sequence[Row], identity: Identity, currency: str
) -> dict[str, list[Row]]:
    """Return the rows of sales to load into an environment, by entity set; `currency`: the id of the home currency.

    Part of what is sold is there already, with another name here and there; a few rows are only there.
    """
    products = [
        _product(identity, "item", row, row["description"], 1)
        for row in tables["item"]
        if row["base_unit_of_measure"] in UNITS_THERE and not row["blocked"] and int(row["no"]) % 3
    ]
    products += [
        _product(identity, "resource", row, row["name"], 3) for row in tables["resource"][::2] if not row["blocked"]
    ]
    products += [
        _product(
            identity, "stranger", {"no": f"X-{number}", "base_unit_of_measure": unit, "unit_price": 95}, name, kind
        )
        for number, (name, unit, kind) in enumerate(words.PRODUCTS_ELSEWHERE, 1)
    ]
    for row in products:
        row["_transactioncurrencyid_value"] = currency
    group = words.PRICE_GROUPS[0][0]
    there = {row["productid"]: row for row in products}
    lines = [
        _price_line(identity, group, row, there[identity("item", row["item_no"])], currency)
        for row in tables["sales_price"]
        if row["sales_code"] == group and identity("item", row["item_no"]) in there
    ]
    return {
        "uomschedules": [
            {"uomscheduleid": identity("unit group", code), "name": f"{code.title()} only", "baseuomname": code}
            for code in UNITS_THERE
        ],
        "uoms": [
            {
                "uomid": identity("unit", code), "name": code, "quantity": 1, "isschedulebaseuom": True,
                "_uomscheduleid_value": identity("unit group", code),
            }
            for code in UNITS_THERE
        ],
        "products": products,
        "pricelevels": [
            {
                "pricelevelid": identity("price list", group), "name": group, "_transactioncurrencyid_value": currency,
                "statecode": 0, "statuscode": 100_001,
            }
        ],
        "productpricelevels": lines[::2],
        "opportunities": _opportunities_there(tables, accounts, contacts, identity, currency),
    }  # fmt: skip


def _product(identity: Identity, kind: str, row: Row, name: str, product_type: int) -> Row:
    unit = row["base_unit_of_measure"]
    return {
        "productid": identity(kind, row["no"]), "productnumber": row["no"], "name": name,
        "producttypecode": product_type, "statecode": 0, "statuscode": 1, "quantitydecimal": 2,
        "price": float(row["unit_price"]),
        "_defaultuomscheduleid_value": identity("unit group", unit), "_defaultuomid_value": identity("unit", unit),
    }  # fmt: skip


def _price_line(identity: Identity, group: str, price: Row, product: Row, currency: str) -> Row:
    return {
        "productpricelevelid": identity("price", price["no"]),
        "_pricelevelid_value": identity("price list", group), "_productid_value": product["productid"],
        "productnumber": product["productnumber"], "_uomid_value": product["_defaultuomid_value"],
        "_uomscheduleid_value": product["_defaultuomscheduleid_value"], "pricingmethodcode": 1,
        "amount": float(price["unit_price"]) + 1, "_transactioncurrencyid_value": currency,
    }  # fmt: skip


def _opportunities_there(
    tables: dict[str, list[Row]], accounts: Sequence[Row], contacts: Sequence[Row], identity: Identity, currency: str
) -> list[Row]:
    people = {row["contactid"]: row for row in contacts}
    found = []
    for row in tables["opportunity"]:
        person = people.get(identity("contact", row["contact_no"]))
        if person is None or row["status"] == "Won":
            continue
        found.append(
            {
                "opportunityid": identity("opportunity", row["no"]), "name": row["description"],
                "_parentcontactid_value": person["contactid"],
                "_parentaccountid_value": person["_parentcustomerid_value"],
                "estimatedvalue": float(row["estimated_value"]), "_transactioncurrencyid_value": currency,
            }
        )  # fmt: skip
    half = found[::2]
    strangers = [account for account in accounts if "accountnumber" not in account][:3]
    return half + [
        {
            "opportunityid": identity("opportunity", account["accountid"]),
            "name": f"A first order of {account['name']}"[:100].strip(),
            "_parentaccountid_value": account["accountid"],
        }
        for account in strangers
    ]
