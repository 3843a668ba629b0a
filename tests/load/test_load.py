"""Web and worker together, at size: nothing locks, and requests are counted by pages, not by records."""

import itertools
import threading
import uuid
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.test import Client

from connection_setup.connection import settings, state
from connection_setup.enabling.services import enable
from core import bulk
from coupling.couplings import services as coupling
from coupling.mappings.services import get_mapping
from coupling.models import Coupling
from coupling.rows import Criterion
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from jobs.running import waiting
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from tests.recovery import harness

pytestmark = [pytest.mark.processes, pytest.mark.sample, pytest.mark.django_db(transaction=True)]


def a_company(sandbox: Sandbox, customers: int) -> Company:
    """Return a connected company whose customers all have exactly one account with their phone number."""
    company = Company.objects.create(name="Load", currency_code="USD")
    numbers = [f"C{number:06d}" for number in range(customers)]
    for part in _parts(numbers):
        bulk.insert(
            Customer,
            ("company_id", "system_id", "no", "name", "phone_no"),
            [(company.pk, uuid.uuid4(), no, f"Customer {no}", f"555-{no}") for no in part],
        )
    for part in _parts(numbers):
        sandbox.load(
            {"accounts": [{"name": f"Account {no}", "telephone1": f"555-{no}", "customertypecode": 3} for no in part]}
        )
    line = sandbox.line()
    values = {
        "environment_url": line["environment_url"],
        "tenant_id": line["tenant_id"],
        "client_id": line["client_id"],
        "sandbox_ca_file": line["ca_file"],
    }
    described = state.connection_of(company)
    settings.save_settings(connection=described, values=values, secret=line["client_secret"], user=None)
    report = enable(company=company, user=None)
    assert report.ok, report
    return company


def _parts(numbers: list[str]) -> Any:
    return (numbers[start : start + bulk.MAX_ROWS] for start in range(0, len(numbers), bulk.MAX_ROWS))


BY_PHONE = [Criterion("phone_no", "telephone1")]


@pytest.mark.timeout(300)
def test_twenty_readers_during_a_coupling_of_20_000_records_never_meet_a_locked_database(
    sandbox: Sandbox, live_server: Any, worker: Any
) -> None:
    company = a_company(sandbox, 20_000)
    client = Client()
    client.force_login(User.objects.create_superuser("ada"), backend="django.contrib.auth.backends.ModelBackend")
    cookies = {"sessionid": client.cookies["sessionid"].value}
    job = coupling.start_coupling(mapping=get_mapping(company, "CUSTOMER"), criteria=BY_PHONE, user=None)
    paths = [f"/c/{company.slug}/{rest}" for rest in ("", "records/customer/", "jobs/", f"jobs/{job.pk}/", "mappings/")]
    seen: list[tuple[int, str, str]] = []
    stop = threading.Event()

    def read(number: int) -> None:
        with requests.Session() as session:
            session.trust_env = False
            for path in itertools.islice(itertools.cycle(paths), number, None):
                if stop.is_set():
                    return
                answer = session.get(live_server.url + path, cookies=cookies, timeout=60)
                seen.append((answer.status_code, path, answer.text if answer.status_code != 200 else ""))

    readers = [threading.Thread(target=read, args=(number,)) for number in range(20)]
    for reader in readers:
        reader.start()
    try:
        assert harness.wait_for(lambda: Job.objects.get(pk=job.pk).ended, 200, 0.5)
        before = len(seen)
        assert harness.wait_for(lambda: len(seen) >= before + len(readers), 60, 0.1)  # each once more, at the end
    finally:
        stop.set()
        for reader in readers:
            reader.join(60)
    job.refresh_from_db()
    assert (job.state, job.counters["coupled"], job.attempts) == ("finished", 20_000, 0), job.message + job.detail
    wrong = [(status, path, text[:500]) for status, path, text in seen if status != 200]
    assert not wrong, wrong[:3]
    assert len(seen) >= 20
    assert Coupling.objects.filter(company=company).count() == 20_000
    assert JobOutcomes(job).count == sum(1 for _ in JobOutcomes(job)) == 20_000


@pytest.mark.timeout(300)
def test_coupling_40_000_customers_takes_a_request_per_5000_accounts_and_few_more(sandbox: Sandbox) -> None:
    """Beside the pages there are seven; one more for each 20,000 records would be seen."""
    rows = 40_000
    company = a_company(sandbox, rows)
    before = sandbox.requests()["total"]
    job = coupling.start_coupling(mapping=get_mapping(company, "CUSTOMER"), criteria=BY_PHONE, user=None)
    waiting.run_to_end(job)
    job.refresh_from_db()
    assert (job.state, job.counters["coupled"]) == ("finished", rows), job.message + job.detail
    assert job.requests <= rows / 5000 + 8
    assert sandbox.requests()["total"] - before <= rows / 5000 + 8
