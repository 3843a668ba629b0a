"""Dataverse Connections of All Companies, and the certificate's to-do list."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connection_setup.companies import page as companies
from connection_setup.connection.state import connection_of
from connection_setup.enabling import services as enabling_services
from connection_setup.models import DataverseConnection
from connection_setup.secrets.sealing import seal
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import signed_in
from tests.connection_setup.provisioning.test_environment import values
from tests.connection_setup.secrets.test_credentials import PAIRS
from tests.connection_setup.setup.test_page import text_of
from tests.ui.pages import check

HERE = "/c/cronus-international/dataverse-connections/"


def made(name: str, **values: Any) -> Company:
    company = Company.objects.create(name=name, currency_code="EUR")
    if values:
        DataverseConnection.objects.create(company=company, **values)
    return company


@pytest.fixture
def several(db: None) -> None:
    """Companies in every state."""
    on = {"enabled": True, "client_secret": seal("x"), "environment_url": "https://contoso.crm4.dynamics.com"}
    made("CRONUS International", **on, organization_name="Contoso", checked_at=timezone.now(),
         client_secret_expires_on=timezone.localdate() + timedelta(days=5),
         checks=[{"name": "A", "state": "ok", "message": "x", "fix": ""}])  # fmt: skip
    made("Adatum", **on, authentication_type="certificate",
         certificate_expires_at=timezone.now() + timedelta(days=200))  # fmt: skip
    made("Fabrikam", environment_url="https://fabrikam.crm4.dynamics.com", checked_at=timezone.now(),
         checks=[{"name": "A", "state": "error", "message": "x", "fix": ""}])  # fmt: skip
    made("Northwind")


def test_every_company_is_listed_with_its_connection_and_next_action(admin: Client, several: None) -> None:
    page = check(admin.get(HERE))
    assert page.h1 == "Dataverse Connections of All Companies"
    rows = {row[0]: row[1:] for row in page.rows()}
    assert list(rows) == ["Adatum", "CRONUS International", "Fabrikam", "Northwind"]
    state, action, certificate, expires, environment, kind, tested = rows["CRONUS International"]
    assert (state, environment, kind) == (
        "Connected", "Contoso (contoso.crm4.dynamics.com)", "OAuth 2.0, client secret",
    )  # fmt: skip
    assert expires
    assert tested.endswith(", OK")
    assert (certificate, action) == ("To do", "Use Certificate Authentication")
    assert rows["Adatum"][1:3] == ["Open", "Done"]
    assert rows["Fabrikam"][:2] == ["Not enabled", "Enable"]
    assert rows["Fabrikam"][6].endswith(", failed")
    assert rows["Northwind"] == ["Not enabled", "Set up", "Nothing to do", "", "", "", ""]
    links = page.links()
    assert links["Northwind"] == "/c/northwind/dataverse-connection-setup/"
    assert links["Use Certificate Authentication"].endswith("/certificate/")
    assert "2 of 4 enabled" in page.root.text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=on", ["Adatum", "CRONUS International"]), ("state=off", ["Fabrikam"]), ("state=none", ["Northwind"]),
        ("certificate=todo", ["CRONUS International"]), ("certificate=done", ["Adatum"]), ("q=fabri", ["Fabrikam"]),
    ],
)  # fmt: skip
def test_the_list_is_filtered_and_searched(admin: Client, several: None, query: str, names: list[str]) -> None:
    assert [row[0] for row in check(admin.get(f"{HERE}?{query}")).rows()] == names


def test_a_hundred_companies_take_no_more_queries_than_four(admin: Client, several: None) -> None:
    def asked() -> int:
        with CaptureQueriesContext(database) as queries:
            assert admin.get(HERE).status_code == 200
        return len(queries)

    before = asked()
    for number in range(40):
        made(f"Company {number:03}", environment_url="https://contoso.crm4.dynamics.com", enabled=True)
    assert asked() <= before + 1


@pytest.mark.parametrize("role", ["Mapper", "Operator", "Viewer"])
def test_other_roles_see_the_list_without_actions(several: None, role: str) -> None:
    page = check(signed_in(role).get(HERE))
    assert len(page.rows()) == 4
    assert "Use Certificate Authentication" not in page.links()


def test_the_setup_page_leads_there(admin: Client, several: None) -> None:
    links = check(admin.get("/c/northwind/dataverse-connection-setup/")).links()
    assert links["Dataverse Connections of All Companies"] == "/c/northwind/dataverse-connections/"


def test_the_certificate_page_lists_the_companies_still_to_do(
    admin: Client, company: Company, sandbox: Sandbox
) -> None:
    company.currency_code = "USD"
    company.save()
    other = Company.objects.create(name="Northwind", currency_code="USD")
    page = "/c/cronus-international/dataverse-connection-setup/certificate/"
    assert "Repeat in Each Company" not in text_of(admin.get(page).content.decode()), "nobody is connected"
    for one in (company, other):
        assert enabling_services.enable(company=one, user=None, values=values(sandbox), secret=sandbox.client_secret).ok
    text = text_of(admin.get(page).content.decode())
    assert "Repeat in Each Company" in text
    assert "0 of 2 companies done" in text
    certificate = {"client_id": sandbox.client_id, "certificates": [PAIRS.one.certificate_pem]}
    sandbox.control("POST", "applications", certificate)
    file = SimpleUploadedFile("c.pem", PAIRS.one.bundle.encode())
    admin.post(f"{page}offer/", {"certificate_file": file})
    assert [companies.certificate_state(connection_of(one)) for one in (company, other)] == [
        companies.CertificateState.PENDING,
        companies.CertificateState.TO_DO,
    ]
    answer = admin.post(f"{page}switch/", follow=True)
    assert "Repeat this in each company: Northwind still to do." in text_of(answer.content.decode())
    text = text_of(admin.get("/c/northwind/dataverse-connection-setup/certificate/").content.decode())
    assert "1 of 2 companies done" in text
    assert [one.name for one in companies.companies_to_upgrade(Company.objects.all())] == ["Northwind"]
