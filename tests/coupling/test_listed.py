"""Lists of coupled and uncoupled records: right after every way to write, and never a look at what they skip."""

import random
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from core import bulk
from coupling import listed
from coupling.mappings import defaults
from coupling.models import Coupling, IntegrationTableMapping, Listed, OptionMapping
from coupling.records.lists import listing_of
from masterdata import catalog
from masterdata.models import Company, Contact, Customer, PaymentTerms
from ui import bound_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    made = Company.objects.create(name="Cronus", currency_code="USD")
    defaults.create_missing(made)
    return made


def mapping(company: Company, name: str = "CUSTOMER") -> IntegrationTableMapping:
    return IntegrationTableMapping.objects.get(company=company, name=name)


def couple(company: Company, *ids: UUID, name: str = "CUSTOMER") -> None:
    through = mapping(company, name)
    rows = [(company.pk, through.pk, through.table, local_id, uuid4()) for local_id in ids]
    bulk.insert(Coupling, ("company_id", "mapping_id", "table", "local_id", "integration_id"), rows)


def kept(table: str = "customer") -> dict[UUID, tuple[int, str, int, bool]]:
    rows = Listed.objects.filter(table=table)
    return {row.local_id: (row.company_id, row.key, row.couplings, row.coupled) for row in rows}


def expected(table: str = "customer") -> dict[UUID, tuple[int, str, int, bool]]:
    """What the table must hold, asked of records and couplings themselves."""
    known = catalog.table(table)
    found = {}
    for record in known.model._default_manager.all():
        number = Coupling.objects.filter(table=table, local_id=record.system_id).count()
        number += OptionMapping.objects.filter(mapping__table=table, local_id=record.system_id).count()
        found[record.system_id] = (record.company_id, getattr(record, known.key), number, number > 0)
    return found


def test_every_way_to_write_keeps_what_the_lists_read(company: Company) -> None:
    """Steps at random, through models, query sets and bulk writes; after each one the lists are right."""
    chosen = random.Random(7)
    vendor_view = IntegrationTableMapping.objects.create(
        company=company, name="CUSTOMER 2", table="customer", integration_table="contact", entity_set="contacts",
        uid_column="contactid",
    )  # fmt: skip
    numbers = iter(range(10_000, 99_999))

    def ids() -> list[UUID]:
        return list(Customer.objects.order_by("no").values_list("system_id", flat=True))

    def some(given: list[Any]) -> list[Any]:
        return chosen.sample(given, min(len(given), chosen.randint(1, 4)))

    def coupled_by(through: IntegrationTableMapping) -> None:
        taken = set(Coupling.objects.filter(mapping=through).values_list("local_id", flat=True))
        rows = [
            (company.pk, through.pk, through.table, one, uuid4()) for one in some(ids()) if one not in taken
        ]  # fmt: skip
        fields = ("company_id", "mapping_id", "table", "local_id", "integration_id")
        bulk.insert(Coupling, fields, [*rows, *rows[:1]], ignore_conflicts=True)  # a pair met twice counts once

    steps = [
        lambda: bulk.insert(Customer, ("company_id", "no"), [(company.pk, str(next(numbers))) for _ in range(5)]),
        lambda: Customer.objects.create(company=company, no=str(next(numbers)), name="By hand"),
        lambda: coupled_by(mapping(company)),
        lambda: coupled_by(vendor_view),
        lambda: bulk.delete(Coupling, "id", some(list(Coupling.objects.values_list("id", flat=True)))),
        lambda: [one.delete() for one in some(list(Coupling.objects.all()))],
        lambda: Coupling.objects.filter(mapping=chosen.choice([mapping(company), vendor_view])).delete(),
        lambda: [one.delete() for one in some(list(Customer.objects.all()))],
        lambda: [
            Customer.objects.filter(pk=one.pk).update(no=str(next(numbers))) for one in some([*Customer.objects.all()])
        ],
        lambda: bulk.update(
            Customer,
            "id",
            ("no", "name"),
            [(one.pk, str(next(numbers)), "x") for one in some([*Customer.objects.all()])],
        ),
        lambda: bulk.update(
            Coupling, "id", ("local_id",), [(one.pk, uuid4()) for one in some([*Coupling.objects.all()])]
        ),
        lambda: [one.save() for one in some([*Coupling.objects.all(), *Customer.objects.all()])],
    ]
    for _ in range(2):
        steps[0]()
    for _ in range(60):
        chosen.choice(steps)()
        assert kept() == expected()
    assert any(number > 1 for _, _, number, _ in kept().values()) or len(kept()) > 0


def test_what_is_rolled_back_was_not_coupled(company: Company) -> None:
    one = Customer.objects.create(company=company, no="10000")
    with pytest.raises(IntegrityError), transaction.atomic():
        couple(company, one.system_id)
        couple(company, one.system_id)
    assert kept() == expected()
    assert not kept()[one.system_id][3]


def test_a_coupling_that_was_there_before_its_record_counts(company: Company) -> None:
    system_id = uuid4()
    couple(company, system_id)
    Customer.objects.create(company=company, no="10000", system_id=system_id)
    assert kept() == expected()
    assert kept()[system_id][3]


