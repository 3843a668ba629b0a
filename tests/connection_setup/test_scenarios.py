"""Scenarios of the reference that no other test of this room covers; docs/connection-scenarios.md lists them all."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from connection_setup.connection import state
from connection_setup.models import AuthenticationType, DataverseConnection, OwnershipModel
from connection_setup.provisioning.company_objects import unit_name
from connection_setup.secrets.sealing import seal
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Type
from masterdata.models import Company
from tests.connection_setup.conftest import SECRET, fields
from tests.connection_setup.setup.test_page import PAGE, text_of
from tests.ui.pages import check


def field(page: Any, name: str) -> Any:
    """Return the control with this name."""
    found = [one for kind in ("input", "select") for one in page.root.all(kind) if one.get("name") == name]
    assert len(found) == 1, name
    return found[0]


def chosen(control: Any) -> str:
    return next(str(one.get("value")) for one in control.all("option") if "selected" in one.attributes)


def test_a_new_setup_opens_with_the_defaults(admin: Client, company: Company) -> None:
    page = check(admin.get(PAGE))
    assert field(page, "environment_url").get("value") in (None, "")
    assert chosen(field(page, "cloud")) == "commercial"
    assert chosen(field(page, "ownership_model")) == OwnershipModel.TEAM
    assert chosen(field(page, "authentication_type")) == AuthenticationType.CLIENT_SECRET
    assert str(field(page, "redirect_url").get("value")).endswith("/connection/signed-in")
    assert unit_name(company.name, company.system_id) not in text_of(page_text(admin)), "no address, no business unit"
    assert not DataverseConnection.objects.exists(), "opening the page saves nothing"


def page_text(client: Client) -> str:
    html = client.get(PAGE).content.decode()
    return html[html.index('id="tab-advanced"') :].partition("</details>")[0].partition("Coupled Business Unit")[2]


def test_the_page_opens_with_what_was_saved(admin: Client, connection: DataverseConnection) -> None:
    DataverseConnection.objects.update(
        ownership_model=OwnershipModel.PERSON, cloud="china", business_unit_name="Sales", user_name="x@contoso.com",
        business_unit_id=connection.company.system_id, authentication_type=AuthenticationType.OFFICE365,
    )  # fmt: skip
    page = check(admin.get(PAGE))
    assert chosen(field(page, "ownership_model")) == OwnershipModel.PERSON
    assert chosen(field(page, "cloud")) == "china"
    assert field(page, "user_name").get("value") == "x@contoso.com"
    assert field(page, "user_password").get("value") in (None, "")
    assert "Sales" in page_text(admin)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("https://CamelCaseUrl.crm4.dynamics.com", "https://CamelCaseUrl.crm4.dynamics.com"),
        ("  https://contoso.crm4.dynamics.com/  ", "https://contoso.crm4.dynamics.com"),
    ],
)
def test_a_valid_address_is_saved_without_a_question(admin: Client, company: Company, typed: str, kept: str) -> None:
    answer = admin.post(f"{PAGE}save/", fields(environment_url=typed))
    assert answer.status_code == 302, text_of(answer.content.decode())
    assert state.connection_of(company).environment_url == kept


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("contoso.crm4.dynamics.com", "https://contoso.crm4.dynamics.com"),
        ("https://contoso.crm4.dynamics.com/myOrg", "https://contoso.crm4.dynamics.com"),
        ("https://contoso.crm4.dynamics.com:443", "https://contoso.crm4.dynamics.com"),
        ("CONTOSO.crm4.dynamics.com/main.aspx?a=1#b", "https://CONTOSO.crm4.dynamics.com"),
    ],
)
def test_a_correctable_address_is_asked_about_and_both_answers_are_followed(
    admin: Client, company: Company, typed: str, suggested: str
) -> None:
    asked = admin.post(f"{PAGE}save/", fields(environment_url=typed)).content.decode()
    assert f"with the suggested {suggested}?" in text_of(asked)
    refused = admin.post(f"{PAGE}save/", fields(environment_url=typed, replace="no")).content.decode()
    assert "is kept in the field, but cannot be saved" in text_of(refused)
    assert not DataverseConnection.objects.exists()
    assert admin.post(f"{PAGE}save/", fields(environment_url=typed, replace="yes")).status_code == 302
    assert state.connection_of(company).environment_url == suggested


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("http://test1.com", "https only"),
        ("https://test2.com:555/myOrg", "names port 555"),
        ("https://contoso.crm4.dynamics.com:555/myOrg", "names port 555"),
        ("https://test3.com/myOrg", "is not the address of a Dataverse environment"),
    ],
)
def test_an_address_of_no_environment_is_refused_with_a_sentence(
    admin: Client, company: Company, typed: str, says: str
) -> None:
    for answer in ("", "yes", "no"):
        page = text_of(admin.post(f"{PAGE}save/", fields(environment_url=typed, replace=answer)).content.decode())
        assert says in page
    assert not DataverseConnection.objects.exists()


def test_a_sandbox_keeps_its_port(admin: Client, company: Company) -> None:
    assert admin.post(f"{PAGE}save/", fields(environment_url="https://localhost:8443")).status_code == 302
    assert state.connection_of(company).environment_url == "https://localhost:8443"


def test_the_assisted_setup_opens_with_the_address_typed_on_a_page_that_was_saved_before(
    admin: Client, connection: DataverseConnection
) -> None:
    answer = admin.post(f"{PAGE}assist/", fields(), follow=True)
    assert answer.status_code == 200
    assert "/assisted-setup/" in answer.redirect_chain[-1][0]
    assert state.connection_of(connection.company).environment_url == "https://contoso.crm4.dynamics.com"


def test_the_authentication_type_is_editable_until_the_connection_is_enabled(
    admin: Client, connection: DataverseConnection
) -> None:
    for kind in AuthenticationType.values:
        DataverseConnection.objects.update(authentication_type=kind)
        assert chosen(field(check(admin.get(PAGE)), "authentication_type")) == kind
    DataverseConnection.objects.update(enabled=True)
    html = admin.get(PAGE).content.decode()
    assert 'name="authentication_type"' not in html
    assert "Authentication Type" in html


def test_a_changed_user_name_is_shown_and_stored_and_its_password_nowhere(
    admin: Client, connection: DataverseConnection
) -> None:
    DataverseConnection.objects.update(authentication_type=AuthenticationType.OFFICE365, user_password=seal("old one"))
    typed = {
        **fields(environment_url="https://127.0.0.1:9"), "authentication_type": "office365",
        "user_name": "new@contoso.com", "user_password": SECRET,
    }  # fmt: skip
    html = admin.post(f"{PAGE}save/", typed, follow=True).content.decode()
    assert 'value="new@contoso.com"' in html
    assert SECRET not in html
    stored = DataverseConnection.objects.get()
    assert stored.user_name == "new@contoso.com"
    assert SECRET.encode() not in bytes(stored.user_password)
    wrong = admin.post(f"{PAGE}save/", {**typed, "user_name": "CONTOSO\\new"}).content.decode()
    assert "Enter it with the @." in text_of(wrong)


def test_while_enabled_run_full_synchronization_and_the_job_queue_open_their_pages(
    admin: Client, connection: DataverseConnection
) -> None:
    DataverseConnection.objects.update(enabled=True)
    page = check(admin.get(PAGE))
    links = {one.text.strip(): one.get("href") for one in page.root.all("a")}
    assert check(admin.get(links["Run Full Synchronization"])).h1 == "Dataverse Full Synch. Review"
    assert check(admin.get(links["Synch. Job Queue Entries"])).h1 == "Job Queue Entries"
    assert check(admin.get(links["Skipped Synch. Records"])).h1 == "Coupled Data Synchronization Errors"
    kinds = {
        "coupling", "uncoupling", "synchronization", "import", "environment", "preview", "restore", "suggestion",
        "undo", "undo_preview", "retention", "full_preview", "preparation",
    }  # fmt: skip
    assert set(Type.values) == kinds, "no job there is of another kind"


def test_the_page_says_why_the_connection_was_disabled(admin: Client, connection: DataverseConnection) -> None:
    why = "Dataverse refused the integration user."
    DataverseConnection.objects.update(disable_reason=why)
    page = text_of(admin.get(PAGE).content.decode())
    assert f"The connection was disabled. {why}" in page
    url = reverse("ui:role-center", kwargs={"company": connection.company.slug})
    assert why in text_of(admin.get(url).content.decode()), "whoever comes in reads it too"


def test_a_company_that_is_deleted_takes_its_connection_and_couplings_along_and_no_others(
    connection: DataverseConnection,
) -> None:
    other = Company.objects.create(name="Fabrikam", currency_code="EUR")
    DataverseConnection.objects.create(company=other, environment_url="https://contoso.crm4.dynamics.com")
    for company in (connection.company, other):
        mapping = IntegrationTableMapping.objects.create(
            company=company, name="CUSTOMER", table="customer", integration_table="account", entity_set="accounts"
        )
        Coupling.objects.create(
            company=company, mapping=mapping, table="customer", local_id=company.system_id,
            integration_id=company.system_id,
        )  # fmt: skip
    connection.company.delete()
    assert [one.company for one in DataverseConnection.objects.all()] == [other]
    assert [one.company for one in Coupling.objects.all()] == [other]


def test_every_test_that_the_list_of_scenarios_names_is_there() -> None:
    root = Path(settings.BASE_DIR)
    listed = (root / "docs" / "connection-scenarios.md").read_text()
    named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", listed)
    assert len(named) > 40
    for file, test in named:
        path = root / file if file.startswith("tests/") else root / "tests" / "connection_setup" / file
        assert path.is_file(), file
        assert not test or f"def {test}(" in path.read_text(), f"{file}::{test}"
