"""Administrators of each kind may prepare: by the role's template in any language, directly, through teams and groups,
with and without a licence; others are told why not."""

from typing import Any
from uuid import uuid4

import pytest

from connection_setup.provisioning import administrators
from connection_setup.provisioning.administrators import NEEDED_PRIVILEGES, SYSTEM_ADMINISTRATOR, Signed, judge
from dataverse.client import DataverseClient
from dataverse.errors import ConfigurationError
from dataverse.types import UserPassword
from sandbox.testing import Sandbox
from tests.dataverse.test_person_sign_in import credentials_of, environment_of

ROLE = "System Administrator"
HELD = (SYSTEM_ADMINISTRATOR,)
NAME = "anna@contoso.example"

JUDGED: list[tuple[str, Signed, str, str]] = [
    # what they are, Signed, part of the problem ("" where they may), part of the fix or of the note
    ("by the template", Signed(NAME, templates=HELD), "", ""),
    ("without a licence", Signed(NAME, licensed=False, templates=HELD), "", "no licence, which preparing does not"),
    ("a guest without one", Signed("e_x#EXT#@c", licensed=False, templates=HELD), "", "of this environment's tenant"),
    ("administrative", Signed(NAME, access_mode=1, licensed=False, templates=HELD), "", "sees no customers' data"),
    ("every privilege", Signed(NAME, privileges=[one.upper() for one in NEEDED_PRIVILEGES]), "", ""),
    ("one is lacking", Signed(NAME, privileges=NEEDED_PRIVILEGES[1:]), "neither directly nor", "Assign the role"),
    (
        "other roles",
        Signed(NAME, templates=[uuid4()], roles=["Verkauf"]),
        "is not assigned",
        "It has the roles Verkauf.",
    ),
    ("a guest", Signed("e_x.com#EXT#@c", roles=["A"]), "is not assigned", "Roles of a guest count as well"),
    ("nobody", Signed("", found=False), "shows no user for", "may need a minute"),
    ("disabled", Signed(NAME, disabled=True, templates=HELD), "is disabled", "Enable it"),
    ("a partner", Signed("crmoln2@microsoft.com", access_mode=5), "administers from outside", "own tenant"),
    ("support", Signed("CRMOLN@microsoft.com", access_mode=3, templates=HELD), "from outside", "own tenant"),
]


@pytest.mark.parametrize(("signed", "problem", "more"), [row[1:] for row in JUDGED], ids=[row[0] for row in JUDGED])
def test_whether_somebody_may_prepare_is_judged_by_role_and_a_licence_is_a_warning(
    signed: Signed, problem: str, more: str
) -> None:
    verdict = judge(signed)
    assert bool(verdict.problem) is bool(problem)
    assert problem in verdict.problem
    assert more in f"{verdict.fix} {' '.join(verdict.notes)}"
    assert bool(verdict.fix) is bool(problem)


def client_of(sandbox: Sandbox, **about: Any) -> DataverseClient:
    name = f"{uuid4().hex}@tandem-sandbox.example"
    sandbox.control("POST", "people", {"name": name, "password": "word", **about})
    return DataverseClient(environment_of(sandbox), credentials_of(sandbox, UserPassword(name, "word")))


def team(kind: str) -> list[dict[str, Any]]:
    return [{"name": f"Team {kind}", "kind": kind, "roles": [ROLE]}]


def test_administrators_of_each_kind_are_let_in_and_others_told_why(sandbox: Sandbox) -> None:
    sandbox.control("PUT", "tenant", {"role_names": {ROLE: "Systemadministrator", "Basic User": "Standardbenutzer"}})
    for about, state in (
        ({"roles": [ROLE]}, "done"),
        ({"teams": team("owner")}, "done"),
        ({"teams": team("group"), "late": True}, "done"),
        ({"roles": [ROLE], "licensed": False, "access_mode": 1}, "attention"),
    ):
        found = administrators.check_administrator(client_of(sandbox, **about))
        assert found.state == state, about
        assert "is a System Administrator" in found.message
    for about, said in (
        ({"roles": ["Standardbenutzer"]}, "It has the roles Standardbenutzer."),
        ({}, "neither directly nor through a team"),
        ({"access_mode": 5}, "environment's own tenant"),
    ):
        with pytest.raises(ConfigurationError) as refused:
            administrators.check_administrator(client_of(sandbox, **about))
        assert said in refused.value.user_message
    sandbox.control("PUT", "tenant", {"pay_as_you_go": True})
    free = administrators.check_administrator(client_of(sandbox, roles=[ROLE], licensed=False))
    assert "no licence" in free.fix


def test_roles_through_teams_are_found_where_the_one_question_is_not_answered(sandbox: Sandbox) -> None:
    client = client_of(sandbox, teams=team("owner"))
    sandbox.control("POST", "faults", [{"path": "RetrieveAadUserRoles", "refusal": 16, "times": 0}])
    assert administrators.check_administrator(client).state == "done"
    assert "GET teams(id)/teamroles_association" in sandbox.requests()["by"], sandbox.requests()
