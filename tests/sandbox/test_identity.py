"""Sign-in with secrets, certificates and pages, and access to the environment."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sandbox.testing import Sandbox
from tests.sandbox.browsing import hidden_fields
from tests.sandbox.conftest import Api, api_of, ask_token, plain_session


def test_msal_gets_a_token_by_client_secret_that_the_web_api_accepts(sandbox: Sandbox) -> None:
    session = plain_session(sandbox)
    application = msal.ConfidentialClientApplication(
        sandbox.client_id,
        authority=sandbox.authority,
        client_credential=sandbox.client_secret,
        instance_discovery=False,
        http_client=session,
    )
    result = application.acquire_token_for_client([f"{sandbox.environment_url}/.default"])
    assert result["token_type"] == "Bearer"
    answer = session.get(
        f"{sandbox.environment_url}/api/data/v9.2/WhoAmI", headers={"Authorization": f"Bearer {result['access_token']}"}
    )
    assert answer.json()["OrganizationId"] == sandbox.environment.organization_id


REFUSALS = [
    pytest.param({"client_secret": "wrong"}, 401, "invalid_client", 7000215, id="wrong secret"),
    pytest.param({"client_secret": ""}, 401, "invalid_client", 7000218, id="no secret"),
    pytest.param(
        {"client_id": "11111111-1111-1111-1111-111111111111"}, 400, "unauthorized_client", 700016, id="unknown"
    ),
    pytest.param({"scope": "https://other.crm.dynamics.com/.default"}, 400, "invalid_resource", 500011, id="resource"),
    pytest.param({"scope": "openid"}, 400, "invalid_scope", 70011, id="no resource"),
    pytest.param({"grant_type": "magic"}, 400, "unsupported_grant_type", 70003, id="grant"),
    pytest.param(
        {"grant_type": "password", "username": "x", "password": "y"}, 400, "invalid_grant", 50126, id="password"
    ),
]


@pytest.mark.parametrize(("form", "status", "error", "number"), REFUSALS)
def test_token_endpoint_refuses_with_the_documented_error_numbers(
    sandbox: Sandbox, form: dict[str, str], status: int, error: str, number: int
) -> None:
    answer = ask_token(sandbox, plain_session(sandbox), **form)
    document = answer.json()
    assert (answer.status_code, document["error"]) == (status, error)
    assert document["error_codes"] == [number]
    assert document["error_description"].startswith(f"AADSTS{number}: ")
    assert sandbox.client_secret not in answer.text


def test_unknown_tenant_is_refused_by_metadata_and_token_endpoint(sandbox: Sandbox) -> None:
    session = plain_session(sandbox)
    for method, path in (("GET", "v2.0/.well-known/openid-configuration"), ("POST", "oauth2/v2.0/token")):
        answer = session.request(method, f"{sandbox.environment_url}/99999999-0000-0000-0000-000000000000/{path}")
        assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


def test_openid_metadata_names_addresses_on_the_requested_origin(sandbox: Sandbox) -> None:
    session = plain_session(sandbox)
    by_address = sandbox.environment_url.replace("localhost", "127.0.0.1")
    document = session.get(f"{by_address}/{sandbox.tenant_id}/v2.0/.well-known/openid-configuration").json()
    assert document["token_endpoint"] == f"{by_address}/{sandbox.tenant_id}/oauth2/v2.0/token"
    assert document["issuer"].startswith(by_address)
    assert session.get(document["jwks_uri"]).json()["keys"][0]["kty"] == "RSA"


def test_expired_and_wrong_secret_have_different_errors(sandbox: Sandbox) -> None:
    sandbox.control(
        "POST",
        "applications",
        {"client_id": sandbox.client_id, "secrets": [{"value": "short-lived", "expires": "2020-01-01T00:00:00Z"}]},
    )
    answer = ask_token(sandbox, plain_session(sandbox), client_secret="short-lived")
    assert answer.json()["error_codes"] == [7000222]
    assert ask_token(sandbox, plain_session(sandbox)).json()["error_codes"] == [7000215]


def test_secret_expires_by_the_sandboxs_clock(sandbox: Sandbox) -> None:
    secret = {"value": "an hour", "expires": sandbox.environment.clock.now() + 3600}
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "secrets": [secret]})
    assert ask_token(sandbox, plain_session(sandbox), client_secret="an hour").status_code == 200
    sandbox.control("PUT", "clock", {"offset_s": 3601})
    assert ask_token(sandbox, plain_session(sandbox), client_secret="an hour").json()["error_codes"] == [7000222]


@pytest.mark.parametrize("authorization", ["", "Bearer nonsense", "Basic eDp5"])
def test_invalid_token_is_answered_with_401_that_names_the_tenant(sandbox: Sandbox, authorization: str) -> None:
    answer = plain_session(sandbox).get(
        f"{sandbox.environment_url}/api/data/v9.2/WhoAmI", headers={"Authorization": authorization}
    )
    assert answer.status_code == 401
    assert f"authorization_uri={sandbox.environment_url}/{sandbox.tenant_id}/" in answer.headers["WWW-Authenticate"]


def test_token_expires_by_the_sandboxs_clock(sandbox: Sandbox) -> None:
    api = api_of(sandbox)
    assert api.send("GET", "WhoAmI").status_code == 200
    sandbox.control("PUT", "clock", {"offset_s": 3700})
    assert api.send("GET", "WhoAmI").status_code == 401


def test_an_application_without_a_user_is_not_a_member_of_the_organization(empty: Sandbox) -> None:
    assert api_of(empty).refusal("GET", "WhoAmI") == (403, "0x80072560")


def test_administrator_creates_the_application_user_and_assigns_a_role(empty: Sandbox) -> None:
    admin = api_of(empty, grant_type="password", username=empty.admin_user, password=empty.admin_password)
    unit = admin.get("businessunits?$select=name")["value"][0]["businessunitid"]
    body = {"applicationid": empty.client_id, "businessunitid@odata.bind": f"/businessunits({unit})"}
    user = admin.create("systemusers", **body)
    assert admin.refusal("POST", "systemusers", json=body) == (412, "0x8004f511")
    application = api_of(empty)
    assert application.get("WhoAmI")["UserId"] == user
    assert application.refusal("GET", "accounts") == (403, "0x80042f09")
    role = admin.get("roles?$select=name&$filter=name eq 'System Administrator'")["value"][0]["roleid"]
    reference = {"@odata.id": f"{admin.base}roles({role})"}
    assert (
        admin.send("POST", f"systemusers({user})/systemuserroles_association/$ref", json=reference).status_code == 204
    )
    assert application.get("accounts")["value"] == []
    shown = admin.get(f"systemusers({user})?$select=fullname&$expand=systemuserroles_association($select=name)")
    assert [one["name"] for one in shown["systemuserroles_association"]] == ["System Administrator"]
    assert admin.send("DELETE", f"systemusers({user})/systemuserroles_association({role})/$ref").status_code == 204
    assert application.refusal("GET", "accounts") == (403, "0x80042f09")


CLOSED = [({"admin_mode": True}, "0x8004a113"), ({"disabled": True}, "0x8004a104")]


@pytest.mark.parametrize(("change", "code"), CLOSED)
def test_closed_environment_answers_403_with_the_reason(api: Api, change: dict[str, bool], code: str) -> None:
    api.sandbox.control("PUT", "environment", change)
    assert api.refusal("GET", "WhoAmI") == (403, code)


def test_administrator_has_access_in_administration_mode(admin: Api) -> None:
    admin.sandbox.control("PUT", "environment", {"admin_mode": True})
    assert admin.send("GET", "WhoAmI").status_code == 200


def test_integration_role_creates_companies_units_and_teams_but_no_users(api: Api) -> None:
    unit = api.create("businessunits", name="Cronus (1)")
    team = api.create("teams", name="Tandem - Cronus (1)", **{"businessunitid@odata.bind": f"/businessunits({unit})"})
    roles = api.get(f"roles?$select=name&$filter=_businessunitid_value eq {unit}")["value"]
    role = next(one["roleid"] for one in roles if one["name"] == "Tandem Dataverse Integration")
    reference = {"@odata.id": f"{api.base}roles({role})"}
    assert api.send("POST", f"teams({team})/teamroles_association/$ref", json=reference).status_code == 204
    body = {"tandem_name": "Cronus", "tandem_externalid": "1", "tandem_defaultowningteam@odata.bind": f"/teams({team})"}
    company = api.create("tandem_companies", **body)
    account = api.create(
        "accounts",
        name="Owned",
        **{"ownerid@odata.bind": f"/teams({team})", "tandem_companyid@odata.bind": f"/tandem_companies({company})"},
    )
    row = api.get(f"accounts({account})?$select=_owningteam_value,_owninguser_value,_owningbusinessunit_value")
    assert (row["_owningteam_value"], row["_owninguser_value"], row["_owningbusinessunit_value"]) == (team, None, unit)
    assert api.refusal("POST", "systemusers", json={"applicationid": api.sandbox.client_id}) == (403, "0x80040220")
    assert api.refusal("POST", "tandem_companies", json=body) == (412, "0x80060892")
    other = api.get("roles?$filter=name eq 'Tandem Dataverse Integration'")["value"][0]["roleid"]
    wrong = {"@odata.id": f"/roles({other})"}
    assert api.refusal("POST", f"teams({team})/teamroles_association/$ref", json=wrong) == (400, "0x8004140d")


def test_certificate_is_trusted_for_this_machines_names_through_the_authority_only(
    sandbox: Sandbox,
) -> None:
    port = sandbox.server.port
    session = plain_session(sandbox)
    for host in ("localhost", "127.0.0.1", "[::1]"):
        assert session.get(f"https://{host}:{port}/_sandbox/").status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        stranger = requests.Session()
        stranger.trust_env = False
        stranger.get(f"https://localhost:{port}/_sandbox/")


def key_and_certificate() -> tuple[str, str, str]:
    """Return a private key, its certificate for a day, and the certificate's thumbprint."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tandem")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return private.decode(), pem, certificate.fingerprint(hashes.SHA1()).hex()


