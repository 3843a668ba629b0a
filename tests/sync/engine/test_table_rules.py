"""Dynamics 365 end to end: enabled on a sandbox, fully synchronized, products there with their units, then nothing."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from connection_setup.connection.state import connection_of
from connection_setup.dynamics365 import services as dynamics
from core.refusals import Refusal
from core.vocabulary import ConflictOption
from coupling import claims
from coupling.couplings.services import start_coupling
from coupling.models import Coupling, IntegrationTableMapping, OptionMapping
from coupling.rows import Criterion
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Currency, Item, PaymentTerms, UnitOfMeasure
from sandbox.testing import Sandbox
from sync.full import services as full
from sync.schedules.services import run_due
from sync.start.services import start_synchronization
from tests.coupling.conftest import match_on
from tests.sync.conftest import connect, counters, synchronize, update_mapping

pytestmark = pytest.mark.xdist_group("products")  # they share scenes that take long to make

SALES = ["UNIT OF MEASURE", "ITEM-PRODUCT"]


@pytest.fixture
def sales(connected: Callable[..., Company]) -> Company:
    """Return a connected company with two units and three items, and Dynamics 365 enabled."""
    return connected("CRONUS International", sell, scene="products")


@pytest.fixture
def synchronized(connected: Callable[..., Company]) -> Company:
    """Return the company of `sales` after a full synchronization."""

    def sell_and_synchronize(company: Company, remote: Sandbox) -> None:
        sell(company, remote)
        fullsync(company)

    return connected("CRONUS International", sell_and_synchronize, scene="products, synchronized")


def sell(company: Company, remote: Sandbox) -> None:
    connect(company, remote)
    stock(company)
    report = dynamics.enable(company=company, user=None)
    assert report.ok, report.document()


def stock(company: Company) -> None:
    for code in ("PCS", "HOUR"):
        UnitOfMeasure.objects.create(company=company, code=code, description=code.title())
    for number, (name, unit, price) in enumerate(
        [("Bicycle", "PCS", "1000.50"), ("Saddle", "PCS", "19.99"), ("Assembly", "HOUR", "54")], 1
    ):
        Item.objects.create(
            company=company, no=f"{company.pk}-{1000 + number}", description=name, base_unit_of_measure=unit,
            unit_price=Decimal(price), unit_cost=Decimal("10"), inventory=Decimal("7"),
        )  # fmt: skip


def fullsync(company: Company) -> dict[str, Any]:
    """Run a full synchronization to its end; return the lines by name."""
    full.reset(company)
    full.start(company)
    for _ in range(10):
        waiting = [line.job for line in full.lines(company) if line.job and not line.job.ended_at]
        if not waiting:
            break
        for job in waiting:
            run_to_end(job)
        full.advance(company)
    return {line.name: line for line in full.lines(company)}


def products(remote: Sandbox) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in remote.rows("products")}


def units(remote: Sandbox) -> dict[str, str]:
    """Return the name of the base unit of each unit group."""
    return {row["_uomscheduleid_value"]: row["name"] for row in remote.rows("uoms") if row["isschedulebaseuom"]}


def test_a_full_synchronization_brings_products_with_their_units_and_a_second_run_writes_nothing(
    sales: Company, remote: Sandbox
) -> None:
    lines = fullsync(sales)
    assert {name: lines[name].status for name in SALES} == dict.fromkeys(SALES, "finished")
    assert [counters(lines[name].job) for name in SALES] == [{"inserted": 2}, {"inserted": 3}]
    found = products(remote)
    assert {name: row["productnumber"].partition("-")[2] for name, row in found.items()} == {
        "Bicycle": "1001", "Saddle": "1002", "Assembly": "1003",
    }  # fmt: skip
    bicycle, assembly = found["Bicycle"], found["Assembly"]
    assert (bicycle["statecode"], bicycle["statuscode"], bicycle["producttypecode"]) == (0, 1, 1)
    assert (bicycle["price"], bicycle["standardcost"], bicycle["quantityonhand"]) == (1000.5, 10, 7)
    assert bicycle["quantitydecimal"] == 2
    named = units(remote)
    assert [named[row["_defaultuomscheduleid_value"]] for row in (bicycle, assembly)] == ["PCS", "HOUR"]
    for row in found.values():
        unit = next(one for one in remote.rows("uoms") if one["uomid"] == row["_defaultuomid_value"])
        assert unit["_uomscheduleid_value"] == row["_defaultuomscheduleid_value"]
        assert row["_tandem_companyid_value"] == str(connection_of(sales).company_row_id)
    groups = {row["name"] for row in remote.rows("uomschedules")}
    assert groups == {"Default Unit", "Tandem PCS", "Tandem HOUR"}
    assert Coupling.objects.filter(company=sales, table="item", pending=False).count() == 3

    remote.control("DELETE", "requests")
    for name in SALES:
        assert counters(synchronize(update_mapping(sales, name))) in ({}, {"unchanged": 2}, {"unchanged": 3})
    assert remote.requests()["rows_written"] == 0
    for name in SALES:
        assert counters(synchronize(update_mapping(sales, name), full=True)) in ({"unchanged": 2}, {"unchanged": 3})
    assert remote.requests()["rows_written"] == 0


def test_changes_go_both_ways_and_a_new_unit_is_sent_with_its_base_unit(synchronized: Company, remote: Sandbox) -> None:
    bicycle = Item.objects.get(description="Bicycle")
    bicycle.unit_price = Decimal("1200")
    bicycle.save()
    saddle = products(remote)["Saddle"]
    kept = {
        name: value
        for name, value in saddle.items()
        if not name.startswith("@") and value is not None and name not in ("versionnumber", "modifiedon")
    }
    remote.load({"products": [{**kept, "name": "Saddle, leather"}]})
    assistance = Item.objects.get(description="Assembly")
    assistance.base_unit_of_measure = "PCS"
    assistance.save()
    job = synchronize(update_mapping(synchronized, "ITEM-PRODUCT"))
    assert counters(job)["modified"] == 3
    found = products(remote)
    assert found["Bicycle"]["price"] == 1200
    assert Item.objects.filter(description="Saddle, leather").exists()
    named = units(remote)
    row = found["Assembly"]
    assert named[row["_defaultuomscheduleid_value"]] == "PCS"
    unit = next(one for one in remote.rows("uoms") if one["uomid"] == row["_defaultuomid_value"])
    assert unit["_uomscheduleid_value"] == row["_defaultuomscheduleid_value"]
    assert remote.requests()
    remote.control("DELETE", "requests")
    synchronize(update_mapping(synchronized, "ITEM-PRODUCT"))
    assert remote.requests()["rows_written"] == 0


def test_items_are_coupled_with_products_by_criteria(sales: Company, remote: Sandbox) -> None:
    synchronize(update_mapping(sales, "UNIT OF MEASURE"), full=True, create=True)
    group = next(row for row in remote.rows("uomschedules") if row["name"] == "Tandem PCS")
    unit = next(one for one in remote.rows("uoms") if one["_uomscheduleid_value"] == group["uomscheduleid"])
    some = Item.objects.get(description="Bicycle")
    common = {
        "producttypecode": 1, "statecode": 0, "statuscode": 1, "quantitydecimal": 2,
        "_defaultuomscheduleid_value": group["uomscheduleid"], "_defaultuomid_value": unit["uomid"],
    }  # fmt: skip
    remote.load(
        {
            "products": [
                {"name": "Bike", "productnumber": some.no, **common},
                {"name": "Other", "productnumber": "x", **common},
            ]
        }
    )
    mapping = update_mapping(sales, "ITEM-PRODUCT")
    match_on(mapping, "no")
    job = run_to_end(start_coupling(mapping=mapping))
    assert counters(job) == {"coupled": 1, "failed": 2}
    pair = Coupling.objects.get(mapping=mapping)
    assert pair.local_id == some.system_id
    job = synchronize(mapping, conflict=ConflictOption.SEND)
    assert products(remote)["Bicycle"]["price"] == 1000.5


def test_an_item_without_a_unit_fails_with_a_sentence_and_leaves_the_others(sales: Company, remote: Sandbox) -> None:
    Item.objects.create(company=sales, no="9", description="Nothing to count in")
    Item.objects.create(company=sales, no="10", description="Unknown unit", base_unit_of_measure="BOX")
    fullsync(sales)
    (job,) = (line.job for line in full.lines(sales) if line.name == "ITEM-PRODUCT")
    failed = {row.local_name: row.message for row in job.outcomes.filter(outcome="failed")}
    assert "has no Base Unit of Measure" in failed["Nothing to count in"]
    assert "is not coupled to Dataverse" in failed["Unknown unit"]
    assert len(products(remote)) == 3


def test_a_run_couples_units_with_the_groups_of_their_name_and_says_which_group_is_inactive(
    sales: Company, remote: Sandbox
) -> None:
    remote.load({"uomschedules": [{"name": "Tandem PCS", "baseuomname": "PCS"}, {"name": "Tandem HOUR"}]})
    groups = {row["name"]: row["uomscheduleid"] for row in remote.rows("uomschedules")}
    remote.load(
        {
            "uomschedules": [{"uomscheduleid": groups["Tandem HOUR"], "name": "Tandem HOUR", "statecode": 1}],
            "uoms": [
                {
                    "name": name,
                    "quantity": 1,
                    "isschedulebaseuom": True,
                    "_uomscheduleid_value": groups[f"Tandem {name}"],
                }
                for name in ("PCS", "HOUR")
            ],
        }
    )  # fmt: skip
    measures = update_mapping(sales, "UNIT OF MEASURE")
    job = synchronize(measures, create=True)
    assert job.counters["failed"] == 1, "the inactive one takes no change"
    assert {row["name"] for row in remote.rows("uomschedules")} == {"Default Unit", "Tandem PCS", "Tandem HOUR"}
    pair = Coupling.objects.get(mapping=measures, local_id=UnitOfMeasure.objects.get(code="PCS").system_id)
    assert str(pair.integration_id) == groups["Tandem PCS"]
    job = synchronize(update_mapping(sales, "ITEM-PRODUCT"), create=True)
    assert counters(job) == {"inserted": 2, "failed": 1}
    assert "The unit group Tandem HOUR is inactive in Dataverse" in job.outcomes.get(outcome="failed").message


def test_amounts_below_zero_are_sent_as_zero(sales: Company, remote: Sandbox) -> None:
    Item.objects.filter(description="Bicycle").update(inventory=Decimal("-3"), unit_cost=Decimal("-1"))
    fullsync(sales)
    found = products(remote)["Bicycle"]
    assert (found["quantityonhand"], found["standardcost"]) == (0, 0)
    remote.control("DELETE", "requests")
    for whole in (False, True):
        assert counters(synchronize(update_mapping(sales, "ITEM-PRODUCT"), full=whole)) in ({}, {"unchanged": 3})
    assert remote.requests()["rows_written"] == 0
    bicycle = Item.objects.get(description="Bicycle")
    bicycle.inventory = Decimal("4")
    bicycle.save()
    synchronize(update_mapping(sales, "ITEM-PRODUCT"))
    assert products(remote)["Bicycle"]["quantityonhand"] == 4


def test_a_product_is_published_although_the_worker_was_killed_before(
    sales: Company, remote: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sync.engine.worker import Worker

    synchronize(update_mapping(sales, "UNIT OF MEASURE"), full=True, create=True)
    publish = Worker.publish
    died: list[int] = []

    def dies(self: Worker, rows: Any) -> Any:
        if not died and rows:
            died.append(len(rows))
            raise RuntimeError("killed")
        return publish(self, rows)

    monkeypatch.setattr(Worker, "publish", dies)
    mapping = update_mapping(sales, "ITEM-PRODUCT")
    job = run_to_end(start_synchronization(mapping=mapping, full=True, create=True))
    assert job.state == "failed"
    assert {row["statecode"] for row in remote.rows("products")} == {2}
    assert Coupling.objects.filter(mapping=mapping, pending=True).count() == 3
    job = synchronize(mapping, full=True, create=True)
    assert counters(job) == {"inserted": 3}
    assert {row["statecode"] for row in remote.rows("products")} == {0}
    assert len(remote.rows("products")) == 3
    remote.control("DELETE", "requests")
    synchronize(mapping)
    assert remote.requests()["rows_written"] == 0


def test_schedules_begin_with_enabling_and_rest_while_it_is_off(sales: Company, remote: Sandbox) -> None:
    later = timezone.now() + timedelta(hours=1)
    rows = IntegrationTableMapping.objects.filter(company=sales, name__in=SALES)
    assert [row.scheduled for row in rows] == [True, True]
    assert dynamics.count_schedules(sales) == (5, 5), "OPPORTUNITY has no schedule of its own"
    assert run_due(timezone.now()) == []
    assert {job.mapping_name for job in run_due(later)} >= set(SALES)
    fullsync(sales)
    before = Coupling.objects.filter(company=sales).count()

    dynamics.disable(company=sales, user=None)
    assert dynamics.count_schedules(sales) == (0, 5)
    assert run_due(later + timedelta(days=1)) == []
    assert Coupling.objects.filter(company=sales).count() == before
    full.reset(sales)
    assert not set(SALES) & {line.name for line in full.lines(sales)}
    with pytest.raises(Refusal, match="part of Dynamics 365 Connection Setup, which is not enabled"):
        start_synchronization(mapping=update_mapping(sales, "ITEM-PRODUCT"))
    assert dynamics.enable(company=sales, user=None).ok
    assert dynamics.count_schedules(sales) == (5, 5)
    assert Coupling.objects.filter(company=sales).count() == before


def test_two_companies_in_one_environment_keep_their_products_apart(synchronized: Company, remote: Sandbox) -> None:
    other = Company.objects.create(name="Northwind Traders", currency_code="USD", country_code="US")
    connect(other, remote)
    stock(other)
    assert dynamics.enable(company=other, user=None).ok
    mapping = update_mapping(other, "UNIT OF MEASURE")
    assert full.generate(other)
    line = next(one for one in full.lines(other) if one.name == "UNIT OF MEASURE")
    assert (line.integration_count, line.recommendation) == (3, "none"), "groups are there already: couple them"
    match_on(mapping, "code")
    assert counters(run_to_end(start_coupling(mapping=mapping))) == {"coupled": 2}
    assert counters(synchronize(update_mapping(other, "ITEM-PRODUCT"), full=True, create=True)) == {"inserted": 3}
    by_company: dict[str, int] = {}
    for row in remote.rows("products"):
        by_company[row["_tandem_companyid_value"]] = by_company.get(row["_tandem_companyid_value"], 0) + 1
    assert by_company == {str(connection_of(one).company_row_id): 3 for one in (synchronized, other)}
    assert {row["name"] for row in remote.rows("uomschedules")} == {"Default Unit", "Tandem PCS", "Tandem HOUR"}
    assert counters(synchronize(update_mapping(synchronized, "ITEM-PRODUCT"), full=True)) == {"unchanged": 3}


def test_currencies_users_units_and_choices_are_coupled_by_every_company(sales: Company, remote: Sandbox) -> None:
    """What companies share: the second one couples the same rows as the first, without a word about whose they are."""
    other = Company.objects.create(name="Northwind Traders", currency_code="USD", country_code="US")
    connect(other, remote)
    stock(other)
    assert dynamics.enable(company=other, user=None).ok
    both = (sales, other)
    for owner in both:
        Currency.objects.create(company=owner, code="EUR", description="Euro", exchange_rate="1.1")
        PaymentTerms.objects.create(company=owner, code="14 DAYS", description="14 days")
    shared = ("CURRENCY", "SALESPEOPLE", "UNIT OF MEASURE", "PAYMENT TERMS")
    for owner, name in ((sales, "UNIT OF MEASURE"), (sales, "PAYMENT TERMS"), *((one, "SALESPEOPLE") for one in both)):
        synchronize(update_mapping(owner, name), full=True, create=True)
    match_on(update_mapping(other, "UNIT OF MEASURE"), "code")
    for owner, name in ((other, "UNIT OF MEASURE"), (other, "PAYMENT TERMS"), *((one, "CURRENCY") for one in both)):
        job = run_to_end(start_coupling(mapping=update_mapping(owner, name), synchronize=False, create_new=False))
        assert not job.counters.get("failed"), (name, [one.message for one in job.outcomes.all()])
    held = {name: [rows_of(owner, name) for owner in both] for name in shared}
    for name, (first, second) in held.items():
        assert first and first == second, name
    assert claims.rows_of_several_companies() == []


def test_a_unit_group_of_another_companys_item_is_not_taken_over(sales: Company, remote: Sandbox) -> None:
    """Both companies have an item 1; by its name alone, the second one's would change the first one's units."""
    other = Company.objects.create(name="Northwind Traders", currency_code="USD", country_code="US")
    connect(other, remote)
    dynamics.disable(company=sales, user=None)
    by_unit = [Criterion("base_unit_of_measure", "baseuomname")]
    for owner in (sales, other):
        Item.objects.filter(company=owner).delete()
        Item.objects.create(company=owner, no="1", description="Pump", base_unit_of_measure="PCS")
        dynamics.map_unit_groups(company=owner, user=None, on=True)
        assert dynamics.enable(company=owner, user=None).ok
        if owner == other:
            groups = update_mapping(other, "UNIT GROUP", create_new=False)
            matched = run_to_end(start_coupling(mapping=groups, criteria=by_unit, synchronize=False))
            assert (counters(matched), matched.reasons) == ({"failed": 1}, {"already_coupled": 1})
            (said,) = (row.message for row in matched.outcomes.all())
            assert "The one row with the same Base Unit of Measure belongs to" in said
        assert counters(synchronize(update_mapping(owner, "UNIT GROUP"), create=True)) == {"inserted": 1}
    first, second = (rows_of(owner, "UNIT GROUP") for owner in (sales, other))
    assert first.isdisjoint(second)
    Coupling.objects.filter(company=other, table="unit_group").delete()
    assert counters(synchronize(update_mapping(other, "UNIT GROUP"), create=True, full=True)) == {"unchanged": 1}
    assert rows_of(other, "UNIT GROUP") == second, "its own is found again"


def rows_of(owner: Company, name: str) -> set[Any]:
    """Return the rows, or the choices, that records of the company are coupled with through a mapping."""
    mapping = IntegrationTableMapping.objects.get(company=owner, name=name)
    values = OptionMapping.objects.filter(mapping=mapping).values_list("value", flat=True)
    return {*Coupling.objects.filter(mapping=mapping).values_list("integration_id", flat=True), *values}
