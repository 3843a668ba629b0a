"""Whether a company is connected, whoever asks: not set up, set up, disabled, enabled, and when the company is gone."""

from typing import Any
from uuid import uuid4

import pytest

from connection_setup.checks import judges
from connection_setup.checks import services as checks_services
from connection_setup.connection import clients, settings, state
from connection_setup.enabling import run as enabling
from connection_setup.enabling import services as enabling_services
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import consent, solution
from connection_setup.types import SOLUTION
from coupling.models import Coupling, IntegrationTableMapping
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.provisioning.test_environment import services_currency, values


@pytest.fixture
def connected(company: Company, sandbox: Sandbox) -> DataverseConnection:
    company.currency_code = services_currency(sandbox)
    company.save()
    return settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )


def test_without_an_environment_url_enabling_asks_for_it(company: Company) -> None:
    failed = enabling_services.enable(company=company, user=None).failed
    assert failed is not None
    assert "Environment URL" in failed.message
    assert "not filled in" in failed.message
    consent.give(company=company, user=None)
    run = enabling.begin(company=company, user=None, page_url="/", done_url="/")
    last = enabling.take_all_steps(run, user=None)
    assert last is not None
    assert (last.name, last.state) == ("address", "failed")
    assert "Environment URL" in last.message


def test_a_company_is_connected_only_while_its_connection_is_enabled(
    company: Company, connected: DataverseConnection
) -> None:
    missing = Company.objects.create(name="Nothing set up", currency_code="EUR")
    unconfigured = Company.objects.create(name="Not configured", currency_code="EUR")
    DataverseConnection.objects.create(company=unconfigured)
    for one in (missing, unconfigured, company):
        assert state.unavailable_reason(one), one
    assert enabling_services.enable(company=company, user=None).ok
    assert state.unavailable_reason(company) is None
    enabling_services.disable(company=company, user=None)
    assert state.unavailable_reason(company)


def test_a_test_works_whether_enabled_or_not(connected: DataverseConnection) -> None:
    company = connected.company
    assert checks_services.test_connection(connection=state.connection_of(company)).ok
    assert enabling_services.enable(company=company, user=None).ok
    assert checks_services.test_connection(connection=state.connection_of(company)).ok
    enabling_services.disable(company=company, user=None)
    assert checks_services.test_connection(connection=state.connection_of(company)).ok


def test_each_call_makes_a_new_client_for_an_enabled_connection_alone(connected: DataverseConnection) -> None:
    company = connected.company
    with pytest.raises(state.NotConnected):
        clients.client_for(company)
    enabling_services.enable(company=company, user=None)
    first, second = clients.client_for(company), clients.client_for(company)
    assert first is not second
    assert first.who_am_i() == second.who_am_i()
    enabling_services.disable(company=company, user=None)
    with pytest.raises(state.NotConnected):
        clients.client_for(company)


def test_the_default_mappings_take_salespeople_from_the_users_of_dataverse(connected: DataverseConnection) -> None:
    enabling_services.enable(company=connected.company, user=None)
    mapping = IntegrationTableMapping.objects.get(company=connected.company, name="SALESPEOPLE")
    assert (mapping.table, mapping.integration_table) == ("salesperson", "systemuser")
    assert mapping.direction == "from_integration_table"


def test_deleting_a_company_deletes_its_connection_and_couplings_alone(
    company: Company, connected: DataverseConnection
) -> None:
    other = Company.objects.create(name="Other", currency_code="EUR")
    DataverseConnection.objects.create(company=other)
    enabling_services.enable(company=company, user=None)
    kept: dict[str, Any] = {}
    for one in (company, other):
        mapping = IntegrationTableMapping.objects.filter(company=one).first() or IntegrationTableMapping.objects.create(
            company=one, name="CUSTOMER", table="customer", integration_table="account", entity_set="accounts"
        )
        kept[one.name] = Coupling.objects.create(
            company=one, mapping=mapping, table="customer", local_id=uuid4(), integration_id=uuid4()
        )
    company.delete()
    assert list(Coupling.objects.values_list("company__name", flat=True)) == ["Other"]
    assert list(DataverseConnection.objects.values_list("company__name", flat=True)) == ["Other"]


def test_the_solutions_version_or_its_absence_is_reported(connected: DataverseConnection) -> None:
    report = checks_services.test_connection(connection=state.connection_of(connected.company))
    told = next(check for check in report.checks if check.name == judges.SOLUTION_CHECK)
    found = judges.solution(["1.2.3.4"])
    assert (found.state, found.message) == ("ok", f"{SOLUTION} 1.2.3.4 is installed.")
    assert (told.state, told.message) == ("ok", f"{SOLUTION} {solution.VERSION} is installed.")
    missing = judges.solution([])
    assert (missing.state, missing.reason) == ("error", "configuration")
    assert "is not installed" in missing.message
