"""Lists of coupled and uncoupled records: what counts as coupled, how they are paged and counted."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from core import bulk
from coupling.mappings import defaults
from coupling.models import Coupling, IntegrationTableMapping, OptionMapping
from coupling.records import counts
from coupling.records.lists import record_listing
from masterdata import catalog
from masterdata.models import Company, Customer, Item, PaymentTerms
from ui import bound_list, paging

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_number_is_stored() -> None:
    cache.clear()


@pytest.fixture
def company() -> Company:
    made = Company.objects.create(name="Cronus", currency_code="USD")
    defaults.create_missing(made)
    return made


def couple(company: Company, *ids: UUID, name: str = "CUSTOMER") -> None:
    mapping = IntegrationTableMapping.objects.get(company=company, name=name)
    rows = [(company.pk, mapping.pk, mapping.table, local_id, uuid4()) for local_id in ids]
    bulk.insert(Coupling, ("company_id", "mapping_id", "table", "local_id", "integration_id"), rows)


def made(company: Company, number: int) -> list[Customer]:
    bulk.insert(Customer, ("company_id", "no", "name"), [(company.pk, f"{n:04}", "x") for n in range(number)])
    return list(Customer.objects.filter(company=company).order_by("no"))


def shown(company: Company, url: str, table: str = "customer") -> Any:
    return bound_list.bind(RequestFactory().get(url), record_listing(company, catalog.table(table)))


def numbers(company: Company, url: str) -> list[str]:
    return [row.no for row in shown(company, url).slice.rows]


@pytest.mark.parametrize("asked", ["", "&sort=no", "&sort=-no", "&sort=name"])
@pytest.mark.parametrize("coupled", ["yes", "no"])
def test_each_record_is_shown_once_in_order_forwards_and_back(company: Company, coupled: str, asked: str) -> None:
    customers = made(company, 240)
    couple(company, *[one.system_id for one in customers if int(one.no) % 2])
    wanted = [one.no for one in customers if bool(int(one.no) % 2) == (coupled == "yes")]
    wanted = wanted[::-1] if "-no" in asked else wanted
    part = shown(company, f"/?coupled={coupled}{asked}")
    walked = [row.no for row in part.slice.rows]
    while part.next_url:
        part = shown(company, part.next_url)
        walked += [row.no for row in part.slice.rows]
    assert walked == wanted
    assert part.count == (120, True)
    assert numbers(company, f"/?coupled={coupled}{asked}&page=2") == wanted[50:100]
    walked = [row.no for row in part.slice.rows]
    while part.previous_url:
        part = shown(company, part.previous_url)
        walked = [row.no for row in part.slice.rows] + walked
    assert walked == wanted


def test_a_record_is_coupled_through_any_mapping_of_its_table_and_no_other(company: Company) -> None:
    customers = made(company, 5)
    second = IntegrationTableMapping.objects.create(
        company=company, name="CUSTOMER 2", table="customer", integration_table="contact", entity_set="contacts",
        uid_column="contactid",
    )  # fmt: skip
    couple(company, customers[0].system_id)
    couple(company, customers[0].system_id, customers[1].system_id, name=second.name)
    couple(company, customers[2].system_id, name="CURRENCY")
    northwind = Company.objects.create(name="Northwind", currency_code="USD")
    defaults.create_missing(northwind)
    couple(northwind, customers[3].system_id)
    assert numbers(company, "/?coupled=yes") == ["0000", "0001"]
    assert numbers(company, "/?coupled=no") == ["0002", "0003", "0004"]


def test_a_record_with_a_choice_of_a_column_is_coupled(company: Company) -> None:
    one, _ = (PaymentTerms.objects.create(company=company, code=code) for code in ("30D", "60D"))
    table = catalog.table_of(PaymentTerms).name
    terms = IntegrationTableMapping.objects.get(company=company, name="PAYMENT TERMS")
    OptionMapping.objects.create(company=company, mapping=terms, local_id=one.system_id, value=1, caption="x")
    assert [row.code for row in shown(company, "/?coupled=yes", table).slice.rows] == ["30D"]
    assert [row.code for row in shown(company, "/?coupled=no", table).slice.rows] == ["60D"]


def test_where_no_mapping_covers_the_table_nothing_is_coupled(company: Company) -> None:
    assert not IntegrationTableMapping.objects.filter(table="item").exists()
    Item.objects.create(company=company, no="I1")
    assert shown(company, "/?coupled=yes", "item").slice.rows == []
    assert [row.no for row in shown(company, "/?coupled=no", "item").slice.rows] == ["I1"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans a small table otherwise")
@pytest.mark.parametrize("coupled", ["yes", "no"])
def test_one_index_finds_whether_a_record_is_coupled(company: Company, coupled: str) -> None:
    plan = shown(company, f"/?coupled={coupled}").matching[:51].explain()
    assert "SEARCH U0 USING COVERING INDEX sqlite_autoindex_coupling_coupling_1 (mapping_id=? AND local_id=?)" in plan
    assert "USE TEMP B-TREE" not in plan


@pytest.mark.parametrize(("side", "first"), [("after", "0053"), ("before", "0000")])
def test_a_page_follows_a_neighbour_that_left_the_list(company: Company, side: str, first: str) -> None:
    customers = made(company, 120)
    couple(company, *[one.system_id for one in customers[50:53]])
    page = shown(company, f"/?coupled=no&page=3&{side}={customers[52 if side == 'after' else 50].pk}")
    assert page.slice.rows[0].no == first


def test_pages_by_number_end_where_counting_ends(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "COUNT_LIMIT", 100)
    customers = made(company, 190)
    last = shown(company, "/?coupled=no&page=4")
    assert (last.slice.number, last.slice.rows[0].no) == (2, "0050")
    assert last.range_text == "51 to 100 of more than 100"
    third = shown(company, last.next_url)
    assert (third.slice.number, third.slice.rows[0].no) == (3, "0100")
    fourth = shown(company, third.next_url)
    assert (fourth.slice.number, len(fourth.slice.rows), fourth.next_url) == (4, 40, "")
    assert shown(company, fourth.previous_url).slice.rows[0].no == "0100"
    assert shown(company, "/?page=4").slice.rows[0].no == "0150"  # the whole list is skipped over by its index
    couple(company, customers[0].system_id)
    assert shown(company, "/?coupled=yes&page=4").slice.number == 1


def test_the_number_of_a_large_table_is_stored(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    customers = made(company, 130)
    couple(company, customers[0].system_id)
    monkeypatch.setattr(counts, "LARGE", 100)
    assert shown(company, "/?coupled=no").count == (129, True)
    couple(company, *[one.system_id for one in customers[100:110]])
    with CaptureQueriesContext(connection) as queries:
        assert shown(company, "/?coupled=no").count == (129, True)
    assert not any("COUNT(*)" in query["sql"] for query in queries)
    assert shown(company, "/?coupled=no&blocked=no").count == (119, True)  # narrowed further: counted each time
    assert shown(company, "/?coupled=yes").count == (11, True)


def test_the_number_of_a_small_table_is_counted_each_time(company: Company) -> None:
    customers = made(company, 130)
    assert shown(company, "/?coupled=no").count == (130, True)
    couple(company, customers[0].system_id)
    assert shown(company, "/?coupled=no").count == (129, True)


def test_a_stored_number_is_never_smaller_than_what_is_shown(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    customers = made(company, 130)
    couple(company, *[one.system_id for one in customers[:70]])
    monkeypatch.setattr(counts, "LARGE", 100)
    assert shown(company, "/?coupled=no").count == (60, True)
    Coupling.objects.all().delete()
    assert shown(company, "/?coupled=no").count == (60, True)
    second = shown(company, "/?coupled=no&page=2")
    assert (second.count, second.range_text) == ((100, False), "51 to 100 of more than 100")
    third = shown(company, second.next_url)
    assert (third.count, third.range_text) == ((130, True), "101 to 130 of 130")


def test_the_triggers_of_earlier_versions_are_dropped() -> None:
    migration = import_module("coupling.migrations.0005_no_listed_records")
    postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        for name in ("listed_added_1", "kept_1"):
            if postgresql:
                cursor.execute(
                    f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
                )
                cursor.execute(f"CREATE TRIGGER {name} AFTER INSERT ON masterdata_customer EXECUTE FUNCTION {name}()")
            else:
                cursor.execute(
                    f"CREATE TRIGGER {name} AFTER INSERT ON masterdata_customer BEGIN DELETE FROM masterdata_item; END"
                )
    migration.drop_triggers(None, SimpleNamespace(connection=connection))
    known = "SELECT tgname FROM pg_trigger" if postgresql else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(known)
        names = {name for (name,) in cursor.fetchall()}
        if postgresql:
            cursor.execute("SELECT proname FROM pg_proc WHERE proname LIKE 'listed%'")
            assert cursor.fetchall() == []
    assert "kept_1" in names
    assert not any(name.startswith("listed_") for name in names)
