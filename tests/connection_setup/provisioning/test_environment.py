"""Testing, enabling and disabling against a real environment: the sandbox over HTTPS."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection as database
from django.db import transaction
from django.test import Client

from connection_setup import hooks
from connection_setup.checks import services as checks_services
from connection_setup.connection import clients, settings
from connection_setup.connection import state as services
from connection_setup.enabling import services as enabling_services
from connection_setup.models import DataverseConnection
from connection_setup.provisioning.company_objects import team_name, unit_name
from connection_setup.types import ROLE
from dataverse import http_session
from dataverse.errors import DataverseError
from masterdata.models import Company, Currency
from sandbox.testing import running
from tests.connection_setup.setup.test_page import PAGE, text_of


def values(sandbox: Any, **changed: Any) -> dict[str, Any]:
    return {
        "environment_url": sandbox.environment_url,
        "tenant_id": sandbox.tenant_id,
        "client_id": sandbox.client_id,
        "cloud": "commercial",
        "sandbox_ca_file": sandbox.ca_file,
        **changed,
    }


@pytest.fixture
def connected(company: Company, sandbox: Any) -> DataverseConnection:
    """Save the settings of the sandbox, not enabled."""
    company.currency_code = services_currency(sandbox)
    company.save()
    connection = services.connection_of(company)
    return settings.save_settings(
        connection=connection, values=values(sandbox), secret=sandbox.client_secret, user=None
    )


def services_currency(sandbox: Any) -> str:
    """Return the code of the sandbox's base currency."""
    (organization,) = sandbox.rows("organizations")
    base = organization["_basecurrencyid_value"]
    return next(
        row["isocurrencycode"] for row in sandbox.rows("transactioncurrencies") if row["transactioncurrencyid"] == base
    )


def by_name(report: Any) -> dict[str, Any]:
    return {check.name: check for check in report.checks}


def test_everything_is_right_in_a_ready_environment(connected: DataverseConnection) -> None:
    report = checks_services.test_connection(connection=connected)
    assert report.ok, report.document()
    assert [check.state for check in report.checks] == ["ok"] * 13, report.document()
    connected.refresh_from_db()
    assert len(connected.checks) == 13
    assert not connected.enabled


def test_enabling_makes_what_is_missing_once(connected: DataverseConnection, sandbox: Any) -> None:
    company = connected.company
    report = enabling_services.enable(company=company, user=None)
    assert report.ok
    connected.refresh_from_db()
    unit = unit_name(company.name, company.system_id)
    assert connected.enabled
    assert connected.business_unit_name == unit
    assert connected.organization_name
    assert connected.base_currency_code == company.currency_code
    (made,) = [row for row in sandbox.rows("businessunits") if row["name"] == unit]
    assert made["businessunitid"] == str(connected.business_unit_id)
    (team,) = [row for row in sandbox.rows("teams") if row["name"] == team_name(unit)]
    assert team["teamid"] == str(connected.owning_team_id)
    (row,) = [row for row in sandbox.rows("tandem_companies") if row["tandem_externalid"] == str(company.system_id)]
    assert row["tandem_companyid"] == str(connected.company_row_id)
    assert row["_tandem_defaultowningteam_value"] == team["teamid"]

    before = {name: len(sandbox.rows(name)) for name in ("businessunits", "teams", "tandem_companies")}
    enabling_services.disable(company=company, user=None)
    assert enabling_services.enable(company=company, user=None).ok
    assert enabling_services.enable(company=company, user=None).ok
    assert {name: len(sandbox.rows(name)) for name in before} == before
    again = DataverseConnection.objects.get()
    assert again.business_unit_id == connected.business_unit_id
    client = clients.client_for(company)
    assert clients.verify_organization(company, client) == connected.organization_id
    roles = client.first_page(f"teams({connected.owning_team_id})/teamroles_association", select=["name"]).rows
    assert ROLE in [role["name"] for role in roles]


def test_a_renamed_company_keeps_its_business_unit(connected: DataverseConnection, sandbox: Any) -> None:
    company = connected.company
    enabling_services.enable(company=company, user=None)
    unit = DataverseConnection.objects.get().business_unit_id
    enabling_services.disable(company=company, user=None)
    company.name = "Cronus Group"
    company.save()
    assert enabling_services.enable(company=company, user=None).ok
    assert DataverseConnection.objects.get().business_unit_id == unit
    rows = [row for row in sandbox.rows("tandem_companies") if row["tandem_externalid"] == str(company.system_id)]
    assert [row["tandem_name"] for row in rows] == ["Cronus Group"]


@pytest.mark.parametrize("failing", ["businessunits", "teams", "tandem_companies"])
def test_a_failure_half_way_enables_nothing_and_the_next_try_resumes(
    connected: DataverseConnection, sandbox: Any, failing: str
) -> None:
    fault = {"method": "POST", "path": failing, "after": 0, "times": 20, "fault": "503"}
    sandbox.control("POST", "faults", [fault])
    with pytest.raises(DataverseError):
        enabling_services.enable(company=connected.company, user=None)
    connected.refresh_from_db()
    assert not connected.enabled
    assert connected.organization_id is None
    sandbox.control("DELETE", "faults")
    assert enabling_services.enable(company=connected.company, user=None).ok
    for name, rows in (("businessunits", 1), ("tandem_companies", 1)):
        found = [row for row in sandbox.rows(name) if str(connected.company.system_id) in str(row)]
        assert len(found) == rows, name


