"""What holds back a record or row outside a filter, in words; and when it is looked at again."""

from datetime import timedelta

import pytest

from coupling.filters import unmet
from coupling.rows import Condition
from sync.rules.backoff import pause_after
from sync.rules.conditions import ColumnWords, describe
from sync.rules.values import Reference

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
    left = unmet([Condition(*one) for one in conditions], row.get)
    assert describe(left, row.get, WORDS.__getitem__, "M") == words


@pytest.mark.parametrize(
    ("attempts", "hours"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 24), (8, 24), (4000, 24)]
)
def test_what_fails_again_and_again_is_tried_at_growing_intervals_up_to_a_day(attempts, hours):
    assert pause_after(attempts) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "reference", [Reference("currency", code="EUR"), Reference("currency", code="a:b:c"), Reference("item", row_id="x")]
)
def test_a_stored_reference_is_read_back(reference):
    assert Reference.parse(str(reference)) == reference
