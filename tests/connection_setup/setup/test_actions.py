"""The menus of Dataverse Connection Setup, and the actions and lists behind them."""

import re
from typing import Any

import pytest
from django.test import Client

from connection_setup.connection import settings, state
from connection_setup.enabling import services as enabling_services
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import deployed, preparation, solution
from connection_setup.provisioning import sign_in as administrator_sign_in
from connection_setup.setup import menus
from connection_setup.types import ROLE, SOLUTION
from core.roles import Role
from coupling.models import IntegrationTableMapping
from jobs.models import Job
from jobs.running.waiting import run_to_end
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import fields, signed_in
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.setup.test_page import PAGE, text_of
from tests.sandbox.browsing import sign_in
from tests.ui.pages import check

ALWAYS = {
    "Connection": ["Assisted Setup", "Test Connection", "Enable", "Use Certificate Authentication",
                   "Prepare the Environment"],
    "Integration": ["Integration Table Mappings", "Redeploy Integration Solution", "Integration Solutions",
                    "Integration User Roles", "Owning Team Roles", "Dataverse Integration User",
                    "Dataverse Owning Team"],
    "Encryption": ["Encryption Management"],
    "Synchronization": ["Run Full Synchronization", "Synchronize Modified Records",
                        "Use Default Synchronization Setup", "Skipped Synch. Records", "Synch. Job Queue Entries"],
}  # fmt: skip


@pytest.fixture
def connected(company: Company, sandbox: Sandbox) -> DataverseConnection:
    company.currency_code = services_currency(sandbox)
    company.save()
    return settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )


@pytest.fixture
def enabled(connected: DataverseConnection) -> DataverseConnection:
    assert enabling_services.enable(company=connected.company, user=None).ok
    return state.connection_of(connected.company)


def shown(client: Client, url: str = PAGE) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    check(answer)
    return text_of(answer.content.decode())


def made(rf: Any, role: Role, connection: DataverseConnection) -> dict[str, dict[str, str]]:
    """Menu -> action -> why it is off."""
    client = signed_in(role)
    request = rf.get(PAGE)
    request.user = client.get(PAGE).wsgi_request.user
    found: dict[str, dict[str, str]] = {}
    for menu in menus.build_menus(request, connection, editable=False):
        if hasattr(menu, "items"):
            found[menu.label] = {one.label: one.off for one in menu.items}
    return found


def test_every_action_is_listed_and_says_why_it_is_off(rf: Any, connection: DataverseConnection) -> None:
    found = made(rf, Role.ADMINISTRATOR, connection)
    assert list(found) == list(ALWAYS)
    for menu, labels in ALWAYS.items():
        kept = [label for label in found[menu] if label in labels]
        assert kept == labels, menu
    every = {label: off for menu in found.values() for label, off in menu.items()}
    usable = {
        "Assisted Setup", "Test Connection", "Enable", "Prepare the Environment", "Redeploy Integration Solution",
        "Encryption Management", "Synch. Job Queue Entries",
    }  # fmt: skip
    assert {label for label in every if not every[label]} >= usable
    assert all(every[label] == "Enable the connection first." for label in {
        "Integration Solutions", "Integration User Roles", "Owning Team Roles", "Run Full Synchronization",
        "Synchronize Modified Records", "Use Default Synchronization Setup", "Skipped Synch. Records",
        "Dataverse Integration User", "Dataverse Owning Team", "Integration Table Mappings",
    })  # fmt: skip


def test_actions_that_change_the_environment_are_off_while_enabled(rf: Any, enabled: DataverseConnection) -> None:
    found = made(rf, Role.ADMINISTRATOR, enabled)
    every = {label: off for menu in found.values() for label, off in menu.items()}
    assert every["Redeploy Integration Solution"] == every["Prepare the Environment"] == "Turn Enabled off first."
    assert every["Assisted Setup"] == "The connection is enabled already."
    assert not every["Integration Solutions"]
    assert not every["Dataverse Integration User"]
    viewer = made(rf, Role.VIEWER, enabled)
    every = {label: off for menu in viewer.values() for label, off in menu.items()}
    assert every["Test Connection"] == "Only an Administrator may do this."
    assert every["Synchronize Modified Records"] == "Only an Operator may do this."
    assert every["Use Default Synchronization Setup"] == "Only a Mapper may do this."
    assert not every["Integration User Roles"]


