"""Use Certificate Authentication: from a client secret to a certificate without downtime."""

import html
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from connection_setup.certificate import services as certificate
from connection_setup.connection import clients, redirect_url, state
from connection_setup.enabling import services as enabling_services
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.provisioning import preparation
from connection_setup.provisioning import sign_in as administrator_sign_in
from connection_setup.secrets.sealing import unseal
from connection_setup.types import ROLE
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.secrets.test_credentials import PAIRS
from tests.connection_setup.setup.test_page import PAGE
from tests.sandbox.browsing import sign_in

HERE = PAGE + "certificate/"


def shown(answer: Any) -> str:
    return html.unescape(answer.content.decode())


@pytest.fixture
def enabled(company: Company, sandbox: Sandbox) -> DataverseConnection:
    """Enable with a client secret."""
    company.currency_code = services_currency(sandbox)
    company.save()
    assert enabling_services.enable(company=company, user=None, values=values(sandbox), secret=sandbox.client_secret).ok
    return state.connection_of(company)


def test_a_certificate_made_here_is_registered_verified_and_used(
    admin: Client, enabled: DataverseConnection, sandbox: Sandbox
) -> None:
    assert "In use: OAuth 2.0, client secret" in shown(admin.get(HERE))
    assert admin.post(HERE + "offer/", {}).status_code == 302
    page = shown(admin.get(HERE))
    made = state.connection_of(enabled.company)
    assert "Upload certificate" in page
    assert "PRIVATE KEY" not in page
    assert unseal(made.next_private_key).startswith("-----BEGIN PRIVATE KEY-----")
    too_early = shown(admin.post(HERE + "switch/", follow=True))
    assert "Nothing was changed." in too_early
    assert state.connection_of(enabled.company).authentication_type == AuthenticationType.CLIENT_SECRET
    file = admin.get(HERE + "file/")
    assert "attachment" in file["Content-Disposition"]
    assert "PRIVATE KEY" not in file.content.decode()
    sandbox.control(
        "POST", "applications", {"client_id": sandbox.client_id, "certificates": [file.content.decode()], "secrets": []}
    )
    assert "signs in with the certificate now" in shown(admin.post(HERE + "switch/", follow=True))
    now = state.connection_of(enabled.company)
    assert (now.enabled, now.authentication_type) == (True, AuthenticationType.CERTIFICATE)
    assert (now.next_certificate, now.next_private_key, now.certificate) == ("", b"", file.content.decode())
    assert clients.client_for(enabled.company).who_am_i()
    assert "In use: a certificate already" in shown(admin.get(HERE))


def test_a_certificate_of_another_application_needs_an_administrator_who_copies_the_roles(
    admin: Client, enabled: DataverseConnection, sandbox: Sandbox, admin_user: Any
) -> None:
    other = str(uuid4())
    sandbox.control(
        "POST", "applications", {"client_id": other, "certificates": [PAIRS.one.certificate_pem], "consented": True}
    )
    file = SimpleUploadedFile("c.pem", PAIRS.one.bundle.encode())
    assert admin.post(HERE + "offer/", {"certificate_file": file, "client_id": other}).status_code == 302
    answer = admin.post(HERE + "switch/")
    assert answer["Location"] == f"{PAGE}administrator/?purpose=certificate"
    assert "no user in Dataverse yet" in shown(admin.get(answer["Location"]))
    address = administrator_sign_in.begin(
        company=enabled.company, user=admin_user, session_key="s", return_url="/", purpose="certificate"
    )
    back = sign_in(sandbox, address, sandbox.admin_user, sandbox.admin_password)
    signed_in = administrator_sign_in.finish(session_key="s", user=admin_user, returned=back)
    told = preparation.take_all_steps(signed_in)
    assert [one.state for one in told] == ["done"] * 3, told
    assert certificate.switch_to_certificate(company=enabled.company, user=None).ok
    now = state.connection_of(enabled.company)
    assert (now.client_id, now.authentication_type) == (other, AuthenticationType.CERTIFICATE)
    users = {row.get("applicationid"): row["systemuserid"] for row in sandbox.rows("systemusers")}
    assert str(now.integration_user_id) == users[other]
    assert now.integration_user_id != enabled.integration_user_id
    assert ROLE in told[1].message or "made" in told[1].message


