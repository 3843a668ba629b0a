"""A sentence about a match names the fields that took part, not those that were blank."""

import pytest

from core.vocabulary import CompareAs
from coupling.couplings import services
from coupling.models import IntegrationTableMapping
from coupling.rows import Criterion
from jobs.outcomes import JobOutcomes
from tests.coupling.conftest import pairs, previewed, run

NAME_AND_CITY = [Criterion("name", "name"), Criterion("city", "address1_city")]


def couple(mapping, criteria=NAME_AND_CITY):
    """Couple, and return the outcomes in the order of their records; a preview says the same."""
    lines = [line["message"] for line in previewed(mapping, criteria).lines()]
    job = run(services.start_coupling(mapping=mapping, criteria=criteria, synchronize=False))
    outcomes = sorted(JobOutcomes(job), key=lambda row: row.local_key)
    assert [outcome.message for outcome in outcomes] == lines
    return outcomes


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (["Oslo"], "Matched on City alone: Name is blank."),
        ([], "No row in Dataverse has the same City (Name is blank). Match on other fields, or create it there."),
        (
            ["Oslo", "Oslo"],
            "2 rows in Dataverse have the same City (Name is blank), so none was chosen. Add a field that tells them "
            "apart, or merge the duplicates there.",
        ),
    ],
)
def test_a_blank_field_is_not_said_to_be_the_same(customer_mapping, customers, accounts, there, message):
    customers([{"name": "", "city": "Oslo"}])
    accounts([{"name": f"Adatum {at}", "address1_city": city} for at, city in enumerate(there)])
    (outcome,) = couple(customer_mapping)
    assert outcome.message == message
    assert outcome.detail["fields"] == [{"local": "city", "integration": "address1_city", "local_value": "Oslo"}]
    if "trail" in outcome.detail:
        assert [step["fields"] for step in outcome.detail["trail"]] == [["city"]]


def test_a_placeholder_couples_nobody(customer_mapping, customers, accounts):
    customers([{"name": "Alpha", "phone_no": "-", "e_mail": "none"}])
    accounts([{"name": "Omega", "telephone1": "-", "emailaddress1": "none"}])
    for field, column, compare_as in (
        ("phone_no", "telephone1", CompareAs.TEXT),
        ("phone_no", "telephone1", CompareAs.PHONE),
        ("e_mail", "emailaddress1", CompareAs.TEXT),
        ("e_mail", "emailaddress1", CompareAs.EMAIL),
    ):
        (outcome,) = couple(customer_mapping, [Criterion(field, column, compare_as=compare_as)])
        assert outcome.reason == "no_match"
        caption, value = {"phone_no": ("Phone No.", "-"), "e_mail": ("E-Mail", "none")}[field]
        assert outcome.message == (
            f'The record has no value in {caption} to match on ({caption} is "{value}", which counts as blank). '
            "Fill it in, or match on other fields."
        )
    assert not pairs(customer_mapping)


def test_a_placeholder_that_is_left_out_is_named(customer_mapping, customers, accounts):
    made = customers([{"name": "n/a", "city": "Oslo"}])
    rows = accounts([{"name": "Adatum", "address1_city": "Oslo"}])
    (outcome,) = couple(customer_mapping)
    assert pairs(customer_mapping) == {made[0].system_id: rows[0]}
    assert outcome.message == 'Matched on City alone: Name is "n/a", which counts as blank.'


def test_where_blanks_do_not_match_the_blank_field_is_named(customer_mapping, customers, accounts):
    IntegrationTableMapping.objects.filter(pk=customer_mapping.pk).update(blank_is_no_match=True)
    customer_mapping.refresh_from_db()
    customers([{"name": "Adatum", "city": ""}])
    accounts([{"name": "Adatum", "address1_city": "Oslo"}])
    (outcome,) = couple(customer_mapping)
    assert outcome.message == (
        "The record has no value in City, and CUSTOMER matches no blank values, so it was not matched on Name either. "
        "Fill it in, or match on other fields."
    )
