"""What a connection signs in with: certificate, client secret, legacy password, or what a provider has."""

import html
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from connection_setup.checks import services as checks_services
from connection_setup.connection import clients
from connection_setup.connection import settings as connection_settings
from connection_setup.connection import state as services
from connection_setup.enabling import services as enabling_services
from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import certificates
from connection_setup.secrets.certificates import BadCertificate, KeyPair, make_pair, read_pair
from connection_setup.secrets.credentials import Expiry
from connection_setup.secrets.sealing import unseal
from core.refusals import Refusal
from masterdata.models import Company
from tests.connection_setup.conftest import APPLICATION, TENANT, fields
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.setup.test_page import PAGE
from tests.connection_setup.test_command import run


class _Pairs:
    """Key pairs, made when the first test asks: making one takes a while."""

    @cached_property
    def one(self) -> KeyPair:
        return make_pair("Test")

    @cached_property
    def other(self) -> KeyPair:
        return make_pair("Another")


PAIRS = _Pairs()


def shown(answer: Any) -> str:
    """Return the page as text, with its HTML entities decoded."""
    return html.unescape(answer.content.decode())


def registered(sandbox: Any, *pairs: KeyPair) -> None:
    """Register these certificates, and no secret."""
    found = [pair.certificate_pem for pair in pairs]
    sandbox.control(
        "POST", "applications", {"client_id": sandbox.client_id, "certificates": found, "secrets": []}
    )  # fmt: skip


def by_certificate(sandbox: Any, **changed: Any) -> dict[str, Any]:
    return values(sandbox, authentication_type="certificate", **changed)


@pytest.fixture
def here(company: Company, sandbox: Any) -> Company:
    company.currency_code = services_currency(sandbox)
    company.save()
    return company


# -- certificates ------------------------------------------------------------------------------------------------------


def test_a_certificate_made_here_is_read_back_and_described() -> None:
    made = make_pair("Tandem Integration to Dataverse", days=365)
    read = read_pair(made.bundle)
    assert read == made
    assert read.subject == "CN=Tandem Integration to Dataverse"
    assert len(read.thumbprint) == 40
    assert timedelta(days=364) < read.expires_at - datetime.now(UTC) <= timedelta(days=365)
    described = certificates.describe(made.certificate_pem)
    assert (described.subject, described.thumbprint) == (read.subject, read.thumbprint)
    assert "PRIVATE" not in repr(made)


def test_key_and_certificate_are_found_in_any_order_and_among_others() -> None:
    other = PAIRS.other
    text = f"Bag Attributes\n{PAIRS.one.certificate_pem}\nmore\n{PAIRS.one.private_key_pem}\n{other.certificate_pem}"
    assert read_pair(text).thumbprint == PAIRS.one.thumbprint


def _with_key(key: Any, protection: Any = None) -> str:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        protection or serialization.NoEncryption(),
    ).decode()
    return str(pem) + PAIRS.one.certificate_pem


