"""The numbered answers about people and sign-in: status, code and shape as the service was seen to give them."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from sandbox.refusals import registry
from sandbox.testing import Sandbox
from tests.sandbox.conftest import Api, ask_token, plain_session
from tests.sandbox.test_directory import address, said

OTHER, RECORD = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
OWN: dict[str, Any] = {"path": "accounts"}

TABLE: list[tuple[dict[str, Any], int, str, str]] = [
    ({"refusal": 15}, 403, "0x80072560", "The user is not a member of the organization."),
    (
        {"refusal": 16},
        403,
        "0x80040220",
        "(Id=OWN, type=8, roleCount=6, privilegeCount=1491, accessMode='0 Read-Write'",
    ),
    ({"refusal": 16, "variant": "short"}, 403, "0x80040220", "(Id=OWN, type=8) is missing prvReadaccount privilege"),
    ({"refusal": 16, "variant": "CheckPrivilege"}, 403, "0x80040220", "SecLib::CheckPrivilege failed. User: OWN, Priv"),
    ({"refusal": 16, "variant": "CrmCheckPrivilege"}, 403, "0x80040299", "on UserId: OWN and Privilege: prvRead"),
    ({"refusal": 17, "ids": [OTHER]}, 403, "0x80040220", f"(Id={OTHER}, type=8, roleCount=6"),
    ({"refusal": 18, "ids": [OTHER]}, 403, "0x80042F09", f"user with id {OTHER} has not been assigned any roles."),
    ({"refusal": 19}, 403, "0x80042F0A", "The team has not been assigned any roles."),
    ({"refusal": 20, "ids": [OTHER, RECORD]}, 403, "0x80048306", f"for record with id {RECORD} of entity account"),
    ({"refusal": 20, "variant": "AccessCheckEx"}, 403, "0x80048306", "and CallingUser: OWN. ObjectTypeCode: 1"),
    (
        {"refusal": 21},
        403,
        "0x8004F507",
        "does not have Update permissions for the creditlimit attribute in the account",
    ),
    ({"refusal": 21, "variant": "Create"}, 403, "0x8004F502", "does not have Create permissions"),
    ({"refusal": 21, "variant": "Read"}, 403, "0x8004F504", "does not have Read permissions"),
    ({"refusal": 23}, 403, "0x80040220", "RoleService::VerifyCallerPrivileges failed. User: OWN, UserBU:"),
    ({"refusal": 24, "variant": "all"}, 403, "0x80095ffc", "restricted for this application Id : '"),
    ({"refusal": 25, "variant": "all"}, 403, "0x80095ffe", "rejected as access to your ip is blocked."),
]


def order(sandbox: Sandbox, entry: dict[str, Any]) -> None:
    sandbox.control("DELETE", "faults")
    sandbox.control("POST", "faults", [entry])


def test_each_refusal_of_people_has_the_services_status_code_and_text(api: Api) -> None:
    own = api.get("WhoAmI")["UserId"]
    for entry, status, code, text in TABLE:
        order(api.sandbox, {**entry, "path": "accounts"})
        answer = api.send("GET", "accounts?$select=name")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, code), entry
        assert text.replace("OWN", own) in error["message"], (entry, error["message"])
        assert api.send("GET", "accounts?$select=name&$top=1").status_code == 200


def test_metadata_and_let_in_strike_where_the_service_would(api: Api, admin: Api) -> None:
    order(api.sandbox, {"refusal": 22})
    assert api.send("GET", "accounts?$top=1").status_code == 200
    answer = api.send("GET", "EntityDefinitions(LogicalName='account')?$select=LogicalName")
    assert "is missing prvReadEntity privilege" in answer.json()["error"]["message"]
    for number in (24, 25):
        order(api.sandbox, {"refusal": number, "times": 0})
        assert api.send("GET", "WhoAmI").status_code == 200, "an application's own token is not checked"
        assert admin.send("GET", "WhoAmI").status_code == 403
    order(api.sandbox, {"refusal": 26})
    answer = api.send("GET", "WhoAmI")
    assert (answer.status_code, answer.content) == (401, b"")
    assert 'error="insufficient_claims"' in answer.headers["WWW-Authenticate"]


def test_each_number_of_people_is_in_a_table_of_this_file() -> None:
    asked = {entry["refusal"] for entry, *_ in TABLE} | {22, 26, 38, 39, 40}
    assert asked == {number for number in registry.known() if 15 <= number <= 26 or number >= 38}
    assert asked == {*range(15, 27), 38, 39, 40}


def test_sign_in_refuses_by_number_at_the_token_on_the_page_and_by_redirect(sandbox: Sandbox) -> None:
    session = plain_session(sandbox)
    for variant, status, error, text in (
        ("7000215", 401, "invalid_client", "AADSTS7000215"),
        ("not registered", 401, "invalid_client", "not registered on application. [Reason - The key was not found.]"),
        ("expired", 401, "invalid_client", "[Reason - The key used is expired., Thumbprint"),
        ("1002012", 400, "invalid_scope", "AADSTS1002012"),
        ("90038", 400, "invalid_request", "AADSTS90038"),
    ):
        order(sandbox, {"refusal": 38, "variant": variant})
        answer = ask_token(sandbox, session)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert text in answer.json()["error_description"]
        assert ask_token(sandbox, session).status_code == 200
    order(sandbox, {"refusal": 39, "variant": "50194"})
    assert said(session.get(address(sandbox)).text) == "50194"
    order(sandbox, {"refusal": 39, "variant": "90094"})
    assert session.get(address(sandbox)).status_code == 200
    gone = session.post(address(sandbox), data={}, allow_redirects=False).headers["Location"]
    assert dict(parse_qsl(urlsplit(gone).query))["error_description"].startswith("AADSTS90094")
    order(sandbox, {"refusal": 39, "variant": "53003"})
    assert ask_token(sandbox, session).json()["error_codes"] == [53003]


def test_admin_consent_comes_back_with_true_also_when_it_failed(sandbox: Sandbox) -> None:
    asked = {"client_id": sandbox.client_id, "redirect_uri": "http://127.0.0.1:1/back", "state": "s", "scope": "x"}
    where = f"{sandbox.authority}/v2.0/adminconsent?{urlencode(asked)}"
    for variant, error in (("given", ""), ("declined", "consent_required")):
        order(sandbox, {"refusal": 40, "variant": variant})
        gone = plain_session(sandbox).get(where, allow_redirects=False).headers["Location"]
        told = dict(parse_qsl(urlsplit(gone).query))
        assert (told["admin_consent"], told.get("error", ""), told["state"]) == ("True", error, "s")
        assert told["tenant"] == sandbox.tenant_id