@pytest.mark.parametrize("with_thumbprint", [True, False], ids=["RS256", "PS256"])
def test_msal_gets_a_token_with_a_registered_certificate_only(sandbox: Sandbox, with_thumbprint: bool) -> None:
    private, certificate, thumbprint = key_and_certificate()
    credential = {"private_key": private, "public_certificate": certificate}
    if with_thumbprint:
        credential = {"private_key": private, "thumbprint": thumbprint}

    def result() -> dict[str, Any]:
        application = msal.ConfidentialClientApplication(
            sandbox.client_id,
            authority=sandbox.authority,
            client_credential=credential,
            instance_discovery=False,
            http_client=plain_session(sandbox),
        )
        answer: dict[str, Any] = application.acquire_token_for_client([f"{sandbox.environment_url}/.default"])
        return answer

    assert result()["error_codes"] == [700027]
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "certificates": [certificate]})
    assert result()["token_type"] == "Bearer"
    sandbox.control("PUT", "clock", {"offset_s": 2 * 86_400})
    expired = result()
    assert expired["error_codes"] == [700027]
    assert "expired" in expired["error_description"]


BAD_ASSERTIONS = ["", "x", "a.b.c", "e30.e30.e30", "bnVsbA.bnVsbA.x", "eyJ4NXQiOiJ4In0.e30.e30", "é.é.é"]


