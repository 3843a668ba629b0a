"""What register says of a model that cannot take part, and what it makes of one that names its columns."""

from typing import Any, ClassVar

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models
from django.test.utils import CaptureQueriesContext, isolate_apps

from core.refusals import NotUsable
from masterdata import catalog
from masterdata.files import importing, plan
from masterdata.files.types import FileFacts
from masterdata.models import Company, RecordIdentity
from masterdata.tables import give_ids
from tests.example_app.models import Badge, Machine, Subscription, Tool


def made(**columns: Any) -> type[models.Model]:
    """Return a model with a number, a name, a company and these columns."""
    fields = {
        "number": models.CharField(max_length=20, unique=True), "name": models.CharField(max_length=60),
        "business": models.ForeignKey(Company, models.CASCADE), "updated_at": models.DateTimeField(auto_now=True),
        **columns,
    }  # fmt: skip
    kept = {name: field for name, field in fields.items() if field is not None}
    return type("Thing", (models.Model,), {"__module__": "tests.example_app.models", "Meta": META, **kept})


META = type("Meta", (), {"app_label": "example_app"})
GIVEN: dict[str, Any] = {"key": "number", "title": "name", "company": "business", "modified": "updated_at"}


@pytest.mark.parametrize(
    ("columns", "given", "said"),
    [
        ({}, {"title": "label"}, "it has no column label. It has id, number, name"),
        ({}, {"company": "owner"}, "it has no column owner"),
        ({"number": models.CharField(max_length=20)}, {},
         r"nothing keeps number from being there twice within business, so it identifies no record. "
         r"Add models.UniqueConstraint\(fields=\['business', 'number'\]"),
        ({"name": models.JSONField()}, {}, "name is a JSONField, which cannot be synchronized"),
        ({"number": models.IntegerField(unique=True)}, {}, "its key number is no text"),
        ({"number": models.DurationField(unique=True)}, {}, "number is a DurationField, which cannot be synchronized"),
        ({"updated_at": models.DateTimeField(null=True)}, {}, "updated_at does not say for every record"),
        ({"updated_at": models.DateField()}, {}, "Name a DateTimeField without null, or modified=None"),
        ({"business": models.CharField(max_length=9)}, {}, "business is no foreign key to masterdata.Company"),
        ({}, {"company": None}, "nothing says whose records these are"),
        ({}, {"only_company": "alder"}, "company and only_company are both given"),
        ({"system_id": models.UUIDField()}, {}, "its column system_id has the name of one that Tandem keeps"),
        ({"day": models.DateField(primary_key=True)}, {}, "its primary key day is a DateField"),
        ({}, {"upper_case_codes": True}, "upper_case_codes is for models that inherit SynchronizedRecord"),
        ({}, {"company": "", "modified": ""}, "names no columns in place of its"),
        ({}, {"modified": ""}, "modified is left out"),
    ],
)  # fmt: skip
def test_what_cannot_be_registered_is_said_in_a_sentence(
    columns: dict[str, Any], given: dict[str, Any], said: str
) -> None:
    known = [table.name for table in catalog.tables()]
    with isolate_apps(), pytest.raises(ImproperlyConfigured, match=said) as told:
        catalog.register(made(**columns), **{**GIVEN, **given})
    assert str(told.value).startswith("example_app.Thing cannot be registered: ")
    assert [table.name for table in catalog.tables()] == known


def test_a_model_with_the_base_class_names_no_columns() -> None:
    with pytest.raises(ImproperlyConfigured, match="it inherits SynchronizedRecord"):
        catalog.register(Subscription, key="number", title="name", company="company", modified="modified_at")


def test_fields_are_the_columns_that_can_be_synchronized() -> None:
    machine, tool = catalog.table("machine"), catalog.table("tool")
    assert {field.name: field.type for field in machine.fields} == {
        "serial_no": "code", "label": "text", "customer_no": "reference", "weight": "number", "built_at": "datetime",
    }  # fmt: skip
    assert [field.name for field in tool.fields] == ["code", "label", "weight"]
    assert (machine.fixed_field, tool.fixed_field) == ("", "code")


class Columns:
    """What a new record of a table needs beyond fields that are given."""

    cases: ClassVar = [
        ({"weight": models.IntegerField()}, ["weight"]),
        ({"weight": models.IntegerField(null=True)}, []),
        ({"weight": models.IntegerField(default=1)}, []),
        ({"weight": models.IntegerField(db_default=1)}, []),
        ({"note": models.TextField()}, []),
        ({"tag": models.CharField(max_length=9, unique=True)}, ["tag"]),
    ]


