"""Page Dataverse Connection Setup, for Administrators and for others."""

import re
import sys
from typing import Any
from uuid import uuid4

import pytest
from auditlog.models import LogEntry
from django.core.signals import got_request_exception
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from django.views.debug import ExceptionReporter

from connection_setup import hooks
from connection_setup.checks import judges
from connection_setup.connection import settings as connection_settings
from connection_setup.models import DataverseConnection
from connection_setup.secrets import credentials
from connection_setup.secrets.sealing import unseal
from connection_setup.types import Check, Report
from core.refusals import Refusal
from masterdata.models import Company
from tests.connection_setup.conftest import APPLICATION, SECRET, administrator_of, fields, signed_in
from tests.ui.pages import check

PAGE = "/c/cronus-international/dataverse-connection-setup/"


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("&#x27;", "'")


def test_an_administrator_fills_in_and_saves(admin: Client, company: Company) -> None:
    assert check(admin.get(PAGE)).h1 == "Dataverse Connection Setup"
    answer = admin.post(f"{PAGE}save/", fields(), follow=True)
    assert answer.redirect_chain[-1][0] == PAGE
    saved = DataverseConnection.objects.get(company=company)
    assert saved.environment_url == "https://contoso.crm4.dynamics.com"
    assert unseal(saved.client_secret) == SECRET
    assert saved.credential_version == 1
    html = answer.content.decode()
    assert "The settings are saved." in html
    assert "A secret is stored" in html
    assert SECRET not in html


def test_the_secret_is_never_sent_back_and_an_empty_field_keeps_it(admin: Client, company: Company) -> None:
    admin.post(f"{PAGE}save/", fields())
    answer = admin.post(f"{PAGE}save/", fields(client_secret="", tenant_id="not a tenant"))
    assert SECRET not in answer.content.decode()
    answer = admin.post(f"{PAGE}save/", fields(client_secret="another~" + SECRET, tenant_id="not a tenant"))
    assert SECRET not in answer.content.decode()
    other = "11111111-2222-3333-4444-555555555555"
    admin.post(f"{PAGE}save/", fields(client_secret="", client_id=other))
    saved = DataverseConnection.objects.get(company=company)
    assert unseal(saved.client_secret) == SECRET
    assert saved.client_id == other


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tenant_id": "contoso.com"}, "Tenant ID changed"),
        ({"environment_url": "https://other.crm4.dynamics.com"}, "Environment URL changed"),
        (
            {"environment_url": "https://contoso.crm.dynamics.cn", "cloud": "china"},
            "Environment URL and Cloud changed",
        ),
    ],
)
def test_a_stored_secret_is_never_sent_to_another_place(
    admin: Client, company: Company, change: dict[str, str], named: str
) -> None:
    admin.post(f"{PAGE}save/", fields())
    DataverseConnection.objects.update(sandbox_ca_file="/somewhere/ca.pem")
    before = DataverseConnection.objects.get(company=company)
    for action in ("save", "test", "enable"):
        html = admin.post(f"{PAGE}{action}/", fields(client_secret="", **change)).content.decode()
        assert named in text_of(html)
        assert "Enter the Client Secret again" in text_of(html)
    kept = DataverseConnection.objects.get(company=company)
    assert (kept.environment_url, kept.tenant_id, kept.cloud) == (
        before.environment_url, before.tenant_id, before.cloud,
    )  # fmt: skip
    admin.post(f"{PAGE}save/", fields(client_secret="entered~again", **change))
    saved = DataverseConnection.objects.get(company=company)
    assert unseal(saved.client_secret) == "entered~again"
    assert {name: getattr(saved, name) for name in change} == change
    assert saved.sandbox_ca_file == ("" if "environment_url" in change else "/somewhere/ca.pem")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"environment_url": "http://contoso.crm4.dynamics.com"}, "https only"),
        ({"environment_url": "https://example.com"}, "is not the address of a Dataverse environment"),
        ({"environment_url": "https://contoso.crm.dynamics.cn"}, "Choose China"),
        ({"tenant_id": "../common"}, "Tenant ID is missing or not valid"),
        ({"client_id": "my app"}, "A Client ID is a GUID"),
        ({"client_secret": "11111111-2222-3333-4444-555555555555"}, "the secret's ID, not its value"),
        ({"cloud": "moon"}, "Select a valid choice"),
    ],
)
def test_invalid_input_is_refused_beside_its_field_and_nothing_is_saved(
    admin: Client, company: Company, change: dict[str, str], says: str
) -> None:
    answer = admin.post(f"{PAGE}save/", fields(**change))
    assert answer.status_code == 200
    assert says in text_of(answer.content.decode())
    assert not DataverseConnection.objects.filter(company=company).exists()


