"""Roles are made of privileges, and a privilege reaches as far as its depth."""

from typing import Any

import pytest

from sandbox.testing import Sandbox
from tests.sandbox.conftest import Api, api_of

CRM = "Microsoft.Dynamics.CRM."


class House:
    """A role without privileges, two business units, and people in them who hold the role."""

    def __init__(self, sandbox: Sandbox, admin: Api) -> None:
        self.sandbox = sandbox
        self.admin = admin
        self.root = admin.get("WhoAmI")["BusinessUnitId"]
        bound = {"businessunitid@odata.bind": f"/businessunits({self.root})"}
        self.role = admin.create("roles", name="Tried", **bound)
        self.unit = admin.create("businessunits", name="Below")

    def person(self, name: str, unit: str = "") -> Api:
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

    def privilege(self, name: str) -> str:
        found: str = self.admin.get(f"privileges?$select=privilegeid&$filter=name eq '{name}'")["value"][0][
            "privilegeid"
        ]
        return found

    def give(self, action: str = "AddPrivilegesRole", **depths: str) -> None:
        given = [{"PrivilegeId": self.privilege(name), "Depth": depth} for name, depth in depths.items()]
        answer = self.admin.send("POST", f"roles({self.role})/{CRM}{action}", json={"Privileges": given})
        assert answer.status_code == 204, answer.text


@pytest.fixture
def house(sandbox: Sandbox, admin: Api) -> House:
    return House(sandbox, admin)


def names(api: Api) -> list[str]:
    return sorted(row["name"] for row in api.values("accounts?$select=name"))


def test_a_role_without_a_privilege_lets_nobody_do_anything(house: House) -> None:
    ada = house.person("ada.one")
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
def test_reading_reaches_as_far_as_the_depth(house: House, depth: str, seen: list[str]) -> None:
    house.give(prvReadAccount=depth, prvCreateAccount="Basic")
    ada, ben = house.person("ada.one"), house.person("ben.two", house.unit)
    mine, below = ada.create("accounts", name="Mine"), ben.create("accounts", name="Below")
    root = house.admin.create("accounts", name="Root")
    assert names(ada) == seen
    assert int(ada.send("GET", "accounts/$count").text) == len(seen)
    assert ada.get("accounts?$count=true&$top=1")["@odata.count"] == len(seen)
    for name, row_id in (("Mine", mine), ("Root", root), ("Below", below)):
        answer = ada.send("GET", f"accounts({row_id})?$select=name")
        assert answer.status_code == (200 if name in seen else 403)
        if name not in seen:
            assert answer.json()["error"]["code"] == "0x80048306"
    # From below, what stands above is seen by nobody whose depth does not reach everything.
    assert names(ben) == (["Below", "Mine", "Root"] if depth == "Global" else ["Below"])


def test_change_tracking_is_for_those_who_may_read_everything(house: House) -> None:
    house.give(prvReadAccount="Deep")
    ada = house.person("ada.one")
    headers = {"Prefer": "odata.track-changes"}
    assert ada.refusal("GET", "accounts?$select=name", headers=headers) == (403, "0x80040220")
    house.give(prvReadAccount="Global")
    assert ada.get("accounts?$select=name", **headers)["@odata.deltaLink"]


@pytest.mark.parametrize(
    ("privilege", "method", "body"),
    [("prvWriteAccount", "PATCH", {"name": "x"}), ("prvDeleteAccount", "DELETE", None)],
)
def test_writing_and_deleting_reach_as_far_as_their_own_depth(
    house: House, privilege: str, method: str, body: Any
) -> None:
    house.give(prvReadAccount="Global", prvCreateAccount="Basic")
    ada = house.person("ada.one")
    mine, root = ada.create("accounts", name="Mine"), house.admin.create("accounts", name="Root")
    assert ada.refusal(method, f"accounts({mine})", json=body) == (403, "0x80040220")
    house.give(**{privilege: "Basic"})
    assert ada.refusal(method, f"accounts({root})", json=body) == (403, "0x80048306")
    assert ada.send(method, f"accounts({mine})", json=body).status_code == 204
    house.give(**{privilege: "Global"})
    assert ada.send(method, f"accounts({root})", json=body).status_code == 204


def test_creating_for_another_unit_s_owner_needs_a_wider_depth(house: House) -> None:
    house.give(prvReadAccount="Global", prvCreateAccount="Local")
    ada, ben = house.person("ada.one"), house.person("ben.two", house.unit)
    owner = {"ownerid@odata.bind": f"/systemusers({ben.get('WhoAmI')['UserId']})"}
    assert ada.refusal("POST", "accounts", json={"name": "x", **owner}) == (403, "0x80048306")
    assert names(ada) == []
    house.give(prvCreateAccount="Deep")
    assert ada.create("accounts", name="x", **owner)


