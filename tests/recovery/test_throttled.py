"""Limits of the service: obeyed to the second, told to people, and no worker stands and waits."""

import subprocess
import sys
import threading
import time

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from connection_setup.connection.clients import client_for
from core.vocabulary import Direction
from dataverse import bulk
from jobs.models import State
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sandbox.testing import running
from sync.start.services import start_synchronization
from tests.recovery import harness, scenarios
from tests.recovery.killing import checked
from tests.recovery.scenarios import world

pytestmark = [pytest.mark.processes, pytest.mark.timeout(200)]


@pytest.mark.sample
def test_a_limit_that_takes_long_to_pass_gives_the_worker_back(sandbox, fleet):
    w = world(sandbox)
    w.records(range(60))
    mapping = w.mapping(synch_only_coupled=False)
    sandbox.control("PUT", "limits", {"requests": 14, "window_s": 12})
    sandbox.control("DELETE", "requests")
    job = start_synchronization(mapping=mapping)
    fleet.start(small=True, threads=1)

    def waiting():
        job.refresh_from_db()
        return job.state == State.POSTPONED

    assert harness.wait_for(waiting, 30), harness.describe(job) + fleet.complaints()
    until = job.not_before
    assert 0 < (until - timezone.now()).total_seconds() <= 12.5
    page = Client()
    page.force_login(User.objects.create_superuser("ada"), backend="django.contrib.auth.backends.ModelBackend")
    text = page.get(f"/c/{w.company.slug}/jobs/{job.pk}/").content.decode()
    assert "Waiting until " in text
    assert any(told in text for told in (f"{until:%H:%M:%S}", f"{until:%H:%M}"))

    with running() as other:  # another organization has limits of its own
        beside = Company.objects.create(name="Beside", currency_code="USD", country_code="US")
        scenarios.connect(beside, other)
        second = scenarios.World(beside, other)
        second.records(range(900, 905))
        meanwhile = start_synchronization(mapping=second.mapping(synch_only_coupled=False))
        harness.wait_for_end(meanwhile.pk, fleet)
        meanwhile.refresh_from_db()
        job.refresh_from_db()
        assert (meanwhile.state, meanwhile.counters["inserted"]) == (State.FINISHED, 5), meanwhile.message
        assert meanwhile.ended_at < until, "the only worker waited for the limit"
        assert job.state == State.POSTPONED

    harness.wait_for_end(job.pk, fleet)
    fleet.kill_all()
    job.refresh_from_db()
    asked = sandbox.requests()
    assert (job.state, job.counters["inserted"]) == (State.FINISHED, 60), job.message
    assert asked["throttled"] >= 1
    assert job.throttled >= 1
    assert asked["before_retry_after"] == 0
    sandbox.control("PUT", "limits", {"requests": 6000, "window_s": 300})
    checked("to_dataverse", w, job)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        pytest.param("create_new", range(8), marks=pytest.mark.sample),
        *[(name, range(8)) for name in ("coupling_by_phone", "both_ways", "uncoupling")],
        ("both_ways", [2] * 4),  # one request meets them all
    ],
)
def test_refusals_now_and_then_are_waited_for_and_change_nothing(name, places, transactional_db, sandbox):
    w, job = scenarios.made(name, sandbox)
    chance = harness.seeded(name, "refused")
    # Where two follow each other, the second is the first sent again, which waits longer.
    fault = {"method": "*", "path": "*", "fault": "429", "retry_after": 1}
    refused = [{**fault, "after": after} for after in chance.sample(places, 4)]
    sandbox.control("POST", "faults", refused)
    began = time.monotonic()
    job = run_to_end(job)
    assert time.monotonic() - began < 60
    asked = sandbox.requests()
    sandbox.control("DELETE", "faults")
    assert asked["throttled"] >= 2
    assert asked["before_retry_after"] == 0
    assert job.state == State.FINISHED, job.message
    checked(name, w, job)


