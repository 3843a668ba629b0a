"""Files that were read wrongly once, as they were reported: each with the right value.

They stand beside the project, in a folder that a fresh clone does not have; then these tests are left out.
"""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from masterdata.models import Company, Currency, Customer
from tests.reports.conftest import REPORTS, reported_files

pytestmark = [pytest.mark.django_db, reported_files]


@pytest.fixture
def load():
    """Import a reported file; gives exit code and document."""
    company = Company.objects.create(name="CRONUS", currency_code="EUR")

    def load(name, *options, table="customer"):
        out = StringIO()
        try:
            call_command(
                "masterdata", "import", table, str(REPORTS / name), "--company", company.name, "--json", *options,
                stdout=out, stderr=StringIO(),
            )  # fmt: skip
        except SystemExit as stop:
            return stop.code, json.loads(out.getvalue())
        return 0, json.loads(out.getvalue())

    return load


def rows(*fields):
    return list(Customer.objects.order_by("no").values_list(*fields))


def test_error_cells_are_refused_by_cell(load):
    code, document = load("error-cells.xlsx")
    (error,) = document["errors"]
    assert (code, document["failed"], document["inserted"]) == (0, 1, 0)
    assert (error["line"], error["column"], error["cell"], error["cause"]) == (
        2,
        "City",
        "C2",
        "City is the error #N/A. Phone No. is the error #REF! (D2).",
    )
    assert rows("no") == []


def test_a_hidden_first_sheet_is_not_taken(load):
    code, document = load("hidden-first-sheet.xlsx")
    assert (code, document["inserted"], document["decisions"]["sheet"]) == (0, 2, "Customers")
    assert rows("no", "name", "city") == [("F10", "Ahorn GmbH", "Köln"), ("F11", "Birke AG", "Graz")]


@pytest.mark.parametrize(
    ("name", "encoding", "wanted"),
    [
        ("windows-1250.csv", "Windows-1250", [("Žižka s.r.o.", "Plzeň"), ("Łódzkie Młyny", "Łódź")]),
        ("windows-1251.csv", "Windows-1251", [("ООО Берёза", "Москва")]),
    ],
)
def test_the_code_pages_of_other_languages_give_the_right_letters(load, name, encoding, wanted):
    code, document = load(name)
    assert code == 0
    assert document["decisions"]["encoding"].startswith(encoding)
    assert rows("name", "city") == wanted


def test_the_line_of_another_encoding_is_named_and_the_good_one_goes_in(load):
    _, document = load("mixed-encodings.csv")
    (error,) = document["errors"]
    assert (error["line"], error["column"], error["reason"]) == (3, "City", "unreadable")
    assert "UTF-8" in error["fix"]
    assert rows("no", "name", "city") == [("F96", "Süd AG", "Köln")]


def test_excel_s_line_sep_is_no_header(load):
    _, document = load("sep-line.csv")
    assert (document["inserted"], document["decisions"]["separator"]) == (1, ";")
    assert rows("no", "name", "city") == [("F40", "Föhre KG", "Ulm")]


def test_a_quotation_mark_left_open_costs_one_row(load):
    _, document = load("unclosed-quote.csv")
    (error,) = document["errors"]
    assert (document["inserted"], document["failed"]) == (38, 1)
    assert (error["line"], error["column"]) == (2, "Name")
    assert "quotation mark" in error["cause"]


def test_numbers_that_a_spreadsheet_spoilt_are_reported(load):
    _, document = load("scientific-notation.csv")
    assert [(error["line"], error["column"]) for error in document["errors"]] == [(2, "No."), (3, "Phone No.")]
    assert rows("no") == []


def test_a_totals_line_is_reported(load):
    _, document = load("footer-line.csv")
    assert (document["inserted"], document["failed"], document["errors"][0]["line"]) == (1, 1, 4)
    assert rows("no") == [("F95",)]


def test_numbers_that_differ_by_case_are_the_same(load):
    _, document = load("keys-by-case.csv")
    (error,) = document["errors"]
    assert (document["inserted"], error["line"], error["reason"]) == (1, 3, "same_key")


def test_codes_and_references_come_in(load):
    assert load("codes-by-case-currencies.csv", table="currency")[1]["inserted"] == 2
    assert load("codes-by-case-customers.csv")[1]["inserted"] == 4
    assert {str(one.code): float(one.exchange_rate) for one in Currency.objects.all()} == {"EUR": 1.1, "XAU": 2000}


def test_a_web_page_named_as_a_workbook_is_refused_with_what_to_do(load):
    code, document = load("html-as.xls")
    assert (code, document["error"]["reason"]) == (1, "unreadable_file")
    assert "web page" in document["error"]["message"]
    assert ".xlsx" in document["error"]["fix"]
    assert "<table>" not in json.dumps(document)


def test_names_that_look_alike_keep_their_characters(load):
    assert load("invisible-characters.csv")[1]["inserted"] == 5
    assert rows("name")[0] == ("Espe\u00a0Works",)


def test_plain_files_of_two_companies_go_in(load):
    assert load("two-companies.csv")[1]["inserted"] == 2
