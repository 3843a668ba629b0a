"""A company connected to a real sandbox over HTTPS, with the default mappings."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from connection_setup.connection import settings
from connection_setup.enabling import services
from connection_setup.models import DataverseConnection
from coupling.mappings import defaults
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.start.services import start_synchronization

ACTIVE_CUSTOMER = {"customertypecode": 3, "statecode": 0}


@pytest.fixture
def remote(sandbox: Sandbox) -> Sandbox:
    return sandbox


@pytest.fixture
def company(connected: Callable[..., Company]) -> Company:
    return connected("CRONUS International", connect)


def connect(owner: Company, remote: Sandbox) -> None:
    connection = DataverseConnection(company=owner)
    values = {
        "environment_url": remote.environment_url,
        "tenant_id": remote.tenant_id,
        "client_id": remote.client_id,
        "sandbox_ca_file": remote.ca_file,
    }
    settings.save_settings(connection=connection, values=values, secret=remote.client_secret, user=None)
    report = services.enable(company=owner, user=None)
    assert report.ok, [check for check in report.checks if check.state == "error"]
    defaults.create_missing(owner)
    # Enabling schedules them; a test schedules those that it is about.
    IntegrationTableMapping.objects.filter(company=owner).update(scheduled=False, next_run_at=None)


def make_unreachable(owner: Company) -> None:
    """Let the environment's address lead nowhere from now on."""
    with socket.create_server(("localhost", 0)) as listener:
        url = f"https://localhost:{listener.getsockname()[1]}"
    DataverseConnection.objects.filter(company=owner).update(environment_url=url)


@pytest.fixture
def owned_by_people(company: Company) -> None:
    """Have rows belong to people, so that the salespeople are part of a full synchronization; mappings stay."""
    DataverseConnection.objects.filter(company=company).update(ownership_model="person")


@pytest.fixture
def customers(company: Company) -> IntegrationTableMapping:
    """Return the CUSTOMER mapping, whose runs create what is uncoupled on both sides."""
    return update_mapping(company, synch_only_coupled=False)


def update_mapping(company: Company, name: str = "CUSTOMER", **values: Any) -> IntegrationTableMapping:
    if values:
        IntegrationTableMapping.objects.filter(company=company, name=name).update(**values)
    return IntegrationTableMapping.objects.select_related("company").get(company=company, name=name)


def customer(company: Company, no: str, name: str = "", **values: Any) -> Customer:
    return Customer.objects.create(company=company, no=no, name=name or f"Customer {no}", **values)


def synchronize(mapping: IntegrationTableMapping, **asked: Any) -> Job:
    mapping = IntegrationTableMapping.objects.select_related("company").get(pk=mapping.pk)
    job = run_to_end(start_synchronization(mapping=mapping, **asked))
    found = job.counters
    outcomes = len(list(JobOutcomes(job)))
    assert job.state == "finished", (job.state, job.message, job.detail)
    assert found["total"] == outcomes == sum(count for name, count in found.items() if name != "total")
    return job


def counters(job: Job) -> dict[str, int]:
    return {name: count for name, count in job.counters.items() if count and name != "total"}


def accounts(remote: Sandbox) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in remote.rows("accounts")}


def patch(remote: Sandbox, row_id: Any, **columns: Any) -> None:
    """Somebody changes an account in Dataverse."""
    known = next(row for row in remote.rows("accounts") if row["accountid"] == str(row_id))
    kept = {name: value for name, value in known.items() if not name.startswith("@") and value is not None}
    kept = {name: value for name, value in kept.items() if name not in ("versionnumber", "modifiedon")}
    remote.load({"accounts": [{**kept, **columns}]})


Patch = Callable[..., None]


def coupling_of(mapping: IntegrationTableMapping, record: Any) -> Coupling:
    return Coupling.objects.get(mapping=mapping, local_id=record.system_id)


def signed_in(role: str) -> Client:
    user = User.objects.create_user(role.lower())
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def operator(company: Company) -> Client:
    return signed_in("Operator")


def page_url(company: Company, name: str, **more: Any) -> str:
    return reverse(f"sync:{name}", kwargs={"company": company.slug, **more})


def page_text(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()
