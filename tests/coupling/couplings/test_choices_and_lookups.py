"""Choices match through option values and captions, lookups through couplings; the rest is refused on the page."""

from io import StringIO

import pytest
from django.core.management import call_command

from coupling.couplings import services
from coupling.models import Coupling, IntegrationTableMapping, OptionMapping
from coupling.rows import Criterion
from jobs.models import Job, JobOutcome
from masterdata.models import Contact, Currency, Customer, PaymentTerms, ShipmentMethod
from tests.coupling.conftest import counted, pairs, previewed, run
from tests.coupling.couplings.test_pages import of_customer, text, typed
from tests.sync.conftest import signed_in

FREIGHT = [Criterion("shipment_method_code", "address1_freighttermscode")]
CURRENCY = [Criterion("currency_code", "transactioncurrencyid")]


def couple(mapping, criteria, **asked):
    return run(services.start_coupling(mapping=mapping, criteria=criteria, **{"synchronize": False, **asked}))


@pytest.fixture
def methods(company):
    """Return shipment methods: FOB, called like a choice by its code, and NC by its description."""
    for code, description in (("FOB", "Free on board"), ("NC", "No  charge"), ("CIF", "Cost, insurance, freight")):
        ShipmentMethod.objects.create(company=company, code=code, description=description)


def test_choices_are_found_by_their_captions(customer_mapping, customers, accounts, methods):
    made = customers([{"shipment_method_code": code} for code in ("fob", "NC", "CIF", "")])
    rows = accounts([{"name": f"row {value}", "address1_freighttermscode": value} for value in (1, 2, None)])
    preview = previewed(customer_mapping, FREIGHT)
    job = couple(customer_mapping, FREIGHT)
    assert pairs(customer_mapping) == {made[0].system_id: rows[0], made[1].system_id: rows[1]}
    assert (counted(job), preview.coupled) == ({"total": 4, "coupled": 2, "failed": 2}, 2)
    failed = JobOutcome.objects.get(job=job, local_key=made[2].no)
    assert failed.message.startswith(
        "No row in Dataverse has the same Shipment Method Code (CIF is no choice of Address 1: Freight Terms)."
    )


def test_choices_are_found_by_option_values_before_their_captions(
    company, customer_mapping, customers, accounts, methods
):
    mapping = IntegrationTableMapping.objects.get(company=company, name="SHIPMENT METHOD")
    cif = ShipmentMethod.objects.get(code="CIF")
    OptionMapping.objects.create(company=company, mapping=mapping, local_id=cif.system_id, value=1, caption="FOB")
    (made,) = customers([{"shipment_method_code": "CIF"}])
    (row,) = accounts([{"name": "x", "address1_freighttermscode": 1}])
    couple(customer_mapping, FREIGHT)
    assert pairs(customer_mapping) == {made.system_id: row}


def test_create_new_makes_no_duplicates_of_what_choices_find(customer_mapping, customers, accounts, remote, methods):
    customers([{"shipment_method_code": "FOB", "name": "Adatum"}])
    accounts([{"name": "Adatum", "address1_freighttermscode": 1}])
    couple(customer_mapping, FREIGHT, create_new=True)
    assert len(remote.rows("accounts")) == 1


def test_lookups_are_found_by_couplings(company, customer_mapping, customers, accounts, remote):
    euro = next(row for row in remote.rows("transactioncurrencies") if row["isocurrencycode"] == "EUR")
    mapping = IntegrationTableMapping.objects.get(company=company, name="CURRENCY")
    for code, row in (("EUR", euro["transactioncurrencyid"]), ("GBP", None)):
        made = Currency.objects.create(company=company, code=code)
        if row:
            Coupling.objects.create(
                company=company, mapping=mapping, table="currency", local_id=made.system_id, integration_id=row
            )
    first, second = customers([{"currency_code": "EUR"}, {"currency_code": "GBP"}])
    (row,) = accounts([{"name": "x", "transactioncurrencyid": euro["transactioncurrencyid"]}])
    job = couple(customer_mapping, CURRENCY)
    assert pairs(customer_mapping) == {first.system_id: row}
    failed = JobOutcome.objects.get(job=job, local_key=second.no)
    assert failed.message.startswith(
        "No row in Dataverse has the same Currency Code (currency GBP is not coupled). Match on other fields"
    )


INCOMPARABLE = [
    (
        "primary_contact_no",
        "primarycontactid",
        "Primary Contact No. cannot be matched on: Primary Contact points to rows, and Contacts have no mapping with "
        "their table, so none of them is coupled.",
    ),
    (
        "city",
        "transactioncurrencyid",
        "City cannot be matched on: Currency points to rows of another table, and City holds no code of a record.",
    ),
    (
        "payment_terms_code",
        "paymenttermscode",
        "Payment Terms Code cannot be matched on: none of the payment terms is coupled to a choice of Payment Terms in "
        "Dataverse, or called like one.",
    ),
    ("credit_limit", "paymenttermscode", "Payment Terms is a choice, and Credit Limit (LCY) is no text"),
    ("name", "creditonhold", "Credit Hold is a yes or no, and Name is none."),
]


@pytest.mark.parametrize("action", ["start", "save-criteria", "preview"])
def test_what_cannot_be_compared_is_refused_on_the_page(company, customer_mapping, customers, action):
    IntegrationTableMapping.objects.filter(company=company, name="CONTACT").delete()
    PaymentTerms.objects.create(company=company, code="SPECIAL", description="As agreed")
    Contact.objects.create(company=company, no="CT1", name="Ann")
    (made,) = customers([{}])
    client = signed_in("Administrator")
    for field, column, why in INCOMPARABLE:
        Customer.objects.filter(pk=made.pk).update(**{field: {"credit_limit": 5}.get(field, "CT1")})
        customer_mapping.fields.filter(field=field).update(integration_field=column)
        answer = client.post(of_customer(action), typed(customer_mapping, field))
        assert answer.status_code == 400, field
        assert why in text(answer), field
        assert not Job.objects.exists(), field
        assert not customer_mapping.fields.filter(use_for_match=True).exists(), field


def test_the_command_refuses_it_too_and_a_job_that_exists_fails_with_it(customer_mapping, customers):
    IntegrationTableMapping.objects.filter(company=customer_mapping.company, name="CONTACT").delete()
    customers([{"primary_contact_no": "CT1"}])
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("couple", "CUSTOMER", "--company", "Cronus", "--match", "primary_contact_no", "--json", stdout=out)
    assert stop.value.code == 1
    assert '"reason": "configuration"' in out.getvalue()
    assert not Job.objects.exists()
    given = [Criterion("primary_contact_no", "primarycontactid")]
    refused = run(services.start_preview(mapping=customer_mapping, criteria=given))
    assert (refused.state, refused.failure_reason) == ("failed", "configuration")
    assert "cannot be matched on" in refused.message
    job = couple(customer_mapping, given)
    assert (job.state, job.failure_reason) == ("failed", "configuration")
    assert not pairs(customer_mapping)
    assert Customer.objects.count() == 1
