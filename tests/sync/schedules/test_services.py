"""What runs by itself: one at a time, told how it ended, held while Dataverse does not serve, woken by changes here."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from connection_setup.enabling import services as enabling
from core.refusals import NotUsable
from coupling.mappings.edit import Changes, change_mapping
from coupling.models import IntegrationTableMapping
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Currency
from sandbox.testing import Sandbox
from sync.models import Schedule, SchedulePause
from sync.schedules import reading, services
from sync.schedules.rules import MAX_ATTEMPTS, Status
from sync.schedules.services import run_due
from tests.sync.conftest import customer, update_mapping


@pytest.fixture
def mapping(company: Company) -> IntegrationTableMapping:
    """Return CUSTOMER, the only mapping that runs by itself, due now."""
    return update_mapping(company, scheduled=True, next_run_at=timezone.now(), synch_only_coupled=False)


def due(company: Company, minutes: float = 0, name: str = "CUSTOMER") -> Any:
    """Return a moment past the mapping's next run, by so many minutes."""
    next_run = update_mapping(company, name).next_run_at
    return next_run + timedelta(minutes=minutes)


def status(mapping: IntegrationTableMapping, at: Any = None) -> tuple[Status, bool]:
    line = reading.line_of(mapping, at or timezone.now())
    return line.status, line.late


def test_a_run_is_taken_note_of_once_and_leaves_its_success(company, mapping):
    customer(company, "10000", "Adatum")
    (job,) = run_due(timezone.now())
    assert run_due(timezone.now()) == []
    assert run_to_end(job).state == "finished"
    kept = Schedule.objects.get(mapping=mapping)  # the end of the job was heard of
    assert (kept.job, kept.attempts, kept.owed_since) == (None, 0, None)
    assert abs((timezone.now() - kept.last_success_at).total_seconds()) < 60
    assert services.settle_ended(timezone.now()) == 0
    assert 29 < (due(company) - timezone.now()).total_seconds() / 60 <= 30


def test_two_beats_at_the_same_moment_start_one_run(company, mapping):
    now = timezone.now()
    stale = IntegrationTableMapping.objects.select_related("company").get(pk=mapping.pk)
    assert len(run_due(now)) == 1
    assert services._start_due(stale, now) is None
    assert Job.objects.count() == 1


def test_the_run_of_a_schedule_stays_its_own_while_somebody_asks_for_another(company, mapping):
    customer(company, "10000", "Adatum")
    (job,) = run_due(timezone.now())
    Job.objects.filter(pk=job.pk).update(state="in_process")
    asked = services.start_synchronization(mapping=mapping)
    assert asked.pk != job.pk
    update_mapping(company, next_run_at=timezone.now())
    assert run_due(timezone.now()) == []
    assert services.run_now(mapping=mapping) == job
    assert Schedule.objects.get(mapping=mapping).job == job


def test_a_pause_ends_by_whatever_job_gets_answers(company, mapping):
    began = timezone.now() - timedelta(minutes=5)
    SchedulePause.objects.create(company=company, message="Unreachable.", since=began, next_try_at=began)
    update_mapping(company, scheduled=False)
    run_due(timezone.now())
    assert SchedulePause.objects.exists()
    run_to_end(services.start_synchronization(mapping=mapping))
    run_due(timezone.now())
    assert not SchedulePause.objects.exists()


def test_a_clock_that_was_ahead_puts_no_run_off(company, mapping):
    update_mapping(company, next_run_at=timezone.now() + timedelta(days=365))
    assert len(run_due(timezone.now())) == 1


def test_ten_attempts_with_growing_pauses_then_error_until_a_person_sets_it_ready(company, mapping):
    update_mapping(company, integration_table="tandem_gone")
    pauses, now = [], timezone.now()
    for _ in range(MAX_ATTEMPTS):
        (job,) = run_due(now)
        run_to_end(job)
        next_run = update_mapping(company).next_run_at
        pauses.append(round((next_run - timezone.now()).total_seconds() / 30) if next_run else None)
        now = next_run or now
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 120, 120, None]
    line = reading.line_of(mapping, now)
    assert (line.status, line.schedule.attempts) == (Status.ERROR, MAX_ATTEMPTS)
    assert "tandem_gone" in line.schedule.error
    assert run_due(now + timedelta(days=1)) == []

    update_mapping(company, integration_table="account")
    services.set_ready(mapping=update_mapping(company))
    line = reading.line_of(mapping, timezone.now())
    assert (line.status, line.schedule.attempts, line.schedule.error) == (Status.READY, 0, "")
    assert len(run_due(due(company))) == 1