def test_a_lost_reply_makes_nothing_twice(connected: DataverseConnection, sandbox: Any) -> None:
    for name in ("businessunits", "teams", "tandem_companies"):
        sandbox.control(
            "POST", "faults", [{"method": "POST", "path": name, "after": 0, "times": 1, "fault": "lost_reply"}]
        )
    assert enabling_services.enable(company=connected.company, user=None).ok
    unit = unit_name(connected.company.name, connected.company.system_id)
    assert len([row for row in sandbox.rows("businessunits") if row["name"] == unit]) == 1
    assert len([row for row in sandbox.rows("teams") if row["name"] == team_name(unit)]) == 1
    assert len(sandbox.rows("tandem_companies")) == 1


def test_an_error_of_a_hook_rolls_the_enabling_back(
    connected: DataverseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(company: Any, user: Any) -> None:
        raise RuntimeError("no mappings")

    monkeypatch.setattr(hooks, "_enabled", [broken])
    with pytest.raises(RuntimeError):
        enabling_services.enable(company=connected.company, user=None)
    connected.refresh_from_db()
    assert not connected.enabled


WRONG: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("secret", {"secret": "wrong~" + "x" * 34}, "Sign-in of the application", "Client Secret is not right", "value"),
    ("secret id", {"secret": str(uuid4())}, "Sign-in of the application", "the secret's ID, not its value", "create"),
    ("client id", {"client_id": str(uuid4())}, "Sign-in of the application", "does not know the Client ID", "Compare"),
    ("tenant", {"tenant_id": str(uuid4())}, "Sign-in of the application", "tenant", "Directory (tenant) ID"),
    ("url", {"environment_url": "https://127.0.0.1:9"}, "Address answers", "cannot be reached", "Environment URL"),
]


@pytest.mark.parametrize(("what", "change", "name", "cause", "fix"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_setting_is_reported_with_cause_and_fix(
    connected: DataverseConnection, sandbox: Any, what: str, change: dict[str, Any], name: str, cause: str, fix: str
) -> None:
    changed = dict(change)
    secret = changed.pop("secret", sandbox.client_secret)
    report = checks_services.test_settings(company=connected.company, values=values(sandbox, **changed), secret=secret)
    failed = report.failed
    assert failed is not None
    assert failed.name == name
    assert cause in failed.message
    assert fix in failed.fix
    refused = enabling_services.enable(
        company=connected.company, user=None, values=values(sandbox, **changed), secret=secret
    )
    assert refused.failed == failed or refused.failed is not None
    assert not services.connection_of(connected.company).enabled


def test_an_expired_secret_is_reported_and_a_new_one_works_at_once(
    connected: DataverseConnection, sandbox: Any
) -> None:
    secrets = [{"value": sandbox.client_secret, "expires": "2020-01-01T00:00:00Z"}]
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "secrets": secrets})
    failed = checks_services.test_connection(connection=connected).failed
    assert failed is not None
    assert "has expired" in failed.message
    assert "Create a new one" in failed.fix
    secrets.append({"value": "fresh~secret", "expires": "2099-01-01T00:00:00Z"})
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "secrets": secrets})
    settings.save_settings(connection=connected, values={}, secret="fresh~secret", user=None)
    assert checks_services.test_connection(connection=services.connection_of(connected.company)).ok


@pytest.mark.parametrize(
    ("state", "name", "cause", "fix"),
    [
        ({"admin_mode": True}, "Administration mode", "in administration mode", "Turn administration mode off"),
        ({"disabled": True}, "Organization", "is disabled", "enable it"),
    ],
)
def test_an_environment_that_lets_nobody_in_says_so(
    connected: DataverseConnection, sandbox: Any, state: dict[str, Any], name: str, cause: str, fix: str
) -> None:
    sandbox.control("PUT", "environment", state)
    failed = checks_services.test_connection(connection=connected).failed
    assert failed is not None
    assert failed.name == name
    assert cause in failed.message
    assert fix in failed.fix


def test_an_environment_without_application_user_says_what_to_add(company: Company) -> None:
    with running(empty=True) as sandbox:
        report = checks_services.test_settings(company=company, values=values(sandbox), secret=sandbox.client_secret)
        assert report.failed is not None
        assert report.failed.name == "Integration user and role"
        assert "no application user for the Client ID" in report.failed.message
        assert "Add one in the Power Platform admin center" in report.failed.fix
        refused = enabling_services.enable(
            company=company, user=None, values=values(sandbox), secret=sandbox.client_secret
        ).failed
        assert refused == report.failed
        assert sandbox.requests()["writes"] == 0
    assert not DataverseConnection.objects.filter(enabled=True).exists()


