"""Extended prices: price lists and their lines, of items and resources, in place of customer price groups."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connection_setup.dynamics365 import services as dynamics
from core.refusals import Refusal
from coupling.models import Coupling
from coupling.rows import WriteResult
from jobs.running.waiting import run_to_end
from masterdata.models import Company, ItemUnitOfMeasure, PriceListHeader, PriceListLine
from sandbox.testing import Sandbox
from sync.engine.worker import Worker
from sync.start.services import start_synchronization
from tests.sync.conftest import counters, synchronize, update_mapping
from tests.sync.engine.selling import sell
from tests.sync.engine.test_sales import group_lines, price_lines, rows_written, synchronize_all
from tests.sync.engine.test_table_rules import products

pytestmark = pytest.mark.xdist_group("sales")  # they share scenes that take long to make

LISTS = ["PLHEADER-PRICE", "PLLINE-PRODPRICE"]


@pytest.fixture
def lists(connected: Callable[..., Company]) -> Company:
    """Return a company with extended prices on: an active list with two lines, one in euros that is a draft."""
    return connected("CRONUS International", sell_by_lists, scene="Sales by price lists")


def sell_by_lists(sales: Company, remote: Sandbox) -> None:
    sell(sales, remote)
    with pytest.raises(Refusal, match="Extended Prices cannot be changed while Dynamics 365 is enabled"):
        dynamics.map_price_lists(company=sales, user=None, on=True)
    dynamics.disable(company=sales, user=None)
    dynamics.map_price_lists(company=sales, user=None, on=True)
    assert dynamics.enable(company=sales, user=None).ok
    PriceListHeader.objects.create(
        company=sales, code="SHOP", description="In the shop", status="Active", starting_date=date(2031, 1, 1)
    )
    PriceListHeader.objects.create(company=sales, code="EURO", currency_code="EUR")
    PriceListHeader.objects.create(company=sales, code="COST", price_type="Purchase")
    for no, code, kind, asset, price, currency in (
        ("L1", "SHOP", "Item", "1000", "870", ""), ("L2", "SHOP", "Resource", "R10", "50", ""),
        ("L3", "EURO", "Item", "1000", "810", "EUR"), ("L4", "SHOP", "G/L Account", "6110", "1", ""),
    ):  # fmt: skip
        PriceListLine.objects.create(
            company=sales, no=no, price_list_code=code, asset_type=kind, asset_no=asset, unit_price=Decimal(price),
            currency_code=currency,
        )  # fmt: skip
    PriceListLine.objects.create(
        company=sales, no="L5", price_list_code="SHOP", asset_no="1000", minimum_quantity=10, unit_price=800
    )


def test_price_lists_and_their_lines_go_to_dataverse_and_a_second_run_writes_nothing(
    lists: Company, remote: Sandbox
) -> None:
    for name in ("CUSTPRCGRP-PRICE", "SALESPRC-PRODPRICE"):
        with pytest.raises(Refusal, match=f"{name} is not in use: prices are mapped another way"):
            synchronize(update_mapping(lists, name))
    done = synchronize_all(lists)
    assert not {"CUSTPRCGRP-PRICE", "SALESPRC-PRODPRICE"} & done.keys()
    assert [counters(done[name].job) for name in LISTS] == [{"inserted": 2}, {"inserted": 3}]
    currencies = {row["transactioncurrencyid"]: row["isocurrencycode"] for row in remote.rows("transactioncurrencies")}
    rows = {row["name"]: row for row in remote.rows("pricelevels")}
    shop, euro = rows["SHOP"], rows["EURO"]
    assert (shop["description"], shop["begindate"], shop["statecode"]) == ("In the shop", "2031-01-01", 0)
    assert [currencies[row["_transactioncurrencyid_value"]] for row in (shop, euro)] == ["USD", "EUR"]
    assert euro["statecode"] == 1, "a draft does not count yet"
    found = products(remote)
    lines = {(row["_pricelevelid_value"], row["_productid_value"]): row for row in group_lines(remote)}
    assert {key: row["amount"] for key, row in lines.items()} == {
        (shop["pricelevelid"], found["Bicycle"]["productid"]): 870,
        (shop["pricelevelid"], found["Assembly"]["productid"]): 50,
        (euro["pricelevelid"], found["Bicycle"]["productid"]): 810,
    }
    for row in lines.values():
        product = next(one for one in found.values() if one["productid"] == row["_productid_value"])
        assert row["_uomid_value"] == product["_defaultuomid_value"]
    assert rows_written(remote, lists, *LISTS) == rows_written(remote, lists, *LISTS, full=True) == 0

    header = PriceListHeader.objects.get(code="EURO")
    header.status = "Active"
    header.save()
    line = PriceListLine.objects.get(no="L3")
    line.unit_price = Decimal("805")
    line.save()
    assert rows_written(remote, lists, *LISTS) == 2
    assert {row["name"]: row["statecode"] for row in remote.rows("pricelevels")}["EURO"] == 0
    assert price_lines(remote)["EURO"]["amount"] == 805
    assert rows_written(remote, lists, *LISTS, full=True) == 0


@pytest.mark.parametrize("what", ["killed", "refused"])
def test_a_list_that_does_not_count_is_made_inactive_by_the_next_run_where_this_one_could_not(
    lists: Company, remote: Sandbox, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Dataverse creates every row active: a draft is made inactive by a second write, which may not come about."""
    publish, tried = Worker.publish, list[int]()

    def does_not(self: Worker, rows: Any) -> Any:
        if tried or not any(held for _, held in rows):
            return publish(self, rows)
        tried.append(len(rows))
        if what == "killed":
            raise RuntimeError("killed")
        return {row_id: WriteResult(row_id, ok=False, message="No privilege.") for row_id, held in rows if held}

    monkeypatch.setattr(Worker, "publish", does_not)
    for name in ("CURRENCY", "UNIT OF MEASURE"):
        synchronize(update_mapping(lists, name), create=True)
    mapping = update_mapping(lists, "PLHEADER-PRICE")
    job = run_to_end(start_synchronization(mapping=mapping, create=True))
    assert job.state == ("failed" if what == "killed" else "finished")
    assert state_of(remote, "EURO") == 0
    if what == "refused":
        euro = PriceListHeader.objects.get(code="EURO")
        said = job.outcomes.get(local_id=euro.system_id).message
        assert said == "The row was created, and could not be made inactive: No privilege."
    synchronize(mapping)
    assert (state_of(remote, "EURO"), state_of(remote, "SHOP")) == (1, 0)
    remote.control("DELETE", "requests")
    synchronize(mapping, full=True)
    assert remote.requests()["rows_written"] == 0


