"""Real businesses' records: imported, loaded, coupled through the commands, and held against brute force."""

import json
from collections import Counter
from io import StringIO

import pytest
from django.core.management import call_command

from jobs.models import Job
from jobs.outcomes import JobOutcomes
from masterdata.models import Company, Customer
from tests.matching_quality import brute_force

DATA = brute_force.data_folder()
NORTHWIND, CRONUS = brute_force.COMPANIES
pytestmark = pytest.mark.skipif(
    DATA is None, reason="the business data is not here: TANDEM_DATA names the folder that contains erp/"
)


def run(*args):
    out = StringIO()
    call_command(*args, "--json", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def imported(company, path, *more):
    summary = run("masterdata", "import", "customer", str(path), "--company", company, *more)
    return {name: summary[name] for name in ("total", "inserted", "modified", "unchanged", "failed")}, summary["errors"]


@pytest.fixture
def files(tmp_path):
    customers, accounts = brute_force.prepared(DATA)
    brute_force.write(tmp_path, customers, accounts)
    return tmp_path


@pytest.mark.django_db
def test_northwind_s_torn_rows_are_reported_and_go_in_once_they_are_mended(files):
    Company.objects.create(name=NORTHWIND, currency_code="USD")
    columns = ",".join(
        f"{field}={column}"
        for field, column in {
            "no": "customerID", "name": "companyName", "contact": "contactName", "address": "address", "city": "city",
            "county": "region", "post_code": "postalCode", "country_region_code": "country", "phone_no": "phone",
            "fax_no": "fax",
        }.items()
    )  # fmt: skip
    raw = DATA / "erp" / "northwind" / "customers.csv"
    numbers, errors = imported(NORTHWIND, raw, "--columns", columns)
    assert numbers == {"total": 91, "inserted": 67, "modified": 0, "unchanged": 0, "failed": 24}
    assert {error["column"] for error in errors} == {"address"}
    assert '"24, place Kléber"' in errors[0]["fix"]
    numbers, _ = imported(NORTHWIND, files / f"{NORTHWIND}.csv")
    assert numbers == {"total": 91, "inserted": 24, "modified": 0, "unchanged": 67, "failed": 0}


@pytest.mark.django_db
def test_cronus_numbers_that_are_there_twice_are_reported(files):
    Company.objects.create(name=CRONUS, currency_code="USD")
    raw = DATA / "erp" / "bc_cronus" / "customers.csv"
    numbers, errors = imported(
        CRONUS, raw, "--columns", "no=No.,name=Name,address=Address,post_code=Post Code,contact=Contact Name"
    )
    assert numbers == {"total": 68, "inserted": 63, "modified": 0, "unchanged": 0, "failed": 5}
    assert all("is already on line" in error["cause"] for error in errors)
    numbers, _ = imported(CRONUS, files / f"{CRONUS}.csv")
    assert numbers["modified"] + numbers["unchanged"] == 63


@pytest.mark.parametrize(
    ("table", "file", "columns", "inserted", "failed"),
    [
        ("vendor", "northwind/suppliers.csv", "no=supplierID,name=companyName,city=city,phone_no=phone", 20, 9),
        ("item", "northwind/products.csv", "no=productID,description=productName,unit_price=unitPrice", 77, 0),
        ("item", "bc_cronus/items.csv", "no=No.,unit_price=Unit Price,vendor_no=Vendor No.", 50, 0),
        ("contact", "bc_cronus/contacts.csv", "no=No.,name=Name,company_no=Company No.", 193, 88),
        ("salesperson", "bc_cronus/salespeople.csv", "code=Code,name=Name,commission_percent=Commission %", 7, 0),
        ("unit_of_measure", "bc_cronus/units_of_measure.csv", "code=Code,description=Description", 11, 0),
    ],
)
@pytest.mark.django_db
def test_other_tables_of_real_businesses_go_in(table, file, columns, inserted, failed):
    """Rows that fail are torn or hold an expression of the program that the file was taken from."""
    Company.objects.create(name=CRONUS, currency_code="USD")
    summary = run("masterdata", "import", table, str(DATA / "erp" / file), "--company", CRONUS, "--columns", columns)
    assert (summary["inserted"], summary["failed"]) == (inserted, failed), summary["errors"][:5]


@pytest.mark.django_db(transaction=True)
def test_coupling_agrees_with_brute_force_record_by_record(files, sandbox, capsys):
    from coupling.models import Coupling

    customers, accounts = brute_force.prepared(DATA)
    facts = files / "sandbox.json"
    facts.write_text(json.dumps(sandbox.line()))
    sandbox.load({"accounts": accounts})
    found, wanted = {}, {}
    for name, rows in customers.items():
        company = Company.objects.create(name=name, currency_code="USD", country_code="US")
        assert imported(name, files / f"{name}.csv")[0]["inserted"] == len(rows)
        run("connection", "enable", "--company", name, "--sandbox", str(facts))
        match = ("--match", "phone_no:1", "--match", "name:2", "--match", "city:2")
        summary = run("couple", "CUSTOMER", "--company", name, *match)
        assert (summary["state"], summary["counters"]["total"]) == ("finished", len(rows))

        decided = brute_force.couple(rows, accounts)
        numbers = dict(Customer.objects.filter(company=company).values_list("system_id", "no"))
        pairs = Coupling.objects.filter(company=company, table="customer").values_list("local_id", "integration_id")
        assert {numbers[here]: str(there) for here, there in pairs} == {
            number: account for number, (_, account) in decided.items() if account
        }
        outcomes = JobOutcomes(Job.objects.get(pk=summary["job"]))
        said = {row.local_key: str(row.reason) or str(row.outcome) for row in outcomes}
        assert said == {number: reason for number, (reason, _) in decided.items()}
        counted = Counter(said.values())
        found[name] = {reason: counted[reason] for reason in brute_force.REASONS}
        wanted[name] = brute_force.counts(decided)
        assert summary["reasons"] == {reason: n for reason, n in wanted[name].items() if n and reason != "coupled"}

        again = run("couple", "CUSTOMER", "--company", name, *match)
        assert again["counters"]["coupled"] == 0
    with capsys.disabled():
        print(f"\n{len(accounts)} accounts; by phone number, then by name and city\n{brute_force.table(found)}")
    assert found == wanted
