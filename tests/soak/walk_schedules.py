"""Schedules in the walk: what is due runs once, what is held or rests does not, whatever the clock says."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import rule

from coupling.models import IntegrationTableMapping
from jobs.models import Job
from sync.schedules import services
from tests.soak.walk_model import Fate, fates

EVERY = 30
_FAR = timedelta(hours=25)
"""A next run later than this was planned by a clock that was wrong."""


class ScheduleRules:
    """Rules of a walk, beside those that it has itself; `self` is the walk.

    changed_here, deleted_here: whether a record was changed, or a coupled one deleted, since the mapping rests.
    planned, rests_since: of the mapping, which runs by itself only while a rule is about that: the workers that other
    rules have killed tick too.
    """

    changed_here = deleted_here = resting = held = False
    planned: datetime | None = None
    rests_since: datetime | None = None

    def begin_schedule(self: Any) -> None:
        """Have CUSTOMER run by itself, every 30 minutes, and nothing else."""
        IntegrationTableMapping.objects.filter(company=self.world.company).update(scheduled=False)
        self.world.mapping(every_minutes=EVERY)
        self.planned = timezone.now() + timedelta(minutes=EVERY)

    def _unpark(self: Any) -> None:
        self.world.mapping(scheduled=not self.held, next_run_at=self.planned, on_hold_since=self.rests_since)

    def _park(self: Any) -> None:
        mapping = self.world.mapping()
        self.planned, self.rests_since = mapping.next_run_at, mapping.on_hold_since
        self.world.mapping(scheduled=False)

    @rule(
        before=st.sampled_from(["", "", "", "hold", "ready", "ready", "rest"]),
        minutes=st.sampled_from([0, 29, 31, 31, 31, 31, 600, 800]), days=st.sampled_from([0, 0, 0, 0, 3, -3]),
        fate=fates,
    )  # fmt: skip
    def time_passes(self: Any, before: str, minutes: int, days: int, fate: Fate) -> None:
        """Let somebody hold it or set it ready, or let it rest; then the tick comes some time later, or by a clock that
        was moved: what is due runs, and once.
        """
        self._step()
        self._unpark()
        if before == "rest":
            self._rest()
        elif before:
            self._hold_or_set_ready(before == "hold")
        now = timezone.now() + timedelta(minutes=minutes, days=days)
        planned = self.world.mapping().next_run_at
        due = planned is not None and (planned <= now or (planned > now + _FAR and not self.resting))
        woken = self.resting and (self.changed_here or self.deleted_here)
        self.world.mapping(synch_only_coupled=True)
        jobs = services.run_due(now)
        assert len(jobs) == (not self.held and (due or woken)), (planned, now, self.held, self.resting, woken)
        assert services.run_due(now) == []
        self._park()
        if jobs:
            self._run_scheduled(jobs[0], fate)
        self.world.mapping(synch_only_coupled=False)

    @rule(fate=fates)
    def run_now(self: Any, fate: Fate) -> None:
        """Somebody has it run now, whatever its time, held or not; asked twice, it is the same run."""
        self._step()
        mapping = self.world.mapping(synch_only_coupled=True)
        job = services.run_now(mapping=mapping)
        assert services.run_now(mapping=mapping).pk == job.pk
        self._run_scheduled(job, fate)
        self.world.mapping(synch_only_coupled=False)

    def _hold_or_set_ready(self: Any, held: bool) -> None:
        """Set it on hold, or ready as somebody does; ready, its first run follows after one period."""
        if held:
            services.hold(mapping=self.world.mapping())
        elif services.set_ready(mapping=self.world.mapping()):
            assert self.world.mapping().next_run_at > timezone.now() + timedelta(minutes=EVERY - 1)
            self.resting = False
        self.held = held

    def _rest(self: Any) -> None:
        """Put it on hold due to inactivity: only a change here wakes it, or the end of its timeout."""
        if self.held:
            return
        now = timezone.now()
        self.world.mapping(on_hold_since=now, next_run_at=now + timedelta(hours=12))
        self.resting, self.changed_here, self.deleted_here = True, False, False

    def _run_scheduled(self: Any, job: Job, fate: Fate) -> None:
        """Have the run come to its end; the model does what it does, and the schedule has taken note."""
        self.done.scheduled += 1
        self._run(lambda: job, fate)
        services.settle_ended(timezone.now())
        for thing in self.things:
            if thing.coupled:
                thing.synchronize(self.deletion)
        mapping = self.world.mapping()
        self.resting = self.rests_since is not None
        assert mapping.schedule.attempts == 0
        assert mapping.schedule.owed_since is None
        assert (self.planned is not None) or self.held
        self._compare()
