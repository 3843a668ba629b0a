"""Validate Field: what the local field's own rules say about a value from Dataverse."""

from decimal import Decimal

from core.vocabulary import Direction
from coupling.models import IntegrationTableMapping
from jobs.models import JobOutcome
from masterdata.models import Company
from sandbox.testing import Sandbox
from sync.engine.fingerprint import fingerprint
from tests.example_app.models import Subscription
from tests.sync.conftest import counters, synchronize


def test_a_value_that_breaks_a_rule_of_the_field_fails_its_record_unless_validation_is_off(
    company: Company, remote: Sandbox
) -> None:
    mapping = IntegrationTableMapping.objects.create(
        company=company, name="SUBSCRIPTION", table="subscription", integration_table="account",
        entity_set="accounts", uid_column="accountid", name_column="name", synch_only_coupled=False,
        integration_filter={"field": "accountnumber", "op": "not_blank"}, direction=Direction.FROM,
    )  # fmt: skip
    pairs = {"number": "accountnumber", "name": "name", "seats": "numberofemployees", "monthly_fee": "revenue"}
    for field, column in pairs.items():
        mapping.fields.create(field=field, integration_field=column, direction=Direction.FROM)
    rows = (("S1", 500, 9_999_999_999), ("S2", 501, 5), ("S3", 1, 99_999_999_999))
    remote.load(
        {"accounts": [{"accountnumber": no, "name": no, "numberofemployees": seats, "revenue": fee}
                      for no, seats, fee in rows]}
    )  # fmt: skip
    job = synchronize(mapping)
    assert (counters(job), job.reasons) == ({"inserted": 1, "failed": 2}, {"value_invalid": 2})
    assert Subscription.objects.get().monthly_fee == Decimal(9_999_999_999)
    said = " ".join(one.message for one in JobOutcome.objects.filter(job=job, outcome="failed"))
    assert "holds “501”, which Seats does not take: Ensure this value is less than or equal to 500." in said
    assert "which Monthly Fee does not take: Ensure that there are no more than 10 digits before" in said
    before = fingerprint(mapping, creates=True)
    mapping.fields.update(validate_field=False)
    assert fingerprint(mapping, creates=True) != before
    job = synchronize(mapping)
    assert Subscription.objects.get(number="S2").seats == 501
    assert counters(job)["failed"] == 1  # what the database cannot hold is refused still