def test_administration_mode_holds_all_schedules_and_one_asks_until_it_is_over(
    company: Company, mapping: IntegrationTableMapping, remote: Sandbox
) -> None:
    update_mapping(company, "VENDOR", scheduled=True, next_run_at=mapping.next_run_at)
    remote.control("PUT", "environment", {"admin_mode": True})
    first, second = run_due(timezone.now())
    run_to_end(first)
    run_to_end(second)
    pause = SchedulePause.objects.get(company=company)
    assert "administration mode" in pause.message
    assert (pause.tries, {status(mapping)[0], status(second_of(company))[0]}) == (2, {Status.ON_HOLD})
    assert run_due(timezone.now()) == []
    for _ in range(3):
        now = SchedulePause.objects.get().next_try_at
        (probe,) = run_due(now)
        assert run_due(now) == []
        run_to_end(probe)
    assert SchedulePause.objects.get().tries == 5
    assert not any(Schedule.objects.values_list("attempts", flat=True))
    assert not reading.line_of(mapping, timezone.now() + timedelta(hours=1)).late

    remote.control("PUT", "environment", {"admin_mode": False})
    (probe,) = run_due(SchedulePause.objects.get().next_try_at)
    run_to_end(probe)
    assert not SchedulePause.objects.exists()
    ended = Job.objects.filter(state="finished", trigger="schedule")
    (other,) = run_due(timezone.now())
    run_to_end(other)
    assert sorted(ended.values_list("mapping_name", flat=True)) == ["CUSTOMER", "VENDOR"]
    assert [status(mapping), status(second_of(company))] == [(Status.READY, False)] * 2


def second_of(company: Company) -> IntegrationTableMapping:
    return update_mapping(company, "VENDOR")


def test_what_only_goes_to_dataverse_rests_after_a_run_with_nothing_to_do_and_wakes(company, mapping):
    update_mapping(company, scheduled=False)
    change_mapping(mapping=update_mapping(company, "CURRENCY"), changes=Changes(scheduled=True))
    (job,) = run_due(due(company, name="CURRENCY"))
    run_to_end(job)
    currency = update_mapping(company, "CURRENCY")
    assert currency.direction == "to_integration_table"
    if currency.on_hold_since is None:  # the first run wrote; the next one has nothing to do
        (job,) = run_due(due(company, name="CURRENCY"))
        run_to_end(job)
    assert status(currency) == (Status.ON_HOLD_INACTIVE, False)
    resting = update_mapping(company, "CURRENCY")
    assert 700 < (resting.next_run_at - timezone.now()).total_seconds() / 60 <= 720
    assert run_due(timezone.now() + timedelta(hours=1)) == []
    Currency.objects.create(company=company, code="SEK", description="Crowns")
    assert [one.mapping_name for one in run_due(timezone.now())] == ["CURRENCY"]
    assert status(currency)[0] in (Status.READY, Status.IN_PROCESS)


def test_what_comes_from_dataverse_goes_on_asking(company, mapping):
    (job,) = run_due(timezone.now())
    run_to_end(job)
    (job,) = run_due(due(company))
    assert run_to_end(job).counters["modified"] == 0
    assert update_mapping(company).on_hold_since is None


