"""Disabling: it asks with numbers, stops jobs at a checkpoint, puts schedules on hold, keeps couplings."""

import re

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from connection_setup.connection import state
from connection_setup.enabling import services
from connection_setup.models import Dynamics365Connection
from coupling.models import Coupling
from jobs.models import State
from jobs.running import waiting as running_waiting
from jobs.running.runner import run
from sync.schedules.services import run_due
from sync.start.services import start_synchronization
from tests.connection_setup.setup.test_page import text_of
from tests.sync.conftest import customer, synchronize, update_mapping

SETUP = "/c/cronus-international/dataverse-connection-setup/"
OFF = "The connection to Dataverse is not enabled."


@pytest.fixture
def admin(db: None) -> Client:
    user = User.objects.create_user("ada", password="x")
    user.groups.add(Group.objects.get_or_create(name="Administrator")[0])
    client = Client()
    client.force_login(user)
    return client


def read(client: Client, url: str) -> str:
    return re.sub(r"\s+", " ", text_of(client.get(url).content.decode()))


def test_it_asks_with_the_numbers_of_couplings_jobs_and_schedules(admin, company, customers):
    customer(company, "10000")
    synchronize(customers)
    update_mapping(company, scheduled=True)
    start_synchronization(mapping=customers)
    running = start_synchronization(mapping=update_mapping(company, "CURRENCY"))
    running.state = State.IN_PROCESS
    running.save()
    asked = read(admin, f"{SETUP}disable/")
    assert "1 coupling is kept, with all settings and mappings." in asked
    assert "1 job in process stops at the next checkpoint, and 1 queued job does not start" in asked
    assert "1 schedule goes on hold until the connection is enabled again." in asked
    assert "Environment Changed asks what becomes of the couplings" in asked
    assert "Dynamics 365 Connection Setup" not in asked
    Dynamics365Connection.objects.create(company=company, enabled=True)
    assert "Dynamics 365 needs this connection, so it is not synchronized either." in read(admin, f"{SETUP}disable/")


def test_a_job_in_process_stops_at_its_next_checkpoint_and_keeps_what_it_did(admin, company, customers):
    for number in range(10):
        customer(company, f"{10000 + number}")
    job = start_synchronization(mapping=customers)
    waiting = start_synchronization(mapping=update_mapping(company, "CURRENCY"))

    def disable_meanwhile(row):
        if not row.ended and state.connection_of(company).enabled:
            admin.post(f"{SETUP}disable/")

    run(job.pk, on_progress=disable_meanwhile)
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert "disabled by ada, so the job stopped" in job.message
    waiting.refresh_from_db()
    assert (waiting.state, waiting.failure_reason) == (State.FAILED, "not_enabled")
    assert "disabled by ada" in waiting.message
    kept = Coupling.objects.filter(company=company).count()
    assert services.enable(company=company, user=None).ok
    assert Coupling.objects.filter(company=company).count() == kept
    job = running_waiting.run_to_end(start_synchronization(mapping=customers))
    assert job.state == State.FINISHED
    assert Coupling.objects.filter(mapping=customers).count() == 10


def test_schedules_go_on_hold_say_so_and_come_back(admin, company, customers):
    from django.utils import timezone

    update_mapping(company, scheduled=True)
    queue = "/c/cronus-international/jobs/queue/"
    assert "CUSTOMER Customers and account Ready" in read(admin, queue)
    services.disable(company=company, user=None)
    assert "CUSTOMER Customers and account On Hold The connection is not enabled" in read(admin, queue)
    assert run_due(timezone.now()) == []
    assert services.enable(company=company, user=None).ok
    assert "CUSTOMER Customers and account Ready" in read(admin, queue)
    assert [job.mapping_name for job in run_due(timezone.now())] == ["CUSTOMER"]


def test_while_disabled_the_menus_of_lists_cards_mappings_and_the_review_say_why_and_do_nothing(
    admin, company, customers, remote
):
    one = customer(company, "10000")
    services.disable(company=company, user=None)
    asked = remote.requests()["total"]
    start = "/c/cronus-international"
    for url in (
        f"{start}/records/customer/", f"{start}/records/customer/{one.system_id}/", f"{start}/mappings/",
        f"{start}/mappings/of/CUSTOMER/", f"{start}/dataverse-full-synch-review/",
    ):  # fmt: skip
        answer = admin.get(url)
        assert answer.status_code == 200, url
        assert OFF in text_of(answer.content.decode()), url
    for url in (
        f"{start}/records/customer/synchronize/", f"{start}/records/customer/couple/",
        f"{start}/records/customer/uncouple/",
    ):  # fmt: skip
        answer = admin.post(url, {"selected": [str(one.system_id)]}, follow=True)
        assert "not enabled" in text_of(answer.content.decode()), url
    assert not company.jobs.exists()
    assert remote.requests()["total"] == asked