def test_links_open_the_row_in_dataverse(connection: DataverseConnection) -> None:
    connection.environment_url = "https://contoso.crm4.dynamics.com"
    key = connection.company.system_id
    assert menus.row_url(connection, "systemuser", "systemusers", key) == (
        f"https://contoso.crm4.dynamics.com/main.aspx?pagetype=entityrecord&etn=systemuser&id={key}"
    )


def test_in_a_sandbox_links_open_a_page_that_is_there(enabled: DataverseConnection, sandbox: Sandbox) -> None:
    from tests.sandbox.conftest import plain_session

    for table, entity_set in (("systemuser", "systemusers"), ("team", "teams")):
        url = menus.row_url(enabled, table, entity_set, enabled.owning_team_id)
        answer = plain_session(sandbox).get(url, headers={"Accept": "text/html"}, timeout=30)
        assert answer.status_code == 200
        assert "text/html" in answer.headers["Content-Type"]


def test_assisted_setup_continues_with_what_was_typed(admin: Client, company: Company) -> None:
    answer = admin.post(f"{PAGE}assist/", fields())
    assert answer["Location"] == f"/c/{company.slug}/assisted-setup/dataverse/"
    assert state.connection_of(company).environment_url == "https://contoso.crm4.dynamics.com"
    wrong = admin.post(f"{PAGE}assist/", fields(environment_url="TEST"))
    assert "is not the address of a Dataverse environment" in text_of(wrong.content.decode())


# -- lists ---------------------------------------------------------------------------------------------------------


