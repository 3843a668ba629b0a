"""Messages lost in the middle, and messages delivered twice at once: neither stops a job nor does anything twice."""

import time

import pytest

from tests.recovery import harness, scenarios
from tests.recovery.harness import seeded
from tests.recovery.killing import Plan, anywhere, checked, kill_and_compare, undisturbed
from tests.recovery.states import differences
from tests.selection import with_sample

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", with_sample(["coupling_by_phone", "both_ways"]))
def test_a_broker_emptied_while_workers_live_stops_nothing(name, sandbox, fleet):
    plain = undisturbed(name, sandbox, fleet)
    fleet.start(small=True)
    w, job = scenarios.made(name, sandbox)
    chance = seeded(name, "flush")
    for _ in range(6):
        harness.forget_messages()
        time.sleep(chance.uniform(0, plain.seconds / 6))
    harness.wait_for_end(job.pk, fleet)
    fleet.kill_all()
    assert not differences(checked(name, w, job), plain.state)


@pytest.mark.sample
def test_a_job_queued_after_the_broker_was_emptied_is_found_by_the_workers_that_live(sandbox, fleet):
    plain = undisturbed("uncoupling", sandbox, fleet)
    fleet.start(small=True)
    w, job = scenarios.made("uncoupling", sandbox)
    harness.wait_for_end(job.pk, fleet)
    harness.forget_messages()
    w, job = scenarios.made("uncoupling", sandbox)
    began = time.monotonic()
    harness.wait_for_end(job.pk, fleet)
    assert time.monotonic() - began < plain.seconds + 10
    fleet.kill_all()
    assert not differences(checked("uncoupling", w, job), plain.state)


@pytest.mark.parametrize("name", with_sample(["create_new", "both_ways"]))
def test_a_broker_emptied_after_every_kill_loses_no_job(name, sandbox, fleet):
    plain = undisturbed(name, sandbox, fleet)
    plans = anywhere(4, seeded(name, "flushed"), plain)
    tally = kill_and_compare(name, sandbox, fleet, plans, meanwhile=harness.forget_messages)
    assert tally.kills == 4


@pytest.mark.parametrize("name", with_sample(["create_new", "both_ways", "uncoupling"]))
def test_messages_delivered_twice_at_once_to_two_workers_do_everything_once(name, sandbox, fleet, monkeypatch):
    twice(monkeypatch)
    plain = undisturbed(name, sandbox, fleet)
    for _ in range(2):
        fleet.start(small=True, twice=True)
    w, job = scenarios.made(name, sandbox)
    harness.wait_for_end(job.pk, fleet)
    harness.wait_until_taken()
    fleet.stop_all()
    assert not differences(checked(name, w, job), plain.state)


@pytest.mark.sample
def test_messages_delivered_twice_and_workers_killed(sandbox, fleet, monkeypatch):
    twice(monkeypatch)
    plans = [Plan(point="claim, taken"), Plan(point="create, result not saved"), Plan(share=0.3)]
    tally = kill_and_compare("create_new", sandbox, fleet, plans, workers=2, twice=True)
    assert tally.kills == 3


def twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of this process too."""
    from config.celery import app

    once = app.send_task
    monkeypatch.setattr(app, "send_task", lambda *given, **more: (once(*given, **more), once(*given, **more)))
