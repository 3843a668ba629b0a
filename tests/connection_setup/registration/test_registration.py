"""Register an Application: the steps, what to copy, and what is known of each."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from connection_setup.connection import redirect_url
from connection_setup.connection import settings as connection_settings
from connection_setup.connection.state import connection_of
from connection_setup.enabling import services as enabling_services
from connection_setup.models import AdministratorSignIn, DataverseConnection
from connection_setup.provisioning import preparation
from connection_setup.provisioning import sign_in as administrator_sign_in
from connection_setup.registration import findings
from connection_setup.registration import services as registration
from connection_setup.secrets.sealing import seal
from connection_setup.types import Report
from masterdata.models import Company
from sandbox.testing import Sandbox, running
from tests.connection_setup.conftest import APPLICATION, signed_in
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.setup.test_page import PAGE, text_of
from tests.sandbox.browsing import sign_in
from tests.ui.pages import check

HERE = f"{PAGE}registration/"
OPENED: Any = {"SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000"}
"""At the address that SITE_URL says."""
SECRET = "Qx8~only-a-test-secret.value_42"


def given(company: Any) -> dict[str, str]:
    return {"client_id": APPLICATION, "client_secret": "Zz9~given-by-a-vault"}


def broken(company: Any) -> dict[str, str]:
    raise RuntimeError("the vault is closed: Zz9~given-by-a-vault")


def nothing(company: Any) -> dict[str, str]:
    return {}


def found(company: Company, seen_at: str = "") -> Mapping[str, findings.Finding]:
    return registration.collect_findings(connection_of(company), seen_at=seen_at)


def states(company: Company) -> dict[str, str]:
    return {name: one.state for name, one in found(company).items()}


def test_the_page_works_before_anything_is_set_up(admin: Client, company: Company) -> None:
    page = check(admin.get(HERE))
    assert page.h1 == "Register an Application"
    text = page.root.text
    for step in ("1. Register the application", "2. Redirect URL", "3. API permissions", "9. Enabled",
                 "Instead: a Credential Provider", "Nothing is set up for this company yet."):  # fmt: skip
        assert step in text, step
    answer = admin.post(f"{HERE}check/", follow=True)
    assert "Each step shows its result." in text_of(answer.content.decode())
    assert set(states(company).values()) <= {"ok", "unknown", "todo"}
    assert states(company)["client"] == states(company)["credential"] == "todo"
    assert not DataverseConnection.objects.exists(), "looking at it sets nothing up"


def test_every_value_can_be_copied(admin: Client, connection: DataverseConnection, settings: Any) -> None:
    page = check(admin.get(HERE))
    copied = {button.get("data-copy") for button in page.root.all("button") if button.get("data-copy")}
    assert {
        "Tandem Integration to Dataverse", redirect_url.default_url(), "user_impersonation", connection.client_id,
        connection.tenant_id, connection.environment_url,
    } <= copied  # fmt: skip
    assert "Financials.ReadWrite.All" in page.root.text
    assert "asks for none" in page.root.text


@pytest.mark.parametrize(
    ("url", "seen_at", "state", "words"),
    [
        ("https://tandem.example/connection/signed-in", "https://tandem.example", "ok", "own address"),
        ("http://localhost:8000/connection/signed-in", "http://localhost:8000", "ok", "on this machine"),
        ("http://127.0.0.1:8000/connection/signed-in", "http://127.0.0.1:8000", "warning", "localhost alone"),
        ("http://tandem.example/connection/signed-in", "http://tandem.example", "error", "not an https address"),
        ("https://tandem.example/connection/signed-in", "http://localhost:8000", "ok", "is handed on"),
    ],
)
def test_the_redirect_url_must_be_https_and_this_sites_own(url: str, seen_at: str, state: str, words: str) -> None:
    one = findings.redirect(url, seen_at)
    assert (one.state, words in one.user_message) == (state, True), one


@pytest.mark.parametrize(("value", "state"), [("", "todo"), ("my-app", "error"), (APPLICATION, "ok")])
def test_a_client_id_is_a_guid(value: str, state: str) -> None:
    assert findings.client(value).state == state


def test_a_secrets_id_is_refused_as_its_value(connection: DataverseConnection) -> None:
    connection.client_secret = seal(APPLICATION)
    one = findings.credential(connection, Report(()))
    assert one.state == "error"
    assert "the secret's ID, not its value" in one.message
    connection.client_secret = seal(SECRET)
    assert findings.credential(connection, Report(())).state == "unknown"
    connection.client_secret_expires_on = timezone.localdate()
    assert findings.credential(connection, Report(())).state == "warning"
    connection.client_secret = b""
    assert "No client secret is stored yet" in findings.credential(connection, Report(())).message


def test_every_step_is_ok_after_a_check_of_a_ready_environment(
    admin: Client, company: Company, sandbox: Sandbox
) -> None:
    company.currency_code = services_currency(sandbox)
    company.save()
    connection = connection_of(company)
    connection_settings.save_settings(
        connection=connection, values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    assert states(company)["environment"] == "unknown"
    answer = admin.post(f"{HERE}check/", follow=True, **OPENED)
    text = text_of(answer.content.decode())
    assert f"The sign-in of the tenant {sandbox.tenant_id} answers." in text
    assert "The sign-in accepts the stored client secret." in text
    assert sandbox.client_secret not in text
    now = states(company)
    assert {name for name, state in now.items() if state != "ok"} == {"enabled"}
    assert "7 of 8 steps are done" in text
    enabling_services.enable(company=company, user=None)
    assert "8 of 8 steps are done" in text_of(admin.get(HERE, **OPENED).content.decode())


def test_a_wrong_secret_and_a_wrong_tenant_fail_their_steps(admin: Client, company: Company, sandbox: Sandbox) -> None:
    connection = connection_of(company)
    connection_settings.save_settings(connection=connection, values=values(sandbox), secret="wrong~secret", user=None)
    admin.post(f"{HERE}check/")
    now = found(company)
    assert now["credential"].state == "error"
    assert "secret" in now["credential"].user_message.lower()
    assert now["user"].state == "unknown"
    stranger = {**values(sandbox), "tenant_id": "00000000-0000-4000-8000-00000000dead"}
    connection_settings.save_settings(
        connection=connection_of(company), values=stranger, secret=sandbox.client_secret, user=None
    )
    text = text_of(admin.post(f"{HERE}check/", follow=True).content.decode())
    assert "There is no tenant with this Tenant ID." in text


def test_a_sign_in_that_does_not_answer_is_reported(admin: Client, connection: DataverseConnection) -> None:
    one = registration.check_registration(connection)
    assert one.state == "error"
    assert one.fix


def test_consent_is_known_from_an_administrator_s_sign_in(company: Company, django_user_model: Any) -> None:
    ada = django_user_model.objects.create_user("ada")
    with running(empty=True) as empty:
        company.currency_code = "USD"
        company.save()
        connection = connection_of(company)
        connection_settings.save_settings(
            connection=connection, values=values(empty), secret=empty.client_secret, user=None
        )
        registration.check_registration(connection_of(company))
        now = found(company)
        assert now["user"].state == "error"
        assert now["permissions"].state == "unknown"
        address = administrator_sign_in.begin(company=company, user=ada, session_key="s", return_url="/")
        refused = sign_in(empty, address, empty.admin_user, empty.admin_password, answer="cancel")
        administrator_sign_in.finish(session_key="s", user=ada, returned=refused)
        assert found(company)["permissions"].state == "error"
        address = administrator_sign_in.begin(company=company, user=ada, session_key="s", return_url="/")
        back = sign_in(empty, address, empty.admin_user, empty.admin_password)
        done = administrator_sign_in.finish(session_key="s", user=ada, returned=back)
        assert "signed in and consented" in found(company)["permissions"].message
        preparation.take_all_steps(done)
        AdministratorSignIn.objects.all().delete()
        registration.check_registration(connection_of(company))
        now = found(company)
        assert (now["user"].state, now["permissions"].state) == ("ok", "ok")


@pytest.mark.parametrize(
    ("function", "state", "words"),
    [
        ("given", "ok", f"It returns the Client ID {APPLICATION} with a client secret."),
        ("nothing", "ok", "It returns nothing for this company"),
        ("broken", "error", "cannot be used: RuntimeError"),
        ("missing", "error", "cannot be used: ImportError"),
    ],
)
def test_a_credential_provider_is_called_and_never_shown(
    admin: Client, connection: DataverseConnection, settings: Any, function: str, state: str, words: str
) -> None:
    settings.CREDENTIAL_PROVIDER = f"{__name__}.{function}"
    one = findings.provider(connection)
    assert (one.state, words in one.message) == (state, True), one
    text = text_of(admin.get(HERE).content.decode())
    assert words in text
    assert "given-by-a-vault" not in text


@pytest.mark.parametrize("role", ["Mapper", "Operator", "Viewer"])
def test_only_administrators_see_it(connection: DataverseConnection, role: str) -> None:
    client = signed_in(role)
    assert client.get(HERE).status_code == 403
    assert client.post(f"{HERE}check/").status_code == 403


def test_the_setup_page_leads_there(admin: Client, connection: DataverseConnection) -> None:
    assert check(admin.get(PAGE)).links()["Register an Application"] == HERE