def test_integration_solutions_lists_what_is_installed_and_what_is_not(
    admin: Client, enabled: DataverseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shown(admin, f"{PAGE}integration-solutions/")
    assert SOLUTION in page
    assert solution.VERSION in page
    monkeypatch.setattr(deployed, "SOLUTION", "ContosoAddOn")
    page = shown(admin, f"{PAGE}integration-solutions/")
    assert "The solution ContosoAddOn is not installed. Turn Enabled off and choose Redeploy" in page
    assert "Not installed" in page


def test_integration_user_roles_lists_roles_and_one_that_is_missing(
    admin: Client, enabled: DataverseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shown(admin, f"{PAGE}integration-user-roles/")
    assert f"{ROLE} Yes Yes" in page
    monkeypatch.setattr(deployed, "ROLE", "Contoso Approver")
    page = shown(admin, f"{PAGE}integration-user-roles/")
    assert "The role Contoso Approver is not assigned to" in page
    assert "Contoso Approver No Yes" in page
    assert f"{ROLE} Yes" in page


def test_owning_team_roles_lists_roles_and_one_that_is_missing(
    admin: Client, enabled: DataverseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shown(admin, f"{PAGE}owning-team-roles/")
    assert check(admin.get(f"{PAGE}owning-team-roles/")).h1 == "Owning Team Roles"
    assert f"{ROLE} Yes Yes" in page
    monkeypatch.setattr(deployed, "ROLE", "Contoso Approver")
    assert "is not assigned to the team Tandem - " in shown(admin, f"{PAGE}owning-team-roles/")


def test_a_removed_user_or_team_is_reported(admin: Client, enabled: DataverseConnection) -> None:
    gone = enabled.company.system_id
    DataverseConnection.objects.update(integration_user_id=gone, owning_team_id=gone)
    page = shown(admin, f"{PAGE}integration-user-roles/")
    assert "The integration user of this connection does not exist in Dataverse." in page
    assert "The owning team of this connection does not exist in Dataverse." in shown(
        admin, f"{PAGE}owning-team-roles/"
    )


@pytest.mark.parametrize("name", ["integration-solutions", "integration-user-roles", "owning-team-roles"])
def test_a_list_says_why_it_cannot_be_read(admin: Client, connection: DataverseConnection, name: str) -> None:
    assert "The connection to Dataverse is not enabled." in shown(admin, f"{PAGE}{name}/")
    DataverseConnection.objects.update(enabled=True)
    page = shown(admin, f"{PAGE}{name}/")
    assert "cannot be read." in page


# -- actions of the rooms above --------------------------------------------------------------------------------------


def test_use_default_synchronization_setup_asks_first_and_resets_changes(
    admin: Client, enabled: DataverseConnection
) -> None:
    mapping = IntegrationTableMapping.objects.get(company=enabled.company, name="CUSTOMER")
    IntegrationTableMapping.objects.filter(pk=mapping.pk).update(create_new=not mapping.create_new, every_minutes=7)
    url = f"{PAGE}default-setup/"
    asked = admin.get(url).content.decode()
    assert "What was changed there is lost." in text_of(asked)
    assert "CUSTOMER: 1 setting of the schedule (Synchronize every (minutes)); 1 setting (Create New if" in text_of(
        asked
    )
    assert re.search(r'class="button primary"\s+href', asked), "No is the default answer"
    assert IntegrationTableMapping.objects.get(pk=mapping.pk).every_minutes == 7
    done = text_of(admin.post(url, follow=True).content.decode())
    assert "mappings have their default settings" in done
    now = IntegrationTableMapping.objects.get(pk=mapping.pk)
    assert (now.create_new, now.every_minutes) == (mapping.create_new, mapping.every_minutes)


def test_synchronize_modified_records_asks_first_and_queues_a_job_per_mapping_in_order(
    admin: Client, enabled: DataverseConnection
) -> None:
    url = f"{PAGE}synchronize-modified/"
    assert "A job per mapping is queued" in text_of(admin.get(url).content.decode())
    assert not Job.objects.exists(), "no job before the answer"
    done = text_of(admin.post(url, follow=True).content.decode())
    names = list(Job.objects.order_by("pk").values_list("mapping_name", flat=True))
    assert f"{len(names)} jobs are queued, one per mapping." in done
    mappings = IntegrationTableMapping.objects.filter(company=enabled.company)
    assert sorted(names) == sorted(one.name for one in mappings)
    assert names.index("CURRENCY") < names.index("CUSTOMER")


@pytest.mark.parametrize("name", ["default-setup", "synchronize-modified"])
def test_while_not_enabled_they_do_nothing_and_say_so(
    admin: Client, connection: DataverseConnection, name: str
) -> None:
    for answer in (admin.get(f"{PAGE}{name}/", follow=True), admin.post(f"{PAGE}{name}/", follow=True)):
        assert "The connection to Dataverse is not enabled." in text_of(answer.content.decode())
    assert not Job.objects.exists()


# -- redeploying -----------------------------------------------------------------------------------------------------


def test_the_solution_is_redeployed_by_an_administrator_and_an_older_one_renewed(
    admin: Client, connected: DataverseConnection, sandbox: Sandbox
) -> None:
    (row,) = [one for one in sandbox.rows("solutions") if one["uniquename"] == SOLUTION]
    sandbox.load({"solutions": [{"solutionid": row["solutionid"], "uniquename": SOLUTION, "version": "0.9.0.0",
                                 "friendlyname": row["friendlyname"]}]})  # fmt: skip
    here = f"{PAGE}administrator/"
    page = text_of(admin.get(f"{here}?purpose=redeploy").content.decode())
    assert "I accept" in page
    begun = admin.post(f"{here}sign-in/", {"purpose": preparation.REDEPLOY, "consent": "on"})
    back = sign_in(sandbox, begun["Location"], sandbox.admin_user, sandbox.admin_password)
    page = text_of(admin.get("/connection/signed-in", back, follow=True).content.decode())
    assert "Redeploy the solution" in page
    job = admin.post(f"{here}step/")["Location"]
    assert "Prepare the environment" in text_of(admin.get(job).content.decode())
    run_to_end(Job.objects.get())
    done = text_of(admin.get(job).content.decode())
    assert "The integration solution is deployed" in done
    assert not state.connection_of(connected.company).enabled, "redeploying enables nothing"
    assert administrator_sign_in.current(connected.company, str(admin.session.session_key)) is None
    (row,) = [one for one in sandbox.rows("solutions") if one["uniquename"] == SOLUTION]
    assert row["version"] == solution.VERSION


def test_while_enabled_nothing_is_redeployed(admin: Client, enabled: DataverseConnection) -> None:
    asked = {"purpose": preparation.REDEPLOY, "consent": "on"}
    answer = admin.post(f"{PAGE}administrator/sign-in/", asked, follow=True)
    assert answer.status_code == 200
    assert "The connection is enabled." in text_of(answer.content.decode())


@pytest.mark.parametrize(
    ("version", "older"),
    [("1.0.0.0", False), ("0.9", True), ("1.0.0.1", False), ("", True), ("one", True), ("10.0", False)],
)
def test_older_and_unreadable_versions_count_as_older(version: str, older: bool) -> None:
    assert solution.is_older(version) is older
