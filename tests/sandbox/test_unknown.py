"""What the sandbox does not know it refuses with 501 and names it: nothing looks like an answer of the service."""

from typing import Any

from tests.sandbox.conftest import Api

ID = "11111111-1111-4111-8111-111111111111"

READS = [
    *("incidents", "knowledgearticles", "savedqueries", "usersettingscollection", "languages", "competitors"),
    *("msdyn_workorders", "adx_websites", "leads", f"leads({ID})", "Accounts", "account", "ManagedPropertyDefinitions"),
    *("NoSuchFunction()", "CalculateTotalTimeIncident()", "FormatAddress()", "IsValidStateTransition()", "WhoAmI/x"),
    *("$entity", "$all", "$crossjoin(accounts,contacts)", "$metadata/x", "$metadata?annotations=true"),
    *("accounts/$ref", "accounts/$value", "accounts/$each", "accounts/NoSuch", "accounts//x"),
    *(f"accounts/Microsoft.Dynamics.CRM.{name}()" for name in ("NoSuch",)),
    *("accounts?$Select=name", "accounts?select=name", "accounts?$compute=1", "accounts?$expand=*"),
    *("accounts?$expand=primarycontactid/$ref", "accounts?$expand=contact_customer_accounts/$count"),
    f"accounts({{{ID}}})",
    f"accounts(accountid={{{ID}}})",
    f"accounts?$filter=accountid eq '{{{ID}}}'",
    *("EntityDefinitions/$count", "EntityDefinitions(LogicalName='account')/DisplayName"),
    *(
        "EntityDefinitions(LogicalName='account')/Settings",
        "EntityDefinitions(LogicalName='account')/Attributes/$count",
    ),
]
BELOW_A_ROW = [
    ("GET", "Account_Tasks"), ("GET", "NoSuch"), ("GET", "$ref"), ("GET", "$value"), ("GET", "$count"),
    ("GET", "name/$ref"), ("GET", "name/$count"), ("GET", "primarycontactid/fullname"),
    ("GET", "contact_customer_accounts/$ref"), ("POST", "primarycontactid/$ref"), ("PATCH", "primarycontactid/$ref"),
    ("PUT", "contact_customer_accounts/$ref"), ("PATCH", "contact_customer_accounts/$ref"),
    ("POST", "contact_customer_accounts"), ("DELETE", "primarycontactid"), ("PATCH", "primarycontactid"),
    ("PATCH", "name"), ("PUT", "name/$value"), ("PUT", "NoSuch/$ref"), ("GET", "Microsoft.Dynamics.CRM.NoSuch()"),
    ("POST", "Microsoft.Dynamics.CRM.NoSuch"),
]  # fmt: skip
ACTIONS = ["WinOpportunity", "LoseOpportunity", "NoSuchAction", "GrantAccess", "QualifyLead", "CreateMultiple"]
BODIES: list[dict[str, Any]] = [
    {"contactid": f"{{{ID}}}"},
    {"parentcustomerid_account@odata.bind": f"/accounts({{{ID}}})"},
    {"parentcustomerid_account@odata.bind": f"/leads({ID})"},
]
HEADERS = [
    {"MSCRMCallerID": ID}, {"CallerObjectId": ID}, {"X-HTTP-Method": "DELETE"}, {"X-HTTP-Method-Override": "PATCH"},
    {"Prefer": "respond-async"}, {"OData-Version": "3.0"}, {"OData-MaxVersion": "3.0"}, {"Content-Encoding": "gzip"},
    {"Accept": "application/atom+xml"},
]  # fmt: skip


def answer_of(api: Api, method: str, path: str, **options: Any) -> tuple[int, str]:
    answer = api.send(method, path, **options)
    return answer.status_code, "" if not answer.content else answer.json().get("error", {}).get("message", "")


def test_what_is_not_known_is_refused_by_name(api: Api) -> None:
    row = api.create("accounts", name="x")
    asked = [("GET", path, {}) for path in READS]
    asked += [("POST", name, {"json": {"a": 1}}) for name in ACTIONS]
    asked += [(method, "accounts", {}) for method in ("OPTIONS", "TRACE", "MERGE")]
    for method, path in BELOW_A_ROW:
        options = {} if method == "GET" else {"json": {"@odata.id": f"{api.base}contacts({ID})", "value": "x"}}
        asked.append((method, f"accounts({row})/{path}", options))
    asked += [("POST", "contacts", {"json": {"lastname": "x", **body}}) for body in BODIES]
    asked += [("POST", "contacts", {"json": {"lastname": "x"}, "headers": headers}) for headers in HEADERS]
    wrong = {}
    for method, path, options in asked:
        status, message = answer_of(api, method, path, **options)
        if status != 501 or not message.startswith("The sandbox does not cover "):
            wrong[method, path, str(options)] = (status, message)
    assert wrong == {}
    assert api.sandbox.rows("contacts") == []


def test_name_of_a_customization_that_nobody_made_is_not_found(api: Api) -> None:
    for path in ("new_things", f"contoso_orders({ID})", "accounts/tandem_nope", "new_DoSomething()"):
        assert api.refusal("GET", path) == (404, "0x8006088a"), path


def test_body_that_does_not_say_it_is_json_is_refused(api: Api) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", ""):
        answer = api.send("POST", "accounts", data=b'{"name":"x"}', headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "0x80060888"), kind
    typed = {"Content-Type": "application/json; odata.metadata=minimal; charset=utf-8"}
    assert api.send("POST", "accounts", data=b'{"name":"x"}', headers=typed).status_code == 204


def test_values_are_refused_as_the_service_does(api: Api) -> None:
    refused = [
        ({"birthdate": "1990-01-01T00:00:00Z"}, "0x80048d19", "'Edm.Date'"),
        ({"birthdate": "1990-01-01T10:00:00+02:00"}, "0x80048d19", "'Edm.Date'"),
        ({"description": "a\x01b"}, "0x80040278", "one or more invalid characters"),
        ({"jobtitle": "😀" * 51}, "0x80044331", "maximum allowed length of '100'"),
    ]
    for body, code, text in refused:
        error = api.send("POST", "contacts", json={"lastname": "x", **body}).json()["error"]
        assert error["code"].lower() == code.lower(), body
        assert text in error["message"], body
    assert api.create("contacts", lastname="x", jobtitle="😀" * 50, description="a\tb\r\nc")