def test_wrong_input_is_reported_without_the_last_tests_result(admin: Client, company: Company) -> None:
    admin.post(f"{PAGE}test/", fields(client_secret=""))
    said = "Client Secret is not filled in"
    notices = check(admin.get(PAGE)).root.all("div")
    assert any(said in notice.text for notice in notices if notice.get("data-state") == "bad")
    answer = check(admin.post(f"{PAGE}save/", fields(client_id="my app")))
    (notice,) = [one for one in answer.root.all("div") if one.get("data-state") == "bad"]
    assert "A Client ID is a GUID" in notice.text


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("test.crm.dynamics.com", "https://test.crm.dynamics.com"),
        ("https://test3.crm.dynamics.com/main.aspx?x=1", "https://test3.crm.dynamics.com"),
    ],
)
def test_an_address_is_suggested_and_saved_only_when_confirmed(
    admin: Client, company: Company, typed: str, suggested: str
) -> None:
    html = admin.post(f"{PAGE}save/", fields(environment_url=typed)).content.decode()
    assert f'value="{typed}"' in html
    assert f'value="{APPLICATION}"' in html
    assert "a secret is never sent back" in html
    assert f"Replace {typed} with the suggested {suggested}?" in text_of(html)
    assert not DataverseConnection.objects.filter(company=company).exists()
    admin.post(f"{PAGE}save/", fields(environment_url=suggested))
    assert DataverseConnection.objects.get(company=company).environment_url == suggested


def test_a_sandbox_may_be_named_only_where_it_is_allowed(admin: Client, company: Company, settings: Any) -> None:
    settings.SANDBOX_ALLOWED = False
    html = admin.post(f"{PAGE}save/", fields(environment_url="https://localhost:8443")).content.decode()
    assert "this machine itself" in text_of(html)
    settings.SANDBOX_ALLOWED = True
    admin.post(f"{PAGE}save/", fields(environment_url="https://localhost:8443"))
    assert DataverseConnection.objects.get(company=company).environment_url == "https://localhost:8443"


@pytest.mark.parametrize("role", ["Mapper", "Operator", "Viewer"])
def test_other_roles_read_and_change_nothing(role: str, connection: DataverseConnection) -> None:
    client = signed_in(role)
    page = client.get(PAGE)
    html = page.content.decode()
    check(page)
    assert page.status_code == 200
    assert "https://127.0.0.1:9" in html
    assert "Only an Administrator may do this" in text_of(html)
    assert 'name="client_secret"' not in html
    for action in ("save", "test", "toggle", "enable", "disable"):
        assert client.post(f"{PAGE}{action}/", fields()).status_code == 403
    connection.refresh_from_db()
    assert connection.environment_url == "https://127.0.0.1:9"


def test_a_sandbox_that_is_down_is_reported_with_a_fix_and_nothing_is_enabled(
    admin: Client, connection: DataverseConnection
) -> None:
    page = text_of(admin.post(f"{PAGE}test/", follow=True).content.decode())
    assert "https://127.0.0.1:9 cannot be reached" in page
    assert "Check the Environment URL and this machine's network" in page
    asked = admin.post(f"{PAGE}enable/", follow=True)
    assert "Your consent is asked for, once." in text_of(asked.content.decode())
    html = admin.post(f"{PAGE}enabling/", {"consent": "on"}, follow=True).content.decode()
    assert "The connection is not enabled. https://127.0.0.1:9 cannot be reached" in text_of(html)
    connection.refresh_from_db()
    assert not connection.enabled
    assert connection.business_unit_id is None
    assert [check["state"] for check in connection.checks] == ["error"]


