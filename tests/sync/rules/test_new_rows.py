"""Rows made field by field for many records at once: the same as record by record, value by value."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.vocabulary import Direction
from sync.rules.canonical import FieldSpec, local_reader
from sync.rules.new_rows import NewField, NewRow, new_rows
from sync.rules.plan import CannotTransfer, FieldRule, decide_new
from sync.rules.transfer import to_new_row
from sync.rules.values import Problem, Side
from tests.sync.rules.test_transfer import CURRENCIES, TERMS, spec

SPECS: dict[str, FieldSpec] = {
    "short": spec(column_length=3),
    "number": spec("Money", "number", precision=2, decimals=2, minimum=-1, maximum=1000),
    "kind": spec("Picklist", "choice", choices=[("", " "), ("ship", "Ship")], column_choices={10: "Ship"}),
    "flag": spec("Boolean", "boolean"),
    "count": spec("Integer", "integer"),
    "day": spec("DateTime", "date", date_only=True),
    "currency": spec("Lookup", "reference", links=CURRENCIES, binds={"transactioncurrency": "transactioncurrencyid"}),
    "terms": spec("Picklist", "reference", links=TERMS, column_choices={1: "Net", 2: "Two"}),
}
VALUES = st.one_of(
    st.none(),
    st.sampled_from(["", "EUR", "XXX", "NET30", "ship", "x", "abc", " abc ", "abcd", "\u00e9\u0301", "\U0001f600a"]),
    st.booleans(),
    st.integers(-3, 3),
    st.decimals(-5, 2000, places=2),
    st.dates(date(2020, 1, 1), date(2020, 1, 3)),
)
RECORDS = st.lists(st.dictionaries(st.sampled_from(list(SPECS)), VALUES), max_size=6)


def fields(names: list[str]) -> list[NewField]:
    found = []
    for name in names:
        one = SPECS[name]
        assert one.field is not None
        column, field = replace(one.column, name=f"to_{name}"), replace(one.field, name=name)
        own = FieldSpec(name, column, field, Direction.TO, links=one.links)
        found.append(NewField(name, own, local_reader(own)))
    return found


def one_by_one(given_fields: list[NewField], record: dict[str, Any]) -> NewRow:
    values = {one.name: one.read(record.get(one.spec.local_name)) for one in given_fields}
    decided = decide_new([FieldRule(one.name) for one in given_fields], values, side=Side.INTEGRATION)
    if isinstance(decided, CannotTransfer):
        return NewRow(problems=[(name, problem) for name, _, problem in decided.problems])
    row = NewRow(base=dict(decided.values))
    for one in given_fields:
        found = to_new_row(one.spec, decided.values[one.name])
        if isinstance(found, Problem):
            row.problems.append((one.name, found))
        else:
            row.columns |= found
    return NewRow(problems=row.problems) if row.problems else row


@given(st.lists(st.sampled_from(list(SPECS)), unique=True), RECORDS)
def test_many_rows_are_made_as_each_one_alone(names: list[str], records: list[dict[str, Any]]) -> None:
    chosen = fields(names)
    assert new_rows(chosen, records) == [one_by_one(chosen, record) for record in records]


def test_a_record_with_a_problem_leaves_those_beside_it_alone() -> None:
    chosen = fields(["short", "number"])
    first, second, third = new_rows(
        chosen,
        [
            {"short": "abc", "number": Decimal("1.50")},
            {"short": "abcd", "number": "many"},
            {"short": "abcd", "number": Decimal(2000)},
        ],
    )
    assert (first.columns, first.base) == ({"to_short": "abc", "to_number": 1.5}, {"short": "abc", "number": "1.5"})
    assert [(name, problem.reason) for name, problem in second.problems] == [("number", "value_invalid")]
    assert [name for name, _ in third.problems] == ["short", "number"], "what can be read is tried column by column"
    assert not (second.columns or second.base or third.columns or third.base)
