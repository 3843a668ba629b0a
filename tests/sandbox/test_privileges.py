"""Roles, privileges and their depths."""

from typing import Any

import pytest

from sandbox.testing import Sandbox
from tests.sandbox.conftest import Api, api_of, counted

CRM = "Microsoft.Dynamics.CRM."


class RoleSetup:
    """A role without privileges, two business units, and people in them who hold the role."""

    def __init__(self, sandbox: Sandbox, admin: Api) -> None:
        self.sandbox = sandbox
        self.admin = admin
        self.root = admin.get("WhoAmI")["BusinessUnitId"]
        bound = {"businessunitid@odata.bind": f"/businessunits({self.root})"}
        self.role = admin.create("roles", name="Tried", **bound)
        self.unit = admin.create("businessunits", name="Below")

    def add_person(self, name: str, unit: str = "") -> Api:
        whole = f"{name}@tandem-sandbox.example"
        self.sandbox.control("POST", "people", {"name": whole, "password": "word"})
        api = api_of(self.sandbox, grant_type="password", username=whole, password="word")
        user = api.get("WhoAmI")["UserId"]
        role = self.role
        if unit:
            bound = {"businessunitid@odata.bind": f"/businessunits({unit})"}
            assert self.admin.send("PATCH", f"systemusers({user})", json=bound).status_code == 204
            found = self.admin.get(f"roles?$filter=_businessunitid_value eq {unit} and name eq 'Tried'")["value"]
            role = found[0]["roleid"]
        path = f"systemusers({user})/systemuserroles_association/$ref"
        reference = {"@odata.id": f"{self.admin.base}roles({role})"}
        assert self.admin.send("POST", path, json=reference).status_code == 204
        return api

    def find_privilege_id(self, name: str) -> str:
        found: str = self.admin.get(f"privileges?$select=privilegeid&$filter=name eq '{name}'")["value"][0][
            "privilegeid"
        ]
        return found

    def grant(self, action: str = "AddPrivilegesRole", **depths: str) -> None:
        given = [{"PrivilegeId": self.find_privilege_id(name), "Depth": depth} for name, depth in depths.items()]
        answer = self.admin.send("POST", f"roles({self.role})/{CRM}{action}", json={"Privileges": given})
        assert answer.status_code == 204, answer.text


@pytest.fixture
def setup(sandbox: Sandbox, admin: Api) -> RoleSetup:
    return RoleSetup(sandbox, admin)


def account_names(api: Api) -> list[str]:
    return sorted(row["name"] for row in api.values("accounts?$select=name"))


def test_role_without_privileges_allows_nothing(setup: RoleSetup) -> None:
    ada = setup.add_person("ada.one")
    assert ada.refusal("GET", "accounts") == (403, "0x80040220")
    assert ada.refusal("POST", "accounts", json={"name": "x"}) == (403, "0x80040220")
    assert ada.refusal("GET", "accounts/$count") == (403, "0x80040220")


@pytest.mark.parametrize(
    ("depth", "seen"),
    [
        ("Basic", ["Mine"]),
        ("Local", ["Mine", "Root"]),
        ("Deep", ["Below", "Mine", "Root"]),
        ("Global", ["Below", "Mine", "Root"]),
    ],
)
def test_read_depth_limits_the_rows(setup: RoleSetup, depth: str, seen: list[str]) -> None:
    setup.grant(prvReadAccount=depth, prvCreateAccount="Basic")
    ada, ben = setup.add_person("ada.one"), setup.add_person("ben.two", setup.unit)
    mine, below = ada.create("accounts", name="Mine"), ben.create("accounts", name="Below")
    root = setup.admin.create("accounts", name="Root")
    assert account_names(ada) == seen
    assert counted(ada.send("GET", "accounts/$count")) == len(seen)
    assert ada.get("accounts?$count=true&$top=1")["@odata.count"] == len(seen)
    for name, row_id in (("Mine", mine), ("Root", root), ("Below", below)):
        answer = ada.send("GET", f"accounts({row_id})?$select=name")
        assert answer.status_code == (200 if name in seen else 403)
        if name not in seen:
            assert answer.json()["error"]["code"] == "0x80048306"
    # From below, what stands above is seen by nobody whose depth does not reach everything.
    assert account_names(ben) == (["Below", "Mine", "Root"] if depth == "Global" else ["Below"])


