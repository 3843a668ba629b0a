"""What Dataverse asks one process to wait, the other processes of the installation wait too."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from django.utils import timezone

from connection_setup.connection import service_waits
from connection_setup.connection.clients import client_for
from connection_setup.connection.service_waits import UserWaits
from connection_setup.models import ServiceProcess, ServiceWait
from dataverse import odata
from dataverse.errors import Throttled
from dataverse.types import Request
from masterdata.models import Company
from sandbox.service.application import PARALLELISM_HINT
from sandbox.testing import Sandbox
from tests.conftest import nothing_is_known
from tests.jobs.running.test_worker import database_url
from tests.sync.conftest import connect


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    return connected("CRONUS International", connect)


def refuse(sandbox: Sandbox, method: str, path: str, seconds: int) -> None:
    sandbox.control(
        "POST", "faults", [{"method": method, "path": path, "fault": "429", "retry_after": seconds}]
    )  # fmt: skip


@pytest.mark.parametrize("what", ["a request", "a part of a batch"])
def test_a_wait_that_one_process_was_asked_for_is_kept_by_the_next(
    company: Company, sandbox: Sandbox, what: str
) -> None:
    first = client_for(company)
    if what == "a request":
        refuse(sandbox, "GET", "accounts", 30)
        with pytest.raises(Throttled):
            first.first_page("accounts", select=["name"])
    else:
        refuse(sandbox, "GET", "accounts(id)", 30)
        (result,) = first.batch([Request("GET", odata.key("accounts", "11111111-2222-3333-4444-555555555555"))])
        assert isinstance(result.error, Throttled)
    nothing_is_known()  # as in another process
    sandbox.control("DELETE", "requests")
    with pytest.raises(Throttled) as told:
        client_for(company).first_page("accounts", select=["name"])
    assert 20 < (told.value.retry_after or 0) <= 30
    counts = sandbox.requests()
    assert (counts["total"], counts["before_retry_after"]) == (0, 0)


def test_once_the_wait_is_over_requests_go_out_again(company: Company, sandbox: Sandbox) -> None:
    client = client_for(company)
    refuse(sandbox, "GET", "accounts", 30)
    with pytest.raises(Throttled):
        client.first_page("accounts", select=["name"])
    nothing_is_known()
    ServiceWait.objects.update(until=timezone.now())
    assert client_for(company).first_page("accounts", select=["name"]).rows == []


def test_nothing_is_written_while_nothing_is_refused(company: Company, sandbox: Sandbox) -> None:
    client_for(company).first_page("accounts", select=["name"])
    assert not ServiceWait.objects.exists()


def test_waits_are_a_user_s_and_an_environment_s(transactional_db: None) -> None:
    UserWaits("https://one.crm.dynamics.com", "application").begin_wait(60)
    assert 50 < UserWaits("https://one.crm.dynamics.com", "application").seconds_left() <= 60
    assert UserWaits("https://one.crm.dynamics.com", "another").seconds_left() == 0
    assert UserWaits("https://two.crm.dynamics.com", "application").seconds_left() == 0


@pytest.mark.parametrize(("first", "second", "least"), [(60, 5, 50), (5, 60, 50), (0.0, 60, 50)])
def test_the_longer_wait_counts(transactional_db: None, first: float, second: float, least: float) -> None:
    waits = UserWaits("https://one.crm.dynamics.com", "application")
    waits.begin_wait(first)
    waits.begin_wait(second)
    assert least < waits.seconds_left() <= 60
    assert ServiceWait.objects.count() == 1


def test_while_the_database_does_not_answer_requests_are_sent(company: Company, sandbox: Sandbox) -> None:
    client = client_for(company)
    table = ServiceWait._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
        try:
            assert client.first_page("accounts", select=["name"]).rows == []
            UserWaits("https://one.crm.dynamics.com", "application").begin_wait(60)
        finally:
            cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")


def test_the_thread_that_reads_is_made_anew_after_it_was_closed(transactional_db: None) -> None:
    waits = UserWaits("https://one.crm.dynamics.com", "application")
    waits.begin_wait(60)
    service_waits.close()
    service_waits.close()
    assert waits.seconds_left() > 50


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases keep a connection for a minute")
def test_sqlite_s_file_is_opened_once_for_many_requests(transactional_db: None) -> None:
    waits, opened = UserWaits("https://one.crm4.dynamics.com", "application"), list[str]()

    def note(**_: Any) -> None:
        opened.append(threading.current_thread().name)

    service_waits.close()
    connection_created.connect(note)
    try:
        assert {waits.seconds_left() for _ in range(5)} == {0}
    finally:
        connection_created.disconnect(note)
    assert len(opened) == 1, opened


ASKING = """
import sys, time
import django
django.setup()
from connection_setup.connection.clients import client_for
from dataverse.errors import Throttled
from masterdata.models import Company
client = client_for(Company.objects.get(pk=int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
"""
UNTIL_THERE_ARE_SO_FEW_SLOTS = """
until = time.monotonic() + 20
while time.monotonic() < until and (client.concurrency != int(sys.argv[2])):
    list(client.map(client.function, ["WhoAmI"] * 20))
print(client.concurrency)
"""


def answers_of(number: int, script: str, *given: object) -> list[str]:
    """Return what processes answer that begin to send to Dataverse at the same moment."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", ASKING + script, *map(str, given)],
            env={**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.settings"},
            cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(number)
    ]  # fmt: skip
    try:
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
        answers = []
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        for child in children:
            answers.append(child.communicate(timeout=60)[0].strip())
            assert child.returncode == 0
        return answers
    finally:
        for child in children:
            child.kill()


@pytest.mark.processes
def test_processes_divide_the_requests_that_are_recommended(company: Company, sandbox: Sandbox) -> None:
    # They count each other every ten seconds; a quick machine sends more than 6,000 requests until then.
    sandbox.control("PUT", "limits", {"requests": 1_000_000, "execution_s": 1_000_000})
    half = int(PARALLELISM_HINT) // 2
    ServiceProcess.objects.all().delete()  # this one has just sent for longer than a second
    assert answers_of(2, UNTIL_THERE_ARE_SO_FEW_SLOTS, company.pk, half) == [str(half)] * 2
    assert ServiceProcess.objects.count() == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases have no one lock for all that is written")
def test_no_request_waits_for_sqlite_s_lock_so_that_its_sender_is_counted(transactional_db: None) -> None:
    waits = UserWaits("https://one.crm.dynamics.com", "application")
    assert waits.count_processes() == 1
    began = time.monotonic()
    with transaction.atomic():
        ServiceProcess.objects.update(seen=timezone.now())
        assert waits.count_processes() == 0
    assert time.monotonic() - began < 3
    assert waits.count_processes() == 1


def test_a_process_that_has_ended_leaves_its_share_to_the_others(transactional_db: None) -> None:
    waits = UserWaits("https://one.crm.dynamics.com", "application")
    ServiceProcess.objects.bulk_create(
        [
            ServiceProcess(key=waits.key, process="alive", seen=timezone.now()),
            ServiceProcess(key=waits.key, process="gone", seen=timezone.now() - timedelta(minutes=1)),
            ServiceProcess(key=waits.key, process="forgotten", seen=timezone.now() - timedelta(hours=2)),
            ServiceProcess(key="another user", process="alive", seen=timezone.now()),
        ]
    )
    assert waits.count_processes() == waits.count_processes() == 2
    assert not ServiceProcess.objects.filter(process="forgotten").exists()
