"""Resources, price lists with their lines, and opportunities, on a sandbox with Dynamics 365 Sales."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from connection_setup.connection.state import connection_of
from connection_setup.dynamics365 import services as dynamics
from connection_setup.models import DataverseConnection
from core.refusals import Refusal
from core.vocabulary import DeletionOption, Direction
from coupling.gateway import Gateway
from coupling.models import Coupling, IntegrationTableMapping, Method
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import (
    Company,
    Contact,
    CustomerPriceGroup,
    Item,
    ItemUnitOfMeasure,
    Opportunity,
    Resource,
    SalesPrice,
)
from sandbox.testing import Sandbox
from sync.engine.default_prices import DefaultPrices
from sync.history.services import put_back
from sync.models import SynchronizedValue
from sync.rules.changes import Won
from sync.schedules.services import run_due
from sync.start.services import start_synchronization
from tests.sync.conftest import accounts, counters, page_url, signed_in, synchronize, update_mapping
from tests.sync.engine.selling import sell
from tests.sync.engine.test_table_rules import fullsync, products, units

pytestmark = pytest.mark.xdist_group("sales")  # they share scenes that take long to make

SALES = ["RESOURCE-PRODUCT", "CUSTPRCGRP-PRICE", "SALESPRC-PRODPRICE", "OPPORTUNITY"]


@pytest.fixture
def sales(connected: Callable[..., Company]) -> Company:
    """Return a connected company that sells an item and a resource at prices of two groups, with Sales enabled."""
    return connected("CRONUS International", sell, scene="Sales")


@pytest.fixture
def synchronized(connected: Callable[..., Company]) -> Company:
    """Return the company of `sales` after a full synchronization that came to its end."""

    def sell_and_synchronize(company: Company, remote: Sandbox) -> None:
        sell(company, remote)
        synchronize_all(company)

    return connected("CRONUS International", sell_and_synchronize, scene="Sales, synchronized")


def synchronize_all(company: Company) -> dict[str, Any]:
    lines = fullsync(company)
    assert {line.status for line in lines.values() if line.local_count} == {"finished"}
    return lines


def rows_written(remote: Sandbox, company: Company, *names: str, **asked: Any) -> int:
    """Synchronize mappings one after the other; return how many rows were written in Dataverse."""
    remote.control("DELETE", "requests")
    for name in names or SALES:
        synchronize(update_mapping(company, name), **asked)
    written: int = remote.requests()["rows_written"]
    return written


def price_lines(remote: Sandbox) -> dict[str, dict[str, Any]]:
    """Return the last line of each price list by the list's name, without the default one."""
    lists = {row["pricelevelid"]: row["name"] for row in remote.rows("pricelevels")}
    return {lists[row["_pricelevelid_value"]]: row for row in group_lines(remote)}


def group_lines(remote: Sandbox) -> list[dict[str, Any]]:
    """Return the lines of price lists but the default one."""
    default = {row["pricelevelid"] for row in remote.rows("pricelevels") if row["name"].startswith("Tandem Default")}
    return [row for row in remote.rows("productpricelevels") if row["_pricelevelid_value"] not in default]


def default_lines(remote: Sandbox) -> dict[str, tuple[float, str]]:
    """Return amount and unit of each line of the default price list by the product's name."""
    named = {row["productid"]: row["name"] for row in remote.rows("products")}
    grouped = {row["productpricelevelid"] for row in group_lines(remote)}
    return {
        named[row["_productid_value"]]: (row["amount"], row["_uomid_value"])
        for row in remote.rows("productpricelevels")
        if row["productpricelevelid"] not in grouped
    }


def change_there(remote: Sandbox, entity_set: str, key: str, row: dict[str, Any], **columns: Any) -> None:
    """Somebody changes a row in Dataverse."""
    kept = {name: value for name, value in row.items() if not name.startswith("@") and value is not None}
    kept = {name: value for name, value in kept.items() if name not in ("versionnumber", "modifiedon")}
    remote.load({entity_set: [{**kept, **columns}]})


