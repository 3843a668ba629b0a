"""What Dataverse asks one process to wait, the other processes of the installation wait too."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone

from connection_setup.connection import service_waits
from connection_setup.connection.clients import client_for
from connection_setup.connection.service_waits import UserWaits
from connection_setup.models import ServiceWait
from dataverse import odata
from dataverse.errors import Throttled
from dataverse.types import Request
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.conftest import nothing_is_known
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
