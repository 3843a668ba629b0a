"""What holds back a record or row outside a filter, in words."""

import pytest

from coupling.filters import Condition, all_of, parse, unmet
from coupling.filters.words import ColumnWords, describe, words_of_columns
from dataverse.types import ColumnInfo

WORDS = {
    "customertypecode": ColumnWords("Relationship Type", {3: "Customer", 5: "Partner"}),
    "statecode": ColumnWords("Status", {0: "Active", 1: "Inactive"}),
    "islicensed": ColumnWords("User Licensed", {0: "No", 1: "Yes"}),
    "blocked": ColumnWords("Blocked"),
}


@pytest.mark.parametrize(
    ("conditions", "row", "words"),
    [
        ([("statecode", "eq", 0)], {"statecode": 0}, ""),
        ([("customertypecode", "eq", 3)], {"customertypecode": 5}, "Relationship Type is Partner (M takes Customer)"),
        ([("customertypecode", "eq", 3)], {}, "Relationship Type is blank (M takes Customer)"),
        ([("customertypecode", "eq", 3)], {"customertypecode": 99}, "Relationship Type is 99 (M takes Customer)"),
        ([("islicensed", "eq", True)], {"islicensed": False}, "User Licensed is No (M takes Yes)"),
        ([("blocked", "eq", None)], {"blocked": "All"}, "Blocked is All (M takes blank)"),
        ([("blocked", "ne", "All")], {"blocked": "All"}, "Blocked is All (M takes all but All)"),
        ([("blocked", "not_in", ["All", None])], {}, "Blocked is blank (M takes all but All or blank)"),
        ([("blocked", "not_blank")], {}, "Blocked is blank (M takes all but blank)"),
        ([("blocked", "blank")], {"blocked": "All"}, "Blocked is All (M takes blank)"),
        ([("blocked", "begins_with", "A")], {"blocked": "X"}, "Blocked is X (M takes what begins with A)"),
        ([("statecode", "ge", 5)], {"statecode": 2}, "Status is 2 (M takes at least 5)"),
        (
            [("customertypecode", "in", [3, None])], {"customertypecode": 5},
            "Relationship Type is Partner (M takes Customer or blank)",
        ),
        (
            [("statecode", "eq", 0), ("customertypecode", "eq", 3)], {"statecode": 1, "customertypecode": 5},
            "Status is Inactive (M takes Active), Relationship Type is Partner (M takes Customer)",
        ),
    ],
)  # fmt: skip
def test_the_conditions_that_are_not_met_are_named_with_the_values(conditions, row, words):
    left = unmet(all_of(*[Condition(*one) for one in conditions]), row.get)
    assert describe(left, row.get, WORDS.__getitem__, "M") == words


def test_without_a_taker_what_the_filter_takes_is_left_out():
    left = unmet(
        all_of(Condition("customertypecode", "eq", 3), Condition("blocked", "eq", None)), {"blocked": "All"}.get
    )
    assert describe(left, {"blocked": "All"}.get, WORDS.__getitem__) == "Relationship Type is blank, Blocked is All"


def test_of_a_group_of_which_one_must_hold_all_values_are_named():
    either = parse({"any": [{"field": "statecode", "op": "eq", "value": 0}, {"field": "blocked", "op": "blank"}]})
    row = {"statecode": 1, "blocked": "All"}
    assert describe(unmet(either, row.get), row.get, WORDS.__getitem__, "M") == (
        "Status is Inactive and Blocked is All (M takes Status is Active or Blocked is blank)"
    )
    assert describe(unmet(either, row.get), row.get, WORDS.__getitem__) == "Status is Inactive and Blocked is All"


def test_columns_go_by_their_label_or_what_dataverse_is_known_to_call_them():
    words = words_of_columns({"statecode": ColumnInfo("statecode", "State", label="Condition", choices={1: "Off"})})
    assert (words("statecode").caption, words("statecode").value(1)) == ("Condition", "Off")
    assert words("customertypecode").caption == "Relationship Type"
    assert words("islicensed").value(False) == "No"


@pytest.mark.parametrize(
    ("choices", "value", "shown"),
    [
        ({}, True, "Yes"), ({}, False, "No"), ({1: "On", 0: "Off"}, True, "On"), ({1: "On", 0: "Off"}, False, "Off"),
        ({}, None, "blank"), ({}, "", "blank"), ({"": "None"}, "", "blank"), ({}, 0, "0"), ({3: "Own"}, 3, "Own"),
    ],
)  # fmt: skip
def test_a_value_is_shown_as_people_call_it(choices, value, shown):
    assert ColumnWords("Anything", choices).value(value) == shown
