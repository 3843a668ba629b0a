"""Every page of every room, with something on it, in Chromium: axe, and nothing wider than the screen."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from connection_setup.models import DataverseConnection
from coupling import defaults
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Job, JobOutcome, Outcome, Reason, State, Type
from masterdata.models import Company
from sync.models import FullSynchReviewLine, Recommendation
from tests.browser.conftest import SCHEMES, WIDTHS, watch
from tests.ui.conftest import customers
from ui.context import address
from ui.registry import registry

pytestmark = pytest.mark.browser


@pytest.fixture
def company(transactional_db: Any) -> Company:
    """A company in the middle of its work: connected, coupled in part, with jobs, failures, a conflict and a review."""
    company = Company.objects.create(name="CRONUS International", currency_code="EUR")
    DataverseConnection.objects.create(
        company=company, environment_url="https://contoso.crm4.dynamics.com", enabled=True, organization_name="Contoso",
        checks=[{"name": "Address answers", "state": "ok", "message": "In 84 ms.", "fix": ""},
                {"name": "Tables", "state": "error", "message": "prvCreateAccount is missing.", "fix": "Assign it."}],
        checked_at=timezone.now(),
    )  # fmt: skip
    defaults.ensure(company)
    mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    some = customers(company, 60)
    for number, record in enumerate(some[:20]):
        field = {
            "local": "Phone No.", "integration": "telephone1",
            "local_value": "0121 2", "integration_value": "0121 20", "base_value": "0121",
        }  # fmt: skip
        Coupling.objects.create(
            company=company, mapping=mapping, table="customer", local_id=record.system_id, integration_id=uuid.uuid4(),
            skipped=number == 1, last_error="Name is too long." if number == 1 else "",
            last_to_reason=Reason.VALUE_TOO_LONG if number == 1 else "",
            conflict={"fields": [field], "at": timezone.now().isoformat()} if number == 2 else None,
        )  # fmt: skip
    job = Job.objects.create(
        company=company, type=Type.COUPLING, state=State.FINISHED, mapping_name="CUSTOMER", processed=60, total=60,
        started_at=timezone.now(), ended_at=timezone.now(), message="20 coupled, 40 failed (40 no match).",
    )  # fmt: skip
    for record in some[20:]:
        JobOutcome.objects.create(
            job=job, outcome=Outcome.FAILED, reason=Reason.NO_MATCH, local_id=record.system_id, local_key=record.no,
            local_name=record.name, message="Phone No. found nothing.",
        )  # fmt: skip
    Job.objects.create(company=company, type=Type.SYNCHRONIZATION, mapping_name="CUSTOMER", state=State.POSTPONED)
    for name, recommendation in (("CURRENCY", Recommendation.FULL), ("CUSTOMER", Recommendation.NONE)):
        FullSynchReviewLine.objects.create(
            company=company, name=name, direction="bidirectional", recommendation=recommendation, local_count=40,
            integration_count=3,
        )  # fmt: skip
    return company


def places(company: Company) -> dict[str, str]:
    """What to open, by name."""
    here = {"company": company.slug}
    found = {entry.title: address(entry, company) for entry in registry.all_entries() if entry.group != "Actions"}
    job = Job.objects.filter(state=State.FINISHED).latest("id")
    found["job"] = reverse("jobs:job", kwargs={**here, "pk": job.pk})
    found["running job"] = reverse("jobs:job", kwargs={**here, "pk": Job.objects.get(state=State.POSTPONED).pk})
    found["outcomes"] = reverse("jobs:outcomes", kwargs={**here, "pk": job.pk})
    found["failed"] = f"{found['outcomes']}?outcome=failed"
    for name in ("mapping", "fields", "criteria"):
        found[f"CUSTOMER {name}"] = reverse(f"coupling:{name}", kwargs={**here, "mapping": "CUSTOMER"})
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_and_nothing_overflows(
    contexts: Callable[..., Any], axe: Any, screenshot: Any, company: Company, width: int, scheme: str
) -> None:
    page = contexts(width=width, scheme=scheme).new_page()
    wrong = watch(page)
    complaints: list[str] = []
    for name, url in places(company).items():
        answer = page.goto(url)
        assert answer is not None
        assert answer.status == 200, f"{name}: {answer.status}"
        screenshot(page, name)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            complaints.append(f"{name} is wider than the screen")
        try:
            axe(page)
        except AssertionError as error:
            complaints.append(f"{name}: {error}")
    assert not complaints, "\n".join(complaints)
    assert not wrong, wrong
