"""Importing: known records are updated, new ones inserted, bad rows reported, and the rest goes in."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masterdata import catalog
from masterdata.files.importing import MAX_ERRORS, UnknownColumns, import_file, import_rows
from masterdata.files.reading import Line
from masterdata.models import ChangedBy, Company, Contact, Customer
from tests.example_app.models import Subscription


@pytest.fixture
def load(company, tmp_path):
    def load(text, table="customer", into=company, **more):
        path = tmp_path / "file.csv"
        path.write_text(text, encoding="utf-8")
        return import_file(table=catalog.table(table), company=into, path=path, **more)

    return load


def counts(summary):
    return (summary.total, summary.inserted, summary.modified, summary.unchanged, summary.failed)


def test_new_records_go_in_as_imported_with_ids_of_their_own(load, company):
    assert counts(load("no,name,phone_no\n1,Alder,555-0100\n2,Birch,\n")) == (2, 2, 0, 0, 0)
    alder, birch = Customer.objects.filter(company=company).order_by("no")
    assert (alder.name, alder.phone_no, birch.phone_no) == ("Alder", "555-0100", "")
    assert alder.changed_by == ChangedBy.IMPORT
    assert alder.system_id != birch.system_id


def test_a_second_import_of_the_same_file_changes_nothing_not_even_the_time(load, company):
    load("no,name,credit_limit\n1,Alder,100.00\n2,Birch,\n")
    before = list(Customer.objects.values())
    assert counts(load("no,name,credit_limit\n1,Alder,100\n2,Birch,0\n")) == (2, 0, 0, 2, 0)
    assert list(Customer.objects.values()) == before


def test_a_changed_row_updates_the_record_and_keeps_its_id(load, company):
    load("no,name,city\n1,Alder,Oslo\n2,Birch,Bergen\n")
    before = {c.no: c for c in Customer.objects.all()}
    Customer.objects.filter(no="1").update(changed_by=ChangedBy.SYNCHRONIZATION)
    assert counts(load("no,name\n1,Alder Ltd.\n2,Birch\n")) == (2, 0, 1, 1, 0)
    alder, birch = Customer.objects.order_by("no")
    assert (alder.name, alder.city, alder.system_id) == ("Alder Ltd.", "Oslo", before["1"].system_id)
    assert alder.modified_at > before["1"].modified_at
    assert birch.modified_at == before["2"].modified_at
    assert alder.changed_by == ChangedBy.IMPORT


def test_a_bad_row_is_reported_and_the_rest_goes_in(load, company):
    summary = load(
        "no,name,credit_limit,blocked\n1,Alder,100,\n2,Birch,much,\n,Cedar,,\n1,Alder again,,\n"
        "5,Elm,,Perhaps\n6,Fir,7,All\n"
    )
    assert counts(summary) == (6, 2, 0, 0, 4)
    assert [(e.line, e.column, e.cause) for e in summary.errors] == [
        (3, "credit_limit", "'much' is not a number."),
        (4, "no", "No. is blank."),
        (5, "no", "No. 1 is already on line 2."),
        (6, "blocked", "'Perhaps' is no choice of Blocked."),
    ]
    assert all(error.fix for error in summary.errors)
    assert list(Customer.objects.values_list("no", flat=True)) == ["1", "6"]


def test_null_as_text_is_blank(load):
    load("no,name,county\n1,NULL,NULL\n")
    assert Customer.objects.values_list("name", "county").get() == ("", "")


def test_companies_have_records_of_their_own(load, company):
    other = Company.objects.create(name="Other", currency_code="EUR")
    load("no,name\n1,Alder\n")
    assert counts(load("no,name\n1,Birch\n", into=other)) == (1, 1, 0, 0, 0)
    assert Customer.objects.get(company=company).name == "Alder"


@pytest.mark.parametrize("header", ["no,name,phone_no", "No.,Name,Phone No.", "NO,NAME,Phone_No", "no.,name,phoneNo"])
def test_columns_are_known_by_field_or_caption(load, header):
    assert load(f"{header}\n1,Alder,555\n").inserted == 1
    assert Customer.objects.get().phone_no == "555"


def test_named_columns_are_taken_and_others_left_out(load):
    load("customerID,companyName,city\nALFKI,Alfreds,Berlin\n", columns={"no": "customerid", "name": "companyName"})
    assert Customer.objects.values_list("no", "name", "city").get() == ("ALFKI", "Alfreds", "")


@pytest.mark.parametrize(
    ("header", "columns", "said"),
    [
        ("no,name,shoe size", None, "has no field for the file's column shoe size. The possible ones are: no, name"),
        ("name,city", None, "No column gives no (No.)"),
        ("no,Name,name", None, "both mean name"),
        ("no,name", {"no": "no", "nom": "name"}, "Customer has no field 'nom'. The possible ones are: no, name"),
        ("no,name", {"no": "number"}, "The file has no column 'number'. Its columns are: no, name."),
        ("no,name", {"name": "name"}, "No column gives no (No.)"),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_the_possible_ones(load, header, columns, said):
    with pytest.raises(UnknownColumns) as refusal:
        load(f"{header}\n1,2,3\n", columns=columns)
    assert said in str(refusal.value)
    assert not Customer.objects.exists()


def test_a_person_s_name_is_made_of_its_parts(load):
    load(
        "no,type,first_name,surname,name\n1,Person,Ada,Moss,\n2,Company,,,Moss Ltd.\n3,Person,,,Only Name\n", "contact"
    )
    assert list(Contact.objects.values_list("name", flat=True)) == ["Ada Moss", "Moss Ltd.", "Only Name"]
    summary = load("no,surname\n1,Fern\n2,\n", "contact")
    assert (summary.modified, summary.unchanged) == (1, 1)
    assert list(Contact.objects.values_list("name", flat=True)) == ["Ada Fern", "Moss Ltd.", "Only Name"]


def test_another_app_s_table_is_imported_too(load):
    assert counts(load("number,name,starts_on,active\nS1,Basic,2026-01-01,no\nS2,Plus,,\n", "subscription")) == (
        2,
        2,
        0,
        0,
        0,
    )
    assert list(Subscription.objects.order_by("number").values_list("seats", "active")) == [(1, False), (1, True)]


def test_a_file_longer_than_a_part_goes_in_whole_and_says_how_far_it_is(load):
    said = []
    text = "no,name\n" + "".join(f"{n},Customer {n}\n" for n in range(4500))
    assert load(text, on_progress=lambda done, total: said.append((done, total))).inserted == 4500
    assert said == [(2000, 4500), (4000, 4500), (4500, 4500)]
    assert load(text).unchanged == 4500


def test_reported_errors_end_at_a_thousand_but_are_all_counted(load):
    summary = load("no,name\n" + ",x\n" * 1200)
    assert summary.failed == 1200
    assert len(summary.errors) == MAX_ERRORS


def test_reading_what_is_there_takes_one_query_for_each_part(load, django_assert_max_num_queries):
    text = "no,name\n" + "".join(f"{n},Customer {n}\n" for n in range(1500))
    load(text)
    with django_assert_max_num_queries(4):
        load(text)


texts = st.sampled_from(["", "NULL", "Alder", " Birch ", "x" * 101, "7", "7,5", "1,234", "All", "maybe", "a\nb", "\0"])
lines = st.lists(st.tuples(st.sampled_from(["1", "2", "3", "", "x" * 21]), texts, texts, texts), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(lines, lines)
def test_every_row_is_counted_once_and_repeating_an_import_changes_nothing(company, first, second):
    table = catalog.table("customer")
    columns = {"no": (0, "no"), "name": (1, "name"), "credit_limit": (2, "limit"), "blocked": (3, "blocked")}
    Customer.objects.filter(company=company).delete()
    for rows in (first, second):
        given_lines = [Line(n, [value.strip() for value in row]) for n, row in enumerate(rows, 2)]
        done = import_rows(table=table, company=company, columns=columns, lines=given_lines)
        assert done.total == len(rows) == done.inserted + done.modified + done.unchanged + done.failed
        again = import_rows(table=table, company=company, columns=columns, lines=given_lines)
        assert (again.inserted, again.modified, again.failed) == (0, 0, done.failed)
