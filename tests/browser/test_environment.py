"""Environment Changed in Chromium: the two organizations, the three ways out, and the pages that lead there."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from connection_setup.connection.state import connection_of
from connection_setup.models import DataverseConnection
from coupling.mappings import defaults
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from tests.browser.conftest import Looks
from tests.ui.conftest import customers

pytestmark = pytest.mark.browser
COMPANY = "/c/cronus-international/"
PAGE = f"{COMPANY}environment-changed/"


@pytest.fixture
def company(transactional_db: Any) -> Company:
    """Return a company with twelve couplings, at whose address a copy answers; nobody can be asked there."""
    company = Company.objects.create(name="CRONUS International", currency_code="EUR")
    url, own = "https://contoso.crm4.dynamics.com", uuid.uuid4()
    DataverseConnection.objects.create(
        company=company, environment_url=url, enabled=True, organization_id=own, organization_name="Contoso",
        enabled_settings={"environment_url": url, "cloud": "commercial", "authentication_type": "client_secret"},
        other_organization_id=uuid.uuid4(), other_organization_name="Contoso", other_organization_url=url,
    )  # fmt: skip
    defaults.create_missing(company)
    mapping = IntegrationTableMapping.objects.get(company=company, name="CUSTOMER")
    for record in customers(company, 12):
        Coupling.objects.create(
            company=company, mapping=mapping, table="customer", local_id=record.system_id, integration_id=uuid.uuid4(),
            organization_id=own,
        )  # fmt: skip
    return company


def choose(page: Any, way: str) -> None:
    page.goto(PAGE)
    page.get_by_role("row", name=way).get_by_role("button").click()


@pytest.mark.timeout(200)
def test_axe_finds_nothing_and_nothing_overflows_at_any_stage(looks: Callable[..., Looks], company: Company) -> None:
    look = looks()
    for name, place in {"role center": COMPANY, "list": f"{COMPANY}records/customer/", "changed": PAGE}.items():
        look.open(f"environment {name}", place)
    choose(look.page, "Keep Couplings")
    look.look("environment keep")
    choose(look.page, "Point Back")
    look.look("environment point back")
    look.page.get_by_label("Environment URL").fill("http://contoso.example")
    look.page.get_by_role("button", name="Ask and Point Back").click()
    look.page.get_by_text("One entry needs").wait_for()
    look.look("environment point back refused")
    DataverseConnection.objects.update(other_organization_id=None)
    look.seen.clear()
    look.open("environment the same", PAGE)
    look.end()


@pytest.mark.parametrize("java_script", [True, False])
def test_dropping_asks_and_ends_in_a_job_with_and_without_scripts(
    contexts: Callable[..., Any], company: Company, java_script: bool
) -> None:
    page = contexts(java_script=java_script).new_page()
    page.goto(COMPANY)
    page.get_by_role("link", name="Environment Changed").first.click()
    page.wait_for_url(f"**{PAGE}")
    page.get_by_role("row", name="Start Anew").get_by_role("button").click()
    page.get_by_text("This drops all 12 couplings").wait_for()
    assert Coupling.objects.count() == 12
    page.get_by_role("button", name="Drop 12 couplings").click()
    page.wait_for_url("**/jobs/*/")
    job = run_to_end(Job.objects.get())
    assert (job.state, job.counters["uncoupled"]) == ("finished", 12)
    page.reload()
    page.get_by_text("12 couplings were dropped.").first.wait_for()
    page.goto(PAGE)
    assert page.get_by_role("row", name="Start Anew").get_by_role("button").inner_text().startswith("Enable")
    assert connection_of(company).organization_id is not None
