"""Test Connection names missing privileges per table and tables without change tracking, in few requests."""

from typing import Any

import pytest
from django.test import Client

from connection_setup.checks import batch, judges, privileges
from connection_setup.checks import services as checks_services
from connection_setup.connection import clients, settings, state
from connection_setup.enabling import services as enabling_services
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import role as solution
from connection_setup.types import ROLE, SOLUTION
from coupling.models import IntegrationTableMapping
from dataverse import odata
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.provisioning.test_environment import by_name, services_currency, values
from tests.connection_setup.setup.test_page import PAGE, text_of
from tests.sandbox.conftest import Api, api_of


@pytest.fixture
def connected(company: Company, sandbox: Sandbox) -> DataverseConnection:
    company.currency_code = services_currency(sandbox)
    company.save()
    return settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )


def role_ids(sandbox: Sandbox) -> list[str]:
    return [row["roleid"] for row in sandbox.rows("roles") if row["name"] == ROLE]


def administer(sandbox: Sandbox) -> Api:
    """Return the Web API as the administrator uses it."""
    return api_of(
        sandbox, grant_type="password", username=sandbox.admin_user, password=sandbox.admin_password,
        scope=f"{sandbox.environment_url}/user_impersonation",
    )  # fmt: skip


def definition(table: str, *rights: str, tracked: bool = True, basic: bool = True) -> dict[str, Any]:
    return {
        "LogicalName": table,
        "ChangeTrackingEnabled": tracked,
        "Privileges": [
            {"Name": f"prv{right}{table.title()}", "PrivilegeId": f"{table} {right}", "PrivilegeType": right,
             "CanBeBasic": basic}
            for right in rights
        ],
    }  # fmt: skip


def test_every_missing_privilege_is_named_with_its_table() -> None:
    account = definition("account", *solution.ALL_RIGHTS)
    held = {f"account {right}": "Global" for right in solution.ALL_RIGHTS}
    assert privileges.privilege_checks("T", [account], held, ["account"]) == []
    for right in solution.ALL_RIGHTS:
        less = {key: depth for key, depth in held.items() if key != f"account {right}"}
        (check,) = privileges.privilege_checks("T", [account], less, ["account"])
        assert check.name == "T: account"
        assert f"prv{right}Account is missing for the table account." in check.message
        assert check.state == ("error" if right == "Read" else "warning")
        assert "Redeploy Integration Solution" in check.fix
    (check,) = privileges.privilege_checks("T", [account], {}, [])
    assert "prvCreateAccount, prvReadAccount, prvWriteAccount" in check.message
    assert check.state == "warning", "no mapping is about it"


def test_a_privilege_that_does_not_reach_all_rows_is_missing() -> None:
    held = {f"contact {right}": "Global" for right in solution.ALL_RIGHTS} | {"contact Write": "Local"}
    (check,) = privileges.privilege_checks("T", [definition("contact", *solution.ALL_RIGHTS)], held, ["contact"])
    assert "prvWriteContact (reaches Local only) is missing" in check.message
    table = definition("transactioncurrency", *solution.WRITE_RIGHTS, basic=False)
    of_organization = {f"transactioncurrency {right}": "Deep" for right in solution.WRITE_RIGHTS}
    assert privileges.privilege_checks("T", [table], of_organization, []) == []


def test_tables_without_change_tracking_are_named() -> None:
    definitions = [definition("account", tracked=False), definition("contact"), definition("product", tracked=False)]
    check = privileges.tracking_check("T", definitions, ["account", "contact"])
    assert check.state == "warning"
    assert "off for account, so" in check.message
    assert "Track changes" in check.fix
    assert privileges.tracking_check("T", definitions, ["contact", "unknown"]).state == "ok"


def test_a_test_asks_in_three_requests_and_signs_in(connected: DataverseConnection, sandbox: Sandbox) -> None:
    checks_services.test_connection(connection=connected)
    sandbox.control("DELETE", "requests")
    report = checks_services.test_connection(connection=connected)
    assert report.ok
    asked = sandbox.requests()["by"]
    outer = {name: count for name, count in asked.items() if name in {"GET WhoAmI", "POST $batch"}}
    assert outer == {"GET WhoAmI": 2, "POST $batch": 1}, asked  # one WhoAmI is the question without a sign-in


def test_a_check_asked_alone_is_judged_as_among_all(connected: DataverseConnection, sandbox: Sandbox) -> None:
    assert enabling_services.enable(company=connected.company, user=None).ok
    now = state.connection_of(connected.company)
    client, expected = clients.stored_client(now), checks_services.expectations(now)
    who = client.who_am_i()
    everything = batch.ask(client, who, expected)
    for name, judge in judges.JUDGES.items():
        alone = batch.ask(client, who, expected, only=judges.parts_of(name))
        assert set(alone.parts) < set(everything.parts), name
        assert judge.judge(alone, expected) == judge.judge(everything, expected), name


