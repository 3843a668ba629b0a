"""Dynamics 365 Connection Setup: the page, its checks, and what enabling and disabling do."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import Client

from connection_setup import hooks
from connection_setup.dynamics365 import judges
from connection_setup.dynamics365 import page as dynamics_page
from connection_setup.dynamics365 import services as dynamics
from connection_setup.enabling import services as enabling_services
from connection_setup.models import DataverseConnection, Dynamics365Connection
from core.refusals import Refusal
from coupling.models import IntegrationTableMapping
from dataverse.errors import AccessDenied, Gone
from dataverse.types import PartResult
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import signed_in
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.setup.test_page import text_of
from tests.ui.pages import check

HERE = "/c/cronus-international/dynamics-365-connection-setup/"


@pytest.fixture
def connected(company: Company, sandbox: Sandbox) -> Company:
    """Provide a company whose connection to Dataverse is enabled."""
    company.currency_code = services_currency(sandbox)
    company.save()
    assert enabling_services.enable(company=company, user=None, values=values(sandbox), secret=sandbox.client_secret).ok
    return company


def shown(client: Client, path: str = HERE) -> str:
    return text_of(client.get(path).content.decode())


def names(company: Company) -> set[str]:
    return set(IntegrationTableMapping.objects.filter(company=company).values_list("name", flat=True))


@pytest.mark.parametrize(
    ("page", "setting", "caption"),
    [("units", "unit_groups", "Unit Group Mapping"), ("prices", "extended_prices", "Extended Prices")],
)
def test_how_units_and_prices_are_mapped_is_asked_and_turned_while_it_is_disabled(
    admin: Client, company: Company, page: str, setting: str, caption: str
) -> None:
    assert check(admin.get(HERE)).links()[f"Turn {caption} On"].endswith(f"{page}/")
    assert f"Turn {caption} on?" in shown(admin, f"{HERE}{page}/")
    asked = {"turn": "on"}
    for _ in ("I", "somebody else who has the same question open"):
        assert f"{caption}: on." in text_of(admin.post(f"{HERE}{page}/", asked, follow=True).content.decode())
        assert getattr(dynamics.get_setup(company), setting)
    assert 'name="turn" value="off"' in admin.get(f"{HERE}{page}/").content.decode()
    Dynamics365Connection.objects.update(enabled=True)
    text = text_of(admin.post(f"{HERE}{page}/", {"turn": "off"}, follow=True).content.decode())
    assert f"Nothing was changed. {caption} cannot be changed while Dynamics 365 is enabled." in text
    assert getattr(dynamics.get_setup(company), setting)
    assert admin.get(HERE).content.decode().count("PLHEADER-PRICE") == (setting == "extended_prices")


def test_without_the_connection_to_dataverse_the_page_says_so_and_leads_there(admin: Client, company: Company) -> None:
    page = check(admin.get(HERE))
    assert page.h1 == "Dynamics 365 Connection Setup"
    text = shown(admin)
    assert "The connection to Dataverse is not enabled. Dynamics 365 needs it. Enable it first." in text
    assert page.links()["Dataverse Connection Setup"].endswith("/dataverse-connection-setup/")
    answer = admin.post(f"{HERE}enable/", follow=True)
    text = text_of(answer.content.decode())
    assert "Dynamics 365 is not enabled. The connection to Dataverse is not enabled." in text
    assert not dynamics.is_enabled(company)
    with pytest.raises(Refusal, match="Dynamics 365 needs it"):
        dynamics.enable(company=company, user=None)
    report = dynamics.test_sales(company=company)
    assert [one.name for one in report.checks] == [judges.CONNECTION]
    assert not report.ok


def test_the_switch_tests_the_environment_and_adds_the_mappings_with_their_schedules(
    admin: Client, connected: Company
) -> None:
    assert not {"UNIT OF MEASURE", "ITEM-PRODUCT"} & names(connected)
    answer = admin.post(f"{HERE}toggle/", {"enabled": "on"}, follow=True)
    text = text_of(answer.content.decode())
    assert "Dynamics 365 is enabled. Next, couple items with products by criteria" in text
    assert {"UNIT OF MEASURE", "ITEM-PRODUCT"} <= names(connected)
    assert "All 6 sales tables can be read." in text
    assert "5 of 5" in text
    assert "All scheduled synchronizations are active." in text
    assert "Active scheduled synchronization jobs" in text
    IntegrationTableMapping.objects.filter(name="ITEM-PRODUCT").update(scheduled=False)
    assert "4 of 5 scheduled synchronizations are active." in shown(admin)

    answer = admin.post(f"{HERE}toggle/", follow=True)
    assert answer.redirect_chain[-1][0] == f"{HERE}disable/"
    assert "Mappings and couplings are kept." in text_of(answer.content.decode())
    text = text_of(admin.post(f"{HERE}disable/", follow=True).content.decode())
    assert "Its schedules are on hold; couplings are kept." in text
    assert "0 of 0" in text
    assert "No scheduled synchronization is active." in text
    assert {"UNIT OF MEASURE", "ITEM-PRODUCT"} <= names(connected)


@pytest.mark.parametrize(
    ("active", "total", "sentence"),
    [(3, 3, "All scheduled"), (3, 4, "3 of 4 scheduled"), (0, 0, "No scheduled"), (0, 4, "No scheduled")],
)
def test_the_number_of_active_schedules_is_described_in_a_sentence(active: int, total: int, sentence: str) -> None:
    assert dynamics_page.describe_schedules(active, total).startswith(sentence)


def test_every_check_is_ok_in_a_ready_environment(admin: Client, connected: Company) -> None:
    answer = admin.post(f"{HERE}test/", follow=True)
    assert "The connection test was successful." in text_of(answer.content.decode())
    report = dynamics.test_sales(company=connected)
    assert [(one.name, one.state) for one in report.checks] == [
        (name, "ok")
        for name in (
            judges.CONNECTION,
            judges.TABLES,
            judges.COMPANY_COLUMN,
            judges.PRIVILEGES,
            judges.CURRENCY,
            judges.UNITS,
        )
    ]
    assert not dynamics.is_enabled(connected), "a test enables nothing"


def test_a_local_currency_that_dataverse_does_not_have_is_refused(
    admin: Client, connected: Company, sandbox: Sandbox
) -> None:
    Company.objects.filter(pk=connected.pk).update(currency_code="SEK")
    answer = admin.post(f"{HERE}enable/", follow=True)
    assert "Dataverse does not have SEK, which is the local currency" in text_of(answer.content.decode())
    assert not dynamics.is_enabled(connected)
    assert not {"UNIT OF MEASURE", "ITEM-PRODUCT"} & names(connected)


def test_another_organization_fails_the_connection_check(connected: Company, sandbox: Sandbox) -> None:
    sandbox.control("PUT", "environment", {"organization_id": str(uuid4())})
    report = dynamics.test_sales(company=connected)
    assert report.failed
    assert report.failed.name == judges.CONNECTION
    assert "another organization" in report.failed.message


def test_each_judgement_has_its_state_cause_and_fix() -> None:
    ok, gone = PartResult(200, {}), PartResult(404, {}, error=Gone("It is not there."))
    denied = PartResult(403, {}, error=AccessDenied("You may not.", "Ask somebody."))
    assert judges.tables([("products", ok)]).state == "ok"
    missing = judges.tables([("products", gone), ("uoms", ok), ("pricelevels", gone)])
    assert "has no products, pricelevels: Dynamics 365 Sales is not installed" in missing.message
    refused = judges.tables([("products", denied), ("uoms", ok)])
    assert "cannot be read: products. You may not." in refused.message
    assert refused.fix == "Ask somebody."
    assert judges.company_column(["name"]).state == "error"
    assert judges.privileges({"1": "prvCreateProduct", "2": "prvReadProduct"}, ["2"]).message == (
        "The application's user lacks prvCreateProduct."
    )
    assert judges.unit_groups(1).state == "ok"
    assert "There are 7 unit groups" in judges.unit_groups(7).message


def test_reset_restores_the_defaults_after_a_question(admin: Client, connected: Company) -> None:
    assert "not enabled" in text_of(admin.post(f"{HERE}reset/", follow=True).content.decode())
    dynamics.enable(company=connected, user=None)
    mapping = IntegrationTableMapping.objects.get(company=connected, name="ITEM-PRODUCT")
    mapping.fields.filter(field="description").delete()
    IntegrationTableMapping.objects.filter(pk=mapping.pk).update(scheduled=False, every_minutes=5)
    assert "What was customized on them is deleted." in shown(admin, f"{HERE}reset/")
    admin.post(f"{HERE}reset/")
    mapping.refresh_from_db()
    assert mapping.fields.filter(field="description").exists()
    assert (mapping.scheduled, mapping.every_minutes) == (True, 30)


def test_nothing_is_synchronized_while_the_connection_to_dataverse_is_disabled(
    admin: Client, connected: Company
) -> None:
    dynamics.enable(company=connected, user=None)
    enabling_services.disable(company=connected, user=None)
    text = shown(admin)
    assert "Enabled, Dataverse is not" in text
    assert "Nothing is synchronized until it is enabled again." in text
    assert dynamics.is_enabled(connected)
    enabling_services.enable(company=connected, user=None)
    assert "Enabled, Dataverse is not" not in shown(admin)


def test_enabling_dataverse_alone_adds_none_of_the_sales_mappings(connected: Company) -> None:
    enabling_services.disable(company=connected, user=None)
    enabling_services.enable(company=connected, user=None)
    assert not {"UNIT OF MEASURE", "ITEM-PRODUCT"} & names(connected)


def test_the_actions_lead_to_their_pages(admin: Client, connected: Company) -> None:
    dynamics.enable(company=connected, user=None)
    links = check(admin.get(HERE)).links()
    for name, end in (
        ("Use Certificate Authentication", "/certificate/"), ("Integration Table Mappings", "/mappings/"),
        ("Run Full Synchronization", "/full-synch-review/"), ("Synch. Job Queue Entries", "/jobs/queue/"),
        ("Encryption Management", "/data-encryption-management/"),
    ):  # fmt: skip
        assert admin.get(links[name]).status_code == 200, name
        assert end in links[name] or name == "Run Full Synchronization", links[name]
    setup = check(admin.get("/c/cronus-international/dataverse-connection-setup/")).links()
    assert setup["Dynamics 365 Connection Setup"] == HERE


@pytest.mark.parametrize("role", ["Mapper", "Operator", "Viewer"])
def test_other_roles_read_the_page_and_change_nothing(connected: Company, role: str) -> None:
    client = signed_in(role)
    page = check(client.get(HERE))
    assert "Only an Administrator may do this." in page.root.text
    for name in ("test", "toggle", "enable", "disable", "reset"):
        assert client.post(f"{HERE}{name}/", {"enabled": "on"}).status_code == 403
    assert not Dynamics365Connection.objects.filter(enabled=True).exists()


def test_the_command_shows_whether_it_is_enabled(connected: Company, capsys: Any) -> None:
    call_command("connection", "status", "--company", connected.name, "--json")
    assert json.loads(capsys.readouterr().out)["dynamics_365"] == {"enabled": False}
    dynamics.enable(company=connected, user=None)
    call_command("connection", "status", "--company", connected.name, "--json")
    assert json.loads(capsys.readouterr().out)["dynamics_365"] == {"enabled": True}
    assert DataverseConnection.objects.get().enabled


def test_enabling_adds_the_sales_mappings_alone_and_the_default_setup_leaves_them_unscheduled(
    connected: Company,
) -> None:
    IntegrationTableMapping.objects.all().delete()
    dynamics.enable(company=connected, user=None)
    assert names(connected) == {
        "UNIT OF MEASURE", "ITEM-PRODUCT", "RESOURCE-PRODUCT", "CUSTPRCGRP-PRICE", "SALESPRC-PRODPRICE", "OPPORTUNITY",
    }  # fmt: skip
    assert not hooks.describe_setup(connected), "the default setup is still to be asked about"
    dynamics.disable(company=connected, user=None)
    hooks.apply_default_setup(connected, schedules=True)
    assert "CUSTOMER" in names(connected)
    resting = IntegrationTableMapping.objects.filter(company=connected, scheduled=False)
    assert {"UNIT OF MEASURE", "ITEM-PRODUCT"} <= set(resting.values_list("name", flat=True))
