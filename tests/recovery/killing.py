"""Run a scenario, kill its workers as planned, and compare the end with that of an undisturbed run."""

import os
import pickle
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobs.models import Job
from sandbox.testing import Sandbox
from tests.recovery import harness, scenarios, states
from tests.recovery.harness import Fleet
from tests.recovery.scenarios import World

PER_RUN = 5
"""Kills of one run; the application gives a job up after ten workers lost at the same place."""


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What a scenario comes to when nothing happens, how long it takes, and how many lines of ours it executes."""

    state: dict[str, Any]
    seconds: float
    lines: int


_undisturbed: dict[str, Undisturbed] = {}


def undisturbed(name: str, remote: Sandbox, fleet: Fleet) -> Undisturbed:
    """Run a scenario to its end by a worker that lives; once per test run, whoever of those side by side is first."""
    kept = _folder_of_the_run(fleet) / f"undisturbed-{name}"
    if name not in _undisturbed and kept.exists():
        _undisturbed[name] = pickle.loads(kept.read_bytes())
    if name not in _undisturbed:
        lines = fleet.folder / f"lines-{name}"
        fleet.start(small=True, count_lines=str(lines))
        w, job = scenarios.made(name, remote)
        assert harness.wait_for(lambda: harness.at_work(job.pk), 30), fleet.complaints()
        began = time.monotonic()
        harness.wait_for_end(job.pk, fleet)
        seconds = time.monotonic() - began
        fleet.stop_all()  # the run that ended it writes the number of lines last
        _undisturbed[name] = Undisturbed(checked(name, w, job), seconds, int(lines.read_text()))
        mine = fleet.folder / kept.name
        mine.write_bytes(pickle.dumps(_undisturbed[name]))
        mine.replace(kept)
    return _undisturbed[name]


def _folder_of_the_run(fleet: Fleet) -> Path:
    """Return a folder that the processes of this test run share, and no other run."""
    own = fleet.folder.parent
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def checked(name: str, w: World, job: Job) -> dict[str, Any]:
    """Return the state after a job, once it adds up, nothing is there twice, and another run has nothing to write."""
    states.make_sure_it_adds_up(job)
    states.make_sure_nothing_is_there_twice(w)
    found = states.end_state(w, job)
    if name in scenarios.IN_STEP:
        before = w.remote.requests()["rows_written"]
        counted = scenarios.again(w)
        assert w.remote.requests()["rows_written"] == before, counted
        assert not set(counted) - {"conflicts"}, counted
        states.make_sure_nothing_is_there_twice(w)
    return found


@dataclass(frozen=True, slots=True)
class Plan:
    """How a worker dies: at a named point, at a line, or after a share of the time an undisturbed run takes."""

    point: str = ""
    at: int = 1
    line: int = 0
    share: float = 0.0

    def sooner(self) -> "Plan":
        """Return the same for a run that had ended before."""
        return replace(self, at=1, line=self.line // 2 + 1 if self.line else 0, share=self.share / 2)


def named(*points: str, at: int = 1) -> list[Plan]:
    return [Plan(point=point, at=at) for point in points]


def anywhere(number: int, chance: random.Random, plain: Undisturbed) -> list[Plan]:
    """Half by line, half by time."""
    return [
        Plan(line=chance.randint(1, int(plain.lines * 0.8))) if turn % 2 else Plan(share=chance.uniform(0.01, 0.8))
        for turn in range(number)
    ]


def executed(plan: Plan, job: Job, fleet: Fleet, plain: Undisturbed, **more: Any) -> bool:
    """Start a worker that dies as planned. Whether it died before the job's end."""
    if plan.share:
        worker = fleet.start(small=True, **more)
        mine = f":{worker.pid}:"

        def claimed() -> bool:
            held = harness.at_work(job.pk)
            return (held is not None and mine in held.worker) or not harness.open_ones(job.pk)

        assert harness.wait_for(claimed, harness.STUCK_S), f"nobody claimed it\n{fleet.complaints()}"
        time.sleep(plan.share * plain.seconds)
        worker.kill()
        return bool(harness.open_ones(job.pk))
    worker = fleet.start(small=True, point=plan.point, at=plan.at, line=plan.line, **more)
    ended = harness.wait_for(
        lambda: not worker.alive or not harness.open_ones(job.pk), harness.STUCK_S + plain.seconds, 0.02
    )
    assert ended, f"{plan}: {[harness.describe(one) for one in harness.family(job.pk)]}\n{fleet.complaints()}"
    worker.wait(0.3)  # it may be about to die after the last commit
    worker.kill()
    return worker.died_as_planned


@dataclass(slots=True)
class Tally:
    """What a test killed."""

    runs: int = 0
    points: list[str] = None  # type: ignore[assignment]
    lines: int = 0
    times: int = 0

    @property
    def kills(self) -> int:
        return len(self.points or ()) + self.lines + self.times

    def add(self, plan: Plan) -> None:
        if plan.point:
            self.points = [*(self.points or ()), plan.point]
        elif plan.line:
            self.lines += 1
        else:
            self.times += 1


def kill_and_compare(
    name: str,
    remote: Sandbox,
    fleet: Fleet,
    plans: Iterable[Plan],
    *,
    meanwhile: Callable[[], Any] | None = None,
    workers: int = 1,
    twice: bool = False,
) -> Tally:
    """Run the scenario as often as the plans need, several kills a run; each end must be the undisturbed one.

    meanwhile: called after each kill. workers: how many finish the job at last. twice: every message is sent twice.
    """
    plain = undisturbed(name, remote, fleet)
    waiting, tally = deque(plans), Tally()
    most = 4 * len(waiting)
    while waiting:
        w, job = scenarios.made(name, remote)
        tally.runs += 1
        told = []
        for _ in range(min(PER_RUN, len(waiting))):
            plan = waiting.popleft()
            if executed(plan, job, fleet, plain, twice=twice):
                tally.add(plan)
                told.append(plan)
            else:
                waiting.append(plan.sooner())
            if tally.kills % 3:
                harness.let_leases_run_out(job.pk)
            if meanwhile is not None:
                meanwhile()
            if not harness.open_ones(job.pk):
                break
        for _ in range(workers):
            fleet.start(small=True, twice=twice)
        harness.wait_for_end(job.pk, fleet)
        if twice:
            harness.wait_until_taken()
            fleet.stop_all()
        fleet.kill_all()
        try:
            found = checked(name, w, job)
            different = states.differences(found, plain.state)
            assert not different, different[:20]
        except AssertionError as error:
            error.add_note(f"{name}, run {tally.runs}, killed at {told}\n{fleet.complaints()}")
            raise
        assert tally.runs < most, f"These are never met: {list(waiting)}"
    return tally
