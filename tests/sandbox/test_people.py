"""Access of people: licences, roles, tenants, several environments, global discovery."""

from typing import Any

import pytest
import requests

from sandbox.identity.directory import OTHER_TENANT_ID
from sandbox.testing import Sandbox
from tests.sandbox.conftest import api_of, ask_token, plain_session

ADMINISTRATOR = "System Administrator"


def add_person(sandbox: Sandbox, name: str, **more: Any) -> dict[str, str]:
    """Add a person to the tenant; return the form to sign in as them."""
    whole = f"{name}@tandem-sandbox.example"
    sandbox.control("POST", "people", {"name": whole, "password": "open sesame", **more})
    return {"grant_type": "password", "username": whole, "password": "open sesame"}


def token_refusal(sandbox: Sandbox, **form: str) -> tuple[int, str]:
    answer = ask_token(sandbox, plain_session(sandbox), **form)
    return answer.status_code, f"{answer.json()['error']} {answer.json()['error_codes'][0]}"


ACCESS_CASES = [
    pytest.param({"roles": [ADMINISTRATOR]}, 200, "", id="a licensed administrator"),
    pytest.param({"roles": ["Basic User"]}, 200, "", id="a licensed user"),
    pytest.param({"roles": [ADMINISTRATOR], "licensed": False}, 403, "0x8004d24b", id="without a licence"),
    pytest.param({"roles": [ADMINISTRATOR], "user_disabled": True}, 403, "0x80040225", id="disabled here"),
    pytest.param({"member": False}, 403, "0x80072560", id="a stranger"),
]


@pytest.mark.parametrize(("about", "status", "code"), ACCESS_CASES)
def test_valid_token_alone_does_not_give_access(
    sandbox: Sandbox, about: dict[str, Any], status: int, code: str
) -> None:
    api = api_of(sandbox, **add_person(sandbox, "somebody", **about))
    answer = api.send("GET", "WhoAmI")
    assert answer.status_code == status
    if code:
        assert answer.json()["error"]["code"].lower() == code


def test_user_without_a_role_can_read_nothing(sandbox: Sandbox) -> None:
    api = api_of(sandbox, **add_person(sandbox, "nobody"))
    assert api.refusal("GET", "accounts") == (403, "0x80042f09")


def test_person_posted_again_is_changed(sandbox: Sandbox) -> None:
    form = add_person(sandbox, "somebody", roles=[ADMINISTRATOR])
    api = api_of(sandbox, **form)
    me = api.get("WhoAmI")["UserId"]
    assert api.get(f"systemusers({me})/systemuserroles_association?$select=name")["value"][0]["name"] == ADMINISTRATOR
    add_person(sandbox, "somebody", roles=["Basic User"])
    assert api.get("WhoAmI")["UserId"] == me
    assert api.refusal("POST", "teams", json={"name": "x"}) == (403, "0x80040220")
    shown = {one["name"]: one for one in sandbox.control("GET", "people")}
    assert shown[form["username"]]["roles"] == ["Basic User"]
    assert "open sesame" not in str(shown)


@pytest.mark.parametrize(
    ("about", "number"),
    [
        ({"disabled": True}, "invalid_grant 50057"),
        ({"second_factor": True}, "interaction_required 50076"),
    ],
)
def test_password_alone_is_refused_where_more_is_needed(sandbox: Sandbox, about: dict[str, Any], number: str) -> None:
    assert token_refusal(sandbox, **add_person(sandbox, "somebody", **about)) == (400, number)


def test_unknown_person_and_wrong_password_have_different_errors(sandbox: Sandbox) -> None:
    form = {"grant_type": "password", "username": "who@tandem-sandbox.example", "password": "x"}
    assert token_refusal(sandbox, **form) == (400, "invalid_grant 50034")
    assert token_refusal(sandbox, **{**form, "username": sandbox.admin_user}) == (400, "invalid_grant 50126")


def test_without_consent_a_password_gets_no_token(sandbox: Sandbox) -> None:
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "consented": False})
    assert token_refusal(sandbox, **add_person(sandbox, "somebody")) == (400, "invalid_grant 65001")


def test_a_disabled_application_gets_no_token(sandbox: Sandbox) -> None:
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "disabled": True})
    assert token_refusal(sandbox) == (400, "unauthorized_client 7000112")


