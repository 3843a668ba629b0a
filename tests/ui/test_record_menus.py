"""What can be done with Dataverse from a list and a card, and how few clicks it takes."""

import uuid
from typing import Any

import pytest
from django.test import Client

from connection_setup.models import DataverseConnection
from core.roles import Role
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Job, JobOutcome, Outcome, Type
from masterdata.models import Company, Customer
from tests.example_app.models import Subscription
from tests.ui.conftest import customers
from tests.ui.pages import check

ALL = (
    "Synchronize Now", "Set Up Coupling", "Match-Based Coupling", "Create in Dataverse", "Create Here from Dataverse",
    "Delete Coupling", "Release from Deleted Records", "Open in Dataverse", "Synchronization Log",
    "Integration Coupling Job Log",
)  # fmt: skip


@pytest.fixture
def mappings(cronus: Company) -> dict[str, IntegrationTableMapping]:
    DataverseConnection.objects.create(
        company=cronus, environment_url="https://contoso.crm4.dynamics.com", enabled=True
    )
    return {
        table: IntegrationTableMapping.objects.create(
            company=cronus, name=table.upper(), table=table, integration_table=integration,
            entity_set=f"{integration}s", uid_column=f"{integration}id",
        )
        for table, integration in (("customer", "account"), ("subscription", "new_subscription"))
    }  # fmt: skip


def couple(mapping: IntegrationTableMapping, record: Any, **values: Any) -> Coupling:
    return Coupling.objects.create(
        company=mapping.company, mapping=mapping, table=mapping.table, local_id=record.system_id,
        integration_id=uuid.uuid4(), **values,
    )  # fmt: skip


@pytest.mark.parametrize("table", ["customer", "subscription"])
def test_a_list_has_every_action_one_click_below_the_menu_synchronize(
    administrator: Client, cronus: Company, mappings: Any, table: str
) -> None:
    page = check(administrator.get(f"/c/{cronus.slug}/records/{table}/"))
    opener = next(one for one in page.root.all("button") if one.text == "Synchronize")
    menu = next(one for one in page.root.all("div") if one.get("id") == opener.get("popovertarget"))
    assert [one.text for one in menu.all("li")] == list(ALL)
    assert not [one for one in menu.all("button") if one.get("popovertarget")]


@pytest.mark.parametrize("table", ["customer", "subscription"])
def test_a_card_has_the_actions_that_fit_the_record_in_its_bar(
    administrator: Client, cronus: Company, mappings: Any, table: str
) -> None:
    record: Any = customers(cronus, 1)[0]
    if table == "subscription":
        record = Subscription.objects.create(company=cronus, number="S-1", name="Gold")
    url = f"/c/{cronus.slug}/records/{table}/{record.system_id}/"

    def bar() -> list[str]:
        page = check(administrator.get(url))
        actions = next(one for one in page.root.all("nav") if one.get("aria-label") == "Actions")
        deep = {part.text for menu in actions.all("div") for part in (*menu.all("button"), *menu.all("a"))}
        shown = [one.text for one in (*actions.all("button"), *actions.all("a"))]
        return [text for text in shown if shown.count(text) > 1 or text not in deep]

    assert {"Edit", "Set Up Coupling", "Match-Based Coupling", "Create in Dataverse", "Synchronization Log"} <= set(
        bar()
    )
    assert "Delete Coupling" not in bar()
    coupling = couple(mappings[table], record)
    wanted = {"Synchronize Now", "Set Up Coupling", "Delete Coupling", "Open in Dataverse", "Synchronization Log"}
    assert wanted <= set(bar())
    assert str(coupling.integration_id) in check(administrator.get(url)).links()["Open in Dataverse"]


def test_a_viewer_opens_and_looks_but_changes_nothing(signed_in: Any, cronus: Company, mappings: Any) -> None:
    (one,) = customers(cronus, 1)
    couple(mappings["customer"], one)
    page = check(signed_in(Role.VIEWER).get(f"/c/{cronus.slug}/records/customer/{one.system_id}/"))
    assert {"Open in Dataverse", "Synchronization Log"} <= set(page.links())
    assert "Delete Coupling" not in page.buttons()


def test_the_selected_record_is_opened_in_dataverse(administrator: Client, cronus: Company, mappings: Any) -> None:
    one, other, third = customers(cronus, 3)
    coupling = couple(mappings["customer"], one)
    couple(mappings["customer"], third, pending=True)
    url = f"/c/{cronus.slug}/records/customer/open/"
    opened = administrator.post(url, {"selected": str(one.system_id)})
    row = f"https://contoso.crm4.dynamics.com/main.aspx?pagetype=entityrecord&etn=account&id={coupling.integration_id}"
    assert opened["Refresh"] == f"0; url={row}"
    assert check(opened).links()["Open in Dataverse"] == row
    for given, sentence in (
        ({"selected": str(other.system_id)}, "10001 · Alder 00001 has no row to open. Not coupled."),
        ({"selected": str(third.system_id)}, "has no row to open. Being created in Dataverse."),
        ({"selected": [str(one.system_id), str(other.system_id)]}, "One row is opened at a time"),
        ({}, "Nothing is selected, so nothing was done."),
    ):
        assert sentence in check(administrator.post(url, given, follow=True)).root.text


def test_the_synchronization_log_is_that_of_the_record_where_a_run_dealt_with_it(
    administrator: Client, cronus: Company, mappings: Any
) -> None:
    one, other = customers(cronus, 2)
    known, _ = (Job.objects.create(company=cronus, type=Type.SYNCHRONIZATION, mapping_name="CUSTOMER") for _ in "12")
    JobOutcome.objects.create(job=known, outcome=Outcome.FAILED, local_id=one.system_id)
    url = f"/c/{cronus.slug}/records/customer/log/"
    for answer in (
        administrator.get(f"{url}?record={one.system_id}", follow=True),
        administrator.post(url, {"selected": str(one.system_id)}, follow=True),
    ):
        assert "1 job, filtered" in check(answer).root.text
    for answer in (
        administrator.get(f"{url}?record={other.system_id}", follow=True),
        administrator.get(f"{url}?record=nonsense", follow=True),
        administrator.post(url, {"selected": [str(one.system_id), str(other.system_id)]}, follow=True),
    ):
        assert "2 jobs, filtered" in check(answer).root.text


def test_a_record_of_a_table_without_a_mapping_says_so_on_its_card(administrator: Client, cronus: Company) -> None:
    DataverseConnection.objects.create(
        company=cronus, environment_url="https://contoso.crm4.dynamics.com", enabled=True
    )
    one = Customer.objects.create(company=cronus, no="1", name="x")
    page = check(administrator.get(f"/c/{cronus.slug}/records/customer/{one.system_id}/"))
    assert "Not coupled. No integration table mapping for Customers yet." in page.root.text
