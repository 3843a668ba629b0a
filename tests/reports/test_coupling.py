"""Pairs that came out wrong once, as they were reported."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from coupling.models import Coupling
from masterdata.models import Company
from tests.coupling.conftest import connect
from tests.reports.conftest import REPORTS, reported_files

pytestmark = reported_files


@pytest.fixture
def company(connected):
    return connected("Cronus", connect)


@pytest.fixture
def command():
    """Run a command for a company; gives the JSON documents that it prints."""

    def command(name, *words, company):
        out = StringIO()
        try:
            call_command(name, *words, "--company", company.name, "--json", stdout=out, stderr=StringIO())
        except SystemExit as stop:
            assert stop.code == 0, out.getvalue()
        printed = out.getvalue()
        return [json.loads(line) for line in printed.splitlines()] if "--preview" in words else [json.loads(printed)]

    return command


def test_the_second_company_is_told_whose_row_it_is(company, sandbox, command):
    other = Company.objects.create(name="Northwind Traders", currency_code="USD")
    connect(other, sandbox)
    sandbox.load({"accounts": [{"name": name, "customertypecode": 3} for name in ("Shared Works", "Single Works")]})
    for one in (company, other):
        (imported,) = command("masterdata", "import", "customer", str(REPORTS / "two-companies.csv"), company=one)
        assert imported["inserted"] == 2
    (first,) = command("couple", "CUSTOMER", "--match", "name", company=company)
    assert first["counters"]["coupled"] == 2
    *previewed, _ = command("couple", "CUSTOMER", "--match", "name", "--preview", company=other)
    (second,) = command("couple", "CUSTOMER", "--match", "name", company=other)
    assert (second["counters"]["coupled"], second["reasons"]) == (0, {"already_coupled": 2})
    assert [line["candidates"][0]["coupled_to"] for line in previewed] == [
        "S1 Shared Works in Cronus",
        "S2 Single Works in Cronus",
    ]
    assert set(Coupling.objects.values_list("company__name", flat=True)) == {"Cronus"}
