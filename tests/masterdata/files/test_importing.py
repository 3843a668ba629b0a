"""Importing: known records are updated, new ones inserted, bad rows reported, and the rest goes in."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masterdata import catalog
from masterdata.files.columns import UnknownColumns
from masterdata.files.importing import PART, RowError, Rows, Values, apply_part
from masterdata.files.plan import Plan, decide
from masterdata.files.reader import read_file, rows_from
from masterdata.files.types import FileFacts, Line, Options
from masterdata.models import ChangedBy, Company, Contact, Customer, Item
from tests.example_app.models import Subscription


@dataclass
class Summary:
    """What the parts of an import did, as the job counts it."""

    total: int = 0
    inserted: int = 0
    modified: int = 0
    unchanged: int = 0
    blanks_kept: int = 0
    errors: list[RowError] = field(default_factory=list)
    plan: Any = None

    @property
    def failed(self):
        return len(self.errors)


def put_in(plan, company, lines, write=True):
    """Import rows as the job does, part by part, each in a transaction."""
    summary = Summary(total=len(lines), plan=plan)
    rows = Rows(plan)
    for start in range(0, len(lines), PART):
        read = [rows.read(line) for line in lines[start : start + PART]]
        summary.errors += [one for one in read if isinstance(one, RowError)]
        with transaction.atomic():
            results = apply_part(plan, company, [one for one in read if isinstance(one, Values)], write=write)
        for one in results:
            setattr(summary, one.outcome, getattr(summary, one.outcome) + 1)
            summary.blanks_kept += one.blanks_kept
    return summary


@pytest.fixture
def load(company, tmp_path):
    def load(text, table="customer", into=company, write=True, **more):
        path, rows = tmp_path / "file.csv", tmp_path / "rows"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        options = more.pop("options", Options())
        contents = read_file(path, rows, options)
        plan = decide(table=catalog.table(table), contents=contents, rows=rows, options=options, **more)
        return put_in(plan, into, [line for line, _ in rows_from(rows)], write)

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


def test_a_file_longer_than_a_part_goes_in_whole(load):
    text = "no,name\n" + "".join(f"{n},Customer {n}\n" for n in range(4500))
    assert load(text).inserted == 4500
    assert load(text).unchanged == 4500


def test_reading_what_is_there_takes_one_query_for_each_part(load, django_assert_max_num_queries):
    text = "no,name\n" + "".join(f"{n},Customer {n}\n" for n in range(1500))
    load(text)
    with django_assert_max_num_queries(5):  # codes are asked for in upper and lower case too
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
        plan = Plan(table.name, columns, len(rows), FileFacts())
        given_lines = [Line(n, [value.strip() for value in row]) for n, row in enumerate(rows, 2)]
        done = put_in(plan, company, given_lines)
        assert done.total == len(rows) == done.inserted + done.modified + done.unchanged + done.failed
        again = put_in(plan, company, given_lines)
        assert (again.inserted, again.modified, again.failed) == (0, 0, done.failed)


# -- nothing guessed, nothing blanked ----------------------------------------------------------------------------------


def test_a_blank_cell_leaves_a_filled_field_and_clears_it_when_agreed(load):
    load("no,name,city,credit_limit\n1,Alder,Oslo,5\n")
    kept = load("no,name,city,credit_limit\n1,Alder,,\n2,Birch,,\n")
    assert (kept.inserted, kept.unchanged, kept.blanks_kept) == (1, 1, 2)
    assert Customer.objects.values_list("city", "credit_limit").get(no="1") == ("Oslo", 5)
    cleared = load("no,name,city,credit_limit\n1,Alder,NULL,\n", blank_clears=True)
    assert (cleared.modified, cleared.blanks_kept) == (1, 0)
    assert Customer.objects.values_list("city", "credit_limit").get(no="1") == ("", 0)


def test_what_was_not_read_blanks_nothing(load):
    load("no,name,city\n1,Alder,Oslo\n")
    summary = load(b"no,name,city\n2,\xc3\x85se,\n1,Alder,\xd6slo\n", blank_clears=True)
    assert (summary.failed, summary.errors[0].column, summary.errors[0].reason) == (1, "city", "unreadable")
    assert Customer.objects.values_list("name", "city").get(no="1") == ("Alder", "Oslo")


@pytest.mark.parametrize(
    ("values", "wanted", "refused"),
    [
        (["1.234", "12,50"], [1234, Decimal("12.5")], 0),
        (["1,234", "12.50"], [1234, Decimal("12.5")], 0),
        (["1.234", "7"], [7], 1),
        (["12,50", "12.50", "1.234"], [Decimal("12.5"), Decimal("12.5")], 1),
    ],
)
def test_numbers_are_read_in_the_style_of_their_column(load, values, wanted, refused):
    summary = load("no;credit_limit\n" + "".join(f"{n};{value}\n" for n, value in enumerate(values)))
    assert list(Customer.objects.order_by("no").values_list("credit_limit", flat=True)) == wanted
    assert summary.failed == refused
    assert all("--decimal" in error.fix for error in summary.errors)


def test_a_chosen_decimal_mark_counts(load):
    assert load("no;credit_limit\n1;1.234\n", options=Options(decimal=",")).plan.decimal == {"credit_limit": ","}
    assert Customer.objects.get().credit_limit == 1234
    (error,) = load("no;credit_limit\n1;12.50\n", options=Options(decimal=",")).errors
    assert "decimal mark is a comma" in error.cause


def test_dates_are_read_in_the_order_of_their_column(load):
    plan = load("number,name,starts_on\nS1,a,03/04/2026\nS2,b,25/04/2026\n", "subscription").plan
    assert plan.dates == {"starts_on": "dmy"}
    assert [str(one.starts_on) for one in Subscription.objects.order_by("number")] == ["2026-04-03", "2026-04-25"]
    (error,) = load("number,name,starts_on\nS3,c,03/04/2026\n", "subscription").errors
    assert "may be more than one day" in error.cause
    assert "--dates" in error.fix
    load("number,name,starts_on\nS3,c,03/04/2026\n", "subscription", options=Options(dates="mdy"))
    assert str(Subscription.objects.get(number="S3").starts_on) == "2026-03-04"


@pytest.mark.parametrize("text", ["4,93012E+11", "4.93012E+11", "1,00E+05", "1E+05"])
@pytest.mark.parametrize("column", ["no", "phone_no", "post_code", "currency_code"])
def test_what_a_spreadsheet_made_of_a_long_number_is_refused_by_cell(load, text, column):
    columns = {"no": "X", "phone_no": "", "post_code": "", "currency_code": "", column: text}
    summary = load(f"{';'.join(columns)}\n{';'.join(columns.values())}\n")
    (error,) = summary.errors
    assert (error.line, error.column, error.value) == (2, column, text)
    assert "digits are lost" in error.cause
    assert not Customer.objects.exists()


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        ("F95;Rowan;Bath\n\nTotal: 1 customers;;\n", [4]),
        ("F95;Rowan;Bath\nTotal;;1\n", [3]),
        ("F95;Rowan;Bath\nSumme;1;2\nF96;Elm;Bath\n", [3]),
        ("F95;Rowan;Bath\n1 record, printed on Monday;;\n", [3]),
        ("TOTAL;Total Energies;Paris\nF95;Rowan;Bath\n", []),
        ("F 95;Rowan;Bath\nF 96;;\n", []),
        ("F95;Rowan;Bath\nF96;;\n", []),
    ],
)
def test_a_line_of_totals_is_reported_and_no_customer(load, rows, refused):
    summary = load("No.;Name;City\n" + rows)
    assert [error.line for error in summary.errors] == refused
    assert Customer.objects.count() == summary.total - len(refused)


def test_keys_that_differ_by_case_alone_are_the_same_record(load):
    summary = load("No.,Name\nk1,Kiefer one\nK1,Kiefer two\n")
    assert (summary.inserted, summary.failed) == (1, 1)
    assert (summary.errors[0].line, summary.errors[0].reason) == (3, "same_key")
    assert "is already on line 2" in summary.errors[0].cause
    no = Customer.objects.get().no
    again = load(f"No.,Name\n{no.swapcase()},Kiefer three\n")
    assert (again.modified, again.inserted) == (1, 0)
    assert Customer.objects.values_list("no", "name").get() == (no, "Kiefer three")


def test_without_writing_the_same_is_told_and_nothing_is_there(load):
    load("no,name\n1,Alder\n2,Birch\n")
    assert counts(load("no,name\n1,Elm\n2,Birch\n3,Fir\n", write=False)) == (3, 1, 1, 1, 0)
    assert list(Customer.objects.values_list("name", flat=True)) == ["Alder", "Birch"]


def test_decisions_are_told_in_words_and_for_programs(load):
    plan = load("No.;Name;Credit Limit (LCY)\n1;a;12,5\n").plan
    assert plan.decisions() == {
        "encoding": "UTF-8",
        "separator": ";",
        "sheet": "",
        "columns": {"no": "No.", "name": "Name", "credit_limit": "Credit Limit (LCY)"},
        "decimal": {"credit_limit": ","},
        "dates": {},
        "readings": {},
        "blank_clears": False,
        "blanks": {"name": "keep", "credit_limit": "keep"},
    }
    assert plan.sentences() == [
        "Read as UTF-8, values separated by semicolon.",
        "Decimal mark of Credit Limit (LCY): comma.",
    ]


def test_each_column_has_its_own_decimal_mark_and_order_of_dates(load):
    options = Options(decimal=".", decimal_of={"unit_price": ","}, dates="dmy")
    load("no,unit_price,unit_cost\n1,1.234,1.234\n", table="item", options=options)
    item = Item.objects.get()
    assert (item.unit_price, item.unit_cost) == (Decimal(1234), Decimal("1.234"))


def test_blank_cells_clear_only_the_columns_that_say_so(load):
    load("no,name,city,phone_no\n1,Alder,Oslo,1234\n")
    text = "no,name,city,phone_no\n1,Alder,,\n"
    cleared = load(text, blank_clears_of={"phone_no": True})
    assert Customer.objects.values_list("city", "phone_no").get() == ("Oslo", "")
    assert (cleared.modified, cleared.blanks_kept) == (1, 1)
    assert cleared.plan.decisions()["blanks"] == {"name": "keep", "city": "keep", "phone_no": "clear"}
    assert cleared.plan.sentences()[-1] == "Blank cells in Phone No. clear the field."
    all_but_one = load(text, blank_clears=True, blank_clears_of={"city": False})
    assert Customer.objects.get().city == "Oslo"
    assert all_but_one.plan.sentences()[-1] == "Blank cells in Name and Phone No. clear the field."


def test_what_may_mean_two_things_is_told_with_each_meaning(load):
    plan = load("no,credit_limit\n1,1.234\n").plan
    assert plan.decisions()["readings"] == {"credit_limit": {"value": "1.234", ".": "1.234", ",": "1234"}}
    assert plan.sentences()[-1] == (
        "Decimal mark of Credit Limit (LCY): not decided, so what may mean two things is refused. "
        "1.234 is 1.234 with a point, 1234 with a comma."
    )


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"options": Options(decimal_of={"nom": ","})}, "has no field 'nom'"),
        ({"options": Options(decimal_of={"name": ","})}, "Name holds no numbers"),
        ({"options": Options(dates_of={"credit_limit": "dmy"})}, "Credit Limit (LCY) holds no dates"),
        ({"blank_clears_of": {"city": True}}, "The file has no column for City"),
        ({"blank_clears_of": {"no": True}}, "No. is never blank"),
    ],
)
def test_a_choice_for_a_column_that_it_cannot_be_for_is_refused(load, choice, said):
    with pytest.raises(UnknownColumns) as refused:
        load("no,name,credit_limit\n1,Alder,5\n", **choice)
    assert said in refused.value.message
