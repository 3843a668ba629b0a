"""A rehearsal against the stand-in finds nothing, tells each difference and refusal, and leaves nothing behind."""

import json
import os
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connection_setup.connection import settings as connection_settings
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from connection_setup.rehearsal import services as rehearsal
from connection_setup.rehearsal.shapes import Difference, differences, shape_of
from core.refusals import Refusal
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.test_command import run

KEEP = "KEEP_SHAPES"
"""Set to 1, the shapes that the stand-in gives are kept in expected.json, in place of being compared with it."""


@pytest.fixture
def connection(company: Company, sandbox: Sandbox) -> DataverseConnection:
    company.currency_code = services_currency(sandbox)
    company.save()
    saved = connection_settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    # As of one that is enabled, so that unit and team are asked for as well.
    (team,) = [row for row in sandbox.rows("teams") if row["isdefault"]]
    saved.business_unit_id, saved.owning_team_id = UUID(team["_businessunitid_value"]), UUID(team["teamid"])
    saved.save()
    return saved


def counts(sandbox: Sandbox) -> dict[str, int]:
    kinds = ("accounts", "contacts", "opportunities", "products", "pricelevels", "tandem_companies")
    return {kind: len(sandbox.rows(kind)) for kind in kinds}


def not_as_expected(made: rehearsal.Rehearsal) -> list[tuple[Any, ...]]:
    return [(one.name, one.state, one.message, one.differences) for one in made.lines if one.state != rehearsal.SAME]


def test_a_rehearsal_against_the_stand_in_finds_nothing_and_leaves_nothing(
    connection: DataverseConnection, sandbox: Sandbox
) -> None:
    before = counts(sandbox)
    made = rehearsal.rehearse(connection, write=True)
    if os.environ.get(KEEP) == "1":
        lines = ",\n".join(
            f"{json.dumps(name)}: {json.dumps(one, sort_keys=True)}" for name, one in made.shapes.items()
        )
        rehearsal.EXPECTED.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    assert made.shapes == rehearsal.expected_shapes(), f"it has changed: look at the change, then set {KEEP}=1"
    assert not_as_expected(rehearsal.rehearse(connection, write=True)) == [], "a second one takes up what stayed"
    assert counts(sandbox) == before
    assert all("stays" in one for one in made.left), made.left
    assert sum(row["name"] == "Tandem rehearsal" for row in sandbox.rows("businessunits")) == 1


def test_each_refusal_and_difference_of_an_environment_is_told_without_a_value(
    connection: DataverseConnection, sandbox: Sandbox, capsys: Any, tmp_path: Path
) -> None:
    faults = [
        {"refusal": 22, "path": "EntityDefinitions(*)/Attributes", "times": 1},
        {"refusal": 16, "path": "solutions", "times": 1},
    ]
    sandbox.control("POST", "faults", faults)
    report = tmp_path / "report.md"
    code, said, everything = run(capsys, "rehearse", "--company", connection.company.name, "--out", str(report))
    assert (code, said["ok"], said["write"]) == (1, False, False)
    refused = {one["name"]: one for one in said["lines"] if one["state"] == rehearsal.REFUSED}
    assert "Test Connection: solution" in refused
    assert refused["Test Connection: solution"]["code"] == "0x80040220"
    text = report.read_text()
    assert "## Test Connection: solution: refused" in text
    for secret in (sandbox.client_secret, sandbox.admin_password, sandbox.client_id, sandbox.admin_user):
        assert secret not in text + everything
    assert sandbox.requests()["rows_written"] == 0, "without --write nothing is written"


def test_what_was_written_is_removed_also_when_the_rehearsal_stops(
    connection: DataverseConnection, sandbox: Sandbox
) -> None:
    before = counts(sandbox)
    sandbox.control("POST", "faults", [{"fault": "401", "path": "pricelevels", "method": "POST", "times": 2}])
    with pytest.raises(Exception, match="token"):
        rehearsal.rehearse(connection, write=True)
    assert counts(sandbox) == before


def test_one_error_while_removing_leaves_no_other_row_and_the_next_rehearsal_removes_that_one(
    connection: DataverseConnection, sandbox: Sandbox
) -> None:
    before = counts(sandbox)
    # The second reading is that of the removal: the first one is that before the writes.
    sandbox.control("POST", "faults", [{"refusal": 16, "path": "opportunities", "method": "GET", "after": 3}])
    made = rehearsal.rehearse(connection, write=True)
    after = counts(sandbox)
    assert [one for one in made.left if one.startswith("opportunities")], made.left
    assert {kind: after[kind] - before[kind] for kind in after if after[kind] != before[kind]} == {"opportunities": 1}
    assert not_as_expected(rehearsal.rehearse(connection, write=True)) == []
    assert counts(sandbox) == before


