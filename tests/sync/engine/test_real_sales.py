"""The mappings of the sales tables against real metadata, and with a real business's items and units."""

import csv
import json
from decimal import Decimal
from typing import Any

import pytest

from connection_setup.dynamics365 import services as dynamics
from coupling.mappings.defaults import default_entries
from masterdata.models import Company, Item, UnitOfMeasure
from sandbox.metadata.catalog import build_tables
from sandbox.testing import Sandbox
from tests.matching_quality.brute_force import data_folder
from tests.sync.conftest import counters, synchronize, update_mapping
from tests.sync.engine.test_table_rules import fullsync, products

DATA = data_folder()
pytestmark = pytest.mark.skipif(
    DATA is None, reason="the business data is not here: TANDEM_DATA names the folder that contains erp/"
)
ELSEWHERE = {
    "", "defaultuomid", "defaultuomscheduleid", "uomscheduleid", "transactioncurrencyid", "ownerid", "owneridtype",
    "primarycontactid", "parentcustomerid", "parentcustomeridtype",
}  # fmt: skip
"""The data keeps lookups under other names."""
ADDRESS = "address1_"
"""What columns of a table of their own begin with in the data."""


def rows_of(name: str) -> list[dict[str, str]]:
    assert DATA is not None
    with (DATA / "erp" / "bc_cronus" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_columns_and_choices_that_are_mapped_are_those_of_the_real_tables() -> None:
    assert DATA is not None
    real: dict[str, Any] = json.loads((DATA / "cdm" / "tables.json").read_text(encoding="utf-8"))
    address = (DATA / "cdm" / "Address.cdm.json").read_text(encoding="utf-8").lower()
    here, checked = build_tables(), set[str]()
    for entry in default_entries():
        table = entry.integration_table
        if table not in here or table not in real:
            continue
        columns = {column["logicalname"]: column for column in real[table]["attributes"]}
        named = {row.integration_field for row in entry.fields} | entry.insert_values.keys()
        of_addresses = {name for name in named if name.startswith(ADDRESS)}
        assert all(f'"name": "{name.removeprefix(ADDRESS)}"' in address for name in of_addresses)
        assert named - ELSEWHERE - of_addresses <= columns.keys(), entry.name
        for name in named - ELSEWHERE - of_addresses:
            ours, theirs = here[table].columns[name], columns[name]
            if theirs.get("options"):
                assert {one.value: one.label for one in ours.choices} == {
                    one["value"]: one["label"] for one in theirs["options"]
                }
            if theirs.get("maxlength") and name != "currencysymbol":  # 13 by now
                assert ours.max_length == theirs["maxlength"], (table, name)
            checked.add(f"{table}.{name}")
    assert {"account.customertypecode", "contact.lastname", "systemuser.internalemailaddress"} <= checked
    assert len(checked) > 45


@pytest.mark.parametrize("unit_groups", [False, True])
def test_a_real_businesss_items_become_products_with_their_units_and_a_second_run_writes_nothing(
    company: Company, remote: Sandbox, unit_groups: bool
) -> None:
    for unit in rows_of("units_of_measure"):
        UnitOfMeasure.objects.create(company=company, code=unit["Code"], description=unit["Description"][:50])
    names = {
        row["Item No."]: row["Description"] for row in rows_of("item_translations") if row["Language Code"] == "ENU"
    }
    given = {row["No."]: row for row in rows_of("items")}
    for number, row in given.items():
        Item.objects.create(
            company=company, no=number, description=names.get(number, number),
            base_unit_of_measure=row["Base Unit of Measure"] or "PCS", unit_price=Decimal(row["Unit Price"] or 0),
            unit_cost=Decimal(row["Last Direct Cost"] or 0), gross_weight=Decimal(row["Gross Weight"] or 0),
            vendor_item_no=row["Vendor Item No."],
        )  # fmt: skip
    dynamics.map_unit_groups(company=company, user=None, on=unit_groups)
    assert dynamics.enable(company=company, user=None).ok
    line = fullsync(company)["ITEM-PRODUCT"]
    assert counters(line.job) == {"inserted": len(given)}
    found = {row["productnumber"]: row for row in products(remote).values()}
    assert found["70000"]["price"] == 263
    groups = {row["uomscheduleid"]: row["name"] for row in remote.rows("uomschedules")}
    assert groups[found["70000"]["_defaultuomscheduleid_value"]] == (
        "Tandem ITEM 70000" if unit_groups else "Tandem PCS"
    )
    remote.control("DELETE", "requests")
    synchronize(update_mapping(company, "ITEM-PRODUCT"))
    synchronize(update_mapping(company, "ITEM-PRODUCT"), full=True)
    assert remote.requests()["rows_written"] == 0
