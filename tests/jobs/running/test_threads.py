"""Several workers of one process on one database."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from jobs import services
from jobs.lease import NotClaimed
from jobs.models import Job, JobOutcome, State
from jobs.running import runner, waiting
from jobs.running.runner import JobContext, OutcomeRow
from tests.jobs.conftest import counting

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(work: Callable[[int], Any], times: int) -> list[Any]:
    """Call it in as many threads, together."""
    barrier = threading.Barrier(times)

    def one(number: int) -> Any:
        barrier.wait()
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def wait_until(holds: Callable[[], Any], seconds: float = 20) -> None:
    """Until it holds. Raises AssertionError when the time is over."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.01)


def test_a_message_delivered_to_many_workers_at_once_is_worked_on_by_one(company, kinds):
    kinds("counting", counting)
    job = services.start(company=company, type="counting", parameters={"to": 5})
    answers = at_once(lambda _: runner.run(job.pk), 6)
    assert answers.count(None) == 1
    assert {answer.why for answer in answers if isinstance(answer, NotClaimed)} <= {"held", "ended"}
    job.refresh_from_db()
    assert (job.state, job.fence) == (State.FINISHED, 1)
    assert job.outcomes.count() == job.counters["coupled"] == 5


def test_jobs_of_one_key_never_run_together_and_all_get_their_turn(company, kinds):
    running, together, lock = [], [], threading.Lock()

    def handler(context: JobContext) -> None:
        with lock:
            running.append(context.job.pk)
            together.append(len(running))
        with context.checkpoint() as point:
            point.outcomes.append(OutcomeRow("coupled"))
        time.sleep(0.02)
        with lock:
            running.remove(context.job.pk)

    kinds("counting", handler)
    jobs = [services.start(company=company, type="counting", exclusive_key="k") for _ in range(8)]
    at_once(lambda number: waiting.run_to_end(jobs[number]), 8)
    assert max(together) == 1
    assert set(Job.objects.values_list("state", flat=True)) == {State.FINISHED}
    assert JobOutcome.objects.count() == 8


def test_a_worker_that_stalls_past_its_lease_is_succeeded_and_writes_nothing_more(company, kinds, settings):
    settings.JOB_LEASE_S, settings.JOB_HEARTBEAT_S = 0.3, 60
    stalled, go_on = threading.Event(), threading.Event()

    def handler(context: JobContext) -> None:
        with context.checkpoint() as point:
            point.outcomes.append(OutcomeRow("coupled", local_key=str(context.job.fence)))
        if context.job.fence == 1:
            stalled.set()
            go_on.wait(10)
            with context.checkpoint() as point:
                point.outcomes.append(OutcomeRow("coupled", local_key="too late"))

    kinds("counting", handler)
    job = services.start(company=company, type="counting")

    def work(number: int) -> None:
        if number == 0:
            runner.run(job.pk)
            return
        stalled.wait(10)
        wait_until(lambda: Job.objects.filter(pk=job.pk, lease_until__lt=timezone.now()).exists())
        runner.run(job.pk)
        go_on.set()

    at_once(work, 2)
    job.refresh_from_db()
    assert (job.state, job.fence, job.attempts) == (State.FINISHED, 2, 0)
    assert sorted(job.outcomes.values_list("local_key", flat=True)) == ["1", "2"]


def test_the_heartbeat_keeps_the_lease_through_a_long_step(company, kinds, settings):
    settings.JOB_LEASE_S, settings.JOB_HEARTBEAT_S = 0.8, 0.1
    started, refused = threading.Event(), threading.Event()
    leases: list[Any] = []

    def handler(context: JobContext) -> None:
        leases.append(context.job.lease_until)
        started.set()
        assert refused.wait(10)
        with context.checkpoint() as point:
            point.outcomes.append(OutcomeRow("coupled"))

    kinds("counting", handler)
    job = services.start(company=company, type="counting")

    def work(number: int) -> Any:
        if number == 0:
            return runner.run(job.pk)
        started.wait(10)
        wait_until(lambda: timezone.now() > leases[0] + timedelta(seconds=0.1))  # the lease as it was taken is over
        answer = runner.run(job.pk)
        refused.set()
        return answer

    first, second = at_once(work, 2)
    assert first is None
    assert second.why == "held"
    job.refresh_from_db()
    assert (job.state, job.fence) == (State.FINISHED, 1)


def test_a_heartbeat_that_finds_another_holder_stops_the_worker_from_sending(company, kinds, settings):
    settings.JOB_HEARTBEAT_S = 0.05
    sent = []

    def handler(context: JobContext) -> None:
        context.usage.requests += 1
        sent.append(1)
        Job.objects.filter(pk=context.job.pk).update(fence=77)
        wait_until(lambda: not context._lease.held())
        context.usage.requests += 1
        sent.append(2)

    kinds("counting", handler)
    job = services.start(company=company, type="counting")
    runner.run(job.pk)
    assert sent == [1]


def test_a_running_job_is_cancelled_from_another_thread(company, kinds):
    started = threading.Event()

    def handler(context: JobContext) -> None:
        while True:
            with context.checkpoint() as point:
                point.outcomes.append(OutcomeRow("coupled"))
            started.set()
            time.sleep(0.01)

    kinds("counting", handler)
    job = services.start(company=company, type="counting")

    def work(number: int) -> None:
        if number == 0:
            runner.run(job.pk)
            return
        started.wait(10)
        services.cancel(job=Job.objects.get(pk=job.pk))

    at_once(work, 2)
    job.refresh_from_db()
    assert (job.state, job.message) == (State.CANCELLED, "Cancelled.")
    assert job.counters["coupled"] == job.outcomes.count()


def test_many_short_jobs_in_many_threads_meet_no_locked_database(company, kinds):
    kinds("counting", counting)
    jobs = [services.start(company=company, type="counting", parameters={"to": 10}) for _ in range(24)]
    at_once(lambda number: [runner.run(job.pk) for job in jobs[number::6]], 6)
    assert list(Job.objects.order_by().values_list("state", "attempts").distinct()) == [(State.FINISHED, 0)]
    assert JobOutcome.objects.count() == 240
