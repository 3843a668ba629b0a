"""Two beats and three workers, a moved clock, and Dataverse in administration mode for an hour."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from coupling.models import IntegrationTableMapping
from jobs.models import Alert, Job, State, Tick, Trigger
from sandbox.testing import Sandbox
from sync.models import Schedule, SchedulePause
from tests.recovery import harness, scenarios
from tests.recovery.harness import Fleet

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

HOUR = timedelta(hours=1)
SCHEDULED = ("CUSTOMER", "VENDOR", "CONTACT")


def an_hour_passes(remote: Sandbox, hours: int) -> None:
    """Move the sandbox's clock, and all that is planned here as if ours had been moved with it."""
    remote.control("PUT", "clock", {"offset_s": hours * 3600})
    SchedulePause.objects.update(next_try_at=F("next_try_at") - HOUR, since=F("since") - HOUR)
    IntegrationTableMapping.objects.filter(scheduled=True).update(next_run_at=F("next_run_at") - HOUR)
    Tick.objects.update(last_at=F("last_at") - HOUR)


def wait(until: Callable[[], Any], what: str, fleet: Fleet) -> None:
    assert harness.wait_for(until, harness.STUCK_S, 0.05), f"{what}\n{fleet.complaints()}"


def test_an_hour_of_administration_mode_is_one_alert_and_schedules_come_back_and_nothing_runs_twice(
    sandbox: Sandbox, fleet: Fleet
) -> None:
    world = scenarios.world(sandbox)
    world.coupled(range(3))
    world.edit_here(range(1), city="Ulm")
    Job.objects.all().delete()
    sandbox.control("PUT", "environment", {"admin_mode": True})
    mappings = IntegrationTableMapping.objects.filter(company=world.company)
    mappings.update(scheduled=False)
    mappings.filter(name__in=SCHEDULED).update(scheduled=True, next_run_at=timezone.now())
    fleet.start_beat()
    for _ in range(3):
        fleet.start()
    wait(SchedulePause.objects.exists, "nothing is held", fleet)
    wait(Alert.objects.filter(kind="paused", over_at=None).exists, "nobody is told", fleet)
    for hour in (1, 2):
        tries = SchedulePause.objects.get().tries
        an_hour_passes(sandbox, hour)
        wait(lambda before=tries: SchedulePause.objects.get().tries > before, "it does not ask again", fleet)
    # All that were due at first may have found it so; from then on one asks for all.
    waiting = Job.objects.filter(trigger=Trigger.SCHEDULE).count()
    assert waiting <= len(SCHEDULED) + 2
    written = sandbox.requests()["rows_written"]
    sandbox.control("PUT", "environment", {"admin_mode": False})
    an_hour_passes(sandbox, 3)
    succeeded = Schedule.objects.exclude(last_success_at=None).values_list("mapping__name", flat=True)
    wait(lambda: set(succeeded.all()) == set(SCHEDULED), "schedules do not come back", fleet)
    an_hour_passes(sandbox, 4)
    wait(lambda: not Alert.objects.filter(over_at=None).exists(), "it is not over", fleet)
    fleet.kill_all()

    assert not SchedulePause.objects.exists()
    assert list(Alert.objects.values_list("kind", flat=True)) == ["paused"]
    assert sandbox.requests()["rows_written"] == written + 1, "the edit is there, once"
    for name in SCHEDULED:
        runs = list(Job.objects.filter(mapping_name=name, started_at__isnull=False).order_by("started_at"))
        ended = [one for one in runs if one.ended_at is not None]
        assert all(one.ended_at <= two.started_at for one, two in pairwise(ended)), "two at once"
        assert sum(one.state == State.FINISHED and bool(one.counters.get("modified")) for one in runs) == (
            name == "CUSTOMER"
        )