def test_giving_a_row_away_needs_assign(house: House) -> None:
    house.give(prvReadAccount="Global", prvCreateAccount="Basic", prvWriteAccount="Global")
    ada = house.person("ada.one")
    row = ada.create("accounts", name="x")
    team = house.admin.get("teams?$select=teamid")["value"][0]["teamid"]
    away = {"ownerid@odata.bind": f"/teams({team})"}
    assert ada.refusal("PATCH", f"accounts({row})", json=away) == (403, "0x80040220")
    house.give(prvAssignAccount="Basic")
    assert ada.send("PATCH", f"accounts({row})", json=away).status_code == 204


def test_setting_a_lookup_needs_append_here_and_append_to_there(house: House) -> None:
    house.give(prvReadAccount="Global", prvCreateAccount="Basic")
    ada = house.person("ada.one")
    person = house.admin.create("contacts", lastname="x")
    body = {"name": "x", "primarycontactid@odata.bind": f"/contacts({person})"}
    for privilege in ("prvAppendAccount", "prvAppendToContact"):
        assert ada.refusal("POST", "accounts", json=body) == (403, "0x80040220")
        house.give(**{privilege: "Global"})
    assert ada.send("POST", "accounts", json=body).status_code == 204


def test_a_role_of_a_team_is_a_role_of_its_members(house: House, sandbox: Sandbox) -> None:
    house.give(prvReadAccount="Global")
    name = "carla.three@tandem-sandbox.example"
    sandbox.control("POST", "people", {"name": name, "password": "word"})
    carla = api_of(sandbox, grant_type="password", username=name, password="word")
    admin = house.admin
    team = admin.create("teams", name="Readers")
    user = carla.get("WhoAmI")["UserId"]
    for path in (f"teams({team})/teamroles_association", f"teams({team})/teammembership_association"):
        target = f"roles({house.role})" if "roles" in path else f"systemusers({user})"
        assert carla.refusal("GET", "accounts") == (403, "0x80042f09")
        reference = {"@odata.id": f"{admin.base}{target}"}
        assert admin.send("POST", f"{path}/$ref", json=reference).status_code == 204
    assert names(carla) == []


def test_privileges_are_replaced_removed_and_listed(house: House) -> None:
    house.give(prvReadAccount="Local", prvWriteAccount="Basic")
    listed = house.admin.get(f"RetrieveRolePrivilegesRole(RoleId={house.role})")["RolePrivileges"]
    assert {one["PrivilegeId"]: one["Depth"] for one in listed} == {
        house.privilege("prvReadAccount"): "Local", house.privilege("prvWriteAccount"): "Basic",
    }  # fmt: skip
    house.give("ReplacePrivilegesRole", prvReadAccount="Global")
    user = house.person("ada.one").get("WhoAmI")["UserId"]
    held = house.admin.get(f"systemusers({user})/{CRM}RetrieveUserPrivileges()")["RolePrivileges"]
    assert [(one["PrivilegeId"], one["Depth"]) for one in held] == [(house.privilege("prvReadAccount"), "Global")]
    body = {"PrivilegeId": house.privilege("prvReadAccount")}
    assert house.admin.send("POST", f"roles({house.role})/{CRM}RemovePrivilegeRole", json=body).status_code == 204
    assert house.admin.get(f"RetrieveRolePrivilegesRole(RoleId={house.role})")["RolePrivileges"] == []


@pytest.mark.parametrize(
    ("privileges", "code"),
    [
        ([], "0x80040203"),
        ([{"PrivilegeId": "11111111-1111-1111-1111-111111111111", "Depth": "Global"}], "0x80040203"),
        ([{"PrivilegeId": "prvReadAccount", "Depth": "Everywhere"}], "0x8004140b"),
        ([{"PrivilegeId": "prvReadTransactionCurrency", "Depth": "Basic"}], "0x8004140b"),
    ],
)
def test_privileges_that_cannot_be_given_are_refused(house: House, privileges: list[dict[str, str]], code: str) -> None:
    for one in privileges:
        if one["PrivilegeId"].startswith("prv"):
            one["PrivilegeId"] = house.privilege(one["PrivilegeId"])
    body = {"Privileges": privileges}
    assert house.admin.refusal("POST", f"roles({house.role})/{CRM}AddPrivilegesRole", json=body) == (400, code)


def test_the_administrator_s_role_cannot_be_changed_and_others_cannot_change_roles(house: House, api: Api) -> None:
    text = f"name eq 'System Administrator' and _businessunitid_value eq {house.root}"
    (found,) = house.admin.get(f"roles?$filter={text}")["value"]
    body = {"Privileges": [{"PrivilegeId": house.privilege("prvReadAccount"), "Depth": "Global"}]}
    path = f"roles({found['roleid']})/{CRM}AddPrivilegesRole"
    assert house.admin.refusal("POST", path, json=body) == (400, "0x80041d50")
    assert api.refusal("POST", f"roles({house.role})/{CRM}AddPrivilegesRole", json=body) == (403, "0x80040220")
