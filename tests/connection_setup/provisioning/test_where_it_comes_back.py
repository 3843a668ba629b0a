"""A sign-in ends at whatever host it was begun, tells the page that waits for it, and its code stands in no address of
a page of ours; consent for a tenant is given by its administrator, here or by a link."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from connection_setup.connection import redirect_url, state
from connection_setup.connection import settings as connection_settings
from connection_setup.models import AdministratorSignIn
from connection_setup.provisioning import sign_in as administrator
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import signed_in
from tests.connection_setup.provisioning.test_environment import values
from tests.sandbox.browsing import hidden_fields, sign_in
from tests.sandbox.conftest import plain_session

pytestmark = pytest.mark.django_db
PAGE = "/c/cronus-international/dataverse-connection-setup/administrator/"
BACK = "/connection/signed-in"


@pytest.fixture
def ready(company: Company, sandbox: Sandbox) -> Company:
    connection_settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    return company


def begin(client: Client, host: str = "testserver", **more: str) -> str:
    body = {"purpose": "prepare", "consent": "on", **more}
    return str(client.post(f"{PAGE}sign-in/", body, headers={"host": host})["Location"])


def returned(sandbox: Sandbox, address: str) -> dict[str, Any]:
    return sign_in(sandbox, address, sandbox.admin_user, sandbox.admin_password)


@override_settings(
    SITE_URL="http://127.0.0.1:8000", ALLOWED_HOSTS=["localhost", "127.0.0.1", "tandem.lan", "testserver"]
)
def test_a_sign_in_ends_at_the_host_where_it_was_begun(admin: Client, ready: Company, sandbox: Sandbox) -> None:
    assert redirect_url.default_url() == "http://localhost:8000/connection/signed-in", "what the portal takes"
    for host in ("localhost:8000", "127.0.0.1:8000", "127.0.0.1:9000"):
        address = begin(admin, host)
        asked = parse_qs(urlsplit(address).query)
        assert asked["redirect_uri"] == [redirect_url.default_url()], "one address is registered, whatever the host"
        assert asked["prompt"] == ["select_account"]
        back = returned(sandbox, address)
        browser = Client() if host != "localhost:8000" else admin  # cookies belong to the host they were set at
        landed = browser.get(BACK, back, headers={"host": "localhost:8000"})
        if host != "localhost:8000":
            assert landed["Location"].startswith(f"http://{host}{BACK}?"), host
            assert dict(parse_qsl(urlsplit(landed["Location"]).query))["code"] == back["code"]
            landed = admin.get(BACK, back, headers={"host": host})
        assert landed["Location"] == PAGE, host
        found = administrator.current(ready, str(admin.session.session_key))
        assert found is not None
        assert (found.name, found.problem) == (sandbox.admin_user, "")


TRUSTED = (
    ("http://127.0.0.1:8000", "http://localhost:9000", True),
    ("http://127.0.0.1:8000", "https://tandem.lan:8000", True),
    ("http://127.0.0.1:8000", "http://tandem.lan:8000", False),
    ("http://127.0.0.1:8000", "http://tandem.lan", False),
    ("http://127.0.0.1:8000", "https://tandem.lan:9000", False),
    ("https://tandem.example", "https://tandem.lan", True),
    ("https://tandem.example", "https://tandem.example:443", True),
    ("https://tandem.example", "https://tandem.example:8443", False),
    ("https://tandem.example", "http://tandem.example", False),
    ("https://tandem.example", "http://tandem.example:443", False),
    ("https://tandem.example", "http://localhost:9000", False),
    ("https://tandem.example", "https://evil.example", False),
    ("https://tandem.example", f"https://{'a' * 240}.tandem.lan", False),
    ("https://tandem.example", "", False),
)


def test_the_code_of_a_sign_in_is_handed_on_to_origins_of_this_site_alone() -> None:
    for site, origin, expected in TRUSTED:
        with override_settings(SITE_URL=site, ALLOWED_HOSTS=["*", "localhost", ".tandem.lan"]):
            assert redirect_url.is_trusted(origin) is expected, (site, origin)


@override_settings(SITE_URL="https://testserver", ALLOWED_HOSTS=["*", "testserver"])
def test_a_sign_in_begun_at_a_host_that_only_a_star_allows_is_not_handed_on_to_it(
    admin: Client, ready: Company
) -> None:
    for host, secure in (("evil.example", True), ("testserver:8443", True), ("testserver", False)):
        admin.post(f"{PAGE}sign-in/", {"purpose": "prepare", "consent": "on"}, headers={"host": host}, secure=secure)
        assert AdministratorSignIn.objects.get().origin == "", host
    AdministratorSignIn.objects.update(origin="https://evil.example", state=administrator._digest("known"))
    landed = Client().get(BACK, {"state": "known", "code": "x"}, headers={"host": "testserver"}, secure=True)
    assert landed["Location"] == "/sign-in/", "an origin that was stored before is looked at again"


def test_nobody_is_asked_to_sign_in_here_at_an_address_with_the_code(
    admin: Client, ready: Company, sandbox: Sandbox
) -> None:
    back = returned(sandbox, begin(admin, in_window="1"))
    lost = Client().get(BACK, {**back, "next": "//evil.example"})
    assert lost["Location"] == "/sign-in/"
    assert back["code"] not in lost["Location"] + lost.content.decode()
    told = admin.get(PAGE).content.decode()
    assert "came back to a browser that is not signed in here" in told, "the page that opened the window says so"
    assert "Waiting for the sign-in" not in told


def test_what_goes_wrong_in_the_window_is_told_by_the_page_that_opened_it(
    admin: Client, ready: Company, sandbox: Sandbox
) -> None:
    connection_settings.save_settings(
        connection=state.connection_of(ready),
        values={"tenant_id": "9c1d5a52-9a5e-4a55-8a9e-0f1c5d3f7b10"},
        secret=sandbox.client_secret,
        user=None,
    )
    assert begin(admin, in_window="1") == f"{PAGE}window/"
    assert "There is no tenant with this Tenant ID." in admin.get(f"{PAGE}window/").content.decode()
    assert "The sign-in cannot begin. There is no tenant" in admin.get(PAGE).content.decode()


def test_refusals_of_microsoft_reach_the_page_with_their_remedy(
    admin: Client, ready: Company, sandbox: Sandbox
) -> None:
    for number, said in (
        (53000, "managed device"),
        (53003, "name the policy"),
        (90094, "Grant admin consent"),
        (650052, "has no Dataverse"),
    ):
        sandbox.control("PUT", "tenant", {"refusals": [{"number": number, "times": 1}]})
        address = begin(admin)
        browser = plain_session(sandbox)
        form = {**hidden_fields(browser.get(address).text), "answer": "sign-in"}
        form |= {"username": sandbox.admin_user, "password": sandbox.admin_password}
        answer = browser.post(address, data=form, allow_redirects=False)
        if answer.status_code == 200:
            sent = {**hidden_fields(answer.text), "answer": "accept"}
            answer = browser.post(address, data=sent, allow_redirects=False)
        admin.get(BACK, dict(parse_qsl(urlsplit(answer.headers["Location"]).query)))
        assert said in admin.get(PAGE).content.decode(), number


def consents(sandbox: Sandbox, address: str, answer: str) -> dict[str, str]:
    """Consent as an administrator of the tenant; return what the browser comes back with."""
    browser = plain_session(sandbox)
    form = {**hidden_fields(browser.get(address).text), "answer": "sign-in"}
    form |= {"username": sandbox.admin_user, "password": sandbox.admin_password}
    page = browser.post(address, data=form).text
    gone = browser.post(address, data={**hidden_fields(page), "answer": answer}, allow_redirects=False)
    return dict(parse_qsl(urlsplit(gone.headers["Location"]).query))


def test_an_administrator_consents_for_the_tenant_and_the_answers_error_decides(
    admin: Client, ready: Company, sandbox: Sandbox
) -> None:
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "consented": False})
    assert "Grant admin consent" in admin.get(PAGE).content.decode()
    for answer, said in (("cancel", "Consent was not given"), ("accept", "Consent was given for everybody")):
        address = str(admin.post(f"{PAGE}consent/", {"back": PAGE})["Location"])
        back = consents(sandbox, address, answer)
        assert back["admin_consent"] == "True"
        landed = admin.get(BACK, back)
        assert landed["Location"] == PAGE
        assert said in admin.get(PAGE).content.decode()
        assert not AdministratorSignIn.objects.exists()
        assert said.partition(" for")[0] in admin.get(BACK, back).content.decode(), "a second time nothing is taken"
    listed = sandbox.environment.tenant.applications[sandbox.client_id]
    assert listed.consented


def test_a_link_that_was_passed_on_tells_its_result_to_whoever_opens_it(ready: Company, sandbox: Sandbox) -> None:
    address = administrator.consent_address(state.connection_of(ready))
    for answer, said in (("accept", "Consent was given"), ("cancel", "Consent was not given")):
        page = Client().get(BACK, consents(sandbox, address, answer)).content.decode()
        assert f"<h1>\n    \n      {said}" in page or said in page
    forged = Client().get(
        BACK, {"admin_consent": "True", "error": "x", "error_description": "<script>alert(1)</script>"}
    )
    assert "<script>alert" not in forged.content.decode()
    for error in ("access_denied", "consent_required", "Call-this-number", "invalid_grant"):
        for number, known in (("65004", "Cancel"), ("50020", ""), ("", "")):
            said = f"AADSTS{number}: Call our help desk." if number else "Call our help desk."
            asked = {"admin_consent": "True", "error": error, "error_description": said}
            page = Client().get(BACK, asked).content.decode()
            assert "Consent was not given" in page, asked
            assert "help desk" not in page, "nobody puts words into our mouth"
            assert "Call-this" not in page
            assert known in page or error != "access_denied"


def test_consent_without_a_tenant_says_what_is_missing(admin: Client, company: Company) -> None:
    state.connection_of(company)
    page = admin.post(f"{PAGE}consent/", follow=True).content.decode()
    assert "The Tenant ID is missing or not valid." in page


def test_a_consent_is_waited_for_an_hour_at_the_host_where_it_was_begun(ready: Company, admin_user: Any) -> None:
    for purpose, minutes, expected in (
        (administrator.CONSENT, 50, "https://a"), (administrator.CONSENT, 70, ""), ("prepare", 20, ""),
        ("prepare", 10, "https://a"),
    ):  # fmt: skip
        AdministratorSignIn.objects.all().delete()
        made = AdministratorSignIn.objects.create(
            company=ready, user=admin_user, purpose=purpose, state=administrator._digest("x"), session="s",
            origin="https://a", credential_version=1,
        )  # fmt: skip
        AdministratorSignIn.objects.filter(pk=made.pk).update(began_at=timezone.now() - timedelta(minutes=minutes))
        assert administrator.begun_at("x") == expected, (purpose, minutes)


def test_only_administrators_ask_for_consent(ready: Company) -> None:
    assert signed_in("Viewer").post(f"{PAGE}consent/").status_code == 403
