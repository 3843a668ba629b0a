"""Every default mapping on the demo's data: coupled and synchronized each way, twice, with 0 written then."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.conf import settings

from config.demo import data, remote, rounds
from config.demo.data import DemoCompany, Row
from config.demo.rounds import Round
from config.demo.seed import seed
from config.demo.show import Screen
from connection_setup.dynamics365 import services as dynamics
from coupling.mappings import defaults
from coupling.models import Coupling, IntegrationTableMapping, pairs_of
from masterdata import catalog
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.sync.conftest import connect, counters, synchronize

COUPLED, HERE, THERE = range(3)
SHARED = {
    "SALESPEOPLE": {COUPLED}, "CURRENCY": {COUPLED}, "PAYMENT TERMS": {COUPLED, THERE},
    "SHIPMENT METHOD": {COUPLED, THERE}, "SHIPPING AGENT": {COUPLED, THERE}, "CUSTOMER": {COUPLED, HERE, THERE},
    "VENDOR": {COUPLED, HERE, THERE}, "CONTACT": {COUPLED, HERE, THERE}, "ITEM-PRODUCT": {HERE, THERE},
    "RESOURCE-PRODUCT": {HERE, THERE}, "OPPORTUNITY": {COUPLED, HERE, THERE},
}  # fmt: skip
"""By mapping: what the first round did of its records at least. COUPLED: with a row or choice that was there before."""
WAYS = {
    "units and groups of customers": {
        "UNIT OF MEASURE": {COUPLED, THERE}, "CUSTPRCGRP-PRICE": {COUPLED, THERE},
        "SALESPRC-PRODPRICE": {COUPLED, THERE},
        "ITEM-PRODUCT": {COUPLED, HERE, THERE}, "RESOURCE-PRODUCT": {COUPLED, HERE, THERE},
    },
    "unit groups and price lists": {
        "UNIT GROUP": {COUPLED, THERE}, "ITEM UOM": {COUPLED, THERE}, "RESOURCE UOM": {COUPLED, THERE},
        "PLHEADER-PRICE": {COUPLED, THERE}, "PLLINE-PRODPRICE": {COUPLED, THERE},
    },
}  # fmt: skip
CHANGED: dict[str, tuple[str, str]] = {
    "SALESPEOPLE": ("", "mobilephone"), "CURRENCY": ("description", ""), "CUSTOMER": ("city", "address1_city"),
    "VENDOR": ("city", "address1_city"), "CONTACT": ("city", "address1_city"), "ITEM-PRODUCT": ("description", "name"),
    "RESOURCE-PRODUCT": ("name", "name"), "OPPORTUNITY": ("description", "name"), "PLHEADER-PRICE": ("description", ""),
    "SALESPRC-PRODPRICE": ("unit_price", ""), "PLLINE-PRODPRICE": ("unit_price", ""),
    "ITEM UOM": ("qty_per_unit_of_measure", ""), "RESOURCE UOM": ("qty_per_unit_of_measure", ""),
    "PAYMENT TERMS": ("code", ""), "SHIPMENT METHOD": ("code", ""), "SHIPPING AGENT": ("code", ""),
    "UNIT OF MEASURE": ("code", ""), "CUSTPRCGRP-PRICE": ("code", ""), "UNIT GROUP": ("base_unit_of_measure", ""),
}  # fmt: skip
"""By mapping: the field that somebody changes here, and the column that somebody changes there, of other records.

