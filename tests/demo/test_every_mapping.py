"""Every default mapping on the demo's data: coupled and synchronized each way, twice, with 0 written then."""

from io import StringIO
from typing import Any

import pytest

from config.demo import data, remote, rounds
from config.demo.rounds import Round
from config.demo.seed import seed
from config.demo.show import Screen
from connection_setup.dynamics365 import services as dynamics
from coupling.mappings import defaults
from coupling.models import Coupling, IntegrationTableMapping
from masterdata import catalog
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.sync.conftest import connect, counters, synchronize

COUPLED, HERE, THERE = range(3)
SHARED = {
    "SALESPEOPLE": {COUPLED}, "CURRENCY": {COUPLED}, "PAYMENT TERMS": {COUPLED, THERE},
    "SHIPMENT METHOD": {COUPLED, THERE}, "SHIPPING AGENT": {THERE}, "CUSTOMER": {COUPLED, HERE, THERE},
    "VENDOR": {COUPLED, HERE, THERE}, "CONTACT": {COUPLED, HERE, THERE}, "ITEM-PRODUCT": {HERE, THERE},
    "RESOURCE-PRODUCT": {HERE, THERE}, "OPPORTUNITY": {COUPLED, HERE, THERE},
}  # fmt: skip
"""By mapping: what the first round did of its records at least."""
WAYS = {
    "units and groups of customers": {
        "UNIT OF MEASURE": {COUPLED, THERE}, "CUSTPRCGRP-PRICE": {COUPLED, THERE}, "SALESPRC-PRODPRICE": {THERE},
        "ITEM-PRODUCT": {COUPLED, HERE, THERE}, "RESOURCE-PRODUCT": {COUPLED, HERE, THERE},
    },
    "unit groups and price lists": {
        "UNIT GROUP": {THERE}, "ITEM UOM": {THERE}, "RESOURCE UOM": set[int](), "PLHEADER-PRICE": {THERE},
        "PLLINE-PRODPRICE": {THERE},
    },
}  # fmt: skip
CHANGED: dict[str, tuple[str, str]] = {
    "SALESPEOPLE": ("", "mobilephone"), "CURRENCY": ("description", ""), "CUSTOMER": ("city", "address1_city"),
    "VENDOR": ("city", "address1_city"), "CONTACT": ("city", "address1_city"), "ITEM-PRODUCT": ("description", "name"),
    "RESOURCE-PRODUCT": ("name", "name"), "OPPORTUNITY": ("description", "name"), "PLHEADER-PRICE": ("description", ""),
    "SALESPRC-PRODPRICE": ("unit_price", ""), "PLLINE-PRODPRICE": ("unit_price", ""),
    "ITEM UOM": ("qty_per_unit_of_measure", ""),
}  # fmt: skip
"""By mapping: the field that somebody changes here, and the column that somebody changes there, of other records."""


def change_here(mapping: IntegrationTableMapping, name: str) -> None:
    pairs = Coupling.objects.filter(mapping=mapping, pending=False)
    records = catalog.table(mapping.table).records(mapping.company).filter(system_id__in=pairs.values("local_id"))
    record = (records.filter(code="BOX") if mapping.name == "ITEM UOM" else records).order_by("-pk").first()
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
    (company,) = seed((plan,))
    sandbox.load(
        {name: its for name, its in remote.rows(
            plan, sandbox.rows("transactioncurrencies"), sandbox.rows("businessunits")
        ).items() if its}
    )  # fmt: skip
    connect(company, sandbox)
    other = way != next(iter(WAYS))
    dynamics.map_unit_groups(company=company, user=None, on=other)
    dynamics.map_price_lists(company=company, user=None, on=other)
    assert dynamics.enable(company=company, user=None).ok
    rounds.choose_criteria(company)

    first, _ = play(company, sandbox)
    wanted: dict[str, set[int]] = {**SHARED, **WAYS[way]}
    assert wanted.keys() == set(defaults.default_names()) - set(defaults.disabled_names(company))
    done = first.by_mapping()
    lacking = {name: least - {at for at in (COUPLED, HERE, THERE) if done[name][at]} for name, least in wanted.items()}
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
