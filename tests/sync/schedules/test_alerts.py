"""What people are told of schedules: each once, and again when it is over; a run that is tried again tells nobody."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from coupling.models import IntegrationTableMapping
from jobs.alerts import work
from jobs.models import Alert, Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sandbox.testing import Sandbox
from sync.models import Schedule, SchedulePause
from sync.schedules import services
from sync.schedules.rules import MAX_ATTEMPTS
from sync.schedules.services import run_due
from tests.sync.conftest import update_mapping


def standing(company: Company) -> list[tuple[str, str, bool]]:
    work.look(timezone.now())
    found = Alert.objects.filter(company=company).exclude(kind="not_seen").order_by("pk")
    return [(one.kind, one.mapping_name, one.over_at is not None) for one in found]


@pytest.fixture
def mapping(company: Company) -> IntegrationTableMapping:
    return update_mapping(company, scheduled=True, next_run_at=timezone.now() - timedelta(minutes=20))


def test_a_late_mapping_is_told_once_on_the_role_center_too_and_is_over_with_a_success(
    company: Company, mapping: IntegrationTableMapping, operator: Client
) -> None:
    assert standing(company) == standing(company) == [("late", "CUSTOMER", False)]
    alert = Alert.objects.get(kind="late")
    assert alert.message.startswith("CUSTOMER is late. It should have begun at")
    assert operator.get(alert.url).status_code == 200
    home = operator.get(f"/c/{company.slug}/").content.decode()
    assert re.search(r"<b>1</b>\s*<strong>Late schedules</strong>", home)
    (job,) = run_due(timezone.now())
    assert standing(company) == [("late", "CUSTOMER", False)]
    run_to_end(job)
    assert standing(company) == [("late", "CUSTOMER", True)]


def test_attempts_tell_nobody_and_giving_up_is_one_alert(company: Company, mapping: IntegrationTableMapping) -> None:
    update_mapping(company, integration_table="tandem_gone", next_run_at=timezone.now())
    Schedule.objects.create(mapping=mapping, attempts=MAX_ATTEMPTS - 2)
    (job,) = run_due(timezone.now())
    run_to_end(job)
    assert standing(company) == []
    (job,) = run_due(timezone.now() + timedelta(hours=2))
    run_to_end(job)
    assert standing(company) == standing(company) == [("failure", "CUSTOMER", False)]
    assert "tandem_gone" in Alert.objects.get(kind="failure").message
    services.set_ready(mapping=update_mapping(company))
    assert standing(company) == [("failure", "CUSTOMER", True)]


def test_an_hour_of_administration_mode_is_one_alert_and_nothing_runs_twice(
    company: Company, mapping: IntegrationTableMapping, remote: Sandbox
) -> None:
    others = ("VENDOR", "CONTACT")
    now = timezone.now()
    IntegrationTableMapping.objects.filter(company=company, name__in=(*others, "CUSTOMER")).update(
        scheduled=True, next_run_at=now
    )
    remote.control("PUT", "environment", {"admin_mode": True})
    for job in run_due(now):
        run_to_end(job)
    told = standing(company)
    assert told == [("paused", "", False)]
    for _ in range(3):
        for job in run_due(SchedulePause.objects.get().next_try_at):
            run_to_end(job)
        assert standing(company) == told
    remote.control("PUT", "environment", {"admin_mode": False})
    for job in run_due(SchedulePause.objects.get().next_try_at):
        run_to_end(job)
    assert standing(company) == [("paused", "", True)]
    for job in run_due(timezone.now()):
        run_to_end(job)
    assert run_due(timezone.now()) == []
    ended = Job.objects.filter(state="finished").values_list("mapping_name", flat=True)
    assert sorted(ended) == ["CONTACT", "CUSTOMER", "VENDOR"]
    assert standing(company) == [("paused", "", True)]
