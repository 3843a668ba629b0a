"""Rows that are inactive here are created active, since Dataverse creates no other, and made inactive then."""

from datetime import UTC, datetime
from uuid import uuid4

from core.vocabulary import Direction
from dataverse.types import ColumnInfo
from sync.engine.chunk import NewRemoteRow
from sync.engine.created_state import hold_back, later_changes, not_changed
from sync.engine.pairs import Record
from sync.rules.canonical import FieldSpec, local_reader, remote_reader
from sync.rules.values import LocalColumn

STATE = FieldSpec(
    name="inactive=statecode",
    column=ColumnInfo("statecode", "State", choices={0: "Active", 1: "Inactive"}),
    field=LocalColumn("inactive", "Inactive", "boolean"),
    direction=Direction.TO,
)
HERE, THERE = local_reader(STATE), remote_reader(STATE)


def new_row(**columns: object) -> NewRemoteRow:
    record = Record(uuid4(), "A", "A", datetime.now(UTC), True, {})
    base = {"code=name": "A", STATE.name: HERE(bool(columns.get("statecode")))}
    return NewRemoteRow(uuid4(), {"name": "A", **columns}, record, base)  # type: ignore[arg-type]


def test_the_state_is_held_back_and_both_sides_agree_on_active_until_it_is_sent() -> None:
    row = hold_back({STATE.name: STATE}, new_row(statecode=1, statuscode=2))
    assert row.columns == {"name": "A"}
    assert row.base == {"code=name": "A", STATE.name: THERE(0)}
    assert row.held_back is not None
    assert row.held_back.base == {STATE.name: THERE(1)} == {STATE.name: HERE(True)}
    assert later_changes({}, [(row.id, row.held_back)]) == [(row.id, {"statecode": 1, "statuscode": 2}, "")]
    assert not_changed(row, "No privilege.") == "The row was created, and could not be made inactive: No privilege."


def test_what_is_active_is_created_as_it_is_and_a_tables_rule_holds_for_all() -> None:
    active = hold_back({STATE.name: STATE}, new_row(statecode=0))
    assert (active.columns, active.held_back) == ({"name": "A", "statecode": 0}, None)
    plain = hold_back({}, new_row())
    assert later_changes({}, [(active.id, None), (plain.id, None)]) == []
    assert later_changes({"statecode": 0}, [(plain.id, plain.held_back)]) == [(plain.id, {"statecode": 0}, "")]
    assert "could not be published" in not_changed(plain, "")