@pytest.mark.parametrize("another", [False, True])
def test_changing_from_the_legacy_sign_in_copies_all_roles_to_the_certificates_user(
    company: Company, sandbox: Sandbox, admin_user: Any, another: bool
) -> None:
    """The document's own case: user name and password are deprecated, and the way out must not need them."""
    company.currency_code = services_currency(sandbox)
    company.save()
    line = sandbox.line()
    client_id = str(uuid4())
    registered = {
        "client_id": client_id, "consented": True,
        "redirect_urls": [redirect_url.effective_url(state.connection_of(company))],
        "certificates": [PAIRS.one.certificate_pem],
    }  # fmt: skip
    sandbox.control("POST", "applications", registered)
    legacy = values(
        sandbox, authentication_type="office365", user_name=line["admin_user"],
        client_id=sandbox.client_id if another else client_id,
    )  # fmt: skip
    report = enabling_services.enable(company=company, user=None, values=legacy, secret=line["admin_password"])
    assert report.ok, report.document()
    before = state.connection_of(company)
    certificate.prepare_certificate(company=company, user=None, bundle=PAIRS.one.bundle, client_id=client_id)
    report = certificate.switch_to_certificate(company=company, user=None)
    assert certificate.needs_administrator(state.connection_of(company), report), report.document()
    address = administrator_sign_in.begin(
        company=company, user=admin_user, session_key="s", return_url="/", purpose="certificate"
    )
    back = sign_in(sandbox, address, sandbox.admin_user, sandbox.admin_password)
    signed_in = administrator_sign_in.finish(session_key="s", user=admin_user, returned=back)
    assert not signed_in.problem, signed_in.problem
    told = preparation.take_all_steps(signed_in)
    assert [one.state for one in told] == ["done"] * 3, told
    assert certificate.switch_to_certificate(company=company, user=None).ok
    now = state.connection_of(company)
    assert (now.client_id, now.authentication_type) == (client_id, AuthenticationType.CERTIFICATE)
    assert now.integration_user_id not in (None, before.integration_user_id)


def test_the_page_says_why_nothing_can_be_upgraded(admin: Client, company: Company) -> None:
    assert "The connection is not enabled" in shown(admin.get(HERE))
    assert "The connection is not enabled" in shown(admin.post(HERE + "offer/", {}))
    assert "Nothing was changed." in shown(admin.post(HERE + "switch/", follow=True))
    assert "There is no pending certificate to download." in shown(admin.get(HERE + "file/", follow=True))


def test_a_pending_certificate_can_be_discarded(admin: Client, enabled: DataverseConnection) -> None:
    certificate.prepare_certificate(company=enabled.company, user=None)
    assert admin.post(HERE + "withdraw/").status_code == 302
    now = state.connection_of(enabled.company)
    assert (now.next_certificate, now.next_private_key) == ("", b"")
    assert now.enabled


@pytest.mark.parametrize(
    ("typed", "said"), [({"client_id": "mine"}, "The Client ID is a GUID"), ({}, "no private key")]
)
def test_wrong_input_is_refused_with_a_sentence(
    admin: Client, enabled: DataverseConnection, typed: dict[str, Any], said: str
) -> None:
    file = SimpleUploadedFile("c.pem", PAIRS.one.certificate_pem.encode())
    assert said in shown(admin.post(HERE + "offer/", {**typed, "certificate_file": file}))
    assert not state.connection_of(enabled.company).next_certificate


def test_a_certificate_prepared_during_a_switch_stays_pending(
    enabled: DataverseConnection, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = enabled.company
    certificate.prepare_certificate(company=company, user=None, bundle=PAIRS.one.bundle)
    sandbox.control(
        "POST", "applications", {"client_id": sandbox.client_id, "certificates": [PAIRS.one.certificate_pem]}
    )
    enable = enabling_services.enable

    def meanwhile(**given: Any) -> Any:
        report = enable(**given)
        certificate.prepare_certificate(company=company, user=None)
        return report

    monkeypatch.setattr(enabling_services, "enable", meanwhile)
    assert certificate.switch_to_certificate(company=company, user=None).ok
    now = state.connection_of(company)
    assert now.certificate.strip() == PAIRS.one.certificate_pem.strip()
    assert now.next_certificate
    assert now.next_certificate != now.certificate
