"""While another organization answers and nobody has chosen, nothing starts by schedule; the choice releases it."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from coupling.models import IntegrationTableMapping
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sandbox.testing import Sandbox
from sync.environment import services
from sync.schedules.services import run_due
from sync.start.services import start_synchronization
from tests.sync.conftest import page_text, update_mapping
from tests.sync.environment.conftest import Changed

NOTHING_RUNS = "Nothing runs by itself now."
HELD = "On hold: The environment changed"


def test_schedules_are_held_until_somebody_chooses(
    company: Company, customers: IntegrationTableMapping, changed: Changed, operator: Client, remote: Sandbox
) -> None:
    mapping = update_mapping(company, scheduled=True)
    queue = f"/c/{company.slug}/jobs/queue/"
    card = f"/c/{company.slug}/mappings/of/CUSTOMER/"
    assert NOTHING_RUNS not in page_text(operator.get(queue))
    now = timezone.now()
    (job,) = run_due(now)
    assert run_to_end(job).failure_reason == "wrong_environment"

    for interval in range(1, 4):
        assert run_due(now + timedelta(hours=interval)) == []
    assert Job.objects.filter(trigger="schedule").count() == 1
    page = page_text(operator.get(queue))
    assert "On Hold" in page and NOTHING_RUNS in page
    assert f'<a href="/c/{company.slug}/environment-changed/">The environment changed</a>' in page
    assert HELD in page_text(operator.get(card))

    remote.control("PUT", "environment", {"organization_id": str(changed.was)})
    services.point_back(company=company)
    assert [one.mapping_name for one in run_due(now + timedelta(hours=5))] == [mapping.name]
    assert NOTHING_RUNS not in page_text(operator.get(queue))
    assert HELD not in page_text(operator.get(card))


def test_a_job_that_somebody_starts_is_not_held(
    company: Company, customers: IntegrationTableMapping, changed: Changed
) -> None:
    """It says why it cannot run, or finds that the own organization answers again."""
    for _ in range(2):
        assert run_to_end(start_synchronization(mapping=customers)).failure_reason == "wrong_environment"