def test_change_tracking_needs_global_read_depth(setup: RoleSetup) -> None:
    setup.grant(prvReadAccount="Deep")
    ada = setup.add_person("ada.one")
    headers = {"Prefer": "odata.track-changes"}
    assert ada.refusal("GET", "accounts?$select=name", headers=headers) == (403, "0x80040220")
    setup.grant(prvReadAccount="Global")
    assert ada.get("accounts?$select=name", **headers)["@odata.deltaLink"]


@pytest.mark.parametrize(
    ("privilege", "method", "body"),
    [("prvWriteAccount", "PATCH", {"name": "x"}), ("prvDeleteAccount", "DELETE", None)],
)
def test_write_and_delete_have_their_own_depths(setup: RoleSetup, privilege: str, method: str, body: Any) -> None:
    setup.grant(prvReadAccount="Global", prvCreateAccount="Basic")
    ada = setup.add_person("ada.one")
    mine, root = ada.create("accounts", name="Mine"), setup.admin.create("accounts", name="Root")
    assert ada.refusal(method, f"accounts({mine})", json=body) == (403, "0x80040220")
    setup.grant(**{privilege: "Basic"})
    assert ada.refusal(method, f"accounts({root})", json=body) == (403, "0x80048306")
    assert ada.send(method, f"accounts({mine})", json=body).status_code == 204
    setup.grant(**{privilege: "Global"})
    assert ada.send(method, f"accounts({root})", json=body).status_code == 204


def test_creating_for_an_owner_of_another_unit_needs_a_wider_depth(setup: RoleSetup) -> None:
    setup.grant(prvReadAccount="Global", prvCreateAccount="Local")
    ada, ben = setup.add_person("ada.one"), setup.add_person("ben.two", setup.unit)
    owner = {"ownerid@odata.bind": f"/systemusers({ben.get('WhoAmI')['UserId']})"}
    assert ada.refusal("POST", "accounts", json={"name": "x", **owner}) == (403, "0x80048306")
    assert account_names(ada) == []
    setup.grant(prvCreateAccount="Deep")
    assert ada.create("accounts", name="x", **owner)


def test_changing_the_owner_needs_assign(setup: RoleSetup) -> None:
    setup.grant(prvReadAccount="Global", prvCreateAccount="Basic", prvWriteAccount="Global")
    ada = setup.add_person("ada.one")
    row = ada.create("accounts", name="x")
    team = setup.admin.get("teams?$select=teamid")["value"][0]["teamid"]
    away = {"ownerid@odata.bind": f"/teams({team})"}
    assert ada.refusal("PATCH", f"accounts({row})", json=away) == (403, "0x80040220")
    setup.grant(prvAssignAccount="Basic")
    assert ada.send("PATCH", f"accounts({row})", json=away).status_code == 204


def test_setting_a_lookup_needs_append_and_append_to(setup: RoleSetup) -> None:
    setup.grant(prvReadAccount="Global", prvCreateAccount="Basic")
    ada = setup.add_person("ada.one")
    person = setup.admin.create("contacts", lastname="x")
    body = {"name": "x", "primarycontactid@odata.bind": f"/contacts({person})"}
    for privilege in ("prvAppendAccount", "prvAppendToContact"):
        assert ada.refusal("POST", "accounts", json=body) == (403, "0x80040220")
        setup.grant(**{privilege: "Global"})
    assert ada.send("POST", "accounts", json=body).status_code == 204


