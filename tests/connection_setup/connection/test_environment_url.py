"""Addresses somebody means ill with: none becomes an environment, and no sign-in comes back elsewhere."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from connection_setup.checks import services as checks_services
from connection_setup.connection import redirect_url, state
from connection_setup.connection import settings as connection_settings
from connection_setup.models import AdministratorSignIn, DataverseConnection
from connection_setup.provisioning import sign_in as administrator
from connection_setup.secrets.sealing import seal
from core.refusals import Refusal
from dataverse import clouds, transport
from dataverse.client import DataverseClient
from dataverse.errors import ConfigurationError
from dataverse.types import ClientSecret, Credentials, Environment
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import APPLICATION, SECRET, TENANT, fields
from tests.connection_setup.provisioning.test_environment import values
from tests.connection_setup.setup.test_page import PAGE, text_of
from tests.connection_setup.test_command import run
from tests.dataverse.test_tables import HOSTILE as MALFORMED
from tests.sandbox.browsing import sign_in

HOSTILE = [
    *MALFORMED,
    # what a browser or a parser leaves out, and a person does not see
    "https://evil.example\t.crm4.dynamics.com", "https://cont\toso.crm4.dynamics.com",
    "https://contoso.crm4.dynamics.com\n.evil.example", "https://contoso.crm4.dyna\r\nmics.com",
    "https://contoso.crm4.dynamics.com\x00.evil.example", "\x00https://evil.example", "https://evil\x7f.crm4.dynamics.com",
    "https://contoso.crm4.dynamics.com\u00a0.evil.example", "https://evil.example\u200b.crm4.dynamics.com",
    "https://\u202emoc.scimanyd.4mrc.osotnoc", "https://contoso.crm4.dynamics.com\u2044evil.example",
    # homographs and their encodings
    "https://contoso.crm4.dyn\u0430mics.com", "https://contoso.\u0441rm4.dynamics.com",
    "https://contoso.crm4.dynamics.\uff43om", "https://contoso\uff0ecrm4\uff0edynamics\uff0ecom",
    "https://xn--contoso.crm4.xn--dynmics-8za.com", "https://contoso.crm4.dynamics.com.xn--p1ai",
    # dots, percent signs, slashes
    "https://contoso%2ecrm4.dynamics.com", "https://contoso.crm4.dynamics%2ecom", "https://%65vil.crm4.dynamics.com",
    "https://contoso.crm4.dynamics.com..", "https://contoso..crm4.dynamics.com", "https://contoso.crm4.dynamics.com%2f@evil",
    "https:/\\evil.example", "https:\\\\contoso.crm4.dynamics.com", "https://contoso.crm4.dynamics.com\\.evil.example",
    "https://contoso.crm4.dynamics.com\\@evil.example", "https://evil.example/\\contoso.crm4.dynamics.com",
    # names, at signs, questions and fragments
    "https://contoso.crm4.dynamics.com:443@evil.example", "https://contoso.crm4.dynamics.com#@evil.example",
    "https://contoso.crm4.dynamics.com?@evil.example", "https://evil.example:443#@contoso.crm4.dynamics.com",
    "https://@contoso.crm4.dynamics.com", "https://:@contoso.crm4.dynamics.com",
    "contoso.crm4.dynamics.com@evil.example",
    # machines and networks
    "https://127.1", "https://0177.0.0.1", "https://0x7f.1", "https://3232235521", "https://192.168.0.1",
    "https://172.16.0.1", "https://[::]", "https://[::ffff:169.254.169.254]", "https://[fe80::1%25eth0]",
    "https://169.254.169.254/metadata/instance", "https://[fd00:ec2::254]", "https://metadata.azure.internal",
    "https://localhost", "https://LOCALHOST:8443", "https://127.0.0.1:8443", "https://[::1]:8443",
    "https://localhost.", "https://127.0.0.1.nip.io", "https://localtest.me", "https://contoso",
    # other schemes, and none
    "file:///etc/passwd", "javascript:alert(1)", "data:text/html,x", "ws://contoso.crm4.dynamics.com",
    "gopher://contoso.crm4.dynamics.com", "https:", "http:contoso.crm4.dynamics.com", "//evil.example",
    "HTTP://contoso.crm4.dynamics.com", "https//contoso.crm4.dynamics.com", "blob:https://contoso.crm4.dynamics.com",
    # ports and lengths
    "https://contoso.crm4.dynamics.com:22", "https://contoso.crm4.dynamics.com:-1", "https://contoso.crm4.dynamics.com:+443",
    "https://contoso.crm4.dynamics.com:0443@x", "https://contoso.crm4.dynamics.com:\u0664\u0664\u0663",
    "https://" + "a" * 64 + ".crm4.dynamics.com", "https://contoso.crm4.dynamics.com/" + "a" * 5000,
    "https://" + "a." * 120 + "crm4.dynamics.com",
]  # fmt: skip
"""Every one of them typed while SANDBOX_ALLOWED is 0 and the cloud is Commercial."""


@pytest.fixture
def nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []

    def dead(self: Any, request: Any, **_: Any) -> None:
        sent.append(request.url)
        raise transport.requests.ConnectionError("There is no line in this test.")

    monkeypatch.setattr(transport.requests.Session, "send", dead)
    return sent


def test_there_are_more_than_a_hundred_of_them() -> None:
    assert len(set(HOSTILE)) > 100


@pytest.mark.parametrize("typed", HOSTILE)
def test_no_hostile_address_passes_the_check(typed: str) -> None:
    with pytest.raises(ConfigurationError):
        clouds.check_address(typed)


def test_the_page_refuses_what_the_check_refuses(
    admin: Client, company: Company, settings: Any, nothing_is_sent: list[str]
) -> None:
    """One address for each reason of the form's and of the check's."""
    settings.SANDBOX_ALLOWED = False
    reasons = (
        "https://contoso.crm4.dynamics.com\x00.evil.example",
        "https://" + "a." * 120 + "crm4.dynamics.com",
        "http:contoso.crm4.dynamics.com",
        "https://contoso.crm4.dynamics.com:443@evil.example",
        "https://127.0.0.1:8443",
        "https://contoso.crm4.dyn\u0430mics.com",
    )
    assert set(reasons) <= set(HOSTILE)
    for typed in reasons:
        for action in ("save", "test", "enable"):
            for more in ({}, {"replace": "yes"}):
                answer = admin.post(f"{PAGE}{action}/", fields(environment_url=typed, **more))
                assert answer.status_code == 200, (typed, action)
                page = text_of(answer.content.decode())
                assert "Environment URL" in page
                assert "with the suggested" not in page, typed
        assert not DataverseConnection.objects.filter(company=company).exists(), typed
    assert not nothing_is_sent


def test_none_passes_the_command(
    company: Company, settings: Any, capsys: Any, tmp_path: Path, nothing_is_sent: list[str]
) -> None:
    settings.SANDBOX_ALLOWED = False
    (tmp_path / "secret").write_text(SECRET)
    rest = ("--tenant", TENANT, "--client-id", APPLICATION, "--client-secret-file", str(tmp_path / "secret"))
    # The command has no field Cloud: it takes the one whose environments have such an address.
    for typed in [one for one in HOSTILE if clouds.cloud_of(one) == "commercial"]:
        for action in ("test", "enable"):
            code, said, everything = run(capsys, action, "--company", company.name, f"--environment-url={typed}", *rest)
            assert code == 1, typed
            assert SECRET not in everything
            assert not said.get("ok"), typed
    assert not DataverseConnection.objects.filter(enabled=True).exists()
    assert not nothing_is_sent


def test_none_passes_a_sandboxs_file(
    company: Company, settings: Any, capsys: Any, tmp_path: Path, nothing_is_sent: list[str]
) -> None:
    settings.SANDBOX_ALLOWED = False
    for typed in HOSTILE:
        line = {
            "environment_url": typed, "tenant_id": TENANT, "client_id": APPLICATION, "client_secret": SECRET,
            "ca_file": "/etc/passwd",
        }  # fmt: skip
        (tmp_path / "line").write_text(json.dumps(line))
        code, said, _ = run(capsys, "enable", "--company", company.name, "--sandbox", str(tmp_path / "line"))
        assert code == 1, typed
        assert "error" in said
    assert not nothing_is_sent


@pytest.mark.parametrize("typed", HOSTILE)
def test_none_passes_the_client(typed: str, nothing_is_sent: list[str]) -> None:
    credentials = Credentials(f"https://login.microsoftonline.com/{TENANT}", APPLICATION, ClientSecret(SECRET))
    with pytest.raises(ConfigurationError):
        DataverseClient(Environment(typed), credentials).who_am_i()
    assert not nothing_is_sent


@pytest.mark.parametrize("typed", [one for one in HOSTILE if len(one) <= 250 and "\x00" not in one])
def test_none_is_asked_even_where_it_stands_in_the_database(
    company: Company, settings: Any, typed: str, nothing_is_sent: list[str]
) -> None:
    """Written past every form: the client still holds the host against those of the cloud."""
    settings.SANDBOX_ALLOWED = False
    connection = DataverseConnection(
        company=company, environment_url=typed, tenant_id=TENANT, client_id=APPLICATION, client_secret=seal(SECRET)
    )
    report = checks_services.test_connection(connection=connection)
    assert report.failed is not None
    asked = {urlsplit(url).hostname for url in nothing_is_sent}
    assert asked <= {"login.microsoftonline.com"}, asked


# -- where a sign-in comes back to --------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/connection/signed-in", "//evil.example/connection/signed-in", "http://evil.example",
    "https://testserver.evil.example/connection/signed-in", "https://testserver@evil.example/connection/signed-in",
    "https://evil.example#testserver/connection/signed-in", "https://evil.example?testserver/connection/signed-in",
    "https://evil.example\\@testserver/connection/signed-in", "https:/\\evil.example/connection/signed-in",
    "https://testserver\\.evil.example/connection/signed-in", "https://testserver\t.evil.example/connection/signed-in",
    "https://testserver%2eevil.example/connection/signed-in", "https://testserver\x00.evil.example/connection/signed-in",
    "https://\u0442estserver/connection/signed-in", "https://testserver\u3002evil.example/connection/signed-in",
    "javascript:alert(1)//connection/signed-in", "data:text/html,/connection/signed-in",
    "file:///connection/signed-in", "https://169.254.169.254/connection/signed-in",
    "http://testserver/connection/signed-in", "https://testserver/connection/signed-in?next=https://evil.example",
    "https://testserver/connection/signed-in#https://evil.example", "https://testserver/logout",
    "https://testserver/connection/signed-in/../../logout", "https://testserver:99999/connection/signed-in",
    "https:///connection/signed-in", "https://" + "a" * 300 + "/connection/signed-in",
]  # fmt: skip


@pytest.mark.parametrize("typed", ELSEWHERE)
def test_no_redirect_url_leads_elsewhere(admin: Client, company: Company, typed: str) -> None:
    answer = admin.post(f"{PAGE}save/", fields(redirect_url=typed))
    assert answer.status_code == 200
    assert not DataverseConnection.objects.filter(company=company).exists()
    stored = DataverseConnection(company=company, redirect_url=typed)
    assert redirect_url.effective_url(stored) == redirect_url.default_url()
    with pytest.raises(Refusal):
        connection_settings.save_settings(
            connection=state.connection_of(company), values={"redirect_url": typed}, secret=None, user=None
        )


@pytest.mark.parametrize("typed", ELSEWHERE)
def test_no_page_that_a_sign_in_goes_on_with_is_elsewhere(typed: str) -> None:
    assert redirect_url.safe_return_path(typed, "/here") == "/here"


def test_a_return_address_written_past_every_view_leads_to_the_setup_page(
    admin: Client, company: Company, sandbox: Sandbox
) -> None:
    connection_settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    for elsewhere in ELSEWHERE[:20]:
        begun = admin.post(f"{PAGE}administrator/sign-in/", {"purpose": "prepare", "consent": "on"})
        AdministratorSignIn.objects.update(return_url=elsewhere[:250].replace("\x00", ""))
        back = sign_in(sandbox, begun["Location"], sandbox.admin_user, sandbox.admin_password)
        assert admin.get("/connection/signed-in", back)["Location"] == PAGE
        window = admin.get(f"{PAGE}administrator/window/").content.decode()
        assert "evil.example" not in window
        administrator.drop(company, str(admin.session.session_key))


def test_a_forged_host_is_refused_and_changes_no_redirect_url(admin: Client, company: Company) -> None:
    for forged in (
        "evil.example",
        "testserver.evil.example",
        "testserver@evil.example",
        "evil.example:80",
        "[::ffff:1]",
    ):
        assert admin.get(PAGE, headers={"host": forged}).status_code == 400
    for name in ("X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-URL"):
        page = admin.get(PAGE, headers={name: "evil.example"}).content.decode()
        assert "evil.example" not in page
        assert redirect_url.default_url() in page


@pytest.mark.parametrize("name", ["next", "return_url", "redirect_url", "back", "url", "to"])
def test_no_parameter_leads_away_from_a_sign_in(admin: Client, company: Company, sandbox: Sandbox, name: str) -> None:
    connection_settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    begun = admin.post(
        f"{PAGE}environments/sign-in/?{name}=//evil.example", {"tenant": "", name: "https://evil.example"}
    )
    asked = parse_qs(urlsplit(begun["Location"]).query)
    assert asked["redirect_uri"] == [redirect_url.default_url()]
    back = sign_in(sandbox, begun["Location"], sandbox.admin_user, sandbox.admin_password)
    answer = admin.get("/connection/signed-in", {**back, name: "https://evil.example"})
    assert answer["Location"] == f"{PAGE}environments/"


def test_signing_in_here_leads_to_none_of_them(company: Company) -> None:
    for typed in ELSEWHERE:
        landed = Client().post("/sign-in/?next=" + typed.replace("\x00", "%00"), {"username": "x", "password": "y"})
        assert "evil.example" not in landed.headers.get("Location", "")


def test_a_redirect_url_of_this_site_is_kept_and_the_sign_in_uses_it(
    admin: Client, company: Company, sandbox: Sandbox, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["testserver", "localhost", "tandem.contoso.com"]
    mine = "https://tandem.contoso.com/connection/signed-in"
    connection_settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    saved = admin.post(
        f"{PAGE}save/", fields(**values(sandbox), client_secret="", redirect_url=mine), follow=True
    ).content.decode()
    assert f'value="{mine}"' in saved
    assert state.connection_of(company).redirect_url == mine
    opens = administrator.begin(company=company, user=admin_of(), session_key="s", return_url="/")
    assert parse_qs(urlsplit(opens).query)["redirect_uri"] == [mine]
    emptied = admin.post(f"{PAGE}save/", fields(**values(sandbox), client_secret="", redirect_url=""), follow=True)
    assert f'value="{redirect_url.default_url()}"' in emptied.content.decode()
    assert state.connection_of(company).redirect_url == ""


def admin_of() -> Any:
    return User.objects.get(username="administrator")
