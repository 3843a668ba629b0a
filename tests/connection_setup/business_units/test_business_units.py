"""Dataverse Business Units: choosing the Coupled Business Unit, and how enabling uses the choice."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from connection_setup.business_units import page as units_page
from connection_setup.business_units import services as units
from connection_setup.connection import clients, settings, state
from connection_setup.enabling import services as enabling_services
from connection_setup.models import DataverseConnection, OwnershipModel
from connection_setup.provisioning.company_objects import team_name, unit_name
from connection_setup.types import ROLE
from core.refusals import Refusal
from dataverse import odata
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import administrator_of, fields, signed_in
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.setup.test_page import PAGE, text_of
from tests.ui.pages import check

HERE = f"{PAGE}business-units/"


@pytest.fixture
def connected(company: Company, sandbox: Sandbox) -> DataverseConnection:
    company.currency_code = services_currency(sandbox)
    company.save()
    return settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )


def make_unit(connection: DataverseConnection, name: str, parent: UUID | None = None) -> UUID:
    client = clients.stored_client(connection)
    root = next(
        row["businessunitid"]
        for row in client.first_page(
            "businessunits", select=["businessunitid"], filter=f"{odata.lookup('parentbusinessunitid')} eq null"
        ).rows
    )
    return client.create(
        "businessunits", {"name": name, **odata.bind("parentbusinessunitid", "businessunits", parent or root)}
    )


def close(sandbox: Sandbox, unit: UUID) -> None:
    """Disable a business unit, which its own page in Dataverse does, not the Web API."""
    (row,) = [one for one in sandbox.rows("businessunits") if one["businessunitid"] == str(unit)]
    kept = {name: row[name] for name in ("businessunitid", "name")}
    parent = odata.bind("parentbusinessunitid", "businessunits", row["_parentbusinessunitid_value"])
    sandbox.load({"businessunits": [{**kept, **parent, "isdisabled": True}]})


def shown(client: Client, url: str = HERE) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    check(answer)
    return text_of(answer.content.decode())


def test_enabled_units_below_the_root_are_listed_with_parent_and_a_new_default(
    admin: Client, connected: DataverseConnection, sandbox: Sandbox
) -> None:
    sales = make_unit(connected, "Sales")
    make_unit(connected, "Sales North", sales)
    closed = make_unit(connected, "Closed")
    close(sandbox, closed)
    page = shown(admin)
    own = unit_name(connected.company.name, connected.company.system_id)
    assert f"<New> {own}" in page.replace("&lt;", "<").replace("&gt;", ">")
    assert "Sales North Sales" in page
    assert "Closed" not in page
    assert "Current" in page  # the default is what the connection names


def test_enabling_uses_the_chosen_unit(admin: Client, connected: DataverseConnection, sandbox: Sandbox) -> None:
    sales = make_unit(connected, "Sales")
    said = admin.post(f"{HERE}choose/", {"unit": str(sales)}, follow=True)
    assert "Sales is the Coupled Business Unit." in text_of(said.content.decode())
    assert "Sales" in text_of(admin.get(PAGE).content.decode())
    assert enabling_services.enable(company=connected.company, user=None).ok
    enabled = state.connection_of(connected.company)
    assert (enabled.business_unit_id, enabled.business_unit_name) == (sales, "Sales")
    (team,) = [row for row in sandbox.rows("teams") if row["name"] == team_name("Sales")]
    assert (team["teamid"], team["_businessunitid_value"]) == (str(enabled.owning_team_id), str(sales))
    client = clients.client_for(connected.company)
    roles = client.first_page(f"teams({team['teamid']})/teamroles_association", select=["name"]).rows
    assert [role["name"] for role in roles] == [ROLE]
    (row,) = sandbox.rows("tandem_companies")
    assert row["_tandem_defaultowningteam_value"] == team["teamid"]
    own = unit_name(connected.company.name, connected.company.system_id)
    assert own not in [one["name"] for one in sandbox.rows("businessunits")], "none is made that nobody asked for"


def test_a_later_choice_moves_the_companys_row_to_the_units_team(
    admin: Client, connected: DataverseConnection, sandbox: Sandbox
) -> None:
    company = connected.company
    assert enabling_services.enable(company=company, user=None).ok
    enabling_services.disable(company=company, user=None)
    service = make_unit(connected, "Service")
    admin.post(f"{HERE}choose/", {"unit": str(service)})
    for _ in range(2):
        assert enabling_services.enable(company=company, user=None).ok
    now = state.connection_of(company)
    (row,) = sandbox.rows("tandem_companies")
    assert row["_tandem_defaultowningteam_value"] == str(now.owning_team_id)
    assert [one["_businessunitid_value"] for one in sandbox.rows("teams") if one["name"] == team_name("Service")] == [
        str(service)
    ]
    enabling_services.disable(company=company, user=None)
    own = next(one for one in units.list_units(state.connection_of(company)) if one.is_default)
    assert own.id is not None, "the default is there by now"
    admin.post(f"{HERE}choose/", {"unit": str(own.id)})
    assert enabling_services.enable(company=company, user=None).ok
    assert state.connection_of(company).business_unit_id == own.id


def test_a_unit_of_another_company_is_chosen_only_after_a_question(
    admin: Client, connected: DataverseConnection
) -> None:
    sales = make_unit(connected, "Sales")
    other = Company.objects.create(name="Fabrikam", currency_code="EUR")
    DataverseConnection.objects.create(company=other, business_unit_id=sales, business_unit_name="Sales")
    assert "Coupled with Fabrikam" in shown(admin)
    theirs = administrator_of(connected.company)
    assert "Coupled with another company" in shown(theirs)
    assert "Fabrikam" not in shown(theirs) + theirs.post(f"{HERE}choose/", {"unit": str(sales)}).content.decode()
    asked = admin.post(f"{HERE}choose/", {"unit": str(sales)})
    text = text_of(asked.content.decode())
    assert "which can cause synchronization errors. Continue?" in text
    assert state.connection_of(connected.company).business_unit_id is None
    admin.post(f"{HERE}choose/", {"unit": str(sales), "sure": "yes"})
    assert state.connection_of(connected.company).business_unit_id == sales


def test_unreadable_units_are_reported_and_the_choice_stays(
    admin: Client, connected: DataverseConnection, sandbox: Sandbox
) -> None:
    sales = make_unit(connected, "Sales")
    admin.post(f"{HERE}choose/", {"unit": str(sales)})
    sandbox.control("PUT", "environment", {"admin_mode": True})
    page = shown(admin)
    assert "The business units cannot be read." in page
    assert "The Coupled Business Unit is still Sales." in page
    refused = admin.post(f"{HERE}choose/", {"unit": "new"}, follow=True)
    assert "Nothing was chosen." in text_of(refused.content.decode())
    assert state.connection_of(connected.company).business_unit_id == sales


def test_missing_settings_are_named(admin: Client, company: Company) -> None:
    assert "Environment URL, Tenant ID, Client ID and Client Secret are not filled in." in shown(admin)


@pytest.mark.parametrize(
    ("gone", "says"),
    [(False, "The business unit Sales is disabled in Dataverse."), (True, "Sales no longer exists in Dataverse")],
)
def test_a_chosen_unit_that_was_removed_stops_enabling_and_says_what_to_do(
    connected: DataverseConnection, sandbox: Sandbox, gone: bool, says: str
) -> None:
    sales = make_unit(connected, "Sales")
    unit = next(one for one in units.list_units(connected) if one.id == sales)
    units.choose_unit(connection=connected, unit=unit, user=None)
    if gone:
        DataverseConnection.objects.update(business_unit_id=uuid4())
    else:
        close(sandbox, sales)
    with pytest.raises(Exception, match=says) as refused:
        enabling_services.enable(company=connected.company, user=None)
    assert "Coupled Business Unit" in str(refused.value)
    assert not state.connection_of(connected.company).enabled


def test_ownership_by_person_advises_against_other_units_than_the_default(
    admin: Client, connected: DataverseConnection
) -> None:
    settings.save_settings(
        connection=connected, values={"ownership_model": OwnershipModel.PERSON}, secret=None, user=None
    )
    sales = make_unit(connected, "Sales")
    assert "only the default business unit is recommended" in shown(admin)
    said = admin.post(f"{HERE}choose/", {"unit": str(sales)}, follow=True)
    assert "only the default business unit is recommended" in text_of(said.content.decode())


def test_a_long_list_of_units_can_be_searched(admin: Client, connected: DataverseConnection) -> None:
    parent = make_unit(connected, "Region West")
    for number in range(units_page.SEARCH_FROM + 3):
        make_unit(connected, f"Branch {number:02}", parent)
    page = shown(admin)
    assert "Name or parent" in page
    page = shown(admin, f"{HERE}?q=branch+07")
    assert "Branch 07" in page
    assert "Branch 08" not in page
    assert "Region West" in shown(admin, f"{HERE}?q=region")
    assert "No business unit has that in its name." in shown(admin, f"{HERE}?q=nowhere")


def test_look_up_saves_first_and_another_address_resets_the_choice(
    admin: Client, connected: DataverseConnection, sandbox: Sandbox
) -> None:
    sales = make_unit(connected, "Sales")
    admin.post(f"{HERE}choose/", {"unit": str(sales)})
    typed = fields(**values(sandbox), client_secret="", ownership_model="person")
    assert admin.post(f"{HERE}look-up/", typed)["Location"] == HERE
    assert state.connection_of(connected.company).ownership_model == "person"
    admin.post(f"{PAGE}save/", fields(environment_url="https://contoso.crm4.dynamics.com"))
    saved = state.connection_of(connected.company)
    assert (saved.business_unit_id, saved.business_unit_name) == (None, "")
    assert unit_name(saved.company.name, saved.company.system_id) in text_of(admin.get(PAGE).content.decode())


def test_no_unit_can_be_chosen_while_enabled(admin: Client, connection: DataverseConnection) -> None:
    connection.enabled = True
    connection.save()
    assert "The connection is enabled." in shown(admin)
    with pytest.raises(Refusal, match="Turn Enabled off first"):
        units.choose_unit(connection=connection, unit=units.BusinessUnit(None, "x"), user=None)


@pytest.mark.parametrize("role", ["Mapper", "Operator", "Viewer"])
def test_only_administrators_choose_a_unit(role: str, connection: DataverseConnection) -> None:
    client: Any = signed_in(role)
    assert client.get(HERE).status_code == 403
    assert client.post(f"{HERE}choose/", {"unit": "new"}).status_code == 403