def test_enabling_at_once_from_settings_replaces_those_of_an_enabled_connection(
    connected: DataverseConnection, sandbox: Any
) -> None:
    company = connected.company
    enabling_services.enable(company=company, user=None)
    wrong = enabling_services.enable(company=company, user=None, values=values(sandbox), secret="wrong~secret")
    assert wrong.failed is not None
    assert clients.client_for(company).organization().name
    assert enabling_services.enable(company=company, user=None, values=values(sandbox), secret=sandbox.client_secret).ok
    assert DataverseConnection.objects.get().enabled


def test_another_base_currency_is_refused_until_it_has_a_rate(connected: DataverseConnection, sandbox: Any) -> None:
    company = connected.company
    base = company.currency_code
    company.currency_code = "DKK"
    company.save()
    failed = checks_services.test_connection(connection=services.connection_of(company)).failed
    assert failed is not None
    assert failed.name == "Currency"
    assert base in failed.fix
    Currency.objects.create(company=company, code=base, exchange_rate=7)
    assert checks_services.test_connection(connection=services.connection_of(company)).ok


def test_two_companies_on_one_organization_need_the_same_currency(connected: DataverseConnection, sandbox: Any) -> None:
    enabling_services.enable(company=connected.company, user=None)
    other = Company.objects.create(name="Fabrikam", currency_code="DKK")
    Currency.objects.create(company=other, code=connected.company.currency_code, exchange_rate=7)
    report = checks_services.test_settings(company=other, values=values(sandbox), secret=sandbox.client_secret)
    assert report.failed is not None
    assert "another company, connected to the same organization, has USD" in report.failed.message


def test_another_organization_behind_the_address_stops_before_the_first_write(
    connected: DataverseConnection, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = connected.company
    enabling_services.enable(company=company, user=None)
    sandbox.control("PUT", "environment", {"organization_id": str(uuid4())})
    with pytest.raises(services.NotConnected) as stopped:
        clients.verify_organization(company, clients.client_for(company))
    assert stopped.value.reason == "wrong_environment"
    assert "nothing was written" in stopped.value.message
    assert "Environment URL" in stopped.value.fix
    assert "answers as organization" in stopped.value.detail
    failed = checks_services.test_connection(connection=services.connection_of(company)).failed
    assert failed is not None
    assert failed.name == "Organization"
    enabling_services.disable(company=company, user=None)
    monkeypatch.setattr(hooks.COUPLING_COUNT, "provided", lambda company: 7)
    refused = enabling_services.enable(company=company, user=None).failed
    assert refused is not None
    assert "7 couplings belong to" in refused.message
    monkeypatch.setattr(hooks.COUPLING_COUNT, "provided", None)
    assert enabling_services.enable(company=company, user=None).ok


def test_without_the_connection_there_is_no_client(connected: DataverseConnection) -> None:
    with pytest.raises(services.NotConnected) as refused:
        clients.client_for(connected.company)
    assert refused.value.reason == "not_enabled"
    off = services.unavailable_reason(connected.company)
    assert off is not None
    assert (off.reason, off.message) == ("not_enabled", "The connection to Dataverse is not enabled.")
    assert "An administrator enables it" in off.fix
    assert services.unavailable_text(connected.company) == off.user_message
    enabling_services.enable(company=connected.company, user=None)
    assert services.unavailable_reason(connected.company) is None
    assert services.unavailable_text(connected.company) == ""
    assert clients.client_for(connected.company).organization().name


def test_the_page_tests_enables_and_disables(admin: Client, connected: DataverseConnection) -> None:
    page = text_of(admin.post(f"{PAGE}test/", follow=True).content.decode())
    assert "The connection test was successful. All checks are OK." in page
    page = text_of(admin.post(f"{PAGE}toggle/", {"enabled": "on"}, follow=True).content.decode())
    assert "Your consent is asked for, once." in page
    page = text_of(admin.post(f"{PAGE}enabling/", {"consent": "on"}, follow=True).content.decode())
    assert "The connection is enabled." in page
    assert "Connected" in page
    assert admin.post(f"{PAGE}enable/", follow=True).status_code == 200
    admin.post(f"{PAGE}disable/")
    connected.refresh_from_db()
    assert not connected.enabled


@pytest.fixture
def no_transaction_while_sending() -> Iterator[list[str]]:
    sent: list[str] = []

    def check(method: str, url: str) -> None:
        sent.append(method)
        assert not database.in_atomic_block, f"{method} {url} inside a database transaction"

    http_session.before_send.append(check)
    yield sent
    http_session.before_send.remove(check)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_inside_a_transaction(
    transactional_db: None, sandbox: Any, no_transaction_while_sending: list[str]
) -> None:
    company = Company.objects.create(name="CRONUS International", currency_code=services_currency(sandbox))
    enabling_services.enable(company=company, user=None, values=values(sandbox), secret=sandbox.client_secret)
    checks_services.test_connection(connection=services.connection_of(company))
    enabling_services.disable(company=company, user=None)
    assert no_transaction_while_sending
    with transaction.atomic(), pytest.raises(AssertionError):
        checks_services.test_connection(connection=services.connection_of(company))