def test_team_role_applies_to_its_members(setup: RoleSetup, sandbox: Sandbox) -> None:
    setup.grant(prvReadAccount="Global")
    name = "carla.three@tandem-sandbox.example"
    sandbox.control("POST", "people", {"name": name, "password": "word"})
    carla = api_of(sandbox, grant_type="password", username=name, password="word")
    admin = setup.admin
    team = admin.create("teams", name="Readers")
    user = carla.get("WhoAmI")["UserId"]
    for path in (f"teams({team})/teamroles_association", f"teams({team})/teammembership_association"):
        target = f"roles({setup.role})" if "roles" in path else f"systemusers({user})"
        assert carla.refusal("GET", "accounts") == (403, "0x80042f09")
        reference = {"@odata.id": f"{admin.base}{target}"}
        assert admin.send("POST", f"{path}/$ref", json=reference).status_code == 204
    assert account_names(carla) == []


def test_privileges_are_replaced_removed_and_listed(setup: RoleSetup) -> None:
    setup.grant(prvReadAccount="Local", prvWriteAccount="Basic")
    listed = setup.admin.get(f"RetrieveRolePrivilegesRole(RoleId={setup.role})")["RolePrivileges"]
    assert {one["PrivilegeId"]: one["Depth"] for one in listed} == {
        setup.find_privilege_id("prvReadAccount"): "Local", setup.find_privilege_id("prvWriteAccount"): "Basic",
        **{setup.find_privilege_id(f"prv{right}UserEntityUISettings"): "Basic" for right in ("Read", "Write")},
    }  # fmt: skip
    setup.grant("ReplacePrivilegesRole", prvReadAccount="Global")
    user = setup.add_person("ada.one").get("WhoAmI")["UserId"]
    held = setup.admin.get(f"systemusers({user})/{CRM}RetrieveUserPrivileges()")["RolePrivileges"]
    assert [(one["PrivilegeId"], one["Depth"]) for one in held] == [
        (setup.find_privilege_id("prvReadAccount"), "Global")
    ]
    body = {"PrivilegeId": setup.find_privilege_id("prvReadAccount")}
    assert setup.admin.send("POST", f"roles({setup.role})/{CRM}RemovePrivilegeRole", json=body).status_code == 204
    assert setup.admin.get(f"RetrieveRolePrivilegesRole(RoleId={setup.role})")["RolePrivileges"] == []


@pytest.mark.parametrize(
    ("privileges", "code"),
    [
        ([], "0x80040203"),
        ([{"PrivilegeId": "11111111-1111-1111-1111-111111111111", "Depth": "Global"}], "0x80040203"),
        ([{"PrivilegeId": "prvReadAccount", "Depth": "Everywhere"}], "0x8004140b"),
        ([{"PrivilegeId": "prvReadTransactionCurrency", "Depth": "Basic"}], "0x8004140b"),
    ],
)
def test_invalid_role_privileges_are_refused(setup: RoleSetup, privileges: list[dict[str, str]], code: str) -> None:
    for one in privileges:
        if one["PrivilegeId"].startswith("prv"):
            one["PrivilegeId"] = setup.find_privilege_id(one["PrivilegeId"])
    body = {"Privileges": privileges}
    assert setup.admin.refusal("POST", f"roles({setup.role})/{CRM}AddPrivilegesRole", json=body) == (400, code)


def test_administrator_role_is_fixed_and_others_cannot_change_roles(setup: RoleSetup, api: Api) -> None:
    text = f"name eq 'System Administrator' and _businessunitid_value eq {setup.root}"
    (found,) = setup.admin.get(f"roles?$filter={text}")["value"]
    body = {"Privileges": [{"PrivilegeId": setup.find_privilege_id("prvReadAccount"), "Depth": "Global"}]}
    path = f"roles({found['roleid']})/{CRM}AddPrivilegesRole"
    assert setup.admin.refusal("POST", path, json=body) == (400, "0x80041d50")
    assert api.refusal("POST", f"roles({setup.role})/{CRM}AddPrivilegesRole", json=body) == (403, "0x80040220")