def test_refresh_token_expires_and_is_bound_to_person_and_application(sandbox: Sandbox) -> None:
    session = plain_session(sandbox)
    scope = f"{sandbox.environment_url}/user_impersonation offline_access"
    form = add_person(sandbox, "somebody", roles=[ADMINISTRATOR])
    token = ask_token(sandbox, session, **form, scope=scope).json()["refresh_token"]
    again = {"grant_type": "refresh_token", "refresh_token": token, "scope": scope}
    assert ask_token(sandbox, session, **again).status_code == 200
    assert token_refusal(sandbox, **{**again, "refresh_token": "made up"}) == (400, "invalid_grant 9002313")
    sandbox.control("PUT", "clock", {"offset_s": 91 * 86_400})
    assert token_refusal(sandbox, **again) == (400, "invalid_grant 700082")
    sandbox.control("PUT", "clock", {"offset_s": 0})
    add_person(sandbox, "somebody", disabled=True)
    assert token_refusal(sandbox, **again) == (400, "invalid_grant 50057")


# -- tenants and environments ----------------------------------------------------------------------------------------


def add_environment(sandbox: Sandbox, **about: Any) -> Sandbox:
    """Add another environment to the same sandbox."""
    line = sandbox.control("POST", "environments", about)
    return Sandbox(**line, environment=sandbox.environment, server=sandbox.server)


def test_environments_of_a_tenant_share_sign_in_but_not_rows(sandbox: Sandbox) -> None:
    second = add_environment(sandbox, name="Second")
    assert second.tenant_id == sandbox.tenant_id
    one, two = api_of(sandbox), api_of(second)
    one.create("accounts", name="Here")
    assert two.values("accounts") == []
    assert one.get("WhoAmI")["OrganizationId"] != two.get("WhoAmI")["OrganizationId"]
    # A token for one is none for the other, wherever it was asked for.
    token = ask_token(sandbox, plain_session(sandbox), scope=f"{second.environment_url}/.default").json()
    two.session.headers["Authorization"] = one.session.headers["Authorization"]
    assert two.send("GET", "WhoAmI").status_code == 401
    two.session.headers["Authorization"] = f"Bearer {token['access_token']}"
    assert two.send("GET", "WhoAmI").status_code == 200


def test_another_tenant_knows_neither_the_application_nor_the_environment(sandbox: Sandbox) -> None:
    elsewhere = plain_session(sandbox)
    form = {
        "grant_type": "client_credentials", "client_id": sandbox.client_id, "client_secret": sandbox.client_secret,
        "scope": f"{sandbox.environment_url}/.default",
    }  # fmt: skip
    address = f"{sandbox.environment_url}/{OTHER_TENANT_ID}/oauth2/v2.0/token"
    assert elsewhere.post(address, data=form, timeout=30).json()["error_codes"] == [700016]
    theirs = add_environment(sandbox, tenant="other")
    assert theirs.tenant_id == OTHER_TENANT_ID
    assert api_of(theirs).get("WhoAmI")
    answer = ask_token(theirs, elsewhere, scope=f"{sandbox.environment_url}/.default")
    assert answer.json()["error_codes"] == [500011]


def test_a_tenant_has_a_domain_name_beside_its_id(sandbox: Sandbox) -> None:
    for name in ("tandem-sandbox.example", "organizations", "common"):
        address = f"{sandbox.environment_url}/{name}/v2.0/.well-known/openid-configuration"
        configuration = plain_session(sandbox).get(address, timeout=30).json()
        assert configuration["issuer"].endswith(f"/{sandbox.tenant_id}/v2.0")


def test_reset_leaves_the_first_environment_alone(sandbox: Sandbox) -> None:
    second = add_environment(sandbox)
    assert len(sandbox.control("GET", "environments")) == 2
    sandbox.reset()
    assert len(sandbox.control("GET", "environments")) == 1
    with pytest.raises(requests.ConnectionError):
        plain_session(sandbox).get(f"{second.environment_url}/_sandbox/", timeout=5)


# -- global discovery -----------------------------------------------------------------------------------------------


def get_instances(sandbox: Sandbox, query: str = "", **form: str) -> requests.Response:
    session = plain_session(sandbox)
    if not form:
        form = {"grant_type": "password", "username": sandbox.admin_user, "password": sandbox.admin_password}
    token = ask_token(sandbox, session, **form).json()["access_token"]
    address = f"{sandbox.environment_url}/api/discovery/v2.0/Instances{query}"
    return session.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def instance_names(sandbox: Sandbox, query: str = "", **form: str) -> list[str]:
    answer = get_instances(sandbox, query, **form)
    assert answer.status_code == 200, answer.text
    return [one["FriendlyName"] for one in answer.json()["value"]]


