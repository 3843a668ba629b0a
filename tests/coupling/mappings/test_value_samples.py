"""How many values of both sides are filled and the same, by which pairs are proposed and given a second look."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from coupling.mappings.proposals import Why, propose
from coupling.mappings.value_samples import ValueSamples
from tests.coupling.mappings.test_proposals import local, sides, there

NO, NUMBER = local("no", type="code"), there("new_number")


def paired(values: list[Any], others: list[Any], name: str = "x", column: str = "new_x") -> ValueSamples:
    """Return records and rows with the same numbers in another order, and these values."""
    records = [{"no": f"R{at}", name: value} for at, value in enumerate(values)]
    rows = [{"new_number": f" r{at} ", column: value} for at, value in enumerate(others)]
    return ValueSamples(records, rows[::-1]).paired_by(NO, NUMBER)


@pytest.mark.parametrize(
    ("field", "column", "values", "others", "said"),
    [
        (local("x"), there("new_x"), ["Bonn", "Rome ", "", "Ulm"], ["bonn", "ROME", "Ulm", "Ulm"], "100 % of 3 equal"),
        (local("x"), there("new_x"), ["a", "b", "c", "d"], ["a", "x", "y", "z"], "25 % of 4 equal"),
        (local("x", type="number"), there("new_x", type="Money"), [Decimal("12.00"), Decimal("1000"), Decimal("0.5")],
         [12.0, 1000.0, 0.25], "67 % of 3 equal"),
        (local("x", type="boolean"), there("new_x", type="Boolean", choices={0: "No", 1: "Yes"}),
         [True, False, True], [True, False, False], "67 % of 3 equal"),
        (local("x", type="date"), there("new_x", type="DateTime", date_only=True),
         [date(2026, 1, 31), date(2026, 2, 1), None], ["2026-01-31", "2026-02-01", "2026-02-02"], None),
        (local("x", type="datetime"), there("new_x", type="DateTime"),
         [datetime(2026, 1, day, 8, tzinfo=UTC) for day in (1, 2, 3)],
         ["2026-01-01T08:00:00Z", "2026-01-02T08:00:00Z", "2026-01-03T09:00:00Z"], "67 % of 3 equal"),
        (local("x", type="choice", choices=(("S", "Small"), ("L", "Large"))),
         there("new_x", type="Picklist", choices={1: "small", 2: "Large"}), ["S", "L", "L"], [1, 2, 1],
         "67 % of 3 equal"),
        (local("x", type="reference", references="customer"), there("new_x", type="Lookup", binds={"account": "x"}),
         ["1", "2", "3"], ["a", "b", "c"], None),
        (local("x"), there("new_x"), ["a", "b", ""], ["a", "b", "c"], None),
    ],
)  # fmt: skip
def test_values_of_the_same_record_are_compared_as_people_see_them(field, column, values, others, said):
    share = paired(values, others).same(field, column)
    assert (share.text if share is not None else None) == said


def test_without_pairs_it_is_counted_how_many_values_are_there_too():
    samples = ValueSamples([{"x": value} for value in "aabcd"], [{"new_x": value} for value in ("A", "c", "z")])
    share = samples.same(local("x"), there("new_x"))
    assert share is not None and share.text == "2 of 4 values here are there too"
    assert samples.filled("x", "new_y") == "filled 100 % here, 0 % there"
    assert ValueSamples().filled("x", "new_x") == "" and ValueSamples().same(local("x"), there("new_x")) is None
    assert samples.example_there(there("new_x")) == "A" and samples.example_here("y") == ""


def test_a_pair_that_no_name_speaks_for_is_proposed_by_its_values():
    found = sides([NO, local("town")], [NUMBER, there("new_remark"), there("new_other")])
    values = ["Bonn", "Rome", "Ulm", "Bern"]
    samples = paired(values, ["Bonn", "Rome", "Ulm", "x"], "town", "new_remark")
    assert [(one.field.name, one.column.name, one.why) for one in propose(found, samples).pairs][1:] == [
        ("town", "new_remark", Why.VALUES)
    ]
    assert len(propose(found).pairs) == 1
    few = paired(values, ["Bonn", "Rome", "y", "x"], "town", "new_remark")
    assert len(propose(found, few).pairs) == 1