def test_all_of_sales_is_synchronized_in_the_order_of_its_references_and_a_second_run_writes_nothing(
    sales: Company, remote: Sandbox
) -> None:
    lines = synchronize_all(sales)
    assert [counters(lines[name].job) for name in SALES] == [
        {"inserted": 1}, {"inserted": 2}, {"inserted": 2}, {"inserted": 1},
    ]  # fmt: skip
    found = products(remote)
    assembly, bicycle = found["Assembly"], found["Bicycle"]
    assert (assembly["producttypecode"], assembly["statecode"], assembly["productnumber"]) == (3, 0, "R10")
    assert (assembly["price"], assembly["standardcost"], assembly["quantityonhand"]) == (54, 30, 40)
    assert units(remote)[assembly["_defaultuomscheduleid_value"]] == "HOUR"
    assert (bicycle["vendorid"], bicycle["vendorname"]) == ("40000", "Wheels Ltd.")
    currencies = {row["transactioncurrencyid"]: row["isocurrencycode"] for row in remote.rows("transactioncurrencies")}
    lists = {row["name"]: currencies[row["_transactioncurrencyid_value"]] for row in remote.rows("pricelevels")}
    default = f"Tandem Default {sales.name}"
    assert lists == {"RETAIL": "USD", "EUROPE": "EUR", default: "USD"}, (
        "a price list is in the currency of the group's prices"
    )
    prices = price_lines(remote)
    assert {name: (row["amount"], row["productnumber"], row["pricingmethodcode"]) for name, row in prices.items()} == {
        "RETAIL": (880, "1000", 1), "EUROPE": (800, "1000", 1),
    }  # fmt: skip
    assert prices["RETAIL"]["_uomid_value"] == bicycle["_defaultuomid_value"]
    (opportunity,) = remote.rows("opportunities")
    (person,) = remote.rows("contacts")
    assert opportunity["_parentaccountid_value"] == accounts(remote)["Adatum"]["accountid"]
    assert opportunity["_parentcontactid_value"] == person["contactid"]
    assert (opportunity["estimatedvalue"], opportunity["estimatedclosedate"]) == (9000, "2031-05-04")

    assert rows_written(remote, sales) == 0
    assert rows_written(remote, sales, full=True) == 0
    assert "OPPORTUNITY" not in {job.mapping_name for job in run_due(timezone.now() + timedelta(days=1))}

    Resource.objects.get().save()  # nothing changed
    price = SalesPrice.objects.get(no="P-RETAIL")
    price.unit_price = Decimal("870")
    price.save()
    change_there(remote, "products", "productid", assembly, name="Assembly at home")
    change_there(remote, "opportunities", "opportunityid", opportunity, name="Twelve bicycles")
    assert rows_written(remote, sales) == 1
    assert price_lines(remote)["RETAIL"]["amount"] == 870
    assert (Resource.objects.get().name, Opportunity.objects.get().description) == (
        "Assembly at home", "Twelve bicycles",
    )  # fmt: skip
    assert rows_written(remote, sales, full=True) == 0