def test_refusals_at_random_are_all_waited_for_and_every_row_is_made_once(transactional_db, sandbox, monkeypatch):
    """How much time that costs is measured in benchmarks.throttled."""
    monkeypatch.setattr(bulk, "MAX_ROWS", 20)
    w = world(sandbox)
    w.records(range(1200))
    sandbox.control("PUT", "latency", {"request_ms": 10})
    sandbox.control("DELETE", "requests")
    refused = harness.seeded("goodput").sample(range(50), 4)
    fault = {"method": "POST", "path": "*", "fault": "429", "retry_after": 1}
    sandbox.control("POST", "faults", [{**fault, "after": after} for after in refused])
    job = run_to_end(
        start_synchronization(mapping=w.mapping(synch_only_coupled=False), direction=Direction.TO, create=True)
    )
    asked = sandbox.requests()
    sandbox.control("DELETE", "faults")
    assert (job.state, job.counters["inserted"]) == (State.FINISHED, 1200), job.message
    assert (asked["throttled"], asked["before_retry_after"]) == (len(refused), 0)
    checked("to_dataverse", w, job)


def test_requests_side_by_side_all_wait_when_one_is_refused(transactional_db, sandbox):
    w = world(sandbox)
    mapping = w.coupled(range(2400))
    w.mapping(update_conflict="get")
    sandbox.control("PUT", "latency", {"request_ms": 60})
    sandbox.control("DELETE", "requests")
    refused = [{"method": "*", "path": "*", "fault": "429", "retry_after": 1, "after": after} for after in (3, 9, 11)]
    sandbox.control("POST", "faults", refused)
    job = run_to_end(start_synchronization(mapping=mapping, full=True))
    asked = sandbox.requests()
    assert job.state == State.FINISHED, job.message
    assert asked["before_retry_after"] == 0


def test_when_one_request_is_refused_all_of_the_user_wait(transactional_db, sandbox):
    """Two jobs at once, each with a client of its own, and several threads each."""
    w = world(sandbox)
    sandbox.control("PUT", "latency", {"request_ms": 30})
    sandbox.control("DELETE", "requests")
    sandbox.control(
        "POST",
        "faults",
        [{"method": "*", "path": "*", "fault": "429", "retry_after": 2, "after": after} for after in (10, 30)],
    )
    clients = [client_for(w.company) for _ in range(2)]

    def read(number):
        for _ in range(10):
            clients[number % 2].first_page("accounts", select=["name"])

    threads = [threading.Thread(target=read, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    asked = sandbox.requests()
    assert asked["throttled"] == 2
    assert asked["before_retry_after"] == 0
    assert asked["by"]["GET accounts"] == 62


def test_requests_that_wait_for_a_lane_wait_for_a_refusal_too(transactional_db, sandbox):
    """They looked whether they may send before they stood in line; while they stood there, another was refused."""
    w = world(sandbox)
    client = client_for(w.company)
    client.first_page("accounts", select=["name"])
    sandbox.control("PUT", "latency", {"request_ms": 400})
    sandbox.control("DELETE", "requests")
    sandbox.control("POST", "faults", [{"method": "*", "path": "*", "fault": "429", "retry_after": 3, "after": 1}])
    threads = [
        threading.Thread(target=client.first_page, args=("accounts",), kwargs={"select": ["name"]}) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    asked = sandbox.requests()
    assert (asked["throttled"], asked["before_retry_after"]) == (1, 0)
    assert asked["by"]["GET accounts"] == 21


ASKING = """
import sys, time
import django
django.setup()
from connection_setup.connection.clients import client_for
from dataverse.errors import Throttled
from masterdata.models import Company
client = client_for(Company.objects.get(pk=int(sys.argv[1])))
for _ in range(int(sys.argv[2])):
    while True:
        try:
            client.first_page("accounts", select=["name"])
            break
        except Throttled as told:
            time.sleep(told.retry_after)
"""


@pytest.mark.sample
def test_four_processes_of_one_user_wait_together(transactional_db, sandbox):
    w = world(sandbox)
    sandbox.control("PUT", "limits", {"requests": 24, "window_s": 2})
    sandbox.control("PUT", "latency", {"request_ms": 40})
    sandbox.control("DELETE", "requests")
    command = [sys.executable, "-c", ASKING, str(w.company.pk), "12"]
    environment = {**harness.environment(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    processes = [subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR) for _ in range(4)]
    assert [process.wait(120) for process in processes] == [0] * 4
    asked = sandbox.requests()
    # Each read asks first which organization answers.
    assert asked["by"]["GET accounts"] + asked["by"]["GET WhoAmI"] == 4 * 2 * 12 + asked["throttled"]
    assert asked["throttled"] >= 1
    assert asked["before_retry_after"] == 0
