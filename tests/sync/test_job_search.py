"""The job list finds the runs of a record by its number or name, of a person, and of some days."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from coupling.models import IntegrationTableMapping
from jobs.models import Job, Trigger
from jobs.registry import MOST_RECORDS
from masterdata.models import Company
from tests.sync.conftest import customer, synchronize


def listed(client: Client, company: Company, **asked: Any) -> set[int]:
    answer = client.get(f"/c/{company.slug}/jobs/", asked)
    assert answer.status_code == 200
    return {int(pk) for pk in re.findall(r'href="/c/[a-z-]+/jobs/(\d+)/"', answer.content.decode())}


@pytest.fixture
def runs(company: Company, customers: IntegrationTableMapping) -> tuple[Job, Job]:
    """Return a run that created Adatum's row, and one that created Fabrikam's."""
    customer(company, "10000", "Adatum")
    first = synchronize(customers)
    customer(company, "20000", "Fabrikam")
    return first, synchronize(customers)


@pytest.mark.parametrize("text", ["20000", "Fabrikam", "fabri"])
def test_a_record_s_runs_are_found_over_all_jobs_by_its_number_or_name(
    runs: tuple[Job, Job], company: Company, operator: Client, text: str
) -> None:
    assert listed(operator, company, of=text) == {runs[1].pk}


def test_a_number_counts_before_a_name_that_holds_it(
    runs: tuple[Job, Job], company: Company, customers: IntegrationTableMapping, operator: Client
) -> None:
    customer(company, "30000", "Successor of 20000")
    later = synchronize(customers)
    assert listed(operator, company, of="20000") == listed(operator, company, of="Fabrikam")
    assert listed(operator, company, of="Successor") == {later.pk}


def test_nothing_is_listed_for_what_no_record_is_called(
    runs: tuple[Job, Job], company: Company, operator: Client
) -> None:
    assert listed(operator, company, of="Contoso") == set()


def test_too_many_records_of_a_name_are_said_with_what_to_type_and_the_list_stays_whole(
    runs: tuple[Job, Job], company: Company, operator: Client
) -> None:
    for number in range(MOST_RECORDS):
        customer(company, f"4000{number}", f"Fabrikam {number}")
    page = operator.get(f"/c/{company.slug}/jobs/", {"of": "Fabrikam"}).content.decode()
    assert "More than 5 records have “Fabrikam” in their name. Type the number, or more of the name." in page
    assert listed(operator, company, of="Fabrikam") == {one.pk for one in runs}


def test_jobs_are_found_by_who_asked_for_them_by_day_and_by_their_text(
    runs: tuple[Job, Job], company: Company, operator: Client
) -> None:
    ada = User.objects.create_user("ada", last_name="Lovelace")
    first, second = runs
    Job.objects.filter(pk=first.pk).update(
        requested_by=ada, created_at=timezone.now() - timedelta(days=3), message="Nothing was left to do."
    )
    Job.objects.filter(pk=second.pk).update(trigger=Trigger.SCHEDULE, requested_by=None)
    assert listed(operator, company, by="ADA") == listed(operator, company, by="lovel") == {first.pk}
    assert listed(operator, company, by="schedule") == {second.pk}
    today = timezone.localdate()
    assert listed(operator, company, since=today.isoformat()) == {second.pk}
    assert listed(operator, company, until=(today - timedelta(days=1)).isoformat()) == {first.pk}
    assert listed(operator, company, q="left to do") == {first.pk}