BAD: list[tuple[Callable[[], str], str]] = [
    (lambda: "", "holds no certificate"),
    (lambda: "certificate", "holds no certificate"),
    (lambda: PAIRS.one.private_key_pem, "holds no certificate"),
    (lambda: PAIRS.one.certificate_pem, "holds no private key"),
    (lambda: PAIRS.other.private_key_pem + PAIRS.one.certificate_pem, "does not belong to the certificate"),
    (lambda: make_pair("Old", days=0).bundle, "expired on"),
    (lambda: _with_key(ec.generate_private_key(ec.SECP256R1())), "RSA key of at least 2048 bits"),
    (lambda: _with_key(rsa.generate_private_key(65537, 1024)), "RSA key of at least 2048 bits"),
    (
        lambda: _with_key(rsa.generate_private_key(65537, 2048), serialization.BestAvailableEncryption(b"x")),
        "protected by a passphrase",
    ),
    (
        lambda: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + PAIRS.one.certificate_pem,
        "cannot be read",
    ),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_text_that_is_no_usable_certificate_is_refused_with_a_sentence(text: Callable[[], str], said: str) -> None:
    with pytest.raises(BadCertificate, match=said) as refused:
        read_pair(text())
    assert "BEGIN PRIVATE KEY-----\nM" not in str(refused.value)


@given(st.text(alphabet="-BEGINPRIVATE KEYCERTIFICATE\n\x00é", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(BadCertificate):
        read_pair(text)


def test_the_connection_signs_in_with_a_registered_certificate(here: Company, sandbox: Any) -> None:
    registered(sandbox, PAIRS.one)
    report = enabling_services.enable(company=here, user=None, values=by_certificate(sandbox), secret=PAIRS.one.bundle)
    assert report.ok, report.document()
    assert any("signs in with its certificate" in check.message for check in report.checks)
    stored = services.connection_of(here)
    assert stored.enabled
    assert stored.certificate_expires_at == PAIRS.one.expires_at
    assert unseal(stored.private_key) == PAIRS.one.private_key_pem
    assert PAIRS.one.private_key_pem.encode() not in bytes(stored.private_key)
    assert clients.client_for(here).who_am_i().organization_id == stored.organization_id


def test_a_certificate_that_is_not_registered_is_refused_and_what_works_stays(here: Company, sandbox: Any) -> None:
    enabling_services.enable(company=here, user=None, values=values(sandbox), secret=sandbox.client_secret)
    report = enabling_services.enable(company=here, user=None, values=by_certificate(sandbox), secret=PAIRS.one.bundle)
    assert report.failed is not None
    assert report.failed.name == "Sign-in of the application"
    assert "certificate" in report.failed.user_message
    stored = services.connection_of(here)
    assert (stored.enabled, stored.authentication_type) == (True, AuthenticationType.CLIENT_SECRET)
    assert clients.client_for(here).who_am_i()


def test_an_enabled_connection_changes_to_a_certificate_without_a_gap(here: Company, sandbox: Any) -> None:
    enabling_services.enable(company=here, user=None, values=values(sandbox), secret=sandbox.client_secret)
    registered(sandbox, PAIRS.one)
    assert enabling_services.enable(company=here, user=None, values=by_certificate(sandbox), secret=PAIRS.one.bundle).ok
    assert services.connection_of(here).authentication_type == AuthenticationType.CERTIFICATE
    renewed = make_pair("Next")
    registered(sandbox, PAIRS.one, renewed)  # side by side while one takes the place of the other
    assert clients.client_for(here).who_am_i()
    assert enabling_services.enable(company=here, user=None, values=by_certificate(sandbox), secret=renewed.bundle).ok
    registered(sandbox, renewed)
    assert clients.client_for(here).who_am_i()


def test_the_expiry_date_belongs_to_the_secret_it_was_entered_with(admin: Client, company: Company) -> None:
    typed = {**fields(client_secret_expires_on="2027-01-31")}
    assert admin.post(f"{PAGE}save/", typed).status_code == 302
    kept = DataverseConnection.objects.get()
    assert kept.client_secret_expires_on == date(2027, 1, 31)
    assert admin.post(f"{PAGE}save/", {**typed, "client_secret": ""}).status_code == 302
    kept.refresh_from_db()
    assert kept.client_secret_expires_on == date(2027, 1, 31)
    # A new secret beside the old one's date: nobody said when the new one expires.
    assert admin.post(f"{PAGE}save/", {**typed, "client_secret": "another~secret.of-many-letters"}).status_code == 302
    kept.refresh_from_db()
    assert kept.client_secret_expires_on is None
    newer = {**typed, "client_secret": "a-third~secret.of-many-letters", "client_secret_expires_on": "2028-01-31"}
    assert admin.post(f"{PAGE}save/", newer).status_code == 302
    kept.refresh_from_db()
    assert kept.client_secret_expires_on == date(2028, 1, 31)


@pytest.mark.parametrize(("days", "told"), [(31, False), (30, True), (14, True), (7, True), (1, True), (-1, True)])
def test_the_role_center_says_when_the_credential_expires(
    admin: Client, connection: DataverseConnection, days: int, told: bool
) -> None:
    ends = timezone.localdate() + timedelta(days=days)
    DataverseConnection.objects.update(enabled=True, client_secret_expires_on=ends)
    page = html.unescape(admin.get("/c/cronus-international/").content.decode())
    assert ("The Client Secret expired" in page or "The Client Secret expires" in page) is told


@pytest.fixture
def in_use(here: Company, sandbox: Any) -> DataverseConnection:
    """Enable the connection with a client secret that has an expiry date."""
    assert enabling_services.enable(company=here, user=None, values=values(sandbox), secret=sandbox.client_secret).ok
    DataverseConnection.objects.update(client_secret_expires_on=date(2027, 1, 31))
    return services.connection_of(here)


def test_a_client_secret_is_replaced_while_the_connection_is_enabled(
    admin: Client, in_use: DataverseConnection, sandbox: Any
) -> None:
    page = f"{PAGE}secret/"
    assert "New client secret" in html.unescape(admin.get(page).content.decode())
    wrong = html.unescape(admin.post(page, {"client_secret": "not~registered.yet_at-all"}).content.decode())
    assert "Nothing was changed; the secret in use stays." in wrong
    assert "not~registered" not in wrong
    before = services.connection_of(in_use.company)
    assert (before.enabled, before.client_secret) == (True, in_use.client_secret)
    secrets = [{"value": value} for value in (sandbox.client_secret, "second~secret.side-by-side_1")]
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "secrets": secrets})
    typed = {"client_secret": "second~secret.side-by-side_1", "client_secret_expires_on": "2029-01-31"}
    assert admin.post(page, typed)["Location"] == PAGE
    now = services.connection_of(in_use.company)
    assert (now.enabled, unseal(now.client_secret)) == (True, "second~secret.side-by-side_1")
    assert now.client_secret_expires_on == date(2029, 1, 31)
    assert clients.client_for(in_use.company).who_am_i()


@pytest.mark.parametrize("kind", ["certificate", "office365"])
def test_where_there_is_no_secret_to_replace_the_page_says_so(
    admin: Client, connection: DataverseConnection, kind: str
) -> None:
    DataverseConnection.objects.update(enabled=True, authentication_type=kind)
    assert "does not sign in with a client secret" in admin.get(f"{PAGE}secret/").content.decode()
    assert admin.post(f"{PAGE}secret/", {"client_secret": "x"}).status_code == 200


# -- the legacy sign-in ------------------------------------------------------------------------------------------------


def test_the_legacy_sign_in_works_and_its_password_is_kept_as_typed(here: Company, sandbox: Any) -> None:
    line = sandbox.line()
    legacy = values(sandbox, authentication_type="office365", user_name=line["admin_user"])
    saved = connection_settings.save_settings(
        connection=services.connection_of(here), values=legacy, secret=line["admin_password"], user=None
    )
    report = checks_services.test_connection(connection=saved)
    assert any("signs in with user name and password" in check.message for check in report.checks), report.document()
    spaced = connection_settings.save_settings(connection=saved, values={}, secret=" two words ", user=None)
    assert unseal(spaced.user_password) == " two words "
    assert not checks_services.test_connection(connection=spaced).ok


def test_a_secret_of_another_type_does_not_follow_to_another_place(here: Company, sandbox: Any) -> None:
    saved = connection_settings.save_settings(
        connection=services.connection_of(here), values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    moved = by_certificate(sandbox, environment_url="https://contoso.crm4.dynamics.com", sandbox_ca_file="")
    saved = connection_settings.save_settings(connection=saved, values=moved, secret=PAIRS.one.bundle, user=None)
    assert saved.client_secret == b""
    with pytest.raises(Refusal, match="stored Password is not sent to another place"):
        connection_settings.save_settings(
            connection=connection_settings.save_settings(
                connection=saved, values={"authentication_type": "office365", "user_name": "a@b"}, secret="x", user=None
            ),
            values={"environment_url": "https://fabrikam.crm4.dynamics.com"},
            secret=None,
            user=None,
        )


# -- a provider --------------------------------------------------------------------------------------------------------

GIVEN: dict[str, str] = {}


def provider(company: Company) -> dict[str, str]:
    """Return GIVEN: CREDENTIAL_PROVIDER names this function in these tests."""
    assert isinstance(company, Company)
    return GIVEN


@pytest.fixture
def provides(settings: Any) -> Iterator[dict[str, str]]:
    settings.CREDENTIAL_PROVIDER = f"{__name__}.provider"
    yield GIVEN
    GIVEN.clear()


def test_a_provider_takes_the_place_of_client_id_and_secret(
    here: Company, sandbox: Any, provides: dict[str, str], admin: Client
) -> None:
    provides |= {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    report = enabling_services.enable(company=here, user=None, values=values(sandbox, client_id=""), secret=None)
    assert report.ok, report.document()
    stored = services.connection_of(here)
    assert (stored.client_secret, stored.client_id) == (b"", "")
    registered(sandbox, PAIRS.one)
    provides.pop("client_secret")
    provides |= {"private_key": PAIRS.one.private_key_pem, "certificate": PAIRS.one.certificate_pem}
    assert clients.client_for(here).who_am_i()
    enabling_services.disable(company=here, user=None)
    page = shown(admin.get(PAGE))
    assert "CREDENTIAL_PROVIDER" in page
    assert 'name="client_secret"' not in page
    assert 'name="client_id"' not in page


def breaks(company: Company) -> dict[str, str]:
    raise RuntimeError("vault said no to token-in-the-message")


def test_a_broken_provider_is_reported_and_the_stored_secret_is_not_used_instead(
    here: Company, sandbox: Any, settings: Any, admin: Client, caplog: Any
) -> None:
    enabling_services.enable(company=here, user=None, values=values(sandbox), secret=sandbox.client_secret)
    settings.CREDENTIAL_PROVIDER = f"{__name__}.breaks"
    said = "cannot be used: RuntimeError."
    for url in (PAGE, "/c/cronus-international/"):
        answer = admin.get(url)
        assert answer.status_code == 200
        assert said in shown(answer)
        assert "manage.py shell" in shown(answer)
    with pytest.raises(services.NotConnected, match=said) as refused:
        clients.client_for(here)
    assert "manage.py shell" in refused.value.fix
    enabling_services.disable(company=here, user=None)
    report = enabling_services.enable(company=here, user=None, values=values(sandbox), secret=None)
    assert report.failed is not None
    assert said in report.failed.message
    assert said in shown(admin.post(f"{PAGE}test/", follow=True))
    assert "RuntimeError" in caplog.text
    assert "token-in-the-message" not in caplog.text


def test_a_provider_without_an_answer_leaves_the_stored_settings_in_use(
    here: Company, sandbox: Any, provides: dict[str, str]
) -> None:
    assert enabling_services.enable(company=here, user=None, values=values(sandbox), secret=sandbox.client_secret).ok


# -- how long they are good --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "state", "step", "said"),
    [
        (400, "ok", None, "is valid until"),
        (31, "ok", None, "is valid until"),
        (30, "warning", 30, "in 30 days"),
        (15, "warning", 30, "in 15 days"),
        (14, "warning", 14, "in 14 days"),
        (7, "warning", 7, "in 7 days"),
        (2, "warning", 7, "in 2 days"),
        (1, "warning", 1, "tomorrow"),
        (0, "warning", 1, "today"),
        (-1, "error", 0, "expired on"),
    ],
)
def test_people_are_warned_before_a_credential_expires(days: int, state: str, step: int | None, said: str) -> None:
    expiry = Expiry("Client Secret", date(2027, 3, 1) + timedelta(days), days)
    assert (expiry.state, expiry.warning_days) == (state, step)
    assert said in expiry.message
    assert bool(expiry.fix) is (state != "ok")


def test_the_page_and_the_test_warn_of_a_certificate_that_expires(here: Company, sandbox: Any, admin: Client) -> None:
    short = make_pair("Short", days=6)
    registered(sandbox, short)
    report = enabling_services.enable(company=here, user=None, values=by_certificate(sandbox), secret=short.bundle)
    assert report.ok
    (told,) = [check for check in report.checks if check.name == "Sign-in of the application"]
    assert (told.state, "expires in" in told.message) == ("warning", True)
    assert "The Certificate expires in" in shown(admin.get(PAGE))


# -- page and command --------------------------------------------------------------------------------------------------


def test_the_fields_shown_are_those_of_the_authentication_type(admin: Client, company: Company) -> None:
    here = {
        "client_secret": {"client_secret", "client_secret_expires_on"},
        "certificate": {"certificate_file"},
        "office365": {"user_name", "user_password"},
    }
    for kind, names in here.items():
        page = shown(admin.post(PAGE + "choose/", {"authentication_type": kind, "tenant_id": "typed and kept"}))
        for name in set().union(*here.values()):
            assert (f'name="{name}"' in page) == (name in names), (kind, name)
        assert "typed and kept" in page
    assert "Office365 is deprecated" in page
    assert not DataverseConnection.objects.filter(company=company).exists()


def test_a_certificate_is_uploaded_and_never_comes_back(admin: Client, company: Company) -> None:
    typed = {
        "environment_url": "https://contoso.crm4.dynamics.com", "tenant_id": TENANT, "client_id": APPLICATION,
        "authentication_type": "certificate", "ownership_model": "team", "cloud": "commercial",
    }  # fmt: skip
    wrong = admin.post(PAGE + "save/", {**typed, "certificate_file": SimpleUploadedFile("c.pem", b"\xff\xfe")})
    assert "This is not a PEM file" in shown(wrong)
    file = SimpleUploadedFile("c.pem", PAIRS.one.bundle.encode())
    assert admin.post(PAGE + "save/", {**typed, "certificate_file": file}).status_code == 302
    stored = services.connection_of(company)
    assert unseal(stored.private_key) == PAIRS.one.private_key_pem
    page = shown(admin.get(PAGE))
    assert PAIRS.one.thumbprint in page
    assert "PRIVATE KEY" not in page
    assert admin.post(PAGE + "save/", typed).status_code == 302
    assert services.connection_of(company).private_key, "nothing chosen keeps the stored one"


def test_the_command_connects_by_certificate(here: Company, sandbox: Any, capsys: Any, tmp_path: Path) -> None:
    registered(sandbox, PAIRS.one)
    (tmp_path / "pair.pem").write_text(PAIRS.one.bundle)
    line = sandbox.line()
    code, said, everything = run(
        capsys, "enable", "--company", here.slug, "--environment-url", line["environment_url"], "--tenant",
        line["tenant_id"], "--client-id", line["client_id"], "--certificate-file", str(tmp_path / "pair.pem"),
    )  # fmt: skip
    assert code == 0, said
    assert (said["enabled"], said["authentication_type"]) == (True, "certificate")
    assert "PRIVATE KEY" not in everything
    assert json.dumps(said)
    (tmp_path / "pair.pem").write_text(PAIRS.one.certificate_pem)
    code, said, _ = run(
        capsys, "test", "--company", here.slug, "--environment-url", line["environment_url"], "--tenant",
        line["tenant_id"], "--client-id", line["client_id"], "--certificate-file", str(tmp_path / "pair.pem"),
    )  # fmt: skip
    assert code == 1
    (check,) = said["checks"]
    assert (check["name"], check["state"]) == ("Sign-in of the application", "error")
    assert "holds no private key" in f"{check['message']} {check['fix']}"