def test_the_default_price_list_follows_prices_and_units_and_what_is_lost_of_it_comes_back(
    synchronized: Company, remote: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = products(remote)
    (default,) = (row for row in remote.rows("pricelevels") if row["name"].startswith("Tandem Default"))
    assert default["_tandem_companyid_value"] == str(connection_of(synchronized).company_row_id)
    assert {row["_pricelevelid_value"] for row in found.values()} == {default["pricelevelid"]}
    per = {name: row["_defaultuomid_value"] for name, row in found.items()}
    assert default_lines(remote) == {"Bicycle": (900, per["Bicycle"]), "Assembly": (54, per["Assembly"])}
    names = ("ITEM-PRODUCT", "RESOURCE-PRODUCT")
    assert rows_written(remote, synchronized, *names) == rows_written(remote, synchronized, *names, full=True) == 0

    item = Item.objects.get()
    item.unit_price, item.base_unit_of_measure = Decimal("950"), "HOUR"
    item.save()
    keep, died = DefaultPrices.keep, list[int]()

    def dies(self: DefaultPrices, ids: Any) -> Any:
        if not died:
            died.append(len(ids))
            raise RuntimeError("killed")
        return keep(self, ids)

    monkeypatch.setattr(DefaultPrices, "keep", dies)
    mapping = update_mapping(synchronized, "ITEM-PRODUCT")
    assert run_to_end(start_synchronization(mapping=mapping)).state == "failed"
    assert products(remote)["Bicycle"]["price"] == 950 and default_lines(remote)["Bicycle"][0] == 900
    synchronize(mapping, full=True)
    assert default_lines(remote)["Bicycle"] == (950, per["Assembly"])
    lines = remote.rows("productpricelevels")
    assert Gateway(synchronized).delete(
        IntegrationTableMapping(
            company=synchronized, integration_table="productpricelevel", entity_set="productpricelevels",
            uid_column="productpricelevelid",
        ), [(UUID(row["productpricelevelid"]), "") for row in lines],
    )[0].ok  # fmt: skip
    assert rows_written(remote, synchronized, *names, full=True) == 2
    assert set(default_lines(remote)) == {"Bicycle", "Assembly"}


def test_products_become_items_or_resources_by_their_type_and_opportunities_come_here(
    synchronized: Company, remote: Sandbox
) -> None:
    found = products(remote)
    kept = {
        name: found["Assembly"][name]
        for name in ("_defaultuomscheduleid_value", "_defaultuomid_value", "quantitydecimal", "statecode", "statuscode")
    }
    remote.load(
        {
            "products": [
                {"name": "Pump", "productnumber": "X1", "producttypecode": 1, **kept},
                {"name": "Repair", "productnumber": "X2", "producttypecode": 3, **kept},
            ],
            "opportunities": [{"name": "A shop in Leeds"}],
        }
    )
    for name in ("ITEM-PRODUCT", "RESOURCE-PRODUCT", "OPPORTUNITY"):
        assert counters(synchronize(update_mapping(synchronized, name), create=True))["inserted"] == 1
    assert Item.objects.get(description="Pump").base_unit_of_measure == "HOUR"
    assert Resource.objects.get(name="Repair").no.startswith("R")
    assert Opportunity.objects.get(description="A shop in Leeds").status == "Not Started"
    names = ("ITEM-PRODUCT", "RESOURCE-PRODUCT", "OPPORTUNITY")
    assert rows_written(remote, synchronized, *names, full=True) == 0
    assert {row["productnumber"] for row in remote.rows("products")} == {"1000", "R10", "X1", "X2"}


def test_a_price_that_is_there_already_is_coupled_and_a_group_with_two_currencies_fails(
    synchronized: Company, remote: Sandbox
) -> None:
    Coupling.objects.filter(table="sales_price").delete()
    SalesPrice.objects.filter(no="P-RETAIL").update(unit_price=Decimal("850"))
    CustomerPriceGroup.objects.create(company=synchronized, code="MIXED")
    for no, currency in (("P1", ""), ("P2", "EUR")):
        SalesPrice.objects.create(
            company=synchronized, no=no, sales_code="MIXED", item_no="1000", currency_code=currency
        )
    job = synchronize(update_mapping(synchronized, "CUSTPRCGRP-PRICE"), create=True)
    (failed,) = job.outcomes.filter(outcome="failed")
    assert "The prices of MIXED are in several currencies (USD, EUR)" in failed.message
    job = synchronize(update_mapping(synchronized, "SALESPRC-PRODPRICE"), full=True)
    assert counters(job) == {"modified": 1, "unchanged": 1, "failed": 2}
    told = {row.message for row in job.outcomes.filter(outcome="failed", reason="reference_not_coupled")}
    assert told and all("MIXED" in text for text in told), "the group has no price list to stand in"
    assert len(group_lines(remote)) == 2
    assert price_lines(remote)["RETAIL"]["amount"] == 850
    methods = Coupling.objects.filter(table="sales_price").values_list("method", flat=True)
    assert set(methods) == {Method.MATCHED}

    other = SalesPrice.objects.create(
        company=synchronized, no="P3", sales_code="RETAIL", item_no="1000", currency_code="EUR"
    )
    boxed = SalesPrice.objects.create(
        company=synchronized, no="P4", sales_code="RETAIL", item_no="1000", unit_of_measure_code="HOUR"
    )
    job = synchronize(update_mapping(synchronized, "SALESPRC-PRODPRICE"))
    said = {one.local_id: one.message for one in job.outcomes.all()}
    assert "the price list of RETAIL in Dataverse is in another currency" in said[other.system_id]
    assert "is per HOUR, and the product's unit group has no unit but PCS" in said[boxed.system_id]


def test_a_record_deleted_while_it_is_coupled_with_the_row_that_is_there_ends_the_coupling(
    synchronized: Company, remote: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Coupling.objects.filter(table="sales_price").delete()
    mapping = update_mapping(synchronized, "SALESPRC-PRODPRICE", deletion_conflict=DeletionOption.UNCOUPLE)
    read = Gateway.read

    def meanwhile(self: Gateway, *given: Any) -> Any:
        SalesPrice.objects.filter(no="P-RETAIL").delete()
        return read(self, *given)

    monkeypatch.setattr(Gateway, "read", meanwhile)
    job = synchronize(mapping, direction=Direction.TO, create=True)
    assert counters(job) == {"uncoupled": 1, "unchanged": 1}
    assert Coupling.objects.filter(table="sales_price").count() == 1
    assert len(group_lines(remote)) == 2


def test_a_blocked_item_retires_its_product_and_back_once_the_filters_let_them_in(
    synchronized: Company, remote: Sandbox
) -> None:
    resource = Resource.objects.get()
    resource.blocked = True
    resource.save()
    mapping = update_mapping(synchronized, "RESOURCE-PRODUCT")
    assert counters(synchronize(mapping)) == {"skipped": 1}, "by default blocked records are outside"
    mapping.table_filter = {}
    mapping.integration_filter = {"field": "producttypecode", "op": "eq", "value": 3}
    mapping.save()
    assert counters(synchronize(mapping)) == {"modified": 1}
    retired = products(remote)["Assembly"]
    assert (retired["statecode"], retired["statuscode"]) == (1, 2)
    assert set(default_lines(remote)) == {"Bicycle"}, "no product is retired that is on a price list"
    assert rows_written(remote, synchronized, "RESOURCE-PRODUCT", full=True) == 0
    change_there(remote, "products", "productid", retired, statecode=0, statuscode=1)
    assert counters(synchronize(mapping)) == {"modified": 1}
    assert not Resource.objects.get().blocked
    assert set(default_lines(remote)) == {"Bicycle", "Assembly"}
    # Another price list still has it: it keeps its default price, and is refused until it leaves that list.
    group = next(row for row in remote.rows("pricelevels") if "Default" not in row["name"])
    line = {name: retired[f"_default{name[1:]}"] for name in ("_uomid_value", "_uomscheduleid_value")}
    line |= {"_productid_value": retired["productid"], "_pricelevelid_value": group["pricelevelid"], "amount": 1}
    remote.load({"productpricelevels": [line]})
    Resource.objects.update(blocked=True)
    for _ in ("refused", "left out", "left out"):
        assert rows_written(remote, synchronized, "RESOURCE-PRODUCT", full=True) == 0
        assert set(default_lines(remote)) >= {"Bicycle", "Assembly"}
    Resource.objects.create(company=synchronized, no="R11", name="Old", base_unit_of_measure="HOUR", blocked=True)
    (failed,) = synchronize(mapping, create=True).outcomes.filter(outcome="failed")
    assert "R11 is blocked, and a new product cannot be retired at once." in failed.message


def test_opportunities_need_no_account_and_a_closed_one_says_so(synchronized: Company, remote: Sandbox) -> None:
    mapping = update_mapping(synchronized, "OPPORTUNITY")
    Contact.objects.create(company=synchronized, no="CT9", type="Person", surname="Nobody")
    stranger = Opportunity.objects.create(company=synchronized, no="OP2", description="Stranger", contact_no="CT9")
    alone = Opportunity.objects.create(company=synchronized, no="OP3", description="Nobody yet")
    Opportunity.objects.create(company=synchronized, no="OP4", description="Lost", status="Lost")
    assert counters(synchronize(mapping))["inserted"] == 1, "the team owns rows: strangers and closed ones stay here"
    assert {row["name"] for row in remote.rows("opportunities")} == {"Ten bicycles", "Nobody yet"}
    row = next(row for row in remote.rows("opportunities") if row["name"] == "Nobody yet")
    assert row["_parentaccountid_value"] is None
    change_there(remote, "opportunities", "opportunityid", row, statecode=1, statuscode=3)
    synchronize(mapping)
    alone.description = "Somebody"
    alone.save()
    (failed,) = synchronize(mapping).outcomes.filter(outcome="failed")
    assert failed.message.startswith("The row is closed in Dataverse, or inactive, and takes no more changes.")
    DataverseConnection.objects.filter(company=synchronized).update(ownership_model="person")
    job = synchronize(mapping, create=True)
    (failed,) = job.outcomes.filter(local_id=stranger.system_id)
    assert "and that contact is not coupled to Dataverse" in failed.message


def test_with_unit_groups_each_item_and_resource_has_a_group_with_its_units(sales: Company, remote: Sandbox) -> None:
    dynamics.disable(company=sales, user=None)
    dynamics.map_unit_groups(company=sales, user=None, on=True)
    assert dynamics.enable(company=sales, user=None).ok
    assert dynamics.count_schedules(sales) == (7, 7)
    with pytest.raises(Refusal, match="UNIT OF MEASURE is not in use"):
        synchronize(update_mapping(sales, "UNIT OF MEASURE"))
    ItemUnitOfMeasure.objects.create(company=sales, item_no="1000", code="BOX", qty_per_unit_of_measure=6)
    boxed = SalesPrice.objects.create(
        company=sales, no="P9", sales_code="RETAIL", item_no="1000", unit_of_measure_code="BOX", unit_price=5000
    )
    lines = synchronize_all(sales)
    assert counters(lines["UNIT GROUP"].job) == {"inserted": 2}
    assert Coupling.objects.filter(table__endswith="_unit_of_measure", pending=False).count() == 3
    groups = {row["uomscheduleid"]: row["name"] for row in remote.rows("uomschedules")}
    assert set(groups.values()) == {"Default Unit", "Tandem ITEM 1000", "Tandem RESOURCE R10"}
    there = {(groups[row["_uomscheduleid_value"]], row["name"]): row for row in remote.rows("uoms")}
    assert there["Tandem ITEM 1000", "BOX"]["quantity"] == 6
    assert there["Tandem ITEM 1000", "BOX"]["_baseuom_value"] == there["Tandem ITEM 1000", "PCS"]["uomid"]
    bicycle, assembly = products(remote)["Bicycle"], products(remote)["Assembly"]
    assert bicycle["_defaultuomid_value"] == there["Tandem ITEM 1000", "PCS"]["uomid"]
    assert groups[assembly["_defaultuomscheduleid_value"]] == "Tandem RESOURCE R10"
    pair = Coupling.objects.get(local_id=boxed.system_id)
    prices = {row["productpricelevelid"]: row for row in remote.rows("productpricelevels")}
    assert prices[str(pair.integration_id)]["_uomid_value"] == there["Tandem ITEM 1000", "BOX"]["uomid"]
    names = ["UNIT GROUP", "ITEM UOM", "RESOURCE UOM", "ITEM-PRODUCT", *SALES]
    assert rows_written(remote, sales, *names) == 0
    assert rows_written(remote, sales, *names, full=True) == 0
    Item.objects.create(company=sales, no="1001", description="Pump", base_unit_of_measure="PCS")
    for name, count in (("UNIT GROUP", "inserted"), ("ITEM UOM", "unchanged"), ("ITEM-PRODUCT", "inserted")):
        assert counters(synchronize(update_mapping(sales, name), create=True))[count] >= 1, "its base unit is there"

    # A box is some of the group's pieces, and nobody has said how many.
    Item.objects.filter(no="1001").update(base_unit_of_measure="BOX")
    synchronize(update_mapping(sales, "ITEM UOM"), create=True)
    (failed,) = synchronize(update_mapping(sales, "ITEM-PRODUCT"), full=True).outcomes.filter(outcome="failed")
    assert "1001 BOX" in failed.message
    ItemUnitOfMeasure.objects.create(company=sales, item_no="1001", code="BOX", qty_per_unit_of_measure=12)
    assert counters(synchronize(update_mapping(sales, "ITEM UOM"), create=True))["inserted"] == 1
    assert counters(synchronize(update_mapping(sales, "ITEM-PRODUCT"), full=True))["modified"] == 1
    ItemUnitOfMeasure.objects.filter(key="1001 PCS").delete()
    Item.objects.filter(no="1001").update(base_unit_of_measure="PCS")
    synchronize(update_mapping(sales, "UNIT GROUP"), full=True)
    assert ItemUnitOfMeasure.objects.get(key="1001 PCS").qty_per_unit_of_measure == 1, "it is the group's own unit"

    with pytest.raises(Refusal, match="cannot be changed while Dynamics 365 is enabled"):
        dynamics.map_unit_groups(company=sales, user=None, on=False)
    dynamics.disable(company=sales, user=None)
    dynamics.map_unit_groups(company=sales, user=None, on=False)
    assert dynamics.enable(company=sales, user=None).ok
    mapping = update_mapping(sales, "ITEM-PRODUCT")
    assert mapping.dependencies == ["UNIT OF MEASURE"]
    assert mapping.fields.filter(integration_field="defaultuomscheduleid").exists()
    assert not mapping.fields.filter(integration_field="defaultuomid").exists()


def test_a_resource_is_synchronized_from_its_list(synchronized: Company, remote: Sandbox) -> None:
    one = Resource.objects.get(company=synchronized)
    one.name = "Putting together"
    one.save()
    url = page_url(synchronized, "synchronize-selection", table="resource")
    signed_in("Operator").post(url, {"selected": [str(one.system_id)], "way": "to"})
    job = run_to_end(Job.objects.latest("pk"))
    assert (job.mapping_name, counters(job)) == ("RESOURCE-PRODUCT", {"modified": 1})
    assert "Putting together" in products(remote)


def test_the_history_tells_the_columns_that_rules_of_a_table_send_along(synchronized):
    along = SynchronizedValue.objects.filter(company=synchronized, field__name__startswith=":")
    told = {(line.field.mapping_name, line.field.column): line.after for line in along.select_related("field")}
    assert {"defaultuomid", "transactioncurrencyid"} <= {column for name, column in told if name == "RESOURCE-PRODUCT"}
    assert all(told.values()), told
    assert not {"ownerid", "tandem_companyid"} & {column for _, column in told}
    with pytest.raises(Refusal, match="created: before, there was nothing"):
        put_back(company=synchronized, lines=along, user=None)
    along.update(won=Won.RULE)
    with pytest.raises(Refusal, match="sent along by a rule of the table"):
        put_back(company=synchronized, lines=along, user=None)
    page = signed_in("Operator").get(page_url(synchronized, "history"), {"field": "defaultuomid"})
    assert "(by a rule)" in page.content.decode()