def test_a_person_holds_it_sets_it_ready_and_runs_it_now(company, mapping, django_user_model):
    ada = django_user_model.objects.create_user("ada")
    services.hold(mapping=update_mapping(company), user=ada)
    line = reading.line_of(mapping, timezone.now() + timedelta(hours=1))
    assert (line.status, line.late, line.schedule.held_by) == (Status.ON_HOLD, False, ada)
    assert run_due(timezone.now() + timedelta(days=1)) == []
    job = services.run_now(mapping=update_mapping(company), user=ada)
    assert services.run_now(mapping=update_mapping(company), user=ada) == job
    run_to_end(job)
    line = reading.line_of(mapping, timezone.now())
    assert (line.status, line.mapping.next_run_at) == (Status.ON_HOLD, None)
    assert line.schedule.last_success_at is not None
    services.set_ready(mapping=update_mapping(company))
    assert status(mapping) == (Status.READY, False)
    assert reading.line_of(mapping, timezone.now()).schedule.held_by is None


def test_the_minutes_move_the_next_run_and_are_1_to_1440(company, mapping):
    for minutes in (5, 1440, 1):
        services.change(mapping=update_mapping(company), every=minutes)
        assert abs((due(company) - timezone.now()).total_seconds() / 60 - minutes) < 0.5
    for minutes in (0, 1441):
        with pytest.raises(NotUsable, match="Choose 1 to 1,440 minutes"):
            services.change(mapping=update_mapping(company), every=minutes)
    assert update_mapping(company).every_minutes == 1


def test_late_is_past_its_time_by_the_mapping_s_own_minutes(company, mapping):
    assert status(mapping, due(company, 14)) == (Status.READY, False)
    assert status(mapping, due(company, 16)) == (Status.LATE, True)
    services.change(mapping=mapping, late_after=60)
    assert status(mapping, due(company, 16)) == (Status.READY, False)
    (job,) = run_due(timezone.now())
    assert status(mapping, job.created_at + timedelta(minutes=61)) == (Status.LATE, True)
    run_to_end(job)
    assert not status(mapping, timezone.now() + timedelta(minutes=29))[1]


def test_the_count_of_late_ones_within_another_query_is_what_the_rule_says(company, mapping):
    now = timezone.now()
    cases = [
        ({}, {}),
        ({"next_run_at": now - timedelta(minutes=16)}, {}),
        ({"next_run_at": now - timedelta(minutes=14)}, {}),
        ({"next_run_at": now - timedelta(minutes=50), "late_after_minutes": 60}, {}),
        ({"next_run_at": now, "late_after_minutes": 60}, {"owed_since": now - timedelta(minutes=61)}),
        ({"next_run_at": now - timedelta(days=1)}, {"last_success_at": now}),
        ({"next_run_at": now - timedelta(days=1)}, {"failed_at": now}),
        ({"next_run_at": now - timedelta(days=1), "scheduled": False}, {}),
        ({"next_run_at": None}, {}),
        ({"next_run_at": now - timedelta(minutes=1), "on_hold_since": now - timedelta(days=1)}, {}),
        ({"next_run_at": now - timedelta(minutes=20), "on_hold_since": now - timedelta(days=1)}, {}),
    ]  # fmt: skip
    told = []
    for values, kept in cases:
        Schedule.objects.all().delete()
        update_mapping(company, **{"scheduled": True, "on_hold_since": None, "late_after_minutes": 15} | values)
        if kept:
            Schedule.objects.create(mapping=mapping, **kept)
        counted = reading.late_mappings(now, company=company).count()
        assert counted == reading.line_of(update_mapping(company), now).late, (values, kept)
        told.append(counted)
    assert told == [0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    update_mapping(company, scheduled=True, next_run_at=now - timedelta(days=1))
    assert reading.late_mappings(now, company=company).count() == 1
    SchedulePause.objects.create(company=company, message="It is busy.", since=now, next_try_at=now)
    assert reading.late_mappings(now, company=company).count() == 0


def test_disabling_holds_them_and_enabling_lets_them_go_on_without_being_late(company, mapping):
    enabling.disable(company=company, user=None)
    later = timezone.now() + timedelta(days=2)
    assert (status(mapping, later), run_due(later)) == ((Status.ON_HOLD, False), [])
    IntegrationTableMapping.objects.filter(pk=mapping.pk).update(next_run_at=timezone.now() - timedelta(days=2))
    assert enabling.enable(company=company, user=None).ok
    assert status(mapping) == (Status.READY, False)
    assert [job.mapping_name for job in run_due(timezone.now())] == ["CUSTOMER"]
