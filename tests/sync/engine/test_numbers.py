"""Numbers and codes: those in Dataverse are kept unless a person chose to send one, and here they are in capitals."""

from typing import Any

import pytest

from connection_setup.dynamics365 import services as dynamics
from core.vocabulary import ConflictOption, Direction
from coupling.couplings.services import start_coupling
from coupling.models import IntegrationTableMapping
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Currency, Customer, Item, UnitOfMeasure
from sandbox.testing import Sandbox
from tests.coupling.conftest import match_on
from tests.sync.conftest import ACTIVE_CUSTOMER, counters, synchronize, update_mapping


@pytest.fixture
def products(company: Company, remote: Sandbox) -> IntegrationTableMapping:
    """Return the mapping of products, with one product in Dataverse that has a number of its own."""
    UnitOfMeasure.objects.create(company=company, code="PCS")
    assert dynamics.enable(company=company, user=None).ok
    synchronize(update_mapping(company, "UNIT OF MEASURE"), full=True, create=True)
    (group,) = (row for row in remote.rows("uomschedules") if row["name"] == "Tandem PCS")
    (unit,) = (row for row in remote.rows("uoms") if row["_uomscheduleid_value"] == group["uomscheduleid"])
    remote.load(
        {
            "products": [
                {
                    "name": "Bicycle", "productnumber": "EXT-1", "producttypecode": 1, "statecode": 0, "statuscode": 1,
                    "defaultuomscheduleid": group["uomscheduleid"], "defaultuomid": unit["uomid"], "quantitydecimal": 2,
                }
            ]
        }
    )  # fmt: skip
    return update_mapping(company, "ITEM-PRODUCT", synch_only_coupled=False)


def number(remote: Sandbox) -> Any:
    (product,) = remote.rows("products")
    return product["productnumber"]


def written(remote: Sandbox, mapping: IntegrationTableMapping, **asked: Any) -> int:
    """Synchronize; return how many rows were written in Dataverse."""
    remote.control("DELETE", "requests")
    synchronize(mapping, **asked)
    count: int = remote.requests()["rows_written"]
    return count


def test_the_number_of_a_product_survives_every_run(products: IntegrationTableMapping, remote: Sandbox) -> None:
    assert counters(synchronize(products)) == {"inserted": 1}
    assert Item.objects.get().no == "I00001"
    assert written(remote, products) == 0
    written(remote, products, full=True)
    assert number(remote) == "EXT-1"
    assert written(remote, products, full=True) == 0
    item = Item.objects.get()
    item.description = "Bicycle, red"
    item.save()
    assert written(remote, products) == 1
    assert number(remote) == "EXT-1"
    assert written(remote, products) == 0


def test_an_item_renumbered_here_does_not_take_the_products_own_number(
    products: IntegrationTableMapping, remote: Sandbox
) -> None:
    synchronize(products)
    item = Item.objects.get()
    item.no = "I00099"
    item.save()
    assert written(remote, products) == 0
    assert number(remote) == "EXT-1"
    assert written(remote, products, full=True) == 0


@pytest.mark.parametrize("chosen", [ConflictOption.ASK, ConflictOption.SEND])
def test_coupling_keeps_the_number_unless_a_person_chose_to_send(
    products: IntegrationTableMapping, remote: Sandbox, chosen: ConflictOption
) -> None:
    Item.objects.create(company=products.company, no="1001", description="Bicycle", base_unit_of_measure="PCS")
    match_on(products, "description")
    assert counters(run_to_end(start_coupling(mapping=products, synchronize=True, conflicts=chosen))) == {"coupled": 1}
    assert number(remote) == ("1001" if chosen else "EXT-1")
    assert written(remote, products) == 0
    assert written(remote, products, full=True) == 0
    synchronize(products, full=True, direction=Direction.TO, conflict=ConflictOption.SEND)
    assert number(remote) == "1001"


def test_a_number_that_was_sent_from_here_follows_a_new_one(products: IntegrationTableMapping, remote: Sandbox) -> None:
    synchronize(products)
    synchronize(products, full=True, direction=Direction.TO, conflict=ConflictOption.SEND)
    assert number(remote) == "I00001"
    item = Item.objects.get()
    item.no = "I00099"
    item.save()
    assert written(remote, products) == 1
    assert number(remote) == "I00099"
    assert written(remote, products, full=True) == 0


def test_codes_from_dataverse_come_in_capitals_and_a_second_run_writes_nothing(
    company: Company, remote: Sandbox
) -> None:
    mapping = update_mapping(company, synch_only_coupled=False)
    mapping.fields.filter(field="no").update(enabled=True, direction=Direction.BIDIRECTIONAL)
    remote.load({"accounts": [{"name": "Adatum", "accountnumber": "ext-1 ", **ACTIVE_CUSTOMER}]})
    assert counters(synchronize(mapping)) == {"inserted": 1}
    assert Customer.objects.get().no == "EXT-1"
    assert written(remote, mapping) == 0
    assert written(remote, mapping, full=True) == 0


def test_a_reference_is_found_whatever_letters_it_was_entered_in(company: Company, remote: Sandbox) -> None:
    mapping = update_mapping(company, "CURRENCY")
    Currency.objects.create(company=company, code="EUR")
    match_on(mapping, "code")
    assert counters(run_to_end(start_coupling(mapping=mapping, synchronize=False))) == {"coupled": 1}
    Customer.objects.bulk_create([Customer(company=company, no="10000", name="Adatum", currency_code="eur")])
    customers = update_mapping(company, synch_only_coupled=False)
    assert counters(synchronize(customers, direction=Direction.TO, create=True)) == {"inserted": 1}
