"""Of a row that matches and that the mapping's filter leaves out, the outcome says which condition it misses."""

import pytest

from connection_setup.connection.state import connection_of
from core.vocabulary import CompareAs
from coupling.couplings import services
from coupling.matching import run_matching
from coupling.matching.previewed import Found
from coupling.models import IntegrationTableMapping
from coupling.rows import Criterion
from jobs.mentions import HIDDEN, PersonReading
from jobs.models import JobOutcome
from masterdata.models import Company, Customer
from sync.start.services import start_synchronization
from tests.coupling.conftest import connect, counted, previewed, run

PHONE = [Criterion("phone_no", "telephone1")]
NAME = [Criterion("name", "name")]


def couple(mapping, criteria=PHONE):
    """Couple, and return the messages in the order of the records; a preview says the same."""
    preview = previewed(mapping, criteria)
    job = run(services.start_coupling(mapping=mapping, criteria=criteria, synchronize=False))
    messages = [one.message for one in JobOutcome.objects.filter(job=job).order_by("local_key")]
    assert messages == [line["message"] for line in preview.lines()]
    return messages, preview


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [{"customertypecode": None}],
            "1 account with this Phone No. is outside the filter: Relationship Type is blank.",
        ),
        (
            [{"customertypecode": None}] * 3,
            "3 accounts with this Phone No. are outside the filter: Relationship Type is blank.",
        ),
        (
            [{"customertypecode": 11}, {"statecode": 1, "statuscode": 2}],
            "2 accounts with this Phone No. are outside the filter: Relationship Type is Vendor; Status is Inactive.",
        ),
        (
            [{"customertypecode": None, "statecode": 1, "statuscode": 2}],
            "1 account with this Phone No. is outside the filter: Status is Inactive, Relationship Type is blank.",
        ),
    ],
)
def test_the_outcome_says_what_holds_the_rows_back(customer_mapping, customers, accounts, rows, told):
    customers([{"phone_no": "425 555 0100"}, {"phone_no": "425 555 0199"}])
    accounts([{"name": "Adatum", "telephone1": "425 555 0100", **row} for row in rows])
    (first, second), preview = couple(customer_mapping)
    assert first == (
        f"No row inside the filter of CUSTOMER has the same Phone No. {told} Change them in Dataverse if they should "
        "take part, or match on other fields."
    )
    assert second == "No row in Dataverse has the same Phone No. Match on other fields, or create it there."
    assert (preview.count(Found.NEW), preview.count(Found.NEAR)) == (1, 1)


def test_where_a_row_inside_matches_those_outside_do_not_count(customer_mapping, customers, accounts):
    customers([{"phone_no": "425 555 0100"}])
    accounts([{"telephone1": "425 555 0100", "customertypecode": kind, "name": "x"} for kind in (3, None)])
    job = run(services.start_coupling(mapping=customer_mapping, criteria=PHONE, synchronize=False))
    assert counted(job) == {"total": 1, "coupled": 1}


def test_a_row_that_another_company_has_marked_names_it(customer_mapping, remote, accounts):
    other = Company.objects.create(name="Northwind Traders", currency_code="USD")
    connect(other, remote)
    for one in (customer_mapping.company, other):
        Customer.objects.create(company=one, no="S1", name="Shared Works", city="Oslo")
    mapping = IntegrationTableMapping.objects.get(company=other, name="CUSTOMER")
    run(start_synchronization(mapping=mapping, create=True))
    assert remote.rows("accounts")[0]["_tandem_companyid_value"] == str(connection_of(other).company_row_id)
    (message,), _ = couple(customer_mapping, NAME)
    assert f"1 account with this Name is outside the filter: Company is {HIDDEN}." in message
    (outcome,) = [one for one in JobOutcome.objects.all() if one.message == message]
    told, _ = PersonReading(None).read_outcome(message, outcome.detail)
    assert "1 account with this Name is outside the filter: Company is Northwind Traders." in told


def test_a_small_selection_asks_for_its_rows_alone(customer_mapping, customers, accounts, remote):
    made = customers([{"name": "Adatum Corporation"}, {"name": "Contoso Limited"}])
    accounts([{"name": one.name, "customertypecode": None} for one in made])
    remote.control("DELETE", "requests")
    asked = [made[0].system_id]
    job = run(services.start_coupling(mapping=customer_mapping, criteria=NAME, selection=asked, synchronize=False))
    assert "1 account with this Name is outside the filter" in JobOutcome.objects.get(job=job).message
    assert job.plan == "probe"
    assert remote.requests()["by"]["GET accounts"] == 2


def test_only_so_many_rows_outside_are_looked_at(customer_mapping, customers, accounts, monkeypatch):
    monkeypatch.setattr(run_matching, "MAX_OUTSIDE_PAGES", 0)
    customers([{"phone_no": "425 555 0100"}])
    accounts([{"name": "Adatum", "telephone1": "425 555 0100", "customertypecode": None}])
    (message,), _ = couple(customer_mapping, [Criterion("phone_no", "telephone1", compare_as=CompareAs.NUMBER)])
    assert message == "No row in Dataverse has the same Phone No. Match on other fields, or create it there."


def test_the_fields_named_are_those_of_the_priority_that_found_the_rows(customer_mapping, customers, accounts):
    customers([{"phone_no": "425 555 0100", "name": "Adatum", "city": ""}])
    accounts([{"name": "Adatum", "telephone1": "425 555 0199", "customertypecode": None}])
    criteria = [*PHONE, Criterion("name", "name", 1), Criterion("city", "address1_city", 1)]
    (message,), _ = couple(customer_mapping, criteria)
    assert message.startswith("No row inside the filter of CUSTOMER has the same Phone No. (every priority was tried).")
    assert "1 account with this Name is outside the filter: Relationship Type is blank." in message
