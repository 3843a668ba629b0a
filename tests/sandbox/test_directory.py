"""The stand-in's people and sign-in are as the real ones: roles in another language and through teams, late rows,
access modes, one-tenant applications, consent that only an administrator may give, refusals by number."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from sandbox.testing import Sandbox
from tests.sandbox.browsing import hidden_fields, sign_in
from tests.sandbox.conftest import Api, api_of, ask_token, plain_session
from tests.sandbox.test_people import ADMINISTRATOR, add_person, token_refusal

TEMPLATE = "627090ff-40a3-4053-8790-584edc5be201"


def tell(sandbox: Sandbox, **about: Any) -> None:
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, **about})


def roles_of(api: Api) -> list[dict[str, Any]]:
    me = api.get("WhoAmI")["UserId"]
    directory = api.get(f"systemusers({me})?$select=azureactivedirectoryobjectid")["azureactivedirectoryobjectid"]
    query = f"RetrieveAadUserRoles(DirectoryObjectId={directory})?$select=name,_roletemplateid_value"
    found: list[dict[str, Any]] = api.get(query)["value"]
    return found


def test_a_role_has_its_name_in_another_language_and_its_template_for_ever(sandbox: Sandbox) -> None:
    sandbox.control("PUT", "tenant", {"role_names": {ADMINISTRATOR: "Systemadministrator"}})
    api = api_of(sandbox, **add_person(sandbox, "anna", roles=[ADMINISTRATOR]))
    (role,) = roles_of(api)
    assert (role["name"], role["_roletemplateid_value"]) == ("Systemadministrator", TEMPLATE)
    assert api.create("teams", name="may do it", **_team(api))
    with pytest.raises(requests.HTTPError, match="There is no role 'Nosuch'"):
        sandbox.control("PUT", "tenant", {"role_names": {"Nosuch": "x"}})


def _team(api: Api) -> dict[str, str]:
    who = api.get("WhoAmI")
    return {
        "businessunitid@odata.bind": f"/businessunits({who['BusinessUnitId']})",
        "administratorid@odata.bind": f"/systemusers({who['UserId']})",
    }


def test_roles_come_through_teams_too_and_are_not_among_the_direct_ones(sandbox: Sandbox) -> None:
    for kind in ("owner", "group"):
        teams = [{"name": f"Admins {kind}", "kind": kind, "roles": [ADMINISTRATOR]}]
        api = api_of(sandbox, **add_person(sandbox, f"by-{kind}", teams=teams))
        me = api.get("WhoAmI")["UserId"]
        assert api.values(f"systemusers({me})/systemuserroles_association?$select=name") == []
        assert [one["_roletemplateid_value"] for one in roles_of(api)] == [TEMPLATE]
        assert [one["name"] for one in api.values(f"systemusers({me})/teammembership_association?$select=name")]
        held = api.get(f"systemusers({me})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()")["RolePrivileges"]
        assert {"PrivilegeName", "Depth", "PrivilegeId"} <= set(held[0])
        assert "prvCreateEntity" in {one["PrivilegeName"] for one in held}
    assert api.refusal("GET", "RetrieveAadUserRoles(DirectoryObjectId=x)") == (400, "0x80060888")


def test_a_row_comes_into_being_with_the_first_call_and_vanishes(sandbox: Sandbox, admin: Api) -> None:
    teams = [{"name": "Group", "kind": "group", "roles": [ADMINISTRATOR]}]
    form = add_person(sandbox, "late", late=True, teams=teams)
    named = f"systemusers?$select=domainname&$filter=domainname eq '{form['username']}'"
    assert admin.values(named) == []
    late = api_of(sandbox, **form)
    assert [one["name"] for one in roles_of(late)] == [ADMINISTRATOR]
    assert len(admin.values(named)) == 1
    add_person(sandbox, "late", vanished=True)
    assert late.refusal("GET", "WhoAmI") == (403, "0x80072560")
    assert admin.values(named) == []


def test_access_modes_open_the_environment_to_administrators_without_a_licence(sandbox: Sandbox) -> None:
    setup = api_of(sandbox, **add_person(sandbox, "setup", licensed=False, access_mode=1, roles=[ADMINISTRATOR]))
    me = setup.get("WhoAmI")["UserId"]
    shown = setup.get(f"systemusers({me})?$select=accessmode,islicensed")
    assert (shown["accessmode"], shown["islicensed"]) == (1, False)
    assert setup.get("businessunits?$select=name")["value"]
    answer = setup.send("GET", "accounts?$select=name")
    assert answer.status_code == 403
    assert "accessMode='1 Administrative'" in answer.json()["error"]["message"]
    partner = api_of(sandbox, **add_person(sandbox, "partner", access_mode=5))
    who = partner.get("WhoAmI")["UserId"]
    assert partner.get(f"systemusers({who})?$select=domainname")["domainname"] == "crmoln2@microsoft.com"
    other = api_of(sandbox, **add_person(sandbox, "partner2", access_mode=5))
    assert other.get("WhoAmI")["UserId"] == who
    sandbox.control("PUT", "tenant", {"pay_as_you_go": True})
    assert api_of(sandbox, **add_person(sandbox, "free", licensed=False)).get("WhoAmI")
    guest = add_person(sandbox, "eva_contoso.com#ext#", licensed=False)
    assert api_of(sandbox, **guest).get("WhoAmI")
    sandbox.control("PUT", "tenant", {"pay_as_you_go": False})
    assert api_of(sandbox, **guest).refusal("GET", "WhoAmI") == (403, "0x8004d24b")


def test_public_client_flows_and_assignment_decide_over_the_password(sandbox: Sandbox) -> None:
    form = add_person(sandbox, "somebody")
    tell(sandbox, public_client=False)
    assert token_refusal(sandbox, **form, client_secret="") == (401, "invalid_client 7000218")
    tell(sandbox, public_client=True, assigned=["else@tandem-sandbox.example"])
    assert token_refusal(sandbox, **form) == (400, "interaction_required 50105")
    tell(sandbox, assigned=None)
    assert ask_token(sandbox, plain_session(sandbox), **form).status_code == 200


def address(sandbox: Sandbox, tenant: str = "", **more: str) -> str:
    asked = {
        "client_id": sandbox.client_id,
        "redirect_uri": "http://127.0.0.1:8000/back",
        "response_type": "code",
        "scope": f"{sandbox.environment_url}/user_impersonation",
        "state": "s",
        "code_challenge": "c",
        "code_challenge_method": "S256",
        **more,
    }
    return f"{sandbox.environment_url}/{tenant or sandbox.tenant_id}/oauth2/v2.0/authorize?{urlencode(asked)}"


def said(page: str) -> str:
    found = re.search(r"AADSTS(\d+)", unescape(page))
    return found.group(1) if found else ""


def test_a_one_tenant_application_is_refused_at_organizations_and_on_the_page_alone(sandbox: Sandbox) -> None:
    browser = plain_session(sandbox)
    assert browser.get(address(sandbox, "organizations")).status_code == 200
    tell(sandbox, multi_tenant=False)
    answer = browser.get(address(sandbox, "organizations"), allow_redirects=False)
    assert (answer.status_code, said(answer.text)) == (400, "50194")
    assert browser.get(address(sandbox)).status_code == 200


def test_a_strict_registration_takes_registered_addresses_at_any_port(sandbox: Sandbox) -> None:
    tell(sandbox, strict_redirects=True, redirect_urls=["http://localhost/back"])
    browser = plain_session(sandbox)
    for uri, number in (
        ("http://localhost:8000/back", ""),
        ("http://127.0.0.1:8000/back", "50011"),
        ("http://localhost:8000/Back", "50011"),
    ):
        assert said(browser.get(address(sandbox, redirect_uri=uri)).text) == number, uri


def test_the_browser_remembers_who_signed_in_unless_a_prompt_asks(sandbox: Sandbox) -> None:
    browser = plain_session(sandbox)
    page = browser.get(address(sandbox)).text
    form = {**hidden_fields(page), "username": sandbox.admin_user, "password": sandbox.admin_password}
    page = browser.post(address(sandbox), data={**form, "answer": "sign-in"}).text
    browser.post(address(sandbox), data={**hidden_fields(page), "answer": "accept"}, allow_redirects=False)
    silent = browser.get(address(sandbox), allow_redirects=False)
    assert "code=" in silent.headers["Location"]
    for prompt in ("login", "select_account"):
        assert "Sign in" in browser.get(address(sandbox, prompt=prompt), allow_redirects=False).text
    none = plain_session(sandbox).get(address(sandbox, prompt="none"), allow_redirects=False)
    assert "error=login_required" in none.headers["Location"]


def test_where_people_may_not_consent_an_administrator_does_for_everyone(sandbox: Sandbox) -> None:
    tell(sandbox, consented=False)
    sandbox.control("PUT", "tenant", {"user_consent": False})
    form = add_person(sandbox, "somebody", roles=[ADMINISTRATOR])
    assert "90094" in _refused(sandbox, form)
    consent = {"client_id": sandbox.client_id, "redirect_uri": "http://127.0.0.1:8000/back", "state": "s"}
    consent["scope"] = f"{sandbox.environment_url}/.default"
    where = f"{sandbox.authority}/v2.0/adminconsent?{urlencode(consent)}"
    browser = plain_session(sandbox)
    login = {**hidden_fields(browser.get(where).text), "answer": "sign-in"}
    page = browser.post(where, data={**login, "username": form["username"], "password": form["password"]}).text
    assert said(page) == "90093", "not a person's to give"
    login |= {"username": sandbox.admin_user, "password": sandbox.admin_password}
    for answer, error in (("cancel", "consent_required"), ("accept", "")):
        page = browser.post(where, data=login).text
        gone = browser.post(where, data={**hidden_fields(page), "answer": answer}, allow_redirects=False)
        told = dict(parse_qsl(urlsplit(gone.headers["Location"]).query))
        assert (told["admin_consent"], told.get("error", ""), told["state"]) == ("True", error, "s")
    assert sign_in(sandbox, address(sandbox), form["username"], form["password"])["code"]


def _refused(sandbox: Sandbox, form: dict[str, str]) -> str:
    browser = plain_session(sandbox)
    page = browser.get(address(sandbox)).text
    sent = {**hidden_fields(page), "username": form["username"], "password": form["password"], "answer": "sign-in"}
    answer = browser.post(address(sandbox), data=sent, allow_redirects=False)
    return str(answer.headers["Location"])


def test_refusals_by_number_come_on_the_page_by_redirect_or_for_the_token(sandbox: Sandbox) -> None:
    form = add_person(sandbox, "somebody")
    sandbox.control(
        "PUT", "tenant", {"refusals": [{"number": 53000, "times": 1}, {"number": 53003}, {"number": 50105}]}
    )
    page = plain_session(sandbox).get(address(sandbox)).text
    assert said(page) == "50105"
    assert token_refusal(sandbox, **form) == (400, "interaction_required 53003")
    sandbox.control("PUT", "tenant", {"refusals": [{"number": 53000, "times": 1}]})
    assert "53000" in _refused(sandbox, form)
    sandbox.control("PUT", "tenant", {"refusals": [{"number": 999_999_9, "error": "strange_error"}]})
    assert token_refusal(sandbox, **form) == (400, "strange_error 9999999")
    for wrong in ({"number": 0}, {"number": 1, "at": "moon"}, {"number": 700027, "reason": "x"}, {"n": 1}):
        with pytest.raises(requests.HTTPError):
            sandbox.control("PUT", "tenant", {"refusals": [wrong]})