def test_missing_privileges_are_reported_by_table_and_name(
    admin: Client,
    connected: DataverseConnection,
    sandbox: Sandbox,
) -> None:
    client = clients.stored_client(connected)
    user = client.who_am_i().user_id
    api = administer(sandbox)
    weak = api.create("roles", name="Weak", **odata.bind("businessunitid", "businessunits", root_of(sandbox)))
    ids = {row["name"]: row["privilegeid"] for row in sandbox.rows("privileges")}
    wanted = [name for name in ids if name not in {"prvCreateAccount", "prvWriteContact", "prvReadContact"}]
    body = {
        "Privileges": [
            {"Depth": "Global", "PrivilegeId": ids[name], "BusinessUnitId": root_of(sandbox)} for name in wanted
        ]
    }
    answer = api.send("POST", f"roles({weak})/Microsoft.Dynamics.CRM.AddPrivilegesRole", json=body)
    assert answer.status_code == 204, answer.text
    link = {"@odata.id": f"{sandbox.environment_url}/api/data/v9.2/roles({weak})"}
    answer = api.send("POST", f"systemusers({user})/systemuserroles_association/$ref", json=link)
    assert answer.status_code == 204, answer.text
    for role in role_ids(sandbox):
        sandbox_role = api.send("DELETE", f"systemusers({user})/systemuserroles_association({role})/$ref")
        assert sandbox_role.status_code in (204, 404)
    found = by_name(checks_services.test_connection(connection=connected))
    assert found["Tables and privileges: account"].state == "warning"
    assert "prvCreateAccount is missing for the table account." in found["Tables and privileges: account"].message
    contact = found["Tables and privileges: contact"]
    assert contact.state == "error"
    assert "prvReadContact, prvWriteContact are missing for the table contact." in contact.message
    page = admin.get(PAGE).content.decode()
    assert "prvReadContact, prvWriteContact are missing" in text_of(page)
    assert "Prepare the environment" in page, "the way to fix it is one step away"
    assert found[judges.USER].state == "warning"
    assert "Weak" in found[judges.USER].message


def root_of(sandbox: Sandbox) -> str:
    return str(next(row["businessunitid"] for row in sandbox.rows("businessunits") if not parent(row)))


def parent(row: dict[str, Any]) -> Any:
    return row.get("_parentbusinessunitid_value")


def test_the_tables_of_mappings_are_checked(connected: DataverseConnection, sandbox: Sandbox) -> None:
    assert enabling_services.enable(company=connected.company, user=None).ok
    IntegrationTableMapping.objects.filter(company=connected.company, name="CUSTOMER").update(
        integration_table="opportunity"
    )
    wanted = checks_services.expectations(state.connection_of(connected.company))
    assert "opportunity" in wanted.tables
    assert "systemuser" in wanted.tables


def test_an_older_solution_is_reported(connected: DataverseConnection, sandbox: Sandbox) -> None:
    (row,) = [one for one in sandbox.rows("solutions") if one["uniquename"] == SOLUTION]
    sandbox.load({"solutions": [{"solutionid": row["solutionid"], "uniquename": SOLUTION, "version": "0.9.0.0"}]})
    found = by_name(checks_services.test_connection(connection=connected))[judges.SOLUTION_CHECK]
    assert found.state == "warning"
    assert "0.9.0.0 is installed, which is older than" in found.message
    assert "Redeploy" in found.fix


def test_a_team_without_its_role_is_reported_once_enabled(connected: DataverseConnection, sandbox: Sandbox) -> None:
    assert enabling_services.enable(company=connected.company, user=None).ok
    now = state.connection_of(connected.company)
    api = administer(sandbox)
    for role in role_ids(sandbox):
        api.send("DELETE", f"teams({now.owning_team_id})/teamroles_association({role})/$ref")
    found = by_name(checks_services.test_connection(connection=now))[judges.TEAM]
    assert found.state == "error"
    assert "lacks the role" in found.message
    enabling_services.disable(company=connected.company, user=None)
    assert enabling_services.enable(company=connected.company, user=None).ok
    assert by_name(checks_services.test_connection(connection=state.connection_of(connected.company)))[
        judges.TEAM
    ].state == ("ok")


@pytest.mark.parametrize("path", ["solutions", "transactioncurrencies", "organizations", "systemusers"])
def test_a_refused_part_leaves_the_other_checks(
    connected: DataverseConnection,
    sandbox: Sandbox,
    path: str,
) -> None:
    sandbox.control("POST", "faults", [{"method": "GET", "path": path, "times": 100, "fault": "500"}])
    report = checks_services.test_connection(connection=connected)
    assert report.failed is not None
    names = [one.name for one in report.checks]
    assert judges.VERSION in names
    assert judges.CHANGES in names