def state_of(remote: Sandbox, name: str) -> int:
    return int(next(row["statecode"] for row in remote.rows("pricelevels") if row["name"] == name))


def test_a_list_with_lines_in_another_currency_fails_and_a_line_that_is_there_is_coupled(
    lists: Company, remote: Sandbox
) -> None:
    synchronize_all(lists)
    Coupling.objects.filter(table="price_list_line").delete()
    odd = PriceListLine.objects.create(
        company=lists, no="L6", price_list_code="SHOP", asset_type="Resource", asset_no="R10", currency_code="EUR"
    )
    job = synchronize(update_mapping(lists, "PLLINE-PRODPRICE"), full=True)
    assert counters(job) == {"unchanged": 3, "failed": 1}
    assert len(group_lines(remote)) == 3
    assert "list of SHOP in Dataverse is in another currency" in job.outcomes.get(local_id=odd.system_id).message
    shop = PriceListHeader.objects.get(code="SHOP")
    shop.description = "Changed"
    shop.save()
    job = synchronize(update_mapping(lists, "PLHEADER-PRICE"))
    (failed,) = job.outcomes.filter(outcome="failed")
    assert "The price list SHOP is in USD, and has lines in another currency (EUR)" in failed.message
    odd.delete()
    shop.currency_code = "EUR"
    shop.save()
    PriceListLine.objects.filter(price_list_code="SHOP").update(currency_code="EUR")
    job = synchronize(update_mapping(lists, "PLHEADER-PRICE"))
    assert "The price list of SHOP is in another currency in Dataverse" in job.outcomes.get(outcome="failed").message


def test_with_unit_groups_lines_are_per_any_unit_of_an_item_or_a_resource(lists: Company, remote: Sandbox) -> None:
    dynamics.disable(company=lists, user=None)
    dynamics.map_unit_groups(company=lists, user=None, on=True)
    assert dynamics.enable(company=lists, user=None).ok
    ItemUnitOfMeasure.objects.create(company=lists, item_no="1000", code="BOX", qty_per_unit_of_measure=6)
    boxed = PriceListLine.objects.create(
        company=lists, no="L7", price_list_code="SHOP", asset_no="1000", unit_of_measure_code="BOX", unit_price=5000
    )
    strange = PriceListLine.objects.create(
        company=lists, no="L8", price_list_code="SHOP", asset_type="Resource", asset_no="R10",
        unit_of_measure_code="DAY",
    )  # fmt: skip
    job = synchronize_all(lists)["PLLINE-PRODPRICE"].job
    assert counters(job) == {"inserted": 4, "failed": 1}
    pair = Coupling.objects.get(local_id=boxed.system_id)
    line = next(row for row in group_lines(remote) if row["productpricelevelid"] == str(pair.integration_id))
    names = {row["uomid"]: row["name"] for row in remote.rows("uoms")}
    assert (names[line["_uomid_value"]], line["amount"]) == ("BOX", 5000)
    assert "is per DAY, and the product's unit group has no unit but HOUR" in (
        job.outcomes.get(local_id=strange.system_id).message
    )

    assert rows_written(remote, lists, *LISTS, full=True) == 0


def test_a_line_fails_where_its_list_or_its_item_is_not_coupled(lists: Company, remote: Sandbox) -> None:
    synchronize_all(lists)
    for name, table in (("PLHEADER-PRICE", "price_list_header"), ("ITEM-PRODUCT", "item")):
        PriceListLine.objects.filter(no__in=["L1", "L3"]).update(unit_price=Decimal("1"))
        gone = list(Coupling.objects.filter(mapping__name=name, table=table))
        assert gone
        Coupling.objects.filter(table="price_list_line").delete()
        Coupling.objects.filter(pk__in=[one.pk for one in gone]).delete()
        job = synchronize(update_mapping(lists, "PLLINE-PRODPRICE"), full=True)
        failed = list(job.outcomes.filter(outcome="failed"))
        assert failed and {one.reason for one in failed} == {"reference_not_coupled"}, [one.message for one in failed]
        assert all("not coupled to Dataverse" in one.message for one in failed)
        Coupling.objects.bulk_create(gone)
