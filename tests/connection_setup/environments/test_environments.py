"""Dataverse User Environments: Look Up beside Environment URL, in one's own tenant and in another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client

from connection_setup.checks import services as checks_services
from connection_setup.connection import clients
from connection_setup.connection import settings as connection_settings
from connection_setup.connection.state import connection_of
from connection_setup.environments import services as environments
from connection_setup.models import AdministratorSignIn, DataverseConnection
from connection_setup.provisioning import preparation
from connection_setup.provisioning import sign_in as administrator_sign_in
from connection_setup.secrets.sealing import unseal
from dataverse import clouds, http_session
from masterdata.models import Company
from sandbox.identity.directory import OTHER_DOMAIN, OTHER_TENANT_ID
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import SECRET, fields, signed_in
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.setup.test_page import PAGE, text_of
from tests.sandbox.browsing import sign_in
from tests.ui.pages import check

HERE = f"{PAGE}environments/"


@pytest.fixture
def applied(company: Company, sandbox: Sandbox, settings: Any) -> DataverseConnection:
    """Fill in the registered application but no Environment URL; the sandbox is the one the demo started."""
    company.currency_code = services_currency(sandbox)
    company.save()
    settings.SANDBOX_FILE = settings.STATE_DIR / f"{company.slug}-sandbox.json"
    settings.SANDBOX_FILE.write_text(
        f'{{"environment_url": "{sandbox.environment_url}", "ca_file": "{sandbox.ca_file}"}}'
    )
    return connection_settings.save_settings(
        connection=connection_of(company),
        values=values(sandbox, environment_url="", tenant_id=""),
        secret=sandbox.client_secret,
        user=None,
    )


def looked(
    client: Client, sandbox: Sandbox, *, tenant: str = "", name: str = "", password: str = "", **more: str
) -> str:
    """Sign in from the page, come back to it, and return its text."""
    begun = client.post(f"{HERE}sign-in/", {"tenant": tenant, **more})
    assert begun.status_code == 302, text_of(begun.content.decode())
    back = sign_in(sandbox, begun["Location"], name or sandbox.admin_user, password or sandbox.admin_password)
    return text_of(client.get("/connection/signed-in", back, follow=True).content.decode())


def test_look_up_saves_what_was_typed_except_a_bad_address(admin: Client, company: Company) -> None:
    page = check(admin.get(PAGE))
    assert any(one.text == "Look Up" for one in page.root.all("button"))
    for typed in ("https://evil.example", "contoso.crm4.dynamics.com", ""):
        answer = admin.post(f"{HERE}look-up/", fields(environment_url=typed))
        assert answer["Location"] == HERE
        saved = DataverseConnection.objects.get(company=company)
        assert (saved.environment_url, unseal(saved.client_secret)) == ("", SECRET)
    wrong = admin.post(f"{HERE}look-up/", fields(environment_url="", client_id="my app"))
    assert "A Client ID is a GUID" in text_of(wrong.content.decode())
    assert "Where to look" in text_of(admin.get(HERE).content.decode())


def test_missing_settings_of_the_application_are_named(admin: Client, company: Company) -> None:
    page = admin.get(HERE)
    assert check(page).h1 == "Dataverse User Environments"
    assert "Client ID and Client Secret are not filled in" in text_of(page.content.decode())
    answer = admin.post(f"{HERE}sign-in/", {"tenant": ""}, follow=True)
    assert "The sign-in cannot begin. Client ID and Client Secret are not filled in" in text_of(answer.content.decode())


def test_one_environment_is_found_without_an_address_and_chosen(
    admin: Client, applied: DataverseConnection, sandbox: Sandbox
) -> None:
    page = looked(admin, sandbox)
    assert f"One environment was found for {sandbox.admin_user} in the person's own tenant." in page
    assert sandbox.environment_url in page
    assert "Enabled" in page
    page = text_of(admin.post(f"{HERE}choose/", {"environment": identity(sandbox)}, follow=True).content.decode())
    assert f"{sandbox.environment_url} is the Environment URL now." in page
    saved = connection_of(applied.company)
    assert (saved.environment_url, saved.tenant_id) == (sandbox.environment_url, sandbox.tenant_id)
    assert unseal(saved.client_secret) == sandbox.client_secret
    assert checks_services.test_connection(connection=saved).failed is None
    page = text_of(admin.get(HERE).content.decode())
    assert "Current" in page
    assert "In use" in page


def identity(sandbox: Sandbox) -> str:
    (organization,) = sandbox.rows("organizations")
    return str(organization["organizationid"])


def test_environments_are_listed_with_state_and_the_persons_role(
    admin: Client, applied: DataverseConnection, sandbox: Sandbox
) -> None:
    away, closed = (sandbox.control("POST", "environments", {"name": name}) for name in ("Away", "Closed"))
    put(away, sandbox, {"disabled": True})
    put(closed, sandbox, {"admin_mode": True})
    name = "bob@tandem-sandbox.example"
    sandbox.control("POST", "people", {"name": name, "password": "word", "roles": ["Basic User"]})
    page = looked(admin, sandbox)
    assert f"3 environments were found for {sandbox.admin_user}" in page
    rows = {one.name: (one.state, one.administrator) for one in found_by(applied)}
    assert rows["Away"] == ("disabled", True)
    assert rows["Closed"] == ("administration_mode", True)
    assert ("enabled", True) in rows.values()
    assert "Administration mode" in page
    assert "Disabled" in page
    admin.post(f"{HERE}forget/")
    page = looked(admin, sandbox, name=name, password="word")
    assert "One environment was found for bob@" in page
    assert [one.administrator for one in found_by(applied)] == [False]


def found_by(connection: DataverseConnection) -> tuple[environments.DiscoveredEnvironment, ...]:
    return environments.discovered_environments(AdministratorSignIn.objects.get(company=connection.company))


def put(line: dict[str, str], sandbox: Sandbox, state: dict[str, bool]) -> None:
    answer = requests.put(
        f"{line['environment_url']}/_sandbox/environment", json=state, verify=sandbox.ca_file, timeout=30
    )
    assert answer.status_code == 200, answer.text


def test_an_environment_of_another_tenant_is_found_by_its_administrator_and_saved_with_its_tenant(
    admin: Client, applied: DataverseConnection, sandbox: Sandbox
) -> None:
    other = sandbox.control("POST", "environments", {"name": "Elsewhere", "tenant": "other"})
    company = applied.company
    connection_settings.save_settings(
        connection=applied,
        values={"client_id": other["client_id"], "tenant_id": sandbox.tenant_id},
        secret=other["client_secret"],
        user=None,
    )
    page = looked(admin, sandbox, tenant=OTHER_DOMAIN, name=other["admin_user"], password=other["admin_password"])
    assert f"One environment was found for {other['admin_user']} in the tenant {OTHER_DOMAIN}." in page
    (one,) = found_by(applied)
    assert (one.name, one.tenant_id) == ("Elsewhere", OTHER_TENANT_ID)
    answer = admin.post(f"{HERE}choose/", {"environment": str(one.id)})
    page = text_of(answer.content.decode())
    # The secret was entered for another tenant, so it is asked for again, with all else filled in.
    assert "is filled in, but not saved yet. Tenant ID changed" in page
    html = answer.content.decode()
    assert f'value="{one.url}"' in html
    assert f'value="{OTHER_TENANT_ID}"' in html
    assert other["client_secret"] not in html
    assert connection_of(company).environment_url == ""


def test_finding_no_environment_says_what_to_do(admin: Client, applied: DataverseConnection, sandbox: Sandbox) -> None:
    name = "guest@tandem-sandbox.example"
    sandbox.control("POST", "people", {"name": name, "password": "word", "member": False})
    page = looked(admin, sandbox, name=name, password="word")
    assert f"No environment was found for {name} in the person's own tenant." in page
    assert "enter the Environment URL yourself" in page


def test_a_refused_or_declined_sign_in_is_reported(
    admin: Client, applied: DataverseConnection, sandbox: Sandbox
) -> None:
    begun = admin.post(f"{HERE}sign-in/", {"tenant": ""})
    back = sign_in(sandbox, begun["Location"], sandbox.admin_user, sandbox.admin_password, "cancel")
    page = text_of(admin.get("/connection/signed-in", back, follow=True).content.decode())
    assert "The sign-in did not work." in page
    assert "permissions were not granted" in page
    answer = admin.post(f"{HERE}sign-in/", {"tenant": "../common"})
    assert "Tenant ID is missing or not valid" in text_of(answer.content.decode())
    answer = admin.post(f"{HERE}sign-in/", {"tenant": "nobody.example"}, follow=True)
    assert "The sign-in cannot begin. There is no tenant with this Tenant ID." in text_of(answer.content.decode())


@contextmanager
def no_line_to_discovery() -> Iterator[None]:
    def dead(_: str, url: str) -> None:
        if "/api/discovery/" in url:
            raise requests.ConnectionError("no line")

    http_session.before_send.append(dead)
    try:
        yield
    finally:
        http_session.before_send.remove(dead)


def test_a_discovery_service_that_does_not_answer_is_reported_and_asked_again(
    admin: Client, applied: DataverseConnection, sandbox: Sandbox
) -> None:
    with no_line_to_discovery():
        page = looked(admin, sandbox)
    assert "Nothing is listed. The environments cannot be listed." in page
    assert "broke before its answer was complete" in page
    page = text_of(admin.post(f"{HERE}again/", follow=True).content.decode())
    assert "One environment was found" in page


def test_a_person_disabled_meanwhile_is_reported(admin: Client, applied: DataverseConnection, sandbox: Sandbox) -> None:
    name = "carol@tandem-sandbox.example"
    sandbox.control("POST", "people", {"name": name, "password": "word"})
    assert "One environment was found" in looked(admin, sandbox, name=name, password="word")
    sandbox.control("POST", "people", {"name": name, "password": "word", "disabled": True})
    sandbox.control("PUT", "clock", {"offset_s": 7200})
    page = text_of(admin.post(f"{HERE}again/", follow=True).content.decode())
    assert "The environments cannot be listed." in page


def test_the_same_sign_in_prepares_the_chosen_environment(
    applied: DataverseConnection, sandbox: Sandbox, admin_user: Any
) -> None:
    company = applied.company
    opens = environments.begin_sign_in(company=company, user=admin_user, session_key="s", return_url="/")
    back = sign_in(sandbox, opens, sandbox.admin_user, sandbox.admin_password)
    done = administrator_sign_in.finish(session_key="s", user=admin_user, returned=back)
    assert environments.current_sign_in(company, "s") == done
    assert administrator_sign_in.current(company, "s") is None
    (one,) = environments.discovered_environments(done)
    environments.choose_environment(signed_in=done, organization_id=one.id, user=None)
    environments.continue_to_prepare(done)
    again = administrator_sign_in.current(company, "s")
    assert again is not None
    told = preparation.take_all_steps(again)
    assert [step.state for step in told] == ["done"] * len(preparation.STEPS), told


def test_an_environment_that_was_not_found_is_not_chosen(
    admin: Client, applied: DataverseConnection, sandbox: Sandbox
) -> None:
    looked(admin, sandbox)
    for wanted in ("", "https://evil.example", "00000000-0000-0000-0000-000000000001"):
        page = text_of(admin.post(f"{HERE}choose/", {"environment": wanted}, follow=True).content.decode())
        assert "Nothing was chosen. That environment is not among those found." in page
    assert connection_of(applied.company).environment_url == ""


def test_no_environments_are_looked_for_while_enabled(admin: Client, connection: DataverseConnection) -> None:
    connection.enabled = True
    connection.save()
    assert "Turn Enabled off first" in text_of(admin.get(HERE).content.decode())
    answer = admin.post(f"{HERE}sign-in/", {"tenant": ""}, follow=True)
    assert "The sign-in cannot begin." in text_of(answer.content.decode())


@pytest.mark.parametrize("role", ["Mapper", "Operator", "Viewer"])
def test_only_administrators_look_for_environments(role: str, connection: DataverseConnection) -> None:
    assert signed_in(role).get(HERE).status_code == 403


@pytest.mark.parametrize(
    ("cloud", "sign_in_at", "asks_for"),
    [
        ("commercial", "login.microsoftonline.com", "globaldisco.crm.dynamics.com"),
        ("gcc", "login.microsoftonline.com", "globaldisco.crm9.dynamics.com"),
        ("gcc_high", "login.microsoftonline.us", "globaldisco.crm.microsoftdynamics.us"),
        ("dod", "login.microsoftonline.us", "globaldisco.crm.appsplatform.us"),
        ("china", "login.partner.microsoftonline.cn", "globaldisco.crm.dynamics.cn"),
    ],
)
def test_the_sign_in_and_the_discovery_are_those_of_the_chosen_cloud(
    company: Company, cloud: str, sign_in_at: str, asks_for: str
) -> None:
    saved = connection_settings.save_settings(
        connection=connection_of(company), values={**fields(environment_url="", cloud=cloud)},
        secret=SECRET, user=None,
    )  # fmt: skip
    credentials, environment = clients.discovery_credentials(saved, "")
    assert credentials.authority == f"https://{sign_in_at}/organizations"
    assert urlsplit(clouds.discovery(environment.cloud, environment.url)).hostname == asks_for
    assert clients.discovery_credentials(saved, "contoso.com")[0].authority == f"https://{sign_in_at}/contoso.com"
    assert connection_of(company).cloud == cloud