def test_nothing_is_written_into_another_organization(connection: DataverseConnection, sandbox: Sandbox) -> None:
    connection.organization_id = UUID(int=7)
    connection.save()
    with pytest.raises(Refusal) as refused:
        rehearsal.rehearse(connection, write=True)
    assert refused.value.reason == "wrong_environment"
    assert sandbox.requests()["rows_written"] == 0


def test_a_sales_table_that_is_not_there_is_no_difference(
    connection: DataverseConnection, sandbox: Sandbox, capsys: Any
) -> None:
    sandbox.control("POST", "faults", [{"refusal": 8, "path": one, "times": 0} for one in ("products", "uoms")])
    code, said, _ = run(capsys, "rehearse", "--company", connection.company.name)
    absent = {one["name"] for one in said["lines"] if one["state"] == rehearsal.ABSENT}
    assert (code, said["ok"]) == (0, True)
    assert absent == {"A page of products", "Number of products", "A page of uoms", "Number of uoms"}


def test_the_report_of_a_rehearsal_that_stopped_has_what_was_found(
    connection: DataverseConnection, sandbox: Sandbox, capsys: Any, tmp_path: Path
) -> None:
    sandbox.control("POST", "faults", [{"fault": "401", "path": "contacts", "times": 2}])
    report = tmp_path / "report.md"
    code, said, _ = run(capsys, "rehearse", "--company", connection.company.name, "--out", str(report))
    assert (code, "error" in said) == (1, True)
    assert "It stopped before its end" in report.read_text()
    assert "- Who am I" in report.read_text()


def test_a_rehearsal_without_settings_says_what_is_missing(company: Company) -> None:
    with pytest.raises(Refusal) as refused:
        rehearsal.rehearse(state.connection_of(company), write=False)
    assert refused.value.fix


DIFFERENCES: list[tuple[Any, Any, list[Difference]]] = [
    ({"a": 1, "b": "x"}, {"a": 2, "b": "y", "c": True}, []),
    ({"a": 1}, {}, [Difference("a", "number", "missing")]),
    ({"a": 1}, {"a": "1"}, [Difference("a", "number", "text")]),
    ({"a": None}, {}, []),
    ({"a": "text"}, {"a": None}, []),
    ({"v": [{"a": 1}]}, {"v": []}, []),
    ({"v": []}, {"v": [{"a": 1}]}, []),
    ({"v": [{"a": 1}, {"a": "x"}]}, {"v": [{"a": "y"}]}, []),
    ({"v": [{"a": 1}]}, {"v": [{"b": 1}]}, [Difference("v[].a", "number", "missing")]),
    ({"v": [1]}, {"v": 1}, [Difference("v", "a list", "number")]),
    ({"v": {"a": 1}}, {"v": 1}, [Difference("v", "an object", "number")]),
    ({"at": "2024-03-30T23:00:00Z"}, {"at": "2024-03-30"}, [Difference("at", "moment", "day")]),
    ({"id": "627090ff-40a3-4053-8790-584edc5be201"}, {"id": "x"}, [Difference("id", "id", "text")]),
    ({"name": "words"}, {"name": "2024-03-30"}, []),
    ({"@odata.nextLink": "x"}, {}, []),
    ({"b": True}, {"b": 1}, [Difference("b", "yes or no", "number")]),
]


def test_a_difference_is_what_is_missing_or_of_another_kind() -> None:
    for expected, found, told in DIFFERENCES:
        assert list(differences(shape_of(expected), shape_of(found))) == told, (expected, found)


JSON_VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_an_answer_never_differs_from_itself(value: Any) -> None:
    shape = shape_of(value)
    assert list(differences(shape, shape)) == []
    assert json.loads(json.dumps(shape)) == shape


@given(st.text(min_size=6, max_size=20))
def test_no_value_is_in_a_shape(value: str) -> None:
    told = json.dumps(shape_of({"a": [value], "b": {"c": value}}))
    assert told in {json.dumps({"a": [kind], "b": {"c": kind}}) for kind in ("text", "day", "moment", "id")}