@pytest.mark.parametrize("text", BAD_ASSERTIONS)
def test_invalid_assertion_is_refused(sandbox: Sandbox, text: str) -> None:
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    answer = ask_token(sandbox, plain_session(sandbox), client_assertion=text, client_assertion_type=kind)
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [700027])


def run_sign_in_flow(
    sandbox: Sandbox, *, password: str, answer: str = "accept"
) -> tuple[Any, dict[str, Any], dict[str, str]]:
    """Return the application, its flow, and the parameters of the redirect to it."""
    session = plain_session(sandbox)
    application = msal.ConfidentialClientApplication(
        sandbox.client_id,
        authority=sandbox.authority,
        client_credential=sandbox.client_secret,
        instance_discovery=False,
        http_client=session,
    )
    flow = application.initiate_auth_code_flow(
        [f"{sandbox.environment_url}/user_impersonation"],
        redirect_uri="http://127.0.0.1:8000/oauth/",
        response_mode="query",
    )
    browser = plain_session(sandbox)
    page = browser.get(flow["auth_uri"]).text
    assert "<h1>Sign in</h1>" in page
    form = {**hidden_fields(page), "username": sandbox.admin_user, "password": password, "answer": "sign-in"}
    page = browser.post(flow["auth_uri"], data=form).text
    if "Permissions requested" not in page:
        return application, flow, {"page": page}
    assert "Act in Dataverse as you" in page
    assert password not in page
    back = browser.post(flow["auth_uri"], data={**hidden_fields(page), "answer": answer}, allow_redirects=False)
    assert back.headers["Location"].startswith("http://127.0.0.1:8000/oauth/?")
    return application, flow, dict(parse_qsl(urlsplit(back.headers["Location"]).query))


