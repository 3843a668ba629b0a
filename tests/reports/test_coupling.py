"""Pairs that came out wrong once, as they were reported."""

import json
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command

from coupling.matching import read_plan
from coupling.models import Coupling, IntegrationTableMapping, UndoneRecord
from jobs.models import JobOutcome
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sync.conflicts.services import couple_with_successors
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
    rows = [line.split(",") for line in (REPORTS / "two-companies.csv").read_text().splitlines()[1:]]
    sandbox.load({"accounts": [{"name": name, "address1_city": city, "customertypecode": 3} for _, name, city in rows]})
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
    command("synchronize", "CUSTOMER", company=company)
    for one, city in ((company, "York"), (other, "Bath")):
        record = Customer.objects.get(company=one, no="S1")
        record.city = city
        record.save()
        (document,) = command("synchronize", "CUSTOMER", company=one)
        assert document["counters"]["modified"] == (1 if one == company else 0), "what the other has is not written"
    rows = {row["name"]: row["address1_city"] for row in sandbox.rows("accounts")}
    assert (rows["Shared Works"], len(rows)) == ("York", 2)
    assert set(Customer.objects.filter(no="S1").values_list("company__name", "city")) == {
        ("Cronus", "York"), (other.name, "Bath"),
    }  # fmt: skip


def test_a_row_that_was_merged_stays_told_with_the_row_it_was_merged_into(company, sandbox, command, tmp_path):
    file = tmp_path / "customers.csv"
    file.write_text("No.,Name,City\nB1,Bravo 1,Bath\n")
    command("masterdata", "import", "customer", str(file), company=company)
    row, master = str(uuid4()), str(uuid4())
    sandbox.load({"accounts": [{"accountid": row, "name": "Bravo 1", "customertypecode": 3}]})
    command("couple", "CUSTOMER", "--match", "name", "--synchronize", company=company)
    merged = {"statecode": 1, "statuscode": 2, "merged": True, "masterid@odata.bind": f"/accounts({master})"}
    (before,) = (one for one in sandbox.rows("accounts") if one["accountid"] == row)
    kept = {name: before[name] for name in ("accountid", "name", "customertypecode", "address1_city")}
    sandbox.load({"accounts": [{"accountid": master, "name": "Bravo One Holding", "customertypecode": 3}]})
    sandbox.load({"accounts": [{**kept, **merged}]})
    Customer.objects.update(city="Bristol")
    for _ in range(2):
        command("synchronize", "CUSTOMER", company=company)
        (listed,) = command("skipped", "list", company=company)
        (record,) = listed["records"]
        assert (record["local"]["key"], record["reason"]) == ("B1", "outside_filter")
        assert "merged into Bravo One Holding" in record["condition"]
    (started,) = couple_with_successors(company=company, undone=UndoneRecord.objects.all())
    assert run_to_end(started).state == "finished"
    assert str(Coupling.objects.get().integration_id) == master
    assert command("skipped", "list", company=company)[0]["total"] == 0


def test_a_currency_in_small_letters_is_the_coupled_one(company, sandbox, command):
    for table, file in (("currency", "codes-by-case-currencies.csv"), ("customer", "codes-by-case-customers.csv")):
        command("masterdata", "import", table, str(REPORTS / file), company=company)
    command("couple", "CURRENCY", "--match", "code", company=company)
    IntegrationTableMapping.objects.filter(company=company).update(synch_only_coupled=False)
    command("synchronize", "CUSTOMER", "--direction", "to", company=company)
    euro = next(row for row in sandbox.rows("transactioncurrencies") if row["isocurrencycode"] == "EUR")
    accounts = {row["name"]: row for row in sandbox.rows("accounts")}
    assert accounts["Beta Works"]["_transactioncurrencyid_value"] == euro["transactioncurrencyid"]


def test_a_key_in_other_letters_is_the_same_record(company, command):
    (imported,) = command("masterdata", "import", "customer", str(REPORTS / "keys-by-case.csv"), company=company)
    assert (imported["inserted"], imported["failed"]) == (1, 1)
    assert imported["errors"][0]["cause"] == "No. K1 is already on line 2."
    assert Customer.objects.values_list("no", "name").get() == ("K1", "Kiefer one")


def test_names_that_look_alike_are_told_with_what_differs(company, sandbox, command, monkeypatch):
    sandbox.load(json.loads((REPORTS / "invisible-characters-accounts.json").read_text()))
    command("masterdata", "import", "customer", str(REPORTS / "invisible-characters.csv"), company=company)
    *lines, last = command("couple", "CUSTOMER", "--match", "name", "--preview", company=company)
    assert last["counters"]["coupled"] == 0
    assert {line["local"]["key"]: line["message"].split(". ")[1] for line in lines} == {
        "E1": 'Name "Espe Works" in Dataverse differs in spacing (U+00A0)',
        "E2": 'Name "Eibe Works" in Dataverse differs in spacing',
        "E3": 'Name "Erle Works" in Dataverse differs in an invisible character (U+200B)',
        "E4": 'Name "Esche\u2010Works" in Dataverse differs in punctuation (U+2010)',
        "E5": "Match on other fields, or create it there.",
    }
    monkeypatch.setattr(read_plan, "MAX_PROBED_RECORDS", 0)  # the whole table is read, as for many records
    (document,) = command("couple", "CUSTOMER", "--match", "name", company=company)
    assert document["plan"] == "scan"
    told = JobOutcome.objects.get(job=document["job"], local_key="E3").message
    assert "differs in an invisible character (U+200B)." in told
