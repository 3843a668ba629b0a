"""A company with three customers in step with nothing yet, and three accounts: two match, one record has no match."""

from collections.abc import Callable
from typing import Any

import pytest

from coupling.couplings.services import start_coupling
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import Criterion
from jobs.models import Job
from jobs.outcomes import JobOutcomes
from jobs.running.waiting import run_to_end
from masterdata.models import Company, Customer
from sandbox.testing import Sandbox
from sync.models import UndoPreview
from sync.undo.services import start_preview, start_undo
from tests.sync.conftest import ACTIVE_CUSTOMER, connect, customer, update_mapping

BY_NAME = [Criterion("name", "name")]


def connect_with_matches(owner: Company, remote: Sandbox) -> None:
    connect(owner, remote)
    customer(owner, "10000", "Adatum", city="Bonn", phone_no="555-1")
    customer(owner, "20000", "Fabrikam", city="Ulm")
    customer(owner, "30000", "Contoso", city="Hamm")
    remote.load(
        {
            "accounts": [
                {**ACTIVE_CUSTOMER, "name": "Adatum", "address1_city": "Köln", "telephone1": "555-9"},
                {**ACTIVE_CUSTOMER, "name": "Fabrikam", "address1_city": "Trier"},
            ]
        }
    )


@pytest.fixture
def matching(connected: Callable[..., Company]) -> Company:
    return connected("Undo Ltd", connect_with_matches)


@pytest.fixture
def mapping(matching: Company) -> IntegrationTableMapping:
    return update_mapping(matching)


def couple(mapping: IntegrationTableMapping, **asked: Any) -> Job:
    """Couple by name and run what follows."""
    job = run_to_end(start_coupling(mapping=mapping, criteria=BY_NAME, **asked))
    assert job.state == "finished", (job.message, job.detail)
    return job


def undo(job: Job, **asked: Any) -> Job:
    job.refresh_from_db()
    done = run_to_end(start_undo(job=job, **asked))
    assert done.state == "finished", (done.message, done.detail)
    return done


def previewed(job: Job) -> UndoPreview:
    """Have a job say what undoing another would do."""
    job.refresh_from_db()
    done = run_to_end(start_preview(job=job))
    assert done.state == "finished", (done.message, done.detail)
    return UndoPreview.objects.select_related("undone", "job").get(job=done)


def told(job: Job) -> dict[str, tuple[str, str, str]]:
    """Return outcome, reason and message by record."""
    return {row.local_key: (str(row.outcome), str(row.reason), row.message) for row in JobOutcomes(job)}


def coupled(mapping: IntegrationTableMapping) -> set[str]:
    ids = Coupling.objects.filter(mapping=mapping, pending=False).values("local_id")
    return set(Customer.objects.filter(system_id__in=ids).values_list("no", flat=True))