def test_the_test_saves_what_was_typed_first(admin: Client, company: Company) -> None:
    page = admin.post(f"{PAGE}test/", fields(environment_url="https://127.0.0.1:9"), follow=True)
    assert "cannot be reached" in text_of(page.content.decode())
    assert DataverseConnection.objects.get(company=company).environment_url == "https://127.0.0.1:9"


def test_solution_version_roles_and_entities_come_from_the_last_test_alone(
    admin: Client, connection: DataverseConnection
) -> None:
    assert "Solution Version" not in text_of(admin.get(PAGE).content.decode())
    tables = judges.TABLES
    told = [
        judges.solution(["1.0.0.0"]), judges.version("9.2.24.1"), judges.user("app", False, []),
        Check(f"{tables}: account", "error", "It cannot be read.", "Assign the role."), Check(tables, "ok", "Others."),
    ]  # fmt: skip
    connection.checks, connection.checked_at = Report(tuple(told)).document()["checks"], timezone.now()
    connection.save()
    text = text_of(admin.get(PAGE).content.decode())
    for words in ("Solution Version 1.0.0.0", "Dataverse Version checked OK", "User Roles checked Not OK",
                  "Entities availability checked Not OK"):  # fmt: skip
        assert words in text, words
    assert "Team Roles checked" not in text


def test_what_is_missing_is_named(admin: Client, company: Company) -> None:
    page = text_of(admin.post(f"{PAGE}test/", fields(tenant_id="", client_secret=""), follow=True).content.decode())
    assert "Tenant ID and Client Secret are not filled in." in page


def enabled(connection: DataverseConnection) -> DataverseConnection:
    connection.enabled = True
    connection.save()
    return connection


def test_companies_that_share_the_environment_are_named_with_what_to_look_at(
    admin: Client, connection: DataverseConnection
) -> None:
    said = "Several companies share this environment."
    mine = enabled(connection)
    mine.organization_id = uuid4()
    mine.save()
    other = DataverseConnection.objects.create(
        company=Company.objects.create(name="Fabrikam", currency_code="EUR"), organization_id=mine.organization_id
    )
    assert said not in text_of(admin.get(PAGE).content.decode())  # the other one is not enabled
    other.enabled = True
    other.save()
    page = admin.get(PAGE).content.decode()
    assert f"{said}" in text_of(page)
    assert "Fabrikam uses it too." in text_of(page)
    theirs = text_of(administrator_of(mine.company).get(PAGE).content.decode())
    assert "Another company uses it too." in theirs
    assert "Fabrikam" not in theirs
    assert "Only an Administrator in all companies may do this." in theirs  # Encryption Management
    assert 'href="/help/connection/#companies"' in page
    other.organization_id = uuid4()
    other.save()
    assert said not in text_of(admin.get(PAGE).content.decode())


def test_while_enabled_the_settings_are_locked(admin: Client, connection: DataverseConnection) -> None:
    enabled(connection)
    page = admin.get(PAGE)
    check(page)
    html = page.content.decode()
    assert 'name="environment_url"' not in html
    assert "Turn Enabled off to change this." in html
    assert re.search(r'<input[^>]*name="enabled"[^>]*checked', html)
    admin.post(f"{PAGE}save/", fields(enabled="on"))
    connection.refresh_from_db()
    assert connection.environment_url == "https://127.0.0.1:9"
    with pytest.raises(Refusal, match="locked"):
        connection_settings.save_settings(connection=connection, values=fields(), secret=None, user=None)