def test_person_signs_in_and_consents_and_the_application_acts_as_them(sandbox: Sandbox) -> None:
    application, flow, returned = run_sign_in_flow(sandbox, password=sandbox.admin_password)
    result = application.acquire_token_by_auth_code_flow(flow, returned)
    assert result["id_token_claims"]["preferred_username"] == sandbox.admin_user
    headers = {"Authorization": f"Bearer {result['access_token']}"}
    address = f"{sandbox.environment_url}/api/data/v9.2"
    user = plain_session(sandbox).get(f"{address}/WhoAmI", headers=headers).json()["UserId"]
    shown = plain_session(sandbox).get(f"{address}/systemusers({user})", headers=headers).json()
    assert (shown["domainname"], shown["islicensed"]) == (sandbox.admin_user, True)
    again = application.acquire_token_by_auth_code_flow(flow, returned)
    assert again["error"] == "invalid_grant"
    renewed = application.acquire_token_by_refresh_token(
        result["refresh_token"], [f"{sandbox.environment_url}/user_impersonation"]
    )
    assert renewed["access_token"]


def test_wrong_password_shows_the_page_again_and_a_person_may_decline(sandbox: Sandbox) -> None:
    page = run_sign_in_flow(sandbox, password="wrong")[2]["page"]
    assert "is not right" in page
    application, flow, returned = run_sign_in_flow(sandbox, password=sandbox.admin_password, answer="cancel")
    assert returned["error"] == "access_denied"
    assert application.acquire_token_by_auth_code_flow(flow, returned)["error"] == "access_denied"


def test_code_without_its_verifier_is_refused(sandbox: Sandbox) -> None:
    _, flow, returned = run_sign_in_flow(sandbox, password=sandbox.admin_password)
    form = {"grant_type": "authorization_code", "code": returned["code"], "redirect_uri": flow["redirect_uri"]}
    answer = ask_token(sandbox, plain_session(sandbox), **form, code_verifier="guessed")
    assert answer.json()["error_codes"] == [501481]


BAD_REQUESTS = [
    ({"client_id": "x"}, "AADSTS700016"),
    ({"redirect_uri": "https://elsewhere.example/"}, "AADSTS50011"),
    ({"redirect_uri": ""}, "AADSTS50011"),
]


@pytest.mark.parametrize(("change", "text"), BAD_REQUESTS)
def test_browser_is_not_redirected_to_an_unregistered_address(
    sandbox: Sandbox, change: dict[str, str], text: str
) -> None:
    asked = {
        "client_id": sandbox.client_id,
        "redirect_uri": "http://localhost:8000/",
        "response_type": "code",
        **change,
    }
    address = f"{sandbox.authority}/oauth2/v2.0/authorize"
    answer = plain_session(sandbox).get(address, params=asked, allow_redirects=False)
    assert (answer.status_code, text in answer.text) == (400, True)
    asked.update(client_id=sandbox.client_id, redirect_uri="http://localhost:8000/")
    answer = plain_session(sandbox).get(address, params=asked, allow_redirects=False)
    assert "error=invalid_request" in answer.headers["Location"]