def test_a_record_with_a_choice_of_a_column_is_coupled(company: Company) -> None:
    one = PaymentTerms.objects.create(company=company, code="30D")
    table = catalog.table_of(PaymentTerms).name
    terms = IntegrationTableMapping.objects.create(
        company=company, name="PAYMENT TERMS", table=table, integration_table="account", entity_set="accounts",
        uid_column="paymenttermscode", uid_kind="option",
    )  # fmt: skip
    option = OptionMapping.objects.create(company=company, mapping=terms, local_id=one.system_id, value=1, caption="x")
    assert kept(table)[one.system_id][2:] == (1, True)
    option.delete()
    assert kept(table) == expected(table)


def test_a_company_that_goes_leaves_nothing(company: Company) -> None:
    couple(company, Customer.objects.create(company=company, no="10000").system_id)
    company.delete()
    assert not Listed.objects.exists()


def test_every_table_with_a_number_or_code_has_its_index(company: Company) -> None:
    assert [table.name for table in catalog.tables() if listed.through(company, table, coupled=True) is None] == []


def test_triggers_that_are_gone_are_laid_again_and_the_rows_counted_anew(company: Company) -> None:
    with connection.cursor() as cursor:
        (name,) = [name for name, on in listed._known(connection, cursor).items()
                   if on == Contact._meta.db_table and "_added_" in name]  # fmt: skip
        cursor.execute(listed._drop(connection, name))
    one = Contact.objects.create(company=company, no="CT1")
    assert kept("contact") == {}
    call_command("migrate", verbosity=0)
    assert kept("contact") == expected("contact")
    assert one.system_id in kept("contact")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite rebuilds tables")
@pytest.mark.parametrize("model", [Coupling, Listed, OptionMapping, IntegrationTableMapping, Customer])
def test_a_migration_may_rebuild_every_table_that_a_trigger_names(company: Company, model: type[Model]) -> None:
    Customer.objects.create(company=company, no="10000")
    listed.lift("default", plan=[("a migration", False)])
    with connection.schema_editor() as editor:
        editor._remake_table(model)
    Customer.objects.create(company=company, no="10010")
    listed.keep("default")
    assert kept() == expected()
    couple(company, Customer.objects.create(company=company, no="10020").system_id)
    assert kept() == expected()


def test_nothing_is_lifted_where_no_migration_waits(company: Company) -> None:
    listed.lift("default", plan=[])
    couple(company, Customer.objects.create(company=company, no="10000").system_id)
    assert kept() == expected()


def test_rows_counted_anew_are_what_the_triggers_kept(company: Company) -> None:
    made = [Customer.objects.create(company=company, no=str(n)) for n in range(5)]
    couple(company, *[one.system_id for one in made[:3]])
    before = kept()
    Listed.objects.all().update(coupled=False, couplings=0)
    call_command("recount", "--json")
    assert kept() == before
    assert listed.rebuild(catalog.table("customer")) == 5
    assert kept() == before


@pytest.mark.parametrize("asked", ["", "&sort=no", "&sort=-no"])
@pytest.mark.parametrize("coupled", ["yes", "no"])
def test_the_lists_show_each_record_once_in_order_forwards_and_back(company: Company, coupled: str, asked: str) -> None:
    made = [Customer(company=company, no=f"{n:04}", name="x") for n in range(240)]
    Customer.objects.bulk_create(made)
    couple(company, *[one.system_id for one in made if int(one.no) % 2])
    wanted = [one.no for one in made if bool(int(one.no) % 2) == (coupled == "yes")]
    wanted = wanted[::-1] if "-no" in asked else wanted

    def shown(url: str) -> Any:
        return bound_list.bind(RequestFactory().get(url), listing_of(company, catalog.table("customer")))

    part = shown(f"/?coupled={coupled}{asked}")
    walked = [row.no for row in part.slice.rows]
    while part.next_url:
        part = shown(part.next_url)
        walked += [row.no for row in part.slice.rows]
    assert walked == wanted
    assert part.count == (120, True)
    assert [row.no for row in shown(f"/?coupled={coupled}{asked}&page=2").slice.rows] == wanted[50:100]
    walked = [row.no for row in part.slice.rows]
    while part.previous_url:
        part = shown(part.previous_url)
        walked = [row.no for row in part.slice.rows] + walked
    assert walked == wanted


def test_the_list_of_uncoupled_records_looks_at_no_coupling_to_skip_it(company: Company) -> None:
    table = catalog.table("customer")
    made = [Customer(company=company, no=f"{n:04}") for n in range(20)]
    Customer.objects.bulk_create(made)
    couple(company, *[one.system_id for one in made[:15]])
    bound = bound_list.bind(RequestFactory().get("/", {"coupled": "no"}), listing_of(company, table))
    with CaptureQueriesContext(connection) as queries:
        assert [row.no for row in bound.slice.rows] == [f"{n:04}" for n in range(15, 20)]
        assert bound.count == (5, True)
    asked = [query["sql"] for query in queries if "coupling_listed" in query["sql"]]
    assert asked and not any("coupling_coupling" in sql for sql in asked)