@pytest.mark.parametrize("action", ["save", "toggle"])
def test_turning_off_asks_with_numbers_first(
    admin: Client, connection: DataverseConnection, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    enabled(connection)
    monkeypatch.setattr(hooks.COUPLING_COUNT, "provided", lambda company: 1312)
    asked = admin.post(f"{PAGE}{action}/", {}, follow=True)
    assert asked.redirect_chain[-1][0] == f"{PAGE}disable/"
    assert "1,312 couplings are kept" in text_of(asked.content.decode())
    connection.refresh_from_db()
    assert connection.enabled
    done = admin.post(f"{PAGE}disable/", follow=True)
    assert "The connection is disabled" in text_of(done.content.decode())
    connection.refresh_from_db()
    assert not connection.enabled
    assert unseal(connection.client_secret) == SECRET


def test_the_switch_with_scripts_leads_the_whole_page(admin: Client, connection: DataverseConnection) -> None:
    enabled(connection)
    answer = admin.post(f"{PAGE}toggle/", {}, headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == f"{PAGE}disable/"


def test_menus_name_why_they_are_off(admin: Client, company: Company) -> None:
    page = text_of(admin.get(PAGE).content.decode())
    assert "Run Full Synchronization Enable the connection first." in page
    assert "Integration Table Mappings Enable the connection first." in page


def test_the_audit_names_who_changed_what_without_the_secret(admin: Client, company: Company) -> None:
    admin.post(f"{PAGE}save/", fields())
    admin.post(f"{PAGE}save/", fields(client_secret="Another~" + SECRET, tenant_id="contoso.com"))
    entries = list(LogEntry.objects.all())
    last = next(entry for entry in entries if "tenant_id" in entry.changes_dict)
    assert last.actor is not None
    assert last.actor.username == "administrator"
    assert "credential_version" in last.changes_dict
    stored = bytes(DataverseConnection.objects.get().client_secret).decode()
    for entry in entries:
        assert SECRET not in str(entry.changes)
        assert stored not in str(entry.changes)
        assert "client_secret" not in entry.changes_dict


def test_the_secret_is_nowhere_in_the_database(admin: Client, company: Company) -> None:
    admin.post(f"{PAGE}save/", fields())
    admin.post(f"{PAGE}test/", fields(environment_url="https://127.0.0.1:9"))
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {database.ops.quote_name(table)}")
            assert SECRET not in str(cursor.fetchall()), table


def test_a_failure_while_saving_shows_no_secret_in_its_report(
    admin: Client, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(secret: str) -> bytes:
        raise RuntimeError("broken")

    monkeypatch.setattr(credentials, "seal", broken)
    reports: list[str] = []

    def keep(request: Any, **kwargs: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.append(reporter.get_traceback_text() + reporter.get_traceback_html())

    got_request_exception.connect(keep)
    admin.raise_request_exception = False
    try:
        answer = admin.post(f"{PAGE}save/", fields())
    finally:
        got_request_exception.disconnect(keep)
    assert answer.status_code == 500
    assert len(reports) == 1
    assert "broken" in reports[0]
    assert SECRET not in reports[0]


def test_nobody_else_finds_another_companys_page(admin: Client, company: Company) -> None:
    assert admin.get("/c/no-such-company/dataverse-connection-setup/").status_code == 404
    assert Client().get(PAGE).status_code == 302


def test_reading_the_address_of_a_post_again_leads_to_the_page(admin: Client, company: Company) -> None:
    for action in ("save", "test", "toggle", "enable"):
        assert admin.get(f"{PAGE}{action}/").headers["Location"] == PAGE


def test_the_page_is_found_by_its_names(admin: Client, company: Company) -> None:
    for text in ("Dataverse Connection Setup", "set up a connection to dataverse"):
        html = admin.get(f"/c/{company.slug}/search/", {"q": text}).content.decode()
        assert PAGE in html


def test_reading_the_page_takes_few_queries(
    admin: Client, connection: DataverseConnection, django_assert_max_num_queries: Any
) -> None:
    admin.get(PAGE)
    with django_assert_max_num_queries(9):
        admin.get(PAGE)


def test_the_role_center_leads_a_new_company_to_its_connection(admin: Client, connection: DataverseConnection) -> None:
    start = "/c/cronus-international/"
    page = check(admin.get(start))
    assert "Dataverse is not connected." in page.root.text
    assert [a.get("href") for a in page.root.all("main")[0].all("a") if a.text == "Dataverse Connection Setup"] == [
        PAGE
    ]
    connection.enabled = True
    connection.save()
    assert "Dataverse is not connected." not in check(admin.get(start)).root.text