@pytest.mark.parametrize(("columns", "lacking"), Columns.cases)
def test_what_a_new_record_lacks_is_known_before_it_is_inserted(columns: dict[str, Any], lacking: list[str]) -> None:
    with isolate_apps():
        named = catalog.NamedColumns("business", modified="updated_at")
        table = catalog.LocalTable("thing", made(**columns), "number", "name", columns=named)
        assert table.unfilled(["number", "name"]) == lacking


def test_a_record_belongs_to_the_company_that_its_column_names(company: Company) -> None:
    machines = catalog.table("machine")
    other = Company.objects.create(name="Other", currency_code="USD")
    mine = Machine.objects.create(tenant=company.slug, serial_no="1", label="Lathe")
    Machine.objects.create(tenant=other.slug, serial_no="1", label="Drill")
    Machine.objects.create(tenant="nobody", serial_no="1", label="Saw")
    assert [row.label for row in machines.records(company)] == ["Lathe"]
    assert machines.records(company).get().system_id == mine.system_id
    assert Tool.objects.create(code="T1", label="Hammer")
    assert not catalog.table("tool").records(company).exists()
    with pytest.raises(NotUsable, match=f"Tools cannot be added to {company.name}"):
        catalog.table("tool").belongs(Tool(), company)


def test_records_from_before_get_their_ids_when_the_database_is_brought_up_to_date(company: Company) -> None:
    Machine.objects.bulk_create([Machine(tenant=company.slug, serial_no=str(number)) for number in range(3)])
    assert not catalog.table("machine").records(company).exists()
    give_ids("default")
    first = list(catalog.table("machine").records(company).values_list("system_id", flat=True))
    give_ids("default")
    assert list(catalog.table("machine").records(company).values_list("system_id", flat=True)) == first
    assert len(set(first)) == 3


def test_changed_values_are_noticed_where_no_column_tells(company: Company) -> None:
    Company.objects.filter(pk=company.pk).update(slug="cronus-international")
    company.refresh_from_db()
    tools = catalog.table("tool")
    Tool.objects.bulk_create([Tool(code="T1", label="Hammer"), Tool(code="T2", label="Pliers")])
    tools.find_changes(company)
    before = dict(tools.records(company).values_list("code", "modified_at"))
    Tool.objects.filter(code="T2").update(weight=2)
    tools.find_changes(company)
    after = dict(tools.records(company).values_list("code", "modified_at"))
    assert [code for code in after if after[code] != before[code]] == ["T2"]


def test_an_import_writes_to_such_a_table(company: Company) -> None:
    Machine.objects.bulk_create([Machine(tenant=company.slug, serial_no="M1", label="Old")])
    chosen = plan.Plan("machine", {"serial_no": (0, "no"), "label": (1, "name")}, 2, FileFacts())
    rows = [
        importing.Values(2, {"serial_no": "M1", "label": "New"}),
        importing.Values(3, {"serial_no": "M2", "label": "Saw"}),
    ]
    done = importing.apply_part(chosen, company, rows)
    assert [one.outcome for one in done] == ["modified", "inserted"]
    found = catalog.table("machine").records(company)
    assert list(found.values_list("serial_no", "label", "changed_by")) == [
        ("M1", "New", "import"), ("M2", "Saw", "import"),
    ]  # fmt: skip
    assert [one.system_id for one in done] == list(found.values_list("system_id", flat=True))
    assert RecordIdentity.objects.filter(table="machine").count() == 2


def test_the_ids_of_a_company_s_records_go_with_it_by_one_statement(company: Company) -> None:
    try:
        catalog.register(Badge, key="number", title="name", company="business", modified="updated_at")
        other = Company.objects.create(name="Northwind", currency_code="EUR")
        for owner in (company, other):
            Badge.objects.bulk_create([Badge(number=f"B{number}", name="Key", business=owner) for number in range(9)])
        give_ids("default")
        with CaptureQueriesContext(connection) as seen:
            company.delete()
        statements = [one["sql"] for one in seen.captured_queries if "masterdata_recordidentity" in one["sql"]]
        assert len(statements) == 1, statements
        kept = catalog.table("badge").records(other).values_list("system_id", flat=True)
        assert set(RecordIdentity.objects.filter(table="badge").values_list("system_id", flat=True)) == set(kept)
        assert len(kept) == 9
        Company.objects.filter(pk=other.pk).delete()
        assert not RecordIdentity.objects.filter(table="badge").exists()
    finally:
        catalog._tables.pop("badge", None)
