"""The key that decrypts the connection's secret is lost: jobs wait until it is back, and none fails."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from connection_setup.encryption import services as encryption
from coupling.models import IntegrationTableMapping
from jobs.models import Job, State
from jobs.running import runner
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sync.start.services import start_synchronization
from tests.sync.conftest import customer, page_text

CANNOT = "The stored secret cannot be opened"


class Key:
    """The key file, which goes and comes back."""

    def __init__(self) -> None:
        self.path = Path(settings.FIELD_ENCRYPTION_KEY_FILE)
        self.text = ""

    def lose(self) -> None:
        self.text = self.path.read_text(encoding="utf-8")
        self.path.unlink()

    def put_back(self) -> None:
        self.path.write_text(self.text, encoding="utf-8")


@pytest.fixture
def key(company: Company) -> Iterator[Key]:
    encryption.enable(user=None, key=Fernet.generate_key().decode())
    found = Key()
    found.lose()
    yield found
    found.path.unlink(missing_ok=True)


def test_jobs_wait_and_go_on_by_themselves_when_it_is_back(
    company: Company, customers: IntegrationTableMapping, key: Key
) -> None:
    records = [customer(company, str(10_000 + number)) for number in range(3)]
    jobs = [start_synchronization(mapping=customers, selection=[one.system_id], create=True) for one in records]
    for job in jobs:
        runner.run(job.pk)
        job.refresh_from_db()
        assert job.state == State.POSTPONED
        assert job.message.startswith(CANNOT)
        assert "It goes on by itself" in job.message
        assert job.needs_person
        assert timezone.now() < job.not_before
    assert not Job.objects.filter(state=State.FAILED).exists()
    key.put_back()
    Job.objects.update(not_before=timezone.now())
    for job in jobs:
        done = run_to_end(job)
        assert (done.state, done.counters["inserted"], done.message) == (State.FINISHED, 1, "")
        assert not done.needs_person


def test_a_job_under_way_waits_too(
    company: Company, customers: IntegrationTableMapping, key: Key, settings: Any
) -> None:
    settings.JOB_SLICE_S = 0
    for number in range(3):
        customer(company, str(10_000 + number))
    key.put_back()
    job = start_synchronization(mapping=customers)
    runner.run(job.pk, on_progress=lambda row: key.lose() if key.path.exists() and row.resume else None)
    job.refresh_from_db()
    assert job.state == State.POSTPONED
    key.put_back()
    Job.objects.update(not_before=timezone.now())
    assert run_to_end(job).counters["inserted"] == 3


@pytest.mark.parametrize("words", [("synchronize", "CUSTOMER"), ("fullsync", "--mapping", "CURRENCY")])
def test_a_command_does_not_wait_for_a_person(
    company: Company, customers: IntegrationTableMapping, key: Key, words: tuple[str, ...]
) -> None:
    customer(company, "10000")
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(*words, "--company", company.name, "--json", stdout=out)
    assert ended.value.code == 1
    document = json.loads(out.getvalue())
    assert document["error"]["reason"] == "sign_in"
    assert document["error"]["message"].startswith(CANNOT)


def test_its_card_says_what_it_waits_for(
    company: Company, customers: IntegrationTableMapping, key: Key, operator: Any
) -> None:
    job = run_to_end(start_synchronization(mapping=customers))
    page = page_text(operator.get(f"/c/{company.slug}/jobs/{job.pk}/"))
    assert "Waiting until" in page
    assert CANNOT in page
