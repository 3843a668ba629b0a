"""How the service treats those who customize it: languages, locks, lags, blocked environments (docs/sandbox.md)."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.refusals import registry
from sandbox.testing import running
from tests.sandbox.conftest import Api, api_of
from tests.sandbox.test_customizing import column, create_definition, lookup, table

BANK = "EntityDefinitions(LogicalName='new_bank')"


@pytest.fixture
def unkind(admin: Api) -> Iterator[Api]:
    yield admin
    admin.sandbox.reset()


def be(api: Api, **state: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.sandbox.control("PUT", "environment", state)
    return found


def later(api: Api, seconds: float) -> None:
    api.sandbox.control("PUT", "clock", {"offset_s": seconds})


def said(api: Api, path: str, body: Any) -> str:
    return str(api.send("POST", path, json=body).json()["error"]["message"])


def test_a_label_of_another_language_is_refused_by_some_kinds_alone(unkind: Api) -> None:
    be(unkind, base_language=1031)
    create_definition(unkind, "EntityDefinitions", table("new_Bank"))
    create_definition(unkind, f"{BANK}/Attributes", column("String", "new_Text"))
    create_definition(unkind, "GlobalOptionSetDefinitions", {"Name": "new_colour", "Options": []})
    for body in (column("Memo", "new_Memo"), column("DateTime", "new_Date")):
        assert unkind.refusal("POST", f"{BANK}/Attributes", json=body) == (400, "0x80044195")
    assert said(unkind, "RelationshipDefinitions", lookup("new_b", "new_bank", "account", "new_BankId")) == (
        "The language code 1033 is not a valid language for this organization"
    )
    shown = unkind.get(f"{BANK}?$select=DisplayName")["DisplayName"]["LocalizedLabels"]
    assert [(one["Label"], one["LanguageCode"]) for one in shown] == [("new_Bank", 1031)], "stored under the base"
    be(unkind, strict_labels=True)
    body = column("String", "new_Other")
    assert unkind.refusal("POST", f"{BANK}/Attributes", json=body) == (400, "0x80044195")
    be(unkind, languages=[1033])
    create_definition(unkind, f"{BANK}/Attributes", body)
    assert unkind.get("RetrieveProvisionedLanguages()")["RetrieveProvisionedLanguages"] == [1033], "without the base"
    assert unkind.values("organizations?$select=languagecode,localeid")[0]["languagecode"] == 1031


def test_a_lock_refuses_definitions_and_publishing_and_nothing_else(unkind: Api) -> None:
    be(unkind, lock_s=60)
    answer = unkind.send("POST", "EntityDefinitions", json=table("new_Bank"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "0x80071151")
    assert "Retry-After" not in answer.headers
    assert unkind.refusal("POST", "PublishXml", json={"ParameterXml": "<importexportxml/>"}) == (429, "0x80071151")
    unkind.create("accounts", name="Not locked")
    be(unkind, lock_s=60, lock_by="Import")
    assert unkind.refusal("POST", "EntityDefinitions", json=table("new_Bank")) == (503, "0x80071151")
    later(unkind, 61)
    create_definition(unkind, "EntityDefinitions", table("new_Bank"))


def test_what_was_just_made_is_not_seen_yet_but_exists(unkind: Api) -> None:
    create_definition(unkind, "EntityDefinitions", table("new_Bank"))
    be(unkind, metadata_lag_s=30)
    create_definition(unkind, "EntityDefinitions", table("new_Branch"))
    create_definition(unkind, f"{BANK}/Attributes", column("String", "new_Text"))
    create_definition(unkind, "RelationshipDefinitions", lookup("new_b", "new_bank", "account", "new_BankId"))
    branch = "EntityDefinitions(LogicalName='new_branch')"
    assert unkind.refusal("GET", branch)[0] == 404
    assert unkind.refusal("GET", "new_branches") == (404, "0x80060888")
    assert unkind.refusal("POST", "EntityDefinitions", json=table("new_Branch")) == (400, "0x80044363")
    text = column("String", "new_Text")
    assert unkind.refusal("POST", f"{BANK}/Attributes", json=text) == (400, "0x80047013")
    assert "new_text" not in str(unkind.get(f"{BANK}/Attributes?$select=LogicalName"))
    bound = {"name": "A", "new_BankId@odata.bind": "/new_banks(00000000-0000-0000-0000-000000000001)"}
    assert unkind.refusal("POST", "accounts", json=bound) == (400, "0x80048d19")
    later(unkind, 31)
    assert unkind.get(branch)["LogicalName"] == "new_branch"
    assert unkind.get("new_branches")["value"] == []
    assert "new_text" in str(unkind.get(f"{BANK}/Attributes?$select=LogicalName"))


def test_a_deleted_table_holds_its_name_for_half_an_hour(unkind: Api) -> None:
    be(unkind, tombstones=True)
    address = create_definition(unkind, "EntityDefinitions", table("new_Bank"))
    assert unkind.send("DELETE", address).status_code == 204
    assert unkind.refusal("GET", BANK)[0] == 404
    assert unkind.refusal("POST", "EntityDefinitions", json=table("new_Bank")) == (400, "0x80044363")
    later(unkind, 1801)
    create_definition(unkind, "EntityDefinitions", table("new_Bank"))


def test_an_environment_without_unmanaged_customizations_says_so_beforehand(unkind: Api) -> None:
    def blocked() -> str:
        asked = {"SettingName": "IsLockdownOfUnmanagedCustomizationEnabled"}
        return str(unkind.send("POST", "GetOrgDbOrgSetting", json=asked).json()["SettingValue"])

    assert blocked() == "false"
    be(unkind, unmanaged_customizations=False)
    assert blocked() == "true"
    assert unkind.refusal("POST", "EntityDefinitions", json=table("new_Bank")) == (400, "0x80072042")
    assert unkind.refusal("POST", "roles", json={"name": "New"}) == (400, "0x80072042")
    assert unkind.send("POST", "GetOrgDbOrgSetting", json={"SettingName": "Other"}).status_code == 501


def test_a_table_may_lose_columns_that_came_with_it_and_the_type_must_come_first(unkind: Api) -> None:
    be(unkind, lose_columns=1)
    name = column("String", "new_Name", IsPrimaryName=True, MaxLength=80)
    create_definition(unkind, "EntityDefinitions", table("new_Bank", Attributes=[name, column("String", "new_Text")]))
    assert "new_text" not in str(unkind.get(f"{BANK}/Attributes?$select=LogicalName"))
    turned = dict(reversed(column("String", "new_Text").items()))
    assert unkind.refusal("POST", f"{BANK}/Attributes", json=turned) == (500, "0x80040216")


def test_a_lookup_pulls_the_referenced_table_into_the_solution(unkind: Api) -> None:
    solution = {"MSCRM.SolutionUniqueName": "TandemBaseIntegration"}
    create_definition(unkind, "EntityDefinitions", table("new_Bank"), **solution)
    create_definition(unkind, "RelationshipDefinitions", lookup("new_t", "team", "new_bank", "new_TeamId"), **solution)
    listed = "solutioncomponents?$select=componenttype,objectid,rootcomponentbehavior&$filter=componenttype eq 1"
    team = unkind.get("EntityDefinitions(LogicalName='team')?$select=MetadataId")["MetadataId"]
    assert team in [one["objectid"] for one in unkind.values(listed)]
    body = {
        "SolutionComponent": {"solutioncomponentid": team}, "ComponentType": 1,
        "SolutionUniqueName": "TandemBaseIntegration",
    }  # fmt: skip
    assert unkind.send("POST", "RemoveSolutionComponent", json=body).status_code == 200
    assert team not in [one["objectid"] for one in unkind.values(listed)]


def test_what_is_there_already_has_a_code_of_its_kind(unkind: Api) -> None:
    unit = unkind.get("WhoAmI()")["BusinessUnitId"]
    role = {"name": "Twice", "businessunitid@odata.bind": f"/businessunits({unit})"}
    first = unkind.create("roles", **role)
    assert unkind.refusal("POST", "roles", json=role) == (400, "0x80041403")
    held = unkind.get(f"RetrieveRolePrivilegesRole(RoleId={first})")["RolePrivileges"]
    assert held, "a role made by the API holds what the service gives it"
    user = unkind.get("WhoAmI()")["UserId"]
    reference = {"@odata.id": f"{unkind.base}roles({first})"}
    path = f"systemusers({user})/systemuserroles_association/$ref"
    assert unkind.send("POST", path, json=reference).status_code == 204
    assert unkind.refusal("POST", path, json=reference) == (412, "0x80040237")


def test_a_new_user_is_let_in_later_and_definitions_are_read_by_privilege() -> None:
    with running(empty=True) as sandbox:
        admin = api_of(sandbox, grant_type="password", username=sandbox.admin_user, password=sandbox.admin_password)
        be(admin, user_lag_s=20)
        unit = admin.get("WhoAmI()")["BusinessUnitId"]
        bound = {"businessunitid@odata.bind": f"/businessunits({unit})"}
        user = admin.create("systemusers", applicationid=sandbox.client_id, **bound)
        app = api_of(sandbox)
        assert app.refusal("GET", "WhoAmI()") == (403, "0x80072560")
        later(admin, 21)
        assert app.get("WhoAmI()")["UserId"] == user
        assert app.refusal("GET", "EntityDefinitions(LogicalName='account')?$select=LogicalName")[0] == 403
        be(admin, metadata_privileges=False)
        assert app.get("EntityDefinitions(LogicalName='account')?$select=LogicalName")["LogicalName"] == "account"


CODES = [
    (1, "POST", 400, "0x80044195"), (3, "POST", 429, "0x80071151"), (4, "POST", 503, "0x80071151"),
    (5, "POST", 503, "0x80048d3d"), (6, "POST", 500, "0x80040216"), (7, "GET", 404, "0x80041102"),
    (8, "GET", 404, "0x80060888"), (9, "POST", 400, "0x80048d19"), (10, "POST", 400, "0x80047013"),
    (11, "POST", 400, "0x80044363"), (12, "POST", 400, "0x80040237"), (13, "POST", 400, "0x80072042"),
    (14, "POST", 400, "0x8004f510"),
]  # fmt: skip
"""Number on demand, method, status, code."""


def test_each_refusal_of_customizing_has_the_services_status_and_code(unkind: Api) -> None:
    for number, method, status, code in CODES:
        unkind.sandbox.control("POST", "faults", [{"refusal": number, "path": "accounts"}])
        assert unkind.refusal(method, "accounts", **({"json": {"name": "x"}} if method == "POST" else {})) == (
            status, code,
        ), number  # fmt: skip
    unkind.sandbox.control("POST", "faults", [{"refusal": 2, "path": "EntityDefinitions"}])
    assert unkind.send("POST", "EntityDefinitions", json=table("new_Bank")).status_code == 204
    assert unkind.refusal("GET", BANK)[0] == 404, "accepted, and nothing made of it"
    assert {number for number, *_ in CODES} | {2} == set(range(1, 15)) == {n for n in registry.known() if n < 15}