def test_discovery_lists_the_environments_of_a_person(sandbox: Sandbox) -> None:
    second = add_environment(sandbox, name="Second")
    add_environment(sandbox, name="Theirs", tenant="other")
    assert instance_names(sandbox) == ["Tandem Sandbox", "Second"]
    (one,) = [one for one in get_instances(sandbox).json()["value"] if one["FriendlyName"] == "Second"]
    assert (one["Url"], one["State"], one["IsUserSysAdmin"]) == (second.environment_url, 0, True)
    assert one["TenantId"] == sandbox.tenant_id
    basic = add_person(sandbox, "somebody", roles=["Basic User"])
    assert instance_names(sandbox, **basic) == ["Tandem Sandbox"]
    assert get_instances(sandbox, **basic).json()["value"][0]["IsUserSysAdmin"] is False
    assert instance_names(sandbox, **add_person(sandbox, "somebody", user_disabled=True)) == []
    assert instance_names(sandbox, **add_person(sandbox, "stranger", member=False)) == []


def test_discovery_returns_an_array_for_a_key_too(sandbox: Sandbox) -> None:
    unique = get_instances(sandbox).json()["value"][0]["UniqueName"]
    organization = sandbox.environment.organization_id
    assert instance_names(sandbox, f"(UniqueName='{unique}')") == ["Tandem Sandbox"]
    assert instance_names(sandbox, f"({organization})") == ["Tandem Sandbox"]
    assert instance_names(sandbox, "(UniqueName='nosuch')") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FriendlyName eq 'Second'", ["Second"]),
        ("FriendlyName eq 'second'", []),
        ("contains(FriendlyName,'and')", ["Tandem Sandbox"]),
        ("startswith(FriendlyName,'S') or endswith(FriendlyName,'box')", ["Tandem Sandbox", "Second"]),
        ("State eq 0 and not (FriendlyName eq 'Second')", ["Tandem Sandbox"]),
        ("State gt 0", []),
        ("State le 0 and Region ne 'NA'", ["Tandem Sandbox", "Second"]),
        ("IsUserSysAdmin eq true and DatacenterName eq null", ["Tandem Sandbox", "Second"]),
    ],
)
def test_discovery_filters_case_sensitively(sandbox: Sandbox, text: str, expected: list[str]) -> None:
    add_environment(sandbox, name="Second")
    assert instance_names(sandbox, f"?$select=FriendlyName&$filter={text}") == expected


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?$top=1", 400), ("?$orderby=Id", 400), ("?$expand=x", 400), ("?$select=Nosuch", 400),
        ("?$filter=Nosuch eq 1", 400), ("?$filter=State eq 'x'", 400), ("?$filter=State gt 'x'", 400),
        ("?$filter=contains(State,'x')", 400), ("?$filter=Microsoft.Dynamics.CRM.Today(PropertyName='State')", 400),
        ("(a=b)", 400), ("/x", 501),
    ],
)  # fmt: skip
def test_discovery_refuses_unknown_queries(sandbox: Sandbox, query: str, status: int) -> None:
    assert get_instances(sandbox, query).status_code == status


def test_discovery_refuses_applications(sandbox: Sandbox) -> None:
    assert get_instances(sandbox, grant_type="client_credentials").status_code == 403
    address = f"{sandbox.environment_url}/api/discovery/v2.0/Instances"
    assert plain_session(sandbox).get(address, timeout=30).status_code == 401


def test_discovery_lists_the_environments_of_another_tenant_to_its_people(sandbox: Sandbox) -> None:
    theirs = add_environment(sandbox, name="Theirs", tenant="other")
    session = plain_session(sandbox)
    form = {
        "grant_type": "password", "client_id": theirs.client_id, "client_secret": theirs.client_secret,
        "username": theirs.admin_user, "password": theirs.admin_password,
        "scope": f"{sandbox.environment_url}/user_impersonation",
    }  # fmt: skip
    token = session.post(f"{sandbox.environment_url}/{OTHER_TENANT_ID}/oauth2/v2.0/token", data=form, timeout=30).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    answer = session.get(f"{sandbox.environment_url}/api/discovery/v2.0/Instances", headers=headers, timeout=30)
    assert [one["FriendlyName"] for one in answer.json()["value"]] == ["Theirs"]
    # It is no key to the environment at that port, which is another tenant's.
    web_api = session.get(f"{sandbox.environment_url}/api/data/v9.2/WhoAmI", headers=headers, timeout=30)
    assert web_api.status_code == 401