Where one is blank, the mapping goes the other way alone.
"""
UNNAMED = ("payment_terms", "shipment_method", "shipping_agent", "unit_of_measure", "customer_price_group")
"""Tables with a record more that nothing names: its code may change."""


OTHER_UNITS = {"ITEM UOM": "BOX", "RESOURCE UOM": "DAY"}
"""Units beside the base unit: their quantity may change."""


def known_groups(plan: DemoCompany, rows: dict[str, list[Row]], currency: str) -> None:
    """Add what somebody entered there before: unit groups of an item and of a resource, a price list with a line."""
    item, resource = rows["products"][0], next(row for row in rows["products"] if row["producttypecode"] == 3)
    for kind, product in (("ITEM", item), ("RESOURCE", resource)):
        code, name = f"{kind} {product['productnumber']}", remote.identity
        unit = next(one for one in plan.tables["unit_group"] if one["code"] == code)["base_unit_of_measure"]
        group, base = name("own group", code), name("own unit", code)
        product |= {"_defaultuomscheduleid_value": group, "_defaultuomid_value": base}
        rows["uomschedules"].append(
            {"uomscheduleid": group, "name": f"{settings.PRODUCT_NAME} {code}", "baseuomname": unit}
        )
        rows["uoms"].append(
            {"uomid": base, "name": unit, "quantity": 1, "isschedulebaseuom": True, "_uomscheduleid_value": group}
        )
    prices, no = remote.identity("price list", "known"), item["productnumber"]
    code = plan.tables["price_list_header"][0]["code"]
    assert any(row["price_list_code"] == code and row["asset_no"] == no for row in plan.tables["price_list_line"])
    rows["pricelevels"].append(
        {"pricelevelid": prices, "name": code, "_transactioncurrencyid_value": currency, "statecode": 0,
         "statuscode": 100_001}
    )  # fmt: skip
    rows["productpricelevels"].append(
        {
            "productpricelevelid": remote.identity("price", "known"), "_pricelevelid_value": prices,
            "_productid_value": item["productid"], "productnumber": no, "_uomid_value": item["_defaultuomid_value"],
            "_uomscheduleid_value": item["_defaultuomscheduleid_value"], "pricingmethodcode": 1, "amount": 1.0,
            "_transactioncurrencyid_value": currency,
        }
    )  # fmt: skip


def joined_with(company: Company, before: set[str]) -> set[str]:
    """Return the mappings that coupled records with rows that were there before."""
    pairs = Coupling.objects.filter(company=company).values_list("mapping__name", "integration_id")
    return {name for name, row_id in pairs if str(row_id) in before}


def change_here(mapping: IntegrationTableMapping, name: str) -> None:
    pairs = pairs_of(mapping)
    records = catalog.table(mapping.table).records(mapping.company).filter(system_id__in=pairs.values("local_id"))
    code = OTHER_UNITS.get(mapping.name)
    record = (records.filter(code=code) if code else records).order_by("-pk").first()
    setattr(record, name, "7" if isinstance(getattr(record, name), str) else 7)
    record.save()


def change_there(sandbox: Sandbox, mapping: IntegrationTableMapping, column: str) -> None:
    pair = Coupling.objects.filter(mapping=mapping, pending=False).order_by("pk").first()
    assert pair is not None
    rows = sandbox.rows(mapping.entity_set)
    row = next(row for row in rows if row[mapping.uid_column] == str(pair.integration_id))
    given = {name: value for name, value in row.items() if not name.startswith("@") and value is not None}
    given = {name: value for name, value in given.items() if name not in ("versionnumber", "modifiedon", "fullname")}
    sandbox.load({mapping.entity_set: [{**given, column: "8"}]})


def play(company: Company, sandbox: Sandbox) -> tuple[Round, int]:
    sandbox.control("DELETE", "requests")
    done = rounds.play(company, Screen(StringIO()))
    assert {job.state for job in done.jobs} == {"finished"}
    return done, sandbox.requests()["rows_written"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", WAYS)
def test_every_default_mapping_couples_and_synchronizes_each_way_and_the_second_round_writes_nothing(
    transactional_db: None, sandbox: Sandbox, way: str
) -> None:
    plan, _ = data.companies(25)
    resource = next(row for row in plan.tables["resource_unit_of_measure"])
    plan.tables["resource_unit_of_measure"].append(
        {**resource, "key": f"{resource['resource_no']} DAY", "code": "DAY", "qty_per_unit_of_measure": Decimal(8)}
    )
    for name in UNNAMED:
        last = plan.tables[name][-1]
        called = "name" if "name" in last else "description"
        plan.tables[name].append({**last, called: "For nobody yet", "code": "SPARE"})
    (company,) = seed((plan,))
    currencies = sandbox.rows("transactioncurrencies")
    rows = {name: its for name, its in remote.rows(plan, currencies, sandbox.rows("businessunits")).items() if its}
    if way != next(iter(WAYS)):
        home = next(row for row in currencies if row["isocurrencycode"] == plan.currency_code)
        known_groups(plan, rows, home["transactioncurrencyid"])
    sandbox.load(rows)
    before = {str(next(iter(row.values()))) for its in rows.values() for row in its}
    connect(company, sandbox)
    other = way != next(iter(WAYS))
    dynamics.map_unit_groups(company=company, user=None, on=other)
    dynamics.map_price_lists(company=company, user=None, on=other)
    assert dynamics.enable(company=company, user=None).ok
    rounds.choose_criteria(company)

    first, _ = play(company, sandbox)
    wanted: dict[str, set[int]] = {**SHARED, **WAYS[way]}
    assert wanted.keys() == set(defaults.default_names()) - set(defaults.disabled_names(company))
    done, joined = first.by_mapping(), joined_with(company, before)
    lacking = {
        name: least - {at for at in (COUPLED, HERE, THERE) if done[name][at] or (at == COUPLED and name in joined)}
        for name, least in wanted.items()
    }
    assert not {name: (at, done[name]) for name, at in lacking.items() if at}
    second, written = play(company, sandbox)
    assert written == 0
    assert {name: numbers[:5] for name, numbers in second.by_mapping().items()} == dict.fromkeys(wanted, (0,) * 5)

    found: dict[str, Any] = {}
    for name in wanted.keys() & CHANGED.keys():
        mapping = IntegrationTableMapping.objects.get(company=company, name=name)
        here, there = CHANGED[name]
        if here:
            change_here(mapping, here)
        if there:
            change_there(sandbox, mapping, there)
        found[name] = counters(synchronize(mapping)).get("modified", 0)
    assert found == {name: bool(CHANGED[name][0]) + bool(CHANGED[name][1]) for name in found}
    sandbox.control("DELETE", "requests")
    again = [
        counters(synchronize(mapping))
        for mapping in IntegrationTableMapping.objects.filter(company=company, name__in=found)
    ]
    assert (sandbox.requests()["rows_written"], {key for one in again for key in one} - {"unchanged", "skipped"}) == (
        0, set(),
    )  # fmt: skip
