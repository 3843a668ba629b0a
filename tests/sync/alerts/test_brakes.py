"""What waits for a person is told as that: brakes by a kind of their own, likely duplicates among what waits."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from core.vocabulary import DeletionOption
from coupling.models import Coupling, FailedRecord, IntegrationTableMapping
from jobs.alerts import work
from jobs.models import Alert, Job, Reason, State, Type
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.sync.conftest import customer, synchronize, update_mapping


def standing(company: Company) -> list[tuple[str, str]]:
    """Look, and return kind and text of what stands."""
    work.look(timezone.now())
    found = Alert.objects.filter(company=company, over_at=None).exclude(kind="not_seen").order_by("pk")
    return [(one.kind, one.message) for one in found]


def test_mass_deletions_that_stop_at_the_brake_are_told_once_until_they_are_over(
    company: Company, remote: Sandbox
) -> None:
    mapping = update_mapping(company, deletion_conflict=DeletionOption.UNCOUPLE, brakes={"deleted": 2})
    for number in range(4):
        customer(company, f"{10000 + number}", f"Customer {number}")
    synchronize(mapping, full=True, create=True)
    for record in Customer.objects.filter(company=company).order_by("no")[:3]:
        record.delete()
    synchronize(mapping)
    for _ in range(2):
        ((kind, text),) = standing(company)
    assert (kind, Alert.objects.filter(kind="brake").count()) == ("brake", 1)
    assert "3 pairs of CUSTOMER lost a record or row" in text
    update_mapping(company, brakes={"deleted": 3})
    assert standing(company) == []
    assert Coupling.objects.count() == 4


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"reason": Reason.MULTIPLE_MATCHES}, "conflicts"), ({"reason": Reason.NO_MATCH, "nearly": 100}, "conflicts"),
        ({"reason": Reason.BRAKE}, "brake"), ({"reason": Reason.NO_MATCH, "nearly": 40}, "failure"),
    ],
    ids=["several rows", "nearly the same", "a brake", "no match"],
)  # fmt: skip
def test_a_record_that_waits_for_a_person_is_no_failure(
    company: Company, customers: IntegrationTableMapping, told: dict[str, Any], kind: str
) -> None:
    record = customer(company, "10000")
    job = Job.objects.create(company=company, type=Type.COUPLING, state=State.FINISHED, mapping_name=customers.name)
    failed = FailedRecord.objects.create(
        company=company, mapping=customers, local_id=record.system_id, local_key=record.no, job_id=job.pk,
        failed_at=timezone.now(), **told,
    )  # fmt: skip
    assert [one for one, _ in standing(company)] == [kind]
    Coupling.objects.create(
        company=company, mapping=customers, local_id=failed.local_id, integration_id=uuid4(), table="customer"
    )
    assert standing(company) == []


def test_a_job_that_stopped_at_a_brake_is_told_as_that(company: Company, customers: IntegrationTableMapping) -> None:
    Job.objects.create(
        company=company, type=Type.SYNCHRONIZATION, state=State.FAILED, mapping_name=customers.name,
        failure_reason=Reason.BRAKE, failure_message="600 records were to be created.", ended_at=timezone.now(),
    )  # fmt: skip
    ((kind, text),) = standing(company)
    assert kind == "brake" and "600 records were to be created." in text
    Job.objects.create(company=company, type=Type.SYNCHRONIZATION, state=State.FINISHED, mapping_name=customers.name)
    assert standing(company) == []
